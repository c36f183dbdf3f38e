/* SPDX-License-Identifier: MIT */
/*
 * A worker alone: the test runs its turns, its connections are socket pairs, and the test acts as
 * the model, which reads events and sends effects.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "lone_worker.h"

#define HEARD_SIZE 65536
#define CONNS 8

static struct apo_config config = {
	.references = 1000, /* never freed */
	.model = {.registration_timeout_ns = 10 * RUDP_NS_PER_S},
	.drain_ns = 3600 * RUDP_NS_PER_S,
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
};
static struct lone_worker lone;
/* The worker's events and notes as words: "+0.0", "0.0 NICK a", "-0.0 Connection closed"
 * (slot.generation). */
static char heard[HEARD_SIZE];
static unsigned gone;
static int cut = -1; /* connections cut while draining; -1: not drained */
static struct apo_peer last_peer;

static void on_event(const struct apo_record *record)
{
	const struct apo_event_text *text = (const void *)record;
	const struct apo_event_receipt *receipt = (const void *)record;
	size_t len = strlen(heard);
	char *at = heard + len;
	size_t room = sizeof heard - len;

	switch ((enum apo_event_kind)record->kind) {
	case APO_EVENT_CONNECTED:
		last_peer = ((const struct apo_event_connected *)record)->peer;
		snprintf(at, room, "+%u.%u\n", last_peer.slot, last_peer.generation);
		break;
	case APO_EVENT_LINE:
		snprintf(at, room, "%u.%u %.*s\n", text->peer.slot, text->peer.generation,
			 (int)text->len, text->text);
		break;
	case APO_EVENT_CLOSED:
		snprintf(at, room, "-%u.%u %s\n", text->peer.slot, text->peer.generation,
			 text->text);
		break;
	case APO_EVENT_RECEIPT:
		snprintf(at, room, "receipt %u %u %s\n", (unsigned)receipt->watch,
			 receipt->recipient, receipt->arrived ? "arrived" : "missing");
		break;
	case APO_EVENT_ROOM:
		snprintf(at, room, "room\n");
		break;
	}
}

static void on_note(const struct apo_record *record)
{
	if (record->kind == APO_NOTE_GONE)
		gone++;
	else
		cut = (int)((const struct apo_note *)record)->cut_count;
}

/* Runs a turn; the result is in heard. */
static const char *turn(void)
{
	heard[0] = 0;
	lone_turn(&lone);
	return heard;
}

static void begin(void)
{
	lone_open(&lone, &config, on_event, on_note);
}

static void end(void)
{
	turn();
	lone_close(&lone);
}

TestSuite(worker, .init = begin, .fini = end);

static void adopt(int fd, const char *refusal)
{
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);

	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = fd;
	adopt->refusal = refusal;
	apo_mailbox_put(&lone.worker.box, &adopt->mail);
}

/* The peer's end of a new connection of the worker. */
static int connect_one(void)
{
	int fds[2], bytes = 64 * 1024;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0));
	/* Small socket buffers, whatever this machine's default. */
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	adopt(fds[0], NULL);
	turn();
	return fds[1];
}

static void say(int fd, const char *text)
{
	cr_assert(eq(sz, (size_t)send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text)));
}

static const char *read_all(int fd)
{
	static char text[HEARD_SIZE];
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = 0;
	return text;
}

static bool has_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

Test(worker, lines_are_reported_as_they_come)
{
	int fd = connect_one();

	cr_assert(eq(str, heard, "+0.0\n"));
	say(fd, "NICK a\r\nUSER b");
	cr_assert(eq(str, (char *)turn(), "0.0 NICK a\n"));
	say(fd, " c\n\r\n\n");
	cr_assert(eq(str, (char *)turn(), "0.0 USER b c\n"));
	close(fd);
	cr_assert(eq(str, (char *)turn(), "-0.0 Connection closed\n"));
	cr_assert(eq(uint, gone, 1));
}

Test(worker, lines_before_the_end_are_delivered)
{
	int fd = connect_one();

	say(fd, "one\r\ntwo\r\nhalf");
	close(fd);
	cr_assert(eq(str, (char *)turn(), "0.0 one\n0.0 two\n"));
	cr_assert(eq(str, (char *)turn(), "-0.0 Connection closed\n"));
}

Test(worker, texts_are_written_together_once_a_round)
{
	int fd = connect_one();
	uint64_t writes;

	turn();
	writes = atomic_load(&lone.worker.counters.writes);
	lone_deliver(&lone, last_peer, "one\r\n", 0);
	lone_deliver(&lone, last_peer, "two\r\n", 0);
	lone_deliver(&lone, last_peer, "three\r\n", 0);
	turn();
	cr_assert(eq(str, (char *)read_all(fd), "one\r\ntwo\r\nthree\r\n"));
	cr_assert(eq(u64, atomic_load(&lone.worker.counters.writes) - writes, 1));
	close(fd);
}

