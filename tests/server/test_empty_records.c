/* SPDX-License-Identifier: MIT */
/* A client that sends records without bytes, which TLS counts in empty_records (stream.h). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lone_worker.h"

static struct apo_config config = {
	.references = 1000, /* never freed */
	.model = {.registration_timeout_ns = 10 * RUDP_NS_PER_S},
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
};
static struct lone_worker lone;
static struct apo_peer peer;
static char heard[256]; /* the last line, or the reason of the end */

static void on_event(const struct apo_record *record)
{
	const struct apo_event_text *text = (const void *)record;

	if (record->kind == APO_EVENT_CONNECTED)
		peer = ((const struct apo_event_connected *)record)->peer;
	else
		snprintf(heard, sizeof heard, "%.*s", (int)text->len, text->text);
}

static void ignore(const struct apo_record *note)
{
	(void)note;
}

static int connect_one(void)
{
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);
	int fds[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds)));
	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = fds[0];
	apo_mailbox_put(&lone.worker.box, &adopt->mail);
	lone_turn(&lone);
	return fds[1];
}

/* Returns what the model hears after a line and so many records without bytes. */
static const char *send_records(int fd, uint32_t count)
{
	apo_worker_conn(&lone.worker, peer.slot)->stream.empty_records = count;
	cr_assert(eq(int, (int)send(fd, "line\r\n", 6, MSG_NOSIGNAL), 6));
	lone_turn(&lone);
	return heard;
}

Test(empty_records, too_many_are_excess_flood)
{
	int fd;

	lone_open(&lone, &config, on_event, ignore);
	fd = connect_one();
	cr_assert(eq(str, (char *)send_records(fd, 60), "line"));
	heard[0] = 0;
	cr_assert(eq(str, (char *)send_records(fd, 0), "line"));
	cr_assert(eq(str, (char *)send_records(fd, 2), "Excess Flood"));
	close(fd);
	lone_close(&lone);
}
