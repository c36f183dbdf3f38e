/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/split_mix.h"
#include "messaging/hub_private.h"

/* For numbers that must differ, not for secrets. */
uint64_t rudpmsg_hub_random(struct rudpmsg_hub *hub)
{
	uint64_t number = rudp_split_mix(&hub->random);

	return number ? number : 1;
}

struct rudpmsg_hub *rudpmsg_hub_new(const struct rudpmsg_hub_config *config, int64_t now_at_ns)
{
	struct rudpmsg_hub *hub = calloc(1, sizeof *hub);

	if (!hub)
		return NULL;
	hub->config = *config;
	hub->random = config->seed;
	hub->run = config->run ? config->run : rudpmsg_hub_random(hub);
	rudp_list_init(&hub->sender_ages);
	rudp_list_init(&hub->links);
	rudp_list_init(&hub->unauthenticated_links);
	rudp_list_init(&hub->linkless);
	rudp_list_init(&hub->to_dial);
	rudp_list_init(&hub->to_write);
	rudp_list_init(&hub->to_read);
	rudp_list_init(&hub->to_close);
	rudp_list_init(&hub->with_events);
	rudp_list_init(&hub->readable);
	rudp_list_init(&hub->tickets);
	rudp_list_init(&hub->final_events_list);
	rudp_list_init(&hub->busy);
	rudp_list_init(&hub->rooms_ready);
	rudp_list_init(&hub->read_blocked);
	rudp_list_init(&hub->awaited);
	hub->quiet.kind = TIMER_QUIET;
	hub->seen_at_ns = now_at_ns;
	rudpmsg_store_init(hub);
	rudp_timer_wheel_init(&hub->wheel, now_at_ns);
	return hub;
}

void rudpmsg_hub_free(struct rudpmsg_hub *hub)
{
	struct rudp_list *link;

	if (!hub)
		return;
	while ((link = rudp_list_pop(&hub->links)))
		rudpmsg_link_free(RUDP_LIST_OWNER(link, struct rudpmsg_link, all));
	while ((link = rudp_list_pop(&hub->to_close)))
		rudpmsg_link_free(RUDP_LIST_OWNER(link, struct rudpmsg_link, close));
	rudpmsg_conn_free_all(hub);
	while ((link = rudp_list_pop(&hub->tickets)))
		free(RUDP_LIST_OWNER(link, struct ticket, all));
	while ((link = rudp_list_pop(&hub->final_events_list)))
		free(RUDP_LIST_OWNER(link, struct final_events, all));
	rudpmsg_senders_free_all(hub);
	rudpmsg_store_fini(hub);
	free(hub);
}

unsigned rudpmsg_hub_take_changes(struct rudpmsg_hub *hub)
{
	unsigned changes = hub->changes;

	hub->changes = 0;
	return changes;
}

struct rudpmsg_stats *rudpmsg_hub_stats(struct rudpmsg_hub *hub)
{
	return &hub->stats;
}

struct rudpmsg_link *rudpmsg_hub_next_dial(struct rudpmsg_hub *hub)
{
	return RUDP_LIST_POP(&hub->to_dial, struct rudpmsg_link, dial);
}

struct rudpmsg_link *rudpmsg_hub_next_write(struct rudpmsg_hub *hub)
{
	return RUDP_LIST_POP(&hub->to_write, struct rudpmsg_link, write);
}

struct rudpmsg_link *rudpmsg_hub_sole_write(struct rudpmsg_hub *hub)
{
	const struct rudp_list *all = &hub->to_write;

	if (!(hub->changes & RUDPMSG_CHANGED_WRITE) || (hub->changes & RUDPMSG_CHANGED_WORK) ||
	    rudp_list_is_empty(all) || all->next->next != all)
		return NULL;
	hub->changes &= ~RUDPMSG_CHANGED_WRITE;
	return rudpmsg_hub_next_write(hub);
}

struct rudpmsg_link *rudpmsg_hub_next_read(struct rudpmsg_hub *hub)
{
	return RUDP_LIST_POP(&hub->to_read, struct rudpmsg_link, read);
}

struct rudpmsg_link *rudpmsg_hub_next_close(struct rudpmsg_hub *hub)
{
	return RUDP_LIST_POP(&hub->to_close, struct rudpmsg_link, close);
}

int64_t rudpmsg_hub_deadline_ns(const struct rudpmsg_hub *hub)
{
	return rudp_timer_wheel_next_at_ns(&hub->wheel);
}

void rudpmsg_hub_stop_accepting(struct rudpmsg_hub *hub)
{
	hub->is_stopped = true;
}

void rudpmsg_hub_end_links(struct rudpmsg_hub *hub, int64_t now_at_ns)
{
	struct rudpmsg_conn *conn;

	hub->is_stopped = hub->is_ended = true;
	RUDP_LIST_EACH_SAFE(struct rudpmsg_link, link, &hub->links, all) {
		conn = link->conn;
		rudpmsg_link_bye(hub, link, RUDPMSG_REASON_CLOSING, now_at_ns);
		if (conn && conn->link == link)
			conn->link = NULL;
		if (conn && conn->attempt == link)
			conn->attempt = NULL;
	}
}

bool rudpmsg_hub_has_links(const struct rudpmsg_hub *hub)
{
	return !rudp_list_is_empty(&hub->links);
}

void rudpmsg_hub_arm(struct rudpmsg_hub *hub, struct hub_timer *timer, int64_t deadline_at_ns)
{
	rudp_timer_arm(&hub->wheel, &timer->timer, deadline_at_ns);
	hub->changes |= RUDPMSG_CHANGED_WORK;
}

static void on_timer(struct rudpmsg_hub *hub, struct hub_timer *timer, int64_t now_at_ns)
{
	switch (timer->kind) {
	case TIMER_LINK:
		rudpmsg_link_on_time(hub, RUDP_LIST_OWNER(timer, struct rudpmsg_link, timer),
				     now_at_ns);
		break;
	case TIMER_RETRY:
		rudpmsg_conn_on_retry(hub, RUDP_LIST_OWNER(timer, struct rudpmsg_conn, retry),
				      now_at_ns);
		break;
	case TIMER_GIVE_UP:
		rudpmsg_conn_leave(hub, RUDP_LIST_OWNER(timer, struct rudpmsg_conn, give_up),
				   ETIMEDOUT);
		break;
	case TIMER_QUIET:
		rudpmsg_hub_on_quiet(hub, now_at_ns);
		break;
	case TIMER_STORE:
		rudpmsg_store_want_batch(hub);
		break;
	}
}

void rudpmsg_hub_on_time(struct rudpmsg_hub *hub, int64_t now_at_ns)
{
	struct rudp_timer *timer;

	hub->seen_at_ns = now_at_ns;
	/* Timers that are set meanwhile expire in the future, so this loop ends. */
	while ((timer = rudp_timer_wheel_pop(&hub->wheel, now_at_ns)))
		on_timer(hub, RUDP_LIST_OWNER(timer, struct hub_timer, timer), now_at_ns);
}
