/* SPDX-License-Identifier: MIT */
/*
 * model_private - the structures that the files of the model share: clients, channels, memberships,
 * lines.
 *
 * Each event of model.h is one turn (replies.h says how a turn sends its lines). Clients that are
 * to be removed are noted (apo_client_end) and removed when the turn is over, so no pointer
 * to a client becomes invalid during a turn.
 */
#ifndef APO_MODEL_PRIVATE_H
#define APO_MODEL_PRIVATE_H

#include "base/list.h"
#include "base/table.h"
#include "base/timer_wheel.h"
#include "conversation/irc/fingerprint.h"
#include "conversation/irc/mask.h"
#include "conversation/irc/message.h"
#include "conversation/irc/names.h"
#include "conversation/irc/stamp.h"
#include "conversation/model/model.h"
#include "conversation/model/safe_iterator.h"

#define APO_LABEL_BYTES_MAX 64
#define APO_KEY_BYTES_MAX 32
#define APO_MSGID_BYTES 40
#define APO_ACCOUNT_BYTES_MAX 64
#define APO_SASL_BYTES_MAX 1024 /* base64, all pieces together */

/* The first three decide which tags a client gets: their bits number the variants of a text. */
#define APO_CAPS(X)                                                                                \
	X(SERVER_TIME, "server-time")                                                              \
	X(MESSAGE_TAGS, "message-tags")                                                            \
	X(ACCOUNT_TAG, "account-tag")                                                              \
	X(ACCOUNT_NOTIFY, "account-notify")                                                        \
	X(ACCOUNT_REGISTRATION, "draft/account-registration")                                      \
	X(AWAY_NOTIFY, "away-notify")                                                              \
	X(BATCH, "batch")                                                                          \
	X(CAP_NOTIFY, "cap-notify")                                                                \
	X(CHANNEL_RENAME, "draft/channel-rename")                                                  \
	X(CHATHISTORY, "draft/chathistory")                                                        \
	X(CHGHOST, "chghost")                                                                      \
	X(ECHO_MESSAGE, "echo-message")                                                            \
	X(EXTENDED_JOIN, "extended-join")                                                          \
	X(EXTENDED_MONITOR, "extended-monitor")                                                    \
	X(INVITE_NOTIFY, "invite-notify")                                                          \
	X(LABELED_RESPONSE, "labeled-response")                                                    \
	X(MESSAGE_REDACTION, "draft/message-redaction")                                            \
	X(METADATA, "draft/metadata-2")                                                            \
	X(MULTILINE, "draft/multiline")                                                            \
	X(MULTI_PREFIX, "multi-prefix")                                                            \
	X(NO_IMPLICIT_NAMES, "no-implicit-names")                                                  \
	X(READ_MARKER, "draft/read-marker")                                                        \
	X(RECEIPTS, "apollonion/receipts")                                                         \
	X(SASL, "sasl")                                                                            \
	X(SETNAME, "setname")                                                                      \
	X(STANDARD_REPLIES, "standard-replies")                                                    \
	X(STS, "sts")                                                                              \
	X(USERHOST_IN_NAMES, "userhost-in-names")                                                  \
	X(EXTENDED_ISUPPORT, "draft/extended-isupport")                                            \
	X(PRE_AWAY, "draft/pre-away")

enum apo_cap_number {
#define APO_CAP_NUMBER(name, text) APO_CAP_NUMBER_##name,
	APO_CAPS(APO_CAP_NUMBER)
#undef APO_CAP_NUMBER
		APO_CAP_COUNT
};

enum apo_cap {
#define APO_CAP_BIT(name, text) APO_CAP_##name = 1 << APO_CAP_NUMBER_##name,
	APO_CAPS(APO_CAP_BIT)
#undef APO_CAP_BIT
};

/* The things that an address, and the networks around it, may do only so often (throttle.h). */
enum apo_throttle_use {
	APO_THROTTLE_LOGINS,        /* wrong passwords, and REGISTER */
	APO_THROTTLE_REPORTS,       /* REPORT, and OPER that failed */
	APO_THROTTLE_REGISTRATIONS, /* accounts that were registered */
	APO_THROTTLE_USES
};

#define APO_LISTENERS_MAX 64 /* operators who get server notices */
#define APO_NOTICES_SIZE 16  /* their kinds as text */

#define APO_VARIANTS 8
#define APO_VARIANT_OF(caps) ((caps) & (APO_VARIANTS - 1))

/* The mechanism that AUTHENTICATE has begun. */
enum apo_mechanism {
	APO_MECHANISM_NONE,
	APO_MECHANISM_PLAIN,
	APO_MECHANISM_EXTERNAL,
	APO_MECHANISM_SCRAM,
	APO_MECHANISM_COUNT
};

