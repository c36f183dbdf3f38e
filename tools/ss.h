/* SPDX-License-Identifier: MIT */
/*
 * ss - the parts of rudp ss: asking the engines (ss_list.c), printing the connections (ss_text.c,
 * ss_json.c), and failed connections (ss_failed.c).
 */
#ifndef RUDP_TOOLS_SS_H
#define RUDP_TOOLS_SS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engines.h"
#include "filter.h"

#define RUDP_SS_PER_ENGINE_MAX 2000000u /* a process that lists more is no engine */

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
	struct rudp_ss_failure *failures; /* newest last */
	size_t failure_count, failure_capacity;
	struct rudp_control_engine *engine_stats; /* of the engines that answered */
	unsigned engines;                         /* number of engines that answered */
	unsigned denied;                          /* number of engines of other users */
	unsigned full;                            /* number of engines without a free descriptor */
	unsigned silent;                          /* number of engines without a correct answer */
};

/*
 * Gets the connections and listeners of every engine of this network namespace. fini frees the
 * list.
 *
 * Returns  0, or -errno: /proc/net/unix cannot be read, no memory.
 */
int rudp_ss_collect(struct rudp_ss_list *list);
void rudp_ss_list_fini(struct rudp_ss_list *list);

/* Gets the recent failed connections instead. Returns as rudp_ss_collect. */
int rudp_ss_collect_failed(struct rudp_ss_list *list);

/* Asks one engine and may add to the list. Returns 0 or -errno; -ENOMEM ends the visit. */
typedef int rudp_ss_ask(struct rudp_ss_list *list, const struct rudp_engine_place *engine);
/*
 * Empties the list, asks every engine, and counts those that do not answer. As rudp_ss_collect.
 */
int rudp_ss_visit(struct rudp_ss_list *list, rudp_ss_ask *ask);
/* Makes text from another process safe for a terminal: printable, and with a final 0. */
void rudp_ss_clean(char *text, size_t size);

/* The reason for the choice of the transport. */
const char *rudp_ss_reason(const struct rudp_control_info *info);
/* The peer has proven a key. */
bool rudp_ss_has_peer_key(const struct rudp_control_info *info);
/* "aes-256-gcm"; "" for none. */
const char *rudp_ss_suite(const struct rudp_control_info *info);
/* The kind of handshake: full, resumed, resumed+dh; "" without encryption. */
const char *rudp_ss_handshake_kind(const struct rudp_control_info *info);

void rudp_ss_print_text(const struct rudp_ss *ss, const struct rudp_ss_list *list);
void rudp_ss_print_summary(const struct rudp_ss_list *list);
/* Prints text or JSON. Returns 0, -ENOMEM or -EIO. */
int rudp_ss_print_failed(const struct rudp_ss *ss, const struct rudp_ss_list *list);
/* Removes the failures that the filter does not match. They count as closed connections. */
void rudp_ss_filter_failed(struct rudp_ss_list *list, const struct rudp_filter *filter);
/* The listener has another key than the known hosts: both fingerprints as text. */
#define RUDP_SS_CHANGE_SIZE 160
bool rudp_ss_key_has_changed(const struct rudp_control_failure *failure,
			     char text[RUDP_SS_CHANGE_SIZE]);
/* The word for programs of a cause of failure. */
const char *rudp_ss_cause_word(unsigned cause);

/* Writes ADDRESS:PORT, with the service name of the port unless numeric; "*" for unknown parts. */
#define RUDP_SS_SIDE_SIZE (RUDP_ADDR_TEXT_SIZE + 64)
char *rudp_ss_side(const struct rudp_addr *addr, bool numeric, char text[RUDP_SS_SIDE_SIZE]);
/* Prints JSON and a newline. Returns false if that failed. */
bool rudp_json_print(const json_t *root);
/* The address alone, and the port alone; null if not known. */
json_t *rudp_ss_json_address(const struct rudp_addr *addr);
json_t *rudp_ss_json_port(const struct rudp_addr *addr);
/* Prints one array, or for a summary one object. Returns 0, -ENOMEM or -EIO. */
int rudp_ss_print_json(const struct rudp_ss *ss, const struct rudp_ss_list *list);

#endif
