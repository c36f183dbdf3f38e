/* SPDX-License-Identifier: MIT */
#include "conversation/server/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_AT_ONCE 256
#define BOX_EVENT UINT64_MAX
#define WATCHES_PERIOD_NS (5 * RUDP_NS_PER_MS)
#define WATCHES_AT_ONCE 256 /* connections that are asked for receipts in one turn */

/* ---- slots ---- */

struct apo_conn *apo_worker_conn(const struct apo_worker *worker, uint32_t slot)
{
	return worker->chunks[slot >> APO_SLOTS_BITS] + (slot & ((1u << APO_SLOTS_BITS) - 1));
}

struct apo_conn *apo_worker_find(struct apo_worker *worker, struct apo_peer peer)
{
	struct apo_conn *conn;

	if (peer.slot >= worker->slot_count)
		return NULL;
	conn = apo_worker_conn(worker, peer.slot);
	return conn->generation == peer.generation && conn->state == APO_CONN_OPEN ? conn : NULL;
}

/* Allocates one more chunk and adds its slots to the free list. */
static int more_slots(struct apo_worker *worker)
{
	uint32_t count = 1u << APO_SLOTS_BITS, chunk = worker->slot_count >> APO_SLOTS_BITS, i;
	struct apo_conn **chunks;

	if (worker->slot_count + count > APO_SLOTS_MAX)
		return -ENFILE;
	chunks = realloc(worker->chunks, (chunk + 1) * sizeof *chunks);
	if (!chunks)
		return -ENOMEM;
	worker->chunks = chunks;
	chunks[chunk] = calloc(count, sizeof *chunks[chunk]);
	if (!chunks[chunk])
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct apo_conn *conn = chunks[chunk] + i;

		conn->slot = worker->slot_count + i;
		conn->next_free = i + 1 < count ? conn->slot + 1 : UINT32_MAX;
	}
	worker->first_free = worker->slot_count;
	worker->slot_count += count;
	return 0;
}

struct apo_conn *apo_worker_take_slot(struct apo_worker *worker)
{
	struct apo_conn *conn;

	if (worker->first_free == UINT32_MAX && more_slots(worker) < 0)
		return NULL;
	conn = apo_worker_conn(worker, worker->first_free);
	worker->first_free = conn->next_free;
	worker->conn_count++;
	apo_sendq_init(&conn->out);
	return conn;
}

void apo_worker_free_slot(struct apo_worker *worker, struct apo_conn *conn)
{
	uint32_t slot = conn->slot, generation = conn->generation + 1;

	memset(conn, 0, sizeof *conn);
	conn->slot = slot;
	conn->generation = generation;
	conn->next_free = worker->first_free;
	worker->first_free = slot;
	worker->conn_count--;
}

/* ---- effects ---- */

static struct apo_conn *deliver_to(struct apo_worker *worker, struct apo_peer peer,
				   struct apo_share *share)
{
	struct apo_conn *conn = apo_worker_find(worker, peer);

	if (!conn) {
		APO_COUNT(worker, effects_late);
		return NULL;
	}
	apo_conn_deliver(worker, conn, share);
	return apo_worker_find(worker, peer);
}

static void on_deliver(struct apo_worker *worker, const struct apo_effect_deliver *effect)
{
	struct apo_share *share = apo_share_new(effect->text);
	bool is_watched = effect->record.kind == APO_EFFECT_DELIVER_WATCHED;
	struct apo_conn *conn;
	uint32_t i;

	for (i = 0; i < effect->count; i++) {
		conn = share ? deliver_to(worker, effect->to[i], share) : NULL;
		if (!is_watched)
			continue;
		if (conn)
			apo_conn_watch(worker, conn, effect->watch, effect->first + i);
		else
			apo_worker_tell_receipt(worker, effect->watch, effect->first + i, false);
	}
	if (share)
		apo_share_put(share);
}

