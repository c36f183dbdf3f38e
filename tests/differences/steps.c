/* SPDX-License-Identifier: MIT */
#include "differences/steps.h"
#include "differences/model.h"
#include "differences/options.h"
#include "differences/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY_PORT = 9 };

static int fd_of(const struct step *step)
{
	return model->fds[step->slot];
}

static void adopt(int slot, int fd, int end)
{
	model->fds[slot] = fd;
	model->end_of[slot] = end;
}

static void step_socket(const struct step *step)
{
	static const int families[] = {AF_INET, AF_INET, AF_INET6};
	static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};
	static const int protocols[] = {0, 0, 0, IPPROTO_TCP, IPPROTO_UDP, 77};
	int family = families[step->x % 3];
	if (model->fds[step->slot] >= 0)
		return;
	int fd = socket(family, SOCK_STREAM | flags[step->y % 4], protocols[step->z % 6]);
	say("family %d flags %x protocol %d", family, (unsigned)flags[step->y % 4],
	    protocols[step->z % 6]);
	say_result(fd < 0 ? fd : 0);
	if (fd >= 0)
		adopt(step->slot, fd, model_new_end(family));
}

/* An address of the slot's family. x chooses the host; the length returned is the right one. */
static socklen_t address_for(int family, unsigned x, uint16_t port,
			     struct sockaddr_storage *address)
{
	static const uint8_t hosts6[][16] = {{[15] = 1},
					     {[15] = 1},
					     {0},
					     {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
					     {[10] = 0xff, [11] = 0xff},
					     {0x20, 1, 0xd, 0xb8, [15] = 9}};
	static const uint32_t hosts4[] = {0x7f000001, 0x7f000001, 0,
					  0x7f000002, 0x7f000001, 0xc0000263};
	memset(address, 0, sizeof(*address));
	if (family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, hosts6[x % 6], 16);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	in->sin_addr.s_addr = htonl(hosts4[x % 6]);
	return sizeof(*in);
}

static socklen_t wrong_length(socklen_t length, unsigned z)
{
	static const int lengths[] = {0, 1, 2, 8, 15, 27, 200, -1};
	return z % 8 ? length : (socklen_t)lengths[z / 8 % 8];
}

static uint16_t port_of(int slot)
{
	return model_end(slot) ? model_end(slot)->own_port : 0;
}

static void step_bind(const struct step *step)
{
	struct sockaddr_storage address;
	const struct end *end = model_end(step->slot);
	int family = end ? end->family : AF_INET;
	uint16_t port = step->y % 3 == 0 ? port_of(step->other) : 0;
	if (step->y % 23 == 1)
		family = family == AF_INET ? AF_INET6 : AF_INET;
	socklen_t length = wrong_length(address_for(family, step->x, port, &address), step->z);
	if (step->y % 31 == 1)
		address.ss_family = AF_UNSPEC;
	bool bad = step->y % 29 == 1;
	/* librudp_shim(7): sockets that have or had a name, ports of outgoing connections. */
	if (end && (end->own_port || end->made || end->spent || end->was_listener))
		return;
	if (port && !model_end(step->other)->listening)
		return;
	say("host %u port %d length %d%s%s", step->x % 6, model_port_name(port), (int)length,
	    address.ss_family == AF_UNSPEC ? " AF_UNSPEC" : "", bad ? " EFAULT" : "");
	int result =
		bind(fd_of(step), bad ? (struct sockaddr *)8 : (struct sockaddr *)&address, length);
	say_result(result);
	if (result == 0)
		model_note_port(step->slot);
}

static void step_listen(const struct step *step)
{
	static const int backlogs[] = {-1, 16, 128, 4096};
	struct end *end = model_end(step->slot);
	/* The socket is replaced under one number of one process only, see librudp_shim(7). */
	if (end && (end->was_listener || end->spent) && (step->in_child || end->copies > 1))
		return;
	int result = listen(fd_of(step), backlogs[step->x % 4]);
	say("%d", backlogs[step->x % 4]);
	say_result(result);
	if (result == 0 && end) {
		end->listening = true;
		end->was_listener = false;
		model_note_port(step->slot);
	}
}

static void connect_to(const struct step *step, const struct sockaddr_storage *address,
		       socklen_t length, uint16_t port)
{
	struct end *end = model_end(step->slot);
	bool was_connected = end && end->connected;
	if (end && end->spent)
		end->was_retried = true;
	int result = connect(fd_of(step), (const struct sockaddr *)address, length);
	say_result(result);
	if (result < 0 && errno == EINPROGRESS) {
		struct pollfd entry = {.fd = fd_of(step), .events = POLLOUT};
		int ready = poll(&entry, 1, 3000);
		/* AF_UNIX reports an error shortly before its buffer is writable. */
		int hidden = POLLWRBAND | (entry.revents & POLLERR ? POLLOUT : 0);
		say(", poll %d %x", ready, (unsigned)(entry.revents & ~hidden));
		if (ready == 1 && !(entry.revents & (POLLERR | POLLHUP)))
			result = 0;
		else if (step->z & 1) {
			say(", again");
			say_result(connect(fd_of(step), (const struct sockaddr *)address, length));
			if (end)
				end->was_retried = true;
		}
	}
	if (result == 0 && end && !was_connected)
		model_connected(step->slot, port);
	else if (end && (!end->connected || (end->reset && errno == ECONNRESET))) {
		end->connected = false;
		end->spent = true;
	}
}

static void step_connect(const struct step *step)
{
	struct sockaddr_storage address;
	const struct end *end = model_end(step->slot);
	int family = end ? end->family : AF_INET;
	uint16_t port = step->y % 5 == 0 ? NOBODY_PORT : port_of(step->other);
	unsigned host = step->x % 16 == 5 ? 3 : step->x % 5; /* an address that answers at once */
	const struct end *to = model_end(step->other);
	if (to && family == AF_INET6 && to->family == AF_INET)
		host = 3;
	socklen_t length = wrong_length(address_for(family, host, port, &address), step->z / 2);
	/* The socket is replaced under one number only, see librudp_shim(7). */
	if (end && end->was_listener && end->copies > 1)
		return;
	/* The kernel never connects a socket to an IPv6 address that has tried a mapped one. */
	if (end && end->was_mapped && host != 3 && host != 4)
		return;
	/* A socket that connects to its own port is carried by kernel TCP, see librudp_shim(7). */
	if (port == 0 || (end && port == end->own_port)) {
		say("not to itself");
		return;
	}
	say("host %u port %d length %d", host, port == NOBODY_PORT ? 0 : to->port_name,
	    (int)length);
	connect_to(step, &address, length, port);
	if (end && end->spent && family == AF_INET6 && (host == 3 || host == 4))
		model_end(step->slot)->was_mapped = true;
}

static void step_disconnect(const struct step *step)
{
	struct sockaddr address = {.sa_family = AF_UNSPEC};
	socklen_t length = step->x % 8 ? sizeof(address) : 2;
	/* Other descriptors keep the old socket, see librudp_shim(7). */
	if (model_end(step->slot) && model_end(step->slot)->copies > 1)
		return;
	int result = connect(fd_of(step), &address, length);
	say("length %u", length);
	say_result(result);
	if (result == 0 && model_end(step->slot))
		model_unconnect(step->slot);
}

static void say_address(const struct sockaddr_storage *address, socklen_t length)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const uint8_t *bytes = (const uint8_t *)address;
	int size = in->sin_family == AF_INET6 ? 28 : in->sin_family == AF_INET ? 16 : 128;
	say(" length %d family %d", (int)length, bytes[0] | bytes[1] << 8);
	if (length >= 4 && (int)length != 0x55)
		say(" port %d", model_port_name(ntohs(in6->sin6_port)));
	for (int i = 4; i < size && i < 28; i++)
		say("%s%x", i == 4 ? " " : ".", bytes[i]);
}

