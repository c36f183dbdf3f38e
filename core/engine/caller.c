/* SPDX-License-Identifier: MIT */
#include "engine/caller.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app_side.h"
#include "engine/binding.h"

#define STATUS_BYTES 4096
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
	return call->uid == engine->uid || call->uid == 0 ||
	       token_matches(engine, request->token);
}

bool rudp_peer_is_engine(const struct rudp_engine *engine, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	/* An engine in a thread changes its user with the program around it. */
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (uint32_t)peer.pid == engine->pid &&
	       (peer.uid == engine->uid || peer.uid == geteuid());
}

bool rudp_caller_holds_ours(struct rudp_engine *engine, const struct rudp_call *call)
{
	if (call->held_fd < 0)
		return false;
	/* The name of a living binding cannot be taken by anybody else. */
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

static bool has_capability(uint32_t pid, unsigned capability)
{
	char path[32], text[STATUS_BYTES];
	const char *line;
	uint64_t effective;

	snprintf(path, sizeof path, "/proc/%u/status", pid);
	if (!read_text(path, text, sizeof text))
		return false;
	line = strstr(text, "\nCapEff:");
	if (!line || sscanf(line, "\nCapEff: %" SCNx64, &effective) != 1)
		return false;
	return effective >> capability & 1;
}

bool rudp_caller_may_mark(const struct rudp_call *call)
{
	return has_capability(call->pid, CAP_NET_ADMIN) || has_capability(call->pid, CAP_NET_RAW);
}

bool rudp_caller_may_bind(const struct rudp_call *call, unsigned port)
{
	if (port == 0 || port >= first_free_port())
		return true;
	return has_capability(call->pid, CAP_NET_BIND_SERVICE);
}
