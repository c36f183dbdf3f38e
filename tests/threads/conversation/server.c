/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
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

/* A port that is free now, and none of those that the kernel gives away until the server has it. */
static uint16_t free_port(int type)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
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

static bool log_has(const char *what)
{
	FILE *file = fopen(path_of("log"), "re");
	char line[1024];
	bool has = false;

	while (file && !has && fgets(line, sizeof line, file))
		has = strstr(line, what) != NULL;
	if (file)
		fclose(file);
	return has;
}

static void wait_until_it_serves(void)
{
	int i;

	for (i = 0; i < PATIENCE_S * 50; i++) {
		if (log_has(" serving "))
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
	port = free_port(SOCK_STREAM);
	peers_port = free_port(SOCK_DGRAM);
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
