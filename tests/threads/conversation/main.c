/* SPDX-License-Identifier: MIT */
/*
 * Storms over apollonion: the test for ThreadSanitizer, and a test by itself. The server, built
 * with the same sanitizer, is started as a child. Many threads connect, join one channel, speak,
 * and go in every way there is (QUIT, close, reset, without having read anything), while one client
 * listens to all of it, the configuration is read again and again, the counters are asked for, and
 * other processes take over. What those said who left with QUIT must have been heard completely and
 * in order; the server must end by itself, in time, with exit code 0, in the middle of a last
 * storm.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rudp/rudp.h>

#include "client.h"
#include "peers.h"
#include "server.h"

#define THREADS 6
#define ROUNDS 60
#define LINES 20 /* that each says */
#define RELOADS 20
#define HAND_OVERS 4
#define ROUNDS_MAX 300 /* of a storm that outlasts them */
#define MEMBERS 60
#define LOUD 4 /* of them, who say more than can be passed on */

enum way { QUIT, CLOSE, RESET, DEAF, WAYS };

static atomic_bool is_last_storm;
static unsigned rounds; /* of a thread */
/* How far each has been heard, and whether its QUIT was. */
static unsigned heard[THREADS][ROUNDS_MAX];
static bool heard_quit[THREADS][ROUNDS_MAX];

/* ---- those who come and go ---- */

static void leave(struct client *client, enum way way)
{
	struct linger at_once = {.l_onoff = 1};

	if (way == QUIT && say(client, "QUIT :done\r\n"))
		(void)hear_until(client, "no line says this");
	if (way == RESET)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(client->fd);
}

static void visit(unsigned thread, unsigned round)
{
	struct client client;
	enum way way = (enum way)((thread + round) % WAYS);
	char nick[32];
	unsigned i;

	snprintf(nick, sizeof nick, "t%ur%u", thread, round);
	if (way == DEAF) {
		if (open_client(&client))
			(void)say(&client, "NICK %s\r\nUSER x 0 * :x\r\nJOIN #storm\r\n", nick);
		leave(&client, CLOSE);
		return;
	}
	if (!enter(&client, nick, "#storm")) {
		if (!atomic_load(&is_last_storm))
			fail("%s did not come in", nick);
		close(client.fd);
		return;
	}
	for (i = 0; i < LINES; i++)
		(void)say(&client, "PRIVMSG #storm :%u\r\n", i);
	leave(&client, way);
}

static void *visit_all(void *of)
{
	unsigned thread = (unsigned)(uintptr_t)of, round;

	for (round = 0; round < rounds; round++)
		visit(thread, round);
	return NULL;
}

/* ---- the one who listens ---- */

/* Whether the QUIT of each client that left with QUIT was received. */
static bool all_were_heard(void)
{
	unsigned thread, round;

	for (thread = 0; thread < THREADS; thread++)
		for (round = 0; round < rounds; round++)
			if ((thread + round) % WAYS == QUIT && !heard_quit[thread][round])
				return false;
	return true;
}

static void note(const char *line)
{
	unsigned thread, round, number;
	char command[16], rest[64];

	if (sscanf(line, ":t%ur%u!%*s %15s %63[^\n]", &thread, &round, command, rest) != 4 ||
	    thread >= THREADS || round >= rounds)
		return;
	if (strcmp(command, "PRIVMSG") == 0 && sscanf(rest, "#storm :%u", &number) == 1) {
		if (number != heard[thread][round]++)
			fail("t%ur%u said %u, should be %u", thread, round, number,
			     heard[thread][round] - 1);
	} else if (strcmp(command, "QUIT") == 0) {
		if ((thread + round) % WAYS == QUIT && heard[thread][round] != LINES)
			fail("t%ur%u was heard only %u times", thread, round, heard[thread][round]);
		heard_quit[thread][round] = true;
	}
}

static void *listen_to_all(void *of)
{
	struct client *client = of;
	char line[LINE_SIZE];

	while (!all_were_heard()) {
		if (!hear(client, line))
			fail("the listener was closed");
		note(line);
	}
	return NULL;
}

/* ---- storms ---- */

struct storm {
	pthread_t threads[THREADS], listener_thread;
	struct client listener;
};

static void start_storm(struct storm *storm)
{
	unsigned i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(storm->threads + i, NULL, visit_all, (void *)(uintptr_t)i) != 0)
			fail("no thread");
}

