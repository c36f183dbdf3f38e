/* SPDX-License-Identifier: MIT */
/*
 * From the program to the network: straight from the kernel into the send buffer, one byte behind, or
 * some bytes (app_side.h).
 */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/app/app_side.h"
#include "engine/loop/deferred_close.h"


struct reading {
	struct iovec iov[3];  /* [0]: the bytes behind, then the send buffer */
	int count;
	size_t room;          /* of the send buffer part */
	bool is_cut;          /* descriptors came with it, behind which the kernel stops */
};

static void let_go(struct msghdr *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
			rudp_deferred_close(fd);
		}
	}
}

/*
 * TCP takes no notice of descriptors in a message. Here they come along, and are not closed by this
 * thread: who holds the program's socket may be another user. *is_cut: there were some.
 */
static ssize_t read_off(const struct rudp_app *app, struct iovec *iov, size_t count, bool *is_cut)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(RUDP_MESSAGE_FDS_MAX * sizeof(int))];
	struct msghdr message = {.msg_iov = iov,
				 .msg_iovlen = count,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	ssize_t n = recvmsg(app->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*is_cut = n >= 0 && (message.msg_controllen > 0 || message.msg_flags & MSG_CTRUNC);
	if (*is_cut)
		let_go(&message);
	return n;
}

static bool at_mark(const struct rudp_app *app)
{
	int mark = 0;

	return ioctl(app->fd, SIOCATMARK, &mark) == 0 && mark;
}

static size_t queued_bytes(const struct rudp_app *app)
{
	int bytes = 0;

	return ioctl(app->fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

static void reserve(struct rudp_engine *engine, struct rudp_app *app, size_t want,
		    struct reading *reading)
{
	int count = rudp_carrier_send_reserve(&app->carrier, want, &reading->iov[1]);

	reading->iov[0] = (struct iovec){engine->scratch, app->unread_tail};
	reading->count = 1 + count;
	reading->room = 0;
	for (int i = 1; i < reading->count; i++) {
		if (reading->room + reading->iov[i].iov_len > want)
			reading->iov[i].iov_len = want - reading->room;
		reading->room += reading->iov[i].iov_len;
	}
}

/* The place of the byte at this offset of the send buffer part. */
static uint8_t *place(const struct reading *reading, size_t at)
{
	int i = 1;

	while (i < reading->count - 1 && at >= reading->iov[i].iov_len)
		at -= reading->iov[i++].iov_len;
	return (uint8_t *)reading->iov[i].iov_base + at;
}

/* Consumes the bytes behind and n more. Returns the bytes more, or -1 when nothing came. */
static ssize_t take(struct rudp_app *app, struct reading *reading, size_t n)
{
	struct iovec iov[3];
	size_t count = 1;
	ssize_t got;

	for (int i = 1; i < reading->count && n > 0; i++) {
		iov[i] = reading->iov[i];
		if (iov[i].iov_len > n)
			iov[i].iov_len = n;
		n -= iov[i].iov_len;
		count++;
	}
	while (true) {
		iov[0] = (struct iovec){reading->iov[0].iov_base, app->unread_tail};
		got = read_off(app, iov, count, &reading->is_cut);
		if (got <= 0)
			return -1;
		if (got >= (ssize_t)app->unread_tail)
			break;
		app->unread_tail -= (uint32_t)got; /* descriptors were among them */
	}
	got -= app->unread_tail;
	app->unread_tail = 0;
	app->unread_answers = 0;
	rudp_list_remove(&app->unread_link);
	return got;
}

/* The last byte there is: forwarded, but left unread. */
static bool take_last(struct rudp_engine *engine, struct rudp_app *app,
		      const struct reading *reading, size_t offset)
{
	bool urgent = at_mark(app);

	if (recv(app->fd, place(reading, offset), 1, MSG_PEEK | MSG_DONTWAIT) != 1)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, 1);
	app->unread_tail = 1;
	if (urgent)
		rudp_carrier_mark_urgent(engine, &app->carrier);
	return true;
}

/* One urgent byte at the head of the queue that is not the last one. */
static bool take_urgent(struct rudp_engine *engine, struct rudp_app *app,
			struct reading *reading)
{
	if (take(app, reading, 1) != 1)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, 1);
	rudp_carrier_mark_urgent(engine, &app->carrier);
	return true;
}

/*
 * One read. fresh bytes are unread and not forwarded yet. recvmsg stops short in front of an urgent
 * byte by itself; the next round finds it at the head then.
 */
static bool read_once(struct rudp_engine *engine, struct rudp_app *app, size_t fresh)
{
	struct reading reading;
	size_t whole;
	bool all;
	ssize_t got = 0;

	reserve(engine, app, fresh < RUDP_APP_PASS_BYTES ? fresh : RUDP_APP_PASS_BYTES, &reading);
	if (reading.room == 0)
		return false;
	if (!app->unread_tail && fresh > 1 && at_mark(app))
		return take_urgent(engine, app, &reading);
	all = reading.room >= fresh;
	whole = all ? fresh - 1 : reading.room;
	if (whole + app->unread_tail > 0)
		got = take(app, &reading, whole);
	if (got < 0)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, (size_t)got);
	if (!all || (size_t)got < whole)
		return true;
	/* Committing has not moved the places reserved. */
	return take_last(engine, app, &reading, (size_t)got);
}