Test(worker, closing_writes_queued_output_and_the_final_text)
{
	int fd = connect_one();

	lone_deliver(&lone, last_peer, "before\r\n", 0);
	lone_end(&lone, last_peer, "ERROR :go\r\n");
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(str, (char *)read_all(fd), "before\r\nERROR :go\r\n"));
	cr_assert(has_ended(fd));
	/* What it still sends is ignored. */
	say(fd, "late\r\n");
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(uint, gone, 0));
	close(fd);
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(uint, gone, 1));
}

Test(worker, a_reused_slot_gets_no_old_output)
{
	int first = connect_one(), second;
	struct apo_peer before = last_peer;

	close(first);
	turn();
	second = connect_one();
	cr_assert(eq(uint, last_peer.slot, before.slot));
	cr_assert(ne(u32, last_peer.generation, before.generation));
	lone_deliver(&lone, before, "for the first\r\n", 0);
	lone_end(&lone, before, "ERROR :for the first\r\n");
	lone_deliver(&lone, last_peer, "for the second\r\n", 0);
	turn();
	cr_assert(eq(str, (char *)read_all(second), "for the second\r\n"));
	cr_assert(eq(u64, atomic_load(&lone.worker.counters.effects_late), 2));
	close(second);
}

Test(worker, nothing_is_written_after_the_final_text)
{
	int fd = connect_one();

	lone_end(&lone, last_peer, "ERROR :go\r\n");
	lone_deliver(&lone, last_peer, "too late\r\n", 0);
	turn();
	cr_assert(eq(str, (char *)read_all(fd), "ERROR :go\r\n"));
	close(fd);
}

/* A line of 1000 bytes. */
static const char *long_line(void)
{
	static char line[1001];

	memset(line, 'x', 998);
	memcpy(line + 998, "\r\n", 3);
	return line;
}

Test(worker, only_a_client_that_does_not_read_is_closed)
{
	int slow = connect_one(), fast;
	struct apo_peer slow_peer = last_peer;
	const char *line = long_line();
	unsigned i;

	fast = connect_one();
	for (i = 0; i < 10000 && !strstr(turn(), "SendQ exceeded"); i++) {
		lone_deliver(&lone, slow_peer, line, 0);
		lone_deliver(&lone, last_peer, "x\r\n", 0);
		(void)read_all(fast);
	}
	cr_assert(lt(uint, i, 10000));
	cr_assert(eq(str, heard, "-0.0 SendQ exceeded\n"));
	say(fast, "still here\r\n");
	cr_assert(eq(str, (char *)turn(), "1.0 still here\n"));
	close(slow);
	close(fast);
}

static void drain_until(int64_t deadline_at_ns)
{
	struct apo_end_notice *end_notice = calloc(1, sizeof *end_notice);

	end_notice->mail.kind = APO_MAIL_DRAIN;
	end_notice->deadline_at_ns = deadline_at_ns;
	apo_mailbox_put(&lone.worker.box, &end_notice->mail);
}

/* The service learns the number of cut connections, even if the worker reaches the deadline
 * first. */
Test(worker, unwritten_output_is_reported_with_the_end)
{
	int slow = connect_one(), fast;
	struct apo_peer slow_peer = last_peer;
	const char *line = long_line();
	unsigned i;

	fast = connect_one();
	for (i = 0; i < 10000 && apo_worker_conn(&lone.worker, slow_peer.slot)->out.bytes == 0;
	     i++) {
		lone_deliver(&lone, slow_peer, line, 0);
		turn();
	}
	cr_assert(lt(uint, i, 10000));
	lone_end(&lone, slow_peer, NULL);
	lone_end(&lone, last_peer, "ERROR :go\r\n");
	turn();
	drain_until(rudp_clock_now_ns());
	close(fast);
	for (i = 0; i < 1000 && cut < 0; i++)
		turn();
	cr_assert(eq(int, cut, 1));
	close(slow);
}

static char logged[HEARD_SIZE];

static void note_log(void *of, enum rudp_log_level level, const char *text)
{
	size_t len = strlen(logged);

	(void)of;
	(void)level;
	snprintf(logged + len, sizeof logged - len, "%s\n", text);
}

static unsigned times_logged(const char *words)
{
	const char *at = logged;
	unsigned count = 0;

	while ((at = strstr(at, words))) {
		at++;
		count++;
	}
	return count;
}

static void refuse_one(void)
{
	int fds[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0));
	adopt(fds[0], "Too many connections from your address");
	turn();
	close(fds[1]);
}

