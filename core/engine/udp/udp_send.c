/* SPDX-License-Identifier: MIT */
/*
 * Sends trains: one call each with UDP_SEGMENT, or one datagram at a time where the kernel or the
 * network card refuses that (EIO: an interface without checksum offload; EINVAL: segments larger
 * than the route's MTU).
 */
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "engine/udp/udp.h"

#define CONTROL_BYTES                                                                              \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +                        \
	 CMSG_SPACE(sizeof(uint16_t)))

/* The arguments of sendmsg() except the data. */
struct message {
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

/* A reply must leave from the address to which the peer sent. */
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

/* If this fails, the TOS is still sent in control messages. */
static void set_socket_tos(struct rudp_udp *udp, const struct rudp_queued_train *train)
{
	int level = udp->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int option = udp->family == AF_INET ? IP_TOS : IPV6_TCLASS;
	int tos = train->tos;

	udp->tos_repeated = 0;
	if (setsockopt(udp->fd, level, option, &tos, sizeof tos) == 0)
		udp->tos = train->tos;
}

/*
 * For a message with a TOS the kernel looks up the route again, even on a connected socket. So
 * after several messages in a row with the same TOS it becomes the TOS of the socket.
 */
static void note_tos(struct rudp_udp *udp, const struct rudp_queued_train *train)
{
	if (!udp->connected || udp->no_tos || train->tos == udp->tos)
		return;
	udp->tos_repeated = train->tos == udp->tos_before ? udp->tos_repeated + 1 : 0;
	udp->tos_before = train->tos;
	if (udp->tos_repeated == RUDP_UDP_TOS_REPEATED)
		set_socket_tos(udp, train);
}

static void prepare_message(struct message *message, const struct rudp_udp *udp,
			    const struct rudp_queued_train *train, bool segmented)
{
	int tos = train->tos;
	bool tos_differs = !udp->no_tos && train->tos != udp->tos;
	uint16_t segment = (uint16_t)train->segment_bytes;
	struct msghdr *header = &message->header;

	memset(message->control, 0, sizeof message->control);
	*header = (struct msghdr){.msg_control = message->control};
	if (!udp->connected) {
		header->msg_name = &message->to;
		header->msg_namelen =
			rudp_udp_address_for(udp->family, &train->remote, &message->to);
		/* A socket bound to an address uses that address anyway. */
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

static bool is_segmented(const struct rudp_queued_train *train)
{
	return train->len > train->segment_bytes;
}

/* Returns how many bytes were sent from the front of the train (whole segments), or -errno. */
static ssize_t send_segmented(const struct rudp_udp *udp, const struct rudp_queued_train *train)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	struct message message;
	struct msghdr *header = &message.header;
	struct iovec iov = {train->data, train->len};
	ssize_t rc;

	prepare_message(&message, udp, train, is_segmented(train));
	header->msg_iov = &iov;
	header->msg_iovlen = 1;
	/* The kernel handles sendto() faster than a sendmsg() without control messages. */
	if (header->msg_control)
		rc = sendmsg(udp->fd, header, flags);
	else
		rc = sendto(udp->fd, train->data, train->len, flags, header->msg_name,
			    header->msg_namelen);
	return rc < 0 ? -errno : (ssize_t)train->len;
}

static ssize_t send_singly(const struct rudp_udp *udp, const struct rudp_queued_train *train)
{
	struct message message;
	struct mmsghdr messages[RUDP_TRAIN_DATAGRAMS_MAX];
	struct iovec iov[RUDP_TRAIN_DATAGRAMS_MAX];
	unsigned count = 0;
	size_t sent = 0;
	int rc;

	prepare_message(&message, udp, train, false);
	for (size_t at = 0; at < train->len && count < RUDP_TRAIN_DATAGRAMS_MAX; count++) {
		size_t left = train->len - at;

		iov[count].iov_base = train->data + at;
		iov[count].iov_len = left < train->segment_bytes ? left : train->segment_bytes;
		messages[count].msg_hdr = message.header;
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

static ssize_t send_by_segments(struct rudp_udp *udp, const struct rudp_queued_train *train)
{
	ssize_t rc;

	if (is_segmented(train) && !udp->gso)
		return send_singly(udp, train);
	rc = send_segmented(udp, train);
	if (!is_segmented(train) || !is_refusal_of_segments(rc))
		return rc;
	rc = send_singly(udp, train);
	if (rc > 0) {
		udp->gso = false;
		rudp_log(RUDP_LOG_INFO,
			 "the kernel refuses UDP_SEGMENT: sending datagrams one by one");
	}
	return rc;
}

/*
 * If the kernel rejects the TOS, send without it: DSCP is only a preference, and the protocol
 * notices that ECN does not work.
 */
static ssize_t send_once(struct rudp_udp *udp, const struct rudp_queued_train *train)
{
	ssize_t rc = send_by_segments(udp, train);

	if (rc != -EINVAL || train->tos == 0 || udp->no_tos)
		return rc;
	udp->no_tos = true;
	rc = send_by_segments(udp, train);
	if (rc > 0)
		rudp_log(RUDP_LOG_INFO,
			 "the kernel rejects TOS in a control message: no DSCP, no ECN");
	else
		udp->no_tos = false; /* the TOS was not the cause */
	return rc;
}

/* The interface's MTU has become smaller. This train is lost; later ones will fit. */
static void report_too_big(struct rudp_engine *engine, struct rudp_udp *udp,
			   const struct rudp_queued_train *train)
{
	struct rudp_conn *conn = rudp_endpoint_find_peer(engine->ep, udp, &train->remote);

	if (conn)
		rudp_conn_on_too_big(conn, rudp_udp_datagram_max(engine, udp, &train->remote), true,
				     engine->now_at_ns);
}

static void report_local_error(struct rudp_engine *engine, struct rudp_udp *udp,
			       const struct rudp_queued_train *train, int error)
{
	struct rudp_conn *conn;

	if (error == EMSGSIZE) {
		report_too_big(engine, udp, train);
		return;
	}
	/* EINVAL: the error of a blackhole route. */
	if (error != ENETUNREACH && error != EHOSTUNREACH && error != ENETDOWN && error != EACCES &&
	    error != EPERM && error != EINVAL)
		return;
	conn = rudp_endpoint_find_peer(engine->ep, udp, &train->remote);
	if (conn)
		rudp_conn_on_unreachable(conn, error, engine->now_at_ns);
}

/*
 * Sends as much of the train as possible and advances it.
 *
 * Returns  false: the rest must wait until the socket has space; true: the train is sent or
 *          dropped.
 */
static bool send_all(struct rudp_engine *engine, struct rudp_udp *udp,
		     struct rudp_queued_train *train)
{
	unsigned soft_errors = 0;

	while (train->len > 0) {
		ssize_t rc = send_once(udp, train);

		if (rc > 0) {
			train->data += rc;
			train->len -= (size_t)rc;
		} else if (rc == -EAGAIN && !udp->wide) {
			rudp_udp_widen(udp);
		} else if (rc == -EAGAIN) {
			return false;
		} else if ((rc == -ECONNREFUSED || rc == -EMSGSIZE) && soft_errors++ == 0) {
			/*
			 * Perhaps the ICMP answer to an earlier datagram; then nothing of this
			 * train has been sent.
			 */
			rudp_udp_receive_errors(engine, udp);
		} else if (rc != -EINTR) {
			report_local_error(engine, udp, train, (int)-rc);
			return true;
		}
	}
	return true;
}

/* During bulk transfer trains wait again and again, so their buffers are reused. */
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

/* Returns false if the queue is full, or memory is short. */
static bool queue_train(struct rudp_engine *engine, struct rudp_udp *udp,
			const struct rudp_queued_train *train)
{
	uint8_t *data;

	if (udp->pending_count == RUDP_UDP_PENDING_MAX)
		return false;
	if (!udp->pending)
		udp->pending = calloc(RUDP_UDP_PENDING_MAX, sizeof *udp->pending);
	data = udp->pending ? take_buffer(engine) : NULL;
	if (!data)
		return false;
	memcpy(data, train->data, train->len);
	udp->pending[udp->pending_count] = *train;
	udp->pending[udp->pending_count].data = data;
	if (udp->pending_count++ == 0)
		rudp_udp_rewatch(engine, udp);
	return true;
}

void rudp_udp_send(struct rudp_engine *engine, struct rudp_udp *udp, const struct rudp_train *train)
{
	struct rudp_queued_train now = {train->data,  train->len,    train->segment_bytes,
					train->local, train->remote, train->tos};

	if (train->len == 0)
		return;
	note_tos(udp, &now);
	if (udp->pending_count == 0 && send_all(engine, udp, &now))
		return;
	if (!queue_train(engine, udp, &now))
		engine->dropped_trains++;
}

void rudp_udp_send_pending(struct rudp_engine *engine, struct rudp_udp *udp)
{
	unsigned done = 0;

	while (done < udp->pending_count) {
		struct rudp_queued_train *held = &udp->pending[done];
		struct rudp_queued_train rest = *held;

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
