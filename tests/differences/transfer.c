/* SPDX-License-Identifier: MIT */
#include "differences/transfer.h"
#include "differences/model.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static const int sizes[] = {0, 1, 10, 1000, 8000};

void step_send(const struct step *step)
{
	static const int flags[] = {0, MSG_NOSIGNAL, MSG_DONTWAIT, MSG_EOR, MSG_MORE, MSG_CONFIRM};
	char bytes[8000];
	int fd = model->fds[step->slot], size = sizes[step->x % 5], flag = flags[step->z % 6];
	const struct end *end = model_end(step->slot);
	unsigned way = step->y % 6;
	long result;
	int signals = model->sigpipes;
	for (int i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + (int)step->x);
	/* Differences of librudp_shim(7): write() without a connection or after a reset, data after
	 * SHUT_RD. */
	if (!end || !end->connected || end->reset || end->wrote_end)
		way = 0;
	if (end && end->peer >= 0 &&
	    (model->ends[end->peer].read_end || end->peer == model->end_of[step->slot]))
		return;
	if (end && end->unread > 0 && end->peer >= 0 && model->ends[end->peer].copies == 0 &&
	    model->ends[end->peer].queue_of < 0)
		return; /* the reset discards what can still be read, or not: chance */
	bool bad = step->z % 17 == 0 && size;
	char *from = bad ? (char *)8 : bytes;
	struct iovec parts[] = {{from, (size_t)size / 2},
				{from + size / 2, (size_t)(size - size / 2)}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	struct sockaddr_in where = {.sin_family = AF_INET};
	if (way == 0)
		result = send(fd, from, (size_t)size, flag);
	else if (way == 1)
		result = write(fd, from, (size_t)size);
	else if (way == 2)
		result = writev(fd, parts, 2);
	else if (way == 3)
		result = sendmsg(fd, &message, flag);
	else if (way == 4)
		result = sendto(fd, from, (size_t)size, flag, (struct sockaddr *)&where,
				sizeof(where));
	else
		result = send(fd, from, (size_t)size, flag | MSG_DONTROUTE);
	say("way %u flags %x size %d%s", way, (unsigned)flag, size, bad ? " EFAULT" : "");
	say_result(result);
	say(" signals %d", model->sigpipes - signals);
	model_sent(step->slot, result);
}

static bool would_wait(const struct step *step)
{
	struct pollfd entry = {.fd = model->fds[step->slot], .events = POLLIN | POLLRDHUP};
	(void)poll(&entry, 1, 0);
	return entry.revents == 0;
}

void step_receive(const struct step *step)
{
	static const int flags[] = {0,
				    0,
				    MSG_PEEK,
				    MSG_TRUNC,
				    MSG_DONTWAIT,
				    MSG_WAITALL,
				    MSG_OOB,
				    MSG_ERRQUEUE,
				    MSG_PEEK | MSG_TRUNC,
				    MSG_CMSG_CLOEXEC};
	char bytes[8000] = {0}, control[64];
	int fd = model->fds[step->slot], size = sizes[step->x % 5], flag = flags[step->z % 10];
	struct end *end = model_end(step->slot);
	struct sockaddr_storage where;
	socklen_t length = sizeof(where);
	unsigned way = step->y % 5, hash = 0;
	long result;
	memset(&where, 0x55, sizeof(where));
	if (!end || !end->connected)
		way = way == 1 || way == 2 ? 0 : way; /* see librudp_shim(7) */
	if (way == 1 || way == 2)
		flag = 0;
	if (flag & MSG_WAITALL && end && size > end->unread)
		flag = MSG_DONTWAIT;
	if (would_wait(step) && way != 1 && way != 2)
		flag |= MSG_DONTWAIT;
	else if (would_wait(step))
		return;
	bool bad = step->z % 17 == 0 && size;
	char *into = bad ? (char *)8 : bytes;
	struct iovec parts[] = {{into, (size_t)size / 2},
				{into + size / 2, (size_t)(size - size / 2)}};
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = 2,
				 .msg_name = &where,
				 .msg_namelen = length,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	if (way == 0)
		result = recv(fd, into, (size_t)size, flag);
	else if (way == 1)
		result = read(fd, into, (size_t)size);
	else if (way == 2)
		result = readv(fd, parts, 2);
	else if (way == 3)
		result = recvmsg(fd, &message, flag);
	else
		result = recvfrom(fd, into, (size_t)size, flag, (struct sockaddr *)&where, &length);
	say("way %u flags %x size %d%s", way, (unsigned)flag, size, bad ? " EFAULT" : "");
	say_result(result);
	if (way == 3 && result >= 0)
		say(" name %d control %d flags %x", (int)message.msg_namelen,
		    (int)message.msg_controllen, (unsigned)message.msg_flags);
	if (way == 4)
		say(" name %d", (int)length);
	for (int i = 0; i < size; i++)
		hash = hash * 31 + (unsigned char)bytes[i];
	say(" hash %x", hash);
	if (end)
		end->has_read = true;
	if (result > 0 && end && !(flag & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
		end->unread -= (int)result;
}
