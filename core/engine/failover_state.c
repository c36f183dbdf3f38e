/* SPDX-License-Identifier: MIT */
#include "engine/failover_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "engine/port.h"

struct rudp_keep *rudp_keep_new(void)
{
	void *keep = mmap(NULL, sizeof(struct rudp_keep), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return keep == MAP_FAILED ? NULL : keep;
}

void rudp_keep_free(struct rudp_keep *keep)
{
	if (keep)
		munmap(keep, sizeof *keep);
}

/* One that nobody has, or NULL. */
static struct rudp_kept *take_record(struct rudp_keep *keep)
{
	for (unsigned i = 0; i < keep->used_max; i++)
		if (!keep->records[i].is_valid)
			return &keep->records[i];
	return keep->used_max < RUDP_KEPT_MAX ? &keep->records[keep->used_max++] : NULL;
}

static struct rudp_kept *record_of(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_kept *kept;

	if (binding->kept)
		return &engine->keep->records[binding->kept - 1];
	kept = take_record(engine->keep);
	if (kept)
		binding->kept = (unsigned)(kept - engine->keep->records) + 1;
	else if (rudp_complaints_may(&engine->complaints, engine->now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "%s (pid %u): there is no room to keep this listener, as %u are kept",
			 binding->program.name, binding->program.pid, RUDP_KEPT_MAX);
	return kept;
}

void rudp_keep_listener(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_kept *kept;

	if (!engine->keep || !binding->listening)
		return;
	kept = record_of(engine, binding);
	if (!kept)
		return;
	kept->is_valid = false;
	kept->binding = *binding;
	kept->udp_fd = binding->port->udp->fd;
	kept->udp_v6only = binding->port->udp->v6only;
	kept->is_valid = true;
}

void rudp_keep_forget(struct rudp_engine *engine, struct rudp_binding *binding)
{
	if (!engine->keep || !binding->kept)
		return;
	engine->keep->records[binding->kept - 1].is_valid = false;
	binding->kept = 0;
}

void rudp_keep_door(struct rudp_engine *engine, const struct rudp_door *door)
{
	if (engine->keep)
		engine->keep->door_fds[door->kind] = door->fd;
}

void rudp_keep_forget_door(struct rudp_engine *engine, const struct rudp_door *door)
{
	if (engine->keep)
		engine->keep->door_fds[door->kind] = 0;
}

void rudp_keep_begin(struct rudp_engine *engine)
{
	if (engine->keep)
		engine->keep->has_begun = true;
}

void rudp_keep_end(struct rudp_engine *engine)
{
	if (engine->keep)
		engine->keep->is_over = true;
}

/* What lies there was written by an engine that may have been about to crash. */
static unsigned used(const struct rudp_keep *keep)
{
	return keep->used_max < RUDP_KEPT_MAX ? keep->used_max : RUDP_KEPT_MAX;
}

unsigned rudp_keep_count(const struct rudp_keep *keep)
{
	unsigned count = 0;

	for (unsigned i = 0; i < used(keep); i++)
		count += keep->records[i].is_valid;
	return count;
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

size_t rudp_keep_fds(const struct rudp_keep *keep, int fds[RUDP_KEPT_FDS_MAX])
{
	size_t count = 0, distinct = 0;

	for (unsigned i = 0; i < RUDP_DOOR_KINDS; i++)
		fds[count++] = keep->door_fds[i];
	for (unsigned i = 0; i < used(keep); i++) {
		if (!keep->records[i].is_valid)
			continue;
		fds[count++] = keep->records[i].binding.tcp_fd;
		fds[count++] = keep->records[i].udp_fd;
		fds[count++] = keep->records[i].binding.path_fd;
	}
	qsort(fds, count, sizeof *fds, compare);
	for (size_t i = 0; i < count; i++)
		if (fds[i] > 0 && (distinct == 0 || fds[i] != fds[distinct - 1]))
			fds[distinct++] = fds[i];
	return distinct;
}
