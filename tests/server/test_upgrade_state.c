/* SPDX-License-Identifier: MIT */
/*
 * A hand-over between two servers in one process, neither of which has threads. Everything passes
 * through an upgrade channel between them.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/server/upgrade_channel.h"
#include "still_server.h"

#define CLIENTS 3
#define SOON (rudp_clock_now_ns() + 60 * RUDP_NS_PER_S)

static struct apo_config config;
static struct server old, new;
static bool continues_history; /* of the state that was passed last */
static int ends[CLIENTS];      /* the clients' sockets */

static void open_server(struct server *server, unsigned worker_count, bool is_takeover)
{
	cr_assert(eq(int, server_open(server, &config, worker_count, is_takeover), 0));
}

static void begin(void)
{
	struct apo_listen *listen_on = config.listens;

	server_config_init(&config);
	cr_assert(eq(int, rudp_addr_parse(&listen_on->address, "127.0.0.1:0"), 0));
	config.listen_count = 1;
	open_server(&old, WORKERS, false);
}

static void end(void)
{
	unsigned i;

	server_close(&old);
	for (i = 0; i < CLIENTS; i++)
		if (ends[i] > 0)
			close(ends[i]);
}

TestSuite(upgrade, .init = begin, .fini = end, .timeout = 600);

static void say(unsigned i, const char *text)
{
	cr_assert(eq(sz, (size_t)send(ends[i], text, strlen(text), MSG_NOSIGNAL), strlen(text)));
}

static const char *heard(unsigned i)
{
	static char text[65536];
	ssize_t n = recv(ends[i], text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void come_in(unsigned i)
{
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);
	char text[64];
	int fds[2], bytes = 64 * 1024;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0));
	/* Small socket buffers, whatever this machine's default. */
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = fds[0];
	adopt->address.family = AF_INET;
	adopt->ip_entry = apo_ip_limits_readmit(&old.acceptor.ip_limits, &adopt->address);
	ends[i] = fds[1];
	apo_mailbox_put(&old.workers[i % WORKERS].box, &adopt->mail);
	snprintf(text, sizeof text, "NICK c%u\r\nUSER c 0 * :c\r\nJOIN #a\r\n", i);
	say(i, text);
	server_turn(&old);
	cr_assert(ne(ptr, strstr(heard(i), " 366 "), NULL));
}

static void come_in_all(void)
{
	unsigned i;

	for (i = 0; i < CLIENTS; i++)
		come_in(i);
	for (i = 0; i < CLIENTS; i++)
		(void)heard(i);
}

/* Passes the state through an upgrade channel, as far as it fits in the channel's buffers. Returns
 * 0 or the error of apo_upgrade_channel_receive; -EBADMSG if it arrived and was refused. */
static int pass(struct apo_upgrade_state *upgrade)
{
	struct apo_server_parts parts = server_parts(&new);
	struct apo_received_state received;
	struct apo_upgrade_state come;
	int fds[2], error;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0));
	cr_assert(eq(int,
		     apo_upgrade_channel_send(fds[0], upgrade->serializer.bytes,
					      upgrade->serializer.len, upgrade->fds,
					      upgrade->fd_count, SOON),
		     0));
	error = apo_upgrade_channel_receive(fds[1], &received, SOON);
	close(fds[0]);
	close(fds[1]);
	if (error < 0)
		return error;
	apo_upgrade_state_from(&come, received.state, received.len, received.fds,
			       received.fd_count);
	if (!apo_upgrade_state_read(&come, &parts))
		error = -EBADMSG;
	continues_history = come.continues_history;
	apo_received_state_fini(&received);
	return error;
}

static void hand_over(unsigned worker_count)
{
	struct apo_server_parts parts = server_parts(&old);
	struct apo_upgrade_state upgrade;

	apo_upgrade_state_to(&upgrade);
	cr_assert(apo_upgrade_state_write(&upgrade, &parts));
	open_server(&new, worker_count, true);
	cr_assert(eq(int, pass(&upgrade), 0));
	apo_upgrade_state_fini(&upgrade);
	apo_upgrade_state_release(&parts, "gone");
}

Test(upgrade, partial_lines_and_queued_output_are_handed_over)
{
	come_in_all();
	say(0, "PRIVMSG #a :half of ");
	server_turn(&old);
	hand_over(1);
	say(0, "it\r\n");
	server_turn(&new);
	cr_assert(eq(str, (char *)heard(1), ":c0!~c@0.0.0.0 PRIVMSG #a :half of it\r\n"));
	cr_assert(eq(str, (char *)heard(2), ":c0!~c@0.0.0.0 PRIVMSG #a :half of it\r\n"));
	cr_assert(eq(str, (char *)heard(0), ""));
	cr_assert(eq(uint, new.acceptor.active_count, CLIENTS));
	server_close(&new);
}

/* More is queued than the socket takes; all of it arrives from the two processes, once and in
 * order. */
