/* SPDX-License-Identifier: MIT */
/*
 * conn_private - the inside of a connection, for conn*.c and endpoint*.c only.
 *
 * The connection is split by concern: conn.c (life cycle), conn_user.c (what the user does with it),
 * conn_connect.c and conn_answer.c (the two sides of the handshake), conn_handshake.c (what they share),
 * conn_resume.c (the handshake of endpoints that have met), conn_early.c (data in its SYN, and where
 * the answer may go unheard),
 * conn_rx.c (a datagram has come), conn_recovery.c (what was sent has been answered or lost),
 * conn_tx.c (packets out), conn_plan.c (what goes into one), conn_tail.c (second copies of sparse
 * traffic), conn_fec.c (repair symbols of longer bursts), conn_timers.c (when next, it is now),
 * conn_path.c (addresses change), conn_mtu.c (how large packets may be), conn_known.c (what other
 * connections know of the path), conn_flow.c (its part of it), conn_budget.c (its share of memory),
 * conn_stats.c (statistics and invariants), conn_keys.c (keys change), conn_work.c (what the peer
 * makes it compute), conn_observe.c (what a trace is told).
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

#define RUDP_SYNACK_MAX_BYTES 256
#define RUDP_SYN_CHECK_BYTES 8 /* the end of a SYN of any version: it is undamaged */
/* What fills a SYN without cookie to RUDP_DATAGRAM_MIN_SYN_BYTES exactly. */
#define RUDP_SYN_MESSAGE_BYTES                                                                     \
	(RUDP_DATAGRAM_MIN_SYN_BYTES - RUDP_SYN_HEADER_BYTES - RUDP_SYN_CHECK_BYTES)
#define RUDP_COOKIES_AT_ONCE 16 /* COOKIEs are forged easily, and each costs a full-sized SYN */
#define RUDP_RESUME_TIMEOUTS 3 /* of a resumed SYN, after which its sender begins anew unasked */
#define RUDP_EARLY_TIMEOUTS 8  /* likewise with early data: about 12 s */
/* To who has not been heard: an initiator's first window, with headers and repair symbols. */
#define RUDP_UNHEARD_BYTES_MAX (9u << 17)
#define RUDP_TRUST_TIMEOUTS 2  /* of an answer to early data, until its address counts as unproven */
#define RUDP_SEND_LIMIT_MIN_BYTES (400u << 10) /* what a program may have unsent at first */
#define RUDP_SEND_LIMIT_FULL_BYTES (16u << 10) /* while the peer's window is used up: see BLOCKED */
/*
 * The window between two programs of one host, until the reader has read so much. A larger one saves
 * system calls in bulk transfers, but a writer whose peer does not read would go on for a long time
 * before it is full. Two of the largest datagrams fit.
 */
#define RUDP_SAME_HOST_WINDOW_BYTES (128u << 10)
#define RUDP_SAME_HOST_BULK_BYTES (4u << 20)
#define RUDP_SAME_HOST_MTU_SHARE 2 /* in place of RUDP_MTU_WINDOW_SHARE: nothing is lost there */
#define RUDP_TIME_WAIT_PTOS 3
#define RUDP_TIME_WAIT_MIN_NS (500 * RUDP_NS_PER_MS) /* a busy peer repeats its FIN later than a PTO */
#define RUDP_LAST_ACK_NS (100 * RUDP_NS_PER_S) /* for our FIN alone, with nobody waiting */
#define RUDP_LAST_FIN_PROBES 3 /* of it unanswered, where the peer's host says that ports are closed */
#define RUDP_TIME_WAIT_MAX_NS (60 * RUDP_NS_PER_S) /* however long the peer repeats itself */
#define RUDP_RESET_GIVE_UP_NS (3 * RUDP_NS_PER_S)
#define RUDP_TRIM_IDLE_NS (1 * RUDP_NS_PER_S)  /* buffers of a quiet connection are given back */
#define RUDP_NAT_KEEPALIVE_NS (25 * RUDP_NS_PER_S) /* RFC 4787: mappings die after 30 s and more */
#define RUDP_NAT_REFRESHES_ASKED 4 /* one of so many wants an answer */
#define RUDP_ASK_TOGETHER_NS (10 * RUDP_NS_PER_S) /* so long silences end at common instants */
#define RUDP_SLEPT_NS (1 * RUDP_NS_PER_S) /* a timer that is as late says that nobody was awake */
/* A number is left out of 257 to 1280: to acknowledge what is on its way must not pay. */
#define RUDP_SKIP_AFTER_MIN 256
#define RUDP_SKIP_AFTER_SPAN 1024
#define RUDP_QUIET_MIN_NS (400 * RUDP_NS_PER_MS) /* silence after data: is the way back still there? */
#define RUDP_QUIET_PINGS_MAX 6
#define RUDP_BLOCKED_AGAIN_NS (25 * RUDP_NS_PER_S) /* BLOCKED is repeated while the window stays shut */

