/* SPDX-License-Identifier: MIT */
/*
 * loop - one thread, one epoll. In each turn: what has come (datagrams, programs, calls), what the
 * protocol makes of it (events, before the ACK leaves: the active side learns first), what leaves.
 */
#ifndef RUDP_ENGINE_LOOP_H
#define RUDP_ENGINE_LOOP_H

#include "engine/loop/engine.h"

#define RUDP_EVENTS_PER_TURN 128
#define RUDP_TRAINS_PER_TURN 64
#define RUDP_READY_PER_TURN 256
#define RUDP_HOPS_PER_TURN 4    /* datagrams from one socket of this engine to another */
#define RUDP_FEW_TRAINS 2       /* more are bulk, and are better taken in batches */

/* Runs until the engine is over, or another thread sets leave_wanted. */
void rudp_engine_run(struct rudp_engine *engine);

/* The signals that ask a process to end, which the engine's process blocks; and reading them. */
void rudp_engine_signals(sigset_t *set);
void rudp_engine_watch_signals(struct rudp_engine *engine);
/* How long it looks for events before it sleeps: what RUDP_BUSY_POLL says, else what busy_poll.h
 * does. */
int64_t rudp_engine_busy_poll_ns(struct rudp_engine *engine);

/* What nobody tells us, and what waits for its time (housekeeping.c). */
#define RUDP_HOUSEKEEPING_NS (300 * RUDP_NS_PER_MS)
#define RUDP_IDLE_END_NS (2 * RUDP_NS_PER_S)
#define RUDP_DRAIN_MAX_NS (5 * RUDP_NS_PER_S)
#define RUDP_RETIRE_MAX_NS (80 * RUDP_NS_PER_S) /* service managers kill after 90 */
#define RUDP_CLIENTS_MAX 1024

void rudp_housekeeping(struct rudp_engine *engine);
/* Nothing of it is in use, and no program that might use it lives. */
bool rudp_engine_is_idle(const struct rudp_engine *engine);
int64_t rudp_housekeeping_deadline_ns(const struct rudp_engine *engine);
/* The program around us ends: new calls are refused, what is written is delivered; bounded. */
void rudp_engine_stop(struct rudp_engine *engine);
/*
 * This process is asked to end, and its programs may not be: it gives up its well-known name, so
 * that they begin anew with another engine, carries what connections there are until they end, and
 * leaves. What has not ended after RUDP_RETIRE_MAX_NS is reset. Asking again changes nothing, as
 * service managers do that.
 */
void rudp_engine_retire(struct rudp_engine *engine);
/* Leaves at the end of this turn; what is still connected is reset. */
void rudp_engine_end(struct rudp_engine *engine);

#endif
