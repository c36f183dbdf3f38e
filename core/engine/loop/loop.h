/* SPDX-License-Identifier: MIT */
/*
 * loop - the engine's event loop: one thread, one epoll. Each turn handles what has arrived
 * (datagrams, programs, calls), then the protocol's events, then sends. Events come before the ACK
 * leaves, so that the active side learns of them first.
 */
#ifndef RUDP_ENGINE_LOOP_H
#define RUDP_ENGINE_LOOP_H

#include "engine/loop/engine.h"

#define RUDP_EVENTS_PER_TURN 128
#define RUDP_TRAINS_PER_TURN 64
#define RUDP_READY_PER_TURN 256
#define RUDP_CONN_EVENTS_PER_PASS 1024 /* connections; the end of one takes about 6 us */
#define RUDP_HOPS_PER_TURN 4           /* datagrams from one socket of this engine to another */
#define RUDP_FEW_TRAINS 2              /* more are bulk, which is better received in batches */

/* Runs until the engine is over, or another thread sets leave_wanted. */
void rudp_engine_run(struct rudp_engine *engine);

/* The signals that ask the engine's process to end, which it blocks; and adds a signalfd for
 * them. */
void rudp_engine_signals(sigset_t *set);
void rudp_engine_watch_signals(struct rudp_engine *engine);
/* Returns the time to poll for events before sleeping: RUDP_BUSY_POLL, or what busy_poll.h
 * decides. */
int64_t rudp_engine_busy_poll_ns(struct rudp_engine *engine);

/* Work that no event or only a deadline triggers (housekeeping.c). */
#define RUDP_HOUSEKEEPING_NS (300 * RUDP_NS_PER_MS)
#define RUDP_IDLE_END_NS (2 * RUDP_NS_PER_S)
#define RUDP_DRAIN_MAX_NS (5 * RUDP_NS_PER_S)
#define RUDP_RETIRE_MAX_NS (80 * RUDP_NS_PER_S) /* service managers kill after 90 s */
#define RUDP_CLIENTS_MAX 1024

void rudp_housekeeping(struct rudp_engine *engine);
/* No connection, listener or call exists, and no program that might use the engine is alive. */
bool rudp_engine_is_idle(const struct rudp_engine *engine);
int64_t rudp_housekeeping_deadline_ns(const struct rudp_engine *engine);
/*
 * The program around the engine ends: refuses new calls and delivers what was written, within
 * RUDP_DRAIN_MAX_NS.
 */
void rudp_engine_stop(struct rudp_engine *engine);
/*
 * The process was asked to end, but its programs may go on. It gives up its well-known name, so
 * that they start with another engine, and serves existing connections until they end. After
 * RUDP_RETIRE_MAX_NS the rest is reset. Further calls change nothing, as service managers ask
 * repeatedly.
 */
void rudp_engine_retire(struct rudp_engine *engine);
/* Ends at the end of this turn; resets all connections. */
void rudp_engine_end(struct rudp_engine *engine);

#endif
