/* SPDX-License-Identifier: MIT */
/*
 * client - the running part of converse: a node of the messaging library, the store, what is typed
 * or piped in, and the chat between them.
 *
 * Order    of a turn: what has come is shown, all that must be kept is brought to the disk, then
 *          the server is told that what it sent is dealt with, and frames are sent.
 * Threads  one.
 */
#ifndef CV_CLIENT_H
#define CV_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/converse/chat.h"
#include "rudp/msg.h"

/* Exit codes (converse(1)). */
enum {
	CV_EXIT_DONE = 0,
	CV_EXIT_FAILED = 1, /* not all was said, or there is no conversation to be had */
	CV_EXIT_USAGE = 2,
	CV_EXIT_UNDELIVERED = 3, /* all was said, and somebody has not got it, or nobody knows */
};

enum cv_mode { CV_TALK, CV_SEND, CV_TAIL };

struct cv_options {
	char host[256];
	uint16_t port;
	const char *id, *nick, *peer, *store; /* store NULL: none */
	const char *password;                 /* NULL: none */
	char *join;                           /* channels, with commas between them; NULL: none */
	enum cv_mode mode;
	const char *target; /* of SEND and TAIL */
	uint64_t count;     /* lines of TAIL; 0: no end */
	int64_t timeout_ns; /* of SEND, without any progress */
	unsigned history;
	bool is_quiet;
};

void cv_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns an exit code. */
int cv_client_run(const struct cv_options *options);

#endif
