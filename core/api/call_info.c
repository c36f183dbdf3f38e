/* SPDX-License-Identifier: MIT */
/* Calls that the engine must answer, and the translation of errors of send and receive. */
#include "api/call.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "api/control_client.h"
#include "api/option.h"
#include "api/socket.h"
#include "api/raw_syscall.h"

#define SIOC_FIRST 0x890bul /* below: requests that AF_UNIX answers as TCP does, and timestamps */
#define SIOC_LAST 0x89fful
#define SIOC_STAMP 0x8906ul /* SIOCGSTAMP; the next number is SIOCGSTAMPNS */

int rudp_call_info(int fd, struct rudp_control_info *info)
{
	struct rudp_control_call call;
	struct rudp_socket s;
	int rc;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	if (s.state != RUDP_SOCKET_CONNECTED && s.state != RUDP_SOCKET_LISTENING)
		return -ENOTCONN;
	rudp_socket_begin(&s, &call, RUDP_CONTROL_INFO, -1);
	rc = rudp_socket_call(&s, &call);
	if (rc < 0)
		return rc;
	*info = call.reply.info;
	return -call.reply.error;
}

static int give_queue(int fd, bool unsent_only, int *argument)
{
	struct rudp_control_info info;
	uint64_t bytes;
	int rc = rudp_call_info(fd, &info);

	if (rc < 0) /* as TCP without a connection; an engine that has ended holds nothing */
		memset(&info, 0, sizeof info);
	/* The kernel checks the pointer. */
	rc = rudp_raw_ioctl(fd, SIOCINQ, argument);
	if (rc < 0)
		return rc;
	bytes = unsent_only ? info.unsent_bytes : info.unacked_bytes;
	*argument = bytes > INT32_MAX ? INT32_MAX : (int)bytes;
	return 0;
}

static bool is_for_tcp(unsigned long request)
{
	return (request >= SIOC_FIRST && request <= SIOC_LAST) || request == SIOC_STAMP ||
	       request == SIOC_STAMP + 1;
}

int rudp_call_ioctl(int fd, unsigned long request, void *argument)
{
	struct rudp_socket s;
	int scratch, rc;

	if (request != SIOCOUTQ && request != SIOCOUTQNSD && !is_for_tcp(request))
		return RUDP_NOT_OURS;
	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	if (request == SIOCOUTQ || request == SIOCOUTQNSD)
		return s.state == RUDP_SOCKET_LISTENING
			       ? -EINVAL
			       : give_queue(fd, request == SIOCOUTQNSD, argument);
	scratch = rudp_option_scratch(&s);
	if (scratch < 0)
		return scratch;
	rc = rudp_raw_ioctl(scratch, request, argument);
	rudp_raw_close(scratch);
	return rc;
}

int rudp_call_receive_error(int fd, int error)
{
	struct rudp_socket s;

	if ((error != EINVAL && error != ECONNRESET) || !rudp_socket_inspect(fd, &s))
		return error;
	if (error == EINVAL && s.flags & RUDP_MARK_ABORTED && s.state != RUDP_SOCKET_LISTENING)
		return rudp_socket_take_error(fd, &s);
	if (error == EINVAL)
		return s.state == RUDP_SOCKET_CONNECTED ? error : ENOTCONN;
	return rudp_socket_true_error(&s, error);
}

/*
 * As with TCP a pending error is reported once. The SIGPIPE that came with EPIPE cannot be undone.
 */
int rudp_call_send_error(int fd, int error)
{
	struct rudp_socket s;
	int pending;

	if ((error != ENOTCONN && error != EPIPE && error != ECONNRESET) ||
	    !rudp_socket_inspect(fd, &s))
		return error;
	if (error == ENOTCONN)
		return s.flags & RUDP_MARK_ABORTED ? rudp_socket_take_error(fd, &s) : EPIPE;
	if (error == ECONNRESET)
		return rudp_socket_true_error(&s, error);
	pending = rudp_socket_take_error(fd, &s);
	return pending ? pending : error;
}
