/* SPDX-License-Identifier: MIT */
/*
 * records - the messages between the threads of the server: kinds of mail, and records in batches.
 * Who sends what to whom:
 *
 *     acceptor (main thread)  -> worker    ADOPT, CONFIGURE, DRAIN, STOP
 *     worker                  -> model     BATCH of events
 *     model                   -> worker    BATCH of effects
 *     worker                  -> acceptor  BATCH of notes
 *     acceptor                -> model     CONFIGURE, END, SETTLE, STOP
 *     password thread         -> model     CHECKED, ACCOUNT
 *     history thread          -> model     HISTORY, HISTORY_PEER (history_thread.h)
 *     model                   -> acceptor  REQUEST
 *     bus thread              -> model     CLUSTER (bus_thread.h)
 */
#ifndef APO_SERVER_RECORDS_H
#define APO_SERVER_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "conversation/irc/fingerprint.h"
#include "conversation/irc/names.h"
#include "conversation/model/model.h"
#include "conversation/server/batch.h"
#include "conversation/server/config.h"
#include "conversation/server/stream_peer.h"
#include "conversation/server/tls.h"

enum apo_mail_kind {
	APO_MAIL_BATCH,
	APO_MAIL_ADOPT,
	APO_MAIL_CONFIGURE,
	APO_MAIL_DRAIN,
	APO_MAIL_STOP,
	APO_MAIL_END,
	APO_MAIL_CHECKED,
	APO_MAIL_ACCOUNT,
	APO_MAIL_REQUEST,
	APO_MAIL_HISTORY,
	APO_MAIL_SETTLE,
	APO_MAIL_CLUSTER,
	APO_MAIL_HISTORY_PEER,
};

/* A connection for a worker. The receiver frees it. */
struct apo_adopt {
	struct apo_mail mail;
	int fd;
	bool is_web;                 /* WebSocket */
	bool is_proxied;             /* the socket leads to a proxy of the client */
	apo_tls_context *tls;        /* a reference, or NULL: no TLS */
	struct apo_session *session; /* a reference: then there is neither fd nor tls; else NULL */
	struct rudp_addr address;
	/* Entry of the acceptor, returned to it when the connection has ended; NULL: none. */
	void *ip_entry;
	const char *refusal; /* static: send this reason and close; NULL: admit */
};

/* Another configuration, with a reference for the receiver. For the model also the operator who
 * asked. */
struct apo_configure {
	struct apo_mail mail;
	struct apo_config *config; /* NULL: it could not be read; nothing changes */
	bool has_ticket;
	uint64_t ticket;
	char error[256]; /* the first error */
};

/* The end of the server. For a worker: the deadline to write what is queued; for the model: the
 * reason. */
struct apo_end_notice {
	struct apo_mail mail;
	int64_t deadline_at_ns;
	char reason[128];
};

/* An answer of the auth thread. */
struct apo_auth_answer {
	struct apo_mail mail;
	uint64_t ticket;
	enum apo_checked result;
	char text[APO_KEYS_TEXT_SIZE]; /* as for apo_model_on_checked; empty: none */
};

_Static_assert(APO_KEYS_TEXT_SIZE > APO_NICK_BYTES_MAX, "the name of an account fits");

/* Changes of the accounts in the store (see model.h). */
enum apo_account_news {
	APO_ACCOUNT_IS_THERE,
	APO_ACCOUNT_IS_GONE,
	APO_ACCOUNTS_BEGIN,
	APO_ACCOUNTS_END,
};

struct apo_account_mail {
	struct apo_mail mail;
	enum apo_account_news news;
	int64_t id; /* of IS_THERE */
	char account[APO_NICK_BYTES_MAX + 1];
};

/* An operator's request to the process. */
struct apo_operator_request {
	struct apo_mail mail;
	bool is_die; /* else REHASH */
	uint64_t ticket;
	char who[64];
};

/* ---- worker to model ---- */

enum apo_event_kind {
	APO_EVENT_CONNECTED,
	APO_EVENT_LINE,
	APO_EVENT_CLOSED,
	APO_EVENT_RECEIPT,
	APO_EVENT_ROOM,
};

struct apo_event_connected {
	struct apo_record record;
	struct apo_peer peer;
	bool is_secure, reports_end;
	char address[RUDP_ADDR_TEXT_SIZE];
	char host[64];
	char fingerprint[APO_FINGERPRINT_SIZE]; /* of the client's key; empty: none */
};

/* LINE, and CLOSED with the reason as a string. */
struct apo_event_text {
	struct apo_record record;
	struct apo_peer peer;
	uint32_t len;
	char text[];
};

struct apo_event_receipt {
	struct apo_record record;
	uint64_t watch;
	uint32_t recipient;
	bool arrived;
};

/* The answer to WANT_ROOM. */
struct apo_event_room {
	struct apo_record record;
	struct apo_peer peer;
};

/* ---- model to worker ---- */

enum apo_effect_kind {
	APO_EFFECT_DELIVER,
	APO_EFFECT_DELIVER_WATCHED,
	APO_EFFECT_CLOSE,
	APO_EFFECT_OPERATOR,
	APO_EFFECT_HOLD,
	APO_EFFECT_WANT_ROOM,
};

struct apo_effect_deliver {
	struct apo_record record;
	struct apo_text *text; /* one reference, which the receiver owns */
	uint64_t watch;        /* of DELIVER_WATCHED */
	uint32_t first, count;
	struct apo_peer to[];
};

struct apo_effect_close {
	struct apo_record record;
	struct apo_peer peer;
	struct apo_text *last_words; /* one reference, or NULL */
};

/* OPERATOR: is an operator; HOLD: is held; WANT_ROOM: always true. */
struct apo_effect_flag {
	struct apo_record record;
	struct apo_peer peer;
	bool is_so;
};

/* ---- worker to acceptor ---- */

enum apo_note_kind {
	APO_NOTE_GONE,
	APO_NOTE_DRAINED, /* no connection is left: the answer to DRAIN */
};

struct apo_note {
	struct apo_record record;
	void *ip_entry;
	bool was_refused;
	uint32_t cut_count; /* DRAINED: connections closed before their queues were written */
};

#endif
