/* SPDX-License-Identifier: MIT */
/*
 * control - the messages between a program (shim or native API) and its engine.
 *
 * One AF_UNIX SOCK_SEQPACKET connection per call, to the engine's control name (names.h): the caller
 * sends one request, with the descriptor it is about as SCM_RIGHTS where the call has one, and gets
 * one reply; then either side closes. CONNECT may get its reply late (blocking connect), and the
 * caller may send a second request GO_ON on the same connection meanwhile. The engine closes its copy
 * of the descriptor before it replies (of a blocking CONNECT: when the handshake is over); it receives
 * with MSG_CMSG_CLOEXEC and closes whatever else came.
 *
 * Who may call: SO_PEERCRED of the caller has the engine's uid, or the request carries the token (a
 * program that has dropped privileges), or it carries the descriptor concerned. HELLO on the
 * well-known name is answered only to the engine's uid or root.
 * Whom a caller trusts: it gives a descriptor to an engine of its user (now, or when it found that), of
 * root, or of whoever made the socket: names are free for anybody when an engine has ended.
 * A request that is malformed (size, version, operation, descriptor count) gets a reply with
 * error EPROTO and is counted and logged; state is untouched.
 */
#ifndef RUDP_API_CONTROL_H
#define RUDP_API_CONTROL_H

#include <stdint.h>

#include "api/names.h"
#include "base/addr.h"

#define RUDP_CONTROL_VERSION 1
#define RUDP_TOKEN_BYTES 16

/* The size of the connect gate that keeps a connecting socket unwritable is the engine's business.
 * The sentinel that accept writes into a new connection is known to both: nonce (16 bytes raw) of
 * the name; the engine eats all but its last byte. */
#define RUDP_SENTINEL_BYTES RUDP_NONCE_BYTES

/* LISTEN on a listener: with the backlog that it has, as another engine serves it from now on. */
#define RUDP_CONTROL_AS_BEFORE INT32_MIN

#define RUDP_CONTROL_EARLY_MAX 1200 /* bytes behind a CONNECT: more would not fit into a SYN */

/* name, takes a descriptor */
#define RUDP_CONTROL_OPERATIONS(X)                                                                 \
	X(HELLO, 0)  /* -> nonce, token, pid */                                                    \
	X(BIND, 1)   /* addr -> local: takes the port; the descriptor gets its bound name */       \
	X(LISTEN, 1) /* backlog -> local: binds to a free port first when unbound */               \
	X(ADOPT, 2)  /* a fresh socket, and the kernel's listener whose place it takes -> local */ \
	X(CONNECT, 1) /* addr, flags, timeout -> local, remote, id; error EINPROGRESS or final */  \
	X(GO_ON, 0)   /* the caller of a blocking CONNECT leaves: go on as non-blocking */         \
	X(UDP_PORT_RELEASE, 0) /* addr: a UDP port that the program wants for itself */            \
	X(SHUTDOWN, 1)         /* how: of a listener, or SHUT_RD of a connection */                \
	X(ERROR, 0)  /* id -> error: the true errno of a dead connection (0: none known), state */ \
	X(SET, 1)    /* option on a live socket -> error */                                        \
	X(INFO, 0)   /* id -> info */                                                              \
	X(LIST, 0)   /* cursor -> info of the next connection or listener after it, or engine */   \
	X(KEYS, 0)   /* cursor -> the next key after it; at the end what keys have ended */        \
	X(REVOKE, 0) /* id of a key: no handshake with it any more -> ended: its connections */    \
	X(FAILED, 0) /* cursor -> failure: the next one after it; id 0: no more */                 \
	X(FORGET, 0) /* addr: a host, family 0: all -> forgotten */

#define RUDP_CONTROL_ENUM(name, fds) RUDP_CONTROL_##name,
enum rudp_control_operation { RUDP_CONTROL_OPERATIONS(RUDP_CONTROL_ENUM) };
#undef RUDP_CONTROL_ENUM

