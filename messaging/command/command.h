/* SPDX-License-Identifier: MIT */
/*
 * command - rudpmsg, the messaging library on the command line: lines in, lines out, and an exit
 * code that says whether they were delivered.
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
	char to_host[256]; /* empty: nobody is dialed */
	uint16_t to_port;
	const char *peer;      /* name that must answer, or NULL */
	char listen_host[256]; /* empty: every address */
	uint16_t listen_port;  /* 0: not listening */
	uint64_t count;        /* of messages to receive, or of the benchmark; 0: no end */
	uint64_t size;         /* of a message of the benchmark */
	int64_t timeout_ns;    /* for connecting, and for the last acknowledgement */
	bool framed;           /* 4 bytes of length and as many, in place of lines */
	bool quiet;
	struct rudpmsg_options node;
};

int command_send(const struct command_options *options);
int command_receive(const struct command_options *options);
int command_pipe(const struct command_options *options);
int command_bench(const struct command_options *options);

/* ---- what they share ---- */

/* Opens the node, listens, connects, as the options say. NULL: the reason was told, *exit_code is
 * set. */
struct rudpmsg_node *command_open(const struct command_options *options, rudpmsg_conn_id *conn,
				  int *exit_code);
void command_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Another program has connected to the peer with our --id: says which, if this host shows it. */
void command_complain_of_same_id(const struct command_options *options);
/* The process below proc ("/proc") that runs a command with this --id: its number and command line. self
 * is not looked at. false: none is seen. */
bool command_find_same_id(const char *proc, long self, const char *id,
			  char text[COMMAND_PROCESS_TEXT_SIZE]);

/* One message from in: a line without its end, or a frame. Returns its length, -1 at the end, -2 if
 * the input is cut off, too long or cannot be read (it was told). *bytes is the caller's to free, and
 * used again.
 */
long command_read_message(const struct command_options *options, FILE *in, char **bytes,
			  size_t *capacity);
/* false: the output has failed (it was told). */
bool command_write_message(const struct command_options *options, FILE *out,
			   const struct rudpmsg_message *message);

#endif
