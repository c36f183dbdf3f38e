/* SPDX-License-Identifier: MIT */
/*
 * failover_state - what a successor of this engine needs to go on serving its listeners.
 *
 * It lies in memory that the engine shares with its supervisor (supervisor.h), as it shares its table of
 * descriptors: what is noted here by number is still open when the engine has been killed. So nothing
 * is sent, nothing can be full or late, and a port that is given up is free at once, as no duplicate
 * holds it.
 *
 * The successor is a fork of the supervisor, as the engine was, so a record is the binding itself.
 * What is noted must be true at each instant, as the engine may end at any: a descriptor is struck
 * out here before it is closed. A record that does not fit what the kernel says of its descriptors
 * is passed over.
 */
#ifndef RUDP_ENGINE_FAILOVER_STATE_H
#define RUDP_ENGINE_FAILOVER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/confine/proc_look.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"

/* listeners; those beyond it end with their engine, which the log says */
#define RUDP_FAILOVER_LISTENERS_MAX 1024
#define RUDP_FAILOVER_FDS_MAX (3 * RUDP_FAILOVER_LISTENERS_MAX + RUDP_CONTROL_LISTENER_KINDS)

struct rudp_failover_record {
	_Atomic bool is_valid;         /* all of it has been written */
	struct rudp_binding binding;   /* what it points to went with its engine */
	int udp_fd;                    /* several may have the same */
	bool udp_v6only;
};

/* All zeros at first. 0 is none of the descriptors here: it is open before. */
struct rudp_failover_state {
	_Atomic bool has_begun;        /* an engine has served: the next one is its successor */
	_Atomic bool is_over;          /* that one ends in order: there is to be no other */
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	int listener_fds[RUDP_CONTROL_LISTENER_KINDS]; /* by kind; 0: it has none */
	int supervisor_pid;            /* who waits for its end */
	struct rudp_proc_question question;
	unsigned used_max;             /* records from here on have never been used */
	struct rudp_failover_record records[RUDP_FAILOVER_LISTENERS_MAX];
};

/* Of shared memory; NULL: there is none. */
struct rudp_failover_state *rudp_failover_state_new(void);
void rudp_failover_state_free(struct rudp_failover_state *failover);

/*
 * What the engine says to it; without a supervisor (engine->failover is NULL) nothing happens. It
 * begins when programs can find it. A listener is noted anew whenever something of it has changed.
 */
void rudp_failover_begin(struct rudp_engine *engine);
void rudp_failover_listener(struct rudp_engine *engine, struct rudp_binding *binding);
void rudp_failover_forget(struct rudp_engine *engine, struct rudp_binding *binding);
void rudp_failover_control_listener(struct rudp_engine *engine,
				    const struct rudp_control_listener *listener);
void rudp_failover_forget_control_listener(struct rudp_engine *engine,
					   const struct rudp_control_listener *listener);
void rudp_failover_end(struct rudp_engine *engine);

/* Listeners that a successor will serve. */
unsigned rudp_failover_count(const struct rudp_failover_state *failover);
/* The descriptors that it needs, in order and each once. Returns how many. */
size_t rudp_failover_fds(const struct rudp_failover_state *failover,
			 int fds[RUDP_FAILOVER_FDS_MAX]);

/*
 * Of rudp_engine_init (failover_restore.c). A successor becomes who its predecessor was; the first
 * engine says who it is.
 */
void rudp_failover_identify(struct rudp_engine *engine);
/* The listeners of the predecessor, before any other object has an id. */
void rudp_failover_restore_listeners(struct rudp_engine *engine);
/* Its control listeners. 0 or -errno. */
int rudp_failover_restore_control_listeners(struct rudp_engine *engine);

#endif
