/* SPDX-License-Identifier: MIT */
#include "engine/caller.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/app_side.h"
#include "engine/binding.h"

#define STATUS_BYTES 512 /* up to the line of the user */
#define USERS_BYTES 256
#define FIRST_FREE_PORT "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define FIRST_FREE_PORT_DEFAULT 1024

static bool token_matches(const struct rudp_engine *engine, const uint8_t *token)
{
	uint8_t difference = 0;

	for (int i = 0; i < RUDP_TOKEN_BYTES; i++)
		difference |= (uint8_t)(engine->token[i] ^ token[i]);
	return difference == 0;
}

bool rudp_caller_is_known(const struct rudp_engine *engine, const struct rudp_call *call,
			  const struct rudp_control_request *request)
{
	return !call->foreign || token_matches(engine, request->token);
}

bool rudp_caller_fd_is_unix(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

bool rudp_peer_is_engine(const struct rudp_engine *engine, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	/* An engine in a thread changes its user with the program around it. */
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       ((uint32_t)peer.pid == engine->pid || (uint32_t)peer.pid == engine->pid_before) &&
	       (peer.uid == engine->uid || peer.uid == geteuid());
}

bool rudp_caller_holds_ours(struct rudp_engine *engine, const struct rudp_call *call)
{
	if (call->held_fd < 0)
		return false;
	if (rudp_binding_of(engine, call->held_fd))
		return true;
	return rudp_app_of(engine, call->held_fd) && rudp_peer_is_engine(engine, call->held_fd);
}

/* At most size - 1 bytes and a 0. false: not readable. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return false;
	text[n] = 0;
	return true;
}

static unsigned first_free_port(void)
{
	char text[16];

	return read_text(FIRST_FREE_PORT, text, sizeof text) ? (unsigned)strtoul(text, NULL, 10)
							     : FIRST_FREE_PORT_DEFAULT;
}

/*
 * By what its users are called here, which everybody may read of everybody. Without a privilege one can
 * make a namespace with a single user only.
 */
static bool same_user_namespace(uint32_t pid)
{
	char path[32], theirs[USERS_BYTES], ours[USERS_BYTES];

	snprintf(path, sizeof path, "/proc/%u/uid_map", pid);
	return read_text(path, theirs, sizeof theirs) &&
	       read_text("/proc/self/uid_map", ours, sizeof ours) && strcmp(theirs, ours) == 0;
}

/* Whoever has called may have made himself another program since, with the rights of that. */
static bool is_still(const struct rudp_call *call)
{
	char path[32], text[STATUS_BYTES];
	const char *line;
	uint32_t effective;

	snprintf(path, sizeof path, "/proc/%u/status", call->pid);
	if (!read_text(path, text, sizeof text))
		return false;
	line = strstr(text, "\nUid:");
	return line && sscanf(line, "\nUid: %*u %" SCNu32, &effective) == 1 && effective == call->uid;
}

/* In a user namespace of his own anybody has them all, and they are worth nothing outside. */
static bool has_capability(const struct rudp_call *call, unsigned capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, (int)call->pid};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return call->pid && syscall(SYS_capget, &header, data) == 0 &&
	       data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability) &&
	       same_user_namespace(call->pid) && is_still(call);
}

void rudp_caller_limit(const struct rudp_call *call, struct rudp_sock_options *options)
{
	if (options->route.mark && !has_capability(call, CAP_NET_ADMIN) &&
	    !has_capability(call, CAP_NET_RAW))
		options->route.mark = 0;
}

bool rudp_caller_may_bind(const struct rudp_call *call, unsigned port)
{
	if (port == 0 || port >= first_free_port())
		return true;
	return has_capability(call, CAP_NET_BIND_SERVICE);
}
