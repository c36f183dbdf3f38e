/* SPDX-License-Identifier: MIT */
/*
 * model - the chat itself: its users, its channels, and what each user is sent.
 *
 * Events come in (a client has connected, sent a line, or left; a password was right; time has
 * passed), and calls go out (deliver this text to these clients, close that one, check a password).
 * The model has no socket, thread, clock or randomness of its own, so the tests run it with mock
 * clients in virtual time. docs/conversation.md has the rules of the chat.
 *
 * Source   modern-irc (RFC 1459, RFC 2812 as they are used today), IRCv3.
 * Threads  none: one owner at a time makes all calls and implements all of apo_model_calls. Only
 *          texts (text.h) are shared with other threads.
 * Memory   If an allocation fails, the client whose event it was is closed with "Out of memory".
 *          Other clients may miss some of the event's lines; they stay connected.
 * Hashes   are keyed: call rudp_table_set_key (base/table.h) with random bytes before the first
 *          model is made.
 */
#ifndef APO_MODEL_H
#define APO_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "conversation/irc/message_record.h"
#include "conversation/irc/registry_record.h"
#include "conversation/irc/scram.h"
#include "conversation/model/text.h"

/* The password of an account. */
#define APO_PASSWORD_BYTES_MAX 300 /* it must fit in a line, also in later commands */

#define APO_WORKERS_MAX 256
/* The most that can be configured: a channel's entries and accounts are searched one by one, and so
 * are a client's invitations. A state with more is refused. */
#define APO_LIST_ENTRIES_MAX 10000
#define APO_ACCESS_MAX 1000
#define APO_INVITES_MAX 1000
#define APO_SLOTS_MAX (1u << 24) /* of one worker */

/*
 * Identifies a connection, in both directions. The worker chooses it: a slot that is used again
 * gets another generation. What is sent to a connection that has gone finds another generation or
 * an empty slot, and is dropped.
 */
struct apo_peer {
	uint32_t worker : 8;
	uint32_t slot : 24;
	uint32_t generation;
};

struct apo_model;

/* ---- configuration ---- */

struct apo_operator {
	const char *name;
	const char *password_hash; /* asked about unchanged (APO_AUTH_PASSWORD) */
	/* "user@host" with wildcards: who may become this operator; NULL: anybody. */
	const char *mask;
};

/*
 * The part of the configuration file that the model uses. The model keeps the pointer. The struct
 * and what it points to never change: apo_model_configure replaces it as a whole. Strings are not
 * NULL unless a comment allows it. New lower limits do not shorten what exists already.
 */
struct apo_model_config {
	/* A valid host name with a dot: the source of all that the server sends. */
	const char *server_name;
	const char *network; /* one word */
	const char *description;
	const char *version;       /* one word, "apollonion-0.1.0" */
	const char *password_hash; /* that PASS is checked against; NULL: no password */
	const char *const *motd;   /* lines; longer ones are cut */
	size_t motd_count;         /* 0: there is no message of the day (422) */
	const struct apo_operator *operators;
	size_t operator_count;
	const char *admin_location, *admin_organisation, *admin_email; /* NULL: not shown */

	/* The policy of strict transport security (IRCv3 sts); 0: not advertised. */
	uint16_t sts_port;
	uint32_t sts_duration_s;
	bool plain_passwords; /* allow SASL PLAIN and REGISTER on connections that are not secure */
	bool scram;           /* offer SASL SCRAM-SHA-256 where PLAIN is offered */
	bool open_registration;  /* any user may register an account */
	bool early_registration; /* also before the welcome; not together with password_hash */
	bool account_required;   /* clients without account can neither join nor speak */
	bool has_history;        /* messages are kept, if the owner offers history */

	/* Lengths in bytes, without terminators. apo_model_config_check tests their bounds. */
	unsigned nick_len_max, user_len_max, real_len_max, channel_len_max, topic_len_max,
		away_len_max, kick_len_max, key_len_max;

