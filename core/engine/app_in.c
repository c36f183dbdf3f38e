/* SPDX-License-Identifier: MIT */
/* From the program to the network: straight from the kernel into the send buffer, one byte behind. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/app_side.h"

struct reading {
	struct iovec iov[3];  /* [0]: the byte behind, then the send buffer */
	int count;
	size_t room;          /* of the send buffer part */
	uint8_t behind;
};

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

static void reserve(struct reading *reading, struct rudp_app *app, size_t want)
{
	int count = rudp_carrier_send_reserve(&app->carrier, want, &reading->iov[1]);

	reading->iov[0] = (struct iovec){&reading->behind, app->behind};
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

/* Consumes the byte behind and n more. Returns the bytes more, or -1 when nothing came. */
static ssize_t take(struct rudp_app *app, const struct reading *reading, size_t n)
{
	struct iovec iov[3];
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 1};
	ssize_t got;

	iov[0] = reading->iov[0];
	for (int i = 1; i < reading->count && n > 0; i++) {
		iov[i] = reading->iov[i];
		if (iov[i].iov_len > n)
			iov[i].iov_len = n;
		n -= iov[i].iov_len;
		message.msg_iovlen++;
	}
	got = recvmsg(app->fd, &message, MSG_DONTWAIT);
	if (got <= 0)
		return -1;
	got -= app->behind;
	app->behind = false;
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
	app->behind = true;
	if (urgent)
		rudp_carrier_mark_urgent(engine, &app->carrier);
	return true;
}

/* One urgent byte at the head of the queue that is not the last one. */
static bool take_urgent(struct rudp_engine *engine, struct rudp_app *app,
			const struct reading *reading)
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

	reserve(&reading, app, fresh < RUDP_APP_PASS_BYTES ? fresh : RUDP_APP_PASS_BYTES);
	if (reading.room == 0)
		return false;
	if (!app->behind && fresh > 1 && at_mark(app))
		return take_urgent(engine, app, &reading);
	all = reading.room >= fresh;
	whole = all ? fresh - 1 : reading.room;
	if (whole + app->behind > 0)
		got = take(app, &reading, whole);
	if (got < 0)
		return false;
	rudp_carrier_send_commit(engine, &app->carrier, (size_t)got);
	if (!all || (size_t)got < whole)
		return true;
	/* Committing has not moved the places reserved. */
	return take_last(engine, app, &reading, (size_t)got);
}

bool rudp_app_drain(struct rudp_engine *engine, struct rudp_app *app)
{
	size_t moved = 0;

	while (moved < RUDP_APP_PASS_BYTES) {
		size_t fresh = queued_bytes(app) - app->behind;

		if (fresh == 0 || fresh == SIZE_MAX) {
			app->may_read = false;
			return false;
		}
		if (rudp_carrier_send_room(&app->carrier) == 0)
			return false; /* may_read stays: WRITABLE brings us back */
		if (!read_once(engine, app, fresh))
			return false;
		moved += fresh;
		if (app->behind) {
			/* Everything that was there: what comes now raises an edge. */
			app->may_read = false;
			return false;
		}
	}
	return true;
}

bool rudp_app_is_drained(const struct rudp_app *app)
{
	return queued_bytes(app) <= app->behind;
}
