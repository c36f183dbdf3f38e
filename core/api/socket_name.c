/* SPDX-License-Identifier: MIT */
#include "api/socket_name.h"

#include <string.h>

#include "api/raw_syscall.h"

typedef int ask_name(int fd, struct sockaddr *addr, socklen_t *len);

static enum rudp_name_kind name_of(int fd, ask_name *ask, struct rudp_name *name)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;

	if (ask(fd, (struct sockaddr *)&un, &len) < 0)
		return RUDP_NAME_NONE;
	return rudp_name_parse(name, &un, len);
}

bool rudp_socket_own_name(int fd, struct rudp_name *name)
{
	return name_of(fd, rudp_raw_getsockname, name) == RUDP_NAME_BOUND;
}

bool rudp_socket_connection_name(int fd, struct rudp_name *name)
{
	enum rudp_name_kind kind = name_of(fd, rudp_raw_getpeername, name);
	struct rudp_nonce nonce;

	if (kind != RUDP_NAME_JOIN)
		return kind == RUDP_NAME_CONNECTION;
	nonce = name->nonce;
	return name_of(fd, rudp_raw_getsockname, name) == RUDP_NAME_CONNECTION &&
	       memcmp(&nonce, &name->nonce, sizeof nonce) == 0;
}
