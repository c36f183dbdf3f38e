/* SPDX-License-Identifier: MIT */
#include "nat.h"
#include "checksum.h"

#include <string.h>

enum { NONE = -1 };

void nat_init(struct nat *nat, const struct nat_conf *conf, struct prng *prng)
{
	memset(nat, 0, sizeof *nat);
	nat->conf = *conf;
	nat->next_port = (uint32_t)prng_below(prng, NAT_PORTS);
	for (size_t i = 0; i < NAT_BUCKETS; i++)
		nat->by_inside[i] = nat->by_outside[i] = NONE;
}

void nat_set_epoch(struct nat *nat, uint64_t epoch)
{
	if (epoch > nat->epoch)
		nat->epoch = epoch;
}

static size_t address_bytes(unsigned version)
{
	return version == 4 ? 4 : 16;
}

static uint8_t *address_field(const struct packet_view *view, bool destination)
{
	size_t base = view->version == 4 ? 12 : 8;

	return view->data + base + (destination ? address_bytes(view->version) : 0);
}

static uint8_t *port_field(const struct packet_view *view, bool destination)
{
	return view->data + view->transport + (destination ? 2 : 0);
}

static struct nat_endpoint endpoint_of(const struct packet_view *view, bool destination)
{
	struct nat_endpoint endpoint = {0};

	memcpy(endpoint.address, address_field(view, destination), address_bytes(view->version));
	memcpy(endpoint.port, port_field(view, destination), 2);
	return endpoint;
}

/* Rewrites one end and adjusts both checksums by the difference, so that a damaged packet stays
 * damaged. */
static void rewrite(const struct packet_view *view, bool destination,
		    const struct nat_endpoint *endpoint)
{
	struct nat_endpoint before = endpoint_of(view, destination);
	uint8_t *sum = packet_checksum_field(view);
	size_t size = address_bytes(view->version);

	memcpy(address_field(view, destination), endpoint->address, size);
	memcpy(port_field(view, destination), endpoint->port, 2);
	if (view->version == 4)
		checksum_patch(view->data + 10, before.address, endpoint->address, size);
	if (!sum || (view->version == 4 && !sum[0] && !sum[1]))
		return;
	checksum_patch(sum, before.address, endpoint->address, size);
	checksum_patch(sum, before.port, endpoint->port, 2);
	if (!sum[0] && !sum[1])
		sum[0] = sum[1] = 0xff;
}

/* FNV-1a; the hosts on a test link are no attackers. */
static size_t bucket_of(const struct nat_endpoint *near, const struct nat_endpoint *remote)
{
	const struct nat_endpoint *part[] = {near, remote};
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < sizeof near->address; i++)
			hash = (hash ^ part[p]->address[i]) * 0x100000001b3;
		hash = (hash ^ part[p]->port[0]) * 0x100000001b3;
		hash = (hash ^ part[p]->port[1]) * 0x100000001b3;
	}
	return (size_t)(hash % NAT_BUCKETS);
}