#define RUDP_CONTROL_ONE(name, fds) +1
enum { RUDP_CONTROL_OPERATION_COUNT = 0 RUDP_CONTROL_OPERATIONS(RUDP_CONTROL_ONE) };
#undef RUDP_CONTROL_ONE

/* What carries a connection, or what a listener serves. */
#define RUDP_TRANSPORTS(X)                                                                         \
	X(RUDP, "rudp")                                                                            \
	X(TCP, "tcp")      /* kernel TCP, relayed by the engine */                                 \
	X(RACING, "racing") /* not decided yet */                                                  \
	X(BOTH, "both")    /* a listener that serves both */

/* Why that one. */
#define RUDP_REASONS(X)                                                                            \
	X(NONE, "not decided yet")                                                                 \
	X(POLICY, "a rule says so")                                                                \
	X(DEFAULT, "no rule says otherwise")                                                       \
	X(ANSWERED, "the peer answered over rudp")                                                 \
	X(REFUSED, "the peer refused UDP")                                                         \
	X(SILENT, "the peer did not answer over UDP in time")                                      \
	X(REMEMBERED, "as it was the last time")                                                   \
	X(PEER, "the peer came this way")

/* States of a key. */
#define RUDP_KEY_STATES(X)                                                                         \
	X(SENT, "sent")         /* and taken */                                                    \
	X(TAKEN, "accepted")    /* from peers */                                                   \
	X(FUTURE, "not yet valid")                                                                 \
	X(EXPIRED, "expired")                                                                      \
	X(REVOKED, "revoked")                                                                      \
	X(WITHDRAWN, "withdrawn") /* without a file, but connections began with it */

#define RUDP_CONTROL_KEY_STATE(name, text) RUDP_KEY_##name,
enum rudp_key_state { RUDP_KEY_STATES(RUDP_CONTROL_KEY_STATE) };
#undef RUDP_CONTROL_KEY_STATE

/* Why a connection failed: name, word for programs, what it means. */
#define RUDP_FAILURE_CAUSES(X)                                                                     \
	X(KEY, "key", "the other side has another key, or only one side has one")                  \
	X(KEY_OF_PEER, "key-of-peer", "this peer has another key, or only one side has one")       \
	X(VERSION, "version", "the other side speaks another version of the protocol")             \
	X(REFUSED, "refused", "nothing listens on that port there")                                \
	X(SILENT, "silent", "no answer: a filter on the way, or the host is down")                 \
	X(UNREACHABLE, "unreachable", "no way leads to the host or its network")                   \
	X(FILTERED, "filtered", "a firewall of this host does not let the packets out")            \
	X(TCP_SILENT, "tcp-silent", "no answer over UDP in time: TCP in its place")                \
	X(TCP_REFUSED, "tcp-refused", "UDP to that port was refused: TCP in its place")            \
	X(LOST, "lost", "was connected, and the peer does not answer any more")                    \
	X(OTHER, "other", "see the error")

#define RUDP_CONTROL_CAUSE(name, word, text) RUDP_FAILURE_##name,
enum rudp_failure_cause { RUDP_FAILURE_CAUSES(RUDP_CONTROL_CAUSE) };
#undef RUDP_CONTROL_CAUSE

#define RUDP_CONTROL_ONE_CAUSE(name, word, text) +1
enum { RUDP_FAILURE_CAUSE_COUNT = 0 RUDP_FAILURE_CAUSES(RUDP_CONTROL_ONE_CAUSE) };
#undef RUDP_CONTROL_ONE_CAUSE

#define RUDP_CONTROL_TRANSPORT(name, text) RUDP_TRANSPORT_##name,
enum rudp_transport { RUDP_TRANSPORTS(RUDP_CONTROL_TRANSPORT) };
#undef RUDP_CONTROL_TRANSPORT

