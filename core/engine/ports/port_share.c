/* SPDX-License-Identifier: MIT */
#include "engine/ports/port_share.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "api/names.h"
#include "engine/control/control.h"
#include "engine/loop/deferred_close.h"

/* Precedes a datagram that is passed on. */
struct pass_on_header {
	struct rudp_addr local, remote;
	uint8_t ecn;
};

static socklen_t name_share(uint32_t uid, uint16_t port, unsigned number, struct sockaddr_un *un)
{
	const struct rudp_name name = {
		.kind = RUDP_NAME_PORT_SHARE, .uid = uid, .port = port, .share = (uint16_t)number};

	return rudp_name_write(&name, un);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Takes a free port share and stores its number. Returns its socket, or -1. */
static int take_share(uint16_t port, unsigned *number)
{
	int fd = make_socket(), on = 1;

	/* Set before bind(): else messages sent in between would lack credentials. */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	for (*number = 0; fd >= 0 && *number < RUDP_PORT_SHARES_MAX; ++*number) {
		struct sockaddr_un un;
		socklen_t len = name_share(geteuid(), port, *number, &un);

		if (bind(fd, (struct sockaddr *)&un, len) == 0)
			return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* connect() of a datagram socket succeeds for every name that is bound. */
static bool has_other_share(uint16_t port, unsigned own)
{
	int fd = make_socket();
	bool found = false;

	for (unsigned i = 0; fd >= 0 && !found && i < RUDP_PORT_SHARES_MAX; i++) {
		struct sockaddr_un un;
		socklen_t len = name_share(geteuid(), port, i, &un);

		found = i != own && connect(fd, (struct sockaddr *)&un, len) == 0;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static void sleep_1_ms(void)
{
	const struct timespec millisecond = {0, 1000000};

	nanosleep(&millisecond, NULL);
}

/*
 * Binds the port exclusively and then opens it for others. If another engine has it, joins as soon
 * as that engine has set SO_REUSEPORT.
 */
static int open_first_or_join(struct rudp_engine *engine, const struct rudp_addr *local,
			      struct rudp_udp_options options, unsigned own, struct rudp_udp **out)
{
	int on = 1, rc = -EADDRINUSE;

	for (int i = 0; i < RUDP_PORT_SHARE_TRIES_MAX; i++) {
		options.reuse_port = false;
		rc = rudp_udp_open(engine, local, &options, out);
		if (rc == 0)
			setsockopt((*out)->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
		if (rc != -EADDRINUSE || !has_other_share(rudp_addr_port(local), own))
			return rc;
		options.reuse_port = true;
		rc = rudp_udp_open(engine, local, &options, out);
		if (rc != -EADDRINUSE)
			return rc;
		sleep_1_ms();
	}
	return rc;
}

static int watch_share(struct rudp_engine *engine, struct rudp_udp *udp)
{
	int rc;

	udp->share_id = rudp_slots_add(&engine->slots, RUDP_KIND_PORT_SHARE, udp);
	if (!udp->share_id)
		return -ENOMEM;
	rc = rudp_engine_watch(engine, udp->share_fd, EPOLLIN, udp->share_id);
	if (rc < 0) {
		rudp_slots_remove(&engine->slots, udp->share_id);
		udp->share_id = 0;
	}
	return rc;
}

int rudp_port_share_open_udp(struct rudp_engine *engine, const struct rudp_addr *local,
			     const struct rudp_udp_options *options, struct rudp_udp **out)
{
	unsigned own;
	int share = take_share(rudp_addr_port(local), &own);
	int rc;

	if (share < 0)
		return -EADDRINUSE;
	rc = open_first_or_join(engine, local, *options, own, out);
	if (rc < 0) {
		close(share);
		return rc;
	}
	(*out)->share_fd = share;
	(*out)->share = own;
	(*out)->share_uid = geteuid();
	rc = watch_share(engine, *out);
	if (rc < 0)
		rudp_udp_close(engine, *out);
	return rc;
}

void rudp_port_share_leave(struct rudp_engine *engine, struct rudp_udp *udp)
{
	if (udp->share_fd < 0)
		return;
	if (udp->share_id)
		rudp_slots_remove(&engine->slots, udp->share_id);
	rudp_deferred_close_socket(udp->share_fd, engine->epoll_fd);
	udp->share_fd = -1;
}

int rudp_port_share_number(const void *socket)
{
	const struct rudp_udp *udp = socket;

	return udp->share_fd >= 0 ? (int)udp->share : -1;
}

bool rudp_port_share_pass_on(void *socket, const struct rudp_datagram *datagram, unsigned number)
{
	const struct rudp_udp *udp = socket;
	struct pass_on_header header = {
		.local = datagram->local, .remote = datagram->remote, .ecn = datagram->ecn};
	struct iovec iov[] = {{&header, sizeof header}, {datagram->data, datagram->len}};
	struct sockaddr_un un;
	struct msghdr message = {.msg_name = &un, .msg_iov = iov, .msg_iovlen = 2};

	message.msg_namelen = name_share(udp->share_uid, rudp_addr_port(&udp->local), number, &un);
	/* A full queue drops the datagram, as the network may. */
	return sendmsg(udp->share_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
	       errno != ECONNREFUSED;
}

/* Closing a descriptor of another user may block, so threads do it. */
static void close_received_fds(const struct cmsghdr *cmsg)
{
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
		rudp_deferred_close(fd);
	}
}

/*
 * The sender has the user id of this process, or the one that it had when it took the port share.
 */
static bool is_from_own_user(const struct rudp_udp *udp, struct msghdr *message)
{
	struct ucred from = {.uid = (uid_t)-1};

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS)
			memcpy(&from, CMSG_DATA(cmsg), sizeof from);
		else if (cmsg->cmsg_type == SCM_RIGHTS)
			close_received_fds(cmsg);
	}
	return from.uid == udp->share_uid || from.uid == geteuid();
}

/*
 * The messages stay in the queue; descriptors in them count against the sender's limit of
 * descriptors in flight.
 */
static void pause_share(struct rudp_engine *engine, struct rudp_udp *udp)
{
	engine->listeners_open_at_ns = engine->now_at_ns + RUDP_CONTROL_LISTENER_PAUSE_NS;
	udp->share_paused = rudp_engine_rewatch(engine, udp->share_fd, 0, udp->share_id) == 0;
}

/*
 * With MSG_PEEK this process gets copies of the descriptors. Descriptors for which it has no free
 * number stay in the queue.
 */
static ssize_t peek_message(int fd, struct msghdr *message)
{
	ssize_t n = recvmsg(fd, message, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_CMSG_CLOEXEC);

	if (n < 0)
		message->msg_controllen = 0; /* the kernel leaves it unchanged on error */
	return n;
}

static void deliver(struct rudp_engine *engine, struct rudp_datagram *datagram,
		    const struct pass_on_header *header)
{
	datagram->local = header->local;
	datagram->remote = header->remote;
	datagram->ecn = header->ecn;
	rudp_endpoint_on_datagram(engine->ep, datagram, engine->now_at_ns);
}

/*
 * Removes the message only after this process has copies of all its descriptors: so this thread
 * never closes the last copy. false: the queue is empty, or the message cannot be taken now.
 */
static bool receive_passed_on(struct rudp_engine *engine, struct rudp_udp *udp)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct ucred)) +
						 CMSG_SPACE(RUDP_MESSAGE_FDS_MAX * sizeof(int))];
	struct pass_on_header header = {0};
	struct rudp_datagram datagram = {.socket = udp, .data = engine->receive_buffers};
	struct iovec iov[] = {{&header, sizeof header}, {datagram.data, RUDP_RECEIVE_BUFFER_BYTES}};
	struct msghdr message = {.msg_iov = iov,
				 .msg_iovlen = 2,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	ssize_t n = peek_message(udp->share_fd, &message);
	bool is_whole = !(message.msg_flags & MSG_CTRUNC), is_trusted;

	if (n >= 0 && is_whole)
		(void)recv(udp->share_fd, NULL, 0, MSG_DONTWAIT);
	is_trusted = is_from_own_user(udp, &message);
	if (n < 0)
		return false;
	if (!is_whole) {
		pause_share(engine, udp);
		return false;
	}
	if (is_trusted && n > (ssize_t)sizeof header && !(message.msg_flags & MSG_TRUNC)) {
		datagram.len = (size_t)n - sizeof header;
		deliver(engine, &datagram, &header);
	}
	return true;
}

void rudp_port_shares_resume(struct rudp_engine *engine)
{
	RUDP_LIST_EACH(struct rudp_udp, udp, &engine->udps, link) {
		if (udp->share_paused)
			rudp_engine_rewatch(engine, udp->share_fd, EPOLLIN, udp->share_id);
		udp->share_paused = false;
	}
}

void rudp_port_share_on_event(struct rudp_engine *engine, struct rudp_udp *udp)
{
	for (int i = 0; i < RUDP_PORT_SHARE_PASS_MAX; i++) {
		if (rudp_deferred_close_is_full()) {
			pause_share(engine, udp);
			return;
		}
		if (!receive_passed_on(engine, udp))
			return;
	}
}
