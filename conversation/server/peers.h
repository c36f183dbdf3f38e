/* SPDX-License-Identifier: MIT */
/*
 * peers - chat clients that come over the messaging library: which session of which peer a message
 * belongs to (docs/conversation.md, "Lines in messages").
 *
 * Model    a peer is a name that has a connection of the library with us; it has one session at
 *          most. Facts come in (a link stands, a message has come, the connection is gone), and
 *          sessions are opened at the acceptor and ended. Links may break and come back meanwhile: that
 *          is none of a session's business.
 * Limits   config->peers_max connections (the library's limit); of each one, as many OPENs in
 *          config->connects_ns as an address may connect.
 * Threads  the main thread's. No clock, no node of its own: messaging_node.h has those.
 */
#ifndef APO_SERVER_PEERS_H
#define APO_SERVER_PEERS_H

#include "base/list.h"
#include "conversation/server/config.h"
#include "conversation/server/stream_peer.h"

struct apo_serializer;

#define APO_PEERS_COUNTERS(X)                                                                      \
	X(opened, "sessions that peers have opened")                                               \
	X(refused, "sessions that peers were refused")                                             \
	X(replaced, "sessions that ended because their peer opened another")                       \
	X(gone, "sessions that ended because their peer was away too long, or left")               \
	X(stale, "lines of sessions that were over")                                               \
	X(malformed, "messages that were no frames")

struct apo_peers {
	const struct apo_carrier *carrier;
	/* Lets a session in, and takes a reference of it then. NULL, or why not. The owner's to
	 * set. */
	const char *(*admit)(void *of, struct apo_session *session);
	void *of;
	const struct apo_config *config;
	uint64_t epoch;
	struct apo_guest *table;  /* by connection */
	struct rudp_list in_turn; /* guests whose session waits for the end of the one before */
	struct {
#define APO_PEERS_COUNTER(name, help) uint64_t name;
		APO_PEERS_COUNTERS(APO_PEERS_COUNTER)
#undef APO_PEERS_COUNTER
	} counters;
};

/* carrier and config must stay. Runs of the server must have different epochs. What has been counted
 * stays. */
void apo_peers_init(struct apo_peers *peers, const struct apo_carrier *carrier,
		    const struct apo_config *config, uint64_t epoch);
/* Sessions are their workers' alone then. */
void apo_peers_fini(struct apo_peers *peers);

/* A link of this connection stands: the peer is greeted. */
void apo_peers_on_connected(struct apo_peers *peers, rudpmsg_conn_id conn, const char *name);
/* Takes over the message: done with here, or by the session. name is asked for by who has come
 * before we were told of the link. */
void apo_peers_on_message(struct apo_peers *peers, struct rudpmsg_message *message,
			  const char *name, int64_t now_at_ns);
void apo_peers_on_acknowledged(struct apo_peers *peers, rudpmsg_conn_id conn,
			       rudpmsg_message_id id);
/* A worker has closed a session: another may have waited for that. */
void apo_peers_on_closed(struct apo_peers *peers);

/* Counters, from one process to another. Read: before apo_peers_init there. */
void apo_peers_serialize(struct apo_serializer *serializer, struct apo_peers *peers);

/* The connection is gone for good; error is why, 0 or a positive errno value. */
void apo_peers_on_gone(struct apo_peers *peers, rudpmsg_conn_id conn, int error);

#endif