struct apo_scram_login;

/* State of a client that exists only during registration or authentication. */
struct apo_registration {
	char *password; /* of PASS */
	bool is_password_right;
	bool is_choosing_caps;         /* between CAP LS or REQ and CAP END */
	uint8_t mechanism;             /* apo_mechanism */
	struct apo_scram_login *scram; /* of mechanism SCRAM; NULL: not begun */
	/* A nick of someone else that may be the client's own: the welcome decides. "": none. */
	char wanted[APO_NICK_BYTES_MAX + 1];
	size_t sasl_len;
	char sasl[APO_SASL_BYTES_MAX + 1];
};

struct apo_backlog;
struct apo_ticket;
struct apo_marker;
struct apo_client_batch;
struct apo_multiline;
struct apo_metadata;

/* The state of an account: the clients that are logged in to it, and how far its owner has read. */
struct apo_readers {
	struct rudp_list clients; /* apo_client.of_account */
	struct apo_marker *markers;
};

struct apo_client {
	UT_hash_handle by_nick;
	struct apo_peer peer;
	struct rudp_timer timer;
	struct rudp_list memberships; /* apo_membership.of_client */
	struct rudp_list watches;     /* apo_nick_watch.of_client */
	struct rudp_list invites;     /* apo_invite.of_client */
	struct rudp_list of_account;
	struct rudp_list ending; /* linked: the client is removed when the turn is over */
	char *end_reason;
	struct apo_registration *registration;
	struct apo_marker *markers; /* read markers, as long as it is in no account */
	struct apo_ticket *ticket;  /* the request that waits for an answer; NULL: none */
	/* The rest of a long answer that is being sent (answers.h); NULL: none. */
	struct apo_backlog *backlog;
	struct apo_metadata *metadata;      /* NULL: none */
	struct apo_metadata *subscriptions; /* keys whose changes it is told; NULL: none */
	struct apo_client_batch *batch; /* the message of several lines that it sends; NULL: none */
	int64_t connected_at_ns, heard_at_ns, spoke_at_ns;
	int64_t signed_on_s; /* wall clock */
	int64_t nick_since;  /* the last position before it took its nick (history.h) */
	uint32_t caps;
	uint32_t mark;       /* of the last search that met the client (apo_mark_common) */
	uint32_t references; /* by receipts; the memory stays until they are put */
	uint32_t ordinal;    /* while the state is serialized (state.h) */
	uint32_t sent_bytes; /* of answers, since the worker last reported room */
	uint16_t channel_count, watch_count, invite_count;
	uint8_t wrong_passwords;
	uint8_t notices;       /* kinds of server notices that it gets (server_notices.h) */
	uint8_t history_count; /* questions to history that are not yet answered */
	bool is_registered : 1;
	bool has_cap_302 : 1; /* it understands values of capabilities */
	bool is_secure : 1;
	bool reports_end : 1; /* the transport reports its end: no PING is sent */
	bool is_pinged : 1;
	bool is_operator : 1;
	bool is_invisible : 1;
	bool hears_wallops : 1;
	bool is_bot : 1;
	bool refuses_guests : 1; /* messages of clients that are not logged in */
	bool refuses_ctcp : 1;
	bool is_gone : 1;
	bool is_unconnected : 1; /* its last lines are handled */
	bool is_proposing : 1;   /* its last command waits for the other copies (shared.h) */
	char *address, *host, *fingerprint;
	char *given_host; /* host before an operator changed it by CHGHOST; NULL: it was not */
	char *real, *away, *account;       /* NULL: none */
	char nick[APO_NICK_BYTES_MAX + 1]; /* "": none yet, and not in the table */
	char folded[APO_NICK_BYTES_MAX + 1];
	char user[APO_USER_BYTES_MAX + 1]; /* "": none yet */
};

#define APO_MEMBERSHIP_VOICE 1u
#define APO_MEMBERSHIP_OPERATOR 2u

/* A client's membership in a channel, found by the pair in constant time. */
struct apo_membership {
	UT_hash_handle by_pair;
	struct apo_pair {
		struct apo_client *client;
		struct apo_channel *channel;
	} pair;
	struct rudp_list of_client;
	struct apo_safe_link of_channel;
	uint32_t member_slot; /* its index in the channel's array */
	bool has_presence;    /* history has a record of it */
	int64_t since;        /* the position at which it joined; 0: there is no history */
};

/* The fields of each member that delivery of a channel message reads, contiguous in memory. */
struct apo_member_slot {
	struct apo_peer peer;
	uint32_t caps;
	uint32_t modes; /* APO_MEMBERSHIP_ bits */
	struct apo_membership *membership;
};

