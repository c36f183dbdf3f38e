/* SPDX-License-Identifier: MIT */
/* client_private - what the files of the client share; only client*.c include it. */
#ifndef CV_CLIENT_PRIVATE_H
#define CV_CLIENT_PRIVATE_H

#include "conversation/converse/client.h"
#include "conversation/converse/input.h"
#include "conversation/converse/outbox_db.h"
#include "conversation/irc/names.h"

#define MESSAGES_AT_ONCE 256

struct frame_list {
	uint8_t *bytes; /* frames, each after its length (2 bytes) */
	size_t len, size;
};

/* A line of IRC has room for it with the prefix that others get. */
#define CV_QUIT_TEXT_SIZE 301

struct cv_client {
	const struct cv_options *options;
	struct cv_chat *chat;
	struct cv_outbox_db *outbox; /* NULL: none */
	struct cv_input *input;
	struct rudpmsg_node *node;
	rudpmsg_conn_id conn;    /* 0: none */
	unsigned server;         /* of options->servers, to which conn is */
	char server_name[280];   /* its address, for people */
	unsigned refusing_count; /* servers in a row that cannot be used */
	struct rudpmsg_message taken[MESSAGES_AT_ONCE];
	unsigned taken_count;
	struct frame_list frames;
	char present[APO_CHANNEL_BYTES_MAX + 2]; /* channel that typed text goes to; "": none */
	char quit_text[CV_QUIT_TEXT_SIZE];       /* that others read; "": the name of converse */
	int signal_fd;
	int64_t now_at_ns, progress_at_ns, quit_at_ns; /* RUDP_NEVER: not yet */
	uint64_t shown_count, failed_count;
	bool has_input_ended, is_over;
	int exit_code;
};

/* ---- client_obey.c ---- */

void cv_client_join(struct cv_client *client, const char *channel, const char *key);
/* A line was typed or read from the pipe. NULL: the end of the input. */
void cv_client_on_input(void *client, char *line);

#endif
