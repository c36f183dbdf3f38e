/* SPDX-License-Identifier: MIT */
/*
 * stream_peer - a stream (stream.h) to a chat client over the messaging library. It connects the
 * main thread, which takes the peers' messages, with the client's worker.
 *
 * Model    A session is one client of one peer. Lines that have come wait in it until the worker
 *          reads them. Lines that the worker writes go to the library at once, one message each.
 *          The descriptor is an eventfd: readable if there is something to read, if there is room
 *          to write again after -EAGAIN, or at the end.
 * Receipts Acknowledged data is counted in messages: ids of the library take the place of the bytes
 * of
 *          stream.h.
 * Limits   the library's: unread_bytes_max of waiting messages (a message is done when it has been
 *          read), queue_bytes_max of messages that the peer has not acknowledged.
 * Threads  on_..., end: the main thread; the stream: the worker. Each has a reference.
 */
#ifndef APO_SERVER_STREAM_PEER_H
#define APO_SERVER_STREAM_PEER_H

#include "conversation/irc/frame.h"
#include "conversation/server/stream.h"
#include "rudp/msg.h"

/* The transport of messages: a node of the library, or a mock. Both calls may come from any thread
 * and do not block. */
struct apo_carrier {
	/* Returns 0 and the message's id; -EAGAIN: no room now; another negative errno value. */
	int (*send)(void *of, rudpmsg_conn_id conn, const void *bytes, size_t len,
		    rudpmsg_message_id *id);
	void (*done)(void *of, struct rudpmsg_message *message);
	/* The key that the peer's name is bound to. Returns 0, or a negative errno value: none. */
	int (*key)(void *of, rudpmsg_conn_id conn, uint8_t key[RUDPMSG_KEY_BYTES]);
	void *of;
};

struct apo_session;

/* Returns a session with one reference. NULL if memory or descriptors are short. */
struct apo_session *apo_session_new(const struct apo_carrier *carrier, rudpmsg_conn_id conn,
				    uint64_t number, const char *name);
struct apo_session *apo_session_get(struct apo_session *session);
void apo_session_put(struct apo_session *session);

uint64_t apo_session_number(const struct apo_session *session);
const char *apo_session_name(const struct apo_session *session);
/* True if the worker has closed the session. */
bool apo_session_is_closed(const struct apo_session *session);

/* The frame LINE has come. The session takes ownership of message; the text of line points into
 * it. */
void apo_session_on_line(struct apo_session *session, const struct rudpmsg_message *message,
			 const struct apo_frame *line);
/* The peer has acknowledged all messages up to this one. */
void apo_session_on_acknowledged(struct apo_session *session, rudpmsg_message_id id);
/* Nothing follows; error: 0, or a positive errno value as the reason. Lines that have come are
 * still read. */
void apo_session_end(struct apo_session *session, int error);

/* Opens the stream; consumes a reference. */
void apo_stream_open_peer(struct apo_stream *stream, struct apo_session *session);

#endif
