/* SPDX-License-Identifier: MIT */
/*
 * reset_setup - makes connections that will be reset, in all combinations of who resets and what is
 * in flight.
 */
#ifndef RUDP_TESTS_BEHAVIOUR_RESET_SETUP_H
#define RUDP_TESTS_BEHAVIOUR_RESET_SETUP_H

#define RESETTERS(X)                                                                               \
	X(a_lingering_close)                                                                       \
	X(a_close_with_unread_data)                                                                \
	X(an_exit_with_unread_data)                                                                \
	X(a_kill_with_unread_data)                                                                 \
	X(connect_to_nothing)

#define RESETTER_ENUM(who) RESET_BY_##who,
enum resetter { RESETTERS(RESETTER_ENUM) };
#undef RESETTER_ENUM

#define UNREAD_BYTES 1000

/*
 * The bytes that the observer has not read, or has written and the peer has not read, at the reset.
 */
enum under_way {
	NOTHING_UNDER_WAY,
	SOMETHING_UNREAD, /* UNREAD_BYTES of the pattern */
	SOMETHING_UNSENT, /* more than all buffers hold */
	BOTH_UNDER_WAY,
	UNDER_WAY_COUNT,
};

extern const char *const under_way_names[UNDER_WAY_COUNT];

struct reset {
	int observer; /* blocking */
	int server;
	enum resetter who;
};

/* Makes a connection in that state, not reset yet. */
void reset_prepare(struct reset *reset, enum resetter who, enum under_way what);
/* Resets it. The observer may not know yet when this returns. */
void reset_now(struct reset *reset);

#endif
