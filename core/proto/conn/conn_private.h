/* SPDX-License-Identifier: MIT */
/*
 * conn_private - the internal state and functions of a connection, for conn*.c and endpoint*.c
 * only.
 *
 * The connection is split by concern:
 *
 * conn.c            life cycle: states, close, reset
 * conn_user.c       calls of the user: bytes, options, queries
 * conn_connect.c    handshake of the initiator
 * conn_answer.c     handshake of the listener
 * conn_handshake.c  what both sides of the handshake share
 * conn_resume.c     resumed handshake under an association
 * conn_early.c      early data in a SYN, and address validation for its answer
 * conn_rx.c         incoming packets
 * conn_recovery.c   acknowledged and lost packets
 * conn_tx.c         outgoing packets
 * conn_plan.c       frames of one outgoing packet
 * conn_tail.c       copies of sparse traffic
 * conn_fec.c        repair symbols of longer bursts
 * conn_timers.c     deadlines
 * conn_path.c       change of address
 * conn_mtu.c        size of datagrams
 * conn_known.c      use of what other connections know of the path
 * conn_flow.c       share of the path's bandwidth
 * conn_budget.c     share of the endpoint's memory
 * conn_stats.c      statistics and invariants
 * conn_keys.c       change of keys
 * conn_ids.c        change of ids
 * conn_work.c       limit of the computation that the peer causes
 * conn_observe.c    reports to the observer (trace)
 */
#ifndef RUDP_PROTO_CONN_PRIVATE_H
#define RUDP_PROTO_CONN_PRIVATE_H

#include "base/list.h"
#include "base/table.h"
#include "base/timer_wheel.h"
#include "proto/recovery/acks.h"
#include "proto/crypto/association.h"
#include "proto/conn/conn.h"
#include "proto/conn/conn_flow.h"
#include "proto/conn/conn_known.h"
#include "proto/stream/token_bucket.h"
#include "proto/recovery/ecn.h"
#include "proto/conn/endpoint.h"
#include "proto/conn/icmp_errors.h"
#include "proto/crypto/keys.h"
#include "proto/crypto/noise.h"
#include "proto/conn/observer.h"
#include "proto/cc/pacer.h"
#include "proto/conn/path.h"
#include "proto/stream/recvbuf.h"
#include "proto/recovery/reliability.h"
#include "proto/stream/fec_store.h"
#include "proto/crypto/replay.h"
#include "proto/crypto/resume.h"
#include "proto/stream/sendbuf.h"
#include "proto/stream/tail.h"
#include "proto/conn/work.h"

#define RUDP_SYN_CHECK_BYTES 8 /* digest at the end of a SYN of any version: detects damage */
/* The size that fills a SYN without a cookie to exactly RUDP_DATAGRAM_MIN_SYN_BYTES. */
#define RUDP_SYN_MESSAGE_BYTES                                                                     \
	(RUDP_DATAGRAM_MIN_SYN_BYTES - RUDP_SYN_HEADER_BYTES - RUDP_SYN_CHECK_BYTES)
/* COOKIEs answered at once, per attempt: they are easy to forge, and each causes a full-sized
 * SYN. */
#define RUDP_COOKIES_AT_ONCE 16
#define RUDP_RESUME_TIMEOUTS 3 /* time-outs of a resumed SYN; then a full handshake is tried */
#define RUDP_EARLY_TIMEOUTS 8  /* likewise if the SYN has early data: about 12 s */
/*
 * Limit of the bytes sent to an initiator that was not heard yet: its first window, with headers
 * and repair symbols.
 */
#define RUDP_UNHEARD_BYTES_MAX (9u << 17)
/* After this many time-outs of an answer to early data, the address counts as not validated. */
#define RUDP_TRUST_TIMEOUTS 2
#define RUDP_SEND_LIMIT_MIN_BYTES (400u << 10) /* bytes that a program may have unsent at first */
/* Limit of unsent bytes while the peer's window is full: enough to make us send BLOCKED. */
#define RUDP_SEND_LIMIT_FULL_BYTES (16u << 10)
/*
 * The window between two programs on the same host, until RUDP_SAME_HOST_BULK_BYTES were read. A
 * larger window saves system calls in bulk transfers. But a writer whose peer does not read would
 * then write much more before it blocks. Two datagrams of the largest size fit.
 */
