/* SPDX-License-Identifier: MIT */
/*
 * tls - streams over TLS 1.2 and later, with OpenSSL.
 *
 * Threads  a context may be shared by all threads. It never changes; a new one replaces it.
 */
#ifndef APO_SERVER_TLS_H
#define APO_SERVER_TLS_H

#include <stddef.h>

#include "conversation/server/stream.h"

typedef struct ssl_ctx_st apo_tls_context; /* OpenSSL's SSL_CTX */

/*
 * Reads the certificate chain and its key (PEM files).
 *
 * Returns  the context, or NULL with a one-line reason in reason.
 */
apo_tls_context *apo_tls_context_new(const char *certificate_file, const char *key_file,
				     char *reason, size_t reason_size);
/* Says whether the time of its certificate has begun, and how long it lasts from now on. Returns
 * false if the certificate has no valid times. */
bool apo_tls_context_validity(const apo_tls_context *context, bool *has_begun, int64_t *left_s);
apo_tls_context *apo_tls_context_get(apo_tls_context *context);
void apo_tls_context_put(apo_tls_context *context);

/*
 * Opens the server side of TLS on a connected non-blocking socket and takes ownership of the
 * socket.
 *
 * Returns  0, or -ENOMEM: the caller still owns the socket.
 */
int apo_stream_open_tls(struct apo_stream *stream, int fd, apo_tls_context *context);

#endif
