/* SPDX-License-Identifier: MIT */
/*
 * command - what the files of the program rudpmsg share. rudpmsg sends and receives lines with the
 * messaging library, and its exit code says whether they were delivered.
 */
#ifndef RUDPMSG_COMMAND_H
#define RUDPMSG_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rudp/msg.h"

/* Exit codes. */
enum {
	EXIT_DELIVERED = 0,
	EXIT_NOT_DELIVERED =
		1, /* some messages were not acknowledged, or the peer was not reached */
	EXIT_USAGE = 2,
};

#define COMMAND_MESSAGE_MAX (1u << 20) /* bytes: the library's default */
#define COMMAND_TIMEOUT_MAX_S 1000000000u
#define COMMAND_PROCESS_TEXT_SIZE 160

struct command_options {
	const char *id;
	char to_host[256]; /* empty: do not dial */
	uint16_t to_port;
	const char *peer;      /* name that the peer must have, or NULL */
	char listen_host[256]; /* empty: every address */
	uint16_t listen_port;  /* 0: do not listen */
	uint64_t count;        /* messages to receive, or to send in the benchmark; 0: no end */
	uint64_t size;         /* bytes of a message in the benchmark */
	int64_t timeout_ns;    /* for connecting, and for the last acknowledgement */
	bool framed;           /* a message is 4 bytes of length and its bytes, not a line */
	bool quiet;
	struct rudpmsg_options node;
};

int command_send(const struct command_options *options);
int command_receive(const struct command_options *options);
int command_pipe(const struct command_options *options);
int command_bench(const struct command_options *options);

/* ---- what the commands share ---- */

/* Opens the node, listens and connects as the options say. NULL: it failed, the reason is printed
 * and *exit_code is set. */
struct rudpmsg_node *command_open(const struct command_options *options, rudpmsg_conn_id *conn,
				  int *exit_code);
/* Another program with our --id has connected to the peer. Prints which one, if /proc shows it. */
void command_complain_of_same_id(const struct command_options *options);
/* Finds another process of this user in proc ("/proc") that has this --id; self is skipped. text
 * gets its process id and command line. false: none was found. */
bool command_find_same_id(const char *proc, long self, const char *id,
			  char text[COMMAND_PROCESS_TEXT_SIZE]);

/* Reads one message from in: a line without its end, or a frame. Returns its length; -1 at the end
 * of the input; -2 if the input is truncated, too long or unreadable (the reason is printed).
 * *bytes is reused by the next call; the caller frees it. */
long command_read_message(const struct command_options *options, FILE *in, char **bytes,
			  size_t *capacity);
/* false: writing failed (the reason is printed). */
bool command_write_message(const struct command_options *options, FILE *out,
			   const struct rudpmsg_message *message);

#endif
