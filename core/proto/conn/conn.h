/* SPDX-License-Identifier: MIT */
/*
 * conn - one connection, as its endpoint's owner (the engine, the simulator) sees it.
 *
 * The protocol is a calculator: datagram in, datagram out, "when next?", "it is now". Connections are
 * made, fed and emptied through their endpoint (endpoint.h); this header is what their user does with
 * them: write, read, shut, reset, and look at what has happened.
 *
 * Threads  none: an endpoint and its connections belong to one thread.
 * Source   docs/protocol.md section 12 (states), docs/architecture.md.
 */
#ifndef RUDP_PROTO_CONN_H
#define RUDP_PROTO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/time.h"
#include "proto/cc/cc.h"
#include "proto/crypto/aead.h"
#include "proto/wire/frame.h"

struct rudp_conn;
struct rudp_listener;

/* Ordered as lived. What each means is docs/protocol.md section 12; the words are RFC 9293's. */
#define RUDP_STATES(X)                                                                             \
	X(CLOSED) X(LISTEN) X(SYN_SENT) X(SYN_RCVD) X(ESTABLISHED) X(FIN_WAIT_1) X(FIN_WAIT_2)     \
	X(CLOSE_WAIT) X(CLOSING) X(LAST_ACK) X(TIME_WAIT) X(RESET_SENT)

#define RUDP_STATE_ENUM(name) RUDP_STATE_##name,
enum rudp_state { RUDP_STATES(RUDP_STATE_ENUM) };
#undef RUDP_STATE_ENUM

const char *rudp_state_name(enum rudp_state state);

/* What has happened since the user last looked. Bits. */
enum rudp_event {
	RUDP_EVENT_ESTABLISHED = 1 << 0, /* handshake over */
	RUDP_EVENT_READABLE = 1 << 1,    /* in-order bytes have arrived */
	RUDP_EVENT_WRITABLE = 1 << 2,    /* room in the send buffer has grown */
	RUDP_EVENT_PEER_FIN = 1 << 3,    /* all bytes of the peer and its FIN are here */
	RUDP_EVENT_FAILED = 1 << 4,      /* over, with rudp_conn_error() as the reason */
	RUDP_EVENT_SENT_ALL = 1 << 5,    /* everything written, FIN included, is acknowledged */
	RUDP_EVENT_DEAD = 1 << 6,        /* nothing will be sent or received any more; release it */
	RUDP_EVENT_URGENT = 1 << 7,      /* the peer has marked an urgent byte */
};

struct rudp_conn_options {
	int64_t connect_timeout_ns;   /* 0: RUDP_CONNECT_TIMEOUT_NS */
	int64_t user_timeout_ns;      /* 0: RUDP_USER_TIMEOUT_NS; TCP_USER_TIMEOUT */
	bool keepalive;               /* SO_KEEPALIVE */
	int64_t keepalive_idle_ns;    /* 0: 2 h */
	int64_t keepalive_interval_ns; /* 0: 75 s */
	unsigned keepalive_probes;    /* 0: 9 */
	const struct rudp_cc_ops *cc; /* NULL: the endpoint's */
	uint64_t pacing_bytes_per_s_max; /* 0: none; SO_MAX_PACING_RATE */
	bool early;                   /* connect: what is written before the SYN leaves may travel in
				       * it, where the peer is known (docs/protocol.md section 6.8) */
	bool deferred;                /* connect: no SYN before something is written, or shut down, */
	int64_t deferred_max_ns;      /* or so much time has passed; 0: however long that takes */
	uint64_t send_max_bytes;      /* SO_SNDBUF, SO_RCVBUF: what is held each way; 0: no limit of */
	uint64_t receive_max_bytes;   /* the program's own, less than RUDP_BUFFER_LEAST_BYTES is that */
	uint8_t tos, tclass;          /* of its packets over IPv4 and IPv6; ECN bits are not looked at */
};

#define RUDP_BUFFER_LEAST_BYTES 4096
#define RUDP_CONNECT_TIMEOUT_NS (127 * RUDP_NS_PER_S) /* as Linux: tcp_syn_retries 6 */
#define RUDP_USER_TIMEOUT_NS (924 * RUDP_NS_PER_S)    /* as Linux: tcp_retries2 15 */
#define RUDP_IDLE_TIMEOUT_NS (7200 * RUDP_NS_PER_S) /* nothing owed but answers to our pings */
#define RUDP_FIN_TIMEOUT_NS (60 * RUDP_NS_PER_S)      /* as Linux: tcp_fin_timeout */

