/* SPDX-License-Identifier: MIT */
/*
 * From the program to the network: straight from the kernel into the send buffer. One forwarded
 * byte, or some, stay unread (app_side.h).
 */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/min_max.h"
#include "engine/app/app_side.h"
#include "engine/loop/deferred_close.h"

struct reading {
	struct iovec iov[3]; /* [0]: the unread tail; then the send buffer */
	int count;
	size_t room; /* bytes of the send buffer part */
	bool is_cut; /* a descriptor came along; the kernel stops reading after it */
};

static void close_descriptors(struct msghdr *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
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
 * TCP ignores descriptors in a message; so does rudp. They are closed in another thread, since the
 * sender may be another user. *is_cut: there were some.
 */
static ssize_t receive(const struct rudp_app *app, struct iovec *iov, size_t count, bool *is_cut)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(RUDP_MESSAGE_FDS_MAX * sizeof(int))];
	struct msghdr message = {.msg_iov = iov,
				 .msg_iovlen = count,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	ssize_t n = recvmsg(app->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*is_cut = n >= 0 && (message.msg_controllen > 0 || message.msg_flags & MSG_CTRUNC);
	if (*is_cut)
		close_descriptors(&message);
	return n;
}

static bool at_mark(const struct rudp_app *app)
{
	int mark = 0;

	return ioctl(app->fd, SIOCATMARK, &mark) == 0 && mark;
}

size_t rudp_app_queued_bytes(const struct rudp_app *app)
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

/* The address of the byte at this offset of the send buffer part. */
static uint8_t *address_at(const struct reading *reading, size_t at)
{
	int i = 1;

	while (i < reading->count - 1 && at >= reading->iov[i].iov_len)
		at -= reading->iov[i++].iov_len;
	return (uint8_t *)reading->iov[i].iov_base + at;
}

/* Consumes the unread tail and n more bytes. Returns how many more came, or -1 if nothing came. */
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
		got = receive(app, iov, count, &reading->is_cut);
		if (got <= 0)
			return -1;
		if (got >= (ssize_t)app->unread_tail)
			break;
		app->unread_tail -= (uint32_t)got; /* descriptors cut the read short */
	}
	got -= app->unread_tail;
	app->unread_tail = 0;
	app->unread_answers = 0;
	rudp_list_remove(&app->unread_link);
	return got;
}

/* Forwards the last byte of the queue, but leaves it unread. */
static bool take_last(struct rudp_engine *engine, struct rudp_app *app,
		      const struct reading *reading, size_t offset)
{
	bool urgent = at_mark(app);

	if (recv(app->fd, address_at(reading, offset), 1, MSG_PEEK | MSG_DONTWAIT) != 1)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, 1);
	app->unread_tail = 1;
	if (urgent)
		rudp_carrier_mark_urgent(engine, &app->carrier);
	return true;
}

/* Takes one urgent byte from the head of the queue, with more bytes after it. */
static bool take_urgent(struct rudp_engine *engine, struct rudp_app *app, struct reading *reading)
{
	if (take(app, reading, 1) != 1)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, 1);
	rudp_carrier_mark_urgent(engine, &app->carrier);
	return true;
}

/*
 * One read. fresh: bytes that are neither read nor forwarded. recvmsg() stops before an urgent
 * byte, which is at the head of the queue in the next round.
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
	/* rudp_carrier_send_commit() has not moved the reserved bytes. */
	return take_last(engine, app, &reading, (size_t)got);
}

/*
 * For much data, urgent data, or an empty unread tail: asks the kernel how much there is, and reads
 * it.
 */
static bool drain_by_asking(struct rudp_engine *engine, struct rudp_app *app)
{
	size_t moved = 0;

	while (moved < RUDP_APP_PASS_BYTES) {
		size_t queued = rudp_app_queued_bytes(app);
		size_t fresh = queued - app->unread_tail;

		app->bulk = moved + fresh >= RUDP_APP_PEEK_BYTES;
		if (queued <= app->unread_tail) {
			app->bulk = moved >= RUDP_APP_PEEK_BYTES;
			app->may_read = false;
			return false;
		}
		app->was_full = rudp_carrier_send_room(&app->carrier) == 0;
		if (app->was_full)
			return false; /* may_read stays true: a writable carrier pumps again */
		if (!read_once(engine, app, fresh))
			return false;
		moved += fresh;
		if (app->unread_tail) {
			/* The queue is read: new bytes raise an edge. */
			app->may_read = false;
			return false;
		}
	}
	return true;
}