#define RUDP_SAME_HOST_WINDOW_BYTES (128u << 10)
#define RUDP_SAME_HOST_BULK_BYTES (4u << 20)
/* Replaces RUDP_MTU_WINDOW_SHARE: there is no loss within a host. */
#define RUDP_SAME_HOST_MTU_SHARE 2
#define RUDP_TIME_WAIT_PTOS 3
/* The least TIME_WAIT: a busy peer repeats its FIN later than a PTO. */
#define RUDP_TIME_WAIT_MIN_NS (500 * RUDP_NS_PER_MS)
/* The time that a last FIN is repeated after the user has closed. */
#define RUDP_LAST_ACK_NS (100 * RUDP_NS_PER_S)
#define RUDP_LAST_FIN_PROBES 3 /* then ICMP "port unreachable" ends it at once */
/* The limit of TIME_WAIT, however long the peer repeats packets. */
#define RUDP_TIME_WAIT_MAX_NS (60 * RUDP_NS_PER_S)
#define RUDP_RESET_GIVE_UP_NS (3 * RUDP_NS_PER_S)
#define RUDP_TRIM_IDLE_NS (1 * RUDP_NS_PER_S) /* idle time before buffers are freed */
/* NAT mappings expire after 30 s or more (RFC 4787). */
#define RUDP_NAT_KEEPALIVE_NS (25 * RUDP_NS_PER_S)
#define RUDP_NAT_REFRESHES_ASKED 4 /* one of this many refreshes asks for an ACK */
/* Waits of at least this length end at times common to all connections, to save wake-ups. */
#define RUDP_PING_TOGETHER_NS (10 * RUDP_NS_PER_S)
/* A timer that is this late means that the host was suspended. */
#define RUDP_SUSPENDED_NS (1 * RUDP_NS_PER_S)
/*
 * One number of 257 to 1280 is skipped: a peer that acknowledges packets it has not received is
 * then detected.
 */
#define RUDP_SKIP_AFTER_MIN 256
#define RUDP_SKIP_AFTER_SPAN 1024
/* If data stops for this long, the receiver pings: the path to it may be broken. */
#define RUDP_QUIET_MIN_NS (400 * RUDP_NS_PER_MS)
#define RUDP_QUIET_PINGS_MAX 6
/* BLOCKED is repeated at this interval while the window is full. */
#define RUDP_BLOCKED_AGAIN_NS (25 * RUDP_NS_PER_S)

#define RUDP_KEEPALIVE_IDLE_NS (7200 * RUDP_NS_PER_S)
#define RUDP_KEEPALIVE_INTERVAL_NS (75 * RUDP_NS_PER_S)
#define RUDP_KEEPALIVE_PROBES 9

/*
 * Identifies a SYN and all copies of it: the source id and the Noise ephemeral key in it, or its
 * association id and counter.
 */
struct rudp_syn_key {
	uint64_t source_id;
	uint8_t once[RUDP_NOISE_DH_BYTES];
};

/* State of the initiator until the SYNACK arrives. On the heap, wiped when freed. */
struct rudp_handshake {
	uint8_t flags;              /* RUDP_SYN_* */
	bool knows_peer, asks_peer; /* the listener must prove peer_key; must prove a key */
	uint8_t peer_key[RUDP_STATIC_KEY_BYTES];
	struct rudp_noise noise;   /* used without RUDP_SYN_RESUME */
	struct rudp_resume resume; /* used with RUDP_SYN_RESUME */
	struct rudp_ticket ticket; /* likewise; its secret is wiped once the SYN is encrypted */
	size_t early_bytes;        /* stream bytes in the resumed SYN */
	/* the refused resumed SYN with early data; association id 0: none */
	struct rudp_spent spent;
	uint16_t target_port;
	size_t message_bytes; /* 0: a resumed SYN that is not encrypted yet */
	uint8_t message[RUDP_DATAGRAM_MIN_SYN_BYTES];
	unsigned cookies_left; /* COOKIEs that may still be answered with a SYN at once */
	size_t cookie_bytes;
	uint8_t cookie[RUDP_COOKIE_MAX_BYTES];
};

