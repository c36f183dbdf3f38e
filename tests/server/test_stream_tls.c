/* SPDX-License-Identifier: MIT */
/* One read of a TLS stream is bounded, also if the peer sends many short records. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "conversation/server/tls.h"

#define MANY 200

static apo_tls_context *context;
static struct apo_stream stream;
static SSL_CTX *client_context;
static SSL *client;

static void write_key(const EVP_PKEY *key, const char *path)
{
	FILE *file = fopen(path, "we");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(eq(int, PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1));
	fclose(file);
	cr_assert(zero(int, chmod(path, 0600)));
}

static void write_certificate(EVP_PKEY *key, const char *path)
{
	X509 *certificate = X509_new();
	FILE *file = fopen(path, "we");

	cr_assert(ne(ptr, file, NULL));
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	cr_assert(lt(int, 0, X509_sign(certificate, key, EVP_sha256())));
	cr_assert(eq(int, PEM_write_X509(file, certificate), 1));
	fclose(file);
	X509_free(certificate);
}

static void make_context(void)
{
	char directory[] = "/tmp/rudp-test-tls-XXXXXX", key_path[64], certificate_path[64];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char reason[256] = "";

	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(key_path, sizeof key_path, "%s/key", directory);
	snprintf(certificate_path, sizeof certificate_path, "%s/certificate", directory);
	write_key(key, key_path);
	write_certificate(key, certificate_path);
	EVP_PKEY_free(key);
	context = apo_tls_context_new(certificate_path, key_path, reason, sizeof reason);
	cr_assert(ne(ptr, context, NULL), "%s", reason);
	cr_assert(zero(int, unlink(key_path) | unlink(certificate_path) | rmdir(directory)));
}

static void begin_with(const char *ciphers_1_2)
{
	int fds[2], error = -EAGAIN, i;

	make_context();
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds)));
	cr_assert(zero(int, apo_stream_open_tls(&stream, fds[0], context)));
	client_context = SSL_CTX_new(TLS_client_method());
	if (ciphers_1_2) {
		SSL_CTX_set_max_proto_version(client_context, TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(client_context, ciphers_1_2);
	}
	client = SSL_new(client_context);
	SSL_set_fd(client, fds[1]);
	for (i = 0; i < 10 && error != 0; i++) {
		(void)SSL_connect(client);
		error = stream.ops->greet(&stream);
	}
	cr_assert(zero(int, error));
}

static void begin(void)
{
	begin_with(NULL);
}

static void begin_1_2(void)
{
	begin_with("ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void end(void)
{
	int fd = SSL_get_fd(client);

	stream.ops->close(&stream);
	SSL_free(client);
	close(fd);
	SSL_CTX_free(client_context);
	apo_tls_context_put(context);
}

TestSuite(stream_tls, .init = begin, .fini = end);

static int unread_bytes(void)
{
	int bytes = -1;

	cr_assert(zero(int, ioctl(stream.fd, FIONREAD, &bytes)));
	return bytes;
}

/* Reads while the descriptor is readable. Returns the bytes. */
static size_t read_the_rest(char *bytes, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (unread_bytes() > 0) {
		n = stream.ops->read(&stream, bytes + got, size - got);
		cr_assert(n > 0 || n == -EAGAIN);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

Test(stream_tls, a_read_takes_a_part_of_many_short_records)
{
	char bytes[4 * MANY];
	ssize_t n;

	for (int i = 0; i < MANY; i++)
		cr_assert(eq(int, SSL_write(client, "x", 1), 1));
	n = stream.ops->read(&stream, bytes, sizeof bytes);
	cr_assert(n > 0 && n < MANY);
	cr_assert(eq(sz, (size_t)n + read_the_rest(bytes, sizeof bytes), MANY));
}

Test(stream_tls, a_read_takes_a_part_of_many_key_updates)
{
	char bytes[16];

	for (int i = 0; i < MANY; i++) {
		cr_assert(eq(int, SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED), 1));
		cr_assert(eq(int, SSL_do_handshake(client), 1));
	}
	cr_assert(eq(int, SSL_write(client, "x", 1), 1));
	cr_assert(eq(int, (int)stream.ops->read(&stream, bytes, sizeof bytes), -EAGAIN));
	cr_assert(lt(int, 0, unread_bytes()));
	cr_assert(eq(sz, read_the_rest(bytes, sizeof bytes), 1));
	cr_assert(eq(chr, bytes[0], 'x'));
	cr_assert(eq(u32, stream.empty_records, MANY));
}

/* A record is read as a whole: the rest of it would stay inside OpenSSL. */
Test(stream_tls, a_long_record_is_read_as_a_whole)
{
	static char sent[12000], bytes[2 * sizeof sent];

	cr_assert(eq(int, SSL_write(client, sent, sizeof sent), (int)sizeof sent));
	cr_assert(eq(sz, read_the_rest(bytes, sizeof bytes), sizeof sent));
}

/* ---- TLS 1.2 ---- */

#define GCM_KEY_BYTES 16
#define GCM_NONCE_BYTES 8 /* of a record; the first 4 bytes of the IV are fixed */
#define GCM_TAG_BYTES 16

/* The keys of the client's records: key, then the server's, then the fixed part of the IV. */
static void derive_keys(uint8_t *keys, size_t size)
{
	uint8_t master[48], randoms[64];
	char label[] = "key expansion", digest[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *derivation = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
			       OSSL_PARAM_construct_octet_string("secret", master, sizeof master),
			       OSSL_PARAM_construct_octet_string("seed", label, sizeof label - 1),
			       OSSL_PARAM_construct_octet_string("seed", randoms, sizeof randoms),
			       OSSL_PARAM_construct_end()};

	SSL_SESSION_get_master_key(SSL_get_session(client), master, sizeof master);
	SSL_get_server_random(client, randoms, 32);
	SSL_get_client_random(client, randoms + 32, 32);
	cr_assert(eq(int, EVP_KDF_derive(derivation, keys, size, params), 1));
	EVP_KDF_CTX_free(derivation);
	EVP_KDF_free(kdf);
}

/* Writes a record as the client's library would, with a ClientHello that has only its header. */
static void write_hello(const uint8_t *keys, uint8_t number)
{
	static const uint8_t hello[4] = {1};
	uint8_t record[5 + GCM_NONCE_BYTES + sizeof hello + GCM_TAG_BYTES] = {22, 3, 3, 0,
									      sizeof record - 5};
	uint8_t header[13] = {[7] = number, 22, 3, 3, 0, sizeof hello}, iv[12];
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int len;

	record[5 + GCM_NONCE_BYTES - 1] = number;
	memcpy(iv, keys + (size_t)2 * GCM_KEY_BYTES, 4);
	memcpy(iv + 4, record + 5, GCM_NONCE_BYTES);
	EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, keys, iv);
	EVP_EncryptUpdate(cipher, NULL, &len, header, sizeof header);
	EVP_EncryptUpdate(cipher, record + 5 + GCM_NONCE_BYTES, &len, hello, sizeof hello);
	EVP_EncryptFinal_ex(cipher, NULL, &len);
	EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, GCM_TAG_BYTES,
			    record + sizeof record - GCM_TAG_BYTES);
	EVP_CIPHER_CTX_free(cipher);
	cr_assert(
		eq(int, (int)write(SSL_get_fd(client), record, sizeof record), (int)sizeof record));
}

TestSuite(stream_tls_1_2, .init = begin_1_2, .fini = end);

/* OpenSSL answers each with an alert. */
Test(stream_tls_1_2, a_read_takes_a_part_of_many_attempts_to_renegotiate)
{
	uint8_t keys[2 * GCM_KEY_BYTES + 4];
	char bytes[16];

	derive_keys(keys, sizeof keys);
	for (uint8_t i = 1; i <= MANY; i++) /* the client's Finished was record 0 */
		write_hello(keys, i);
	cr_assert(eq(int, (int)stream.ops->read(&stream, bytes, sizeof bytes), -EAGAIN));
	cr_assert(lt(int, 0, unread_bytes()));
	cr_assert(zero(sz, read_the_rest(bytes, sizeof bytes)));
	cr_assert(eq(u32, stream.empty_records, MANY));
}