static void on_close(struct apo_worker *worker, const struct apo_effect_close *effect)
{
	struct apo_conn *conn = apo_worker_find(worker, effect->peer);

	if (conn) {
		apo_conn_close(worker, conn, effect->last_words);
		return;
	}
	APO_COUNT(worker, effects_late);
	apo_text_put(effect->last_words);
}

static void on_flag(struct apo_worker *worker, const struct apo_effect_flag *effect)
{
	struct apo_conn *conn = apo_worker_find(worker, effect->peer);

	if (!conn)
		return;
	if (effect->record.kind == APO_EFFECT_OPERATOR)
		conn->is_operator = effect->is_so;
	else if (effect->record.kind == APO_EFFECT_HOLD)
		apo_conn_hold(worker, conn, effect->is_so);
	else
		apo_conn_want_room(worker, conn);
}

static void on_effect(struct apo_worker *worker, const struct apo_record *record)
{
	const void *effect = record;

	switch ((enum apo_effect_kind)record->kind) {
	case APO_EFFECT_DELIVER:
	case APO_EFFECT_DELIVER_WATCHED:
		on_deliver(worker, effect);
		break;
	case APO_EFFECT_CLOSE:
		on_close(worker, effect);
		break;
	case APO_EFFECT_OPERATOR:
	case APO_EFFECT_HOLD:
	case APO_EFFECT_WANT_ROOM:
		on_flag(worker, effect);
		break;
	}
}

static void on_batch(struct apo_worker *worker, struct apo_batch *batch)
{
	const struct apo_record *record = NULL;

	while ((record = apo_batch_next(batch, record)))
		on_effect(worker, record);
	apo_batch_done(batch);
}

/* ---- mail ---- */

/* The buffer never shrinks: lines that connections keep may date from an earlier configuration. */
static int make_room(struct apo_worker *worker, const struct apo_config *config)
{
	size_t size = config->receive_queue_bytes + APO_READ_BYTES;
	char *in;

	if (size <= worker->in_bytes)
		return 0;
	in = realloc(worker->in, size);
	if (!in)
		return -ENOMEM;
	worker->in = in;
	worker->in_bytes = size;
	return 0;
}

static void on_configure(struct apo_worker *worker, struct apo_configure *configure)
{
	if (make_room(worker, configure->config) == 0) {
		apo_config_put(worker->config);
		worker->config = configure->config;
	} else
		apo_config_put(configure->config);
	free(configure);
}

/* Connections that the model does not know are closed now; the model will close the others. */
static void on_drain(struct apo_worker *worker, struct apo_end_notice *end_notice)
{
	uint32_t slot;

	worker->drain_at_ns = end_notice->deadline_at_ns;
	free(end_notice);
	for (slot = 0; slot < worker->slot_count; slot++) {
		struct apo_conn *conn = apo_worker_conn(worker, slot);

		if (conn->state == APO_CONN_GREETING)
			apo_conn_destroy(worker, conn);
		else if (conn->state == APO_CONN_CLOSING || conn->state == APO_CONN_FINISHED)
			rudp_timer_arm(
				&worker->wheel, &conn->timer,
				rudp_time_min(conn->timer.deadline_at_ns, worker->drain_at_ns));
	}
}

static void on_mail(struct apo_worker *worker, struct apo_mail *mail)
{
	void *message = mail;

	switch ((enum apo_mail_kind)mail->kind) {
	case APO_MAIL_BATCH:
		on_batch(worker, message);
		break;
	case APO_MAIL_ADOPT:
		apo_conn_adopt(worker, message);
		break;
	case APO_MAIL_CONFIGURE:
		on_configure(worker, message);
		break;
	case APO_MAIL_DRAIN:
		on_drain(worker, message);
		break;
	case APO_MAIL_STOP:
		worker->is_over = true;
		free(mail);
		break;
	case APO_MAIL_END:
	case APO_MAIL_CHECKED:
	case APO_MAIL_ACCOUNT:
	case APO_MAIL_REQUEST:
	case APO_MAIL_HISTORY:
	case APO_MAIL_SETTLE:
	case APO_MAIL_CLUSTER:
	case APO_MAIL_HISTORY_PEER:
		abort(); /* no thread sends that to a worker */
	}
}

