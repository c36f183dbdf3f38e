/* SPDX-License-Identifier: MIT */
#include "engine/udp/udp_moderation.h"

#include <sys/epoll.h>

#include "engine/udp/udp.h"

#define FAR_APART_NS                                                                               \
	(64 * RUDP_MODERATION_NS_MAX)           /* forty reads until the average is small again */
#define GAP_NS_MAX (8 * RUDP_MODERATION_NS_MAX) /* so that a pause does not count as many gaps */
#define GAP_SHARE 8                             /* weight of a new gap in the average: 1/8 */
#define READS_MAX 8                             /* calls of rudp_udp_receive() in one read */

void rudp_moderation_init(struct rudp_moderation *m)
{
	*m = (struct rudp_moderation){.gap_ns = FAR_APART_NS};
}

/* The interval for a connection with this minimum round trip time; 0: it is not moderated. */
static int64_t span_of(int64_t min_rtt_ns)
{
	int64_t span_ns = RUDP_MODERATION_NS_MAX;

	if (min_rtt_ns == RUDP_NEVER)
		return 0;
	while (span_ns > min_rtt_ns / RUDP_MODERATION_RTT_DIVISOR)
		span_ns /= 2;
	return span_ns >= RUDP_MODERATION_NS_MIN ? span_ns : 0;
}

bool rudp_moderation_on_heard(struct rudp_moderation *m, const struct rudp_addr *from,
			      unsigned datagrams)
{
	bool same = rudp_addr_equal(&m->from, from);

	m->heard += datagrams;
	if (!same)
		m->from = *from;
	return same;
}

/* A read after an epoll event found datagrams. true: such reads are close together. */
static bool on_read(struct rudp_moderation *m, int64_t now_at_ns)
{
	int64_t gap_ns = rudp_time_min(now_at_ns - m->read_at_ns, GAP_NS_MAX);

	m->read_at_ns = now_at_ns;
	m->gap_ns += (gap_ns - m->gap_ns) / GAP_SHARE;
	return m->gap_ns * RUDP_MODERATION_WAKES_MIN <= RUDP_MODERATION_NS_MAX;
}

/* The first multiple of span_ns after now: sockets with related intervals are read together. */
static int64_t next_read_at_ns(int64_t span_ns, int64_t now_at_ns)
{
	return (now_at_ns & -span_ns) + span_ns;
}

void rudp_udp_rewatch(struct rudp_engine *engine, const struct rudp_udp *udp)
{
	uint32_t in = udp->moderation.span_ns > 0 ? 0 : EPOLLIN;
	uint32_t out = udp->pending_count > 0 ? EPOLLOUT : 0;

	rudp_engine_rewatch(engine, udp->fd, in | out, udp->id);
}

static void start(struct rudp_engine *engine, struct rudp_udp *udp, int64_t span_ns)
{
	struct rudp_moderation *m = &udp->moderation;

	m->span_ns = span_ns;
	m->read_due_at_ns = next_read_at_ns(span_ns, engine->now_at_ns);
	m->sparse_reads = 0;
	udp->batch = RUDP_RECEIVE_BATCH;
	rudp_list_append(&engine->moderated_udps, &m->link);
	rudp_udp_rewatch(engine, udp);
}

static void stop(struct rudp_engine *engine, struct rudp_udp *udp)
{
	struct rudp_moderation *m = &udp->moderation;

	m->span_ns = 0;
	m->gap_ns = FAR_APART_NS;
	rudp_list_remove(&m->link);
	rudp_udp_rewatch(engine, udp);
}

/* packets: those that the connection has received. A round trip or more since the last check. */
static bool has_settled(struct rudp_moderation *m, uint64_t packets)
{
	uint64_t before = m->packets;

	m->packets = packets;
	return packets >= RUDP_MODERATION_PACKETS_MIN && packets >= before &&
	       packets - before <= before / RUDP_MODERATION_GROWTH_DIVISOR;
}

static int64_t wanted_span_ns(struct rudp_engine *engine, struct rudp_udp *udp)
{
	struct rudp_moderation *m = &udp->moderation;
	const struct rudp_conn *conn = rudp_endpoint_find_peer(engine->ep, udp, &m->from);
	struct rudp_conn_stats stats;

	m->check_at_ns = engine->now_at_ns + RUDP_MODERATION_CHECK_NS;
	/* A user who asks for busy polling wants low latency. */
	if (!conn || (engine->settings.has_busy_poll && engine->settings.busy_poll_ns > 0))
		return 0;
	rudp_conn_stats(conn, &stats);
	if (stats.min_rtt_ns == RUDP_NEVER)
		return 0;
	m->check_at_ns = rudp_time_max(m->check_at_ns, engine->now_at_ns + stats.min_rtt_ns);
	return has_settled(m, stats.packets_received) ? span_of(stats.min_rtt_ns) : 0;
}

void rudp_udp_moderate(struct rudp_engine *engine, struct rudp_udp *udp, bool alone)
{
	struct rudp_moderation *m = &udp->moderation;
	int64_t span_ns;

	if (!alone) {
		if (m->span_ns > 0)
			stop(engine, udp);
		m->gap_ns = FAR_APART_NS;
		return;
	}
	if (m->span_ns > 0 || !on_read(m, engine->now_at_ns) || engine->now_at_ns < m->check_at_ns)
		return;
	span_ns = wanted_span_ns(engine, udp);
	if (m->gap_ns * RUDP_MODERATION_WAKES_MIN <= span_ns)
		start(engine, udp, span_ns);
}

static void read_due(struct rudp_engine *engine, struct rudp_udp *udp)
{
	struct rudp_moderation *m = &udp->moderation;
	bool more = true;

	m->heard = 0;
	for (int i = 0; more && i < READS_MAX; i++)
		more = rudp_udp_receive(engine, udp);
	if (m->span_ns == 0)
		return; /* another sender was found */
	m->read_due_at_ns =
		more ? engine->now_at_ns : next_read_at_ns(m->span_ns, engine->now_at_ns);
	m->sparse_reads = m->heard < RUDP_MODERATION_WAKES_MIN ? m->sparse_reads + 1 : 0;
	if (m->heard > RUDP_MODERATION_HEARD_MAX && m->span_ns > RUDP_MODERATION_NS_MIN)
		m->span_ns /= 2; /* read more often: the socket's buffer may be small */
	if (m->sparse_reads == RUDP_MODERATION_SPARSE_MAX)
		stop(engine, udp);
}

void rudp_udp_read_moderated(struct rudp_engine *engine)
{
	struct rudp_list this_round, *link;

	rudp_list_init(&this_round);
	rudp_list_move_all(&engine->moderated_udps, &this_round);
	while ((link = rudp_list_pop(&this_round))) {
		struct rudp_udp *udp = RUDP_LIST_OWNER(link, struct rudp_udp, moderation.link);

		rudp_list_append(&engine->moderated_udps, link);
		if (udp->moderation.read_due_at_ns <= engine->now_at_ns)
			read_due(engine, udp);
	}
}

/* The list is short: each of these sockets receives more than a thousand datagrams a second. */
int64_t rudp_udp_moderated_at_ns(const struct rudp_engine *engine)
{
	const struct rudp_list *head = &engine->moderated_udps;
	int64_t at_ns = RUDP_NEVER;

	RUDP_LIST_EACH(const struct rudp_moderation, m, head, link) {
		at_ns = rudp_time_min(at_ns, m->read_due_at_ns);
	}
	return at_ns;
}
