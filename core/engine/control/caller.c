/* SPDX-License-Identifier: MIT */
#include "engine/control/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/raw_syscall.h"
#include "engine/app/app_side.h"
#include "engine/config/config_open.h"
#include "engine/control/caller_process.h"
#include "engine/ports/binding.h"

#define FIRST_FREE_PORT "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define FIRST_FREE_PORT_DEFAULT 1024

bool rudp_caller_has_token(const struct rudp_engine *engine,
			   const struct rudp_control_request *request)
{
	return CRYPTO_memcmp(engine->token, request->token, RUDP_TOKEN_BYTES) == 0;
}

/* Without a free descriptor the process of a caller cannot be examined. */
static bool is_out_of_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE;
	close(fd);
	return false;
}

int rudp_caller_check_user(const struct rudp_call *call)
{
	if (call->foreign)
		return -EACCES;
	if (rudp_caller_shares_container(call))
		return 0;
	return is_out_of_descriptors() ? -EMFILE : -EACCES;
}

bool rudp_caller_fd_is_unix(int fd)
{
	return rudp_raw_option(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX;
}

bool rudp_peer_is_engine(const struct rudp_engine *engine, int fd)
{
	struct ucred peer;

	/* An engine in a thread changes its user together with the program. */
	return rudp_raw_peer(fd, &peer) == 0 &&
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

static unsigned first_free_port(void)
{
	char text[16];

	return rudp_read_text(FIRST_FREE_PORT, text, sizeof text) >= 0
		       ? (unsigned)strtoul(text, NULL, 10)
		       : FIRST_FREE_PORT_DEFAULT;
}

void rudp_caller_limit(const struct rudp_call *call, struct rudp_sock_options *options)
{
	if (options->route.mark && !rudp_caller_has_capability(call, CAP_NET_ADMIN) &&
	    !rudp_caller_has_capability(call, CAP_NET_RAW))
		options->route.mark = 0;
	if (options->cc_is_limited)
		options->cc_is_limited = !rudp_caller_is_net_admin(call);
}

bool rudp_caller_is_net_admin(const struct rudp_call *call)
{
	return rudp_caller_has_capability(call, CAP_NET_ADMIN);
}

bool rudp_caller_may_bind(const struct rudp_call *call, unsigned port)
{
	if (port == 0 || port >= first_free_port())
		return true;
	return rudp_caller_has_capability(call, CAP_NET_BIND_SERVICE);
}
