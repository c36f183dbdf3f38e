/* SPDX-License-Identifier: MIT */
/* rudp ss --failed: the recent failed connections, and the causes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/grow.h"
#include "base/time.h"
#include "engine/config/identity.h"
#include "proto/conn/conn.h"
#include "ss.h"

/* An engine keeps 64 for programs and 64 for peers; a process that lists more is no engine. */
#define PER_ENGINE_MAX 1024
#define TIME_SIZE 40

static const struct {
	const char *word, *text;
} causes[] = {
#define CAUSE(name, word, text) {word, text},
	RUDP_FAILURE_CAUSES(CAUSE)
#undef CAUSE
};

const char *rudp_ss_cause_word(unsigned cause)
{
	return cause < RUDP_FAILURE_CAUSE_COUNT ? causes[cause].word : "?";
}

static const char *cause_text(const struct rudp_control_failure *failure)
{
	if (failure->cause == RUDP_FAILURE_OTHER)
		return strerror(failure->error);
	return failure->cause < RUDP_FAILURE_CAUSE_COUNT ? causes[failure->cause].text : "?";
}

static int add(struct rudp_ss_list *list, const struct rudp_control_reply *reply)
{
	struct rudp_ss_failure *entry;

	if (!RUDP_GROW(list->failures, list->failure_count, list->failure_capacity, 64))
		return -ENOMEM;
	entry = &list->failures[list->failure_count++];
	*entry = (struct rudp_ss_failure){reply->local, reply->remote, reply->failure};
	rudp_ss_clean(entry->figures.program, sizeof entry->figures.program);
	rudp_ss_clean(entry->figures.why, sizeof entry->figures.why);
	return 0;
}

static int ask(struct rudp_ss_list *list, const struct rudp_engine_place *engine)
{
	struct rudp_control_reply reply = {.id = 0};

	for (unsigned i = 0; i < PER_ENGINE_MAX; i++) {
		int rc = rudp_engine_ask(engine, RUDP_CONTROL_FAILED, reply.id, NULL, &reply);

		if (rc < 0 || reply.id == 0)
			return rc;
		if (add(list, &reply) < 0)
			return -ENOMEM;
	}
	return -EPROTO;
}

/* The newest comes last. */
static int compare_ages(const void *a, const void *b)
{
	int64_t age_a_ns = ((const struct rudp_ss_failure *)a)->figures.age_ns;
	int64_t age_b_ns = ((const struct rudp_ss_failure *)b)->figures.age_ns;

	return (age_a_ns < age_b_ns) - (age_a_ns > age_b_ns);
}

int rudp_ss_collect_failed(struct rudp_ss_list *list)
{
	int rc = rudp_ss_visit(list, ask);

	if (list->failure_count > 0)
		qsort(list->failures, list->failure_count, sizeof *list->failures, compare_ages);
	return rc;
}

void rudp_ss_filter_failed(struct rudp_ss_list *list, const struct rudp_filter *filter)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->failure_count; i++) {
		const struct rudp_ss_failure *failure = &list->failures[i];
		struct rudp_control_info info = {.state = RUDP_STATE_CLOSED,
						 .transport = failure->figures.transport,
						 .pid = failure->figures.pid,
						 .local = failure->local,
						 .remote = failure->remote};

		memcpy(info.program, failure->figures.program, sizeof info.program);
		if (rudp_filter_match(filter, &info))
			list->failures[kept++] = *failure;
	}
	list->failure_count = kept;
}

/* The age comes from another process and may be absurd: a time that cannot be formatted is "?". */
static void time_of(const struct rudp_control_failure *failure, bool utc, char text[TIME_SIZE])
{
	time_t at = time(NULL) - (time_t)(failure->age_ns / RUDP_NS_PER_S);
	struct tm parts = {0};
	size_t len = 0;

	if (utc && gmtime_r(&at, &parts))
		len = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
	else if (!utc && localtime_r(&at, &parts))
		len = strftime(text, TIME_SIZE, "%F %T", &parts);
	if (len == 0)
		strcpy(text, "?");
}

static const char *error_name(int error)
{
	const char *name = error ? strerrorname_np(error) : "-";

	return name ? name : "?";
}

/* Returns NULL if there is no key. */
static const char *fingerprint_of(const uint8_t key[RUDP_IDENTITY_BYTES],
				  char text[RUDP_FINGERPRINT_FULL_SIZE])
{
	static const uint8_t none[RUDP_IDENTITY_BYTES];

	return memcmp(key, none, sizeof none) == 0 ? NULL : rudp_fingerprint_full(key, text);
}

bool rudp_ss_key_has_changed(const struct rudp_control_failure *failure,
			     char text[RUDP_SS_CHANGE_SIZE])
{
	char known[RUDP_FINGERPRINT_FULL_SIZE], shown[RUDP_FINGERPRINT_FULL_SIZE];
	const char *new = fingerprint_of(failure->peer_key, shown);

	if (failure->cause != RUDP_FAILURE_IDENTITY || !fingerprint_of(failure->known_key, known) ||
	    memcmp(failure->known_key, failure->peer_key, sizeof failure->known_key) == 0)
		return false;
	snprintf(text, RUDP_SS_CHANGE_SIZE, "it is known as %s, and shows %s now", known,
		 new ? new : "another key or none");
	return true;
}

