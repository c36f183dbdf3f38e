/* SPDX-License-Identifier: MIT */
/*
 * failover_state - what a successor needs to continue with the listeners of an engine that was
 * killed.
 *
 * It lies in memory that the engine shares with its supervisor (supervisor.h). They also share the
 * table of descriptors, so a descriptor recorded here is still open after the engine was killed. So
 * no descriptor has to be sent, no queue can be full, and no message comes late. A port that is
 * given up is free at once, as no duplicate holds it.
 *
 * The successor is forked from the supervisor, as the engine was, so a record can hold the binding
 * itself. The engine may be killed at any instant, so the records must be right at all times: a
 * descriptor is removed here before it is closed. A record that does not match the kernel's data
 * about its descriptors is ignored.
 */
#ifndef RUDP_ENGINE_FAILOVER_STATE_H
#define RUDP_ENGINE_FAILOVER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/confine/proc_read.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"

/* Listeners beyond this number are lost with their engine, which is logged. */
#define RUDP_FAILOVER_LISTENERS_MAX 1024
#define RUDP_FAILOVER_FDS_MAX (3 * RUDP_FAILOVER_LISTENERS_MAX + RUDP_CONTROL_LISTENER_KINDS)

struct rudp_failover_record {
	_Atomic bool is_valid;       /* the record is complete */
	struct rudp_binding binding; /* pointers in it are not valid in a successor */
	int udp_fd;                  /* several records may have the same */
	bool udp_v6only;
};

/* All zeros at first. No descriptor here is 0, which is open from the start. */
struct rudp_failover_state {
	_Atomic bool has_begun; /* an engine has served: the next one is a successor */
	_Atomic bool is_over;   /* the engine ends in order: no successor */
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	int listener_fds[RUDP_CONTROL_LISTENER_KINDS]; /* by kind; 0: none */
	int supervisor_pid; /* pid of the supervisor, which waits for the engine's end */
	struct rudp_proc_question question;
	unsigned used_max; /* records from this index on have never been used */
	struct rudp_failover_record records[RUDP_FAILOVER_LISTENERS_MAX];
};

/* Allocates it in shared memory. NULL: there is no memory. */
struct rudp_failover_state *rudp_failover_state_new(void);

/*
 * The engine's updates; without a supervisor (engine->failover is NULL) they do nothing. _begin:
 * programs can find the engine from now on. _listener: the binding listens, or its data has
 * changed. _forget: to call before its descriptors are closed. _end: the engine ends in order.
 */
void rudp_failover_begin(struct rudp_engine *engine);
void rudp_failover_listener(struct rudp_engine *engine, struct rudp_binding *binding);
void rudp_failover_forget(struct rudp_engine *engine, struct rudp_binding *binding);
void rudp_failover_control_listener(struct rudp_engine *engine,
				    const struct rudp_control_listener *listener);
void rudp_failover_forget_control_listener(struct rudp_engine *engine,
					   const struct rudp_control_listener *listener);
void rudp_failover_end(struct rudp_engine *engine);

/* The number of listeners that a successor will have. */
unsigned rudp_failover_count(const struct rudp_failover_state *failover);
/* The descriptors that a successor needs, sorted and without duplicates. Returns how many. */
size_t rudp_failover_fds(const struct rudp_failover_state *failover,
			 int fds[RUDP_FAILOVER_FDS_MAX]);

/*
 * For rudp_engine_init_supervised() (failover_restore.c). A successor takes nonce and token of its
 * predecessor; the first engine records its own.
 */
void rudp_failover_identify(struct rudp_engine *engine);
/* Restores the predecessor's listeners. Call it before any other object gets an id. */
void rudp_failover_restore_listeners(struct rudp_engine *engine);
/* Restores its control listeners. 0 or -errno. */
int rudp_failover_restore_control_listeners(struct rudp_engine *engine);

#endif