/* How a connection began: docs/protocol.md sections 6.1 and 6.7. The text is what rudp ss says. */
#define RUDP_HANDSHAKE_KINDS(X)                                                                    \
	X(FULL, "full")       /* Noise */                                                          \
	X(RESUMED, "resumed") /* under an association, without a new DH */                         \
	X(RESUMED_DH, "resumed+dh")

#define RUDP_HANDSHAKE_KIND_ENUM(name, text) RUDP_HANDSHAKE_KIND_##name,
enum rudp_handshake_kind { RUDP_HANDSHAKE_KINDS(RUDP_HANDSHAKE_KIND_ENUM) };
#undef RUDP_HANDSHAKE_KIND_ENUM

struct rudp_conn_stats {
	enum rudp_state state;
	uint64_t id;
	int64_t srtt_ns, rttvar_ns, min_rtt_ns, latest_rtt_ns; /* min: RUDP_NEVER without a sample */
	uint64_t cwnd_bytes, ssthresh_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t packets_sent, packets_received, bytes_sent, bytes_received; /* UDP payload */
	uint64_t stream_sent, stream_acked, stream_received; /* stream bytes */
	uint64_t packets_lost, packets_spurious, stream_resent, duplicate_stream;
	uint64_t packets_copied, stream_copied; /* sent twice for sparse traffic's sake */
	uint64_t repairs_sent;                  /* packets with repair symbols of bursts */
	/* bytes of the stream that the peer's repair symbols have given back */
	uint64_t stream_repaired;
	uint64_t unacked_bytes, unsent_bytes, unread_bytes;
	uint64_t window_send_bytes, window_receive_bytes;
	uint64_t packets_replayed, packets_forged, key_updates, path_changes;
	uint64_t key_exchanges;       /* finished since the handshake */
	uint32_t pto_count, datagram_bytes;
	uint64_t memory_bytes;        /* held for it by the endpoint, roughly */
	const char *cc_name, *cc_state;
	bool authenticated;           /* a pre-shared key is in use */
	uint8_t suite;                /* enum rudp_suite */
	enum rudp_aead_kind aead;     /* NONE: no keys yet */
	uint8_t handshake_kind;       /* enum rudp_handshake_kind */
	uint16_t early_bytes;         /* of the stream that came, or were taken, with the SYN */
	uint64_t jump_bytes;          /* of its first window by what was known of the path; 0: unknown */
	unsigned flows;               /* that share a path's bandwidth out, with it; 0: it does not */
};

/* The owner's own pointer, NULL at first. */
void *rudp_conn_user(const struct rudp_conn *conn);
void rudp_conn_set_user(struct rudp_conn *conn, void *user);

uint64_t rudp_conn_id(const struct rudp_conn *conn);
uint64_t rudp_conn_peer_id(const struct rudp_conn *conn); /* 0 while not known */
bool rudp_conn_is_initiator(const struct rudp_conn *conn);
enum rudp_state rudp_conn_state(const struct rudp_conn *conn);
const struct rudp_addr *rudp_conn_local(const struct rudp_conn *conn);  /* at establishment */
const struct rudp_addr *rudp_conn_remote(const struct rudp_conn *conn); /* at establishment */
const struct rudp_addr *rudp_conn_path_local(const struct rudp_conn *conn); /* now */
/* The listener it came from; NULL for an active one or when that is closed. */
struct rudp_listener *rudp_conn_listener(const struct rudp_conn *conn);

/* Takes the pending events, leaving none. */
unsigned rudp_conn_take_events(struct rudp_conn *conn);

/* errno of RUDP_EVENT_FAILED (ECONNREFUSED, ETIMEDOUT, ECONNRESET, EKEYREJECTED, ...), else 0. */
int rudp_conn_error(const struct rudp_conn *conn);

/*
 * Writing. room is what may be appended now; reserve gives places for up to want bytes (0..2 iovecs);
 * commit says that n bytes were put there. write does it all by copy and returns the bytes taken.
 * What is held is bounded by what the path carries and the peer takes (rudp_conn_send_allowance_bytes).
 */
