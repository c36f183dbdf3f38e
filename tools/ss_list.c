/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "api/control_client.h"
#include "api/names.h"
#include "base/clock.h"
#include "base/grow.h"
#include "base/time.h"
#include "proto/conn/conn.h"
#include "proto/wire/packet.h"
#include "ss.h"

#define NAMES "/proc/net/unix"
#define LISTENS 0x10000ul /* __SO_ACCEPTCON: accepted connections have the same name, without it */
#define STEP_S 2          /* a running engine answers at once */
#define ENGINE_NS (20 * RUDP_NS_PER_S)

/* Returns false if the line is not that of an engine. */
static bool read_line(const char *line, struct rudp_engine_place *engine)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct rudp_name name;
	unsigned long flags;
	char path[sizeof un.sun_path];
	size_t len;

	if (sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %107s", &flags, path) != 2 ||
	    !(flags & LISTENS) || (path[0] != '@' && path[0] != '/'))
		return false;
	len = strlen(path);
	memcpy(un.sun_path, path, len);
	if (path[0] == '@')
		un.sun_path[0] = 0;
	if (rudp_name_parse(&name, &un,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) !=
	    RUDP_NAME_CONTROL)
		return false;
	*engine = (struct rudp_engine_place){.nonce = name.nonce};
	if (path[0] == '/')
		memcpy(engine->path, path, len + 1);
	return true;
}

/* An engine has two names: a path, for its user and root, and an abstract name. */
static void note(struct rudp_engine_place *engines, size_t *count,
		 const struct rudp_engine_place *engine)
{
	for (size_t i = 0; i < *count; i++) {
		if (memcmp(&engines[i].nonce, &engine->nonce, sizeof engine->nonce) != 0)
			continue;
		if (!engines[i].path[0])
			engines[i] = *engine;
		return;
	}
	if (*count < RUDP_SS_ENGINES_MAX)
		engines[(*count)++] = *engine;
}

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

/* Makes the call to this engine. Returns 0, or -errno, which may be the engine's answer. */
static int make(const struct rudp_engine_place *engine, struct rudp_control_call *call)
{
	int rc;

	call->timeout.tv_sec = STEP_S;
	call->path = engine->path[0] ? engine->path : NULL;
	rc = rudp_control_make(call);
	if (rc == -ENOENT && call->path) {
		/* The path belongs to another mount namespace. */
		call->path = NULL;
		rc = rudp_control_make(call);
	}
	return rc < 0 ? rc : -call->reply.error;
}

int rudp_engine_ask(const struct rudp_engine_place *engine, enum rudp_control_operation operation,
		    uint64_t id, const struct rudp_addr *addr, struct rudp_control_reply *reply)
{
	struct rudp_control_call call;
	int rc;

	rudp_control_begin(&call, &engine->nonce, operation, -1);
	call.request.id = id;
	if (addr)
		call.request.addr = *addr;
	rc = make(engine, &call);
	*reply = call.reply;
	return rc;
}

int rudp_engine_answer(const struct rudp_engine_place *engine, uint64_t id, const uint8_t key[32],
		       bool is_accepted)
{
	struct rudp_control_call call;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_ANSWER, -1);
	call.request.id = id;
	call.request.number = is_accepted;
	memcpy(call.request.value, key, 32);
	return make(engine, &call);
}

/* Any process can bind such a name, so the number of answers and the total time are limited. */
static int list_all(struct rudp_ss_list *list, const struct rudp_engine_place *engine)
{
	int64_t end_at_ns = rudp_clock_now_ns() + ENGINE_NS;
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

static size_t find_engines(FILE *names, struct rudp_engine_place *engines)
{
	struct rudp_engine_place engine;
	char *line = NULL;
	size_t size = 0, count = 0;

	while (getline(&line, &size, names) > 0)
		if (read_line(line, &engine))
			note(engines, &count, &engine);
	free(line);
	return count;
}

int rudp_engines_visit(rudp_engine_visit *visit, void *context)
{
	struct rudp_engine_place *engines = calloc(RUDP_SS_ENGINES_MAX, sizeof *engines);
	FILE *names = fopen(NAMES, "re");
	size_t count;
	int rc = names ? 0 : -errno;

	if (!engines)
		rc = -ENOMEM;
	count = rc == 0 ? find_engines(names, engines) : 0;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = visit(context, &engines[i]);
	if (names)
		fclose(names);
	free(engines);
	return rc;
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

uint64_t rudp_ss_receive_queue(const struct rudp_control_info *info)
{
	return info->state == RUDP_STATE_LISTEN ? info->queued : info->unread_bytes;
}

uint64_t rudp_ss_send_queue(const struct rudp_control_info *info)
{
	return info->state == RUDP_STATE_LISTEN ? info->backlog : info->unacked_bytes;
}