static void step_accept(const struct step *step)
{
	static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC,
				    1};
	static const socklen_t lengths[] = {
		sizeof(struct sockaddr_storage), 28, 16, 5, 0, (socklen_t)-1};
	struct pollfd entry = {.fd = fd_of(step), .events = POLLIN};
	struct sockaddr_storage address, peer;
	socklen_t length = lengths[step->y % 6], peer_length = sizeof(peer);
	struct end *end = model_end(step->slot);
	int listener = model->end_of[step->slot];
	bool named = step->x % 3;
	int flag = step->z % 2 ? flags[step->z / 2 % 5] : -1;
	memset(&address, 0x55, sizeof(address));
	if (model->fds[step->other] >= 0)
		return;
	if (end && end->listening && (poll(&entry, 1, 0), !(entry.revents & POLLIN)) &&
	    !(fcntl(fd_of(step), F_GETFL) & O_NONBLOCK)) {
		say("nothing to accept");
		return;
	}
	struct sockaddr *into = named ? (struct sockaddr *)&address : NULL;
	int fd = flag < 0 ? accept(fd_of(step), into, named ? &length : NULL)
			  : accept4(fd_of(step), into, named ? &length : NULL, flag);
	say("flags %x size %d", (unsigned)flag, named ? (int)lengths[step->y % 6] : 0);
	say_result(fd < 0 ? fd : 0);
	if (fd < 0)
		return;
	if (named)
		say_address(&address, length);
	adopt(step->other, fd, -1);
	memset(&peer, 0, sizeof(peer));
	if (named && ntohs(((struct sockaddr_in *)&address)->sin_port) && length >= 4 &&
	    lengths[step->y % 6] >= 4)
		peer = address;
	else
		(void)getpeername(fd, (struct sockaddr *)&peer, &peer_length);
	model_accepted(step->other, listener, ntohs(((struct sockaddr_in *)&peer)->sin_port));
	say(" nonblocking %d cloexec %d", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
	    fcntl(fd, F_GETFD));
}

