/* SPDX-License-Identifier: MIT */
/*
 * Trains out: one call each with UDP_SEGMENT; singly where the kernel or the card refuses that (EIO: no
 * checksum offload on the way; EINVAL: segment larger than the route's MTU).
 */
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "engine/udp/udp.h"

#define CONTROL_BYTES                                                                              \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +                        \
	 CMSG_SPACE(sizeof(uint16_t)))

/* Everything sendmsg wants but the bytes. */
struct envelope {
	struct sockaddr_in6 to;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES];
	struct msghdr header;
};

static void add_control(struct msghdr *header, int level, int type, const void *value, size_t len)
{
	struct cmsghdr *cmsg =
		(struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), value, len);
	header->msg_controllen += CMSG_SPACE(len);
}

/* The reply leaves from the address that was spoken to. */
static void add_source(struct msghdr *header, const struct rudp_addr *local)
{
	if (local->family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = local->in4.sin_addr};

		add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	} else {
		struct in6_pktinfo info = {.ipi6_addr = local->in6.sin6_addr,
					   .ipi6_ifindex = local->in6.sin6_scope_id};

		add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
	}
}

/* Without success it goes on by message. */
static void make_tos_its_own(struct rudp_udp *udp, const struct rudp_held_train *train)
{
	int level = udp->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int option = udp->family == AF_INET ? IP_TOS : IPV6_TCLASS;
	int tos = train->tos;

	udp->tos_repeated = 0;
	if (setsockopt(udp->fd, level, option, &tos, sizeof tos) == 0)
		udp->tos = train->tos;
}

/*
 * For a message with a TOS byte the kernel looks for the route again, though the socket is connected. So
 * the byte becomes the socket's own when some in a row have had the same.
 */
static void note_tos(struct rudp_udp *udp, const struct rudp_held_train *train)
{
	if (!udp->connected || udp->no_tos || train->tos == udp->tos)
		return;
	udp->tos_repeated = train->tos == udp->tos_before ? udp->tos_repeated + 1 : 0;
	udp->tos_before = train->tos;
	if (udp->tos_repeated == RUDP_UDP_TOS_REPEATED)
		make_tos_its_own(udp, train);
}

