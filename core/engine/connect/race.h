/* SPDX-License-Identifier: MIT */
/*
 * race - opens a connection over rudp, over kernel TCP, or over whichever of both answers first.
 *
 * After RFC 8305 (happy eyeballs): rudp gets a head start. TCP begins when the head start is over,
 * or at once if the peer refuses UDP. The first to be established carries the connection. The
 * result is stored for the destination (route_cache.h). If TCP won, the next connection uses TCP
 * without a head start. If rudp won, its head start is at least RUDP_RACE_RTTS round trips.
 *
 * If TCP won because rudp did not answer, the cause may have been one lost SYN. So the rudp attempt
 * continues until RUDP_RACE_LATE_NS. If it is answered, the stored result is rudp.
 *
 * If a rule says "early", the cache also decides whether a program may be told that it is connected
 * before the peer has answered: only if this address and port has answered recently and has not
 * failed since.
 */
#ifndef RUDP_ENGINE_RACE_H
#define RUDP_ENGINE_RACE_H

#include <stdint.h>

#include "api/control.h"
#include "base/time.h"
#include "base/timer_wheel.h"
#include "engine/config/policy.h"
#include "engine/identity/peer_check.h"

#define RUDP_RACE_LATE_NS (3 * RUDP_NS_PER_S)
#define RUDP_RACE_RTTS 3
/* After this time without an answer, a connect is logged and listed in failures.h. */
#define RUDP_RACE_REPORT_NS (3 * RUDP_NS_PER_S)
/* The time that a SYN waits for the first bytes of a program that has not asked for early data. */
#define RUDP_RACE_DEFER_NS (10 * RUDP_NS_PER_MS)
/* The time that a connect waits for a person to say whether the key of the host is the right
 * one. */
#define RUDP_RACE_QUESTION_NS (120 * RUDP_NS_PER_S)
/* The time that a refused connect waits for the key that the listener has now. */
#define RUDP_RACE_LOOK_NS (1 * RUDP_NS_PER_S)

struct rudp_app;
struct rudp_stored_options;
struct rudp_binding;
struct rudp_engine;
struct rudp_udp;

/* The part of an app that is needed only while it connects. */
struct rudp_race {
	struct rudp_timer timer; /* in engine->race_timers */
	enum rudp_way way;
	bool early; /* a rule says so, and the peer has not answered yet */
	int64_t started_at_ns;
	int64_t tcp_due_at_ns; /* RUDP_NEVER: already begun, or not planned */
	int64_t give_up_at_ns;
	int64_t report_at_ns; /* RUDP_NEVER: reported, or the peer answered */
	int reported_error;   /* error listed while the connect still tries; 0: none */
	bool requires_identity, expects_key; /* struct rudp_expected_peer */
	enum rudp_first_contact first_contact;
	uint8_t key[RUDP_STATIC_KEY_BYTES];       /* if expects_key */
	uint8_t shown_key[RUDP_STATIC_KEY_BYTES]; /* that was not accepted; zeros: none */
	bool is_asking_key; /* a second attempt only learns the key that the listener has */
	/* Held for the attempt after a person has said whether the key is the right one. NULL:
	 * no question was asked. */
	struct rudp_udp *asked_udp;
	bool is_identity_refused; /* by either side */
	bool key_is_refused;      /* the peer refused it over rudp; TCP may still work */
	int error;                /* of the attempt that failed while the other one runs */
	uint64_t binding_id;      /* the program's bound socket; 0: none */
	struct rudp_stored_options *stored; /* options for kernel TCP; NULL: none */
};

struct rudp_race_entry {
	struct rudp_decision decision;
	struct rudp_expected_peer expected;
	struct rudp_host_names names;       /* of the program for the address */
	const struct rudp_binding *binding; /* NULL: unbound */
	int options_fd;                     /* the program's socket */
	unsigned mark_flags;
	const uint8_t *early; /* early data of the program, for the SYN */
	size_t early_bytes;
	bool defer; /* the SYN may wait until the program writes */
};

/*
 * Starts the attempts that the decision allows. The caller has set app->remote and app->options.
 * Sets app->local, and if possible app->early_bytes or app->options.conn.deferred.
 *
 * Returns  0, or the -errno that connect(2) would return at once.
 */
int rudp_race_begin(struct rudp_engine *engine, struct rudp_app *app,
		    const struct rudp_race_entry *entry);

/*
 * For a connection that the program regarded as established before the peer answered: stores the
 * result in the route cache.
 */
void rudp_race_on_deferred(struct rudp_engine *engine, struct rudp_app *app, unsigned events);
/* Handle an event of one of the attempts. May free the app. */
void rudp_race_on_conn(struct rudp_engine *engine, struct rudp_app *app, unsigned events);
void rudp_race_on_tcp(struct rudp_engine *engine, struct rudp_app *app);
void rudp_race_run_timers(struct rudp_engine *engine);
/* The host of this connect has shown a key that a person must judge. The attempt is to fail. */
void rudp_race_on_unknown_key(struct rudp_app *app);
/*
 * A person says whether the key that the host of this connect has shown is the right one. Accepted,
 * it is stored, and all connects that wait because of this host and key go on; else they fail.
 *
 * Returns  0; -ENOENT: no such connect waits, or it does so because of another key.
 */
int rudp_race_answer(struct rudp_engine *engine, uint64_t id,
		     const uint8_t key[RUDP_STATIC_KEY_BYTES], bool is_accepted);
/* Frees the race's resources when the app is freed. */
void rudp_race_fini(struct rudp_engine *engine, struct rudp_app *app);

#endif
