/* SPDX-License-Identifier: MIT */
/*
 * stream - the transport of a connection, as the worker uses it: reading, writing, the peer's
 * identity, and how much the peer has acknowledged. Implementations: TCP socket, TLS, the messaging
 * library (stream_peer.h), WebSocket on top of one of the first two (stream_web.h); tests have
 * others.
 *
 * Returns  0 or more, or a negative errno value; -EAGAIN: try again when the descriptor is
 *          readable, or writable if wants_out is set.
 * Threads  one owner at a time.
 */
#ifndef APO_SERVER_STREAM_H
#define APO_SERVER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conversation/irc/fingerprint.h"

struct apo_stream {
	const struct apo_stream_ops *ops;
	void *of; /* of the implementation */
	int fd;
	bool wants_out; /* the last -EAGAIN of greet or read needs the descriptor to be writable */
	bool wants_in;  /* the last -EAGAIN of write needs the descriptor to be readable */
	/* Used by streams that encode their bytes (stream_web.h). */
	bool has_output; /* bytes wait to be written although no write is pending: call write, also
			     * with length 0 */
	bool has_input;  /* there may be more to read without an event of the descriptor */
	/* The number of records read that had no bytes for the owner, such as key updates. The
	 * owner sets it to 0. */
	uint32_t empty_records;
	bool is_going_away; /* set before finish: the server, not the client, is the reason */
};

struct apo_stream_ops {
	bool is_secret; /* encrypted */
	bool can_move;  /* its whole state is the descriptor and the argument of apo_stream_moved */
	/* Continues the handshake; 0: it is complete. */
	int (*greet)(struct apo_stream *stream);
	/* Returns 0 at the end of the stream, and -EBADMSG if the peer has violated the protocol of
	 * the stream: violation then tells how, and the peer can still be told. */
	ssize_t (*read)(struct apo_stream *stream, void *bytes, size_t size);
	/* May write a part; the rest may then come from another buffer. */
	ssize_t (*write)(struct apo_stream *stream, const void *bytes, size_t length);
	/* The number of bytes that a write has encoded although it returned -EAGAIN: the next write
	 * must begin with these bytes. NULL: none. */
	size_t (*claimed_bytes)(const struct apo_stream *stream);
	const char *(*violation)(const struct apo_stream *stream);
	/* Tells the peer that nothing follows; reading continues. */
	void (*finish)(struct apo_stream *stream);
	void (*close)(struct apo_stream *stream);
	/* All bytes given to the transport so far, with the transport's own overhead; in the
	 * transport's unit, like the next. */
	uint64_t (*sent_bytes)(const struct apo_stream *stream);
	/* The part of them that the peer's transport has not acknowledged. */
	uint64_t (*unacknowledged_bytes)(const struct apo_stream *stream);
	/* The fingerprint of the peer's key: of its certificate, or of its rudp identity; false: it
	 * has proven none. NULL: the transport has no keys. */
	bool (*fingerprint)(const struct apo_stream *stream, char text[APO_FINGERPRINT_SIZE]);
	/* The peer's name, for transports whose peers have a lasting name in place of an address
	 * and whose broken links come back; NULL for other transports. */
	const char *(*peer_name)(const struct apo_stream *stream);
};

/* Opens a stream on a connected non-blocking socket and takes ownership of it. */
void apo_stream_open_line(struct apo_stream *stream, int fd);

/* The same for a socket of the previous process (can_move), which had given sent_bytes to the
 * transport. */
void apo_stream_moved(struct apo_stream *stream, int fd, uint64_t sent_bytes);

/* unacknowledged_bytes of transports that are one socket: SIOCOUTQ; 0 if the kernel cannot tell. */
uint64_t apo_stream_unacknowledged_in_socket(const struct apo_stream *stream);

#endif
