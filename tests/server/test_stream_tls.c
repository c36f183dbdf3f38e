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

static void begin(void)
{
	int fds[2], error = -EAGAIN, i;

	make_context();
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds)));
	cr_assert(zero(int, apo_stream_open_tls(&stream, fds[0], context)));
	client_context = SSL_CTX_new(TLS_client_method());
	client = SSL_new(client_context);
	SSL_set_fd(client, fds[1]);
	for (i = 0; i < 10 && error != 0; i++) {
		(void)SSL_connect(client);
		error = stream.ops->greet(&stream);
	}
	cr_assert(zero(int, error));
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
}

/* A record is read as a whole: the rest of it would stay inside OpenSSL. */
Test(stream_tls, a_long_record_is_read_as_a_whole)
{
	static char sent[12000], bytes[2 * sizeof sent];

	cr_assert(eq(int, SSL_write(client, sent, sizeof sent), (int)sizeof sent));
	cr_assert(eq(sz, read_the_rest(bytes, sizeof bytes), sizeof sent));
}
