/* SPDX-License-Identifier: MIT */
/*
 * control - the messages between a program (shim or native API) and its engine.
 *
 * Each call is one AF_UNIX SOCK_SEQPACKET connection to the engine's control name (names.h). The
 * caller sends one request, with the descriptor concerned as SCM_RIGHTS if the operation takes one.
 * It gets one reply. Then either side closes.
 *
 * The reply to a blocking CONNECT comes when the handshake ends. Meanwhile the caller may send a
 * second request, GO_ON, on the same connection. The engine closes its copy of the descriptor
 * before it replies; for a blocking CONNECT, when the handshake ends. It receives with
 * MSG_CMSG_CLOEXEC and closes all descriptors that it did not ask for.
 *
 * Which callers the engine accepts: SO_PEERCRED has the engine's uid, or the request carries the
 * token (a program that has dropped privileges), or it carries the descriptor concerned. HELLO on
 * the well-known name is answered only to the engine's uid and to root.
 *
 * Which engines a caller trusts with a descriptor: those of its own user (now, or when it found the
 * engine), of root, and of the user who made the socket. This check is needed because any user may
 * bind an abstract name after its engine has ended.
 *
 * A malformed request (size, version, operation, descriptor count) gets a reply with error EPROTO.
 * It is counted and logged, and changes nothing.
 */
#ifndef RUDP_API_CONTROL_H
#define RUDP_API_CONTROL_H

#include <stdint.h>

#include "api/names.h"
#include "base/addr.h"

#define RUDP_CONTROL_VERSION 1
#define RUDP_TOKEN_BYTES 16

/*
 * accept writes a sentinel into each new connection to tell the engine that the program has it. It
 * is the nonce of the name (16 raw bytes); the engine reads and drops all but its last byte.
 */
#define RUDP_SENTINEL_BYTES RUDP_NONCE_BYTES

/*
 * LISTEN on a listener that already listens: another engine takes it over with its present backlog.
 */
#define RUDP_CONTROL_AS_BEFORE INT32_MIN

/* Bytes after a CONNECT request: the names of its address (name_notes.h), then those for the
 * SYN. */
#define RUDP_CONTROL_NAMES_MAX 1024
#define RUDP_CONTROL_EARLY_MAX 1200 /* a SYN has no room for more */
#define RUDP_CONTROL_MORE_MAX (RUDP_CONTROL_NAMES_MAX + RUDP_CONTROL_EARLY_MAX)

/*
 * Name, number of descriptors that the request carries. Comments: parameters -> members of the
 * reply.
 */
#define RUDP_CONTROL_OPERATIONS(X)                                                                 \
	X(HELLO, 0)   /* -> nonce, token, pid */                                                   \
	X(BIND, 1)    /* addr -> local: takes the port; the descriptor gets its bound name */      \
	X(LISTEN, 1)  /* backlog -> local: an unbound socket is first bound to a free port */      \
	X(ADOPT, 2)   /* a fresh socket, and the kernel's listener that it replaces -> local */    \
	X(CONNECT, 1) /* addr, flags, timeout -> local, remote, id; error EINPROGRESS or final */  \
	X(GO_ON, 0)   /* the caller of a blocking CONNECT leaves: go on as non-blocking */         \
	X(UDP_PORT_RELEASE, 0) /* addr: a UDP port that the program wants for itself */            \
	X(SHUTDOWN, 1)         /* how: of a listener, or SHUT_RD of a connection */                \
	X(ERROR, 0)  /* id -> error: the true errno of a dead connection (0: none known), state */ \
	X(SET, 1)    /* an option of a connection or listener -> error */                          \
	X(INFO, 0)   /* id -> info */                                                              \
	X(LIST, 0)   /* cursor -> info of the next connection or listener; at the end engine */    \
	X(KEYS, 0)   /* cursor -> the next key; at the end ended: what invalid keys have ended */  \
	X(REVOKE, 0) /* id of a key: refuse its handshakes -> ended: its connections */            \
	X(FAILED, 0) /* cursor -> failure: the next one; id 0: no more */                          \
	X(FORGET, 0) /* addr: a host, or family 0: all hosts -> forgotten */                       \
	X(ASKED, 0)  /* cursor -> info of the next connect that waits because of an unknown key */ \
	X(ANSWER, 0) /* id and value: such a connect and its key; number: 1 accepted, 0 refused */ \
	X(CATCH_UP, 0) /* the reply comes when all that programs did before has taken effect */

