/* SPDX-License-Identifier: MIT */
/* A successor takes the place of an engine that was killed: name, control listeners and listeners
 * (failover_state.h). */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/failover/failover_state.h"
#include "engine/ports/listener.h"
#include "engine/ports/port.h"

#define GENERATIONS 0xffffffu

/*
 * Programs still hold connections of the predecessor, and ask after them by its ids: none of ours may
 * have the same. It began with 1 everywhere; a random beginning makes two alike once in 2^24.
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
	int value = -1;
	socklen_t len = sizeof value;

	return fd > 0 && getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len) == 0 &&
	       value == protocol;
}

static bool is_sound(const struct rudp_failover_record *kept)
{
	const struct rudp_addr *local = &kept->binding.local;
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	struct rudp_addr addr;

	return rudp_slots_kind(kept->binding.id) == RUDP_KIND_BINDING && kept->binding.listening &&
	       has_protocol(kept->binding.tcp_fd, IPPROTO_TCP) &&
	       has_protocol(kept->udp_fd, IPPROTO_UDP) &&
	       getsockname(kept->binding.tcp_fd, (struct sockaddr *)&name, &len) == 0 &&
	       rudp_addr_from_sockaddr(&addr, (struct sockaddr *)&name, len) == 0 &&
	       rudp_addr_equal(&addr, local);
}

/* Without what it was linked to, and what waited for its program. */
static struct rudp_binding *revive(struct rudp_engine *engine,
				   const struct rudp_failover_record *kept)
{
	struct rudp_binding *binding = is_sound(kept) ? malloc(sizeof *binding) : NULL;

	if (!binding)
		return NULL;
	*binding = kept->binding;
	binding->port = NULL;
	binding->link = binding->all_link = binding->number_link = (struct rudp_list){0};
	binding->waiting_id = 0;
	binding->queued = 0;
	binding->kept = (unsigned)(kept - engine->failover->records) + 1;
	if (rudp_slots_put(&engine->slots, binding->id, binding))
		return binding;
	free(binding);
	return NULL;
}

/* One socket may serve many ports, and one port many programs. */
static int take_udp(struct rudp_engine *engine, const struct rudp_failover_record *kept,
		    struct rudp_udp **out)
{
	for (struct rudp_list *link = engine->udps.next; link != &engine->udps; link = link->next) {
		struct rudp_udp *udp = RUDP_LIST_OWNER(link, struct rudp_udp, link);

		if (udp->fd == kept->udp_fd) {
			rudp_udp_hold(udp);
			*out = udp;
			return 0;
		}
	}
	return rudp_udp_adopt(engine, kept->udp_fd, kept->udp_v6only, out);
}

static void restore(struct rudp_engine *engine, const struct rudp_failover_record *kept,
		    struct rudp_binding *binding)
{
	struct rudp_udp *udp;
	int rc = take_udp(engine, kept, &udp);

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
	/* All of them have their ids before their sockets get some. */
	for (unsigned i = 0; i < failover->used_max && i < RUDP_FAILOVER_LISTENERS_MAX; i++) {
		struct rudp_failover_record *kept = &failover->records[i];

		if (kept->is_valid && !revive(engine, kept))
			kept->is_valid = false;
		count += kept->is_valid;
	}
	for (unsigned i = 0; i < failover->used_max && i < RUDP_FAILOVER_LISTENERS_MAX; i++) {
		struct rudp_failover_record *kept = &failover->records[i];
		struct rudp_binding *binding = rudp_binding_find(engine, kept->binding.id);

		if (kept->is_valid && binding)
			restore(engine, kept, binding);
	}
	rudp_log(RUDP_LOG_WARN, "takes the place of an engine that was killed, with %u listeners",
		 count);
	/* Some programs may have closed theirs while nobody was there to see it. */
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
