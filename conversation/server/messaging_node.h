/* SPDX-License-Identifier: MIT */
/*
 * messaging_node - the server's node of the messaging library.
 *
 * Model    Off unless the configuration has a port for it. When the node's descriptor is readable,
 *          the main thread takes all messages and passes them to their sessions (peers.h). Workers
 *          write to their sessions directly. The library gives up a peer that has no link for
 *          config->peers_away_ns.
 * Threads  the main thread.
 */
#ifndef APO_SERVER_MESSAGING_NODE_H
#define APO_SERVER_MESSAGING_NODE_H

#include "conversation/server/peers.h"
#include "conversation/server/source.h"

struct apo_messaging_node {
	struct apo_event_source source; /* fd -1: off */
	struct rudpmsg_node *node;
	struct apo_carrier carrier;
	struct apo_peers peers;
	bool may_wait; /* a port in use will be free soon: try again */
	bool has_more; /* not all messages have been taken: take another turn at once */
};

/*
 * Listens, if the configuration wants it: admit and of are those of peers.h. config must outlive
 * the node.
 *
 * Returns  0, also if the node is off; else a negative errno value, with the reason in the log.
 */
int apo_messaging_node_open(struct apo_messaging_node *messaging_node,
			    const struct apo_config *config,
			    const char *(*admit)(void *of, struct apo_session *session), void *of);
/* The descriptor is readable, or has_more is set. */
void apo_messaging_node_on_readable(struct apo_messaging_node *messaging_node, int64_t now_at_ns);
/* A worker has closed a client. */
void apo_messaging_node_on_closed(struct apo_messaging_node *messaging_node);
/* All streams have been closed: waits until the peers have received what was written, or until the
 * deadline. */
void apo_messaging_node_close(struct apo_messaging_node *messaging_node, int64_t deadline_at_ns);

#endif