/* Connects one empty slot to a new listener in another one: what chance rarely builds. */
static void step_pair(const struct step *step)
{
	struct step part = *step;
	int empty[3], count = 0;
	for (int slot = 0; slot < SLOTS && count < 3; slot++)
		if (model->fds[slot] < 0)
			empty[count++] = slot;
	if (count < 3)
		return;
	part.slot = empty[0];
	part.y &= ~3U;
	part.z = 0;
	step_socket(&part);
	part.slot = empty[1];
	step_socket(&part);
	part.x = 1;
	part.y = 2;
	step_listen(&part);
	part.slot = empty[0];
	part.other = empty[1];
	part.x = 0;
	part.y = 1;
	part.z = 2;
	step_connect(&part);
	if (step->y % 4) {
		char message[64];
		(void)model_settle(message, sizeof(message));
		part.slot = empty[1];
		part.other = empty[2];
		part.y = 0;
		part.z = 0;
		step_accept(&part);
	}
}

static void step_name(const struct step *step)
{
	static const int lengths[] = {128, 28, 16, 7, 2, 0, -1};
	struct sockaddr_storage address;
	socklen_t length = (socklen_t)lengths[step->x % 7];
	bool peer = step->y % 2, bad = step->z % 19 == 0;
	const struct end *end = model_end(step->slot);
	if (!peer && end && (end->spent || end->reset || end->was_listener))
		return; /* librudp_shim(7) */
	memset(&address, 0x55, sizeof(address));
	struct sockaddr *into = bad ? (struct sockaddr *)8 : (struct sockaddr *)&address;
	int result = (peer ? getpeername : getsockname)(fd_of(step), into,
							step->z % 23 ? &length : NULL);
	say("%s size %d%s%s", peer ? "peer" : "own", lengths[step->x % 7], bad ? " EFAULT" : "",
	    step->z % 23 ? "" : " NULL");
	say_result(result);
	if (result == 0 && length >= 2 && lengths[step->x % 7] >= 4)
		say_address(&address, length);
}

static void step_shutdown(const struct step *step)
{
	int how = step->x % 13 == 0 ? 3 : (int)(step->x % 3);
	const struct end *end = model_end(step->slot);
	/* The shutdown of a connection that was reset differs, see librudp_shim(7); TCP's next
	 * connect() fails. */
	if (end && end->reset)
		return;
	/* An AF_UNIX socket that was shut down could not be connected any more. */
	if (end && !end->listening && !end->connected && how != 3)
		return;
	int result = shutdown(fd_of(step), how);
	say("%d", how);
	say_result(result);
	if (result == 0 && model_end(step->slot))
		model_shutdown(step->slot, how);
}