#define RUDP_KEEPALIVE_IDLE_NS (7200 * RUDP_NS_PER_S)
#define RUDP_KEEPALIVE_INTERVAL_NS (75 * RUDP_NS_PER_S)
#define RUDP_KEEPALIVE_PROBES 9

/*
 * What identifies a SYN however often it is copied: the id, and the Noise ephemeral in it, or its
 * association and counter.
 */
struct rudp_syn_key {
	uint64_t source_id;
	uint8_t once[RUDP_NOISE_DH_BYTES];
};

/* Needed by the active side until the SYNACK has come; heap, wiped when freed. */
struct rudp_handshake {
	uint8_t flags;                /* RUDP_SYN_* */
	struct rudp_noise noise;      /* without flags */
	struct rudp_resume resume;    /* with RUDP_SYN_RESUME */
	struct rudp_ticket ticket;    /* likewise; without its secret once the SYN is sealed */
	size_t early_bytes;           /* of the stream, in the resumed SYN */
	struct rudp_spent spent;      /* that had some, and was refused; association id 0: none */
	uint16_t target_port;
	size_t message_bytes;         /* message 1; 0: a resumed one that is not sealed yet */
	uint8_t message[RUDP_DATAGRAM_MIN_SYN_BYTES];
	unsigned cookies_left;        /* that are answered by a SYN at once */
	size_t cookie_bytes;
	uint8_t cookie[RUDP_COOKIE_MAX_BYTES];
};

/* An association that the SYNACK speaks of: kept once the peer has shown that it has it. */
struct rudp_offer {
	uint64_t id;
	uint64_t replaces;            /* the association under which the SYN came; 0: none */
	int64_t made_at_ns;
	struct rudp_resume_secrets secrets;
};

/* The passive side keeps its answer as long as the connection lives: every copy of the SYN gets it. */
struct rudp_syn_answer {
	struct rudp_conn *conn;
	struct rudp_syn_key key;
	struct rudp_addr remote;      /* the first SYN came from there */
	bool told_elsewhere;          /* so who answers it need not be there */
	uint16_t len;
	uint64_t association_id;      /* under which the SYN came, or that comes of it; 0: none */
	uint8_t copies;               /* that left unasked, between packets of an early answer */
	struct rudp_offer *offer;     /* until the peer is heard; NULL: none */
	uint8_t synack[RUDP_SYNACK_MAX_BYTES];
	UT_hash_handle hh;
};

/* What of a burst has repair symbols to come: conn_fec.c. */
struct rudp_fec_sender {
	uint64_t next, end;           /* stream bytes without them; the same: none */
	struct rudp_fec_block block;  /* from next on, while rows are left */
	unsigned rows_left;
	uint8_t row;
	struct rudp_token_bucket bucket;
	/* packets with repair symbols, that may be unanswered, and others */
	uint64_t first_number, end_number;
	uint64_t sent_packets;        /* total for statistics */
};

#define RUDP_KEY_EXCHANGE_DUE_NS (3300 * RUDP_NS_PER_S)  /* so that it is over within the hour */
#define RUDP_KEY_EXCHANGE_LEAST_NS (60 * RUDP_NS_PER_S) /* between two that are answered */

/* A fresh X25519 while the connection lasts; heap, wiped when freed. The initiator asks for it. */
struct rudp_key_exchange {
	struct rudp_x25519 own;       /* initiator: until the answer has come; else empty */
	uint8_t own_public[RUDP_KEY_SHARE_BYTES];
	uint8_t peer_public[RUDP_KEY_SHARE_BYTES];
	bool is_asking;               /* the initiator's; own_public is there from the beginning */
	bool has_peer;                /* peer_public is there */
	bool is_mixed;                /* secret is, and conn->keys uses it */
	bool is_due;                  /* our share must leave */
	uint8_t secret[RUDP_KEY_BYTES];
};

