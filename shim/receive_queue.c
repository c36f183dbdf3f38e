/* SPDX-License-Identifier: MIT */
#include "receive_queue.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "api/mark.h"
#include "api/raw_syscall.h"
#include "filtered.h"
#include "real.h"
#include "receive_check.h"

#define TCP_INQ_OPTION 36 /* and the type of its control message, TCP_CM_INQ */

static atomic_bool wanted;

void rudp_receive_queue_on_option(int level, int option)
{
	if (level == IPPROTO_TCP && option == TCP_INQ_OPTION)
		atomic_store_explicit(&wanted, true, memory_order_relaxed);
}

bool rudp_receive_queue_is_on(int fd)
{
	int flags;

	if (!atomic_load_explicit(&wanted, memory_order_relaxed) || rudp_is_filtered())
		return false;
	flags = rudp_mark_get(fd);
	return flags >= 0 && flags & RUDP_MARK_INQ;
}

size_t rudp_receive_queue_room(int fd, const struct msghdr *message)
{
	if (!rudp_receive_queue_is_on(fd) || rudp_receive_check(message) < 0)
		return 0;
	return message->msg_control ? message->msg_controllen : 0;
}

/* The number of unread bytes. At the end of file it is 1, as with TCP. */
static int unread(int fd)
{
	int bytes = 0;

	rudp_raw_ioctl(fd, FIONREAD, &bytes);
	if (bytes == 0 && rudp_raw_poll(fd, POLLRDHUP) > 0)
		bytes = 1;
	return bytes;
}

void rudp_receive_queue_add(int fd, struct msghdr *message, size_t room)
{
	struct cmsghdr header = {CMSG_LEN(sizeof(int)), IPPROTO_TCP, TCP_INQ_OPTION};
	int bytes = unread(fd);

	if (room < header.cmsg_len)
		message->msg_flags |= MSG_CTRUNC;
	if (room < sizeof header)
		return;
	if (room < header.cmsg_len)
		header.cmsg_len = room;
	memcpy(message->msg_control, &header, sizeof header);
	memcpy((char *)message->msg_control + sizeof header, &bytes,
	       header.cmsg_len - sizeof header);
	message->msg_controllen = room < CMSG_SPACE(sizeof(int)) ? room : CMSG_SPACE(sizeof(int));
}