/*
 * An association that our SYNACK offers. It is stored in the table once the peer has proven that it
 * has the SYNACK.
 */
struct rudp_offer {
	uint64_t id;
	uint64_t replaces; /* the association of the SYN; 0: none */
	int64_t made_at_ns;
	struct rudp_resume_secrets secrets;
};

/*
 * The SYNACK. The listener keeps it as long as the connection lives, to answer copies of the SYN.
 */
struct rudp_syn_answer {
	struct rudp_conn *conn;
	struct rudp_syn_key key;
	struct rudp_addr remote; /* source of the first SYN */
	bool sent_elsewhere; /* also sent to another address: an answer does not validate remote */
	uint16_t len;
	uint64_t association_id;  /* of the SYN, or the new one; 0: none */
	uint8_t copies;           /* extra SYNACKs sent between the packets of an early answer */
	struct rudp_offer *offer; /* until the peer is heard; NULL: none */
	uint8_t synack[RUDP_SYNACK_MAX_BYTES];
	UT_hash_handle hh;
};

/* The bytes of a burst that still need repair symbols: conn_fec.c. */
struct rudp_fec_sender {
	uint64_t next, end;          /* stream bytes without repair symbols; equal: none */
	struct rudp_fec_block block; /* starts at next, while rows are left */
	unsigned rows_left;          /* repair symbols of the block still to be sent */
	uint8_t row;
	struct rudp_token_bucket bucket;
	/* range of packet numbers that holds the unacknowledged packets with repair symbols */
	uint64_t first_number, end_number;
	uint64_t sent_packets; /* for statistics */
};

struct rudp_conn {
	struct rudp_endpoint *ep;
	struct rudp_listener *listener;
	void *user;
	void *trace; /* owned by the observer */
	enum rudp_state state;
	bool initiator;
	bool user_closed; /* rudp_conn_close() was called: no more events are reported */
	bool in_queue;    /* in its listener's established queue */
	bool is_deferred; /* SYN_SENT without a SYN: nothing was written yet */
	bool is_early;    /* passive, SYN_RCVD, but already accepted: it has early data */
	bool dead;        /* can only be freed */
	int error;
	uint8_t refusal; /* enum rudp_refusal of the listener; 0: none */
	unsigned events;

	uint64_t id;       /* 0: not in the table */
	uint32_t short_id; /* its low 32 bits */
	bool has_peer_id;
	bool peer_takes_short_ids, peer_takes_key_shares, peer_takes_repairs, peer_takes_spare_ids;
	bool is_same_host;  /* the peer is on this host */
	bool is_path_known; /* path_key is valid while path has a socket */
	uint64_t peer_id;
	struct rudp_conn_ids *ids;                        /* other ids (conn_ids.h); NULL: none */
	uint8_t peer_reset_token[RUDP_RESET_TOKEN_BYTES]; /* of the id to which packets are sent */
	struct rudp_addr first_local, first_remote;
	struct rudp_path path;
	struct rudp_path *previous; /* the validated path before this one; NULL: none */
	uint32_t path_changes;
	uint32_t moves_with_old_id; /* known new paths for which the peer had sent no other id */

	uint8_t suite;
	uint8_t syn_flags;    /* RUDP_SYN_*: the kind of handshake */
	uint16_t early_bytes; /* stream bytes that travelled in the SYN */
	bool handshake_due;   /* SYN or SYNACK must be sent */
	bool has_keys;
	struct rudp_credentials credentials;                 /* psk_id 0: no key, or not started */
	uint8_t channel_binding[RUDP_CHANNEL_BINDING_BYTES]; /* with has_keys */
	struct rudp_identity_proof *identity_proof; /* NULL: none is to be sent or awaited */
	struct rudp_handshake *handshake;
	struct rudp_syn_answer *syn_answer;
	/* initiator: the association that the listener may not have stored yet; 0: none */
	uint64_t offer_id;
	uint64_t synack_digest; /* initiator: of the accepted SYNACK */
	struct rudp_keys keys;
	struct rudp_key_exchange *exchange; /* NULL: no exchange in progress */
	int64_t exchange_from_ns;           /* time of the last exchange, or of the start */
	uint64_t exchange_from_bytes;       /* stream bytes in both directions at that time */
	struct rudp_replay replay;