struct rudp_conn {
	struct rudp_endpoint *ep;
	struct rudp_listener *listener;
	void *user;
	void *trace;                  /* the observer's */
	enum rudp_state state;
	bool initiator;
	bool user_closed;             /* rudp_conn_close was called: nobody to tell */
	bool resets_behind;           /* rudp_conn_reset_behind waits */
	bool in_queue;                /* in its listener's established queue */
	bool is_deferred;             /* SYN_SENT, but for the SYN: nothing has been written yet */
	bool is_early;                /* passive, SYN_RCVD, and the program has it: early data came */
	bool dead;                    /* nothing more to do but to be freed */
	int error;
	unsigned events;

	uint64_t id;                  /* 0: not in the table */
	uint32_t short_id;            /* its low 32 bits */
	bool has_peer_id;
	bool peer_takes_short_ids, peer_takes_key_shares;
	bool is_same_host;            /* the peer is on this host */
	uint64_t peer_id;
	uint8_t peer_reset_token[RUDP_RESET_TOKEN_BYTES];
	struct rudp_addr first_local, first_remote;
	struct rudp_path path;
	struct rudp_path previous;    /* the last proven one before this; without socket: none */
	uint32_t path_changes;

	uint8_t suite;
	uint8_t syn_flags;            /* RUDP_SYN_*: how it came about */
	uint16_t early_bytes;         /* of the stream that travelled in the SYN */
	bool handshake_due;           /* SYN or SYNACK must leave now */
	bool has_keys;
	uint64_t psk_id;              /* of the key with which it began; 0: without, or not begun */
	struct rudp_handshake *handshake;
	struct rudp_syn_answer *syn_answer;
	uint64_t offer_id;            /* initiator: association not known to be known; 0: none */
	uint64_t synack_digest;       /* initiator: of the SYNACK taken */
	struct rudp_keys keys;
	struct rudp_key_exchange *exchange; /* NULL: none under way */
	int64_t exchange_from_ns;     /* when the last one was, or the connection began */
	uint64_t exchange_from_bytes; /* stream bytes of both directions then */
	struct rudp_replay replay;

	struct rudp_rtt rtt;
	struct rudp_reliability reliability;
	struct rudp_acks acks;
	struct rudp_cc cc;
	struct rudp_pacer pacer;
	struct rudp_tail tail;
	bool peer_takes_repairs;
	struct rudp_fec_sender fec_sender;
	struct rudp_fec_store fec_store;
	uint64_t repaired_from;       /* had back, and the peer does not know: from here on at most */
	uint64_t repaired_end;
	struct rudp_ecn ecn;
	struct rudp_sendbuf sendbuf;
	struct rudp_recvbuf recvbuf;
	uint64_t skip_number;         /* the next one to be left out; 0: not chosen */
	uint64_t peer_window_end;     /* stream offset up to which we may send */
	uint64_t blocked_told;        /* window for which BLOCKED has been sent */
	int64_t peer_ack_delay_ns;
	uint64_t peer_datagram_bytes;
	uint64_t send_limit_bytes;    /* by the congestion window; it only grows */
	struct rudp_conn_known known;
	struct rudp_conn_flow flow;
	uint64_t charged_bytes;       /* to the endpoint's budget: what rudp_conn_buffer_bytes said */

	/* Frames that want to leave. */
	unsigned probes_due;
	bool ping_due, window_due, reset_due, response_due, urgent_due, arrived_due;
	uint8_t response[8];
	uint64_t reset_reason;
	uint64_t urgent_out;          /* offset of our newest urgent byte, with urgent_due */
	uint64_t urgent_in;           /* one past the peer's urgent byte; 0: none */
	bool cwnd_limited;            /* the window held bytes back since the last ACK */
	bool delivery_noted;          /* PEER_FIN has been reported */
	bool sent_all_noted;