size_t rudp_conn_send_room(const struct rudp_conn *conn);
int rudp_conn_send_reserve(struct rudp_conn *conn, size_t want, struct iovec iov[2]);
void rudp_conn_send_commit(struct rudp_conn *conn, size_t n, int64_t now_at_ns);
size_t rudp_conn_write(struct rudp_conn *conn, const void *bytes, size_t len, int64_t now_at_ns);

/*
 * Reading. readable gives the in-order bytes in place (0..2 iovecs), consume says that n of them have
 * been taken. eof: everything has been read and the peer has said FIN.
 */
size_t rudp_conn_receive_available(const struct rudp_conn *conn);
int rudp_conn_receive_readable(const struct rudp_conn *conn, struct iovec iov[2]);
void rudp_conn_receive_consume(struct rudp_conn *conn, size_t n, int64_t now_at_ns);
bool rudp_conn_receive_eof(const struct rudp_conn *conn);

/* No more will be written: FIN behind what is there. Idempotent. */
void rudp_conn_shutdown_send(struct rudp_conn *conn, int64_t now_at_ns);
/* No more will be read: what is there and comes is dropped, without telling the peer (SHUT_RD). */
void rudp_conn_shutdown_receive(struct rudp_conn *conn, int64_t now_at_ns);

/* Both directions given up at once: RESET to the peer, repeated until acknowledged. */
void rudp_conn_reset(struct rudp_conn *conn, enum rudp_reset_reason reason, int64_t now_at_ns);

/*
 * The user is gone (close(2)): what was written is still delivered, then FIN. Unread bytes, or bytes
 * that still come, put RESET in the place of FIN, as with TCP (RFC 2525 section 2.17), which does not
 * wait for the delivery. A connection attempt is given up, unless it has bytes that may travel in its
 * SYN. The user pointer is dropped; events are no longer reported; it is freed when dead.
 */
void rudp_conn_close(struct rudp_conn *conn, int64_t now_at_ns);
/* The same for a user that has itself left bytes unread. */
void rudp_conn_close_unread(struct rudp_conn *conn, int64_t now_at_ns);

/*
 * Given up without a word to the peer, at any time: whatever it still sends is answered as for a
 * connection that was never there. What is done with an attempt that is not wanted any more. Takes the
 * place of rudp_conn_close.
 */
void rudp_conn_abandon(struct rudp_conn *conn, int64_t now_at_ns);

/* ICMP said that the peer's port or host is not there: errno as the kernel reports it. */
void rudp_conn_on_icmp(struct rudp_conn *conn, int error, int64_t now_at_ns);
/*
 * This host could not send a packet of the connection: errno. Ends an attempt of which nothing else has
 * left; otherwise the packet is lost, as with TCP: the way may be back when it is sent again.
 */
void rudp_conn_on_no_way(struct rudp_conn *conn, int error, int64_t now_at_ns);
/*
 * What is told when it is given up now since nothing has come for too long: the last that these two have
 * said since the peer was heard (but for "port unreachable"), else ETIMEDOUT.
 * Source   tcp_write_err in Linux.
 */
int rudp_conn_timeout_error(const struct rudp_conn *conn);
/*
 * A datagram did not pass because it was larger than max_bytes (of UDP payload). local: our own
 * interface refused it, and that is so. Else ICMP says it, which is a hint to the search.
 */
void rudp_conn_on_too_big(struct rudp_conn *conn, uint32_t max_bytes, bool local, int64_t now_at_ns);

void rudp_conn_set_options(struct rudp_conn *conn, const struct rudp_conn_options *options,
			   int64_t now_at_ns);
/* 0 or -ENOENT. */
int rudp_conn_set_cc(struct rudp_conn *conn, const char *name, int64_t now_at_ns);

/* The newest bytes count as urgent (MSG_OOB): the peer is told the offset of the last one. */
void rudp_conn_mark_urgent(struct rudp_conn *conn, int64_t now_at_ns);
/* Bytes from the next one to read up to and including the peer's urgent byte; 0: none ahead. */
size_t rudp_conn_urgent_ahead(const struct rudp_conn *conn);

void rudp_conn_stats(const struct rudp_conn *conn, struct rudp_conn_stats *stats);

/* Walks every invariant of the connection; false and a log line when one is broken. For tests. */
bool rudp_conn_check(const struct rudp_conn *conn);

#endif
