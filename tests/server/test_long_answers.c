/* SPDX-License-Identifier: MIT */
/* A worker and the model together, without threads: a client asks for more than its send queue and
 * its socket hold, and reads nothing for a long time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <sys/socket.h>

#include "server/still_server.h"

#define MEMBERS 300
#define QUESTIONS 40 /* their answers exceed a queue and a socket by far */
#define TURNS_MAX 10000

static struct apo_config config;
static struct server server;
static int fds[MEMBERS];

static int connect_one(void)
{
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);
	int pair[2], bytes = 64 * 1024;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0));
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = pair[0];
	apo_mailbox_put(&server.workers[0].box, &adopt->mail);
	return pair[1];
}

static void say(int fd, const char *text)
{
	cr_assert(eq(sz, (size_t)send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text)));
}

static void turn(void)
{
	struct apo_model_thread *model_thread = &server.model_thread;

	server_turn(&server);
	if (apo_model_next_at_ns(model_thread->model) <= model_thread->now_at_ns)
		apo_model_on_time(model_thread->model, model_thread->now_at_ns);
	(void)apo_model_thread_absorb(model_thread);
}

/* Reads all that has arrived. */
static size_t read_all(int fd, char *bytes, size_t size)
{
	ssize_t n = recv(fd, bytes, size - 1, MSG_DONTWAIT);

	bytes[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static unsigned count(const char *text, const char *what)
{
	unsigned found = 0;

	for (; (text = strstr(text, what)); text++)
		found++;
	return found;
}

static void gather(void)
{
	static char heard[1 << 20];
	char line[100];
	int i, j;

	for (i = 0; i < MEMBERS; i++)
		fds[i] = connect_one();
	turn();
	for (i = 0; i < MEMBERS; i++) {
		snprintf(line, sizeof line, "NICK m%d\r\nUSER u 0 * :r\r\nJOIN #all\r\n", i);
		say(fds[i], line);
		turn();
		for (j = 0; j <= i; j++)
			(void)read_all(fds[j], heard, sizeof heard);
	}
	for (i = 0; i < 100; i++) {
		turn();
		for (j = 0; j < MEMBERS; j++)
			(void)read_all(fds[j], heard, sizeof heard);
	}
}

Test(long_answers, a_slow_reader_gets_all_answers_in_order)
{
	static char heard[8 << 20];
	size_t len = 0;
	int i;

	server_config_init(&config);
	config.per_address_max = MEMBERS;
	cr_assert(eq(int, server_open(&server, &config, 1, false), 0));
	gather();
	for (i = 0; i < QUESTIONS; i++)
		say(fds[0], "WHO #all\r\n");
	say(fds[0], "PING last\r\n");
	for (i = 0; i < 200; i++)
		turn();
	cr_assert(eq(u64, atomic_load(&server.workers[0].counters.send_queue_exceeded), 0));
	say(fds[1], "PING other\r\n");
	turn();
	cr_assert(lt(sz, 0, read_all(fds[1], heard, sizeof heard)));
	for (i = 0; i < TURNS_MAX && !strstr(heard, " PONG s.e :last"); i++) {
		turn();
		len += read_all(fds[0], heard + len, sizeof heard - len);
	}
	cr_assert(eq(uint, count(heard, " 352 "), QUESTIONS * MEMBERS));
	cr_assert(eq(uint, count(heard, " 315 "), QUESTIONS));
	cr_assert(ne(ptr, strstr(heard, " PONG s.e :last\r\n"), NULL));
	cr_assert(lt(sz, (size_t)400 * 1024, len));
	for (i = 0; i < MEMBERS; i++)
		close(fds[i]);
	server_close(&server);
}
