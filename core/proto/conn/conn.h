/* SPDX-License-Identifier: MIT */
/*
 * conn - one connection, as the owner of its endpoint (the engine, the simulator) uses it.
 *
 * This code does no I/O and has no clock. The owner passes in received datagrams and the current
 * time, and asks for datagrams to send and for the next deadline. It does so through the endpoint
 * (endpoint.h), which also makes connections. This header has the calls for one connection: write,
 * read, shut down, reset, query.
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
#include "proto/crypto/credentials.h"
#include "proto/wire/frame.h"

struct rudp_conn;
struct rudp_listener;

/*
 * In the order of a connection's life. Names as in RFC 9293; docs/protocol.md section 12 defines
 * them.
 */
/* clang-format off */
#define RUDP_STATES(X)                                                                             \
	X(CLOSED) X(LISTEN) X(SYN_SENT) X(SYN_RCVD) X(ESTABLISHED) X(FIN_WAIT_1) X(FIN_WAIT_2)     \
	X(CLOSE_WAIT) X(CLOSING) X(LAST_ACK) X(TIME_WAIT) X(RESET_SENT)
/* clang-format on */

#define RUDP_STATE_ENUM(name) RUDP_STATE_##name,
enum rudp_state { RUDP_STATES(RUDP_STATE_ENUM) };
#undef RUDP_STATE_ENUM

const char *rudp_state_name(enum rudp_state state);

/* Events since the last rudp_conn_take_events(). A bit mask. */
enum rudp_event {
	RUDP_EVENT_ESTABLISHED = 1 << 0, /* the handshake is complete */
	RUDP_EVENT_READABLE = 1 << 1,    /* in-order bytes have arrived */
	RUDP_EVENT_WRITABLE = 1 << 2,    /* the room in the send buffer has grown */
	RUDP_EVENT_PEER_FIN = 1 << 3,    /* all bytes of the peer and its FIN have arrived */
	RUDP_EVENT_FAILED = 1 << 4,   /* the connection is over; rudp_conn_error() has the reason */
	RUDP_EVENT_SENT_ALL = 1 << 5, /* everything written, FIN included, is acknowledged */
	RUDP_EVENT_DEAD = 1 << 6,     /* nothing more will be sent or received; release it */
	RUDP_EVENT_URGENT = 1 << 7,   /* the peer has marked an urgent byte */
};

struct rudp_conn_options {
	int64_t connect_timeout_ns;    /* 0: RUDP_CONNECT_TIMEOUT_NS */
	int64_t user_timeout_ns;       /* 0: RUDP_USER_TIMEOUT_NS; TCP_USER_TIMEOUT */
	int64_t keepalive_idle_ns;     /* 0: 2 h */
	int64_t keepalive_interval_ns; /* 0: 75 s */
	unsigned keepalive_probes;     /* 0: 9 */
	bool keepalive;                /* SO_KEEPALIVE */
	uint8_t tos, tclass; /* for packets over IPv4 and IPv6; the ECN bits are ignored */
	/* connect: bytes written before the SYN is sent may travel in it if the peer is known
	 * (docs/protocol.md section 6.8) */
	bool early;
	/* connect: send no SYN before the program writes or shuts down, */
	bool deferred;
	/* connect: the listener must show a static key, whatever it is */
	bool asks_peer;
	int64_t deferred_max_ns;         /* or before this time has passed; 0: no limit */
	const struct rudp_cc_ops *cc;    /* NULL: the endpoint's */
	uint64_t pacing_bytes_per_s_max; /* 0: no limit; SO_MAX_PACING_RATE */
	/*
	 * connect: the static key that the listener must prove; read by connect only. NULL: none.
	 * With either of peer_key and asks_peer the endpoint's identity, if it has one, is shown.
	 */
	const uint8_t *peer_key;
	/* SO_SNDBUF, SO_RCVBUF: limit of the bytes held in each direction; 0: the program sets
	 * none. Values below RUDP_BUFFER_LEAST_BYTES count as that. */
	uint64_t send_max_bytes;
	uint64_t receive_max_bytes;
};

#define RUDP_BUFFER_LEAST_BYTES 4096
#define RUDP_CONNECT_TIMEOUT_NS (127 * RUDP_NS_PER_S) /* as Linux with tcp_syn_retries 6 */
#define RUDP_USER_TIMEOUT_NS (924 * RUDP_NS_PER_S)    /* as Linux with tcp_retries2 15 */
/* Least effect of TCP_USER_TIMEOUT: on the first SYN (as in Linux), on data (its least RTO). */
#define RUDP_CONNECT_TIMEOUT_LEAST_NS (1 * RUDP_NS_PER_S)
#define RUDP_USER_TIMEOUT_LEAST_NS (200 * RUDP_NS_PER_MS)
#define RUDP_IDLE_TIMEOUT_NS (7200 * RUDP_NS_PER_S) /* only our own pings are unanswered */
#define RUDP_FIN_TIMEOUT_NS (60 * RUDP_NS_PER_S)    /* as Linux with tcp_fin_timeout */
#define RUDP_NO_READER_NS (1 * RUDP_NS_PER_S)       /* after a close with unread input */
/*
 * After another close. Linux gives up when its probes of a closed window are 120 s apart: 341 s,
 * measured over loopback.
 */
