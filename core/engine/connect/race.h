/* SPDX-License-Identifier: MIT */
/*
 * race - which way a connection goes out: over rudp, over kernel TCP, or whichever answers first.
 *
 * After RFC 8305 (happy eyeballs): rudp gets a head start. TCP is begun at once when the peer refuses
 * UDP, else when the head start is over; the first to be established carries. The outcome is
 * remembered for the destination (route_cache.h), both ways: TCP then goes without a head start, rudp
 * gets one of three round trips if that is longer than the usual one.
 * When TCP has won because rudp was silent, the silence may have been one lost SYN: the attempt is left
 * alone for RUDP_RACE_LATE_NS, and if it is answered after all, that is what is remembered.
 *
 * Where a rule says "early" the same memory tells whether a program may be told that it is connected
 * before it is: only towards an address and port that has answered lately, and not since it has failed.
 */
#ifndef RUDP_ENGINE_RACE_H
#define RUDP_ENGINE_RACE_H

#include <stdint.h>

#include "api/control.h"
#include "base/time.h"
#include "base/timer_wheel.h"
#include "engine/config/policy.h"

#define RUDP_RACE_LATE_NS (3 * RUDP_NS_PER_S)
#define RUDP_RACE_RTTS 3
/* A connect without any answer for so long gets a line in the log, and an entry in failures.h. */
#define RUDP_RACE_TELL_NS (3 * RUDP_NS_PER_S)
/* So long a SYN waits for the first bytes of a program that has not asked for it. */
#define RUDP_RACE_DEFER_NS (10 * RUDP_NS_PER_MS)

struct rudp_app;
struct rudp_stored_options;
struct rudp_binding;
struct rudp_engine;

/* The part of an app that is only of use while it connects. */
struct rudp_race {
	struct rudp_timer timer;      /* in engine->race_timers */
	enum rudp_way way;
	bool early;                   /* a rule has it so, and the peer has not answered yet */
	int64_t started_at_ns;
	int64_t tcp_due_at_ns;        /* RUDP_NEVER: begun, or not to be begun */
	int64_t give_up_at_ns;
	int64_t tell_at_ns;           /* RUDP_NEVER: told, or there was an answer */
	int told_error;               /* noted as its failure while it still tries; 0: nothing */
	bool key_is_refused;          /* by the peer, over rudp; TCP is the last hope */
	int error;                    /* of the attempt that has failed while the other runs */
	uint64_t binding_id;          /* the program's bound socket, 0: none */
	struct rudp_stored_options *stored; /* options for kernel TCP; NULL: none */
};

struct rudp_race_entry {
	struct rudp_decision decision;
	const struct rudp_binding *binding; /* NULL: unbound */
	int options_fd;               /* the program's socket */
	unsigned mark_flags;
	const uint8_t *early;         /* what the program has for the SYN, */
	size_t early_bytes;
	bool defer;                   /* or will write, and the SYN may wait for it */
};

/*
 * Begins what the decision allows; app->remote and app->options are in. Fills app->local, and
 * app->early_bytes or app->options.conn.deferred where that is possible.
 *
 * Returns  0, or -errno as connect(2) would give it at once.
 */
int rudp_race_begin(struct rudp_engine *engine, struct rudp_app *app,
		    const struct rudp_race_entry *entry);

/* Of one that was open to its program before the peer has answered: what it has come to. */
void rudp_race_on_deferred(struct rudp_engine *engine, struct rudp_app *app, unsigned events);
/* Something has happened to one of the attempts. May free the app. */
void rudp_race_on_conn(struct rudp_engine *engine, struct rudp_app *app, unsigned events);
void rudp_race_on_tcp(struct rudp_engine *engine, struct rudp_app *app);
void rudp_race_run_timers(struct rudp_engine *engine);
/* The app goes. */
void rudp_race_fini(struct rudp_engine *engine, struct rudp_app *app);

#endif
