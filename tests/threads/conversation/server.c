/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

pid_t server;
uint16_t port, peers_port;

static char directory[64];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static FILE *create(const char *name)
{
	FILE *file = fopen(path_of(name), "we");

	if (!file)
		fail("%s: %s", path_of(name), strerror(errno));
	return file;
}

/* A number that nobody has, neither for TCP nor for UDP (rudp takes both), and none of those that
 * the kernel gives away. A TCP socket that does not listen keeps it ours to the end: what says
 * SO_REUSEADDR, as the server does, may have it, too; another test that looks for one may not. */
static uint16_t take_port(void)
{
	static uint16_t found;
	struct sockaddr_in address = {.sin_family = AF_INET};
	int tcp, udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	if (!found)
		found = (uint16_t)(10000 + getpid() % 10000);
	for (;; close(tcp)) {
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		address.sin_port = htons(++found);
		if (bind(tcp, (struct sockaddr *)&address, sizeof address) == 0 &&
		    bind(udp, (struct sockaddr *)&address, sizeof address) == 0)
			break;
		if (errno != EADDRINUSE)
			fail("bind: %s", strerror(errno));
	}
	close(udp);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return found;
}

void server_prepare(void)
{
	FILE *file;

	strcpy(directory, "/tmp/apollonion-storm.XXXXXX");
	if (!mkdtemp(directory))
		fail("mkdtemp: %s", strerror(errno));
	file = create("key");
	fprintf(file, "%064d\n", 1);
	fclose(file);
	chmod(path_of("key"), 0600);
	setenv("RUDP_KEY_FILE", path_of("key"), 1);
	port = take_port();
	peers_port = take_port();
}

void server_clean(void)
{
	(void)unlink(path_of("key"));
	(void)rmdir(directory);
}

static void write_config(void)
{
	FILE *file = create("conf");

	fprintf(file,
		"[server]\nname = storm.test\nworkers = 3\nlog = %s/log\nmetrics = %s/metrics\n"
		"[listen]\nplain = 127.0.0.1:%u\n"
		"[limits]\nclients = 1000\nwaiting = 100\nper-address = 2000\nconnects = 1000000\n"
		"send-queue = 64M\n"
		"[flood]\nburst = off\n"
		"[peers]\nport = %u\nkey = %s/key\n",
		directory, directory, port, peers_port, directory);
	fclose(file);
}

static unsigned log_times(const char *what)
{
	FILE *file = fopen(path_of("log"), "re");
	unsigned times = 0;
	char line[1024];

	while (file && fgets(line, sizeof line, file))
		times += strstr(line, what) != NULL;
	if (file)
		fclose(file);
	return times;
}

static void wait_until_it_serves(void)
{
	int i;

	for (i = 0; i < PATIENCE_S * 50; i++) {
		if (log_times(" serving ") > 0)
			return;
		if (waitpid(server, NULL, WNOHANG) == server) {
			server = 0;
			fail("the server has ended");
		}
		poll(NULL, 0, 20);
	}
	fail("the server does not serve");
}

void server_start(const char *program)
{
	write_config();
	server = fork();
	if (server == 0) {
		execl(program, program, "--config", path_of("conf"), (char *)NULL);
		_exit(127);
	}
	wait_until_it_serves();
}

/* ---- counters ---- */

static const char *ask(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	strcpy(address.sun_path, path_of("metrics"));
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fail("metrics: %s", strerror(errno));
	(void)send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
	while (len < sizeof text - 1 && (n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(fd);
	return text;
}

uint64_t server_counter(const char *name)
{
	char wanted[128];
	const char *at;

	snprintf(wanted, sizeof wanted, "\napollonion_%s ", name);
	at = strstr(ask(), wanted);
	if (!at)
		fail("the counters do not tell of %s", name);
	return strtoull(at + strlen(wanted), NULL, 10);
}

/* ---- the end ---- */

static void wait_for_end(pid_t process)
{
	int status, i;

	for (i = 0; i < PATIENCE_S * 50; i++) {
		if (waitpid(process, &status, WNOHANG) == process) {
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

/* The next one listens for peers when the one before has nothing more to say to its own: then it
 * may be taken over, too. */
void server_hand_over(void)
{
	unsigned before = log_times(" listening for peers ");
	int i;

	kill(server, SIGHUP);
	kill(server, SIGUSR2);
	for (i = 0; i < PATIENCE_S * 50; i++) {
		if (log_times(" listening for peers ") > before)
			return;
		poll(NULL, 0, 20);
	}
	fail("nobody has taken over");
}

void server_end(unsigned signals)
{
	pid_t process = server;

	kill(process, SIGTERM);
	if (signals > 1)
		kill(process, SIGINT);
	wait_for_end(process);
	server = 0;
	(void)unlink(path_of("conf"));
	(void)unlink(path_of("log"));
}
