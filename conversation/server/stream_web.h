/* SPDX-License-Identifier: MIT */
/*
 * stream_web - a stream (stream.h) to a client over WebSocket, and the answers of a web listener to
 * ordinary HTTP requests.
 *
 * Model    On top of a TCP or TLS stream. greet reads one HTTP request. A WebSocket handshake
 *          completes it; every other request is answered within greet, which then fails with
 *          -ESHUTDOWN. After that read returns each message as a line, and write sends each line as
 *          a message. A violation of the protocol is the error -EBADMSG of read; finish sends its
 *          close code.
 * Limits   http.h, frames.h; output of its own (pongs): APO_WEB_OUTPUT_BYTES_MAX. The time for
 *          greet is the caller's.
 * Memory   idle: one struct of about 100 bytes.
 * Threads  as stream.h.
 */
#ifndef APO_SERVER_STREAM_WEB_H
#define APO_SERVER_STREAM_WEB_H

#include "conversation/model/serializer.h"
#include "conversation/server/config.h"
#include "conversation/server/stream.h"

/* Pongs beyond that are not sent until the peer reads. */
#define APO_WEB_OUTPUT_BYTES_MAX 4096

/*
 * Puts WebSocket on top of the open stream and takes it over. config is used until the handshake is
 * complete, with a reference of its own. refusal: as apo_web_answer.
 *
 * Returns  0, or -ENOMEM: the stream is unchanged.
 */
int apo_stream_open_web(struct apo_stream *stream, struct apo_config *config, const char *refusal);

bool apo_stream_is_web(const struct apo_stream *stream);

/* Everything but the descriptor. When reading, the stream is one of a socket (apo_stream_moved),
 * and becomes one over WebSocket. */
void apo_stream_web_serialize(struct apo_serializer *serializer, struct apo_stream *stream);

#endif
