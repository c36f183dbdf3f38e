/* SPDX-License-Identifier: MIT */
/*
 * ss - the parts of rudp ss: what the engines tell (ss_list.c), and how it is shown (ss_text.c,
 * ss_json.c).
 */
#ifndef RUDP_TOOLS_SS_H
#define RUDP_TOOLS_SS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/control_client.h"

#define RUDP_SS_PER_ENGINE_MAX 2000000u /* of one engine; who tells of more is none */
#define RUDP_SS_ENGINES_MAX 4096u

struct rudp_ss {
	bool all, listening, processes, numeric, no_header, json, summary;
};

struct rudp_ss_list {
	struct rudp_control_info *entries; /* strings are printable and end with 0 */
	size_t count, capacity;
	struct rudp_control_engine *tellers; /* the engines that answered, each of itself */
	unsigned engines;       /* of them */
	unsigned denied;        /* of other users */
	unsigned silent;        /* that gave no right answer */
};

/* Where an engine is called. */
struct rudp_engine_place {
	struct rudp_nonce nonce;
	char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* "": only its abstract name is known */
};

typedef int rudp_engine_visit(void *context, const struct rudp_engine_place *engine);

/* rudp_control_make() at this place. */
int rudp_engine_ask(const struct rudp_engine_place *engine, struct rudp_control_call *call);

/*
 * Finds every engine of this network namespace, and whatever else has taken such a name. visit returns
 * 0 to go on.
 *
 * Returns  0; what visit returned; -errno: /proc/net/unix cannot be read.
 */
int rudp_engines_visit(rudp_engine_visit *visit, void *context);

/*
 * Asks every engine of this network namespace for what it has. fini frees.
 *
 * Returns  0, or -errno: /proc/net/unix cannot be read, no memory.
 */
int rudp_ss_collect(struct rudp_ss_list *list);
void rudp_ss_list_fini(struct rudp_ss_list *list);

/* Why the connection goes as it goes. */
const char *rudp_ss_reason(const struct rudp_control_info *info);
/* "aes-256-gcm"; "" for none. */
const char *rudp_ss_suite(const struct rudp_control_info *info);
/* How its handshake was: full, resumed, resumed+dh; "" where that means nothing. */
const char *rudp_ss_beginning(const struct rudp_control_info *info);
/* Bytes (of a listener: connections) that wait for the program, and for the peer. */
uint64_t rudp_ss_receive_queue(const struct rudp_control_info *info);
uint64_t rudp_ss_send_queue(const struct rudp_control_info *info);

void rudp_ss_print_text(const struct rudp_ss *ss, const struct rudp_ss_list *list);
void rudp_ss_print_summary(const struct rudp_ss_list *list);
/* One array, or with summary one object. 0, or -ENOMEM, or -EIO. */
int rudp_ss_print_json(const struct rudp_ss *ss, const struct rudp_ss_list *list);

#endif