static void take_mail(struct apo_worker *worker)
{
	APO_MAIL_EACH(mail, &worker->box)
		on_mail(worker, mail);
}

/* ---- a turn ---- */

static void on_event(struct apo_worker *worker, const struct epoll_event *event)
{
	uint32_t slot = (uint32_t)event->data.u64, generation = (uint32_t)(event->data.u64 >> 32);
	struct apo_conn *conn;

	if (event->data.u64 == BOX_EVENT)
		return;
	conn = apo_worker_conn(worker, slot);
	/* The connection may have been closed earlier in this turn. */
	if (conn->generation == generation && conn->state != APO_CONN_FREE)
		apo_conn_on_events(worker, conn, event->events);
}

static void serve_timers(struct apo_worker *worker)
{
	struct rudp_timer *timer;

	while ((timer = rudp_timer_wheel_pop(&worker->wheel, worker->now_at_ns)))
		apo_conn_on_timer(worker, RUDP_LIST_OWNER(timer, struct apo_conn, timer));
}

/* Reads each listed connection once; reading may add it again. */
static void serve_unread(struct apo_worker *worker)
{
	struct rudp_list now, *link;

	if (rudp_list_is_empty(&worker->unread) || apo_batcher_is_full(&worker->to_model))
		return;
	rudp_list_init(&now);
	rudp_list_move_all(&worker->unread, &now);
	while ((link = rudp_list_pop(&now)))
		apo_conn_read(worker, RUDP_LIST_OWNER(link, struct apo_conn, unread));
}

/* Round robin, so that all connections are asked eventually. */
static void serve_watches(struct apo_worker *worker)
{
	uint32_t left = worker->watched_count;
	struct rudp_list *link;

	if (left == 0 || worker->now_at_ns < worker->watches_at_ns)
		return;
	worker->watches_at_ns = worker->now_at_ns + WATCHES_PERIOD_NS;
	for (left = left < WATCHES_AT_ONCE ? left : WATCHES_AT_ONCE; left > 0; left--) {
		link = rudp_list_pop(&worker->watched);
		rudp_list_append(&worker->watched, link);
		apo_conn_poll_watches(worker, RUDP_LIST_OWNER(link, struct apo_conn, watched));
	}
}

static void serve_dirty(struct apo_worker *worker)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&worker->dirty)))
		apo_conn_write(worker, RUDP_LIST_OWNER(link, struct apo_conn, dirty));
}

static void serve_drain(struct apo_worker *worker)
{
	struct apo_note *note;

	if (worker->drain_at_ns == RUDP_NEVER || worker->is_drained || worker->conn_count > 0)
		return;
	worker->is_drained = true;
	note = apo_batcher_add(&worker->to_acceptor, APO_NOTE_DRAINED, sizeof *note);
	note->ip_entry = NULL;
	note->was_refused = false;
	note->cut_count = worker->cut_count;
}

static int timeout_ms(struct apo_worker *worker)
{
	int64_t next_at_ns = rudp_timer_wheel_next_at_ns(&worker->wheel);

	/* Texts were queued while the thread was stopped (apo_worker_absorb, apo_conn_resume), so
	 * no event will report them. */
	if (!rudp_list_is_empty(&worker->dirty))
		return 0;
	if (worker->watched_count > 0)
		next_at_ns = rudp_time_min(next_at_ns, worker->watches_at_ns);
	/* If the model is behind, its wake-up continues reading. */
	if (!rudp_list_is_empty(&worker->unread) && !apo_batcher_is_full(&worker->to_model))
		return 0;
	return rudp_time_poll_ms(next_at_ns, rudp_clock_now_ns());
}

