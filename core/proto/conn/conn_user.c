/* SPDX-License-Identifier: MIT */
/* The calls of the user of a connection: bytes, options, queries. */
#include <errno.h>
#include <string.h>

#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

size_t rudp_conn_send_room(const struct rudp_conn *conn)
{
	size_t used = rudp_ring_used(&conn->sendbuf.ring);
	size_t allowed;

	if (conn->sendbuf.fin_wanted || conn->dead || conn->state >= RUDP_STATE_TIME_WAIT)
		return 0;
	allowed = rudp_conn_send_allowance_bytes(conn);
	return allowed > used ? allowed - used : 0;
}

int rudp_conn_send_reserve(struct rudp_conn *conn, size_t want, struct iovec iov[2])
{
	size_t room = rudp_conn_send_room(conn);
	int count = rudp_ring_writable(&conn->sendbuf.ring, want < room ? want : room, iov);

	rudp_conn_charge(conn);
	return count;
}

void rudp_conn_send_commit(struct rudp_conn *conn, size_t n, int64_t now_at_ns)
{
	if (n == 0)
		return;
	rudp_conn_start_waiting(conn, now_at_ns);
	rudp_ring_commit(&conn->sendbuf.ring, n);
	conn->trim_at_ns = RUDP_NEVER;
	rudp_conn_handshake_release(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}

/* Stores the first of len bytes, as many as two pieces of memory hold. Returns how many. */
static size_t write_some(struct rudp_conn *conn, const uint8_t *bytes, size_t len,
			 int64_t now_at_ns)
{
	struct iovec iov[2];
	int count = rudp_conn_send_reserve(conn, len, iov);
	size_t done = 0;

	for (int i = 0; i < count; i++) {
		memcpy(iov[i].iov_base, bytes + done, iov[i].iov_len);
		done += iov[i].iov_len;
	}
	rudp_conn_send_commit(conn, done, now_at_ns);
	return done;
}

size_t rudp_conn_write(struct rudp_conn *conn, const void *bytes, size_t len, int64_t now_at_ns)
{
	size_t done = 0, more;

	do {
		more = write_some(conn, (const uint8_t *)bytes + done, len - done, now_at_ns);
		done += more;
	} while (more > 0 && done < len);
	return done;
}

size_t rudp_conn_receive_available(const struct rudp_conn *conn)
{
	return rudp_recvbuf_available(&conn->recvbuf);
}

int rudp_conn_receive_readable(const struct rudp_conn *conn, struct iovec iov[2])
{
	return rudp_recvbuf_readable(&conn->recvbuf, iov);
}

void rudp_conn_receive_consume(struct rudp_conn *conn, size_t n, int64_t now_at_ns)
{
	/*
	 * If there is no RTT sample (the SYNACK was sent twice, Karn's algorithm), use the
	 * handshake's duration.
	 */
	int64_t rtt_ns = conn->rtt.samples > 0
				 ? conn->rtt.srtt_ns
				 : rudp_time_max(conn->rtt.srtt_ns, conn->handshake_ns);

	rudp_recvbuf_consume(&conn->recvbuf, n, rtt_ns, now_at_ns);
	if (conn->is_same_host && conn->recvbuf.ring.head - n < RUDP_SAME_HOST_BULK_BYTES)
		rudp_conn_limit_buffers(conn);
	rudp_conn_charge(conn);
	if (rudp_recvbuf_available(&conn->recvbuf) == 0 && conn->trim_at_ns == RUDP_NEVER) {
		rudp_conn_rest_soon(conn, now_at_ns);
		rudp_endpoint_touch(conn->ep, conn);
	}
	if (!rudp_recvbuf_window_due(&conn->recvbuf))
		return;
	conn->window_due = true;
	rudp_endpoint_touch(conn->ep, conn);
}

bool rudp_conn_receive_eof(const struct rudp_conn *conn)
{
	return rudp_recvbuf_is_drained(&conn->recvbuf);
}

void rudp_conn_mark_urgent(struct rudp_conn *conn)
{
	if (conn->sendbuf.ring.tail == 0)
		return;
	conn->urgent_out = conn->sendbuf.ring.tail - 1;
	conn->urgent_due = true;
	rudp_endpoint_touch(conn->ep, conn);
}

size_t rudp_conn_urgent_ahead(const struct rudp_conn *conn)
{
	uint64_t head = conn->recvbuf.ring.head;

	return conn->urgent_in > head ? (size_t)(conn->urgent_in - head) : 0;
}

void rudp_conn_set_options(struct rudp_conn *conn, const struct rudp_conn_options *options)
{
	size_t room = rudp_conn_send_room(conn);

	conn->options = *options;
	rudp_conn_limit_buffers(conn);
	if (rudp_conn_send_room(conn) > room)
		rudp_conn_raise(conn, RUDP_EVENT_WRITABLE);
	rudp_endpoint_touch(conn->ep, conn);
}

int rudp_conn_set_cc(struct rudp_conn *conn, const char *name, int64_t now_at_ns)
{
	const struct rudp_cc_ops *ops = rudp_cc_find(name);

	if (!ops)
		return -ENOENT;
	if (ops != conn->cc.ops)
		rudp_cc_init(&conn->cc, ops, conn->cc.datagram_bytes, now_at_ns);
	return 0;
}

unsigned rudp_conn_take_events(struct rudp_conn *conn)
{
	unsigned events = conn->events;

	conn->events = 0;
	return events;
}

void *rudp_conn_user(const struct rudp_conn *conn)
{
	return conn->user;
}

void rudp_conn_set_user(struct rudp_conn *conn, void *user)
{
	conn->user = user;
}

uint64_t rudp_conn_id(const struct rudp_conn *conn)
{
	return conn->id;
}

uint64_t rudp_conn_peer_id(const struct rudp_conn *conn)
{
	return conn->peer_id;
}

bool rudp_conn_is_initiator(const struct rudp_conn *conn)
{
	return conn->initiator;
}

const struct rudp_credentials *rudp_conn_credentials(const struct rudp_conn *conn)
{
	return &conn->credentials;
}

const uint8_t *rudp_conn_channel_binding(const struct rudp_conn *conn)
{
	return conn->has_keys ? conn->channel_binding : NULL;
}

enum rudp_state rudp_conn_state(const struct rudp_conn *conn)
{
	return conn->state;
}

const struct rudp_addr *rudp_conn_path_local(const struct rudp_conn *conn)
{
	return &conn->path.local;
}

const struct rudp_addr *rudp_conn_local(const struct rudp_conn *conn)
{
	return &conn->first_local;
}

const struct rudp_addr *rudp_conn_remote(const struct rudp_conn *conn)
{
	return &conn->first_remote;
}

struct rudp_listener *rudp_conn_listener(const struct rudp_conn *conn)
{
	return conn->listener;
}

int rudp_conn_error(const struct rudp_conn *conn)
{
	return conn->error;
}

void *rudp_conn_socket(const struct rudp_conn *conn)
{
	return conn->dead ? NULL : conn->path.socket;
}
