/* SPDX-License-Identifier: MIT */
/*
 * stream - what a connection is made of, as its consumer (the worker) wants it: bytes in, bytes
 * out, who is there, and what of it the other side has. A line socket, TLS and the messaging library
 * (stream_peer.h) are implementations here, tests bring others.
 *
 * Returns  0 or more, or a negative errno value; -EAGAIN: later, when the descriptor is readable,
 *          or writable if wants_out says so.
 * Threads  one owner at a time.
 */
#ifndef APO_SERVER_STREAM_H
#define APO_SERVER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define APO_FINGERPRINT_SIZE 65 /* SHA-256 in hexadecimal digits and a 0 */

struct apo_stream {
	const struct apo_stream_ops *ops;
	void *of; /* the implementation's */
	int fd;
	bool wants_out; /* the last -EAGAIN of greet or read waits for room to write */
	bool wants_in;  /* the last -EAGAIN of write waits for something to read */
};

struct apo_stream_ops {
	const char *name;
	bool is_secret; /* nobody on the way can read it */
	bool can_move;  /* all there is of it is the descriptor, and what apo_stream_moved is told */
	/* What must be done before anything can be read or written; 0: it is. */
	int (*greet)(struct apo_stream *stream);
	/* 0: the end. */
	ssize_t (*read)(struct apo_stream *stream, void *bytes, size_t size);
	/* May take a part; the rest may come from another place of memory the next time. */
	ssize_t (*write)(struct apo_stream *stream, const void *bytes, size_t length);
	/* Tells the other side that nothing follows; reading goes on. */
	void (*finish)(struct apo_stream *stream);
	void (*close)(struct apo_stream *stream);
	/* All that was given to the transport so far, what the transport added with it; in whatever
	 * the transport counts, as the next. */
	uint64_t (*sent_bytes)(const struct apo_stream *stream);
	/* What of that the other side's transport has not acknowledged. */
	uint64_t (*unacknowledged_bytes)(const struct apo_stream *stream);
	/* The fingerprint of the other side's certificate; false: it has shown none. */
	bool (*fingerprint)(const struct apo_stream *stream, char text[APO_FINGERPRINT_SIZE]);
	/* Of a client that has a lasting name in place of an address, and whose transport comes
	 * back when it breaks; NULL: of one that has not. */
	const char *(*peer_name)(const struct apo_stream *stream);
};

/* A connected non-blocking stream socket, which is the stream's from now on. */
void apo_stream_open_line(struct apo_stream *stream, int fd);

/* The same for one that another process has had (can_move), which had given so many bytes to the
 * transport. */
void apo_stream_moved(struct apo_stream *stream, int fd, uint64_t sent_bytes);

/* The bytes that the transport of a socket has not got acknowledged: SIOCOUTQ, 0 where the kernel
 * does not know. */
uint64_t apo_socket_unacknowledged_bytes(int fd);

#endif
