/* SPDX-License-Identifier: MIT */
/*
 * Clients of a chat server, as many as wanted, in one thread: the cost of IRC. It works with any
 * server.
 *
 *     login N        N clients register, at most --at-once of them at a time
 *     connect N      N clients connect at once, and register
 *     idle N         N clients register, and then send nothing until the standard input ends
 *     join N         N registered clients join one channel at once
 *     quit N         N clients are in one channel, and all but one quit at once
 *     fanout N S     one of N in a channel (or the first --senders of them) sends for S seconds, as
 *                    fast as the lines are delivered
 *     pace N S       the same at 10,000 deliveries a second; measures their delay
 *
 * PORT can be a list (1,2,3), for nodes of a network: the clients use them in turn. Nicks begin
 * with the value of --nick.
 * Prints one line of JSON. A client that is closed before it quits ends the program: a failed
 * measurement has no result.
 */
#include "plain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 20000,
	PORTS_MAX = 8,
	LOGINS_AT_ONCE =
		1024,     /* where nothing else is said: some servers serve them once a second */
	PART_SIZE = 1024, /* of a line, between two reads */
	READ_SIZE = 256 * 1024,
	EVENTS_AT_ONCE = 512,
	WINDOW = 64, /* lines of a sender that are not delivered yet */
	TEXT_LEN = 60,
	PACE_DELIVERIES = 10000,
	PATIENCE_S = 120,
};

struct client {
	int fd;
	bool is_registered, has_quit, is_closed;
	size_t part_len;
	char part[PART_SIZE];
};

static const char *host, *ports[PORTS_MAX], *nick = "c";
static size_t port_count, sender_count = 1;
static struct client clients[CLIENTS_MAX];
static size_t client_count, logins_at_once = LOGINS_AT_ONCE;
static int epoll;
static char room[PART_SIZE + READ_SIZE];

/* Received lines, of all clients together. */
static uint64_t registered, joins, quits, messages, bytes, closed;
static uint64_t heard_by_last; /* messages, of the client that connected last */
static double *late_ms;        /* of each message that carries its time; NULL: not measured */
static size_t late_count, late_max;

/* ---- out ---- */

