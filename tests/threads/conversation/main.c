/* SPDX-License-Identifier: MIT */
/*
 * Storms over apollonion: the test for ThreadSanitizer, and a test by itself. The server, built
 * with the same sanitizer, is started as a child. Many threads connect, join one channel, speak,
 * and go in every way there is (QUIT, close, reset, without having read anything), while one client
 * listens to all of it, the configuration is read again and again, and the counters are asked for.
 * What those said who left with QUIT must have been heard completely and in order; the server must
 * end by itself, in time, with exit code 0, in the middle of a last storm.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 6
#define ROUNDS 60
#define LINES 20 /* that each says */
#define RELOADS 20
#define PATIENCE_S 300
#define LINE_SIZE 1024

enum way { QUIT, CLOSE, RESET, DEAF, WAYS };

static char directory[] = "/tmp/apollonion-storm.XXXXXX", config_path[64], metrics_path[64];
static uint16_t port;
static pid_t server;
static atomic_bool is_last_storm;
/* How far each has been heard, and whether its QUIT was. */
static unsigned heard[THREADS][ROUNDS];
static bool heard_quit[THREADS][ROUNDS];

__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	if (server > 0)
		kill(server, SIGKILL);
	exit(1);
}

/* ---- a client ---- */

struct client {
	int fd;
	char bytes[LINE_SIZE];
	size_t len;
};

static bool open_client(struct client *client)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = PATIENCE_S};

	client->len = 0;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		fail("socket: %s", strerror(errno));
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0)
		return true;
	close(client->fd);
	return false;
}