/* A client that reconnects as fast as it is refused must not fill the disk with log lines. */
Test(worker, the_log_of_refusals_is_rate_limited)
{
	unsigned i;

	logged[0] = 0;
	rudp_log_set(note_log, NULL, RUDP_LOG_INFO);
	refuse_one();
	cr_assert(eq(uint, times_logged("expelled address="), 1));
	/* A span that does not end, however slow the machine is. */
	lone.worker.ratelimit.since_ns = RUDP_NEVER;
	for (i = 1; i < RUDP_LOG_RATELIMIT_MAX + 5; i++)
		refuse_one();
	cr_assert(eq(uint, times_logged("expelled address="), RUDP_LOG_RATELIMIT_MAX));
	cr_assert(eq(uint, times_logged("more lines"), 0));
	lone.worker.ratelimit.since_ns = lone.worker.now_at_ns - RUDP_LOG_RATELIMIT_SPAN_NS;
	refuse_one();
	cr_assert(eq(uint, times_logged("5 more log lines caused by peers"), 1));
	cr_assert(eq(uint, times_logged("expelled address="), RUDP_LOG_RATELIMIT_MAX + 1));
	rudp_log_set(NULL, NULL, RUDP_LOG_OFF);
}

static void expect_excess_flood_of(char byte)
{
	static char much[4001];
	int fd = connect_one(), i;

	memset(much, byte, 4000);
	for (i = 0; i < 10 && !strstr(turn(), "Excess Flood"); i++)
		say(fd, much);
	cr_assert(lt(int, i, 10));
	cr_assert(ne(ptr,
		     (void *)strstr(read_all(fd), "ERROR :Closing Link: local (Excess Flood)\r\n"),
		     NULL));
	close(fd);
}

Test(worker, a_line_without_end_is_excess_flood)
{
	expect_excess_flood_of('x');
}

Test(worker, too_many_empty_lines_are_excess_flood)
{
	config.flood_burst_ms = 1;
	expect_excess_flood_of('\n');
	config.flood_burst_ms = 0;
}

Test(worker, penalties_delay_lines_without_loss)
{
	int64_t *paid_until;
	int fd;

	config.flood_burst_ms = 1;
	fd = connect_one();
	paid_until = &apo_worker_find(&lone.worker, last_peer)->flood.paid_until_at_ns;
	say(fd, "PRIVMSG a :1\r\nPRIVMSG a :2\r\nPRIVMSG a :3\r\n");
	cr_assert(eq(str, (char *)turn(), "0.0 PRIVMSG a :1\n"));
	cr_assert(eq(u64, atomic_load(&lone.worker.counters.lines_held), 1));
	cr_assert(rudp_timer_is_armed(&apo_worker_find(&lone.worker, last_peer)->timer));
	/* However long this test is delayed. */
	*paid_until = INT64_MAX / 2;
	cr_assert(eq(str, (char *)turn(), ""));
	*paid_until = 0;
	say(fd, "PRIVMSG a :4\r\n");
	cr_assert(eq(str, (char *)turn(), "0.0 PRIVMSG a :2\n"));
	config.flood_burst_ms = 0;
	say(fd, "PRIVMSG a :5\r\n");
	cr_assert(
		eq(str, (char *)turn(), "0.0 PRIVMSG a :3\n0.0 PRIVMSG a :4\n0.0 PRIVMSG a :5\n"));
	close(fd);
}

Test(worker, a_refused_client_is_told_why_and_the_model_nothing)
{
	int fds[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0));
	adopt(fds[0], "The server is full");
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(str, (char *)read_all(fds[1]),
		     "ERROR :Closing Link: local (The server is full)\r\n"));
	cr_assert(has_ended(fds[1]));
	close(fds[1]);
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(uint, gone, 1));
}

Test(worker, a_receipt_comes_after_the_client_has_read)
{
	int fd = connect_one();

	/* A socket pair counts unread bytes as unacknowledged. */
	lone_deliver(&lone, last_peer, "watched\r\n", 7);
	cr_assert(eq(str, (char *)turn(), ""));
	lone.worker.watches_at_ns = 0;
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(str, (char *)read_all(fd), "watched\r\n"));
	lone.worker.watches_at_ns = 0;
	cr_assert(eq(str, (char *)turn(), "receipt 7 0 arrived\n"));
	close(fd);
}

Test(worker, a_receipt_of_a_gone_client_is_reported_missing_first)
{
	int fd = connect_one();

	lone_deliver(&lone, last_peer, "watched\r\n", 7);
	turn();
	close(fd);
	cr_assert(eq(str, (char *)turn(), "receipt 7 0 missing\n-0.0 Connection reset by peer\n"));
	lone_deliver(&lone, last_peer, "watched\r\n", 8);
	cr_assert(eq(str, (char *)turn(), "receipt 8 0 missing\n"));
}

/* ---- model ---- */

