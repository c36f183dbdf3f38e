/* SPDX-License-Identifier: MIT */
/*
 * engines - finds the engines of this network namespace, and makes calls to them.
 *
 * Every process can bind a name like an engine's, with any number, also that of another user's
 * engine. The kernel names the user of the process that listens: calls go only to engines of this
 * user, for root to all. Engines of this user come first.
 *
 * Limits  RUDP_ENGINES_PER_USER_MAX engines of each other user; the rest is left out. Each call
 *         takes RUDP_ENGINE_CALL_S at most. After another user's engines have taken
 *         RUDP_ENGINES_USER_NS, each call to the rest of them takes RUDP_ENGINE_HASTY_NS at most.
 */
#ifndef RUDP_TOOLS_ENGINES_H
#define RUDP_TOOLS_ENGINES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "api/control.h"
#include "api/names.h"
#include "base/time.h"

#define RUDP_ENGINES_PER_USER_MAX 256u
#define RUDP_ENGINE_CALL_S 2 /* a running engine answers at once */
#define RUDP_ENGINES_USER_NS (4 * RUDP_NS_PER_S)
#define RUDP_ENGINE_HASTY_NS (10 * RUDP_NS_PER_MS)

/* The address of an engine. */
struct rudp_engine_place {
	struct rudp_nonce nonce;
	uid_t uid;        /* of the process that listens; RUDP_UID_UNKNOWN: its queue is full */
	bool is_foreign;  /* calls fail with -EACCES and are not made */
	bool is_hasty;    /* its user's engines have taken too long */
	int64_t spent_ns; /* by the visit */
	char path[sizeof((struct sockaddr_un *)0)
			  ->sun_path]; /* "": only its abstract name is known */
};

#define RUDP_UID_UNKNOWN ((uid_t)-1)

typedef int rudp_engine_visit(void *context, const struct rudp_engine_place *engine);

/*
 * Calls visit for every engine of this network namespace, and for every other process that has
 * bound such a name. visit returns 0 to continue.
 *
 * Returns  0; the value that visit returned; -errno: /proc/net/unix cannot be read.
 */
int rudp_engines_visit(rudp_engine_visit *visit, void *context);

/*
 * Makes one call. Calls that list take reply->id of the call before, 0 at first; reply->id is 0 at
 * the end. addr may be NULL. Returns 0, or -errno, which may be the engine's answer.
 */
int rudp_engine_ask(const struct rudp_engine_place *engine, enum rudp_control_operation operation,
		    uint64_t id, const struct rudp_addr *addr, struct rudp_control_reply *reply);

/*
 * Says whether the key is that of the host of a connect (RUDP_CONTROL_ASKED). Returns 0, or -errno;
 * -ENOENT: the connect does not wait any more.
 */
int rudp_engine_answer(const struct rudp_engine_place *engine, uint64_t id, const uint8_t key[32],
		       bool is_accepted);

#endif
