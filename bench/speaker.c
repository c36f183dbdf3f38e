/* SPDX-License-Identifier: MIT */
#include "speaker.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "plain.h"

/*
 * Random ids of connections and associations are drawn as eight bytes; the bytes of a path
 * challenge are, too, and may be changed without harm. The lowest bits are set to the number of the
 * engine. In a product this would be a setting of the endpoint.
 */
static void draw(void *context, void *out, size_t len)
{
	const struct speaker *speaker = context;
	uint64_t id;

	if (getrandom(out, len, 0) != (ssize_t)len)
		die("getrandom");
	if (!speaker->steer || len != sizeof id)
		return;
	memcpy(&id, out, sizeof id);
	id = steer_id(speaker->steer, id, speaker->engine);
	memcpy(out, &id, sizeof id);
}

static struct rudp_endpoint *make_endpoint(struct speaker *speaker)
{
	/* The number of copies of sparse traffic depends on the round trip, and so on the load. */
	struct rudp_endpoint_config config = {
		.random = draw, .random_context = speaker, .tail_off = true};
	struct rudp_endpoint *ep;

	speaker->now_ns = rudp_clock_now_ns();
	ep = rudp_endpoint_new(&config, speaker->now_ns);
	if (!ep)
		die("rudp_endpoint_new");
	return ep;
}

void speaker_init(struct speaker *speaker)
{
	speaker->ep = make_endpoint(speaker);
	rudp_list_init(&speaker->sockets);
	speaker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	speaker->buffers = malloc((size_t)SPEAKER_BATCH * SPEAKER_DATAGRAM_BYTES);
	speaker->train = malloc(RUDP_TRAIN_BYTES_MAX);
	if (speaker->epoll_fd < 0 || !speaker->buffers || !speaker->train)
		die("speaker");
}

void speaker_forget(struct speaker *speaker)
{
	rudp_endpoint_free(speaker->ep);
	speaker->ep = make_endpoint(speaker);
}

void speaker_fini(struct speaker *speaker)
{
	struct rudp_list *link;

	rudp_endpoint_free(speaker->ep);
	while ((link = rudp_list_pop(&speaker->sockets))) {
		struct speaker_socket *socket_ = RUDP_LIST_OWNER(link, struct speaker_socket, link);

		close(socket_->fd);
		free(socket_);
	}
	close(speaker->epoll_fd);
	free(speaker->buffers);
	free(speaker->train);
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof value) < 0)
		die("setsockopt");
}