#define APO_MODE_INVITE_ONLY 1u
#define APO_MODE_MODERATED 2u
#define APO_MODE_NO_EXTERNAL 4u
#define APO_MODE_SECRET 8u
#define APO_MODE_TOPIC 16u
#define APO_MODE_NO_CTCP 32u
#define APO_MODE_ACCOUNTS 64u
#define APO_MODE_PUBLIC_HISTORY 128u
#define APO_MODE_LETTERS_SIZE 16 /* of the letters of all flags */
#define APO_TOPIC_BYTES_MAX 512

enum apo_list_kind {
	APO_LIST_BAN,
	APO_LIST_EXCEPT,
	APO_LIST_INVITE,
	APO_LIST_QUIET,
	APO_LIST_KINDS
};

struct apo_entry {
	struct rudp_list link;
	uint64_t number; /* increases along the list */
	int64_t set_at_s;
	char *by;
	char mask[];
};

struct apo_channel_registration;

struct apo_channel {
	UT_hash_handle by_name;
	struct apo_safe_link of_model; /* model->channel_order */
	struct rudp_list members;      /* apo_membership.of_channel, in the order of joining */
	struct apo_member_slot *member_slots;
	uint32_t count, capacity;
	uint32_t modes;
	uint32_t limit;   /* 0: none */
	uint32_t ordinal; /* while the state is serialized (state.h) */
	char key[APO_KEY_BYTES_MAX + 1];
	int64_t created_at_s, topic_at_s;
	int64_t renamed_at_s;   /* 0: never */
	int64_t public_from;    /* the first position that every member may read; 0: none */
	char *topic, *topic_by; /* NULL: none */
	struct rudp_list lists[APO_LIST_KINDS];
	unsigned entry_count;
	struct apo_metadata *metadata; /* NULL: none */
	uint64_t last_entry;
	struct rudp_list invites; /* apo_invite.of_channel */
	struct rudp_list absences;
	unsigned absence_count;
	struct apo_channel_registration *registration; /* NULL: it goes with its last member */
	char folded[APO_CHANNEL_BYTES_MAX + 1];
	char name[APO_CHANNEL_BYTES_MAX + 1];
};

struct apo_invite {
	struct rudp_list of_client, of_channel;
	struct apo_client *client;
	struct apo_channel *channel;
	bool lifts_bans; /* it is an operator's, and no ban was set since */
};

/* MONITOR: a name that clients watch, and the list of its watches. */
struct apo_watched {
	UT_hash_handle by_name;
	struct rudp_list watches;
	char folded[APO_NICK_BYTES_MAX + 1];
	char name[APO_NICK_BYTES_MAX + 1];
};

struct apo_nick_watch {
	struct rudp_list of_client, of_name;
	struct apo_client *client;
	struct apo_watched *watched;
};

enum apo_ticket_kind {
	APO_TICKET_PASS,
	APO_TICKET_ACCOUNT,
	APO_TICKET_REGISTER,
	APO_TICKET_DROP,
	APO_TICKET_KEY, /* SASL EXTERNAL */
	APO_TICKET_SCRAM,
	APO_TICKET_KEY_ADD,
	APO_TICKET_KEY_REMOVE,
	APO_TICKET_KEYS,
	APO_TICKET_OPERATOR,
	APO_TICKET_REHASH
};

struct apo_ticket {
	UT_hash_handle by_id;
	uint64_t id;
	struct apo_client *client;
	enum apo_ticket_kind kind;
	char label[APO_LABEL_BYTES_MAX + 1]; /* "": none */
	char about[APO_FINGERPRINT_SIZE];    /* the account, operator or key, cut; "": none */
	uint64_t account_id; /* of the account whose password is checked (shared_accounts.h) */
};

/* A line to send, without its tags: they depend on each recipient's capabilities. */
struct apo_say {
	const struct apo_line *line; /* ended */
	const char *msgid;           /* NULL: none */
	const char *account;         /* of the source; NULL: none */
	bool is_bot;                 /* the source has user mode B */
	const char *tags;            /* client-only tags, escaped, without "@"; NULL: none */
	uint64_t watch;              /* the sender wants receipts; 0: it does not */
	int64_t at_ms;               /* when it was sent, in ms since 1970; 0: now */
	/* Instead of line: several ones (multiline.h); NULL: none. is_batch: they are a batch,
	 * whatever the capabilities of the recipients. */
	const struct apo_multiline *multiline;
	bool is_batch;
	uint64_t batch; /* the batch that it is in, besides the labeled response; 0: none */
	/* Not part of the labeled response, even if it is sent to the client of the turn. */
	bool is_unlabeled;
};

