/* SPDX-License-Identifier: MIT */
/* told - a fixture whose history is a mock: it writes down what it is told, a line each. */
#ifndef TOLD_H
#define TOLD_H

#include "conversation/model_fixture.h"

#define TOLD_CAPS "draft/chathistory batch server-time message-tags account-tag labeled-response"
#define TOLD_MAX 64

/* What has not been looked at is told[told_at] and behind. */
extern char told[TOLD_MAX][160];
extern unsigned told_count, told_at;
extern uint64_t told_ticket; /* of the last question */

/* Before fixture_start. */
void told_init(struct fixture *fixture);
/* Comes in, logged in to the account of its nick. */
void told_come_in(struct fixture *fixture, unsigned i, const char *nick, const char *caps);
/* dan is in #a with eve, who founded it: 1 and 2. */
void told_two_in_a_room(struct fixture *fixture);
/* eve says something there, and it is kept. */
void told_talk(struct fixture *fixture);

#define TOLD(text)                                                                                 \
	do {                                                                                       \
		cr_assert(lt(uint, told_at, told_count), "nothing instead of %s", text);           \
		cr_assert(eq(str, told[told_at], (char *)(text)));                                 \
		told_at++;                                                                         \
	} while (0)
#define TOLD_NOTHING() cr_assert(eq(uint, told_at, told_count), "%s", told[told_at])

#endif
