/* SPDX-License-Identifier: MIT */
/*
 * stream_peer - a chat client that comes over the messaging library: the third stream (stream.h),
 * between the main thread, which takes what peers send, and the worker that has the client.
 *
 * Model    a session is one client of one peer. Lines that have come wait in it until the worker
 *          reads; lines that the worker writes go to the library at once, one message each. The
 *          descriptor is an eventfd: readable when there is something to read, room to write again
 *          after -EAGAIN, or the end.
 * Receipts what has been acknowledged is counted in messages: the library's ids stand for the bytes
 *          of stream.h.
 * Limits   the library's: unread_bytes_max of messages that wait (they are not done until they
 *          have been read), queue_bytes_max of those that the peer has not acknowledged.
 * Threads  on_..., end: the main thread's; the stream: the worker's. Each has a reference.
 */
#ifndef APO_SERVER_STREAM_PEER_H
#define APO_SERVER_STREAM_PEER_H

#include "conversation/irc/frame.h"
#include "conversation/server/stream.h"
#include "rudp/msg.h"

/* What carries messages: a node of the library, or a mock. Any thread; neither call waits. */
struct apo_carrier {
	/* Returns 0 and the message's id; -EAGAIN: no room now; another negative errno value. */
	int (*send)(void *of, rudpmsg_conn_id conn, const void *bytes, size_t len,
		    rudpmsg_message_id *id);
	void (*done)(void *of, struct rudpmsg_message *message);
	void *of;
};

struct apo_session;

/* One reference. NULL without memory or descriptors. */
struct apo_session *apo_session_new(const struct apo_carrier *carrier, rudpmsg_conn_id conn,
				    uint64_t number, const char *name);
struct apo_session *apo_session_get(struct apo_session *session);
void apo_session_put(struct apo_session *session);

uint64_t apo_session_number(const struct apo_session *session);
const char *apo_session_name(const struct apo_session *session);
/* The worker has closed it. */
bool apo_session_is_closed(const struct apo_session *session);

/* A LINE of it has come: message, whose text is a part of its bytes, is the session's to be done
 * with. */
void apo_session_on_line(struct apo_session *session, const struct rudpmsg_message *message,
			 const struct apo_frame *line);
/* The peer has acknowledged all messages up to this one. */
void apo_session_on_acknowledged(struct apo_session *session, rudpmsg_message_id id);
/* Nothing follows: 0, or a positive errno value that says why. What has come is still read. */
void apo_session_end(struct apo_session *session, int error);

/* Consumes a reference. */
void apo_stream_open_peer(struct apo_stream *stream, struct apo_session *session);

#endif
