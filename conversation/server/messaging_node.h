/* SPDX-License-Identifier: MIT */
/*
 * messaging_node - the server's node of the messaging library, and what comes over it.
 *
 * Model    off unless the configuration has a port for it. All that comes is taken by the main
 *          thread, when the node's descriptor is readable, and goes to its session (peers.h);
 *          workers write to their sessions by themselves. A peer that is without a link for
 *          config->peers_away_ns is given up by the library.
 * Threads  the main thread's.
 */
#ifndef APO_SERVER_MESSAGING_NODE_H
#define APO_SERVER_MESSAGING_NODE_H

#include "conversation/server/peers.h"
#include "conversation/server/source.h"

struct apo_messaging_node {
	struct apo_event_source source; /* fd -1: there is none */
	struct rudpmsg_node *node;
	struct apo_carrier carrier;
	struct apo_peers peers;
	bool may_wait; /* a port that is in use will be free soon, and is asked for again */
	bool has_more; /* what has come has not been taken entirely: another turn, at once */
};

/*
 * Listens, if it is wanted: admit and of are those of peers.h. config must stay.
 *
 * Returns  0, also when it is not wanted; else a negative errno value, and what could not be done
 *          is in the log.
 */
int apo_messaging_node_open(struct apo_messaging_node *messaging_node,
			    const struct apo_config *config,
			    const char *(*admit)(void *of, struct apo_session *session), void *of);
/* The configuration has been read anew: limits of peers that can change. */
void apo_messaging_node_configure(struct apo_messaging_node *messaging_node,
				  const struct apo_config *config);
/* Its descriptor is readable, or has_more. */
void apo_messaging_node_on_readable(struct apo_messaging_node *messaging_node, int64_t now_at_ns);
/* A worker has closed a client. */
void apo_messaging_node_on_closed(struct apo_messaging_node *messaging_node);
/* When all streams have been closed: waits until peers have what was written, until deadline. */
void apo_messaging_node_close(struct apo_messaging_node *messaging_node, int64_t deadline_at_ns);

#endif