#define RUDP_ORPHAN_NS (340 * RUDP_NS_PER_S)

/* How a connection began: docs/protocol.md sections 6.1 and 6.7. The texts are those of rudp ss. */
#define RUDP_HANDSHAKE_KINDS(X)                                                                    \
	X(FULL, "full")             /* Noise handshake */                                          \
	X(RESUMED, "resumed")       /* under an association, without a new DH */                   \
	X(RESUMED_DH, "resumed+dh") /* resumed, with a new DH */

#define RUDP_HANDSHAKE_KIND_ENUM(name, text) RUDP_HANDSHAKE_KIND_##name,
enum rudp_handshake_kind { RUDP_HANDSHAKE_KINDS(RUDP_HANDSHAKE_KIND_ENUM) };
#undef RUDP_HANDSHAKE_KIND_ENUM

struct rudp_conn_stats {
	enum rudp_state state;
	/* min: RUDP_NEVER if there is no sample */
	int64_t srtt_ns, rttvar_ns, min_rtt_ns, latest_rtt_ns;
	uint64_t cwnd_bytes, ssthresh_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t packets_sent, packets_received, bytes_sent, bytes_received; /* UDP payload */
	uint64_t stream_sent, stream_acked, stream_received;                 /* stream bytes */
	uint64_t packets_lost, packets_spurious, stream_resent;
	/* copies of sparse traffic, sent before any loss was known */
	uint64_t packets_copied, stream_copied;
	uint64_t repairs_sent; /* packets with repair symbols (FEC) */
	/* stream bytes recovered with the peer's repair symbols */
	uint64_t stream_repaired;
	uint64_t unacked_bytes, unsent_bytes, unread_bytes;
	uint64_t window_send_bytes, window_receive_bytes;
	uint64_t path_changes; /* of the peer's address */
	/* known new paths: with another id of the peer; with the old one, as it had sent no
	 * other */
	uint32_t id_changes, moves_with_old_id;
	uint32_t pto_count, datagram_bytes;
	uint64_t memory_bytes; /* held for it by the endpoint, approximately */
	const char *cc_name, *cc_state;
	bool authenticated;       /* a pre-shared key is in use */
	uint8_t suite;            /* enum rudp_suite */
	enum rudp_aead_kind aead; /* NONE: there are no keys yet */
	uint8_t handshake_kind;   /* enum rudp_handshake_kind */
	uint16_t early_bytes;     /* stream bytes that came, or were accepted, with the SYN */
	uint64_t jump_bytes; /* first window, from what was known of the path; 0: nothing was */
	unsigned flows;      /* connections in its flow group, this one included; 0: none */
};

/* A pointer for the owner's use; NULL at first. */
void *rudp_conn_user(const struct rudp_conn *conn);
void rudp_conn_set_user(struct rudp_conn *conn, void *user);

uint64_t rudp_conn_id(const struct rudp_conn *conn);
uint64_t rudp_conn_peer_id(const struct rudp_conn *conn); /* 0 while unknown */
bool rudp_conn_is_initiator(const struct rudp_conn *conn);
enum rudp_state rudp_conn_state(const struct rudp_conn *conn);
const struct rudp_addr *rudp_conn_local(const struct rudp_conn *conn);      /* when established */
const struct rudp_addr *rudp_conn_remote(const struct rudp_conn *conn);     /* when established */
const struct rudp_addr *rudp_conn_path_local(const struct rudp_conn *conn); /* current */
/*
 * The listener that accepted the connection. NULL for an active connection, or if the listener is
 * closed.
 */
struct rudp_listener *rudp_conn_listener(const struct rudp_conn *conn);

/* What the handshake has proven so far. Valid as long as the connection. */
const struct rudp_credentials *rudp_conn_credentials(const struct rudp_conn *conn);
/*
 * The channel binding: RUDP_CHANNEL_BINDING_BYTES that are equal on both sides of this connection
 * and of no other one. NULL before the handshake has made keys. docs/protocol.md section 6.9.
 */
const uint8_t *rudp_conn_channel_binding(const struct rudp_conn *conn);

/* Returns the pending events and clears them. */
unsigned rudp_conn_take_events(struct rudp_conn *conn);

/*
 * The errno of RUDP_EVENT_FAILED (ECONNREFUSED, ETIMEDOUT, ECONNRESET, EKEYREJECTED, ...), else 0.
 */
int rudp_conn_error(const struct rudp_conn *conn);

/*
 * Writing. send_room: the bytes that may be appended now. send_reserve: memory for up to want bytes
 * (returns 0 to 2 iovecs). send_commit: n bytes were stored there. write: copies the bytes and
 * returns how many were taken. The limit follows what the path carries and the peer accepts
 * (rudp_conn_send_allowance_bytes).
 */