static void step_close(const struct step *step)
{
	if (fd_of(step) < 0)
		return;
	say_result(close(fd_of(step)));
	model_closed(step->slot);
}

/* A socket whose connect() fails is replaced under its own number only, see librudp_shim(7). */
static bool may_be_copied(int slot)
{
	return model_end(slot)->listening || model_end(slot)->connected;
}

static void step_dup(const struct step *step)
{
	int from = fd_of(step), to = model->fds[step->other], result;
	if (from < 0 || step->slot == step->other || !may_be_copied(step->slot))
		return;
	if (to >= 0) {
		result = step->x % 2 ? dup2(from, to) : dup3(from, to, O_CLOEXEC);
		say("onto another socket");
		int end = model->end_of[step->slot];
		model_closed(step->other);
		model->ends[end].copies++;
		adopt(step->other, to, end);
		say_result(result == to ? 0 : -1);
		return;
	}
	result = step->x % 3 == 0 ? dup(from)
				  : fcntl(from, step->x % 3 == 1 ? F_DUPFD : F_DUPFD_CLOEXEC, 100);
	say("way %u, cloexec %d", step->x % 3, fcntl(result, F_GETFD));
	adopt(step->other, result, model->end_of[step->slot]);
	model_end(step->slot)->copies++;
}

static void step_pass(const struct step *step)
{
	int pair[2], fd = fd_of(step);
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	if (fd < 0 || model->fds[step->other] >= 0 || !may_be_copied(step->slot) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	memset(&control, 0, sizeof(control));
	control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	say("sendmsg"), say_result(sendmsg(pair[0], &message, 0));
	memset(&control, 0, sizeof(control));
	say(" recvmsg"), say_result(recvmsg(pair[1], &message, 0));
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	close(pair[0]), close(pair[1]);
	adopt(step->other, fd, model->end_of[step->slot]);
	model_end(step->slot)->copies++;
}

static void step_fcntl(const struct step *step)
{
	int fd = fd_of(step), flags = fcntl(fd, F_GETFL);
	switch (step->x % 8) {
	case 0:
		say("F_GETFL %x", flags < 0 ? -1U : (unsigned)flags);
		break;
	case 1:
	case 2:
		say("O_NONBLOCK"), say_result(fcntl(fd, F_SETFL, flags ^ O_NONBLOCK));
		break;
	case 3:
		say("F_SETOWN"), say_result(fcntl(fd, F_SETOWN, step->y % 2 ? getppid() : 0));
		break;
	case 4:
		say("F_GETOWN %d", fcntl(fd, F_GETOWN) == getppid());
		break;
	case 5:
		say("F_SETSIG %d", fcntl(fd, F_SETSIG, (int)(step->y % 3)));
		say(" F_GETSIG %d", fcntl(fd, F_GETSIG));
		break;
	case 6:
		say("F_SETFL all"),
			say_result(fcntl(fd, F_SETFL, O_APPEND | O_NOATIME | O_NONBLOCK));
		say(" %x", (unsigned)fcntl(fd, F_GETFL));
		(void)fcntl(fd, F_SETFL, flags);
		break;
	default:
		say("F_GETFD %d", fcntl(fd, F_GETFD));
	}
}

static void step_ioctl(const struct step *step)
{
	int fd = fd_of(step), value = (int)(step->y % 2);
	const struct end *end = model_end(step->slot);
	if (end && end->was_listener)
		return;
	switch (step->x % 5) {
	case 0:
		value = -7;
		say("FIONREAD"), say_result(ioctl(fd, FIONREAD, &value)), say(" %d", value);
		break;
	case 1:
		say("FIONBIO %d", value), say_result(ioctl(fd, FIONBIO, &value));
		break;
	case 2: /* of a listener it is of no use */
		if (end && end->listening)
			return;
		value = -7;
		say("SIOCATMARK"), say_result(ioctl(fd, SIOCATMARK, &value)), say(" %d", value);
		break;
	case 3: /* the time of an ACK is chance */
		value = -7;
		if (end && (end->made || end->spent))
			return;
		say("SIOCOUTQ"), say_result(ioctl(fd, TIOCOUTQ, &value)), say(" %d", value);
		break;
	default:
		say("FIONREAD EFAULT"), say_result(ioctl(fd, FIONREAD, (int *)8));
	}
}

static void step_poll(const struct step *step)
{
	const struct end *end = model_end(step->slot);
	/* librudp_shim(7): unread bytes before the ends of both directions. */
	if (end && end->wrote_end && end->unread > 0)
		return;
	struct pollfd entry = {.fd = fd_of(step), .events = 0x7ff & ~(POLLWRBAND)};
	fd_set in, out, err;
	struct timeval now = {0};
	if (step->x % 2) {
		int ready = poll(&entry, 1, 0);
		say("poll %d %x", ready, (unsigned)entry.revents & ~(unsigned)POLLWRBAND);
		return;
	}
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&err);
	if (fd_of(step) < 0)
		return;
	FD_SET(fd_of(step), &in);
	FD_SET(fd_of(step), &out);
	FD_SET(fd_of(step), &err);
	int ready = select(fd_of(step) + 1, &in, &out, &err, &now);
	say("select %d: %d %d %d", ready, FD_ISSET(fd_of(step), &in), FD_ISSET(fd_of(step), &out),
	    FD_ISSET(fd_of(step), &err));
}

