/* SPDX-License-Identifier: MIT */
/* told - a fixture with a mock of history, which records the calls, one line each. */
#ifndef TOLD_H
#define TOLD_H

#include "conversation/model_fixture.h"

#define TOLD_CAPS "draft/chathistory batch server-time message-tags account-tag labeled-response"
#define TOLD_MAX 64

/* The lines that the test has not taken begin at told[told_at]. */
extern char told[TOLD_MAX][160];
extern unsigned told_count, told_at;
extern uint64_t told_ticket;     /* of the last question */
extern int64_t told_oversees_ms; /* of the last question */

/* Before fixture_start. */
void told_init(struct fixture *fixture);
/* Connects a client that is logged in to the account of its nick. */
void told_log_in(struct fixture *fixture, unsigned i, const char *nick, const char *caps);
/* dan (client 1) joins #a, which eve (client 0) has created. */
void told_join_two(struct fixture *fixture);
/* eve sends a message to #a, which is kept. */
void told_talk(struct fixture *fixture);

#define TOLD(text)                                                                                 \
	do {                                                                                       \
		cr_assert(lt(uint, told_at, told_count), "nothing instead of %s", text);           \
		cr_assert(eq(str, told[told_at], (char *)(text)));                                 \
		told_at++;                                                                         \
	} while (0)
#define TOLD_NOTHING() cr_assert(eq(uint, told_at, told_count), "%s", told[told_at])

#endif