static bool same(const struct nat_endpoint *a, const struct nat_endpoint *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static struct nat_flow *find_inside(struct nat *nat, unsigned version,
				    const struct nat_endpoint *inside,
				    const struct nat_endpoint *remote)
{
	int i = nat->by_inside[bucket_of(inside, remote)];

	while (i != NONE &&
	       !(nat->flow[i].version == version && nat->flow[i].epoch == nat->epoch &&
		 same(&nat->flow[i].inside, inside) && same(&nat->flow[i].remote, remote)))
		i = nat->flow[i].next_inside;
	return i == NONE ? NULL : &nat->flow[i];
}

static struct nat_flow *find_outside(struct nat *nat, unsigned version,
				     const struct nat_endpoint *outside,
				     const struct nat_endpoint *remote)
{
	int i = nat->by_outside[bucket_of(outside, remote)];

	while (i != NONE &&
	       !(nat->flow[i].version == version && same(&nat->flow[i].outside, outside) &&
		 same(&nat->flow[i].remote, remote)))
		i = nat->flow[i].next_outside;
	return i == NONE ? NULL : &nat->flow[i];
}

static void unlink_flow(struct nat *nat, int index)
{
	struct nat_flow *flow = &nat->flow[index];
	int *link = &nat->by_inside[bucket_of(&flow->inside, &flow->remote)];

	while (*link != index)
		link = &nat->flow[*link].next_inside;
	*link = flow->next_inside;
	link = &nat->by_outside[bucket_of(&flow->outside, &flow->remote)];
	while (*link != index)
		link = &nat->flow[*link].next_outside;
	*link = flow->next_outside;
}

static struct nat_flow *insert(struct nat *nat, const struct nat_flow *flow)
{
	int index, *head;

	if (nat->flows < NAT_FLOWS_MAX) {
		index = (int)nat->flows++;
	} else {
		index = (int)nat->recycle_next;
		nat->recycle_next = (nat->recycle_next + 1) % NAT_FLOWS_MAX;
		unlink_flow(nat, index);
	}
	nat->flow[index] = *flow;
	head = &nat->by_inside[bucket_of(&flow->inside, &flow->remote)];
	nat->flow[index].next_inside = *head;
	*head = index;
	head = &nat->by_outside[bucket_of(&flow->outside, &flow->remote)];
	nat->flow[index].next_outside = *head;
	*head = index;
	return &nat->flow[index];
}

/* Adds to a big-endian number of size bytes. */
static void add_to_address(uint8_t *address, size_t size, uint64_t amount)
{
	while (size-- > 0) {
		amount += address[size];
		address[size] = (uint8_t)amount;
		amount >>= 8;
	}
}

static void choose_address(const struct nat *nat, struct nat_flow *flow)
{
	const struct nat_conf *conf = &nat->conf;

	if (nat->epoch && flow->version == 4 && conf->v4_size) {
		memcpy(flow->outside.address, &conf->v4_first, 4);
		add_to_address(flow->outside.address, 4, (nat->epoch - 1) % conf->v4_size);
	} else if (nat->epoch && flow->version == 6 && conf->v6_size) {
		memcpy(flow->outside.address, &conf->v6_first, 16);
		add_to_address(flow->outside.address, 16, (nat->epoch - 1) % conf->v6_size);
	}
}

static void choose_port(struct nat *nat, struct nat_flow *flow)
{
	uint32_t port;

	/* With more flows than ports the last port tried is shared; the limits exclude that. */
	for (unsigned i = 0; i < NAT_PORTS; i++) {
		nat->next_port = (nat->next_port + 1) % NAT_PORTS;
		port = NAT_PORT_FIRST + nat->next_port;
		flow->outside.port[0] = (uint8_t)(port >> 8);
		flow->outside.port[1] = (uint8_t)port;
		if (!find_outside(nat, flow->version, &flow->outside, &flow->remote) &&
		    !same(&flow->outside, &flow->inside))
			return;
	}
}

static struct nat_flow *map(struct nat *nat, unsigned version, const struct nat_endpoint *inside,
			    const struct nat_endpoint *remote)
{
	struct nat_flow flow = {
		.version = version,
		.inside = *inside,
		.outside = *inside,
		.remote = *remote,
		.epoch = nat->epoch,
	};

	if (nat->epoch) {
		choose_address(nat, &flow);
		choose_port(nat, &flow);
	}
	return insert(nat, &flow);
}

static bool concerns(const struct packet_view *view)
{
	return view->whole && view->protocol == PROTOCOL_UDP && view->size >= view->transport + 8;
}

enum nat_verdict nat_leave(struct nat *nat, const struct packet_view *view)
{
	struct nat_endpoint inside, remote;
	struct nat_flow *flow;

	if (!concerns(view))
		return NAT_UNCHANGED;
	inside = endpoint_of(view, false);
	remote = endpoint_of(view, true);
	flow = find_inside(nat, view->version, &inside, &remote);
	if (!flow)
		flow = map(nat, view->version, &inside, &remote);
	if (same(&flow->outside, &inside))
		return NAT_UNCHANGED;
	rewrite(view, false, &flow->outside);
	return NAT_TRANSLATED;
}

enum nat_verdict nat_enter(struct nat *nat, const struct packet_view *view)
{
	struct nat_endpoint outside, remote;
	struct nat_flow *flow;

	if (!concerns(view))
		return NAT_UNCHANGED;
	outside = endpoint_of(view, true);
	remote = endpoint_of(view, false);
	flow = find_outside(nat, view->version, &outside, &remote);
	/* A client on the other side that connects to a server on A has no flow yet. */
	if (!flow)
		return NAT_UNCHANGED;
	if (flow->epoch != nat->epoch)
		return NAT_FORGOTTEN;
	if (same(&flow->inside, &outside))
		return NAT_UNCHANGED;
	rewrite(view, true, &flow->inside);
	return NAT_TRANSLATED;
}