	unsigned registrations_max; /* REGISTERs of an address in an hour */
	unsigned clients_max;       /* registered or not; further ones are closed with a reason */
	unsigned channels_max;      /* all channels at once */
	unsigned channels_per_client_max;
	unsigned list_entries_max; /* entries of b, e, I, q of a channel together */
	unsigned monitor_max;      /* names that a client may watch */
	unsigned invites_max; /* pending invitations of a client; the oldest is removed at more */
	unsigned targets_max; /* of PRIVMSG, NOTICE, KICK ... in one line */
	unsigned modes_max;   /* modes with a parameter in one line */
	unsigned whowas_max;  /* old nicks remembered; the oldest is removed at more */
	unsigned who_replies_max;        /* to a WHO with a pattern, if its sender is no operator */
	unsigned list_replies_max;       /* to a LIST, if its sender is no operator */
	unsigned receipts_max;           /* messages watched at once, of all clients */
	unsigned receipt_recipients_max; /* of one such message; a message to more is not watched */
	unsigned accounts_max;           /* all accounts; at this number REGISTER fails */
	unsigned login_tries_max;        /* of an address in login_span_ns (throttle.h) */
	unsigned password_len_min;       /* of an account */
	unsigned registered_channels_max;
	unsigned channels_per_account_max; /* that it has registered */
	unsigned network_bans_max;         /* of the server: addresses, hosts, accounts ... */
	unsigned audit_max;                /* entries of the audit log */
	unsigned reports_max;              /* reports of users that are open at once */
	unsigned access_max;               /* accounts on the list of a registered channel */
	unsigned markers_max;              /* read markers of one account */
	unsigned history_answer_max;       /* the most messages in one answer to CHATHISTORY */

	int64_t registration_timeout_ns; /* from the connection to the welcome */
	int64_t ping_interval_ns;        /* of silence, then PING is sent */
	int64_t ping_timeout_ns;         /* of further silence, then the connection ends */
	int64_t receipt_timeout_ns; /* then a receipt is final, even if recipients are missing */
	int64_t login_span_ns;
	int64_t audit_age_ns;      /* of the oldest entry of the audit log */
	int64_t channel_expiry_ns; /* without use, a registration ends then; 0: never */
	int64_t absence_ns;        /* how long an account stays a member without connection */
};

/* Sets everything but the names to the defaults that docs/conversation.md lists. */
void apo_model_config_init(struct apo_model_config *config);

/*
 * Returns  NULL: the configuration can be used. Else a static sentence for its author that says
 *          what is wrong; *member is the name of the member in question.
 */
const char *apo_model_config_check(const struct apo_model_config *config, const char **member);

/* ---- calls to the owner ---- */

enum apo_checked {
	APO_CHECKED_RIGHT,
	APO_CHECKED_WRONG,
	APO_CHECKED_FAILED /* could not be checked */
};

/* The client whose password is checked. The owner gives each network an equal share of its time. */
struct apo_asker {
	uint64_t ticket;
	uint64_t network; /* of the client's /48 or /24, as a number (throttle.h) */
};

/*
 * Questions about passwords, accounts and keys: the texts that ask_auth is given with each of them,
 * and what RIGHT and WRONG mean. A secret is described in irc/scram.h.
 */
