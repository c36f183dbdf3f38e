/* SPDX-License-Identifier: MIT */
/*
 * tls - streams over TLS 1.2 and later, by OpenSSL.
 *
 * Threads  a context may be used by all of them and is replaced, never changed.
 */
#ifndef APO_SERVER_TLS_H
#define APO_SERVER_TLS_H

#include <stddef.h>

#include "conversation/server/stream.h"

typedef struct ssl_ctx_st apo_tls_context; /* OpenSSL's SSL_CTX */

/*
 * Reads the certificate chain and its key (PEM files).
 *
 * Returns  the context, or NULL with the reason in reason, as a line without its end.
 */
apo_tls_context *apo_tls_context_new(const char *certificate_file, const char *key_file,
				     char *reason, size_t reason_size);
apo_tls_context *apo_tls_context_get(apo_tls_context *context);
void apo_tls_context_put(apo_tls_context *context);

/*
 * The server's side of TLS on a connected non-blocking socket, which is the stream's from now on.
 *
 * Returns  0 or -ENOMEM: then the socket is still the caller's.
 */
int apo_stream_open_tls(struct apo_stream *stream, int fd, apo_tls_context *context);

#endif
