/* SPDX-License-Identifier: MIT */
/* The program's own UDP sockets, where the engine of its TCP sockets has their port. */
#include "api/call.h"

#include <errno.h>
#include <netinet/in.h>

#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/sys.h"

static int get_int(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof value;

	rudp_sys_getsockopt(fd, SOL_SOCKET, option, &value, &len);
	return value;
}

int rudp_call_yield(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct rudp_engine_ref engine;
	struct rudp_control_call call;
	struct rudp_addr wanted;
	int rc;

	if (get_int(fd, SO_TYPE) != SOCK_DGRAM || get_int(fd, SO_PROTOCOL) != IPPROTO_UDP ||
	    !rudp_engine_known(&engine))
		return RUDP_NOT_OURS;
	/* The kernel has read it just now. */
	rc = rudp_addr_from_sockaddr(&wanted, addr, len);
	if (rc < 0 || rudp_addr_port(&wanted) == 0)
		return RUDP_NOT_OURS;
	rudp_control_begin(&call, &engine.nonce, RUDP_CONTROL_YIELD, -1);
	call.request.addr = wanted;
	rc = rudp_control_make(&call);
	return rc < 0 ? rc : -call.reply.error;
}