Test(upgrade, a_client_that_does_not_read_loses_nothing)
{
	static char all[4 << 20];
	size_t len = 0, n, lines = 0;
	char text[400], *line, *next;
	unsigned i;

	config.send_queue_bytes = 8 << 20;
	come_in_all();
	for (i = 0; i < 5000; i++) {
		snprintf(text, sizeof text, "PRIVMSG c1 :%0300u\r\n", i);
		say(0, text);
		server_turn(&old);
	}
	cr_assert(ge(sz, old.workers[1].chunks[0][0].out.bytes, 100001));
	hand_over(2);
	do {
		server_turn(&new);
		n = strlen(strcpy(all + len, heard(1)));
		len += n;
	} while (n > 0);
	for (line = all; (next = strstr(line, "\r\n")); line = next + 2, lines++)
		cr_assert(eq(ulong, strtoul(strstr(line, " :") + 2, NULL, 10), lines));
	cr_assert(eq(sz, lines, 5000));
	server_close(&new);
}

/* ---- messages that arrive while the threads stand still ---- */

/* The message is in the queues of its recipients, and no worker writes. */
static void say_to_who_stands_still(void)
{
	unsigned i;

	come_in_all();
	say(0, "PRIVMSG #a :x\r\n");
	apo_worker_turn(old.workers);
	(void)apo_model_thread_absorb(&old.model_thread);
	for (i = 0; i < WORKERS; i++)
		apo_worker_absorb(old.workers + i, rudp_clock_now_ns());
	server_drop_notes(&old);
	for (i = 0; i < CLIENTS; i++)
		cr_assert(eq(str, (char *)heard(i), ""));
}

/* With threads, as in a real server. */
static void check_all_hear_of_it(struct server *server)
{
	pthread_t threads[WORKERS];
	struct pollfd wait;
	unsigned i;

	for (i = 0; i < server->worker_count; i++)
		cr_assert(eq(int,
			     pthread_create(threads + i, NULL, apo_worker_run, server->workers + i),
			     0));
	for (i = 1; i < CLIENTS; i++) {
		wait = (struct pollfd){.fd = ends[i], .events = POLLIN};
		cr_assert(eq(int, poll(&wait, 1, 60000), 1), "client %u", i);
		cr_assert(eq(str, (char *)heard(i), ":c0!~c@0.0.0.0 PRIVMSG #a :x\r\n"));
	}
	for (i = 0; i < server->worker_count; i++) {
		struct apo_end_notice *end_notice = calloc(1, sizeof *end_notice);

		end_notice->mail.kind = APO_MAIL_STOP;
		apo_mailbox_put(&server->workers[i].box, &end_notice->mail);
		pthread_join(threads[i], NULL);
	}
}

Test(upgrade, output_during_the_hand_over_is_written_by_the_new_process)
{
	say_to_who_stands_still();
	hand_over(WORKERS);
	check_all_hear_of_it(&new);
	server_close(&new);
}

Test(upgrade, output_during_a_failed_hand_over_is_written_by_the_old_process)
{
	say_to_who_stands_still();
	check_all_hear_of_it(&old);
}

/* ---- other parts ---- */

Test(upgrade, listeners_and_counters_are_handed_over)
{
	struct sockaddr_in at, at_new;
	socklen_t len = sizeof at;

	come_in_all();
	old.acceptor.counters.accepted = 77;
	old.peers.counters.opened = 7;
	/* The port that the kernel chose. */
	cr_assert(
		eq(int,
		   getsockname(old.acceptor.listeners[0]->source.fd, (struct sockaddr *)&at, &len),
		   0));
	hand_over(2);
	cr_assert(eq(uint, new.acceptor.listener_count, 1));
	cr_assert(eq(
		int,
		getsockname(new.acceptor.listeners[0]->source.fd, (struct sockaddr *)&at_new, &len),
		0));
	cr_assert(eq(uint, at.sin_port, at_new.sin_port));
	cr_assert(eq(u64, new.acceptor.counters.accepted, 77));
	cr_assert(eq(u64, new.peers.counters.opened, 7));
	cr_assert(eq(u64, apo_model_figures(new.model_thread.model)->connected, CLIENTS));
	cr_assert(ge(u64, atomic_load(&new.workers[0].counters.lines_in), 3 * CLIENTS));
	server_close(&new);
}

/* ---- invalid state ---- */