#define RUDP_CONTROL_ENUM(name, fds) RUDP_CONTROL_##name,
enum rudp_control_operation { RUDP_CONTROL_OPERATIONS(RUDP_CONTROL_ENUM) };
#undef RUDP_CONTROL_ENUM

#define RUDP_CONTROL_ONE(name, fds) +1
enum { RUDP_CONTROL_OPERATION_COUNT = 0 RUDP_CONTROL_OPERATIONS(RUDP_CONTROL_ONE) };
#undef RUDP_CONTROL_ONE

/* The transport of a connection, or the transports that a listener serves. */
#define RUDP_TRANSPORTS(X)                                                                         \
	X(RUDP, "rudp")                                                                            \
	X(TCP, "tcp")       /* kernel TCP, relayed by the engine */                                \
	X(RACING, "racing") /* both are tried, not decided yet */                                  \
	X(BOTH, "both")     /* a listener that serves both */

/* The reason for the choice of the transport. */
#define RUDP_REASONS(X)                                                                            \
	X(NONE, "not decided yet")                                                                 \
	X(POLICY, "a rule says so")                                                                \
	X(DEFAULT, "no rule says otherwise")                                                       \
	X(ANSWERED, "the peer answered over rudp")                                                 \
	X(REFUSED, "the peer refused UDP")                                                         \
	X(SILENT, "the peer did not answer over UDP in time")                                      \
	X(REMEMBERED, "remembered from an earlier connection")                                     \
	X(ASKED, "waits for 'rudp key ask', as the key of the host is not known")                  \
	X(PEER, "the peer chose it")

/* States of a key. */
#define RUDP_KEY_STATES(X)                                                                         \
	X(SENT, "sent")      /* new connections use it, and peers may use it */                    \
	X(TAKEN, "accepted") /* peers may use it */                                                \
	X(FUTURE, "not yet valid")                                                                 \
	X(EXPIRED, "expired")                                                                      \
	X(REVOKED, "revoked")                                                                      \
	X(WITHDRAWN, "withdrawn") /* its file is gone, but connections with it live */

#define RUDP_CONTROL_KEY_STATE(name, text) RUDP_KEY_##name,
enum rudp_key_state { RUDP_KEY_STATES(RUDP_CONTROL_KEY_STATE) };
#undef RUDP_CONTROL_KEY_STATE

/* Causes of failed connections: name, word for programs, text for users. */
#define RUDP_FAILURE_CAUSES(X)                                                                     \
	X(KEY, "key", "the other side has another key, or only one side has one")                  \
	X(KEY_OF_PEER, "key-of-peer", "this peer has another key, or only one side has one")       \
	X(VERSION, "version", "the other side has another version of the protocol")                \
	X(REFUSED, "refused", "nothing listens on that port there")                                \
	X(SILENT, "silent", "no answer: a firewall drops the packets, or the host is down")        \
	X(UNREACHABLE, "unreachable", "there is no route to the host or its network")              \
	X(FILTERED, "filtered", "a firewall of this host blocks the packets")                      \
	X(IDENTITY, "identity",                                                                    \
	  "the other side has another identity (rudp ping), or does not accept this one (rudp "    \
	  "key "                                                                                   \
	  "enroll)")                                                                               \
	X(IDENTITY_OF_PEER, "identity-of-peer", "this peer shows no identity that is accepted")    \
	X(TCP_SILENT, "tcp-silent", "no answer over UDP in time: TCP was used instead")            \
	X(TCP_REFUSED, "tcp-refused", "UDP to that port was refused: TCP was used instead")        \
	X(LOST, "lost", "was connected, but the peer stopped answering")                           \
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
	RUDP_CONTROL_DEFER =
		1 << 1, /* CONNECT: if early data is possible, wait for the first write */
};