enum apo_auth {
	/* hash, password. RIGHT: the password matches the hash. */
	APO_AUTH_PASSWORD,
	/* name, password. RIGHT: it is the password of this account. */
	APO_AUTH_ACCOUNT,
	/* name, password: make an account. WRONG: there is one of that name. */
	APO_AUTH_REGISTER,
	/* name, password: remove the account. WRONG: the password is wrong, or there is no such
	 * account. The answer comes after apo_model_on_account_gone. */
	APO_AUTH_REMOVE,
	/* name, "": the same for an operator, who needs no password. */
	APO_AUTH_REMOVE_UNASKED,
	/* name, fingerprint. RIGHT: the key belongs to this account ("": to any). */
	APO_AUTH_KEY,
	/* name, fingerprint: add the key to the account. WRONG: it belongs to an account, or this
	 * one has too many. */
	APO_AUTH_KEY_ADD,
	/* name, fingerprint: remove the key. WRONG: it is no key of the account. */
	APO_AUTH_KEY_REMOVE,
	/* name, "": the answer is the fingerprints with spaces between them. */
	APO_AUTH_KEYS,
	/* name, "": the answer is "nonce keys name": a random nonce in base64, the SCRAM keys of
	 * the account, and its name as it was written when it was registered. WRONG: it has no
	 * keys, or does not exist; the keys are invented ones then, always the same for this
	 * name. */
	APO_AUTH_SCRAM,
	/* Only asked together with propose: the model has the accounts. */
	/* name, secret ("": there is no such account): as APO_AUTH_SCRAM, from this secret. */
	APO_AUTH_SCRAM_OF_SECRET,
	/* "", password: the answer is a secret of the password. */
	APO_AUTH_HASH,
	/* secret, password. RIGHT: it is the password of this secret. If the answer has a text, it
	 * is a secret of the same password that is to replace this one. */
	APO_AUTH_SECRET,
};

/*
 * The model makes these calls during an event. They return at once, and none of them calls the
 * model. A member marked "optional" may be NULL: then the feature is neither available nor
 * advertised.
 */
struct apo_model_calls {
	/*
	 * Delivers the text to count clients of one worker, in the order of the calls. to is valid
	 * during the call. The callee takes the references itself (all with one atomic operation).
	 */
	void (*deliver)(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
			size_t count);
	/*
	 * Optional. Like deliver, and watched: for each client apo_model_on_receipt is called once,
	 * with watch and first, first + 1 ... in the order of to.
	 */
	void (*deliver_watched)(void *of, unsigned worker, struct apo_text *text,
				const struct apo_peer *to, size_t count, uint64_t watch,
				uint32_t first);
	/*
	 * Close the connection when all that was delivered, and finally last_words (NULL: none),
	 * has been written, or when it takes too long to write. The model has already forgotten the
	 * client: lines that still arrive are ignored; apo_model_on_closed is unnecessary and
	 * harmless.
	 */
	void (*close)(void *of, struct apo_peer who, struct apo_text *last_words);
	/*
	 * Optional, together with want_room (answers.h). is_held: from now on hand over no line of
	 * this client, and stop reading from it. Else lines may be handed over again.
	 */
	void (*hold)(void *of, struct apo_peer who, bool is_held);
	/* Asks for apo_model_on_room as soon as little of what was delivered is left to write to
	 * the client. */
	void (*want_room)(void *of, struct apo_peer who);
	/* The client became an operator, or is none any more. Operators have no flood limit
	 * (flood.h). */
	void (*set_operator)(void *of, struct apo_peer who, bool is_operator);

	/* Checking a password is slow by design, so another thread does it: apo_model_on_checked
	 * with the ticket has the answer. Both texts are valid during the call. */
	void (*ask_auth)(void *of, struct apo_asker asker, enum apo_auth question,
			 const char *about, const char *proof);
	/* If not, APO_AUTH_PASSWORD is the only question. */
	bool has_accounts;

	/*
	 * Optional, all or none: history (history.h). The owner stores and answers in the
	 * order of these calls. A message may be lost; the presence of accounts in channels may
	 * not. Strings are valid during the call.
	 */
	void (*keep)(void *of, const struct apo_said *said);
	/* REDACTED comes only together with propose. */
	void (*keep_change)(void *of, const struct apo_change *change);
	/* Answered by apo_model_on_history with the ticket. */
	void (*ask_history)(void *of, uint64_t ticket, const struct apo_question *question);
	/* Together with propose: what is stored up to position last is to become what the other
	 * copies have; messages, presences and redactions after it follow. There are no markers but
	 * those that follow. */
	void (*replace_history)(void *of, int64_t last);

	/* Optional, together with has_accounts: registered channels. The owner writes the records
	 * in the order of the calls. Strings are valid during the call. */
	void (*keep_record)(void *of, const struct apo_registry_record *record);

