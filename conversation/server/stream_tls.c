/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "conversation/server/tls.h"

#define RECORDS_AT_ONCE 64 /* so that many short records delay other connections little */

/* ---- contexts ---- */

/* Any client certificate is accepted, signed or not: it serves only to show its fingerprint. */
static int accept_any_certificate(int is_fine, X509_STORE_CTX *store)
{
	(void)is_fine;
	(void)store;
	return 1;
}

/* OpenSSL would ask for a passphrase at the terminal and block the server. */
static int refuse_passphrase(char *to, int size, int is_for_writing, void *of)
{
	(void)to;
	(void)size;
	(void)is_for_writing;
	(void)of;
	ERR_raise(ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ);
	return -1;
}

/* NULL: unknown. */
static const char *words_of(unsigned long code)
{
	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ)
		return "has a passphrase, which a server cannot ask for";
	return code ? ERR_reason_error_string(code) : NULL;
}

static void describe_error(const char *what, const char *file, char *reason, size_t size)
{
	/* The first error is the cause; later ones follow from it. */
	const char *text = words_of(ERR_peek_error());

	snprintf(reason, size, "%s %s: %s", what, file, text ? text : "cannot be used");
	ERR_clear_error();
}

/* A reader of the key can pose as the server. A group may read it, as ssl-cert does in Debian. */
static bool is_private(const char *key_file, char *reason, size_t reason_size)
{
	struct stat there;

	if (stat(key_file, &there) < 0 || !(there.st_mode & (S_IRWXO | S_IWGRP)))
		return true; /* OpenSSL says why a file cannot be read */
	snprintf(reason, reason_size,
		 "key %s: other users may read or write it (mode %03o; chmod 600 mends that)",
		 key_file, (unsigned)there.st_mode & 0777);
	return false;
}

/* Key updates, attempts to renegotiate, warnings. */
static void count_empty_record(int is_written, int version, int type, const void *bytes, size_t len,
			       SSL *ssl, void *of)
{
	struct apo_stream *stream = of;

	(void)version;
	(void)bytes;
	(void)len;
	(void)ssl;
	if (stream && !is_written && (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT))
		stream->empty_records++;
}

apo_tls_context *apo_tls_context_new(const char *certificate_file, const char *key_file,
				     char *reason, size_t reason_size)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	ERR_clear_error();
	if (!context) {
		describe_error("TLS", "context", reason, reason_size);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	/* Some clients close without close_notify. That is no attack here: truncation is visible,
	 * since each line has an end. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	/* Otherwise one read continues as long as the peer sends key updates. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_msg_callback(context, count_empty_record);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any_certificate);
	SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"apollonion", 10);
	if (!is_private(key_file, reason, reason_size)) {
		SSL_CTX_free(context);
		return NULL;
	}
	if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1)
		describe_error("certificate", certificate_file, reason, reason_size);
	else if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
		describe_error("key", key_file, reason, reason_size);
	else if (SSL_CTX_check_private_key(context) != 1)
		describe_error("key of another certificate:", key_file, reason, reason_size);
	else
		return context;
	SSL_CTX_free(context);
	return NULL;
}

/* The seconds from now until then. Returns false if then is no valid time. */
static bool seconds_until(const ASN1_TIME *then, int64_t *left_s)
{
	int days = 0, seconds = 0;

	if (!then || ASN1_TIME_diff(&days, &seconds, NULL, then) != 1)
		return false;
	*left_s = (int64_t)days * 24 * 3600 + seconds;
	return true;
}

bool apo_tls_context_validity(const apo_tls_context *context, bool *has_begun, int64_t *left_s)
{
	const X509 *certificate = SSL_CTX_get0_certificate(context);
	int64_t begins_s;

	if (!certificate || !seconds_until(X509_get0_notBefore(certificate), &begins_s) ||
	    !seconds_until(X509_get0_notAfter(certificate), left_s))
		return false;
	*has_begun = begins_s <= 0;
	return true;
}

apo_tls_context *apo_tls_context_get(apo_tls_context *context)
{
	SSL_CTX_up_ref(context);
	return context;
}

void apo_tls_context_put(apo_tls_context *context)
{
	SSL_CTX_free(context);
}

/* ---- streams ---- */

/* Converts the result of an OpenSSL call that has not succeeded. */
static int verdict(struct apo_stream *stream, int result, bool is_writing)
{
	int error = errno, what = SSL_get_error(stream->of, result);

	ERR_clear_error();
	stream->wants_out = what == SSL_ERROR_WANT_WRITE && !is_writing;
	stream->wants_in = what == SSL_ERROR_WANT_READ && is_writing;
	switch (what) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return is_writing ? -EPIPE : 0;
	case SSL_ERROR_SYSCALL:
		return error ? -error : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

static int tls_greet(struct apo_stream *stream)
{
	int result, error;

	ERR_clear_error();
	result = SSL_accept(stream->of);
	if (result == 1)
		return 0;
	error = verdict(stream, result, false);
	return error ? error : -ECONNRESET;
}

/* Whole records: what is left of one inside OpenSSL would not make the descriptor readable. */
static ssize_t tls_read(struct apo_stream *stream, void *bytes, size_t size)
{
	size_t n = 0;
	int result, why, records = 0;

	SSL_set_msg_callback_arg(stream->of, stream);
	do {
		ERR_clear_error();
		result = SSL_read(stream->of, (char *)bytes + n,
				  size - n > INT_MAX ? INT_MAX : (int)(size - n));
		if (result <= 0)
			break;
		n += (size_t)result;
	} while (n < size && (++records < RECORDS_AT_ONCE || SSL_pending(stream->of) > 0));
	if (result > 0)
		return (ssize_t)n;
	why = verdict(stream, result, false);
	return n > 0 ? (ssize_t)n : why;
}

static ssize_t tls_write(struct apo_stream *stream, const void *bytes, size_t length)
{
	int result;

	ERR_clear_error();
	result = SSL_write(stream->of, bytes, length > INT_MAX ? INT_MAX : (int)length);
	return result > 0 ? result : verdict(stream, result, true);
}

static void tls_finish(struct apo_stream *stream)
{
	ERR_clear_error();
	(void)SSL_shutdown(stream->of);
	ERR_clear_error();
}

static void tls_close(struct apo_stream *stream)
{
	SSL_free(stream->of);
	close(stream->fd);
	stream->of = NULL;
	stream->fd = -1;
}

static uint64_t tls_sent_bytes(const struct apo_stream *stream)
{
	return BIO_number_written(SSL_get_wbio(stream->of));
}

static bool tls_fingerprint(const struct apo_stream *stream, char text[APO_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	X509 *certificate = SSL_get0_peer_certificate(stream->of);
	unsigned length = 0;

	if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
		return false;
	sodium_bin2hex(text, APO_FINGERPRINT_SIZE, digest, length);
	return true;
}

static const struct apo_stream_ops tls_ops = {
	.is_secret = true,
	.greet = tls_greet,
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.close = tls_close,
	.sent_bytes = tls_sent_bytes,
	.unacknowledged_bytes = apo_stream_unacknowledged_in_socket,
	.fingerprint = tls_fingerprint,
};

int apo_stream_open_tls(struct apo_stream *stream, int fd, apo_tls_context *context)
{
	SSL *ssl = SSL_new(context);

	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return -ENOMEM;
	}
	*stream = (struct apo_stream){.ops = &tls_ops, .fd = fd, .of = ssl};
	return 0;
}
