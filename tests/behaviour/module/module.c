/* SPDX-License-Identifier: MIT */
/*
 * A third-party library, loaded by the checks in init_library.c. It opens a connection when it is
 * loaded, as a static C++ object would, and sends a farewell over it when it is unloaded. Or, while
 * it is loaded, it waits for a thread that sends something to itself.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int module_dial(int port);
int module_connection(void);
int module_sent(void);
int module_family(int fd);

static int connection = -1;

__attribute__((visibility("default"))) int module_dial(int port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((unsigned short)port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

__attribute__((visibility("default"))) int module_connection(void)
{
	return connection;
}

__attribute__((visibility("default"))) int module_family(int fd)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);

	return getpeername(fd, (struct sockaddr *)&addr, &len) < 0 ? -1 : addr.ss_family;
}

static void *send_to_itself(void *sent)
{
	int pair[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return NULL;
	*(int *)sent = send(pair[0], "x", 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1;
	close(pair[0]);
	close(pair[1]);
	return NULL;
}

static int sent;

__attribute__((visibility("default"))) int module_sent(void)
{
	return sent;
}

__attribute__((constructor)) static void on_load(void)
{
	const char *port = getenv("MODULE_PORT");
	pthread_t thread;

	if (getenv("MODULE_THREAD") && pthread_create(&thread, NULL, send_to_itself, &sent) == 0)
		pthread_join(thread, NULL);
	if (!port)
		return;
	connection = module_dial(atoi(port));
	send(connection, "hello ", 6, MSG_NOSIGNAL);
}

__attribute__((destructor)) static void on_unload(void)
{
	const char *port = getenv("MODULE_PORT");
	int late = port ? module_dial(atoi(port)) : -1;

	send(connection, "goodbye", 7, MSG_NOSIGNAL);
	send(late, "late", 4, MSG_NOSIGNAL);
	close(connection);
	close(late);
}
