/* SPDX-License-Identifier: MIT */
/*
 * fake_server - a minimal chat server and its clients, in virtual time. Between them is a queue in
 * each direction, like the messaging library: nothing is lost while both ends live. If the server
 * dies, messages are lost that it sent and no client has received. Messages of clients go to the
 * next server; those that the dead one handled and did not acknowledge come again.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <stdint.h>

#include "base/random.h"
#include "conversation/converse/chat.h"
#include "conversation/irc/scram.h"

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

/* A line in a client's store. */
struct kept {
	uint64_t number;
	char target[80], text[520];
};

struct fake_server_client {
	struct cv_chat *chat;
	struct queue to_server, to_client;
	char *log; /* what the client has shown: "MESSAGE #a anna hello\n" */
	size_t log_len;
	struct kept *kept;
	size_t kept_count;
	uint64_t seen[8192], seen_count, last_number;
	/* Used by the server: */
	uint64_t session;
	char nick[40], handled[3][APO_FRAME_BYTES_MAX];
	size_t handled_len[3];
	bool is_registered, is_in, is_linked;
};

/* A message whose final receipt is still to be sent. */
struct watched {
	unsigned sender, left;
	/* The message's place in each client's queue; 0: the client has received it. */
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
	const char *caps; /* capabilities that the server offers */
	bool has_receipts;
	const char *login; /* numeric that the server answers a password, or a key, with */
	bool uses_key;     /* clients log in by key */
	const char *knows; /* with SCRAM-SHA-256: the password that it knows; NULL: none */
	struct apo_scram scram;
	bool is_scram;       /* the login that has begun */
	const char *history; /* answer to CHATHISTORY; NULL: the server does not support it */
	unsigned failures;   /* so many requests of history fail */
	bool is_cut_off;     /* JOIN and PRIVMSG are refused for now */
	char asked[512];     /* the password that the server received */
	struct random random;
};

void fake_server_init(struct fake_server *fake_server, unsigned client_count, uint64_t seed);
void fake_server_fini(struct fake_server *fake_server);
/* Delivers one message from or to a client. false: there is none. */
bool fake_server_step(struct fake_server *fake_server, unsigned client, bool is_to_server);
/* Delivers all messages in flight, and those that they cause. */
void fake_server_settle(struct fake_server *fake_server);
void fake_server_wait(struct fake_server *fake_server, int64_t span_ns);
void fake_server_restart_server(struct fake_server *fake_server);
/* The client's process dies, and another one starts with its store. */
void fake_server_restart_client(struct fake_server *fake_server, unsigned client);
void fake_server_say(struct fake_server *fake_server, unsigned client, const char *text);
/* The server sends a line of its own. */
void fake_server_tell(struct fake_server *fake_server, unsigned client, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Returns what the client has shown since the last call. */
char *fake_server_log(struct fake_server *fake_server, unsigned client);

#endif