static void print_reason(const struct rudp_control_failure *failure)
{
	char text[RUDP_FINGERPRINT_FULL_SIZE], change[RUDP_SS_CHANGE_SIZE];
	const char *fingerprint = fingerprint_of(failure->peer_key, text);

	if (rudp_ss_key_has_changed(failure, change)) {
		printf("\n\t %s; if its owner has changed it: rudp key forget HOST; rudp key "
		       "enroll HOST\n",
		       change);
		return;
	}
	printf("\n\t %s", cause_text(failure));
	if (failure->why[0])
		printf(": the key %s%s%s", fingerprint ? fingerprint : "", fingerprint ? " " : "",
		       failure->why);
	putchar('\n');
}

static void print_who(const struct rudp_ss *ss, const struct rudp_ss_failure *failure)
{
	char local[RUDP_SS_SIDE_SIZE];

	if (failure->figures.pid)
		printf("%s (pid %u)", failure->figures.program, failure->figures.pid);
	else
		printf("to %s", rudp_ss_side(&failure->local, ss->numeric, local));
}

static void print_line(const struct rudp_ss *ss, const struct rudp_ss_failure *failure, int width)
{
	char at[TIME_SIZE], remote[RUDP_SS_SIDE_SIZE];

	time_of(&failure->figures, false, at);
	printf("%-19s %6" PRIu32 " %-13s %-9s %*s  ", at, failure->figures.count,
	       error_name(failure->figures.error),
	       rudp_filter_transport_name(failure->figures.transport), width,
	       rudp_ss_side(&failure->remote, ss->numeric, remote));
	print_who(ss, failure);
	print_reason(&failure->figures);
}

static int width_of_peers(const struct rudp_ss *ss, const struct rudp_ss_list *list)
{
	size_t width = strlen("Peer Address:Port");

	for (size_t i = 0; i < list->failure_count; i++) {
		char remote[RUDP_SS_SIDE_SIZE];
		size_t len = strlen(rudp_ss_side(&list->failures[i].remote, ss->numeric, remote));

		width = len > width ? len : width;
	}
	return (int)width;
}

static void print_text(const struct rudp_ss *ss, const struct rudp_ss_list *list)
{
	int width = width_of_peers(ss, list);

	if (!ss->no_header)
		printf("%-19s %6s %-13s %-9s %*s  %s\n", "Last", "Count", "Error", "Transport",
		       width, "Peer Address:Port", "Process");
	for (size_t i = 0; i < list->failure_count; i++)
		print_line(ss, &list->failures[i], width);
}

static json_t *object_of(const struct rudp_ss_failure *failure)
{
	const struct rudp_control_failure *figures = &failure->figures;
	char at[TIME_SIZE], shown[RUDP_FINGERPRINT_FULL_SIZE], known[RUDP_FINGERPRINT_FULL_SIZE];

	time_of(figures, true, at);
	return json_pack("{s:s?, s:s?, s:s?, s:s, s:I, s:I, s:s, s:s, s:o, s:i, s:s, s:o, s:o, "
			 "s:o, s:o, s:o, s:o}",
			 "identity", fingerprint_of(figures->peer_key, shown), "known_identity",
			 fingerprint_of(figures->known_key, known), "identity_problem",
			 figures->why[0] ? figures->why : NULL, "last_time", at, "age_ns",
			 (json_int_t)figures->age_ns, "count", (json_int_t)figures->count, "cause",
			 rudp_ss_cause_word(figures->cause), "text", cause_text(figures), "error",
			 figures->error ? json_string(error_name(figures->error)) : json_null(),
			 "errno", (int)figures->error, "transport",
			 rudp_filter_transport_name(figures->transport), "local_address",
			 rudp_ss_json_address(&failure->local), "local_port",
			 rudp_ss_json_port(&failure->local), "peer_address",
			 rudp_ss_json_address(&failure->remote), "peer_port",
			 rudp_ss_json_port(&failure->remote), "program",
			 figures->pid ? json_string(figures->program) : json_null(), "pid",
			 figures->pid ? json_integer(figures->pid) : json_null());
}

static int print_json(const struct rudp_ss_list *list)
{
	json_t *array = json_array();
	int rc = array ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < list->failure_count; i++)
		if (json_array_append_new(array, object_of(&list->failures[i])) < 0)
			rc = -ENOMEM;
	if (rc == 0 && !rudp_json_print(array))
		rc = -EIO;
	json_decref(array);
	return rc;
}

int rudp_ss_print_failed(const struct rudp_ss *ss, const struct rudp_ss_list *list)
{
	if (ss->json)
		return print_json(list);
	print_text(ss, list);
	return 0;
}