size_t rudp_conn_send_room(const struct rudp_conn *conn);
/* The peer has acknowledged all that its window allows: only its program can make room. */
bool rudp_conn_waits_for_reader(const struct rudp_conn *conn);
int rudp_conn_send_reserve(struct rudp_conn *conn, size_t want, struct iovec iov[2]);
void rudp_conn_send_commit(struct rudp_conn *conn, size_t n, int64_t now_at_ns);
size_t rudp_conn_write(struct rudp_conn *conn, const void *bytes, size_t len, int64_t now_at_ns);

/*
 * Reading. receive_readable: the in-order bytes in place (0 to 2 iovecs). receive_consume: n of
 * them were read. receive_eof: the program has read everything and the peer has sent FIN.
 */
size_t rudp_conn_receive_available(const struct rudp_conn *conn);
int rudp_conn_receive_readable(const struct rudp_conn *conn, struct iovec iov[2]);
void rudp_conn_receive_consume(struct rudp_conn *conn, size_t n, int64_t now_at_ns);
bool rudp_conn_receive_eof(const struct rudp_conn *conn);

/* The program will write no more: sends FIN after the buffered bytes. Idempotent. */
void rudp_conn_shutdown_send(struct rudp_conn *conn, int64_t now_at_ns);
/*
 * The program will read no more: buffered and later bytes are dropped. The peer is not told
 * (SHUT_RD).
 */
void rudp_conn_shutdown_receive(struct rudp_conn *conn);

/* Aborts both directions at once: sends RESET, repeated until the peer acknowledges it. */
void rudp_conn_reset(struct rudp_conn *conn, enum rudp_reset_reason reason, int64_t now_at_ns);

/*
 * The user is gone (close(2)). Bytes already written are still delivered, then FIN is sent. If
 * bytes are unread or more arrive, RESET replaces FIN, as with TCP (RFC 2525 section 2.17); TCP,
 * however, does not wait for the delivery. A connection attempt is dropped, unless it has bytes
 * that may travel in its SYN. The user pointer is cleared, no more events are reported, and the
 * connection is freed when dead.
 */
void rudp_conn_close(struct rudp_conn *conn, int64_t now_at_ns);
/* The same for a user that has left bytes unread in its own buffers. */
void rudp_conn_close_unread(struct rudp_conn *conn, int64_t now_at_ns);
/*
 * The program is gone, but the user still has bytes of it to write. From now on, as after
 * rudp_conn_close(), a peer whose window stays full for RUDP_ORPHAN_NS is given up (ETIMEDOUT).
 */
void rudp_conn_orphan(struct rudp_conn *conn, int64_t now_at_ns);

/*
 * Drops the connection at any time without telling the peer; call it instead of rudp_conn_close().
 * Later packets of the peer are answered as for an unknown connection. It is used for connection
 * attempts that are no longer wanted.
 */
void rudp_conn_abandon(struct rudp_conn *conn, int64_t now_at_ns);

/*
 * ICMP reported that the peer's port or host is unreachable. error: the errno that the kernel gave.
 */
void rudp_conn_on_icmp(struct rudp_conn *conn, int error, int64_t now_at_ns);
/*
 * This host could not send a packet of the connection; error is the errno. If nothing else of a
 * connection attempt was sent, the attempt ends. Otherwise the packet is lost, as with TCP: the
 * route may be back when it is sent again.
 */
void rudp_conn_on_unreachable(struct rudp_conn *conn, int error, int64_t now_at_ns);
/*
 * errno for a timeout: the last ICMP or local error since the peer was heard ("port unreachable"
 * excepted), else ETIMEDOUT.
 * Source   tcp_write_err in Linux.
 */
int rudp_conn_timeout_error(const struct rudp_conn *conn);
/* enum rudp_refusal with which the listener ended the attempt to connect; 0: it did not. */
uint8_t rudp_conn_refusal(const struct rudp_conn *conn);
/*
 * A datagram was too large: at most max_bytes of UDP payload pass. local: our own interface refused
 * it, so the size is certain. Otherwise ICMP said so, which is only a hint for the path MTU search.
 */
void rudp_conn_on_too_big(struct rudp_conn *conn, uint32_t max_bytes, bool local,
			  int64_t now_at_ns);

void rudp_conn_set_options(struct rudp_conn *conn, const struct rudp_conn_options *options);
/* Returns 0 or -ENOENT. */
int rudp_conn_set_cc(struct rudp_conn *conn, const char *name, int64_t now_at_ns);

/* Marks the newest byte as urgent (MSG_OOB) and sends its offset to the peer. */
void rudp_conn_mark_urgent(struct rudp_conn *conn);
/*
 * The bytes up to and including the peer's urgent byte that are still to be read; 0: there is none.
 */
size_t rudp_conn_urgent_ahead(const struct rudp_conn *conn);

void rudp_conn_stats(const struct rudp_conn *conn, struct rudp_conn_stats *stats);

#endif