	struct rudp_rtt rtt;
	struct rudp_reliability reliability;
	struct rudp_ack_work *ack_work; /* a long ACK that is not yet done; NULL: none */
	struct rudp_acks acks;
	struct rudp_cc cc;
	struct rudp_pacer pacer;
	struct rudp_tail tail;
	struct rudp_fec_sender fec_sender;
	struct rudp_fec_store fec_store;
	/* Stream bytes recovered with repair symbols, about which the peer is not told yet, are
	 * within [repaired_from, repaired_end). repaired_from is UINT64_MAX if there are none. */
	uint64_t repaired_from, repaired_end;
	struct rudp_ecn ecn;
	struct rudp_sendbuf sendbuf;
	struct rudp_recvbuf recvbuf;
	uint64_t skip_number;     /* the next packet number to skip; 0: not chosen */
	uint64_t peer_window_end; /* we may send up to this stream offset */
	uint64_t blocked_sent;    /* window for which BLOCKED was sent */
	int64_t peer_ack_delay_ns;
	uint64_t peer_datagram_bytes;
	uint64_t send_limit_bytes; /* follows the congestion window, but never shrinks */
	struct rudp_conn_known known;
	struct rudp_conn_flow flow;
	uint64_t charged_bytes; /* last value reported to the endpoint's budget */
	bool cwnd_limited;      /* the window held back bytes since the last ACK */
	bool peer_fin_reported; /* PEER_FIN was reported */
	bool sent_all_noted;

	/* Frames to be sent. */
	unsigned probes_due;
	bool ping_due, window_due, reset_due, response_due, urgent_due, arrived_due;
	uint8_t response[8];
	uint64_t reset_reason;
	uint64_t urgent_out; /* offset of our newest urgent byte; valid with urgent_due */
	uint64_t urgent_in;  /* one past the peer's urgent byte; 0: none */

	struct rudp_conn_options options;
	struct rudp_timer timer;
	int64_t opened_at_ns;
	int64_t handshake_ns; /* how long the handshake took, as seen here */
	/* the peer last acknowledged something, or nothing was outstanding */
	int64_t progress_at_ns;
	int64_t heard_at_ns; /* last authenticated packet */
	int64_t pinged_at_ns;
	unsigned quiet_pings;     /* pings sent since stream bytes last arrived */
	uint8_t refreshes;        /* number of refreshes, modulo 256; see refreshed_at_ns */
	int64_t refreshed_at_ns;  /* when a packet last refreshed the NAT mapping without a ping */
	int64_t time_wait_end_ns; /* limit of close_at_ns in TIME_WAIT */
	int64_t close_at_ns;      /* TIME_WAIT, RESET_SENT, FIN_WAIT_2 without user, ... */
	/* rudp_conn_orphan(), or since then the peer's last larger window; 0: not an orphan */
	int64_t orphan_at_ns;
	int64_t reset_by_ns; /* rudp_conn_reset_after_delivery() waits until then; 0: it does not */
	int64_t forget_keys_at_ns;
	int64_t keys_from_ns; /* when the send key was set */
	int64_t trim_at_ns;
	int64_t ack_ping_at_ns; /* a pure receiver's next request for an ACK of its ACKs */
	struct rudp_icmp_errors icmp_errors;

	uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
	struct rudp_work work;

	/* in the lists of the sockets of path and previous */
	struct rudp_list user_link, returner_link;
	struct rudp_list ready_link;   /* in ep->ready: may have packets to send */
	struct rudp_list event_link;   /* in ep->events */
	struct rudp_list queue_link;   /* in listener->established or ep->half_open */
	UT_hash_handle hh;             /* by short_id */
	UT_hash_handle hh_peer;        /* by peer_id */
	UT_hash_handle hh_path;        /* by path_key */
	struct rudp_path_key path_key; /* valid while path has a socket and is_path_known */
};

