/* SPDX-License-Identifier: MIT */
/* Receives datagrams, several in one call and coalesced by the kernel (UDP_GRO), and ICMP
 * errors. */
#include <errno.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/ports/listener.h"
#include "engine/udp/udp.h"
#include "proto/wire/packet.h"

#define CONTROL_BYTES 256
#define ERRORS_PER_PASS 64
#define ECN_MASK 3

struct arrival {
	struct sockaddr_in6 from;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES];
};

/* The contents of a datagram's control messages. */
struct metadata {
	struct rudp_addr local;
	uint8_t ecn;
	size_t segment_bytes; /* 0: a single datagram */
};

static void parse_pktinfo4(struct metadata *metadata, const struct cmsghdr *cmsg)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(cmsg), sizeof info);
	metadata->local =
		(struct rudp_addr){.in4 = {.sin_family = AF_INET, .sin_addr = info.ipi_addr}};
}

static void parse_pktinfo6(struct metadata *metadata, const struct cmsghdr *cmsg)
{
	struct in6_pktinfo info;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	memcpy(&info, CMSG_DATA(cmsg), sizeof info);
	in6.sin6_addr = info.ipi6_addr;
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		in6.sin6_scope_id = (uint32_t)info.ipi6_ifindex;
	rudp_addr_from_sockaddr(&metadata->local, (struct sockaddr *)&in6, sizeof in6);
}

static int int_of(const struct cmsghdr *cmsg)
{
	int value = 0;
	size_t len = cmsg->cmsg_len - CMSG_LEN(0);

	/* IP_TOS is one byte, the others are int. */
	memcpy(&value, CMSG_DATA(cmsg), len < sizeof value ? len : sizeof value);
	return value;
}

static void parse_control(struct metadata *metadata, struct msghdr *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO)
			parse_pktinfo4(metadata, cmsg);
		else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO)
			parse_pktinfo6(metadata, cmsg);
		else if ((cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_TOS) ||
			 (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_TCLASS))
			metadata->ecn = (uint8_t)(int_of(cmsg) & ECN_MASK);
		else if (cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO)
			metadata->segment_bytes = (size_t)int_of(cmsg);
	}
}

/* A closed listener is noticed only by probing, so probe it before the protocol answers its SYN. */
static void probe_listener_of_syn(struct rudp_engine *engine, const struct rudp_datagram *datagram)
{
	struct rudp_packet packet;

	if (datagram->len >= RUDP_DATAGRAM_MIN_SYN_BYTES &&
	    datagram->data[0] >> 4 == RUDP_PACKET_SYN &&
	    rudp_packet_parse(datagram->data, datagram->len, &packet) == RUDP_VERDICT_OK)
		rudp_listener_probe(engine, datagram->socket, packet.target_port);
}

/* The caller only sees a refusal. The user who can correct the key may be on this host. */
static void note_wrong_key(struct rudp_engine *engine, const struct rudp_datagram *datagram)
{
	struct rudp_failure failure = {.at_ns = engine->now_at_ns,
				       .cause = RUDP_FAILURE_KEY_OF_PEER,
				       .local = datagram->local,
				       .remote = datagram->remote};
	struct rudp_packet packet;

	if (rudp_packet_parse(datagram->data, datagram->len, &packet) != RUDP_VERDICT_OK ||
	    packet.type != RUDP_PACKET_SYN)
		return;
	rudp_addr_set_port(&failure.local, packet.target_port);
	rudp_failures_add(&engine->failures, &failure);
}

/* Returns the number of datagrams. */
static unsigned deliver(struct rudp_engine *engine, struct rudp_datagram *datagram, uint8_t *data,
			size_t len, size_t segment_bytes)
{
	size_t step = segment_bytes ? segment_bytes : len;

	if (len == 0)
		return 0;
	for (size_t at = 0; at < len; at += step) {
		datagram->data = data + at;
		datagram->len = len - at < step ? len - at : step;
		probe_listener_of_syn(engine, datagram);
		if (rudp_endpoint_on_datagram(engine->ep, datagram, engine->now_at_ns) ==
		    RUDP_VERDICT_KEY_MISMATCH)
			note_wrong_key(engine, datagram);
	}
	return (unsigned)((len + step - 1) / step);
}

/* The peer's next flight may be twice as large as this one, so enlarge the buffers in time. */
static void count_bytes(struct rudp_udp *udp, unsigned bytes)
{
	if (udp->wide)
		return;
	udp->narrow_bytes += bytes;
	if (udp->narrow_bytes >= RUDP_UDP_NARROW_BYTES)
		rudp_udp_widen(udp);
}

/* false: the datagram was dropped, or its sender differs from the one before. */
static bool process_message(struct rudp_engine *engine, struct rudp_udp *udp,
			    struct mmsghdr *message, uint8_t *data)
{
	struct metadata metadata = {.local = udp->local};
	struct rudp_datagram datagram = {.socket = udp};
	unsigned count;