enum rudp_control_reply_flag {
	RUDP_CONTROL_BY_KERNEL = 1 << 0, /* CONNECT: a rule leaves it to kernel TCP */
	RUDP_CONTROL_DEFERRED = 1 << 1,  /* CONNECT: waits for the first write, as DEFER asked */
	RUDP_CONTROL_RETIRES = 1 << 2,   /* this engine begins nothing new: ask another one */
};

struct rudp_control_request {
	uint16_t version;
	uint16_t operation;              /* enum rudp_control_operation */
	uint32_t flags;                  /* enum rudp_control_flag */
	uint8_t token[RUDP_TOKEN_BYTES]; /* zero when not known */
	/* ERROR, INFO, ANSWER; LIST, KEYS, FAILED, ASKED: cursor, 0 first; REVOKE: the key */
	uint64_t id;
	/* BIND, CONNECT, UDP_PORT_RELEASE; FORGET: its port does not matter */
	struct rudp_addr addr;
	int32_t number;        /* LISTEN: backlog; SHUTDOWN: how; SET: value length; CONNECT: number
				   * of bytes for the SYN that follow the request in its message */
	int32_t level, option; /* SET; CONNECT: level is the number of bytes of the names */
	uint8_t value[64];     /* SET; ANSWER: the key that was shown */
};

/* All data about a connection or listener, for TCP_INFO, SIOCOUTQ and rudp ss. */
struct rudp_control_info {
	uint64_t id;
	uint8_t state;     /* enum rudp_state of proto/conn/conn.h */
	uint8_t transport; /* enum rudp_transport */
	uint8_t reason;    /* enum rudp_reason */
	uint8_t authenticated;
	uint8_t suite;
	uint8_t aead;           /* enum rudp_aead_kind of proto/crypto/aead.h */
	uint8_t handshake_kind; /* enum rudp_handshake_kind of proto/conn/conn.h */
	uint8_t flows;          /* connections that share its bandwidth, at most; 0: none */
	uint16_t early_bytes;   /* stream bytes in the SYN */
	uint16_t known_kib; /* first window, from what was known of the path; 0: nothing known */
	uint32_t pid;       /* of the program that made it, at that time */
	struct rudp_addr local, remote;
	int64_t srtt_ns, rttvar_ns, min_rtt_ns;
	uint64_t cwnd_bytes, ssthresh_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t packets_sent, packets_received, packets_lost, packets_spurious;
	uint64_t bytes_sent, bytes_received, stream_sent, stream_acked, stream_received;
	uint64_t stream_resent;
	uint64_t unacked_bytes, unsent_bytes; /* send queue, the engine's part included */
	uint64_t unread_bytes;                /* received, not read yet */
	uint64_t window_send_bytes, window_receive_bytes, memory_bytes;
	uint32_t datagram_bytes, pto_count;
	union {
		uint32_t backlog;      /* LISTEN */
		uint32_t repairs_sent; /* others: packets with FEC repair symbols for bursts */
	};
	uint32_t queued;      /* LISTEN */
	uint16_t udp_port;    /* fixed UDP port in use; 0: the port of the address */
	uint16_t policy_line; /* line of the rule that decided; 0: none */
	char cc_name[16], cc_state[16];
	char program[16];
	/* at most so many stream bytes were restored from the peer's FEC repair symbols */
	uint32_t repaired_bytes;
	/* the key that the peer has proven, and how this side's files call its owner; zeros:
	 * none */
	uint8_t peer_key[32];
	char peer_name[64];
	uint8_t channel_binding[32]; /* zeros: no handshake of rudp, or it is not over */
	/* new paths on which this end sends: with another id of the peer, with the same; at most */
	uint16_t id_changes, moves_with_old_id;
	uint32_t path_changes; /* of the peer's address */
	/* datagrams, and their stream bytes, sent twice before a pause; at most */
	uint32_t copies_sent, copied_bytes;
};

