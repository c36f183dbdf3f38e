/* SPDX-License-Identifier: MIT */
/* Hand-over of the acceptor to another process. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conversation/server/upgrade_state.h"
#include "conversation/server/acceptor_private.h"

static void serialize_listen(struct apo_serializer *serializer, struct apo_listen *listen_on)
{
	apo_serializer_bytes(serializer, &listen_on->address, sizeof listen_on->address);
	apo_serializer_flag(serializer, &listen_on->is_tls);
	apo_serializer_flag(serializer, &listen_on->is_web);
	apo_serializer_expect(serializer, listen_on->address.family == AF_INET ||
						  listen_on->address.family == AF_INET6);
}

static void read_listener(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor)
{
	struct apo_listener *listener = calloc(1, sizeof *listener);

	apo_serializer_expect(&upgrade->serializer, listener != NULL);
	if (!listener)
		return;
	listener->source = (struct apo_event_source){APO_SOURCE_LISTENER, -1};
	acceptor->listeners[acceptor->listener_count++] = listener;
	serialize_listen(&upgrade->serializer, &listener->listen);
	apo_upgrade_state_descriptor(upgrade, &listener->source.fd);
	if (upgrade->serializer.ok)
		apo_serializer_expect(&upgrade->serializer,
				      apo_source_watch(acceptor->epoll_fd, &listener->source,
						       EPOLLIN, EPOLL_CTL_ADD) == 0);
}

static void serialize_listeners(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor)
{
	uint32_t count = acceptor->listener_count, i;

	apo_serializer_u32(&upgrade->serializer, &count);
	apo_serializer_expect(&upgrade->serializer, count <= APO_LISTENS_MAX);
	for (i = 0; i < count && upgrade->serializer.ok; i++) {
		if (upgrade->serializer.is_reading) {
			read_listener(upgrade, acceptor);
			continue;
		}
		serialize_listen(&upgrade->serializer, &acceptor->listeners[i]->listen);
		apo_upgrade_state_descriptor(upgrade, &acceptor->listeners[i]->source.fd);
	}
}

static void serialize_arrival(struct apo_upgrade_state *upgrade, struct apo_arrival *arrival)
{
	apo_serializer_bytes(&upgrade->serializer, &arrival->address, sizeof arrival->address);
	apo_serializer_flag(&upgrade->serializer, &arrival->is_proxied);
	serialize_listen(&upgrade->serializer, &arrival->listen);
}

static void read_waiter(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor,
			bool has_address)
{
	struct apo_arrival arrival;
	struct apo_ip_entry *ip_entry;
	int64_t until_ns;

	serialize_arrival(upgrade, &arrival);
	apo_serializer_instant(&upgrade->serializer, &until_ns);
	apo_upgrade_state_descriptor(upgrade, &arrival.fd);
	if (arrival.fd < 0)
		return;
	if (!has_address && upgrade->serializer.ok) {
		apo_acceptor_await_proxy(acceptor, &arrival, until_ns);
		return;
	}
	ip_entry = upgrade->serializer.ok
			   ? apo_ip_limits_readmit(&acceptor->ip_limits, &arrival.address)
			   : NULL;
	apo_serializer_expect(&upgrade->serializer, ip_entry != NULL);
	if (!ip_entry) {
		close(arrival.fd);
		return;
	}
	apo_acceptor_let_wait(acceptor, &arrival, ip_entry, until_ns);
}

/* has_address: the connections wait for a place, else for the header of a proxy. Nothing of a
 * header has been taken from the socket. */
static void serialize_waiters(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor,
			      bool has_address)
{
	struct rudp_list *link = has_address ? acceptor->waiting.next : acceptor->proxied.next;
	uint32_t count = has_address ? acceptor->waiting_count : acceptor->proxied_count, i;
	struct apo_waiter *waiter;

	apo_serializer_count(&upgrade->serializer, &count, 2 * sizeof(struct rudp_addr) + 11);
	for (i = 0; i < count && upgrade->serializer.ok; i++) {
		if (upgrade->serializer.is_reading) {
			read_waiter(upgrade, acceptor, has_address);
			continue;
		}
		waiter = RUDP_LIST_OWNER(link, struct apo_waiter, link);
		serialize_arrival(upgrade, &waiter->arrival);
		apo_serializer_instant(&upgrade->serializer, &waiter->until_ns);
		apo_upgrade_state_descriptor(upgrade, &waiter->source.fd);
		link = link->next;
	}
}

void apo_acceptor_serialize(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor)
{
	APO_SERIALIZE_COUNTERS(&upgrade->serializer, APO_ACCEPTOR_COUNTERS, acceptor->counters);
	apo_ip_limits_serialize(&upgrade->serializer, &acceptor->ip_limits);
	serialize_listeners(upgrade, acceptor);
	if (upgrade->serializer.ok)
		serialize_waiters(upgrade, acceptor, true);
	if (upgrade->serializer.ok)
		serialize_waiters(upgrade, acceptor, false);
}

/* The other process keeps the sockets open, so closing them here does not remove them from
 * epoll. */
void apo_acceptor_release(struct apo_acceptor *acceptor)
{
	unsigned i;

	for (i = 0; i < acceptor->listener_count; i++)
		(void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL,
				acceptor->listeners[i]->source.fd, NULL);
	RUDP_LIST_EACH(struct apo_waiter, waiter, &acceptor->waiting, link)
		(void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, waiter->source.fd, NULL);
	RUDP_LIST_EACH(struct apo_waiter, waiter, &acceptor->proxied, link)
		(void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, waiter->source.fd, NULL);
	acceptor->is_closed = true;
	apo_acceptor_drop_all(acceptor);
}