static int epoll_number(void)
{
	static int number = -1, owner;
	if (owner != getpid()) {
		number = epoll_create1(EPOLL_CLOEXEC);
		owner = getpid();
	}
	return number;
}

static void step_epoll_ctl(const struct step *step)
{
	static const unsigned kinds[] = {0, 0, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLET};
	struct epoll_event event = {.data.u32 = (uint32_t)step->slot};
	int operation = step->x % 2 ? EPOLL_CTL_ADD : (int)(step->x % 3 + 1);
	event.events = (step->y % 2 ? EPOLLIN | EPOLLRDHUP : 0) | (step->y % 3 ? EPOLLOUT : 0) |
		       kinds[step->z % 4];
	say("operation %d events %x", operation, event.events);
	int result = epoll_ctl(epoll_number(), operation, fd_of(step), &event);
	say_result(result);
	if (result == 0 && model_end(step->slot))
		model_end(step->slot)->is_one_shot = event.events & EPOLLONESHOT;
}

static void step_epoll_wait(const struct step *step)
{
	struct epoll_event events[2 * SLOTS];
	int count = epoll_wait(epoll_number(), events, 2 * SLOTS, 0);
	say("%d", count);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (int i = 0; i < count; i++)
			if (events[i].data.u32 == slot)
				say(", %u: %x", slot, events[i].events);
	(void)step;
}

static void step_stat(const struct step *step)
{
	struct stat status = {0};
	char byte;
	say("fstat"), say_result(fstat(fd_of(step), &status)), say(" %x", status.st_mode & S_IFMT);
	say(" lseek"), say_result(lseek(fd_of(step), 0, SEEK_SET));
	say(" pread"), say_result(pread(fd_of(step), &byte, 1, 0));
	say(" ftruncate"), say_result(ftruncate(fd_of(step), 0));
}

/* clang-format off */
const struct step_kind step_kinds[] = {
	{"socket", 14, false, false, step_socket},
	{"bind", 8, true, false, step_bind},
	{"listen", 9, true, false, step_listen},
	{"connect", 16, false, false, step_connect},
	{"disconnect", 3, false, false, step_disconnect},
	{"pair", 16, false, false, step_pair},
	{"accept", 14, false, false, step_accept},
	{"name", 10, true, false, step_name},
	{"shutdown", 5, true, false, step_shutdown},
	{"close", 5, false, false, step_close},
	{"dup", 3, false, false, step_dup},
	{"pass", 2, false, false, step_pass},
	{"fcntl", 4, true, false, step_fcntl},
	{"ioctl", 4, true, false, step_ioctl},
	{"poll", 8, true, true, step_poll},
	{"epoll_ctl", 6, false, false, step_epoll_ctl},
	{"epoll_wait", 6, false, true, step_epoll_wait},
	{"stat", 1, true, false, step_stat},
	{"getsockopt", 10, true, true, step_getsockopt},
	{"setsockopt", 8, true, false, step_setsockopt},
	{"send", 12, true, false, step_send},
	{"receive", 12, true, false, step_receive},
};
/* clang-format on */
const int step_kinds_count = sizeof(step_kinds) / sizeof(step_kinds[0]);