/* Any changed byte is found by the checksum, or by the reader. The old server is unchanged. */
Test(upgrade, a_changed_byte_is_refused_or_harmless)
{
	struct apo_server_parts parts = server_parts(&old);
	unsigned refused = 0;
	struct apo_upgrade_state upgrade;
	size_t at;

	come_in_all();
	say(0, "PRIVMSG #a :half of ");
	server_turn(&old);
	parts = server_parts(&old);
	apo_upgrade_state_to(&upgrade);
	cr_assert(apo_upgrade_state_write(&upgrade, &parts));
	for (at = 0; at < upgrade.serializer.len; at++) {
		upgrade.serializer.bytes[at] ^= 0x81;
		open_server(&new, 2, true);
		refused += pass(&upgrade) != 0;
		server_close(&new);
		upgrade.serializer.bytes[at] ^= 0x81;
	}
	cr_assert(lt(uint, upgrade.serializer.len / 10, refused));
	apo_upgrade_state_fini(&upgrade);
	say(0, "it\r\n");
	server_turn(&old);
	cr_assert(eq(str, (char *)heard(1), ":c0!~c@0.0.0.0 PRIVMSG #a :half of it\r\n"));
}

Test(upgrade, a_truncated_state_is_refused)
{
	struct apo_server_parts parts = server_parts(&old);
	struct apo_upgrade_state upgrade;
	size_t len;

	come_in_all();
	parts = server_parts(&old);
	apo_upgrade_state_to(&upgrade);
	cr_assert(apo_upgrade_state_write(&upgrade, &parts));
	for (len = upgrade.serializer.len - 1; len > 0; len--) {
		upgrade.serializer.len = len;
		open_server(&new, 2, true);
		cr_assert(eq(int, pass(&upgrade), -EBADMSG), "%zu", len);
		server_close(&new);
	}
	apo_upgrade_state_fini(&upgrade);
}

/* One descriptor missing, one too many. */
Test(upgrade, descriptors_are_counted)
{
	struct apo_server_parts parts;
	struct apo_upgrade_state upgrade;

	come_in_all();
	parts = server_parts(&old);
	apo_upgrade_state_to(&upgrade);
	cr_assert(apo_upgrade_state_write(&upgrade, &parts));
	upgrade.fd_count--;
	open_server(&new, 2, true);
	cr_assert(eq(int, pass(&upgrade), -EBADMSG));
	server_close(&new);
	upgrade.fd_count++;
	upgrade.fds = realloc(upgrade.fds, (upgrade.fd_count + 1) * sizeof(int));
	upgrade.fds[upgrade.fd_count++] = ends[0];
	open_server(&new, 2, true);
	cr_assert(eq(int, pass(&upgrade), -EBADMSG));
	server_close(&new);
	apo_upgrade_state_fini(&upgrade);
}

Test(upgrade, an_upgrade_channel_refuses_other_messages)
{
	struct apo_received_state received;
	int fds[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0));
	cr_assert(eq(int,
		     apo_upgrade_channel_await(fds[1], APO_UPGRADE_CHANNEL_HELLO,
					       rudp_clock_now_ns() + 1000000),
		     -ETIME));
	cr_assert(
		eq(int, apo_upgrade_channel_send_kind(fds[0], APO_UPGRADE_CHANNEL_TAKEN, SOON), 0));
	cr_assert(eq(int, apo_upgrade_channel_await(fds[1], APO_UPGRADE_CHANNEL_HELLO, SOON),
		     -EPROTO));
	cr_assert(eq(sz, (size_t)send(fds[0], "nonsense", 8, 0), 8));
	cr_assert(eq(int, apo_upgrade_channel_receive(fds[1], &received, SOON), -EPROTO));
	cr_assert(
		eq(int, apo_upgrade_channel_send_kind(fds[0], APO_UPGRADE_CHANNEL_STATE, SOON), 0));
	cr_assert(eq(int, apo_upgrade_channel_receive(fds[1], &received, SOON), -EPROTO));
	cr_assert(eq(int, apo_upgrade_channel_send_kind(fds[0], APO_UPGRADE_CHANNEL_GO, SOON), 0));
	cr_assert(eq(int, apo_upgrade_channel_await(fds[1], APO_UPGRADE_CHANNEL_GO, SOON), 0));
	close(fds[0]);
	cr_assert(eq(int, apo_upgrade_channel_await(fds[1], APO_UPGRADE_CHANNEL_GO, SOON), -EPIPE));
	close(fds[1]);
}

Test(upgrade, history_continues_only_in_the_same_file)
{
	static const char *const files[][2] = {
		{"/a", "/a"}, {"/a", "/b"}, {NULL, "/a"}, {"/a", NULL}, {NULL, NULL}};
	struct apo_server_parts parts;
	struct apo_upgrade_state upgrade;
	unsigned i;

	come_in_all();
	for (i = 0; i < 5; i++) {
		old.history_file = files[i][0];
		parts = server_parts(&old);
		apo_upgrade_state_to(&upgrade);
		cr_assert(apo_upgrade_state_write(&upgrade, &parts));
		open_server(&new, 1, true);
		new.history_file = files[i][1];
		cr_assert(eq(int, pass(&upgrade), 0));
		cr_assert(eq(int, continues_history, i == 0));
		apo_upgrade_state_fini(&upgrade);
		server_close(&new);
	}
}
