/* SPDX-License-Identifier: MIT */
#include "engine/udp/udp_moderation.h"

#include <sys/epoll.h>

#include "engine/udp/udp.h"

#define FAR_APART_NS (64 * RUDP_MODERATION_NS_MAX) /* some forty reads until they may be close again */
#define GAP_NS_MAX (8 * RUDP_MODERATION_NS_MAX)    /* of one read: a pause is not a hundred of them */
#define GAP_SHARE 8                                /* of the smoothed one */
#define READS_MAX 8                                /* in one look */

void rudp_moderation_init(struct rudp_moderation *m)
{
	*m = (struct rudp_moderation){.gap_ns = FAR_APART_NS};
}

int64_t rudp_moderation_span_ns(int64_t min_rtt_ns)
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

bool rudp_moderation_on_read(struct rudp_moderation *m, int64_t now_at_ns)
{
	int64_t gap_ns = rudp_time_min(now_at_ns - m->read_at_ns, GAP_NS_MAX);

	m->read_at_ns = now_at_ns;
	m->gap_ns += (gap_ns - m->gap_ns) / GAP_SHARE;
	return m->gap_ns * RUDP_MODERATION_WAKES_MIN <= RUDP_MODERATION_NS_MAX;
}

/* The first instant after now that all have in common whose span is this one or a part of it. */
static int64_t next_look_at_ns(int64_t span_ns, int64_t now_at_ns)
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
	m->look_at_ns = next_look_at_ns(span_ns, engine->now_at_ns);
	m->vain = 0;
	udp->batch = RUDP_RECEIVE_BATCH;
	rudp_list_append(&engine->moderated_udps, &m->link);
	rudp_udp_rewatch(engine, udp);
	engine->counts.moderations++;
}

static void stop(struct rudp_engine *engine, struct rudp_udp *udp)
{
	struct rudp_moderation *m = &udp->moderation;

	m->span_ns = 0;
	m->gap_ns = FAR_APART_NS;
	rudp_list_remove(&m->link);
	rudp_udp_rewatch(engine, udp);
}

static int64_t wanted_span_ns(struct rudp_engine *engine, struct rudp_udp *udp)
{
	const struct rudp_conn *conn =
		rudp_endpoint_find_peer(engine->ep, udp, &udp->moderation.from);
	struct rudp_conn_stats stats;

	/* Who asks for busy polling wants each one as soon as it can be had. */
	if (!conn || (engine->settings.has_busy_poll && engine->settings.busy_poll_ns > 0))
		return 0;
	rudp_conn_stats(conn, &stats);
	if (stats.packets_received < RUDP_MODERATION_PACKETS_MIN)
		return 0;
	return rudp_moderation_span_ns(stats.min_rtt_ns);
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
	if (m->span_ns > 0 || !rudp_moderation_on_read(m, engine->now_at_ns))
		return;
	span_ns = wanted_span_ns(engine, udp);
	if (m->gap_ns * RUDP_MODERATION_WAKES_MIN <= span_ns)
		start(engine, udp, span_ns);
	else if (span_ns == 0)
		m->gap_ns = FAR_APART_NS; /* asked again in a while */
}

static void look(struct rudp_engine *engine, struct rudp_udp *udp)
{
	struct rudp_moderation *m = &udp->moderation;
	bool more = true;

	m->heard = 0;
	for (int i = 0; more && i < READS_MAX; i++)
		more = rudp_udp_receive(engine, udp);
	if (m->span_ns == 0)
		return; /* somebody else was heard */
	m->look_at_ns = more ? engine->now_at_ns : next_look_at_ns(m->span_ns, engine->now_at_ns);
	m->vain = m->heard < RUDP_MODERATION_WAKES_MIN ? m->vain + 1 : 0;
	if (m->heard > RUDP_MODERATION_HEARD_MAX && m->span_ns > RUDP_MODERATION_NS_MIN)
		m->span_ns /= 2; /* and its buffer may be small */
	if (m->vain == RUDP_MODERATION_VAIN_MAX)
		stop(engine, udp);
}

void rudp_udp_read_moderated(struct rudp_engine *engine)
{
	struct rudp_list turn, *link;

	rudp_list_init(&turn);
	while ((link = rudp_list_pop(&engine->moderated_udps)))
		rudp_list_append(&turn, link);
	while ((link = rudp_list_pop(&turn))) {
		struct rudp_udp *udp = RUDP_LIST_OWNER(link, struct rudp_udp, moderation.link);

		rudp_list_append(&engine->moderated_udps, link);
		if (udp->moderation.look_at_ns <= engine->now_at_ns)
			look(engine, udp);
	}
}

/* They are few: each has more than a thousand datagrams a second. */
int64_t rudp_udp_moderated_at_ns(const struct rudp_engine *engine)
{
	const struct rudp_list *head = &engine->moderated_udps;
	int64_t at_ns = RUDP_NEVER;

	for (const struct rudp_list *link = head->next; link != head; link = link->next) {
		const struct rudp_moderation *m =
			RUDP_LIST_OWNER(link, const struct rudp_moderation, link);

		at_ns = rudp_time_min(at_ns, m->look_at_ns);
	}
	return at_ns;
}
