/* SPDX-License-Identifier: MIT */
/*
 * fake_server - a server of a page or two, and clients of it, in virtual time. What is between them is a
 * queue each way, as the messaging library is: nothing is lost while both ends live. A server that
 * dies takes with it what it had sent and nobody had got; what clients had sent comes to the next
 * one, and what the dead one had handled and not acknowledged comes again.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <stdint.h>

#include "base/random.h"
#include "conversation/converse/chat.h"

#define FAKE_SERVER_CLIENTS 4
#define FAKE_SERVER_LOG 400000

struct queued {
	struct queued *next;
	size_t len;
	uint8_t bytes[];
};

struct queue {
	struct queued *first, **end;
};

/* Kept by a client's store. */
struct kept {
	uint64_t number;
	char target[80], text[520];
};

struct fake_server_client {
	struct cv_chat *chat;
	struct queue to_server, to_client;
	char *log; /* what it was shown: "MESSAGE #a anna hello\n" */
	size_t log_len;
	struct kept *kept;
	size_t kept_count;
	uint64_t seen[8192], seen_count, last_number;
	/* The server's. */
	uint64_t session;
	char nick[40], handled[3][APO_FRAME_BYTES_MAX];
	size_t handled_len[3];
	bool is_registered, is_in, is_linked;
};

/* A message that is watched. */
struct watched {
	unsigned sender, left;
	/* of the frame in the client's queue; 0: has it */
	uint64_t msgid, places[FAKE_SERVER_CLIENTS];
	bool is_awaited[FAKE_SERVER_CLIENTS];
};

struct fake_server {
	struct fake_server_client clients[FAKE_SERVER_CLIENTS];
	unsigned client_count;
	uint64_t epoch, msgid;
	uint64_t put_count[FAKE_SERVER_CLIENTS], got_count[FAKE_SERVER_CLIENTS];
	struct watched watched[256];
	unsigned watched_count;
	int64_t now_ns;
	const char *caps; /* that the server has */
	bool has_receipts;
	const char *login;   /* the numeric that answers a password */
	const char *history; /* answer to CHATHISTORY; NULL: it does not know that */
	char asked[512];     /* what came of the password */
	struct random random;
};

void fake_server_init(struct fake_server *fake_server, unsigned client_count, uint64_t seed);
void fake_server_fini(struct fake_server *fake_server);
/* One message from or to a client, or (false) there is none. */
bool fake_server_step(struct fake_server *fake_server, unsigned client, bool is_to_server);
/* Everything that is under way, also what comes of it. */
void fake_server_settle(struct fake_server *fake_server);
void fake_server_wait(struct fake_server *fake_server, int64_t span_ns);
void fake_server_restart_server(struct fake_server *fake_server);
/* The process dies, and another begins with its store. */
void fake_server_restart_client(struct fake_server *fake_server, unsigned client);
void fake_server_say(struct fake_server *fake_server, unsigned client, const char *text);
/* What the server says by itself. */
void fake_server_tell(struct fake_server *fake_server, unsigned client, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What the client has been shown since the last call. */
char *fake_server_log(struct fake_server *fake_server, unsigned client);

#endif