	struct rudp_conn_options options;
	struct rudp_timer timer;
	int64_t opened_at_ns;
	int64_t handshake_ns;          /* how long it took, as far as seen from here */
	int64_t progress_at_ns;       /* the peer last answered something, or nothing was owed */
	int64_t heard_at_ns;          /* last authentic packet */
	int64_t pinged_at_ns;
	unsigned quiet_pings;         /* sent since stream bytes last came */
	int64_t refreshed_at_ns;      /* a NAT's mapping was, without a question */
	uint8_t refreshes;            /* of it, modulo 256 */
	int64_t time_wait_end_ns;     /* the latest that close_at may become in TIME_WAIT */
	int64_t close_at_ns;          /* TIME_WAIT, FIN_WAIT_2 without user, RESET_SENT, resets_behind */
	int64_t forget_keys_at_ns;
	int64_t keys_from_ns;         /* when the send key was new */
	int64_t trim_at_ns;
	int64_t ack_ping_at_ns;       /* a pure receiver next asks for an ack of its acks */
	struct rudp_icmp_errors icmp_errors;

	uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
	uint64_t packets_replayed, packets_forged;
	struct rudp_work work;

	struct rudp_list user_link, returner_link; /* of path and previous, in their sockets' lists */
	struct rudp_list ready_link;  /* in ep->ready: may have something to send */
	struct rudp_list event_link;  /* in ep->events */
	struct rudp_list queue_link;  /* in listener->established or ep->half_open */
	UT_hash_handle hh;            /* by short_id */
	UT_hash_handle hh_peer;       /* by peer_id */
	UT_hash_handle hh_path;       /* by path_key */
	struct rudp_path_key path_key; /* of path, while it stands on a socket and is_path_known */
	bool is_path_known;
};

/* Life cycle (conn.c). */
/* On no socket yet. */
struct rudp_conn *rudp_conn_new(struct rudp_endpoint *ep, const struct rudp_addr *local,
				const struct rudp_addr *remote,
				const struct rudp_conn_options *options, int64_t now_at_ns);
/* What congestion control says, or the program's limit where that is less. 0: not paced. */
uint64_t rudp_conn_pacing_bytes_per_s(const struct rudp_conn *conn);
void rudp_conn_free(struct rudp_conn *conn);
void rudp_conn_enter(struct rudp_conn *conn, enum rudp_state next);
void rudp_conn_raise(struct rudp_conn *conn, unsigned events);
/* Over for a reason the user must learn; silent towards the peer. */
void rudp_conn_fail(struct rudp_conn *conn, int error, int64_t now_at_ns);
/* Over; freed as soon as the user has gone. */
void rudp_conn_die(struct rudp_conn *conn, int64_t now_at_ns);
bool rudp_state_is_established(enum rudp_state state); /* data may flow in some direction */
bool rudp_conn_may_send(const struct rudp_conn *conn); /* likewise, outwards */
int rudp_reset_error(uint64_t reason);
void rudp_conn_on_fin_acked(struct rudp_conn *conn, int64_t now_at_ns);
/* The user has closed and the peer's bytes stay unread: RESET when the peer has acknowledged all that
 * was written, at the latest after RUDP_FIN_TIMEOUT_NS. */