__attribute__((format(printf, 2, 3))) static bool say(struct client *client, const char *format,
						      ...)
{
	char text[LINE_SIZE];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return send(client->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

/* A line without its end; false: the stream has ended. */
static bool hear(struct client *client, char line[LINE_SIZE])
{
	char *end;
	ssize_t n;

	while (!(end = memchr(client->bytes, '\n', client->len))) {
		if (client->len == sizeof client->bytes)
			fail("a line is too long");
		n = recv(client->fd, client->bytes + client->len,
			 sizeof client->bytes - client->len, 0);
		if (n < 0 && errno == EAGAIN)
			fail("nothing was heard for %d s", PATIENCE_S);
		if (n <= 0)
			return false;
		client->len += (size_t)n;
	}
	*end = 0;
	memcpy(line, client->bytes, (size_t)(end - client->bytes) + 1);
	line[strcspn(line, "\r")] = 0;
	client->len -= (size_t)(end - client->bytes) + 1;
	memmove(client->bytes, end + 1, client->len);
	return true;
}

static bool hear_until(struct client *client, const char *what)
{
	char line[LINE_SIZE];

	while (hear(client, line))
		if (strstr(line, what))
			return true;
	return false;
}

static bool enter(struct client *client, const char *nick)
{
	return open_client(client) && say(client, "NICK %s\r\nUSER %s 0 * :x\r\n", nick, nick) &&
	       hear_until(client, " 001 ") && say(client, "JOIN #storm\r\n") &&
	       hear_until(client, " 366 ");
}

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
	if (!enter(&client, nick)) {
		if (!atomic_load(&is_last_storm))
			fail("%s did not come in", nick);
		close(client.fd);
		return;
	}
	for (i = 0; i < LINES; i++)
		(void)say(&client, "PRIVMSG #storm :%u\r\n", i);
	leave(&client, way);
}

static void *storm(void *of)
{
	unsigned thread = (unsigned)(uintptr_t)of, round;

	for (round = 0; round < ROUNDS; round++)
		visit(thread, round);
	return NULL;
}

/* ---- the one who listens ---- */

/* Of those who left with QUIT, whom all were heard of. */
static bool all_were_heard(void)
{
	unsigned thread, round;

	for (thread = 0; thread < THREADS; thread++)
		for (round = 0; round < ROUNDS; round++)
			if ((thread + round) % WAYS == QUIT && !heard_quit[thread][round])
				return false;
	return true;
}

static void note(const char *line)
{
	unsigned thread, round, number;
	char command[16], rest[64];

	if (sscanf(line, ":t%ur%u!%*s %15s %63[^\n]", &thread, &round, command, rest) != 4 ||
	    thread >= THREADS || round >= ROUNDS)
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

/* ---- the server ---- */

static void write_config(void)
{
	FILE *file = fopen(config_path, "we");

	if (!file)
		fail("%s: %s", config_path, strerror(errno));
	fprintf(file,
		"[server]\nname = storm.test\nworkers = 3\nlog = %s/log\nmetrics = %s\n"
		"[listen]\nplain = 127.0.0.1:%u\n"
		"[limits]\nclients = 1000\nwaiting = 100\nper-address = 2000\nconnects = 1000000\n"
		"[flood]\nburst = off\n",
		directory, metrics_path, port);
	fclose(file);
}

/* A port that is free now, and none of those that the kernel gives away until the server has it. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t found = (uint16_t)(10000 + getpid() % 10000);

	address.sin_port = htons(found);
	while (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		if (errno != EADDRINUSE)
			fail("bind: %s", strerror(errno));
		address.sin_port = htons(++found);
	}
	close(fd);
	return found;
}

static void start_server(const char *program)
{
	server = fork();
	if (server == 0) {
		execl(program, program, "--config", config_path, (char *)NULL);
		_exit(127);
	}
}

static void wait_for_server(void)
{
	struct client client;
	int i;

	for (i = 0; i < PATIENCE_S * 50; i++) {
		if (open_client(&client)) {
			close(client.fd);
			return;
		}
		if (waitpid(server, NULL, WNOHANG) == server) {
			server = 0;
			fail("the server has ended");
		}
		poll(NULL, 0, 20);
	}
	fail("the server does not listen");
}

static void ask_for_counters(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	memcpy(address.sun_path, metrics_path, sizeof metrics_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fail("metrics: %s", strerror(errno));
	(void)send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
	while (len < sizeof text - 1 && (n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(fd);
	if (!strstr(text, "\napollonion_clients "))
		fail("the counters do not tell of clients");
}

static void end_server(void)
{
	int status, i;

	kill(server, SIGTERM);
	for (i = 0; i < PATIENCE_S * 50; i++) {
		if (waitpid(server, &status, WNOHANG) == server) {
			server = 0;
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				fail("the server ended with %s %d",
				     WIFEXITED(status) ? "exit code" : "signal",
				     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			return;
		}
		poll(NULL, 0, 20);
	}
	fail("the server does not end");
}

/* ---- the whole ---- */

static void start_storm(pthread_t threads[THREADS])
{
	unsigned i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(threads + i, NULL, storm, (void *)(uintptr_t)i) != 0)
			fail("no thread");
}

static void join_storm(pthread_t threads[THREADS])
{
	unsigned i;

	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS], listener_thread;
	static struct client listener;
	int i;

	if (argc != 2)
		fail("usage: %s APOLLONION", argv[0]);
	if (!mkdtemp(directory))
		fail("mkdtemp: %s", strerror(errno));
	snprintf(config_path, sizeof config_path, "%s/conf", directory);
	snprintf(metrics_path, sizeof metrics_path, "%s/metrics", directory);
	port = free_port();
	write_config();
	start_server(argv[1]);
	wait_for_server();
	if (!enter(&listener, "listener"))
		fail("the listener did not come in");
	pthread_create(&listener_thread, NULL, listen_to_all, &listener);
	start_storm(threads);
	for (i = 0; i < RELOADS; i++) {
		kill(server, SIGHUP);
		ask_for_counters();
		poll(NULL, 0, 20);
	}
	join_storm(threads);
	pthread_join(listener_thread, NULL);
	atomic_store(&is_last_storm, true);
	start_storm(threads);
	if (!hear_until(&listener, "PRIVMSG"))
		fail("the listener was closed");
	end_server();
	join_storm(threads);
	close(listener.fd);
	unlink(config_path);
	snprintf(config_path, sizeof config_path, "%s/log", directory);
	unlink(config_path);
	rmdir(directory);
	printf("conversation: %d visits heard\n", THREADS * ROUNDS);
	return 0;
}
