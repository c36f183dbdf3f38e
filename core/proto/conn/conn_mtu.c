/* SPDX-License-Identifier: MIT */
/* The size of datagrams follows what the path carries: docs/protocol.md section 15. */
#include "base/log.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

#define IPV4_UDP_BYTES 28
#define IPV6_UDP_BYTES 48

void rudp_conn_mtu_init(struct rudp_conn *conn)
{
	rudp_path_mtu_init(&conn->path.mtu, conn->ep->config.datagram_max != NULL);
}

void rudp_conn_mtu_follow(struct rudp_conn *conn)
{
	struct rudp_path *path = &conn->path;

	path->datagram_bytes = path->mtu.bytes;
	if (conn->cc.datagram_bytes == path->datagram_bytes)
		return;
	rudp_log(RUDP_LOG_DEBUG, "connection %016llx: datagrams of %u bytes, not %u",
		 (unsigned long long)conn->id, path->datagram_bytes, conn->cc.datagram_bytes);
	conn->cc.ops->on_mtu(&conn->cc, path->datagram_bytes);
}

/* More than a packet waits for nothing but its turn: larger ones would be fewer. */
static bool has_something_to_win(const struct rudp_conn *conn)
{
	return rudp_state_is_established(conn->state) && conn->path.validated &&
	       conn->probes_due == 0 &&
	       rudp_sendbuf_unsent(&conn->sendbuf) > conn->path.datagram_bytes;
}

static void start_search(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_endpoint_config *config = &conn->ep->config;
	struct rudp_path *path = &conn->path;
	uint64_t max_bytes =
		config->datagram_max(config->datagram_max_context, path->socket, &path->remote);
	uint8_t header_bytes = path->remote.family == AF_INET ? IPV4_UDP_BYTES : IPV6_UDP_BYTES;

	if (max_bytes > conn->peer_datagram_bytes)
		max_bytes = conn->peer_datagram_bytes;
	rudp_path_mtu_start(&path->mtu, (uint32_t)max_bytes, header_bytes, 0, now_at_ns);
	rudp_conn_mtu_follow(conn);
}

/* So large that one loss or one packet too many costs a whole window no datagram should be. */
static uint32_t limit_bytes(const struct rudp_conn *conn)
{
	uint64_t window = conn->peer_window_end - conn->sendbuf.ring.head;

	if (window > conn->cc.cwnd_bytes)
		window = conn->cc.cwnd_bytes;
	window /= conn->is_same_host ? RUDP_SAME_HOST_MTU_SHARE : RUDP_MTU_WINDOW_SHARE;
	return window < RUDP_DATAGRAM_MAX_BYTES ? (uint32_t)window : RUDP_DATAGRAM_MAX_BYTES;
}

uint32_t rudp_conn_mtu_probe_bytes(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_sendbuf *buf = &conn->sendbuf;

	if (!has_something_to_win(conn))
		return 0;
	if (rudp_path_mtu_is_due(&conn->path.mtu, now_at_ns))
		start_search(conn, now_at_ns);
	if (conn->path.mtu.state != RUDP_MTU_SEARCHING)
		return 0;
	return rudp_path_mtu_probe_bytes(&conn->path.mtu, limit_bytes(conn),
					 conn->bytes_sent + rudp_sendbuf_unsent(buf));
}

void rudp_conn_mtu_on_answered(struct rudp_conn *conn, uint64_t number,
			       const struct rudp_sent *sent)
{
	struct rudp_path_mtu *mtu = &conn->path.mtu;

	if (!(sent->content & RUDP_CONTENT_MTU_PROBE)) {
		rudp_path_mtu_on_answered(mtu, number, sent->size_bytes);
		return;
	}
	if (rudp_path_mtu_on_probe_answered(mtu, number, sent->size_bytes, conn->heard_at_ns))
		rudp_conn_mtu_follow(conn);
}

void rudp_conn_mtu_on_lost(struct rudp_conn *conn, uint64_t number, const struct rudp_sent *sent)
{
	struct rudp_path_mtu *mtu = &conn->path.mtu;

	if (sent->content & RUDP_CONTENT_MTU_PROBE) {
		rudp_path_mtu_on_probe_lost(mtu, number, conn->heard_at_ns);
	} else if (rudp_path_mtu_on_lost(mtu, number, sent->size_bytes)) {
		rudp_log(RUDP_LOG_INFO, "connection %016llx: large datagrams no longer pass",
			 (unsigned long long)conn->id);
		rudp_conn_mtu_follow(conn);
	}
}

void rudp_conn_on_too_big(struct rudp_conn *conn, uint32_t max_bytes, bool local, int64_t now_at_ns)
{
	if (conn->dead)
		return;
	if (!local)
		rudp_path_mtu_on_hint(&conn->path.mtu, max_bytes, conn->reliability.next);
	else if (rudp_path_mtu_on_refused(&conn->path.mtu, max_bytes, now_at_ns))
		rudp_conn_mtu_follow(conn);
}