/* The members of a channel, or of all channels of a client, that get the line. */
struct apo_audience {
	/* Capabilities: the recipient has all of the former, none of the latter. */
	uint32_t with, without;
	uint32_t membership_modes; /* the recipient has one of them; 0: any member */
	const struct apo_client *except;
	const char *subscribed; /* the recipient subscribes to this key of metadata; NULL: any */
};

#define APO_REPLY_BYTES (32u << 10)
#define APO_GATHER_MAX 512

struct apo_turn {
	struct apo_client *client; /* whose event it is; NULL: no client's (a timer) */
	char label[APO_LABEL_BYTES_MAX + 1];
	bool is_labeled, is_answered, is_batch, has_first;
	bool is_unfinished; /* the response continues in later turns, which close its batch */
	unsigned examined;
	size_t sent_bytes, sent_bytes_max;
	uint64_t batch;
	size_t first_len, len;
	char first[APO_SERVER_TAGS_BYTES_MAX + APO_BODY_BYTES_MAX];
	char bytes[APO_REPLY_BYTES];
};

struct apo_gather {
	unsigned count;
	struct apo_peer to[APO_GATHER_MAX];
};

struct apo_slots {
	struct apo_client **clients;
	uint32_t count;
};

struct apo_nick_history;
struct apo_receipts;
struct apo_account_entry;
struct apo_throttle;
struct apo_audit;
struct apo_bans;
struct apo_history_request;
struct apo_shared;

struct apo_model {
	const struct apo_model_config *config;
	const struct apo_model_calls *calls;
	void *of;
	unsigned workers;
	uint64_t run, last_msgid, last_ticket, last_batch;
	int64_t now_at_ns, wall_ms, wall_at_ns;
	int64_t started_at_ns, started_ms;
	char stamp[APO_STAMP_BYTES]; /* of stamp_ms */
	int64_t stamp_ms;
	struct apo_slots slots[APO_WORKERS_MAX];
	struct rudp_timer_wheel wheel;
	struct apo_client *by_nick;
	struct apo_channel *channels;
	struct rudp_list channel_order; /* in the order of creation */
	struct rudp_list registrations; /* apo_channel_registration.of_model */
	int64_t expiry_at_ns;           /* of the next search for unused registrations */
	bool is_reading_registry;       /* changes are on disk already */
	struct apo_membership *memberships;
	struct apo_watched *watched;
	struct apo_ticket *tickets;
	struct apo_history_request *requests; /* to history */
	struct apo_account_entry *accounts;   /* the accounts */
	uint64_t last_account_id;
	uint32_t account_mark; /* of the accounts told since apo_model_accounts_begin */
	struct apo_bans *bans;
	struct apo_audit *audit;
	struct apo_client *listeners[APO_LISTENERS_MAX]; /* whose notices is not 0 */
	unsigned listener_count;
	uint32_t listened; /* the kinds that one of them wants */
	struct apo_throttle *throttles[APO_THROTTLE_USES];
	struct rudp_list throttle_order[APO_THROTTLE_USES];
	struct apo_nick_history *nick_histories;
	struct rudp_list former_user_order;
	unsigned former_user_count;
	struct apo_receipts *receipts;
	struct rudp_list ending;
	struct rudp_list ready; /* apo_backlog: clients whose answers may continue */
	unsigned backlog_count;
	uint32_t slice_bytes;
	/* Long answers send that many bytes without waiting for room; 0: they wait. */
	uint32_t hurried_bytes;
	bool is_forgetting; /* the model is being freed: nothing is sent any more */
	uint32_t last_mark;
	char end_reason[APO_MASK_BYTES_MAX]; /* the reason if the end has come, else "" */
	struct apo_model_figures figures;
	unsigned long *command_counts;
	struct apo_shared *shared; /* NULL: there are no other copies */
	struct apo_turn turn;
	struct apo_gather *gathers; /* of APO_VARIANTS * workers */
};

/* The wall clock at the event. */
int64_t apo_wall_ms(const struct apo_model *model);
int64_t apo_wall_s(const struct apo_model *model);
/* When the wall clock shows that second, but not later than in a day: it may be set meanwhile. */
int64_t apo_wall_due_at_ns(const struct apo_model *model, int64_t wall_s);

/* Replaces *to by a copy of text, or by NULL. Returns 0, or -ENOMEM: *to is unchanged. */
int apo_text_set(char **to, const char *text);

/* Handles a line of a client that waits for no answer, in a turn of its own. */
void apo_line_handle(struct apo_model *model, struct apo_client *client, const char *line,
		     size_t len);

#endif
