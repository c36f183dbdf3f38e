/* SPDX-License-Identifier: MIT */
/*
 * ss - the parts of rudp ss: what the engines tell (ss_list.c), how it is shown (ss_text.c,
 * ss_json.c), and the same for what has failed (ss_failed.c).
 */
#ifndef RUDP_TOOLS_SS_H
#define RUDP_TOOLS_SS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/control_client.h"
#include "filter.h"

#define RUDP_SS_PER_ENGINE_MAX 2000000u /* of one engine; who tells of more is none */
#define RUDP_SS_ENGINES_MAX 4096u

struct rudp_ss {
	bool all, listening, processes, numeric, no_header, json, summary, failed;
};

struct rudp_ss_failure {
	struct rudp_addr local, remote;
	struct rudp_control_failure figures; /* its string is printable and ends with 0 */
};

struct rudp_ss_list {
	struct rudp_control_info *entries; /* strings are printable and end with 0 */
	size_t count, capacity;
	struct rudp_ss_failure *failures; /* newest last, of each engine */
	size_t failure_count, failure_capacity;
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

/* What has failed of late, in place of what there is. As rudp_ss_collect. */
int rudp_ss_collect_failed(struct rudp_ss_list *list);

/* Asks one engine, and may add to the list. 0, or -errno: -ENOMEM ends the visit. */
typedef int rudp_ss_ask(struct rudp_ss_list *list, const struct rudp_engine_place *engine,
			void *context);
/* Begins the list, asks every engine, and counts those that are denied or silent. As rudp_ss_collect. */
int rudp_ss_visit(struct rudp_ss_list *list, rudp_ss_ask *ask, void *context);
/*
 * One call, LIST or FAILED. *cursor goes along and becomes that of the next call, 0 at
 * the end. 0, or -errno, which may be the engine's.
 */
int rudp_ss_call(const struct rudp_engine_place *engine, enum rudp_control_operation operation,
		 uint64_t *cursor, struct rudp_control_reply *reply);
/* What comes from another process goes to a terminal: ends with 0, and is printable. */
void rudp_ss_clean(char *text, size_t size);

/* Why the connection goes as it goes. */
const char *rudp_ss_reason(const struct rudp_control_info *info);
/* "aes-256-gcm"; "" for none. */
const char *rudp_ss_suite(const struct rudp_control_info *info);
/* How its handshake was: full, resumed, resumed+dh; "" where that means nothing. */
const char *rudp_ss_handshake_kind(const struct rudp_control_info *info);
/* Bytes (of a listener: connections) that wait for the program, and for the peer. */
uint64_t rudp_ss_receive_queue(const struct rudp_control_info *info);
uint64_t rudp_ss_send_queue(const struct rudp_control_info *info);

void rudp_ss_print_text(const struct rudp_ss *ss, const struct rudp_ss_list *list);
void rudp_ss_print_summary(const struct rudp_ss_list *list);
/* As text or JSON. 0, or -ENOMEM, or -EIO. */
int rudp_ss_print_failed(const struct rudp_ss *ss, const struct rudp_ss_list *list);
/* Drops the failures that the filter does not want; their state is closed. */
void rudp_ss_filter_failed(struct rudp_ss_list *list, const struct rudp_filter *filter);
/* Word of a cause of failure. */
const char *rudp_ss_cause_word(unsigned cause);

/* ADDRESS:PORT, with the port as the name of a service unless numeric; "*" for what is not known. */
#define RUDP_SS_SIDE_SIZE (RUDP_ADDR_TEXT_SIZE + 64)
char *rudp_ss_side(const struct rudp_addr *addr, bool numeric, char text[RUDP_SS_SIDE_SIZE]);
/* The address alone, and its port; null for what is not known. */
json_t *rudp_ss_json_address(const struct rudp_addr *addr);
json_t *rudp_ss_json_port(const struct rudp_addr *addr);
/* One array, or with summary one object. 0, or -ENOMEM, or -EIO. */
int rudp_ss_print_json(const struct rudp_ss *ss, const struct rudp_ss_list *list);

#endif