static void seal(struct envelope *envelope, const struct rudp_udp *udp,
		 const struct rudp_held_train *train, bool segmented)
{
	int tos = train->tos;
	bool tos_differs = !udp->no_tos && train->tos != udp->tos;
	uint16_t segment = (uint16_t)train->segment_bytes;
	struct msghdr *header = &envelope->header;

	memset(envelope->control, 0, sizeof envelope->control);
	*header = (struct msghdr){.msg_control = envelope->control};
	if (!udp->connected) {
		header->msg_name = &envelope->to;
		header->msg_namelen =
			rudp_udp_address_for(udp->family, &train->remote, &envelope->to);
		/* One bound to an address leaves from there anyway. */
		if (rudp_addr_is_any(&udp->local) && train->local.family != AF_UNSPEC &&
		    !rudp_addr_is_any(&train->local))
			add_source(header, &train->local);
	}
	if (tos_differs && train->remote.family == AF_INET)
		add_control(header, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
	else if (tos_differs)
		add_control(header, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
	if (segmented)
		add_control(header, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
	if (header->msg_controllen == 0)
		header->msg_control = NULL;
}

static bool is_many(const struct rudp_held_train *train)
{
	return train->len > train->segment_bytes;
}

/* Bytes sent from the front of the train (whole segments), or -errno. */
static ssize_t send_segmented(const struct rudp_udp *udp, const struct rudp_held_train *train)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	struct envelope envelope;
	struct msghdr *header = &envelope.header;
	struct iovec iov = {train->data, train->len};
	ssize_t rc;

	seal(&envelope, udp, train, is_many(train));
	header->msg_iov = &iov;
	header->msg_iovlen = 1;
	/* A message without anything beside it costs the kernel less to understand. */
	if (header->msg_control)
		rc = sendmsg(udp->fd, header, flags);
	else
		rc = sendto(udp->fd, train->data, train->len, flags, header->msg_name,
			    header->msg_namelen);
	return rc < 0 ? -errno : (ssize_t)train->len;
}

static ssize_t send_singly(const struct rudp_udp *udp, const struct rudp_held_train *train)
{
	struct envelope envelope;
	struct mmsghdr messages[RUDP_TRAIN_DATAGRAMS_MAX];
	struct iovec iov[RUDP_TRAIN_DATAGRAMS_MAX];
	unsigned count = 0;
	size_t sent = 0;
	int rc;

	seal(&envelope, udp, train, false);
	for (size_t at = 0; at < train->len && count < RUDP_TRAIN_DATAGRAMS_MAX; count++) {
		size_t left = train->len - at;

		iov[count].iov_base = train->data + at;
		iov[count].iov_len = left < train->segment_bytes ? left : train->segment_bytes;
		messages[count].msg_hdr = envelope.header;
		messages[count].msg_hdr.msg_iov = &iov[count];
		messages[count].msg_hdr.msg_iovlen = 1;
		at += iov[count].iov_len;
	}
	rc = sendmmsg(udp->fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (rc < 0)
		return -errno;
	for (int i = 0; i < rc; i++)
		sent += iov[i].iov_len;
	return (ssize_t)sent;
}

static bool is_refusal_of_segments(ssize_t rc)
{
	return rc == -EIO || rc == -EINVAL || rc == -ENOPROTOOPT || rc == -EOPNOTSUPP;
}

static ssize_t send_by_segments(struct rudp_engine *engine, struct rudp_udp *udp,
				const struct rudp_held_train *train)
{
	ssize_t rc;

	if (is_many(train) && !udp->gso)
		return send_singly(udp, train);
	rc = send_segmented(udp, train);
	if (!is_many(train) || !is_refusal_of_segments(rc))
		return rc;
	rc = send_singly(udp, train);
	if (rc > 0) {
		udp->gso = false;
		engine->counts.gso_fallbacks++;
		rudp_log(RUDP_LOG_INFO, "the kernel refuses UDP_SEGMENT here: datagrams go singly");
	}
	return rc;
}

/* Without its TOS byte a train is still a train: DSCP is a wish, and the loss of ECN is noticed. */
static ssize_t send_once(struct rudp_engine *engine, struct rudp_udp *udp,
			 const struct rudp_held_train *train)
{
	ssize_t rc = send_by_segments(engine, udp, train);

	if (rc != -EINVAL || train->tos == 0 || udp->no_tos)
		return rc;
	udp->no_tos = true;
	rc = send_by_segments(engine, udp, train);
	if (rc > 0)
		rudp_log(RUDP_LOG_INFO, "the kernel takes no TOS with a message: no DSCP, no ECN");
	else
		udp->no_tos = false; /* that was not it */
	return rc;
}

/* The interface takes less than when it was asked. This is lost; what follows need not be. */
static void tell_too_big(struct rudp_engine *engine, struct rudp_udp *udp,
			 const struct rudp_held_train *train)
{
	struct rudp_conn *conn = rudp_endpoint_find_peer(engine->ep, udp, &train->remote);

	if (conn)
		rudp_conn_on_too_big(conn, rudp_udp_datagram_max(engine, udp, &train->remote), true,
				     engine->now_at_ns);
}

static void tell_local_error(struct rudp_engine *engine, struct rudp_udp *udp,
			     const struct rudp_held_train *train, int error)
{
	struct rudp_conn *conn;

	if (error == EMSGSIZE) {
		tell_too_big(engine, udp, train);
		return;
	}
	/* EINVAL: what a blackhole of the routing table says. */
	if (error != ENETUNREACH && error != EHOSTUNREACH && error != ENETDOWN && error != EACCES &&
	    error != EPERM && error != EINVAL)
		return;
	conn = rudp_endpoint_find_peer(engine->ep, udp, &train->remote);
	if (conn)
		rudp_conn_on_no_way(conn, error, engine->now_at_ns);
}

/*
 * Sends as much as goes. Advances the train.
 *
 * Returns  false when the rest must wait for room; true when nothing of it is left, be it lost.
 */
static bool send_all(struct rudp_engine *engine, struct rudp_udp *udp,
		     struct rudp_held_train *train)
{
	unsigned soft_errors = 0;

	while (train->len > 0) {
		ssize_t rc = send_once(engine, udp, train);

		if (rc > 0) {
			train->data += rc;
			train->len -= (size_t)rc;
		} else if (rc == -EAGAIN && !udp->wide) {
			rudp_udp_widen(udp);
		} else if (rc == -EAGAIN) {
			return false;
		} else if ((rc == -ECONNREFUSED || rc == -EMSGSIZE) && soft_errors++ == 0) {
			/* Perhaps an ICMP answer to earlier ones; nothing of this one has been tried. */
			rudp_udp_receive_errors(engine, udp);
		} else if (rc != -EINTR) {
			tell_local_error(engine, udp, train, (int)-rc);
			engine->counts.trains_dropped++;
			return true;
		}
	}
	return true;
}

/* In bulk the same few trains wait again and again: their memory is kept. */
static uint8_t *take_buffer(struct rudp_engine *engine)
{
	if (engine->spare_train_count > 0)
		return engine->spare_trains[--engine->spare_train_count];
	return malloc(RUDP_TRAIN_BYTES_MAX);
}

static void give_buffer(struct rudp_engine *engine, uint8_t *buffer)
{
	if (engine->spare_train_count < RUDP_SPARE_TRAINS_MAX)
		engine->spare_trains[engine->spare_train_count++] = buffer;
	else
		free(buffer);
}

static void hold(struct rudp_engine *engine, struct rudp_udp *udp,
		 const struct rudp_held_train *train)
{
	uint8_t *data;

	if (!udp->pending)
		udp->pending = calloc(RUDP_UDP_PENDING_MAX, sizeof *udp->pending);
	data = udp->pending ? take_buffer(engine) : NULL;
	if (!data) {
		engine->counts.trains_dropped++;
		return;
	}
	memcpy(data, train->data, train->len);
	udp->pending[udp->pending_count] = *train;
	udp->pending[udp->pending_count].data = data;
	if (udp->pending_count++ == 0)
		rudp_udp_rewatch(engine, udp);
}

void rudp_udp_send(struct rudp_engine *engine, struct rudp_udp *udp,
		   const struct rudp_train *train)
{
	struct rudp_held_train now = {train->data,  train->len,    train->segment_bytes,
				      train->local, train->remote, train->tos};

	if (train->len == 0)
		return;
	note_tos(udp, &now);
	if (udp->pending_count == 0 && send_all(engine, udp, &now))
		return;
	if (udp->pending_count == RUDP_UDP_PENDING_MAX)
		engine->counts.trains_dropped++;
	else
		hold(engine, udp, &now);
}

void rudp_udp_send_pending(struct rudp_engine *engine, struct rudp_udp *udp)
{
	unsigned done = 0;

	while (done < udp->pending_count) {
		struct rudp_held_train *held = &udp->pending[done];
		struct rudp_held_train rest = *held;

		if (!send_all(engine, udp, &rest)) {
			memmove(held->data, rest.data, rest.len);
			held->len = rest.len;
			break;
		}
		give_buffer(engine, held->data);
		done++;
	}
	udp->pending_count -= done;
	if (udp->pending_count > 0) {
		memmove(udp->pending, udp->pending + done,
			udp->pending_count * sizeof udp->pending[0]);
		return;
	}
	free(udp->pending);
	udp->pending = NULL;
	rudp_udp_rewatch(engine, udp);
	if (udp->owners == 0 && !rudp_list_is_linked(&udp->orphan_link))
		rudp_list_append(&engine->orphan_udps, &udp->orphan_link);
}