/* Life cycle (conn.c). */
/* Makes a connection that has no socket yet. */
struct rudp_conn *rudp_conn_new(struct rudp_endpoint *ep, const struct rudp_addr *local,
				const struct rudp_addr *remote,
				const struct rudp_conn_options *options, int64_t now_at_ns);
/* The rate of congestion control, or the program's limit if that is lower. 0: not paced. */
uint64_t rudp_conn_pacing_bytes_per_s(const struct rudp_conn *conn);
void rudp_conn_free(struct rudp_conn *conn);
void rudp_conn_enter(struct rudp_conn *conn, enum rudp_state next);
void rudp_conn_raise(struct rudp_conn *conn, unsigned events);
/* Ends the connection with an error for the user. Sends nothing to the peer. */
void rudp_conn_fail(struct rudp_conn *conn, int error, int64_t now_at_ns);
/* Ends the connection. It is freed once the user has released it. */
void rudp_conn_die(struct rudp_conn *conn, int64_t now_at_ns);
bool rudp_state_is_established(enum rudp_state state); /* data may flow in at least one direction */
bool rudp_conn_may_send(const struct rudp_conn *conn); /* data may be sent */
int rudp_reset_error(uint64_t reason);
void rudp_conn_on_fin_acked(struct rudp_conn *conn, int64_t now_at_ns);
/*
 * The user has closed and bytes of the peer stay unread: sends RESET when the peer has acknowledged
 * all that was written, at the latest after RUDP_FIN_TIMEOUT_NS, or if its window stays full for
 * RUDP_NO_READER_NS.
 */
