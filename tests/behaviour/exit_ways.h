/* SPDX-License-Identifier: MIT */
/* exit_ways - the ways in which a program ends. */
#ifndef RUDP_TESTS_BEHAVIOUR_EXIT_WAYS_H
#define RUDP_TESTS_BEHAVIOUR_EXIT_WAYS_H

#define EXIT_WAYS(X)                                                                               \
	X(return_from_main)                                                                        \
	X(exit)                                                                                    \
	X(_exit)                                                                                   \
	X(quick_exit)                                                                              \
	X(abort)                                                                                   \
	X(raw_exit_group)                                                                          \
	X(sigterm)                                                                                 \
	X(sigkill)

#define EXIT_ENUM(way) EXIT_BY_##way,
enum exit_way { EXIT_WAYS(EXIT_ENUM) };
#undef EXIT_ENUM

/*
 * Ends this program in this way. RETURN_FROM_MAIN returns: then the part returns, and so does main.
 */
void end_by(enum exit_way way);

#endif
