/* SPDX-License-Identifier: MIT */
/*
 * filter - selects the connections that rudp ss shows. The grammar is a part of that of ss(8):
 *
 *	expression  and { ("or" | "|" | "||") and }
 *	and         not { ["and" | "&" | "&&"] not }
 *	not         ("not" | "!") not | "(" expression ")" | predicate
 *	predicate   ("state" | "exclude") STATE ...      several in a row add up, as in ss
 *	            ("src" | "dst") ["=" | "!="] ADDRESS[/PREFIX][:PORT] | *:PORT | :PORT
 *	            ("sport" | "dport") OPERATOR [:]PORT = == != < <= > >= or eq ne lt le gt ge
 *	            ("transport" | "program" | "pid") ["=" | "!="] WORD
 *
 * Addresses are numeric; an IPv6 address with a port is in brackets. A PORT may be the name of a
 * service.
 */
#ifndef RUDP_TOOLS_FILTER_H
#define RUDP_TOOLS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/control.h"

#define RUDP_FILTER_NODES_MAX 128
#define RUDP_FILTER_DEPTH_MAX 32
#define RUDP_FILTER_WORD_SIZE 64
#define RUDP_FILTER_ERROR_SIZE 256

enum rudp_filter_kind {
	RUDP_FILTER_AND,
	RUDP_FILTER_OR,
	RUDP_FILTER_NOT,
	RUDP_FILTER_STATE,
	RUDP_FILTER_ADDRESS,
	RUDP_FILTER_PORT,
	RUDP_FILTER_TRANSPORT,
	RUDP_FILTER_PROGRAM,
	RUDP_FILTER_PID,
};

enum rudp_filter_compare {
	RUDP_FILTER_EQ,
	RUDP_FILTER_NE,
	RUDP_FILTER_LT,
	RUDP_FILTER_LE,
	RUDP_FILTER_GT,
	RUDP_FILTER_GE,
};

struct rudp_filter_node {
	enum rudp_filter_kind kind;
	int left, right; /* AND, OR; NOT: left */
	enum rudp_filter_compare compare;
	bool remote;                      /* ADDRESS, PORT: dst, dport */
	uint32_t number;                  /* STATE: mask; PORT, PID, TRANSPORT */
	struct rudp_addr addr;            /* ADDRESS: AF_UNSPEC is any; its port 0 is any */
	unsigned prefix_bits;             /* ADDRESS */
	char word[RUDP_FILTER_WORD_SIZE]; /* PROGRAM */
};

struct rudp_filter {
	struct rudp_filter_node nodes[RUDP_FILTER_NODES_MAX];
	int count;
	int root; /* -1: every connection passes */
	bool names_states;
};

/*
 * Returns  false on a syntax error: error says what was expected, *at is the offset in text.
 */
bool rudp_filter_parse(struct rudp_filter *filter, const char *text,
		       char error[RUDP_FILTER_ERROR_SIZE], unsigned *at);

bool rudp_filter_match(const struct rudp_filter *filter, const struct rudp_control_info *info);

/* The name of a state as ss prints it ("ESTAB"), and of a transport; "?" for an unknown number. */
const char *rudp_filter_state_name(unsigned state);
const char *rudp_filter_transport_name(unsigned transport);

#endif