	/* Optional, together with propose: what is on disk is about to be replaced by a state that
	 * lacks accounts or registered channels of it. The owner may copy the file. */
	void (*keep_copy)(void *of);

	/* An operator's REHASH: answered by apo_model_on_rehashed, after apo_model_configure. */
	void (*rehash)(void *of, uint64_t ticket);
	/* An operator's DIE. The owner begins the graceful end (apo_model_end). */
	void (*die)(void *of, const char *who);
	/* Optional: the model is one of several equal copies (shared.h). Gives the event to all of
	 * them, in one order; it comes back by apo_model_shared_apply. is_vital: it must not be
	 * refused as long as this node is part of the cluster. Returns false if it is refused. */
	bool (*propose)(void *of, const void *event, size_t len, bool is_vital);
	/* Optional. Writes one line to the log; name is one word that says what happened.
	 * is_detail: only of interest at log level debug. */
	void (*log)(void *of, bool is_detail, const char *name, const char *text);
};

/* ---- life ---- */

struct apo_model_start {
	const struct apo_model_config *config; /* checked */
	const struct apo_model_calls *calls;   /* the model keeps the pointer */
	void *of;                              /* passed to each call */
	unsigned workers;                      /* 1 .. APO_WORKERS_MAX */
	/* Random or counted: message ids must differ between two runs of the server. */
	uint64_t run;
	int64_t now_at_ns;
	int64_t wall_ms;       /* milliseconds since 1970 at now_at_ns */
	int64_t last_position; /* the last one that history has; 0 without history */
	uint32_t slice_bytes;  /* of a long answer in one turn (answers.h); 0: the default */
};

/* NULL if memory is short. */
struct apo_model *apo_model_new(const struct apo_model_start *start);
/* Frees all clients; nothing is sent to them. */
void apo_model_free(struct apo_model *model);

/* Replaces the configuration by another checked one. Returns the previous one, which the caller
 * owns again. Clients are told what has changed (ISUPPORT, cap-notify). */
const struct apo_model_config *apo_model_configure(struct apo_model *model,
						   const struct apo_model_config *config);

/* wall_ms was the wall clock at now_at_ns. The owner calls this from time to time. */
void apo_model_set_wall(struct apo_model *model, int64_t wall_ms, int64_t now_at_ns);

/* ---- events ---- */

struct apo_peer_facts {
	const char *address; /* as text, for operators: at most 63 bytes */
	/* Host that other users see: the address or its cloak. At most 63 bytes, not empty, no
	 * space, no colon at the beginning. */
	const char *host;
	/* The fingerprint of the key that the client has proven (irc/fingerprint.h); NULL: none. */
	const char *fingerprint;
	bool is_secure;   /* no observer on the path can read the connection */
	bool reports_end; /* the transport reports when the peer has gone, so no PING is sent */
};

/*
 * A client has connected. facts and what they point to are copied. The slot must be free: the
 * caller has closed its last client.
 */
void apo_model_on_connected(struct apo_model *model, struct apo_peer who,
			    const struct apo_peer_facts *facts, int64_t now_at_ns);

/*
 * A client has sent a line: len bytes without the line end. A line longer than APO_LINE_BYTES_MAX
 * (irc/message.h) is cut to one byte more than that. The bytes are copied. The worker has already
 * waited for the penalty of the line (flood.h).
 */
void apo_model_on_line(struct apo_model *model, struct apo_peer who, const char *line, size_t len,
		       int64_t now_at_ns);

/* The connection has gone. Others are told the reason ("Connection reset by peer", "SendQ
 * exceeded"). The model does not call close for it. */
void apo_model_on_closed(struct apo_model *model, struct apo_peer who, const char *reason,
			 int64_t now_at_ns);

/* The recipient's transport has acknowledged all bytes of the text, or never will since its
 * connection ended. Call it before apo_model_on_closed of the same client. */
