/* SPDX-License-Identifier: MIT */
/* Makes a successor from the state of an engine that was killed (failover_state.h). */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/raw_syscall.h"
#include "base/log.h"
#include "engine/failover/failover_state.h"
#include "engine/ports/listener.h"
#include "engine/ports/port.h"

#define GENERATIONS 0xffffffu

/*
 * Programs still have connections of the predecessor, and ask about them by id. No object of this
 * engine may get one of those ids. The first engine starts generations at 1; a random start gives
 * the same id once in 2^24.
 */
static void avoid_ids_of_predecessor(struct rudp_engine *engine)
{
	uint32_t first;

	rudp_random_fill(&first, sizeof first);
	engine->slots.generation_first = first & GENERATIONS;
}

void rudp_failover_identify(struct rudp_engine *engine)
{
	struct rudp_failover_state *failover = engine->failover;

	if (!failover)
		return;
	engine->succeeds = failover->has_begun;
	if (engine->succeeds) {
		engine->nonce = failover->nonce;
		memcpy(engine->token, failover->token, sizeof engine->token);
		avoid_ids_of_predecessor(engine);
		return;
	}
	failover->nonce = engine->nonce;
	memcpy(failover->token, engine->token, sizeof failover->token);
}

static bool has_protocol(int fd, int protocol)
{
	return fd > 0 && rudp_raw_option(fd, SOL_SOCKET, SO_PROTOCOL) == protocol;
}

static bool matches_kernel(const struct rudp_failover_record *record)
{
	const struct rudp_addr *local = &record->binding.local;
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	struct rudp_addr addr;

	return rudp_slots_kind(record->binding.id) == RUDP_KIND_BINDING &&
	       record->binding.listening && has_protocol(record->binding.tcp_fd, IPPROTO_TCP) &&
	       has_protocol(record->udp_fd, IPPROTO_UDP) &&
	       getsockname(record->binding.tcp_fd, (struct sockaddr *)&name, &len) == 0 &&
	       rudp_addr_from_sockaddr(&addr, (struct sockaddr *)&name, len) == 0 &&
	       rudp_addr_equal(&addr, local);
}

/* Restores a binding without its links, and without connections that waited for the program. */
static struct rudp_binding *restore_binding(struct rudp_engine *engine,
					    const struct rudp_failover_record *record)
{
	struct rudp_binding *binding = matches_kernel(record) ? malloc(sizeof *binding) : NULL;

	if (!binding)
		return NULL;
	*binding = record->binding;
	binding->port = NULL;
	binding->link = binding->all_link = binding->number_link = (struct rudp_list){0};
	binding->waiting_id = 0;
	binding->queued = 0;
	binding->failover_index = (unsigned)(record - engine->failover->records) + 1;
	if (rudp_slots_put(&engine->slots, binding->id, binding))
		return binding;
	free(binding);
	return NULL;
}

/* One UDP socket may serve many ports, and one port many programs. */
static int take_udp(struct rudp_engine *engine, const struct rudp_failover_record *record,
		    struct rudp_udp **out)
{
	RUDP_LIST_EACH(struct rudp_udp, udp, &engine->udps, link) {
		if (udp->fd == record->udp_fd) {
			rudp_udp_hold(udp);
			*out = udp;
			return 0;
		}
	}
	return rudp_udp_adopt(engine, record->udp_fd, record->udp_v6only, out);
}

static void restore_port(struct rudp_engine *engine, const struct rudp_failover_record *record,
			 struct rudp_binding *binding)
{
	struct rudp_udp *udp;
	int rc = take_udp(engine, record, &udp);

	rudp_binding_enlist(engine, binding);
	if (rc == 0)
		rc = rudp_port_join(engine, binding, udp);
	if (rc == 0)
		rc = rudp_listener_go_on(engine, binding);
	if (rc == 0)
		return;
	rudp_log(RUDP_LOG_ERROR, "a listener of %s (pid %u) is lost: %s", binding->program.name,
		 binding->program.pid, strerrordesc_np(-rc));
	binding->listening = binding->port != NULL;
	rudp_binding_close(engine, binding);
}

void rudp_failover_restore_listeners(struct rudp_engine *engine)
{
	struct rudp_failover_state *failover = engine->failover;
	unsigned count = 0;

	if (!engine->succeeds)
		return;
	/* All bindings get their ids before any UDP socket gets one. */
	for (unsigned i = 0; i < failover->used_max && i < RUDP_FAILOVER_LISTENERS_MAX; i++) {
		struct rudp_failover_record *record = &failover->records[i];

		if (record->is_valid && !restore_binding(engine, record))
			record->is_valid = false;
		count += record->is_valid;
	}
	for (unsigned i = 0; i < failover->used_max && i < RUDP_FAILOVER_LISTENERS_MAX; i++) {
		struct rudp_failover_record *record = &failover->records[i];
		struct rudp_binding *binding = rudp_binding_find(engine, record->binding.id);

		if (record->is_valid && binding)
			restore_port(engine, record, binding);
	}
	rudp_log(RUDP_LOG_WARN, "continues for an engine that was killed, with %u listeners",
		 count);
	/* Programs may have closed listeners while no engine was there. */
	rudp_binding_probe_all(engine);
}

int rudp_failover_restore_control_listeners(struct rudp_engine *engine)
{
	const struct rudp_failover_state *failover = engine->failover;
	int rc = -ENOENT;

	for (unsigned kind = 0; kind < RUDP_CONTROL_LISTENER_KINDS; kind++) {
		if (!failover->listener_fds[kind])
			continue;
		rc = rudp_control_listener_adopt(engine, failover->listener_fds[kind], kind);
		if (rc < 0)
			return rc;
	}
	return rc;
}
