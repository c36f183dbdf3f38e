/* SPDX-License-Identifier: MIT */
/* The history of the nodes of cluster_fixture.h, as text on their disks. */
#include "conversation/cluster_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 4000

static struct cluster_disk *history_of(void *node)
{
	return &((struct cluster_node *)node)->history;
}

static int64_t account_id(const void *node, const char *account)
{
	return account ? apo_model_shared_account_id(((const struct cluster_node *)node)->model,
						     account)
		       : 0;
}

/* ---- what the models say ---- */

static void on_keep(void *of, const struct apo_said *said)
{
	char line[LINE_SIZE], key[100];
	unsigned i;

	snprintf(key, sizeof key, "said %016" PRIx64 " ", (uint64_t)said->position);
	for (i = 0; i < history_of(of)->count; i++)
		cr_assert(ne(int, strncmp(history_of(of)->lines[i], key, strlen(key)), 0),
			  "%s is used twice", key);
	snprintf(line, sizeof line, "%s%" PRIx64 " %" PRId64 " %s %" PRId64 " %" PRId64 " %s %s",
		 key, said->run, said->time_ms, said->channel ? said->channel : "-",
		 account_id(of, said->between[0]), account_id(of, said->between[1]), said->source,
		 said->text);
	cluster_add_line(history_of(of), line);
}

static void on_joined(void *of, int64_t id, const char *account, const char *channel, int64_t first)
{
	char line[LINE_SIZE];

	cr_assert(ge(i64, account_id(of, account), 1));
	snprintf(line, sizeof line, "presence %016" PRIx64 " %" PRId64 " %s %" PRId64, (uint64_t)id,
		 account_id(of, account), channel, first);
	cluster_add_line(history_of(of), line);
}

static void on_left(void *of, int64_t id, int64_t last)
{
	struct cluster_disk *history = history_of(of);
	char key[100], line[LINE_SIZE];
	unsigned i;

	snprintf(key, sizeof key, "presence %016" PRIx64 " ", (uint64_t)id);
	for (i = 0; i < history->count; i++) {
		if (strncmp(history->lines[i], key, strlen(key)) != 0)
			continue;
		snprintf(line, sizeof line, "%s until %" PRId64, history->lines[i], last);
		cr_assert(eq(ptr, strstr(history->lines[i], " until "), NULL), "%s", line);
		free(history->lines[i]);
		history->lines[i] = strdup(line);
		return;
	}
	cr_assert(false, "%s is not there", key);
}

static void on_marker(void *of, const char *account, const char *target, int64_t time_ms)
{
	char key[200], line[LINE_SIZE];

	snprintf(key, sizeof key, "marker %" PRId64 " %s ", account_id(of, account), target);
	cluster_drop_lines(history_of(of), key);
	snprintf(line, sizeof line, "%s%" PRId64, key, time_ms);
	cluster_add_line(history_of(of), line);
}

static void on_redacted(void *of, uint64_t run, int64_t position)
{
	char key[100];

	snprintf(key, sizeof key, "said %016" PRIx64 " %" PRIx64 " ", (uint64_t)position, run);
	cluster_drop_lines(history_of(of), key);
}

static void on_change(void *of, const struct apo_change *change)
{
	switch (change->kind) {
	case APO_CHANGE_JOINED:
		on_joined(of, change->presence, change->account, change->target, change->position);
		break;
	case APO_CHANGE_LEFT:
		on_left(of, change->presence, change->position);
		break;
	case APO_CHANGE_READ:
		on_marker(of, change->account, change->target, change->time_ms);
		break;
	case APO_CHANGE_REDACTED:
		on_redacted(of, change->run, change->position);
		break;
	}
}

static void on_ask(void *of, uint64_t ticket, const struct apo_question *question)
{
	struct cluster_node *node = of;

	node->question = ticket;
	node->way = question->way;
	node->public_from = question->public_from;
	node->since = question->since;
}

static void on_replace(void *of, int64_t last)
{
	struct cluster_node *node = of;
	const char *at = (const char *)node->incoming, *end = at + node->incoming_len;

	cr_assert(ge(i64, last, 1));
	cluster_drop_lines(&node->history, "");
	for (; at < end; at += strlen(at) + 1)
		if (strncmp(at, "marker ", 7) != 0)
			cluster_add_line(&node->history, at);
}

/* ---- with the state ---- */

void cluster_add_history(const struct cluster_node *node, uint8_t **bytes, size_t *len)
{
	uint64_t state_len = *len;
	size_t size = *len, part;
	unsigned i;

	for (i = 0; i < node->history.count; i++)
		size += strlen(node->history.lines[i]) + 1;
	*bytes = realloc(*bytes, size + sizeof state_len);
	for (i = 0; i < node->history.count; i++, *len += part) {
		part = strlen(node->history.lines[i]) + 1;
		memcpy(*bytes + *len, node->history.lines[i], part);
	}
	memcpy(*bytes + *len, &state_len, sizeof state_len);
	*len += sizeof state_len;
}

size_t cluster_take_history(struct cluster_node *node, const uint8_t *bytes, size_t len)
{
	uint64_t state_len;

	len -= sizeof state_len;
	memcpy(&state_len, bytes + len, sizeof state_len);
	node->incoming = bytes + state_len;
	node->incoming_len = len - state_len;
	return state_len;
}

/* ---- for the tests ---- */

void cluster_offer_history(struct cluster *cluster)
{
	struct apo_model_calls *calls = &cluster->calls;

	cluster_offer_accounts(cluster);
	calls->keep = on_keep;
	calls->keep_change = on_change;
	calls->ask_history = on_ask;
	calls->replace_history = on_replace;
	cluster->config.has_history = true;
}

void cluster_answer_history(struct cluster *cluster, unsigned index, enum apo_asked asked)
{
	struct cluster_node *node = &cluster->nodes[index];

	apo_model_on_history(node->model, node->question, asked, NULL, cluster->now_ns);
}

unsigned cluster_count_history(const struct cluster *cluster, unsigned index, const char *kind)
{
	const struct cluster_disk *history = &cluster->nodes[index].history;
	unsigned count = 0, i;

	for (i = 0; i < history->count; i++)
		count += strncmp(history->lines[i], kind, strlen(kind)) == 0;
	return count;
}