void apo_model_on_receipt(struct apo_model *model, uint64_t watch, uint32_t recipient, bool arrived,
			  int64_t now_at_ns);

/* text: what enum apo_auth says; if an account was found, made or removed, its name, one word of at
 * most 64 bytes (any other text counts as a wrong password). NULL: none. */
void apo_model_on_checked(struct apo_model *model, uint64_t ticket, enum apo_checked result,
			  const char *text, int64_t now_at_ns);

/* There is an account of that name: from now on only its owner may take its nick. A client that has
 * the nick now keeps it. Two accounts never have the same id, not even with the same name: if the
 * id differs from the one told before, the old account is gone (as by apo_model_on_account_gone).
 * id 0: not known. Returns 0, or -ENOMEM: nothing has changed. */
int apo_model_on_account(struct apo_model *model, const char *account, int64_t id,
			 int64_t now_at_ns);

/* A marker that was stored in an earlier run. Returns 0, or -ENOMEM: it is not known. */
int apo_model_on_marker(struct apo_model *model, const char *account, const char *target,
			int64_t time_ms);

/* The account of that name was removed: its nick is free, and clients that were logged in to it are
 * logged out. */
void apo_model_on_account_gone(struct apo_model *model, const char *account, int64_t now_at_ns);

/* Between _begin and _end apo_model_on_account is called for all accounts. At _end, accounts for
 * which it was not called are removed. Until _end is called no account is considered removed. */
void apo_model_accounts_begin(struct apo_model *model);
void apo_model_accounts_end(struct apo_model *model, int64_t now_at_ns);

/* A record that the store has kept: a registered channel before its entries, a ban, an
 * entry of the audit log. Called
 * before any client connects, after the accounts are known. Returns 0, -EINVAL (the record is
 * ignored) or -ENOMEM. Founders whose accounts have gone are replaced when all records are read. */
int apo_model_on_record(struct apo_model *model, const struct apo_registry_record *record);
void apo_model_on_records_read(struct apo_model *model);

/* page: the messages if a CHATHISTORY is DONE, else NULL; the caller owns it. */
void apo_model_on_history(struct apo_model *model, uint64_t ticket, enum apo_asked asked,
			  const struct apo_page *page, int64_t now_at_ns);

/* error NULL: the configuration has been read again. Else one line that says why it was not. */
void apo_model_on_rehashed(struct apo_model *model, uint64_t ticket, const char *error,
			   int64_t now_at_ns);

/* The client has room for more of a long answer. */
void apo_model_on_room(struct apo_model *model, struct apo_peer who, int64_t now_at_ns);
#define APO_HURRIED_BYTES_MAX (512u << 10)
/* With bytes_max, long answers continue without waiting for room, to at most bytes_max for each
 * client, and are then cut. With 0 they wait for room again. Called before the model is to be
 * settled. */
void apo_model_hurry(struct apo_model *model, uint32_t bytes_max);

/* When to call apo_model_on_time next; RUDP_NEVER. While a long answer can continue, the time is
 * now: each call sends one slice. */
int64_t apo_model_next_at_ns(const struct apo_model *model);
void apo_model_on_time(struct apo_model *model, int64_t now_at_ns);

/* The end: all clients, also those that connect later, get an ERROR line with the reason and are
 * closed. */
void apo_model_end(struct apo_model *model, const char *reason, int64_t now_at_ns);

/* True if the model waits for no answer: no password check, no REHASH, no question to history, no
 * long answer. */
bool apo_model_is_settled(const struct apo_model *model);

/* ---- one of several equal copies (shared.h): only if the owner offers propose ---- */

/* Equal for models that may be copies of each other: the program, the name, the limits. */
uint64_t apo_model_shared_fingerprint(const struct apo_model_config *config);
/* This model is a copy from now on, under the number self. Its shared state is empty, or has just
 * been loaded. run: of message ids, the same for all copies. */
void apo_model_shared_begin(struct apo_model *model, uint64_t self, uint64_t run,
			    int64_t now_at_ns);