/* Much, or with an urgent byte among it, or with nothing behind: asks what there is, and reads that. */
static bool drain_by_asking(struct rudp_engine *engine, struct rudp_app *app)
{
	size_t moved = 0;

	while (moved < RUDP_APP_PASS_BYTES) {
		size_t queued = queued_bytes(app);
		size_t fresh = queued - app->unread_tail;

		app->bulk = moved + fresh >= RUDP_APP_PEEK_BYTES;
		if (queued <= app->unread_tail) {
			app->bulk = moved >= RUDP_APP_PEEK_BYTES;
			app->may_read = false;
			return false;
		}
		app->was_full = rudp_carrier_send_room(&app->carrier) == 0;
		if (app->was_full)
			return false; /* may_read stays: WRITABLE brings us back */
		if (!read_once(engine, app, fresh))
			return false;
		moved += fresh;
		if (app->unread_tail) {
			/* Everything that was there: what comes now raises an edge. */
			app->may_read = false;
			return false;
		}
	}
	return true;
}

/* Puts len bytes into the send buffer part; there is room. */
static void scatter(const struct reading *reading, const uint8_t *from, size_t len)
{
	for (int i = 1; i < reading->count && len > 0; i++) {
		size_t part = reading->iov[i].iov_len < len ? reading->iov[i].iov_len : len;

		memcpy(reading->iov[i].iov_base, from, part);
		from += part;
		len -= part;
	}
}

/*
 * Into one place, and from there: for a few bytes a vector costs the kernel more than it saves us.
 *
 * Returns  the bytes that are new, at most the room; 0 or less: none.
 */
static ssize_t peek(struct rudp_engine *engine, struct rudp_app *app, struct reading *reading)
{
	struct iovec iov = {engine->scratch, app->unread_tail + reading->room};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(app->fd, &message, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	reading->is_cut = message.msg_flags & MSG_CTRUNC;
	n -= (ssize_t)app->unread_tail;
	if (n > 0)
		scatter(reading, engine->scratch + app->unread_tail, (size_t)n);
	return n;
}

/* The first words since something was given to the program are an answer, and likely the whole of it. */
static void leave_unread(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->answered || app->was_full || app->unread_tail > RUDP_APP_PEEK_BYTES) {
		app->was_full = false;
		rudp_app_consume(engine, app);
		return;
	}
	app->answered = true;
	app->unread_answers++;
	if (app->unread_tail <= RUDP_APP_UNREAD_BYTES || rudp_list_is_linked(&app->unread_link))
		return;
	app->unread_at_ns = engine->now_at_ns;
	rudp_list_append(&engine->unread, &app->unread_link);
}

/*
 * One look instead of four calls. The queue begins with the bytes behind, so that a look stops in front
 * of an urgent byte; that one's edge brings EPOLLPRI, and with it the other way.
 *
 * Returns  false: there is more than a look shows; nothing has been taken.
 */