void rudp_conn_reset_behind(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_peer_fin(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_reset(struct rudp_conn *conn, uint64_t reason, int64_t now_at_ns);
void rudp_conn_on_established(struct rudp_conn *conn, int64_t now_at_ns);
/* The user time-out of what is about to be owed begins now, however long our own pings went unheard. */
void rudp_conn_start_waiting(struct rudp_conn *conn, int64_t now_at_ns);

/* Memory (conn_budget.c). What its buffers hold; charge tells the endpoint's budget. */
uint64_t rudp_conn_buffer_bytes(const struct rudp_conn *conn);
void rudp_conn_charge(struct rudp_conn *conn);
void rudp_conn_uncharge(struct rudp_conn *conn);
/* What the send buffer may hold now: its limit, or less where memory is scarce. */
void rudp_conn_limit_buffers(struct rudp_conn *conn); /* the options are new */
size_t rudp_conn_send_allowance_bytes(const struct rudp_conn *conn);

/*
 * Work (conn_work.c). may_begin: another packet may be taken, or turn done; between begin and end it is
 * counted, and may_go_on says whether to look at the rest of the packet.
 */
uint64_t rudp_conn_work_total(const struct rudp_conn *conn);
bool rudp_conn_work_may_begin(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_work_begin(struct rudp_conn *conn);
bool rudp_conn_work_may_go_on(const void *conn);
void rudp_conn_work_end(struct rudp_conn *conn, uint64_t free_units, int64_t now_at_ns);

/*
 * Keys change (conn_keys.c). on_transmit begins what is due, before packets are made; on_followed: a
 * packet under the next receive key has come; on_key_share: a frame has.
 */
void rudp_conn_keys_on_transmit(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_keys_on_followed(struct rudp_conn *conn, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_key_share(struct rudp_conn *conn, const struct rudp_frame *frame);
void rudp_key_exchange_on_lost(struct rudp_key_exchange *exchange); /* the packet with our share */
void rudp_key_exchange_free(struct rudp_key_exchange *exchange);
/*
 * Of both shares; both public keys go in, so that each side has had its part in it.
 *
 * Returns  0, -EBADMSG (the peer's share leads to no secret), -ENOMEM.
 */
int rudp_key_exchange_make_secret(struct rudp_key_exchange *exchange);

/* Handshake (conn_connect.c, conn_answer.c, conn_handshake.c). */
int rudp_conn_handshake_begin(struct rudp_conn *conn, uint16_t target_port, int64_t now_at_ns);
/* There is something to say, or it has waited long enough: the SYN of a deferred one is due. */
void rudp_conn_handshake_release(struct rudp_conn *conn, int64_t now_at_ns);
enum rudp_verdict rudp_conn_handshake_answer(struct rudp_conn *conn, const struct rudp_packet *syn,
					     bool early_allowed, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				      size_t datagram_bytes, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_cookie(struct rudp_conn *conn, const struct rudp_packet *packet);
enum rudp_verdict rudp_conn_on_refuse(struct rudp_conn *conn, const struct rudp_packet *packet,
				      int64_t now_at_ns);
/* SYN or SYNACK has not been answered in time; the next SYN may be one of a full handshake. */
void rudp_conn_handshake_repeat(struct rudp_conn *conn, int64_t now_at_ns);
/* Seals it first where that is due; 0: no memory. */
size_t rudp_conn_write_syn(struct rudp_conn *conn, uint8_t *out);
void rudp_handshake_free(struct rudp_handshake *handshake);
void rudp_syn_answer_free(struct rudp_endpoint *ep, struct rudp_syn_answer *answer);
void rudp_offer_free(struct rudp_offer *offer);
void rudp_syn_key_of(const struct rudp_packet *syn, struct rudp_syn_key *key);
bool rudp_syn_check(const uint8_t *datagram, size_t len);

/*
 * The same under an association (conn_resume.c): SYN out, SYN in, SYNACK out, SYNACK in. Each seals or
 * opens what the caller has or gets as payload; the keys are for the caller to wipe.
 */
/* The ticket for conn->handshake; 0, -ENOENT (no association with this peer) or -ENOMEM. */
int rudp_conn_resume_begin(struct rudp_conn *conn, int64_t now_at_ns);
/* The message, with what the program has written by now if it wants that; 0 or -ENOMEM. */
int rudp_conn_resume_seal(struct rudp_conn *conn);
/* Whether a SYN may be looked into: OK, NO_ASSOCIATION, REPLAYED_SYN. */
enum rudp_verdict rudp_endpoint_check_resumed(struct rudp_endpoint *ep,
					      const struct rudp_packet *syn, int64_t now_at_ns);
/* A checked one. On OK the caller ends resume. */
enum rudp_verdict rudp_conn_resume_read_syn(struct rudp_conn *conn, struct rudp_resume *resume,
					    const struct rudp_packet *syn, uint8_t *payload,
					    int *payload_len, int64_t now_at_ns);
/* Its connection stands: no other SYN with its counter makes another. */
void rudp_endpoint_on_resumed(struct rudp_endpoint *ep, const struct rudp_packet *syn,
			      int64_t now_at_ns);
/* The peer has our SYNACK: it may come back with the association in it. */
void rudp_conn_keep_offer(struct rudp_conn *conn, int64_t now_at_ns);
/* The peer's SYNACK, authentic, speaks of one. */
void rudp_conn_take_offer(struct rudp_conn *conn, uint64_t id,
			  const struct rudp_resume_secrets *secrets, int64_t now_at_ns);

/* Early data (conn_early.c). The first bytes of the stream, at most max; how many there are. */
size_t rudp_conn_copy_early(const struct rudp_conn *conn, uint8_t *early, size_t max);
/* The SYNACK says that so many of them have arrived. */
void rudp_conn_on_early_taken(struct rudp_conn *conn, uint64_t bytes);
/* A SYN of a full handshake that names a spent one: OK, and it is spent, or EARLY_TAKEN. */
enum rudp_verdict rudp_endpoint_spend(struct rudp_endpoint *ep, const struct rudp_spent *spent,
				      int64_t now_at_ns);
/* Packets of ours up to number have been acknowledged. */
void rudp_conn_prove_offer(struct rudp_conn *conn, uint64_t number);
/* The listener has heard the initiator at the address that its SYN came from. */
void rudp_conn_prove_address(struct rudp_conn *conn);
/* Early data has been taken: if its address is proven the answer need not wait for the initiator. */
void rudp_conn_trust(struct rudp_conn *conn, int64_t now_at_ns);
/* It should have been heard by now; or its SYNACK has been sent elsewhere, too. */
void rudp_conn_distrust(struct rudp_conn *conn);

/* In (conn_rx.c, conn_path.c). */
/* An authentic packet has broken the rules: the connection is reset. */
void rudp_conn_on_violation(struct rudp_conn *conn, enum rudp_verdict verdict, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_data(struct rudp_conn *conn, const struct rudp_packet *packet,
				    struct rudp_datagram *datagram, int64_t now_at_ns);
void rudp_conn_path_on_packet(struct rudp_conn *conn, const struct rudp_datagram *datagram,
			      bool newest, int64_t now_at_ns);
void rudp_conn_path_on_response(struct rudp_conn *conn, const uint8_t data[8], int64_t now_at_ns);
void rudp_conn_path_prove(struct rudp_conn *conn, int64_t now_at_ns); /* by a challenge */
void rudp_conn_path_on_time(struct rudp_conn *conn, int64_t now_at_ns);

/* What was sent has met its fate (conn_recovery.c). */
extern void rudp_conn_on_answered(void *context, uint64_t number, const struct rudp_sent *sent);
extern void rudp_conn_on_lost(void *context, uint64_t number, const struct rudp_sent *sent);
enum rudp_verdict rudp_conn_on_ack(struct rudp_conn *conn, const struct rudp_ack *ack,
				   int64_t now_at_ns);
void rudp_conn_on_answer(struct rudp_conn *conn, uint64_t number, int64_t now_at_ns);
void rudp_conn_on_overdue(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_path_taken(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_grow_send_limit(struct rudp_conn *conn); /* the window has grown */

/* Sizes (conn_mtu.c). Nothing is known of the path; what is known of it has changed. */
void rudp_conn_mtu_init(struct rudp_conn *conn);
void rudp_conn_mtu_follow(struct rudp_conn *conn);
/* The size of a probe of the path that should leave now; 0: none. */
uint32_t rudp_conn_mtu_probe_bytes(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_mtu_on_answered(struct rudp_conn *conn, uint64_t number,
			       const struct rudp_sent *sent);
void rudp_conn_mtu_on_lost(struct rudp_conn *conn, uint64_t number, const struct rudp_sent *sent);

/* Out (conn_tx.c): fills the train; false when nothing may leave now. */
bool rudp_conn_transmit(struct rudp_conn *conn, struct rudp_train *train, int64_t now_at_ns);
/* Stream bytes or the FIN want to leave (conn_gate.c); whether they may is in conn_gate.h. */
bool rudp_conn_has_data_due(const struct rudp_conn *conn);

/* Sparse traffic (conn_tail.c). */
int64_t rudp_conn_tail_at_ns(const struct rudp_conn *conn);
void rudp_conn_on_tail(struct rudp_conn *conn, int64_t now_at_ns);
/* The chunk, which is about to leave, is wanted as a copy of what is not lost. */
bool rudp_conn_tail_takes(struct rudp_conn *conn, const struct rudp_sendbuf_chunk *chunk);
void rudp_conn_tail_on_copy_sent(struct rudp_conn *conn, uint64_t number, uint32_t stream_bytes);
/* All that may leave has left; and the first SYN has. */
void rudp_conn_tail_on_sent_all(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_tail_on_syn_sent(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_tail_on_established(struct rudp_conn *conn, int64_t now_at_ns);
/* All from start on, and the FIN perhaps, leaves once more. */
void rudp_conn_tail_copy(struct rudp_conn *conn, uint64_t start, bool fin);
void rudp_conn_tail_on_result(struct rudp_conn *conn, const struct rudp_reliability_result *result,
			      int64_t now_at_ns);

/*
 * Repair symbols of bursts (conn_fec.c). A burst of so many bytes has repair symbols instead of
 * copies; begins with those from start on.
 */
bool rudp_conn_fec_is_for(const struct rudp_conn *conn, uint64_t bytes);
void rudp_conn_fec_begin(struct rudp_conn *conn, uint64_t start);
bool rudp_conn_fec_is_due(const struct rudp_conn *conn);
/*
 * repairing.block and row are to leave next; false: none. What is too short for a sum is wanted as a
 * copy.
 */
bool rudp_conn_fec_next(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_fec_init(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_fec_on_established(struct rudp_conn *conn);
/* It has left, as packet number. */
void rudp_conn_fec_on_sent(struct rudp_conn *conn, uint64_t number);
/* The connection is over: no more repair symbols or words of them, and those that have come are
 * dropped. */
void rudp_conn_fec_end(struct rudp_conn *conn);
/* Nobody waits for the answers to repair symbols any more. */
void rudp_conn_fec_settle(struct rudp_conn *conn);
/* A REPAIR frame has come. */
enum rudp_verdict rudp_conn_on_repair(struct rudp_conn *conn, const struct rudp_frame *frame);
/* The peer is told how far the stream is complete, if it cannot know by the packets acknowledged. */
void rudp_conn_fec_on_taken(struct rudp_conn *conn);
/* ARRIVED has left; it has come. */
void rudp_conn_fec_on_told(struct rudp_conn *conn);
enum rudp_verdict rudp_conn_on_arrived(struct rudp_conn *conn, uint64_t offset, int64_t now_at_ns);

/* Stream bytes (conn_rx.c), from a frame or had back. */
enum rudp_verdict rudp_conn_take_stream(struct rudp_conn *conn, uint64_t offset, const uint8_t *bytes,
					size_t len, bool fin, int64_t now_at_ns);

/* The observer (conn_observe.c): to be called only when there is one. */
#define RUDP_IS_OBSERVED(conn) __builtin_expect((conn)->ep->config.observer != NULL, 0)
void rudp_conn_observe(struct rudp_conn *conn, enum rudp_fact_kind kind); /* one that says all */
void rudp_conn_observe_state(struct rudp_conn *conn, enum rudp_state from, enum rudp_state to);
void rudp_conn_observe_packet(struct rudp_conn *conn, enum rudp_fact_kind kind,
			      const struct rudp_fact_packet *packet);
void rudp_conn_observe_dropped(struct rudp_conn *conn, enum rudp_verdict verdict, size_t size_bytes);
void rudp_conn_observe_lost(struct rudp_conn *conn, uint64_t number, size_t size_bytes);
void rudp_conn_observe_move(struct rudp_conn *conn);

/* Time (conn_timers.c). */
int64_t rudp_conn_deadline_ns(const struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_on_time(struct rudp_conn *conn, int64_t now_at_ns);
int64_t rudp_conn_pto_ns(const struct rudp_conn *conn);
void rudp_conn_rest_soon(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_rest_later(struct rudp_conn *conn, int64_t now_at_ns);
bool rudp_conn_is_resting(const struct rudp_conn *conn);
/* As rest_later; but at once, where it was resting and has woken for a packet that wants no answer. */
void rudp_conn_rest_again(struct rudp_conn *conn, bool was_resting, int64_t now_at_ns);
/* Something of this side's is still to arrive: bytes, its FIN, its RESET. */
bool rudp_conn_owes(const struct rudp_conn *conn);
void rudp_conn_start_time_wait(struct rudp_conn *conn, int64_t now_at_ns);

#endif