static void say(struct client *client, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(client->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			die("send");
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

__attribute__((format(printf, 2, 3))) static void sayf(struct client *client, const char *format,
						       ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	say(client, text, (size_t)len);
}

static void connect_one(void)
{
	struct client *client = clients + client_count;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	client->fd = dial(host, ports[client_count % port_count], NULL);
	if (fcntl(client->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
		die("epoll_ctl");
	sayf(client, "NICK %s%zu\r\nUSER c%zu 0 * :a client\r\n", nick, client_count, client_count);
	client_count++;
}

/* ---- in ---- */

static bool is_command(const char *word, const char *end, const char *command)
{
	size_t len = strlen(command);

	return (size_t)(end - word) > len && memcmp(word, command, len) == 0 && word[len] == ' ';
}

/* The text of a paced message begins with its sending time. */
static void note_lateness(const char *line, const char *end)
{
	const char *mark = memmem(line, (size_t)(end - line), " :@", 3);

	if (mark && late_count < late_max)
		late_ms[late_count++] = (now_s() - strtod(mark + 3, NULL)) * 1e3;
}

static void on_line(struct client *client, const char *line, const char *end)
{
	const char *word = line;

	if (*word == '@' && (word = memchr(word, ' ', (size_t)(end - word))))
		word++;
	if (word && *word == ':' && (word = memchr(word, ' ', (size_t)(end - word))))
		word++;
	if (!word)
		return;
	if (is_command(word, end, "PRIVMSG")) {
		messages++;
		heard_by_last += client == clients + client_count - 1;
		if (late_ms)
			note_lateness(word, end);
	} else if (is_command(word, end, "JOIN"))
		joins++;
	else if (is_command(word, end, "QUIT"))
		quits++;
	else if (is_command(word, end, "PING"))
		sayf(client, "PONG %.*s\r\n", (int)(end - word - 5), word + 5);
	else if (is_command(word, end, "001")) {
		client->is_registered = true;
		registered++;
	} else if (is_command(word, end, "ERROR") && !client->has_quit) {
		fprintf(stderr, "chat: %.*s\n", (int)(end - line), line);
		exit(1);
	}
}

static void on_closed(struct client *client)
{
	if (!client->has_quit) {
		errno = ECONNRESET;
		die("a client");
	}
	close(client->fd);
	client->is_closed = true;
	closed++;
}

static void on_readable(struct client *client)
{
	const char *at = room, *end;
	ssize_t n;
	size_t len;

	memcpy(room, client->part, client->part_len);
	n = recv(client->fd, room + client->part_len, READ_SIZE, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_closed(client);
		return;
	}
	bytes += (uint64_t)n;
	len = client->part_len + (size_t)n;
	for (; (end = memchr(at, '\n', len - (size_t)(at - room))); at = end + 1)
		on_line(client, at, end);
	client->part_len = len - (size_t)(at - room);
	if (client->part_len > PART_SIZE) {
		errno = EMSGSIZE;
		die("line");
	}
	memcpy(client->part, at, client->part_len);
}

static void serve(int wait_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int n = epoll_wait(epoll, events, EVENTS_AT_ONCE, wait_ms);

	for (int i = 0; i < n; i++)
		on_readable(events[i].data.ptr);
}

/* Serves until the count is reached; ends the program if that takes too long. */
static void serve_until(const uint64_t *count, uint64_t wanted, const char *what)
{
	double until_s = now_s() + PATIENCE_S;

	while (*count < wanted) {
		serve(1000);
		if (now_s() > until_s) {
			fprintf(stderr, "chat: %s: only %llu of %llu\n", what,
				(unsigned long long)*count, (unsigned long long)wanted);
			exit(1);
		}
	}
}

/* ---- the measurements ---- */

static void log_in(size_t count, size_t at_once)
{
	while (client_count < count) {
		connect_one();
		if (client_count - registered >= at_once)
			serve_until(&registered, client_count - at_once + 1, "registered");
		else
			serve(0);
	}
	serve_until(&registered, count, "registered");
}

static void say_to_all(size_t from, const char *text)
{
	for (size_t i = from; i < client_count; i++)
		say(clients + i, text, strlen(text));
}

/* Each client receives the joins of all later ones. */
static uint64_t joins_of(uint64_t count)
{
	return count * (count + 1) / 2;
}

static void be_in_channel(size_t count)
{
	log_in(count, logins_at_once);
	for (size_t i = 0; i < count; i++) {
		say(clients + i, "JOIN #room\r\n", 12);
		serve(0);
	}
	serve_until(&joins, joins_of(count), "joins");
}

static void print_rate(const char *what, uint64_t count, double elapsed_s)
{
	printf("\"%s\": %llu, \"elapsed_s\": %.6f, \"per_s\": %.1f, \"client_cpu_s\": %.3f}\n",
	       what, (unsigned long long)count, elapsed_s, (double)count / elapsed_s, cpu_s());
}

static void measure_logins(size_t count, size_t at_once)
{
	double start_s = now_s();

	log_in(count, at_once);
	printf("{");
	print_rate("logins", count, now_s() - start_s);
}

static void measure_idle(size_t count)
{
	measure_logins(count, logins_at_once);
	fflush(stdout);
	/* The lines of the welcome after 001 are read, too. */
	for (;;) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
		char byte;

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0 && errno != EEXIST)
			return;
		if (epoll_wait(epoll, &event, 1, -1) < 1)
			continue;
		if (event.data.ptr)
			on_readable(event.data.ptr);
		else if (read(STDIN_FILENO, &byte, 1) <= 0)
			return;
	}
}

static void measure_joins(size_t count)
{
	double start_s;

	log_in(count, logins_at_once);
	start_s = now_s();
	say_to_all(0, "JOIN #room\r\n");
	serve_until(&joins, joins_of(count), "joins");
	printf("{");
	print_rate("joins_heard", joins, now_s() - start_s);
}

static void measure_quits(size_t count)
{
	double start_s;

	be_in_channel(count);
	start_s = now_s();
	for (size_t i = 1; i < count; i++)
		clients[i].has_quit = true;
	say_to_all(1, "QUIT :gone\r\n");
	serve_until(&closed, count - 1, "closed");
	serve_until(&quits, count - 1, "quits");
	printf("{");
	print_rate("quits", count - 1, now_s() - start_s);
}

static void speak(struct client *client, bool has_time)
{
	char filling[TEXT_LEN];

	memset(filling, 'x', sizeof filling);
	if (has_time)
		sayf(client, "PRIVMSG #room :@%.6f %.*s\r\n", now_s(), TEXT_LEN - 20, filling);
	else
		sayf(client, "PRIVMSG #room :%.*s\r\n", TEXT_LEN, filling);
}

static void measure_fanout(size_t count, double seconds)
{
	uint64_t said = 0;
	double start_s, until_s;

	be_in_channel(count);
	messages = heard_by_last = 0;
	start_s = now_s();
	until_s = start_s + seconds;
	while (now_s() < until_s) {
		for (; said < heard_by_last + WINDOW; said++)
			speak(clients + said % sender_count, false);
		serve(1000);
	}
	printf("{\"lines\": %llu, ", (unsigned long long)heard_by_last);
	print_rate("deliveries", messages, now_s() - start_s);
}

static void measure_pace(size_t count, double seconds)
{
	double gap_s = (double)(count - 1) / PACE_DELIVERIES, start_s, next_s;

	be_in_channel(count);
	late_max = (size_t)(seconds * PACE_DELIVERIES * 2) + count;
	late_ms = calloc(late_max, sizeof *late_ms);
	if (!late_ms)
		die("memory");
	start_s = next_s = now_s();
	while (next_s < start_s + seconds) {
		for (; now_s() >= next_s; next_s += gap_s)
			speak(clients, true);
		serve((int)((next_s - now_s()) * 1e3) > 0 ? (int)((next_s - now_s()) * 1e3) : 0);
	}
	for (start_s = now_s(); now_s() < start_s + 1;)
		serve(100);
	printf("{\"deliveries\": %zu, ", late_count);
	print_quantiles("late_ms", late_ms, late_count);
	puts("}");
}

/* Takes an option and its value. Returns false if the next argument is none. */
static bool take_option(int *argc, char ***argv)
{
	const char *option = (*argv)[1];

	if (*argc < 3 || strncmp(option, "--", 2) != 0)
		return false;
	if (strcmp(option, "--at-once") == 0)
		logins_at_once = count_from((*argv)[2], CLIENTS_MAX);
	else if (strcmp(option, "--senders") == 0)
		sender_count = count_from((*argv)[2], CLIENTS_MAX);
	else if (strcmp(option, "--nick") == 0)
		nick = (*argv)[2];
	else
		return false;
	*argc -= 2;
	*argv += 2;
	return true;
}

static void read_ports(char *list)
{
	char *port;

	while (port_count < PORTS_MAX && (port = strsep(&list, ",")))
		ports[port_count++] = port;
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"chat [OPTION...] HOST PORT login|connect|idle|join|quit CLIENTS",
		"chat [OPTION...] HOST PORT fanout|pace CLIENTS SECONDS",
		"options: --at-once LOGINS, --senders CLIENTS, --nick BEGINNING",
		NULL,
	};
	size_t count;
	double seconds = 0;

	raise_descriptor_limit();
	while (take_option(&argc, &argv))
		;
	if (argc < 5 || argc > 6)
		usage(lines);
	host = argv[1];
	read_ports(argv[2]);
	count = count_from(argv[4], CLIENTS_MAX);
	if (argc == 6)
		seconds = (double)count_from(argv[5], 600);
	epoll = epoll_create1(0);
	if (strcmp(argv[3], "login") == 0 && argc == 5)
		measure_logins(count, logins_at_once);
	else if (strcmp(argv[3], "connect") == 0 && argc == 5)
		measure_logins(count, count);
	else if (strcmp(argv[3], "idle") == 0 && argc == 5)
		measure_idle(count);
	else if (strcmp(argv[3], "join") == 0 && argc == 5)
		measure_joins(count);
	else if (strcmp(argv[3], "quit") == 0 && argc == 5 && count > 1)
		measure_quits(count);
	else if (strcmp(argv[3], "fanout") == 0 && argc == 6 && count > sender_count)
		measure_fanout(count, seconds);
	else if (strcmp(argv[3], "pace") == 0 && argc == 6 && count > 1)
		measure_pace(count, seconds);
	else
		usage(lines);
	return 0;
}