void rudp_conn_reset_after_delivery(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_peer_fin(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_reset(struct rudp_conn *conn, uint64_t reason, int64_t now_at_ns);
void rudp_conn_on_established(struct rudp_conn *conn, int64_t now_at_ns);
/*
 * Starts the user time-out now if nothing is unacknowledged: earlier unanswered pings do not count.
 */
void rudp_conn_start_waiting(struct rudp_conn *conn, int64_t now_at_ns);

/*
 * Memory (conn_budget.c). buffer_bytes: what the buffers hold now; charge: updates the endpoint's
 * budget.
 */
uint64_t rudp_conn_buffer_bytes(const struct rudp_conn *conn);
void rudp_conn_charge(struct rudp_conn *conn);
void rudp_conn_uncharge(struct rudp_conn *conn);
void rudp_conn_limit_buffers(struct rudp_conn *conn); /* the options have changed */
/* The limit of the send buffer now; lower while memory is scarce. */
size_t rudp_conn_send_allowance_bytes(const struct rudp_conn *conn);

/*
 * Work (conn_work.c). may_begin: whether another packet or FEC turn may be processed. Between begin
 * and end the work is counted. may_go_on: whether to process the rest of the packet.
 */
uint64_t rudp_conn_work_total(const struct rudp_conn *conn);
bool rudp_conn_work_may_begin(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_work_begin(struct rudp_conn *conn);
bool rudp_conn_work_may_go_on(const void *conn);
void rudp_conn_work_end(struct rudp_conn *conn, uint64_t free_units, int64_t now_at_ns);

/* Work is left that connections do by turns: rudp_endpoint_work_turn(). */
static inline bool rudp_conn_has_work(const struct rudp_conn *conn)
{
	return conn->fec_store.has_news || conn->ack_work;
}

/* Handshake (conn_connect.c, conn_answer.c, conn_handshake.c). */
int rudp_conn_handshake_begin(struct rudp_conn *conn, uint16_t target_port, int64_t now_at_ns);
/* Sends the SYN of a deferred connection: there is data, or the wait is over. */
void rudp_conn_handshake_release(struct rudp_conn *conn, int64_t now_at_ns);
enum rudp_verdict rudp_conn_handshake_answer(struct rudp_conn *conn,
					     const struct rudp_listener *listener,
					     const struct rudp_packet *syn, bool early_allowed,
					     int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				      size_t datagram_bytes, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_cookie(struct rudp_conn *conn, const struct rudp_packet *packet);
enum rudp_verdict rudp_conn_on_refuse(struct rudp_conn *conn, const struct rudp_packet *packet,
				      int64_t now_at_ns);
/*
 * The SYN or SYNACK timed out: sends it again. A resumed SYN may be replaced by one of a full
 * handshake.
 */
void rudp_conn_handshake_repeat(struct rudp_conn *conn, int64_t now_at_ns);
/* Writes the SYN and encrypts its message first if needed. Returns its length; 0: no memory. */
size_t rudp_conn_write_syn(struct rudp_conn *conn, uint8_t *out);
void rudp_handshake_free(struct rudp_handshake *handshake);
void rudp_syn_answer_free(struct rudp_endpoint *ep, struct rudp_syn_answer *answer);
void rudp_offer_free(struct rudp_offer *offer);
void rudp_syn_key_of(const struct rudp_packet *syn, struct rudp_syn_key *key);
bool rudp_syn_check(const uint8_t *datagram, size_t len);

/*
 * The resumed handshake (conn_resume.c): SYN sent, SYN received, SYNACK sent, SYNACK received. Each
 * function encrypts or decrypts the payload of the caller. The caller wipes the keys.
 */
/*
 * Fills the ticket of conn->handshake. Returns 0, -ENOENT (no association with this peer) or
 * -ENOMEM.
 */
int rudp_conn_resume_begin(struct rudp_conn *conn, int64_t now_at_ns);
/* Encrypts the SYN's message, with early data if the program wants that. Returns 0 or -ENOMEM. */
int rudp_conn_resume_seal(struct rudp_conn *conn);
/* Checks a resumed SYN before decryption. Returns OK, NO_ASSOCIATION or REPLAYED_SYN. */
enum rudp_verdict rudp_endpoint_check_resumed(struct rudp_endpoint *ep,
					      const struct rudp_packet *syn, int64_t now_at_ns);
/* Decrypts a checked SYN. If it returns OK, the caller must end resume. */
enum rudp_verdict rudp_conn_resume_read_syn(struct rudp_conn *conn, struct rudp_resume *resume,
					    const struct rudp_packet *syn, uint8_t *payload,
					    int *payload_len, int64_t now_at_ns);
/* The SYN was accepted: no other SYN with its counter is accepted. */
void rudp_endpoint_on_resumed(struct rudp_endpoint *ep, const struct rudp_packet *syn,
			      int64_t now_at_ns);
/* The peer has our SYNACK, and may use the association in it: stores it. */
void rudp_conn_keep_offer(struct rudp_conn *conn, int64_t now_at_ns);
/* The peer's authenticated SYNACK offers an association: stores it. */
void rudp_conn_take_offer(struct rudp_conn *conn, uint64_t id,
			  const struct rudp_resume_secrets *secrets, int64_t now_at_ns);

/*
 * Early data (conn_early.c). copy_early: copies the first bytes of the stream, at most max; returns
 * how many.
 */
size_t rudp_conn_copy_early(const struct rudp_conn *conn, uint8_t *early, size_t max);
/* The SYNACK says that the listener accepted this many bytes of early data. */
void rudp_conn_on_early_taken(struct rudp_conn *conn, uint64_t bytes);
/*
 * A full-handshake SYN names the resumed SYN with early data that it replaces. Returns OK, and that
 * SYN will never be accepted; or EARLY_TAKEN, because it was accepted before.
 */
enum rudp_verdict rudp_endpoint_spend(struct rudp_endpoint *ep, const struct rudp_spent *spent,
				      int64_t now_at_ns);
/* A packet of ours, number, is acknowledged: the listener may have stored the association. */
void rudp_conn_prove_offer(struct rudp_conn *conn, uint64_t number);
/*
 * The listener has heard the initiator at the address of its SYN: records the address as validated.
 */
void rudp_conn_prove_address(struct rudp_conn *conn);
/*
 * Early data was accepted: if the address was validated before, the answer need not wait for the
 * initiator.
 */
void rudp_conn_trust(struct rudp_conn *conn, int64_t now_at_ns);
/*
 * Revokes that: the initiator was not heard in time, or the SYNACK was also sent to another
 * address.
 */
void rudp_conn_distrust(struct rudp_conn *conn);

/* Incoming packets (conn_rx.c, conn_path.c). */
/* An authenticated packet violates the protocol: resets the connection. */
void rudp_conn_on_violation(struct rudp_conn *conn, enum rudp_verdict verdict, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_data(struct rudp_conn *conn, const struct rudp_packet *packet,
				    struct rudp_datagram *datagram, int64_t now_at_ns);
/* has_new_id: the packet is the first one with a spare id of this side. */
void rudp_conn_path_on_packet(struct rudp_conn *conn, const struct rudp_datagram *datagram,
			      bool newest, bool has_new_id, int64_t now_at_ns);
void rudp_conn_path_on_response(struct rudp_conn *conn, const uint8_t data[8], int64_t now_at_ns);
void rudp_conn_path_validate(struct rudp_conn *conn,
			     int64_t now_at_ns); /* sends a PATH_CHALLENGE */
void rudp_conn_path_on_time(struct rudp_conn *conn, int64_t now_at_ns);

/* Acknowledged and lost packets (conn_recovery.c). */
extern void rudp_conn_on_answered(void *context, uint64_t number, const struct rudp_sent *sent);
extern void rudp_conn_on_lost(void *context, uint64_t number, const struct rudp_sent *sent);
enum rudp_verdict rudp_conn_on_ack(struct rudp_conn *conn, const struct rudp_ack *ack,
				   int64_t now_at_ns);
/*
 * turn: processes the next part of ack_work. drop: the connection is over. on_path_left: what was
 * measured so far does not concern the new path.
 */
void rudp_conn_ack_turn(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_ack_on_path_left(struct rudp_conn *conn);
void rudp_conn_ack_drop(struct rudp_conn *conn);
/* The peer has answered the handshake packet, whose number is 0. */
void rudp_conn_on_answer(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_overdue(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_path_taken(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_grow_send_limit(struct rudp_conn *conn); /* the congestion window has grown */

/*
 * Size of datagrams (conn_mtu.c). init: nothing is known of the path; follow: the known size has
 * changed.
 */
void rudp_conn_mtu_init(struct rudp_conn *conn);
void rudp_conn_mtu_follow(struct rudp_conn *conn);
/* The size of the path MTU probe that should be sent now; 0: none. */
uint32_t rudp_conn_mtu_probe_bytes(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_mtu_on_answered(struct rudp_conn *conn, uint64_t number,
			       const struct rudp_sent *sent);
void rudp_conn_mtu_on_lost(struct rudp_conn *conn, uint64_t number, const struct rudp_sent *sent);

/* Outgoing packets (conn_tx.c): fills the train. Returns false if nothing may be sent now. */
bool rudp_conn_transmit(struct rudp_conn *conn, struct rudp_train *train, int64_t now_at_ns);
/*
 * Whether stream bytes or the FIN are due (conn_gate.c). conn_gate.h decides whether they may be
 * sent.
 */
bool rudp_conn_has_data_due(const struct rudp_conn *conn);

/* Copies of sparse traffic (conn_tail.c). */
void rudp_conn_on_tail(struct rudp_conn *conn, int64_t now_at_ns);
/* Whether the chunk to be sent is a requested copy, not a retransmission after loss. */
bool rudp_conn_tail_takes(struct rudp_conn *conn, const struct rudp_sendbuf_chunk *chunk);
void rudp_conn_tail_on_copy_sent(struct rudp_conn *conn, uint64_t number, uint32_t stream_bytes);
/* Everything that may be sent was sent. The first SYN was sent. */
void rudp_conn_tail_on_sent_all(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_tail_on_syn_sent(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_tail_on_established(struct rudp_conn *conn, int64_t now_at_ns);
/* Sends everything from start on, and the FIN if fin is set, once more. */
void rudp_conn_tail_copy(struct rudp_conn *conn, uint64_t start, bool fin);
void rudp_conn_tail_on_result(struct rudp_conn *conn, const struct rudp_reliability_result *result,
			      int64_t now_at_ns);

/*
 * Repair symbols of bursts (conn_fec.c). is_for: whether a burst of this size gets repair symbols
 * instead of copies. begin: starts with the bytes from start on.
 */
bool rudp_conn_fec_is_for(const struct rudp_conn *conn, uint64_t bytes);
void rudp_conn_fec_begin(struct rudp_conn *conn, uint64_t start);
bool rudp_conn_fec_is_due(const struct rudp_conn *conn);
/*
 * Whether fec_sender.block and row are to be sent next. A rest that is too short for a repair
 * symbol is queued as a copy.
 */
bool rudp_conn_fec_next(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_fec_init(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_fec_on_established(struct rudp_conn *conn);
/* The repair symbol was sent as packet number. */
void rudp_conn_fec_on_sent(struct rudp_conn *conn, uint64_t number);
/*
 * The connection is over: sends no more repair symbols and no ARRIVED, and drops received symbols.
 */
void rudp_conn_fec_end(struct rudp_conn *conn);
/* The ACKs of repair symbols are no longer waited for, if all stream bytes are acknowledged. */
void rudp_conn_fec_settle(struct rudp_conn *conn);
/* Decodes a limited part of what has arrived. */
void rudp_conn_fec_turn(struct rudp_conn *conn, int64_t now_at_ns);
/* A REPAIR frame has arrived. */
enum rudp_verdict rudp_conn_on_repair(struct rudp_conn *conn, const struct rudp_frame *frame);
/*
 * Queues ARRIVED if recovered bytes have made the stream complete further than the peer can see
 * from ACKs.
 */
void rudp_conn_fec_on_taken(struct rudp_conn *conn);
/* on_told: ARRIVED was sent. on_arrived: ARRIVED has arrived. */
void rudp_conn_fec_on_told(struct rudp_conn *conn);
enum rudp_verdict rudp_conn_on_arrived(struct rudp_conn *conn, uint64_t offset, int64_t now_at_ns);

/* Takes stream bytes (conn_rx.c) from a frame, or recovered by repair symbols. */
enum rudp_verdict rudp_conn_take_stream(struct rudp_conn *conn, uint64_t offset,
					const uint8_t *bytes, size_t len, bool fin,
					int64_t now_at_ns);

/* Reports to the observer (conn_observe.c). Call them only if there is one. */
#define RUDP_IS_OBSERVED(conn) __builtin_expect((conn)->ep->config.observer != NULL, 0)
/* Reports a fact that has no details. */
void rudp_conn_observe(struct rudp_conn *conn, enum rudp_fact_kind kind);
void rudp_conn_observe_state(struct rudp_conn *conn, enum rudp_state from, enum rudp_state to);
void rudp_conn_observe_packet(struct rudp_conn *conn, enum rudp_fact_kind kind,
			      const struct rudp_fact_packet *packet);
void rudp_conn_observe_dropped(struct rudp_conn *conn, enum rudp_verdict verdict,
			       size_t size_bytes);
void rudp_conn_observe_lost(struct rudp_conn *conn, uint64_t number, size_t size_bytes);
void rudp_conn_observe_move(struct rudp_conn *conn);

/*
 * Time (conn_timers.c). An idle connection "rests": it frees buffers and key schedules. rest_soon:
 * schedules that. rest_later: schedules it if the connection is idle.
 */
int64_t rudp_conn_deadline_ns(const struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_time(struct rudp_conn *conn, int64_t now_at_ns);
int64_t rudp_conn_pto_ns(const struct rudp_conn *conn);
void rudp_conn_rest_soon(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_rest_later(struct rudp_conn *conn, int64_t now_at_ns);
bool rudp_conn_is_resting(const struct rudp_conn *conn);
/*
 * As rest_later(). But if the connection was resting and nothing is outstanding, it rests again at
 * once.
 */
void rudp_conn_rest_again(struct rudp_conn *conn, bool was_resting, int64_t now_at_ns);
/* Whether stream bytes, FIN or RESET of this side are still to be delivered. */
bool rudp_conn_owes(const struct rudp_conn *conn);
void rudp_conn_start_time_wait(struct rudp_conn *conn, int64_t now_at_ns);

#endif