void apo_worker_turn(struct apo_worker *worker)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(worker->epoll_fd, events, EVENTS_AT_ONCE, timeout_ms(worker)), i;

	worker->now_at_ns = rudp_clock_now_ns();
	for (i = 0; i < count; i++)
		on_event(worker, events + i);
	serve_unread(worker);
	serve_timers(worker);
	/* The model can work on what was read while this thread writes. */
	apo_batcher_flush(&worker->to_model);
	take_mail(worker);
	serve_dirty(worker);
	serve_watches(worker);
	serve_drain(worker);
	apo_batcher_flush(&worker->to_model);
	apo_batcher_flush(&worker->to_acceptor);
}

void apo_worker_absorb(struct apo_worker *worker, int64_t now_at_ns)
{
	worker->now_at_ns = now_at_ns;
	take_mail(worker);
	apo_batcher_flush(&worker->to_model);
	apo_batcher_flush(&worker->to_acceptor);
}

void *apo_worker_run(void *of)
{
	struct apo_worker *worker = of;

	pthread_setname_np(pthread_self(), "chat-worker"); /* for top -H */
	worker->is_over = false;
	while (!worker->is_over)
		apo_worker_turn(worker);
	return NULL;
}

/* ---- life ---- */

static int watch_box(struct apo_worker *worker)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = BOX_EVENT};

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->box.fd, &event) < 0 ? -errno : 0;
}

int apo_worker_init(struct apo_worker *worker, unsigned index, struct apo_mailbox *model,
		    struct apo_mailbox *acceptor, struct apo_config *config)
{
	int result;

	memset(worker, 0, sizeof *worker);
	worker->index = index;
	worker->first_free = UINT32_MAX;
	worker->drain_at_ns = RUDP_NEVER;
	worker->now_at_ns = rudp_clock_now_ns();
	rudp_timer_wheel_init(&worker->wheel, worker->now_at_ns);
	rudp_list_init(&worker->dirty);
	rudp_list_init(&worker->unread);
	rudp_list_init(&worker->watched);
	worker->out = malloc(APO_WRITE_BYTES);
	if (!worker->out || make_room(worker, config) < 0) {
		result = -ENOMEM;
		goto free_buffers;
	}
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll_fd < 0) {
		result = -errno;
		goto free_buffers;
	}
	result = apo_mailbox_init(&worker->box);
	if (result < 0)
		goto close_epoll;
	result = watch_box(worker);
	if (result < 0)
		goto fini_box;
	apo_batcher_init(&worker->to_model, model, &worker->box, APO_MAIL_BATCH, (uint16_t)index);
	apo_batcher_init(&worker->to_acceptor, acceptor, &worker->box, APO_MAIL_BATCH,
			 (uint16_t)index);
	worker->config = apo_config_get(config);
	return 0;

fini_box:
	apo_mailbox_fini(&worker->box);
close_epoll:
	close(worker->epoll_fd);
free_buffers:
	free(worker->in);
	free(worker->out);
	return result;
}

void apo_worker_clear(struct apo_worker *worker)
{
	uint32_t slot;

	take_mail(worker);
	for (slot = 0; slot < worker->slot_count; slot++)
		if (apo_worker_conn(worker, slot)->state != APO_CONN_FREE)
			apo_conn_destroy(worker, apo_worker_conn(worker, slot));
	apo_batcher_flush(&worker->to_model);
	apo_batcher_flush(&worker->to_acceptor);
}

void apo_worker_fini(struct apo_worker *worker)
{
	uint32_t slot;

	for (slot = 0; slot < worker->slot_count; slot += 1u << APO_SLOTS_BITS)
		free(worker->chunks[slot >> APO_SLOTS_BITS]);
	free(worker->chunks);
	apo_batcher_fini(&worker->to_model);
	apo_batcher_fini(&worker->to_acceptor);
	apo_mailbox_fini(&worker->box);
	close(worker->epoll_fd);
	apo_config_put(worker->config);
	free(worker->in);
	free(worker->out);
}