/* The model is no copy any more: its shared state becomes empty; its clients are told the reason
 * and closed. */
void apo_model_shared_end(struct apo_model *model, const char *reason, int64_t now_at_ns);
/* An event that the model of a node (its number) has proposed, with the time of that node. */
void apo_model_shared_apply(struct apo_model *model, uint64_t node, const void *event, size_t len,
			    int64_t now_at_ns);
/* The time that all copies use from now on: for what follows, and to remove what has expired. */
void apo_model_shared_time(struct apo_model *model, int64_t wall_ms, int64_t now_at_ns);
/* A node is gone with all of its clients. */
void apo_model_shared_node_gone(struct apo_model *model, uint64_t node, const char *name,
				int64_t now_at_ns);
/* Proposals do not come back for some time, or do again: clients are told. */
void apo_model_shared_cut_off(struct apo_model *model, bool is_cut_off, int64_t now_at_ns);
/* Writes the shared state. The caller frees *bytes. Returns false if memory is short. */
bool apo_model_shared_save(struct apo_model *model, uint8_t **bytes, size_t *len);
/* The position up to which the owner keeps the state on disk; 0: it keeps none. */
uint64_t apo_model_shared_kept(const struct apo_model *model);
/* The id of the account in the store; 0: there is none. A call of the model may use it. */
int64_t apo_model_shared_account_id(const struct apo_model *model, const char *account);
/* Reads it into a model without shared state. Returns false if it is not valid: the state is
 * empty. */
bool apo_model_shared_load(struct apo_model *model, const void *bytes, size_t len,
			   int64_t now_at_ns);

/* ---- figures ---- */

#define APO_MODEL_FIGURES(X)                                                                       \
	X(clients, "clients that are registered")                                                  \
	X(unregistered, "clients that are not registered yet")                                     \
	X(operators, "operators")                                                                  \
	X(invisible, "clients of mode i")                                                          \
	X(channels, "channels")                                                                    \
	X(memberships, "clients in channels")                                                      \
	X(clients_peak, "most clients that were registered at once")                               \
	X(connected, "clients that have ever connected")                                           \
	X(registered, "clients that were ever registered")                                         \
	X(lines, "lines that clients have said")                                                   \
	X(lines_refused, "lines that were too long, no UTF-8, or no lines of IRC")                 \
	X(messages, "PRIVMSG, NOTICE and TAGMSG that were delivered to somebody")                  \
	X(deliveries, "texts times recipients")                                                    \
	X(texts, "texts that were encoded")                                                        \
	X(passwords_wrong, "passwords that were wrong")                                            \
	X(logins, "times that somebody logged in to an account")                                   \
	X(accounts_registered, "accounts that clients have registered")                            \
	X(accounts_removed, "accounts that were removed while the server ran")                     \
	X(bans, "bans of the server")                                                              \
	X(ban_refusals, "clients that were refused or disconnected since they are banned")         \
	X(channels_registered, "registered channels")                                              \
	X(channels_expired, "registrations of channels that ended because they were not used")     \
	X(ghosts, "sessions ended by NickServ's GHOST and REGAIN")                                 \
	X(redactions, "messages that were removed by REDACT")                                      \
	X(history_asked, "questions to history")                                                   \
	X(history_refused, "questions to history that were not answered with messages")            \
	X(registration_timeouts, "clients that did not register in time")                          \
	X(ping_timeouts, "clients that were silent too long")                                      \
	X(kills, "clients that operators have killed")                                             \
	X(receipts_watched, "messages that were watched for receipts")                             \
	X(receipts_refused, "messages that were not, though their sender wished it")

struct apo_model_figures {
#define APO_MODEL_FIGURE(name, help) uint64_t name;
	APO_MODEL_FIGURES(APO_MODEL_FIGURE)
#undef APO_MODEL_FIGURE
};

const struct apo_model_figures *apo_model_figures(const struct apo_model *model);

/* Checks every invariant. For tests. */
bool apo_model_check(const struct apo_model *model);

#endif