struct speaker_socket *speaker_open(struct speaker *speaker, const struct rudp_addr *local,
				    const struct rudp_addr *remote, bool shares_port,
				    const struct steer *program)
{
	struct speaker_socket *socket_ = calloc(1, sizeof *socket_);
	int fd = socket(local->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket_};
	socklen_t len = sizeof socket_->local;

	if (!socket_ || fd < 0)
		die("socket");
	set(fd, SOL_SOCKET, SO_REUSEPORT, shares_port);
	set(fd, SOL_SOCKET, SO_RCVBUF, 4 << 20);
	if (program && (errno = -steer_attach(fd, program)) != 0)
		die("SO_ATTACH_REUSEPORT_CBPF");
	if (bind(fd, &local->sa, rudp_addr_len(local)) < 0)
		die("bind");
	if (remote && connect(fd, &remote->sa, rudp_addr_len(remote)) < 0)
		die("connect");
	if (getsockname(fd, &socket_->local.sa, &len) < 0 ||
	    epoll_ctl(speaker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
	if (remote)
		socket_->remote = *remote;
	socket_->fd = fd;
	rudp_list_append(&speaker->sockets, &socket_->link);
	return socket_;
}

static void take(struct speaker *speaker, struct speaker_socket *socket_,
		 const struct mmsghdr *message, const struct rudp_addr *from)
{
	struct rudp_datagram datagram = {.socket = socket_,
					 .local = socket_->local,
					 .remote = *from,
					 .data = message->msg_hdr.msg_iov->iov_base,
					 .len = message->msg_len};

	rudp_endpoint_on_datagram(speaker->ep, &datagram, speaker->now_ns);
}

static void receive(struct speaker *speaker, struct speaker_socket *socket_)
{
	struct mmsghdr messages[SPEAKER_BATCH] = {0};
	struct rudp_addr from[SPEAKER_BATCH];
	struct iovec iov[SPEAKER_BATCH];
	/* A connection's socket has one packet in flight, a listener's socket many. */
	unsigned wanted = socket_->remote.family == AF_UNSPEC ? SPEAKER_BATCH : 1;
	int count;

	for (unsigned i = 0; i < wanted; i++) {
		iov[i] = (struct iovec){speaker->buffers + (size_t)i * SPEAKER_DATAGRAM_BYTES,
					SPEAKER_DATAGRAM_BYTES};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
						      .msg_namelen = sizeof from[i],
						      .msg_iov = &iov[i],
						      .msg_iovlen = 1};
	}
	count = recvmmsg(socket_->fd, messages, wanted, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		take(speaker, socket_, &messages[i], &from[i]);
}

static void send_train(const struct rudp_train *train)
{
	const struct speaker_socket *socket_ = train->socket;
	struct rudp_addr to = train->remote;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct cmsghdr *cmsg = (struct cmsghdr *)control;
	uint16_t segment = (uint16_t)train->segment_bytes;
	struct iovec iov = {train->data, train->len};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (socket_->remote.family == AF_UNSPEC) {
		header.msg_name = &to;
		header.msg_namelen = rudp_addr_len(&to);
	}
	if (train->count > 1) {
		cmsg->cmsg_level = IPPROTO_UDP;
		cmsg->cmsg_type = UDP_SEGMENT;
		cmsg->cmsg_len = CMSG_LEN(sizeof segment);
		memcpy(CMSG_DATA(cmsg), &segment, sizeof segment);
		header.msg_control = control;
		header.msg_controllen = sizeof control;
	}
	/* A full socket buffer drops the datagram; the protocol sends it again. */
	(void)sendmsg(socket_->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int wait_ms(const struct speaker *speaker, int max_ms)
{
	int64_t deadline_ns = rudp_endpoint_deadline_ns(speaker->ep);
	int64_t left_ns = deadline_ns - rudp_clock_now_ns();

	if (left_ns >= max_ms * RUDP_NS_PER_MS)
		return max_ms;
	return left_ns <= 0 ? 0 : (int)((left_ns + RUDP_NS_PER_MS - 1) / RUDP_NS_PER_MS);
}

void speaker_turn(struct speaker *speaker, int wait_max_ms)
{
	struct epoll_event events[SPEAKER_EVENTS];
	int count = epoll_wait(speaker->epoll_fd, events, SPEAKER_EVENTS,
			       wait_ms(speaker, wait_max_ms));
	struct rudp_train train = {.data = speaker->train, .cap = RUDP_TRAIN_BYTES_MAX};
	struct rudp_conn *conn;

	speaker->now_ns = rudp_clock_now_ns();
	for (int i = 0; i < count; i++)
		receive(speaker, events[i].data.ptr);
	if (rudp_endpoint_deadline_ns(speaker->ep) <= speaker->now_ns)
		rudp_endpoint_on_time(speaker->ep, speaker->now_ns);
	while ((conn = rudp_endpoint_next_event(speaker->ep)))
		speaker->on_event(speaker, conn, rudp_conn_take_events(conn));
	if (speaker->on_turn)
		speaker->on_turn(speaker);
	while (rudp_endpoint_transmit(speaker->ep, &train, speaker->now_ns))
		send_train(&train);
}

void *speaker_run(void *context)
{
	struct speaker *speaker = context;
	cpu_set_t set_;

	CPU_ZERO(&set_);
	CPU_SET(speaker->cpu, &set_);
	if (sched_setaffinity(0, sizeof set_, &set_) < 0)
		die("sched_setaffinity");
	while (!atomic_load_explicit(speaker->over, memory_order_relaxed))
		speaker_turn(speaker, SPEAKER_WAIT_MAX_MS);
	return NULL;
}