static bool drain_by_peeking(struct rudp_engine *engine, struct rudp_app *app)
{
	struct reading reading;
	ssize_t n;

	reserve(engine, app, RUDP_APP_PEEK_BYTES, &reading);
	if (reading.room == 0) {
		app->was_full = rudp_carrier_send_room(&app->carrier) == 0;
		return app->was_full; /* may_read stays, as above */
	}
	n = peek(engine, app, &reading);
	if (n == (ssize_t)reading.room || reading.is_cut)
		return false;
	app->may_read = false; /* what comes now raises an edge */
	if (n <= 0)
		return true;
	rudp_carrier_send_commit(engine, &app->carrier, (size_t)n);
	app->unread_tail += (uint32_t)n;
	leave_unread(engine, app);
	return true;
}

/* This pass is the app's last, unless there is more than it can take. */
static bool ends_now(const struct rudp_app *app)
{
	return rudp_ends_is_shut(&app->ends) && !rudp_app_close_resets(app);
}

/*
 * Nothing is added to it any more, so one read takes all there is, and the bytes behind as well.
 *
 * Returns  false: there may be more.
 */
static bool drain_to_the_end(struct rudp_engine *engine, struct rudp_app *app)
{
	struct reading reading;
	ssize_t n;

	reserve(engine, app, RUDP_APP_LAST_BYTES, &reading);
	if (reading.room == 0)
		return false;
	n = take(app, &reading, reading.room);
	if (n < 0)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, (size_t)n);
	if (n == (ssize_t)reading.room || reading.is_cut)
		return false;
	app->may_read = false;
	return true;
}

bool rudp_app_drain(struct rudp_engine *engine, struct rudp_app *app)
{
	if (ends_now(app) && !app->urgent && drain_to_the_end(engine, app))
		return false;
	if (app->unread_tail && !app->urgent && !app->bulk && drain_by_peeking(engine, app))
		return false;
	return drain_by_asking(engine, app);
}

/* After the program's last word nothing is added to what an exhausted pass has left. */
bool rudp_app_is_drained(const struct rudp_app *app)
{
	bool exhausted = rudp_ends_has_last_words(&app->ends) && !app->may_read &&
			 app->stage == RUDP_APP_OPEN;

	return exhausted || queued_bytes(app) <= app->unread_tail;
}

static void consume(struct rudp_engine *engine, struct rudp_app *app, uint32_t keep)
{
	rudp_list_remove(&app->unread_link);
	app->unread_answers = 0;
	while (app->unread_tail > keep) {
		struct iovec iov = {engine->scratch, app->unread_tail - keep};
		bool is_cut;
		ssize_t n = read_off(app, &iov, 1, &is_cut);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		app->unread_tail -= (uint32_t)n;
	}
}

void rudp_app_consume(struct rudp_engine *engine, struct rudp_app *app)
{
	consume(engine, app, 1);
}

void rudp_app_before_delivery(struct rudp_engine *engine, struct rudp_app *app)
{
	app->answered = false;
	if (app->unread_answers == RUDP_APP_UNREAD_ANSWERS ||
	    app->unread_tail > RUDP_APP_PEEK_BYTES / 2)
		rudp_app_consume(engine, app);
}

void rudp_app_consume_all(struct rudp_engine *engine, struct rudp_app *app)
{
	consume(engine, app, 0);
}

static struct rudp_app *oldest_unread(const struct rudp_engine *engine)
{
	return rudp_list_is_empty(&engine->unread)
		       ? NULL
		       : RUDP_LIST_OWNER(engine->unread.next, struct rudp_app, unread_link);
}

int64_t rudp_app_consume_at_ns(const struct rudp_engine *engine)
{
	const struct rudp_app *app = oldest_unread(engine);

	return app ? app->unread_at_ns + RUDP_APP_UNREAD_NS : RUDP_NEVER;
}

void rudp_app_consume_due(struct rudp_engine *engine)
{
	while (rudp_app_consume_at_ns(engine) <= engine->now_at_ns)
		rudp_app_consume(engine, oldest_unread(engine));
}
