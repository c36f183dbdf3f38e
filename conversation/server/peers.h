/* SPDX-License-Identifier: MIT */
/*
 * peers - chat clients over the messaging library: finds the session of each message
 * (docs/conversation.md, "Lines in messages").
 *
 * Model    A peer is a name that has a connection of the library with this server. It has at most
 *          one session. Events come in (a link is up, a message has come, the connection has gone);
 *          sessions are opened at the acceptor and ended. A link may break and come back: that does
 *          not affect the session.
 * Limits   config->peers_max connections (enforced by the library); each may send as many OPENs in
 *          config->connects_ns as an address may connect.
 * Threads  the main thread. It has no clock and no node; messaging_node.h has those.
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
	/* Admits a session and takes a reference to it. Returns NULL, or the reason to refuse it.
	 * Set by the owner. */
	const char *(*admit)(void *of, struct apo_session *session);
	void *of;
	const struct apo_config *config;
	uint64_t epoch;
	struct apo_guest *table; /* by connection */
	struct rudp_list queued; /* guests whose session waits for the end of their previous one */
	struct {
#define APO_PEERS_COUNTER(name, help) uint64_t name;
		APO_PEERS_COUNTERS(APO_PEERS_COUNTER)
#undef APO_PEERS_COUNTER
	} counters;
};

/* carrier and config must outlive peers. epoch must differ between runs of the server. Counters
 * keep their values. */
void apo_peers_init(struct apo_peers *peers, const struct apo_carrier *carrier,
		    const struct apo_config *config, uint64_t epoch);
/* From then on only the workers use the sessions. */
void apo_peers_fini(struct apo_peers *peers);

/* A link of this connection is up: greets the peer. */
void apo_peers_on_connected(struct apo_peers *peers, rudpmsg_conn_id conn, const char *name);
/* Takes ownership of the message. name is needed for a peer whose message comes before the event of
 * its link. */
void apo_peers_on_message(struct apo_peers *peers, struct rudpmsg_message *message,
			  const char *name, int64_t now_at_ns);
void apo_peers_on_acknowledged(struct apo_peers *peers, rudpmsg_conn_id conn,
			       rudpmsg_message_id id);
/* A worker has closed a session; the next session of that peer may wait for it. */
void apo_peers_on_closed(struct apo_peers *peers);

/* Counters, for a hand-over. Reading comes before apo_peers_init. */
void apo_peers_serialize(struct apo_serializer *serializer, struct apo_peers *peers);

/* The connection has gone for good; error: 0, or a positive errno value as the reason. */
void apo_peers_on_gone(struct apo_peers *peers, rudpmsg_conn_id conn, int error);

#endif
