/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/time.h"
#include "proto/conn/conn.h"
#include "proto/wire/packet.h"
#include "ss.h"

#define ENGINE_NS (5 * RUDP_NS_PER_S) /* 20,000 connections take less than a second */

void rudp_ss_clean(char *text, size_t size)
{
	text[size - 1] = 0;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static int add(struct rudp_ss_list *list, const struct rudp_control_info *info)
{
	struct rudp_control_info *entry;

	if (!RUDP_GROW(list->entries, list->count, list->capacity, 64))
		return -ENOMEM;
	entry = &list->entries[list->count++];
	*entry = *info;
	rudp_ss_clean(entry->program, sizeof entry->program);
	rudp_ss_clean(entry->cc_name, sizeof entry->cc_name);
	rudp_ss_clean(entry->cc_state, sizeof entry->cc_state);
	rudp_ss_clean(entry->peer_name, sizeof entry->peer_name);
	return 0;
}

static int add_engine(struct rudp_ss_list *list, const struct rudp_control_engine *told)
{
	void *more =
		reallocarray(list->engine_stats, list->engines + 1, sizeof *list->engine_stats);

	if (!more)
		return -ENOMEM;
	list->engine_stats = more;
	list->engine_stats[list->engines++] = *told;
	return 0;
}

/* Any process can bind such a name, so the number of answers and the total time are limited. */
static int list_all(struct rudp_ss_list *list, const struct rudp_engine_place *engine)
{
	int64_t end_at_ns =
		rudp_clock_now_ns() + (engine->is_hasty ? RUDP_ENGINE_HASTY_NS : ENGINE_NS);
	struct rudp_control_reply reply = {.id = 0};

	for (unsigned i = 0; i < RUDP_SS_PER_ENGINE_MAX; i++) {
		int rc = rudp_engine_ask(engine, RUDP_CONTROL_LIST, reply.id, NULL, &reply);

		if (rc < 0)
			return rc;
		if (reply.id == 0)
			return add_engine(list, &reply.engine);
		if (add(list, &reply.info) < 0)
			return -ENOMEM;
		if (rudp_clock_now_ns() >= end_at_ns)
			return -ETIMEDOUT;
	}
	return -EPROTO;
}

static int count_answer(struct rudp_ss_list *list, int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case -EACCES:
		list->denied++;
		return 0;
	case -EMFILE:
		list->full++;
		return 0;
	case -ENOENT:
	case -ECONNREFUSED: /* the engine has ended meanwhile */
	case -ECONNRESET:
		return 0;
	case -ENOMEM:
		return -ENOMEM;
	default:
		list->silent++;
		return 0;
	}
}

struct asking {
	struct rudp_ss_list *list;
	rudp_ss_ask *ask;
};

static int ask_engine(void *argument, const struct rudp_engine_place *engine)
{
	const struct asking *asking = argument;

	return count_answer(asking->list, asking->ask(asking->list, engine));
}

int rudp_ss_visit(struct rudp_ss_list *list, rudp_ss_ask *ask)
{
	struct asking asking = {list, ask};

	*list = (struct rudp_ss_list){.count = 0};
	return rudp_engines_visit(ask_engine, &asking);
}

int rudp_ss_collect(struct rudp_ss_list *list)
{
	return rudp_ss_visit(list, list_all);
}

void rudp_ss_list_fini(struct rudp_ss_list *list)
{
	free(list->failures);
	free(list->entries);
	free(list->engine_stats);
}

const char *rudp_ss_reason(const struct rudp_control_info *info)
{
	static const char *const texts[] = {
#define REASON(name, text) text,
		RUDP_REASONS(REASON)
#undef REASON
	};

	return info->reason < sizeof texts / sizeof texts[0] ? texts[info->reason] : "?";
}

bool rudp_ss_has_peer_key(const struct rudp_control_info *info)
{
	static const uint8_t none[sizeof info->peer_key];

	return memcmp(info->peer_key, none, sizeof none) != 0;
}

const char *rudp_ss_suite(const struct rudp_control_info *info)
{
	switch (info->suite) {
	case RUDP_SUITE_AES_256_GCM:
		return "aes-256-gcm";
	case RUDP_SUITE_CHACHA20_POLY1305:
		return "chacha20-poly1305";
	default:
		return "";
	}
}

const char *rudp_ss_handshake_kind(const struct rudp_control_info *info)
{
	static const char *const texts[] = {
#define HANDSHAKE_KIND(name, text) text,
		RUDP_HANDSHAKE_KINDS(HANDSHAKE_KIND)
#undef HANDSHAKE_KIND
	};

	if (!info->suite || info->handshake_kind >= sizeof texts / sizeof texts[0])
		return "";
	return texts[info->handshake_kind];
}