/* What a connection must have received. */
struct should {
	int fd;
	struct apo_peer peer;
	bool is_open;
	char text[HEARD_SIZE];
};

static void check_heard(struct should *should, unsigned seed)
{
	static char all[HEARD_SIZE];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(should->fd, all + len, sizeof all - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	all[len] = 0;
	cr_assert(eq(str, all, should->text), "seed %u", seed);
	should->text[0] = 0;
}

static void append(char *text, const char *line)
{
	size_t len = strlen(text);

	snprintf(text + len, HEARD_SIZE - len, "%s", line);
}

static void random_step(struct random *random, struct should *of, unsigned number)
{
	char line[64];

	snprintf(line, sizeof line, "%u\r\n", number);
	switch (random_below(random, 8)) {
	case 0: /* the client closes; what is sent to it now is lost */
		if (of->is_open)
			close(of->fd);
		of->is_open = false;
		break;
	case 1: /* the model closes it */
		if (!of->is_open)
			break;
		lone_end(&lone, of->peer, "ERROR\r\n");
		lone_deliver(&lone, of->peer, "never\r\n", 0);
		append(of->text, "ERROR\r\n");
		turn();
		check_heard(of, number);
		close(of->fd);
		of->is_open = false;
		break;
	default: /* also to one that has gone */
		lone_deliver(&lone, of->peer, line, 0);
		if (of->is_open)
			append(of->text, line);
	}
}

Test(worker, random_connects_and_closes_mix_up_no_clients)
{
	static struct should all[CONNS];
	unsigned seed, step, i;

	for (seed = 1; seed <= 20; seed++) {
		struct random random = {seed};

		for (step = 0; step < 500; step++) {
			struct should *of = all + random_below(&random, CONNS);

			if (!of->is_open && random_below(&random, 2)) {
				of->fd = connect_one();
				of->peer = last_peer;
				of->is_open = true;
				of->text[0] = 0;
			}
			random_step(&random, of, step);
			if (random_below(&random, 4) == 0)
				turn();
		}
		turn();
		for (i = 0; i < CONNS; i++)
			if (all[i].is_open) {
				check_heard(all + i, seed);
				close(all[i].fd);
				all[i].is_open = false;
			}
	}
	turn();
	cr_assert(eq(u32, lone.worker.conn_count, 0));
}

/* More events than fit in one batch, so some are in the mailbox already. */
Test(worker, a_cleared_worker_has_reported_all_clients)
{
	struct apo_note *note;
	unsigned i;

	lone.worker.drain_at_ns = lone.worker.now_at_ns; /* no connection is accepted any more */
	for (i = 0; i < 2 * APO_BATCH_CHUNK_BYTES / sizeof *note; i++)
		adopt(-1, NULL);
	apo_worker_clear(&lone.worker);
	lone_take(&lone);
	cr_assert(eq(uint, gone, i));
}

Test(worker, lines_of_a_held_client_wait)
{
	int fd = connect_one();

	lone_flag(&lone, APO_EFFECT_HOLD, last_peer, true);
	turn();
	say(fd, "one\r\ntwo\r\n");
	cr_assert(eq(str, (char *)turn(), ""));
	cr_assert(eq(str, (char *)turn(), ""));
	lone_flag(&lone, APO_EFFECT_HOLD, last_peer, false);
	turn();
	cr_assert(eq(str, (char *)turn(), "0.0 one\n0.0 two\n"));
	close(fd);
	cr_assert(eq(str, (char *)turn(), "-0.0 Connection closed\n"));
}

Test(worker, a_held_client_can_disconnect)
{
	int fd = connect_one();

	lone_flag(&lone, APO_EFFECT_HOLD, last_peer, true);
	turn();
	close(fd);
	cr_assert(eq(str, (char *)turn(), "-0.0 Connection reset by peer\n"));
}

Test(worker, room_is_reported_when_the_queue_is_short)
{
	static char line[8192];
	int fd = connect_one(), i;

	lone_flag(&lone, APO_EFFECT_WANT_ROOM, last_peer, true);
	cr_assert(eq(str, (char *)turn(), "room\n"));
	memset(line, 'x', sizeof line - 1);
	while (apo_worker_conn(&lone.worker, 0)->out.bytes <= config.send_queue_bytes / 2) {
		lone_deliver(&lone, last_peer, line, 0);
		turn();
	}
	lone_flag(&lone, APO_EFFECT_WANT_ROOM, last_peer, true);
	cr_assert(eq(str, (char *)turn(), ""));
	for (i = 0; i < 1000 && !*turn(); i++)
		read_all(fd);
	cr_assert(eq(str, heard, "room\n"));
	for (i = 0; i < 10; i++) {
		read_all(fd);
		cr_assert(eq(str, (char *)turn(), "")); /* once */
	}
	close(fd);
}
