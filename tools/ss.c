/* SPDX-License-Identifier: MIT */
/* rudp ss: shows the connections and listeners of every engine that the caller may ask. */
#include "ss.h"

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "proto/conn/conn.h"
#include "tool.h"

#define FILTER_SIZE 4096
#define BIT(state) (1u << (state))
/* The states that ss does not show without -a. */
#define HIDDEN                                                                                     \
	(BIT(RUDP_STATE_LISTEN) | BIT(RUDP_STATE_CLOSED) | BIT(RUDP_STATE_TIME_WAIT) |             \
	 BIT(RUDP_STATE_SYN_RCVD))

struct input {
	struct rudp_ss ss;
	char filter[FILTER_SIZE];
};

static const struct argp_option options[] = {
	{"all", 'a', NULL, 0, "all states, listeners too", 0},
	{"listening", 'l', NULL, 0, "listeners only", 0},
	{"processes", 'p', NULL, 0, "show the programs", 0},
	{"numeric", 'n', NULL, 0, "ports as numbers, not as names of services", 0},
	{"no-header", 'H', NULL, 0, "no header line", 0},
	{"summary", 's', NULL, 0, "counts only", 0},
	{"failed", 'f', NULL, 0, "recent failed connections, and why they failed", 0},
	{"json", 'j', NULL, 0, "as JSON, one array of objects", 0},
	{"tcp", 't', NULL, 0, "ignored; for compatibility with ss", 0},
	{"info", 'i', NULL, 0, "ignored; the details are always shown", 0},
	{0},
};

static void add_word(struct argp_state *state, char filter[FILTER_SIZE], const char *word)
{
	size_t len = strlen(filter);
	int more = snprintf(filter + len, FILTER_SIZE - len, "%s%s", len ? " " : "", word);

	if (more < 0 || len + (size_t)more >= FILTER_SIZE)
		argp_error(state, "the filter is too long");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct input *input = state->input;

	switch (key) {
	case 'a':
		input->ss.all = true;
		return 0;
	case 'l':
		input->ss.listening = true;
		return 0;
	case 'p':
		input->ss.processes = true;
		return 0;
	case 'n':
		input->ss.numeric = true;
		return 0;
	case 'H':
		input->ss.no_header = true;
		return 0;
	case 's':
		input->ss.summary = true;
		return 0;
	case 'f':
		input->ss.failed = true;
		return 0;
	case 'j':
		input->ss.json = true;
		return 0;
	case 't':
	case 'i':
		return 0;
	case ARGP_KEY_ARG:
		add_word(state, input->filter, value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[FILTER]",
	.doc = "Shows the connections and listeners of rudp on this host, as `ss -tin' does for "
	       "TCP.\v"
	       "FILTER is as for ss(8): state established, dport = :80, dst 10.0.0.0/8, transport "
	       "tcp, program nginx; joined by and, or, not and parentheses.",
};

static bool is_wanted(const struct rudp_ss *ss, const struct rudp_filter *filter,
		      const struct rudp_control_info *info)
{
	bool shown = true;

	if (ss->listening)
		shown = info->state == RUDP_STATE_LISTEN;
	else if (!ss->all && !ss->summary)
		shown = !(info->state < 32 && HIDDEN & BIT(info->state));
	return (shown || filter->names_states) && rudp_filter_match(filter, info);
}

static void filter_list(const struct rudp_ss *ss, const struct rudp_filter *filter,
			struct rudp_ss_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (is_wanted(ss, filter, &list->entries[i]))
			list->entries[kept++] = list->entries[i];
	list->count = kept;
}

static void report_missing(const struct rudp_ss_list *list)
{
	if (list->denied)
		warnx("%u engine%s of other users or containers not shown (root sees those of "
		      "users)",
		      list->denied, list->denied == 1 ? "" : "s");
	if (list->full)
		warnx("%u engine%s not shown: no free descriptor for this call, or for further "
		      "connections (ulimit -Hn)",
		      list->full, list->full == 1 ? "" : "s");
	if (list->silent)
		warnx("%u engine%s did not answer correctly: another version, or hanging",
		      list->silent, list->silent == 1 ? "" : "s");
}

static int show(const struct rudp_ss *ss, const struct rudp_ss_list *list)
{
	int rc = 0;

	if (ss->failed)
		rc = rudp_ss_print_failed(ss, list);
	else if (ss->json)
		rc = rudp_ss_print_json(ss, list);
	else if (ss->summary)
		rudp_ss_print_summary(list);
	else
		rudp_ss_print_text(ss, list);
	if (fflush(stdout) == EOF)
		rc = -errno;
	if (rc < 0)
		warnx("cannot write: %s", strerror(-rc));
	return rc < 0 ? 1 : 0;
}

static bool read_filter(struct rudp_filter *filter, const char *text)
{
	char error[RUDP_FILTER_ERROR_SIZE];
	unsigned at;

	if (rudp_filter_parse(filter, text, error, &at))
		return true;
	warnx("filter, column %u: %s", at + 1, error);
	fprintf(stderr, "  %s\n  %*s^\n", text, (int)at, "");
	return false;
}

int rudp_tool_ss(int argc, char **argv)
{
	static struct input input;
	static struct rudp_filter filter;
	struct rudp_ss_list list;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &input);
	if (!read_filter(&filter, input.filter))
		return RUDP_EXIT_USAGE;
	rc = input.ss.failed ? rudp_ss_collect_failed(&list) : rudp_ss_collect(&list);
	if (rc < 0) {
		warnx("cannot look for engines: %s", strerror(-rc));
		rudp_ss_list_fini(&list);
		return 1;
	}
	filter_list(&input.ss, &filter, &list);
	rudp_ss_filter_failed(&list, &filter);
	rc = show(&input.ss, &list);
	report_missing(&list);
	rudp_ss_list_fini(&list);
	return rc;
}
