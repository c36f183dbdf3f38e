/* SPDX-License-Identifier: MIT */
/* UDP sockets of the program whose port the engine holds for the program's TCP sockets. */
#include "api/call.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "api/address.h"
#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/raw_syscall.h"

static bool is_udp(int fd)
{
	return rudp_raw_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
	       rudp_raw_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
}

/* addr must be readable. */
static int ask(const struct sockaddr *addr, socklen_t len)
{
	struct rudp_engine_ref engine;
	struct rudp_control_call call;
	struct rudp_addr wanted;
	int rc;

	if (!rudp_engine_known(&engine))
		return RUDP_NOT_OURS;
	rc = rudp_addr_from_sockaddr(&wanted, addr, len);
	if (rc < 0 || rudp_addr_port(&wanted) == 0)
		return RUDP_NOT_OURS;
	rudp_control_begin(&call, &engine.nonce, RUDP_CONTROL_UDP_PORT_RELEASE, -1);
	call.request.addr = wanted;
	rc = rudp_control_make(&call);
	return rc < 0 ? rc : -call.reply.error;
}

int rudp_call_udp_port_release(int fd, const struct sockaddr *addr, socklen_t len)
{
	int rc = is_udp(fd) ? ask(addr, len) : RUDP_NOT_OURS; /* bind has read addr */

	/* The engine has closed its socket meanwhile, as the program has closed the TCP socket. */
	return rc == -ENOENT ? 0 : rc;
}

/*
 * Errors in addr are left for bind to report. rudp_address_copy_in() needs a socket on which
 * connect fails with any IP address, so a temporary AF_UNIX socket is made.
 */
static int copy_in(const struct sockaddr *addr, socklen_t len, struct sockaddr_storage *copy)
{
	int scratch = rudp_raw_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (scratch < 0)
		return scratch;
	rc = rudp_address_copy_in(scratch, addr, len, copy);
	rudp_raw_close(scratch);
	return rc;
}

int rudp_call_udp_port_release_shared(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct rudp_engine_ref engine;
	struct sockaddr_storage copy;

	if (rudp_raw_option(fd, SOL_SOCKET, SO_REUSEPORT) != 1 || !is_udp(fd) ||
	    !rudp_engine_known(&engine) || copy_in(addr, len, &copy) < 0)
		return 0;
	return ask((struct sockaddr *)&copy, len) == -EADDRINUSE ? -EADDRINUSE : 0;
}