#define RUDP_CONTROL_REASON(name, text) RUDP_REASON_##name,
enum rudp_reason { RUDP_REASONS(RUDP_CONTROL_REASON) };
#undef RUDP_CONTROL_REASON

enum rudp_control_flag {
	RUDP_CONTROL_NONBLOCKING = 1 << 0, /* CONNECT: reply at once with EINPROGRESS */
	RUDP_CONTROL_DEFER = 1 << 1, /* CONNECT: where early data is possible, with the first write */
};

enum rudp_control_reply_flag {
	RUDP_CONTROL_BY_KERNEL = 1 << 0,   /* CONNECT: a rule leaves it to kernel TCP */
	RUDP_CONTROL_DEFERRED = 1 << 1,    /* CONNECT: it is possible, and waits for that */
	RUDP_CONTROL_RETIRES = 1 << 2,     /* this engine begins nothing any more: ask another one */
};

struct rudp_control_request {
	uint16_t version;
	uint16_t operation;       /* enum rudp_control_operation */
	uint32_t flags;           /* enum rudp_control_flag */
	uint8_t token[RUDP_TOKEN_BYTES]; /* zero when not known */
	uint64_t id;              /* ERROR, INFO; LIST, KEYS, FAILED: cursor, 0 first; REVOKE: the key */
	/* BIND, CONNECT, UDP_PORT_RELEASE; FORGET: its port does not matter */
	struct rudp_addr addr;
	int32_t number;           /* LISTEN: backlog; SHUTDOWN: how; SET: value length; CONNECT: bytes
				   * that stand behind the request in its message, for the SYN */
	int32_t level, option;    /* SET */
	uint8_t value[64];        /* SET */
};

/* Everything that is known of a connection or listener: TCP_INFO, SIOCOUTQ, rudp ss are made of it. */
struct rudp_control_info {
	uint64_t id;
	uint8_t state;            /* enum rudp_state of proto/conn/conn.h */
	uint8_t transport;        /* enum rudp_transport */
	uint8_t reason;           /* enum rudp_reason */
	uint8_t authenticated;
	uint8_t suite;
	uint8_t aead;             /* enum rudp_aead_kind of proto/crypto/aead.h */
	uint8_t handshake_kind;   /* enum rudp_handshake_kind of proto/conn/conn.h */
	uint8_t flows;            /* that share the bandwidth out with it; at most that; 0: none */
	uint16_t early_bytes;     /* of the stream, in the SYN */
	uint16_t known_kib;       /* of its first window, by what was known of the path; 0: nothing */
	uint32_t pid;             /* of the program that made it, as seen then */
	struct rudp_addr local, remote;
	int64_t srtt_ns, rttvar_ns, min_rtt_ns;
	uint64_t cwnd_bytes, ssthresh_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t packets_sent, packets_received, packets_lost, packets_spurious;
	uint64_t bytes_sent, bytes_received, stream_sent, stream_acked, stream_received;
	uint64_t stream_resent;
	uint64_t unacked_bytes, unsent_bytes, unread_bytes; /* send queue incl. engine; to be read */
	uint64_t window_send_bytes, window_receive_bytes, memory_bytes;
	uint32_t datagram_bytes, pto_count;
	union {
		uint32_t backlog; /* LISTEN */
		uint32_t repairs_sent; /* others: packets with repair symbols of bursts */
	};
	uint32_t queued;          /* LISTEN */
	uint16_t udp_port;        /* fixed UDP port in use; 0: the port of the address */
	uint16_t policy_line;     /* of the rule that decided; 0: none */
	char cc_name[16], cc_state[16];
	char program[16];
	/* of the stream, that the peer's repair symbols have given back; at most that */
	uint32_t repaired_bytes;
};

