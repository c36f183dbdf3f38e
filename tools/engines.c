/* SPDX-License-Identifier: MIT */
#include "engines.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/control_client.h"
#include "base/clock.h"
#include "base/grow.h"

#define NAMES "/proc/net/unix"
#define LISTENS 0x10000ul /* __SO_ACCEPTCON: accepted connections have the same name, without it */

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

static socklen_t address_of(const struct rudp_engine_place *engine, struct sockaddr_un *un)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = engine->nonce};

	if (!engine->path[0])
		return rudp_name_write(&name, un);
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(un->sun_path, engine->path, sizeof un->sun_path);
	return sizeof *un;
}

/* A link of another user may lead to a socket of this user. */
static bool is_socket(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* Returns false if the name cannot be reached. Never waits. */
static bool find_user(struct rudp_engine_place *engine)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un un;
	socklen_t len = address_of(engine, &un), size = sizeof(struct ucred);
	struct ucred listening;
	bool is_reached = fd >= 0 && connect(fd, (struct sockaddr *)&un, len) == 0;
	bool is_full = fd >= 0 && !is_reached && errno == EAGAIN;

	engine->uid = RUDP_UID_UNKNOWN;
	if (is_reached && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listening, &size) == 0)
		engine->uid = listening.uid;
	if (fd >= 0)
		close(fd);
	engine->is_foreign = is_reached && geteuid() != 0 && engine->uid != geteuid();
	return is_reached || is_full;
}

struct search {
	struct rudp_engine_place *places;
	size_t count, capacity;
};

/*
 * An engine has a path, for its user and root, and an abstract name. Both have the same number and
 * user.
 */
static int note(struct search *search, const struct rudp_engine_place *engine)
{
	unsigned of_user = 0;

	for (size_t i = 0; i < search->count; i++) {
		struct rudp_engine_place *known = &search->places[i];

		if (known->uid != engine->uid)
			continue;
		of_user++;
		if (memcmp(&known->nonce, &engine->nonce, sizeof engine->nonce) != 0)
			continue;
		if (!known->path[0])
			*known = *engine;
		return 0;
	}
	if (of_user >= RUDP_ENGINES_PER_USER_MAX && engine->uid != geteuid())
		return 0;
	if (!RUDP_GROW(search->places, search->count, search->capacity, 16))
		return -ENOMEM;
	search->places[search->count++] = *engine;
	return 0;
}

static int find_engines(FILE *names, struct search *search)
{
	struct rudp_engine_place engine;
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	while (rc == 0 && getline(&line, &size, names) > 0)
		if (read_line(line, &engine) && (!engine.path[0] || is_socket(engine.path)) &&
		    find_user(&engine))
			rc = note(search, &engine);
	free(line);
	return rc;
}

static int64_t spent_on(const struct search *search, uid_t uid)
{
	int64_t sum_ns = 0;

	for (size_t i = 0; i < search->count; i++)
		if (search->places[i].uid == uid)
			sum_ns += search->places[i].spent_ns;
	return sum_ns;
}

static int visit_some(const struct search *search, bool own, rudp_engine_visit *visit,
		      void *context)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < search->count; i++) {
		struct rudp_engine_place *engine = &search->places[i];
		int64_t since_ns = rudp_clock_now_ns();

		if ((engine->uid == geteuid()) != own)
			continue;
		engine->is_hasty = !own && spent_on(search, engine->uid) >= RUDP_ENGINES_USER_NS;
		rc = visit(context, engine);
		engine->spent_ns = rudp_clock_now_ns() - since_ns;
	}
	return rc;
}

int rudp_engines_visit(rudp_engine_visit *visit, void *context)
{
	struct search search = {0};
	FILE *names = fopen(NAMES, "re");
	int rc = names ? find_engines(names, &search) : -errno;

	if (rc == 0)
		rc = visit_some(&search, true, visit, context);
	if (rc == 0)
		rc = visit_some(&search, false, visit, context);
	if (names)
		fclose(names);
	free(search.places);
	return rc;
}

/* Makes the call to this engine. Returns 0, or -errno, which may be the engine's answer. */
static int make(const struct rudp_engine_place *engine, struct rudp_control_call *call)
{
	uint32_t user = engine->uid == RUDP_UID_UNKNOWN ? geteuid() : engine->uid;
	int rc;

	if (engine->is_foreign)
		return -EACCES;
	if (engine->is_hasty)
		call->timeout.tv_usec = RUDP_ENGINE_HASTY_NS / 1000;
	else
		call->timeout.tv_sec = RUDP_ENGINE_CALL_S;
	call->path = engine->path[0] ? engine->path : NULL;
	/* Another process may have taken the name since. */
	if (engine->uid != RUDP_UID_UNKNOWN || user != 0)
		call->user = &user;
	rc = rudp_control_make(call);
	call->user = NULL;
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
