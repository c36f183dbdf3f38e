/* SPDX-License-Identifier: MIT */
/*
 * client - runs converse: connects the messaging node, the database, the user's input and the chat.
 *
 * Order    In each turn: show what was received; write to the disk what must survive; tell the
 *          server that its messages are handled; send frames.
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
	CV_EXIT_FAILED = 1, /* not every line was said, or there is no connection */
	CV_EXIT_USAGE = 2,
	CV_EXIT_UNDELIVERED = 3, /* every line was said, but not all recipients have it for sure */
};

enum cv_mode { CV_TALK, CV_SEND, CV_TAIL };

#define CV_SERVERS_MAX 16

struct cv_server {
	char peer[RUDPMSG_NAME_MAX + 1]; /* its id */
	char host[256];
	uint16_t port;
};

struct cv_options {
	/* The nodes of one network: if one is not there, the next one is tried. */
	struct cv_server servers[CV_SERVERS_MAX];
	unsigned server_count;
	const char *id, *nick, *peer, *store; /* store NULL: none */
	const char *password;                 /* NULL: none */
	bool uses_key;                        /* log in by our rudp identity */
	char *join;                           /* channels, separated by commas; NULL: none */
	enum cv_mode mode;
	const char *target; /* for SEND and TAIL */
	uint64_t count;     /* of TAIL: lines to show; 0: no end */
	int64_t timeout_ns; /* of SEND: longest time without progress */
	unsigned history;
	bool is_quiet;
};

/* Returns an exit code. */
int cv_client_run(const struct cv_options *options);

#endif