/* Copies len bytes into the send buffer part, which has room for them. */
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
 * Peeks into one buffer and copies from there: for few bytes a vector costs more in the kernel than
 * the copy here.
 *
 * Returns  how many bytes are new, at most reading->room; 0 or less: none.
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

/* Takes the unread tail out of the queue, except for its last keep bytes. */
static void consume(struct rudp_engine *engine, struct rudp_app *app, uint32_t keep)
{
	rudp_list_remove(&app->unread_link);
	app->unread_answers = 0;
	while (app->unread_tail > keep) {
		struct iovec iov = {engine->scratch, app->unread_tail - keep};
		bool is_cut;
		ssize_t n = receive(app, &iov, 1, &is_cut);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		app->unread_tail -= (uint32_t)n;
	}
}

/*
 * The first bytes after a delivery to the program are an answer, and likely all of it: leave them
 * unread.
 */
static void leave_unread(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->answered || app->was_full || app->unread_tail > RUDP_APP_PEEK_BYTES) {
		app->was_full = false;
		consume(engine, app, 1);
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
 * One call instead of four. The queue begins with the unread tail, so a peek stops before an urgent
 * byte. The urgent byte's edge has EPOLLPRI, which selects drain_by_asking().
 *
 * Returns  false: there is more than one peek shows; nothing was taken.
 */
static bool drain_by_peeking(struct rudp_engine *engine, struct rudp_app *app)
{
	struct reading reading;
	ssize_t n;

	reserve(engine, app, RUDP_APP_PEEK_BYTES, &reading);
	if (reading.room == 0) {
		app->was_full = rudp_carrier_send_room(&app->carrier) == 0;
		return app->was_full; /* may_read stays true, as above */
	}
	n = peek(engine, app, &reading);
	if (n == (ssize_t)reading.room || reading.is_cut)
		return false;
	app->may_read = false; /* new bytes raise an edge */
	if (n <= 0)
		return true;
	rudp_carrier_send_commit(engine, &app->carrier, (size_t)n);
	app->unread_tail += (uint32_t)n;
	leave_unread(engine, app);
	return true;
}

/* This pass is the last, unless the queue holds more than one read takes. */
static bool is_last_pass(const struct rudp_app *app)
{
	return rudp_ends_is_shut(&app->ends) &&
	       !rudp_ends_close_resets(&app->ends, app->options.reset_on_close);
}

/*
 * The program adds nothing any more, so one read takes all that is left, with the unread tail.
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
	if (is_last_pass(app) && !app->urgent && drain_to_the_end(engine, app))
		return false;
	if (app->unread_tail && !app->urgent && !app->bulk && drain_by_peeking(engine, app))
		return false;
	return drain_by_asking(engine, app);
}

/* After the program's end no byte is added, so a pass that emptied the queue was the last. */
bool rudp_app_is_drained(const struct rudp_app *app)
{
	bool exhausted = rudp_ends_has_write_ended(&app->ends) && !app->may_read &&
			 app->stage == RUDP_APP_OPEN;

	return exhausted || rudp_app_queued_bytes(app) <= app->unread_tail;
}

void rudp_app_discard_written(struct rudp_engine *engine, struct rudp_app *app)
{
	size_t queued;

	do {
		queued = rudp_app_queued_bytes(app);
		app->unread_tail = (uint32_t)rudp_min(queued, RUDP_SCRATCH_BYTES);
		consume(engine, app, 1);
	} while (queued > RUDP_SCRATCH_BYTES && app->unread_tail <= 1);
}

void rudp_app_before_delivery(struct rudp_engine *engine, struct rudp_app *app)
{
	app->answered = false;
	if (app->unread_answers == RUDP_APP_UNREAD_ANSWERS ||
	    app->unread_tail > RUDP_APP_PEEK_BYTES / 2)
		consume(engine, app, 1);
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
		consume(engine, oldest_unread(engine), 1);
}
