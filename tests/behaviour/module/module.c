/* SPDX-License-Identifier: MIT */
/*
 * A library of somebody else's, as the checks in init_library.c load it: it opens a connection when it
 * is loaded, as a static C++ object would, and says goodbye over it when it is unloaded.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int module_dial(int port);
int module_connection(void);

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

__attribute__((constructor)) static void on_load(void)
{
	const char *port = getenv("MODULE_PORT");

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