/* What an engine tells of itself at the end of a list. One that is older tells zeros. */
struct rudp_control_engine {
	uint64_t buffered_bytes;  /* what the buffers of all connections hold (proto/stream/budget.h) */
	uint64_t limit_bytes;     /* what they may hold; never 0 */
	uint64_t dropped_packets; /* for want of memory, ever */
	uint32_t pid;
	uint32_t remembered_tcp;  /* destinations that get no SYN over UDP, as TCP was faster */
	uint64_t failures[RUDP_FAILURE_CAUSE_COUNT]; /* of each cause, ever */
	/* struct rudp_confinement of engine/confine/confine.h, and its errors */
	uint32_t confined;
	int32_t files_error, calls_error;
};

/* A connection that failed; local and remote are in the reply. */
struct rudp_control_failure {
	int64_t age_ns;
	int32_t error;            /* the errno that the program got; 0: none */
	uint32_t count;           /* so often, the last time age_ns ago */
	uint32_t pid;             /* 0: a peer's attempt */
	uint8_t cause;            /* enum rudp_failure_cause */
	uint8_t transport;        /* enum rudp_transport */
	char program[16];
};

/* A key of an engine. */
struct rudp_control_key {
	uint64_t id;              /* its fingerprint */
	int64_t not_before_s, not_after_s; /* Unix time; INT64_MIN and INT64_MAX: always */
	uint32_t connections;     /* that began with it and live */
	uint32_t state;           /* enum rudp_key_state */
	uint32_t pid;             /* of the engine */
	char file[256];           /* empty: none, or its name is longer */
};

/* Connections and associations that keys have ended, so far. */
struct rudp_control_ended {
	uint64_t connections;     /* their key was revoked; REVOKE: by this call */
	uint64_t associations;    /* their key was not valid any more */
	uint32_t pid;             /* of the engine */
};

/* What FORGET has removed from an engine's memory. */
struct rudp_control_forgotten {
	uint32_t pid;             /* of the engine */
	uint32_t routes;          /* destinations for which UDP or TCP was known to be faster */
	uint32_t failures;        /* entries of FAILED */
	uint32_t associations;    /* for resumption, of either role */
	uint32_t paths;           /* measured: bandwidth and round trip */
};

struct rudp_control_reply {
	uint16_t version;
	uint16_t operation;       /* of the request */
	int32_t error;            /* 0 or a positive errno */
	uint32_t flags;           /* enum rudp_control_reply_flag */
	struct rudp_nonce nonce;  /* HELLO */
	uint8_t token[RUDP_TOKEN_BYTES]; /* HELLO */
	uint32_t pid;             /* HELLO */
	uint32_t early_bytes;     /* CONNECT: so many behind the request are taken care of */
	uint64_t id;              /* CONNECT; LIST, KEYS, FAILED: next cursor, 0 at the end */
	struct rudp_addr local, remote;
	union {
		struct rudp_control_info info;     /* ERROR (state only), INFO, LIST */
		struct rudp_control_engine engine; /* LIST, where id is 0; no larger than info */
		struct rudp_control_key key;       /* KEYS; likewise */
		struct rudp_control_ended ended;   /* KEYS, where id is 0; REVOKE */
		struct rudp_control_failure failure; /* FAILED, where id is not 0; likewise */
		struct rudp_control_forgotten forgotten; /* FORGET; likewise */
	};
};

_Static_assert(sizeof(struct rudp_control_engine) <= sizeof(struct rudp_control_info),
	       "a reply has the same size in every release of this version");
_Static_assert(sizeof(struct rudp_control_key) <= sizeof(struct rudp_control_info), "likewise");
_Static_assert(sizeof(struct rudp_control_failure) <= sizeof(struct rudp_control_info), "likewise");
_Static_assert(sizeof(struct rudp_control_forgotten) <= sizeof(struct rudp_control_info), "likewise");

/* For logs and tools. */
const char *rudp_transport_text(enum rudp_transport transport);
const char *rudp_reason_text(enum rudp_reason reason);
const char *rudp_key_state_text(enum rudp_key_state state);

#endif