	if (message->msg_hdr.msg_flags & MSG_TRUNC)
		return false;
	count_bytes(udp, message->msg_len);
	parse_control(&metadata, &message->msg_hdr);
	if (rudp_addr_from_sockaddr(&datagram.remote, message->msg_hdr.msg_name,
				    message->msg_hdr.msg_namelen) < 0)
		return false;
	datagram.local = metadata.local;
	rudp_addr_set_port(&datagram.local, rudp_addr_port(&udp->local));
	datagram.ecn = metadata.ecn;
	count = deliver(engine, &datagram, data, message->msg_len, metadata.segment_bytes);
	return rudp_moderation_on_heard(&udp->moderation, &datagram.remote, count);
}

/*
 * A call that asks for more datagrams than there are costs an extra check of the queue, and the
 * preparation of the buffers. So a socket whose datagrams arrive one by one is asked for one. If
 * more are waiting, the next turn finds them, and the batch grows.
 */
static void adapt_batch(struct rudp_engine *engine, struct rudp_udp *udp, unsigned count)
{
	bool again = udp->full_at_turn + 1 == engine->turns;

	if (udp->moderation.span_ns > 0)
		return; /* uses the largest batch */
	if (count < udp->batch) {
		udp->batch -= udp->batch / 2;
		return;
	}
	if (again && udp->batch < RUDP_RECEIVE_BATCH)
		udp->batch *= 2;
	udp->full_at_turn = engine->turns;
}

/* For a single datagram recvmsg() costs less. Returns how many were received, or -1. */
static int receive_some(const struct rudp_udp *udp, struct mmsghdr *messages)
{
	ssize_t len;

	if (udp->batch > 1)
		return recvmmsg(udp->fd, messages, udp->batch, MSG_DONTWAIT, NULL);
	len = recvmsg(udp->fd, &messages[0].msg_hdr, MSG_DONTWAIT);
	if (len < 0)
		return -1;
	messages[0].msg_len = (unsigned)len;
	return 1;
}

bool rudp_udp_receive(struct rudp_engine *engine, struct rudp_udp *udp)
{
	static struct arrival arrivals[RUDP_RECEIVE_BATCH];
	struct mmsghdr messages[RUDP_RECEIVE_BATCH];
	struct iovec iov[RUDP_RECEIVE_BATCH];
	unsigned asked = udp->batch;
	bool alone = true;
	int count;

	for (size_t i = 0; i < udp->batch; i++) {
		iov[i] = (struct iovec){engine->receive_buffers + i * RUDP_RECEIVE_BUFFER_BYTES,
					RUDP_RECEIVE_BUFFER_BYTES};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &arrivals[i].from,
						      .msg_namelen = sizeof arrivals[i].from,
						      .msg_iov = &iov[i],
						      .msg_iovlen = 1,
						      .msg_control = arrivals[i].control,
						      .msg_controllen = CONTROL_BYTES};
	}
	count = receive_some(udp, messages);
	if (count < 0) {
		/* recvmsg() also reports a pending ICMP error; reading the error queue clears
		 * it. */
		if (errno != EAGAIN && errno != EINTR)
			rudp_udp_receive_errors(engine, udp);
		return false;
	}
	adapt_batch(engine, udp, (unsigned)count);
	/* The analyzer does not know that count is at most asked. */
	for (int i = 0; i < count; i++) /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
		alone &= process_message(engine, udp, &messages[i], iov[i].iov_base);
	rudp_udp_moderate(engine, udp, alone);
	return (unsigned)count == asked;
}

static const struct sock_extended_err *error_of(struct msghdr *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg))
		if ((cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR) ||
		    (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)CMSG_DATA(cmsg);
	return NULL;
}

static void report_error(struct rudp_engine *engine, struct rudp_udp *udp, struct msghdr *message)
{
	const struct sock_extended_err *error = error_of(message);
	struct rudp_addr remote;
	struct rudp_conn *conn;

	if (!error || message->msg_namelen == 0)
		return;
	if (error->ee_origin != SO_EE_ORIGIN_ICMP && error->ee_origin != SO_EE_ORIGIN_ICMP6 &&
	    error->ee_origin != SO_EE_ORIGIN_LOCAL)
		return;
	if (rudp_addr_from_sockaddr(&remote, message->msg_name, message->msg_namelen) < 0)
		return;
	conn = rudp_endpoint_find_peer(engine->ep, udp, &remote);
	if (!conn)
		return;
	if (error->ee_errno == EMSGSIZE)
		rudp_conn_on_too_big(conn, rudp_udp_payload_of(remote.family, error->ee_info),
				     error->ee_origin == SO_EE_ORIGIN_LOCAL, engine->now_at_ns);
	else
		rudp_conn_on_icmp(conn, (int)error->ee_errno, engine->now_at_ns);
}

void rudp_udp_receive_errors(struct rudp_engine *engine, struct rudp_udp *udp)
{
	int error;
	socklen_t len = sizeof error;

	udp->had_error = true;
	for (int i = 0; i < ERRORS_PER_PASS; i++) {
		struct arrival arrival;
		struct iovec iov = {engine->scratch, RUDP_SCRATCH_BYTES};
		struct msghdr message = {.msg_name = &arrival.from,
					 .msg_namelen = sizeof arrival.from,
					 .msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = arrival.control,
					 .msg_controllen = CONTROL_BYTES};

		if (recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		report_error(engine, udp, &message);
	}
	/* epoll would report an error without queue entry forever; SO_ERROR clears it. */
	getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}