static void join_storm(struct storm *storm)
{
	unsigned i;

	for (i = 0; i < THREADS; i++)
		pthread_join(storm->threads[i], NULL);
}

/* And somebody who listens. */
static void begin(struct storm *storm, const char *program, unsigned length)
{
	server_start(program);
	rounds = length;
	atomic_store(&is_last_storm, false);
	memset(heard, 0, sizeof heard);
	memset(heard_quit, 0, sizeof heard_quit);
	if (!enter(&storm->listener, "listener", "#storm"))
		fail("the listener did not come in");
	pthread_create(&storm->listener_thread, NULL, listen_to_all, &storm->listener);
	start_storm(storm);
}

static void end(struct storm *storm)
{
	join_storm(storm);
	pthread_join(storm->listener_thread, NULL);
}

static void storms(const char *program)
{
	static struct storm storm;
	int i;

	begin(&storm, program, ROUNDS);
	for (i = 0; i < RELOADS; i++) {
		kill(server, SIGHUP);
		(void)server_counter("clients");
		poll(NULL, 0, 20);
	}
	end(&storm);
	atomic_store(&is_last_storm, true);
	start_storm(&storm);
	if (!hear_until(&storm.listener, "PRIVMSG"))
		fail("the listener was closed");
	server_end(1);
	join_storm(&storm);
	close_client(&storm.listener);
	printf("conversation: %u visits heard\n", THREADS * rounds);
}

/* Everybody is heard completely, whichever process it was that passed it on. */
static void hand_overs(const char *program)
{
	static struct storm storm;
	int i;

	begin(&storm, program, ROUNDS_MAX);
	for (i = 0; i < HAND_OVERS; i++)
		server_hand_over();
	end(&storm);
	if (server_counter("acceptor_take_overs_total") != HAND_OVERS)
		fail("the server has not been handed over %d times", HAND_OVERS);
	close_client(&storm.listener);
	server_end(1);
	printf("conversation: %u visits heard in %d processes\n", THREADS * rounds, HAND_OVERS + 1);
}

/* ---- more than can be passed on ---- */

static void *listen_for_ever(void *of)
{
	static const char never[] = "no line says this";

	(void)hear_until(of, never);
	return NULL;
}

static void *say_for_ever(void *of)
{
	char lines[4000];
	size_t len = 0;

	while (len + 20 < sizeof lines)
		len += (size_t)snprintf(lines + len, sizeof lines - len, "PRIVMSG #loud :x\r\n");
	while (say_bytes(of, lines, len))
		;
	return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), struct client *client)
{
	if (pthread_create(thread, NULL, run, client) != 0)
		fail("no thread");
}

/* The model waits for workers, and workers for the model: a second signal ends it all the same. */
static void too_much(const char *program)
{
	static struct client members[MEMBERS];
	pthread_t listening[MEMBERS], loud[LOUD];
	char nick[16];
	int i;

	server_start(program);
	for (i = 0; i < MEMBERS; i++) {
		snprintf(nick, sizeof nick, "m%d", i);
		if (!enter(members + i, nick, "#loud"))
			fail("%s did not come in", nick);
	}
	for (i = 0; i < MEMBERS; i++)
		start(listening + i, listen_for_ever, members + i);
	for (i = 0; i < LOUD; i++)
		start(loud + i, say_for_ever, members + i);
	for (i = 0; server_counter("worker_reading_paused_total") == 0; i++) {
		if (i > PATIENCE_S * 200)
			fail("it is not too much");
		poll(NULL, 0, 5);
	}
	server_end(2);
	for (i = 0; i < LOUD; i++)
		pthread_join(loud[i], NULL);
	for (i = 0; i < MEMBERS; i++) {
		pthread_join(listening[i], NULL);
		close_client(members + i);
	}
	printf("conversation: ended while too much was said\n");
}

/* ThreadSanitizer looks away from a thread that starts the engine while there are others, so the
 * server finds one. */
static void start_engine(void)
{
	if (rudp_socket(AF_INET, 0) < 0)
		fail("rudp_socket: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		fail("usage: %s APOLLONION", argv[0]);
	server_prepare();
	start_engine();
	storms(argv[1]);
	hand_overs(argv[1]);
	too_much(argv[1]);
	peers(argv[1]);
	server_clean();
	return 0;
}