/* Data about an engine, at the end of a list. An older engine gives zeros. */
struct rudp_control_engine {
	uint64_t buffered_bytes;  /* in the buffers of all connections (proto/stream/budget.h) */
	uint64_t limit_bytes;     /* limit of buffered_bytes; never 0 */
	uint64_t dropped_packets; /* for lack of memory, since the engine began */
	uint32_t pid;
	uint32_t remembered_tcp; /* destinations that get no SYN over UDP, as TCP was faster */
	uint64_t failures[RUDP_FAILURE_CAUSE_COUNT]; /* for each cause, since the engine began */
	/* struct rudp_confinement of engine/confine/confine.h, and its errors */
	uint32_t confined;
	int32_t files_error, calls_error;
	uint32_t files_max;      /* how many descriptors it may have; 0: not reported */
	uint64_t dropped_trains; /* whose UDP socket had no room, since the engine began */
};

/* A failed connection. Its local and remote address are in the reply. */
struct rudp_control_failure {
	int64_t age_ns;
	int32_t error;     /* the errno that the program got; 0: none */
	uint32_t count;    /* how often it failed so; the last time was age_ns ago */
	uint32_t pid;      /* 0: a peer tried to connect */
	uint8_t cause;     /* enum rudp_failure_cause */
	uint8_t transport; /* enum rudp_transport */
	char program[16];
	uint8_t peer_key[32];  /* that the refused peer has shown last; zeros: none */
	uint8_t known_key[32]; /* that the known hosts have for it; zeros: none */
	char why[64];          /* why this key is refused; empty: not reported */
};

/* A key of an engine. */
struct rudp_control_key {
	uint64_t id;                       /* its fingerprint */
	int64_t not_before_s, not_after_s; /* Unix time; INT64_MIN and INT64_MAX: always */
	uint32_t connections;              /* open connections that began with it */
	uint32_t state;                    /* enum rudp_key_state */
	uint32_t pid;                      /* of the engine */
	char file[256];                    /* empty: no file, or its name is too long */
};

/* Connections and associations that ended because of their key, since the engine began. */
struct rudp_control_ended {
	uint64_t connections;  /* whose key was revoked; REVOKE: by this call */
	uint64_t associations; /* whose key became invalid */
	uint32_t pid;          /* of the engine */
};

/* Counts of what FORGET has removed from an engine's memory. */
struct rudp_control_forgotten {
	uint32_t pid;          /* of the engine */
	uint32_t routes;       /* destinations for which UDP or TCP was known to be faster */
	uint32_t failures;     /* entries of FAILED */
	uint32_t associations; /* for resumption, as client or server */
	uint32_t paths;        /* paths with a measured bandwidth and round-trip time */
};

struct rudp_control_reply {
	uint16_t version;
	uint16_t operation;              /* of the request */
	int32_t error;                   /* 0 or a positive errno */
	uint32_t flags;                  /* enum rudp_control_reply_flag */
	struct rudp_nonce nonce;         /* HELLO */
	uint8_t token[RUDP_TOKEN_BYTES]; /* HELLO */
	uint32_t pid;                    /* HELLO */
	uint32_t early_bytes; /* CONNECT: of the bytes after the request, those accepted */
	uint64_t id;          /* CONNECT; LIST, KEYS, FAILED, ASKED: next cursor, 0 at the end */
	struct rudp_addr local, remote;
	union {
		struct rudp_control_info info;     /* ERROR (state only), INFO, LIST, ASKED */
		struct rudp_control_engine engine; /* LIST, if id is 0; no larger than info */
		struct rudp_control_key key;       /* KEYS; no larger than info */
		struct rudp_control_ended ended;   /* KEYS, if id is 0; REVOKE */
		struct rudp_control_failure
			failure; /* FAILED, if id is not 0; no larger than info */
		struct rudp_control_forgotten forgotten; /* FORGET; no larger than info */
	};
};

_Static_assert(sizeof(struct rudp_control_engine) <= sizeof(struct rudp_control_info),
	       "a reply has the same size in every release of this version");
_Static_assert(sizeof(struct rudp_control_key) <= sizeof(struct rudp_control_info), "likewise");
_Static_assert(sizeof(struct rudp_control_failure) <= sizeof(struct rudp_control_info), "likewise");
_Static_assert(sizeof(struct rudp_control_forgotten) <= sizeof(struct rudp_control_info),
	       "likewise");

/* For logs and tools. */
const char *rudp_transport_text(enum rudp_transport transport);
const char *rudp_reason_text(enum rudp_reason reason);
const char *rudp_key_state_text(enum rudp_key_state state);

#endif
