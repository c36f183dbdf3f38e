/* SPDX-License-Identifier: MIT */
#include "engine/failover/failover_state.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "engine/ports/port.h"

struct rudp_failover_state *rudp_failover_state_new(void)
{
	void *failover = mmap(NULL, sizeof(struct rudp_failover_state), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return failover == MAP_FAILED ? NULL : failover;
}

/* A free record, or NULL. */
static struct rudp_failover_record *take_record(struct rudp_failover_state *failover)
{
	for (unsigned i = 0; i < failover->used_max; i++)
		if (!failover->records[i].is_valid)
			return &failover->records[i];
	return failover->used_max < RUDP_FAILOVER_LISTENERS_MAX
		       ? &failover->records[failover->used_max++]
		       : NULL;
}

static struct rudp_failover_record *record_of(struct rudp_engine *engine,
					      struct rudp_binding *binding)
{
	struct rudp_failover_record *record;

	if (binding->failover_index)
		return &engine->failover->records[binding->failover_index - 1];
	record = take_record(engine->failover);
	if (record)
		binding->failover_index = (unsigned)(record - engine->failover->records) + 1;
	else if (rudp_log_ratelimit_allows(&engine->ratelimit, engine->now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "%s (pid %u): this listener would be lost in a failover, as %u others are "
			 "kept",
			 binding->program.name, binding->program.pid, RUDP_FAILOVER_LISTENERS_MAX);
	return record;
}

void rudp_failover_listener(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_failover_record *record;

	if (!engine->failover || !binding->listening)
		return;
	record = record_of(engine, binding);
	if (!record)
		return;
	record->is_valid = false;
	record->binding = *binding;
	record->udp_fd = binding->port->udp->fd;
	record->udp_v6only = binding->port->udp->v6only;
	record->is_valid = true;
}

void rudp_failover_forget(struct rudp_engine *engine, struct rudp_binding *binding)
{
	if (!engine->failover || !binding->failover_index)
		return;
	engine->failover->records[binding->failover_index - 1].is_valid = false;
	binding->failover_index = 0;
}

void rudp_failover_control_listener(struct rudp_engine *engine,
				    const struct rudp_control_listener *listener)
{
	if (engine->failover)
		engine->failover->listener_fds[listener->kind] = listener->fd;
}

void rudp_failover_forget_control_listener(struct rudp_engine *engine,
					   const struct rudp_control_listener *listener)
{
	if (engine->failover)
		engine->failover->listener_fds[listener->kind] = 0;
}

void rudp_failover_begin(struct rudp_engine *engine)
{
	if (engine->failover)
		engine->failover->has_begun = true;
}

void rudp_failover_end(struct rudp_engine *engine)
{
	if (engine->failover)
		engine->failover->is_over = true;
}

/* used_max, checked: an engine that was about to crash may have overwritten it. */
static unsigned used(const struct rudp_failover_state *failover)
{
	return failover->used_max < RUDP_FAILOVER_LISTENERS_MAX ? failover->used_max
								: RUDP_FAILOVER_LISTENERS_MAX;
}

unsigned rudp_failover_count(const struct rudp_failover_state *failover)
{
	unsigned count = 0;

	for (unsigned i = 0; i < used(failover); i++)
		count += failover->records[i].is_valid;
	return count;
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

size_t rudp_failover_fds(const struct rudp_failover_state *failover, int fds[RUDP_FAILOVER_FDS_MAX])
{
	size_t count = 0, distinct = 0;

	for (unsigned i = 0; i < RUDP_CONTROL_LISTENER_KINDS; i++)
		fds[count++] = failover->listener_fds[i];
	for (unsigned i = 0; i < used(failover); i++) {
		if (!failover->records[i].is_valid)
			continue;
		fds[count++] = failover->records[i].binding.tcp_fd;
		fds[count++] = failover->records[i].udp_fd;
		fds[count++] = failover->records[i].binding.path_fd;
	}
	qsort(fds, count, sizeof *fds, compare);
	for (size_t i = 0; i < count; i++)
		if (fds[i] > 0 && (distinct == 0 || fds[i] != fds[distinct - 1]))
			fds[distinct++] = fds[i];
	return distinct;
}
