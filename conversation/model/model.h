/* SPDX-License-Identifier: MIT */
/*
 * model - the conversation itself: who is there, who is where, what everybody is told.
 *
 * Events come in (a client has connected, said a line, gone; a password was right; it is now), and
 * calls go out (give this text to these, close that one, look up a password). No socket, thread,
 * clock or randomness of its own, so the tests run it with mock clients in virtual time.
 * docs/conversation.md has the rules of the conversation.
 *
 * Source   modern-irc (RFC 1459, RFC 2812 as they are spoken today), IRCv3.
 * Threads  none: one owner at a time, who makes all calls and implements all of apo_model_calls.
 *          Only texts (text.h) leave that thread.
 * Memory   without it the client whose event it was is closed with "Out of memory"; others may have
 *          missed some of the event's lines, and stay.
 * Hashes   are keyed: rudp_table_set_key (base/table.h) with random bytes must come before the
 *          first model.
 */
#ifndef APO_MODEL_H
#define APO_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "conversation/irc/message_record.h"
#include "conversation/model/text.h"

/* Of an account. */
#define APO_PASSWORD_BYTES_MIN 8
#define APO_PASSWORD_BYTES_MAX 300 /* they go into a line, and must fit there later, too */

#define APO_WORKERS_MAX 256
#define APO_SLOTS_MAX (1u << 24) /* of a worker */

/*
 * Who a connection is, in both directions. The worker chooses: a slot that is used again gets
 * another generation. What is said to one that has gone finds another generation (or nobody), and
 * is dropped.
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
	const char *password_hash; /* given to check_password as it is */
	const char *mask;          /* "user@host" with wildcards, of those who may; NULL: anybody */
};

/*
 * What the configuration file says. The model keeps the pointer and what it points to is not
 * changed: it is replaced as a whole (apo_model_configure). Strings are never NULL where nothing is
 * said of it. What is shortened by new limits stays as long as it is.
 */
struct apo_model_config {
	const char *server_name; /* a valid host name with a dot: the source of all that the server
				    says */
	const char *network;     /* one word */
	const char *description;
	const char *version;       /* one word, "apollonion-0.1.0" */
	const char *password_hash; /* that PASS must meet; NULL: none */
	const char *const *motd;   /* lines; longer ones are cut */
	size_t motd_count;         /* 0: there is none (422) */
	const struct apo_operator *operators;
	size_t operator_count;
	const char *admin_location, *admin_organisation, *admin_email; /* NULL: nothing is said */

	/* Security of the transport (IRCv3 sts): 0 is not told. */
	uint16_t sts_port;
	uint32_t sts_duration_s;
	bool plain_passwords; /* SASL PLAIN and REGISTER also where the connection is not secure */
	bool open_registration; /* whoever is here may register an account */
	bool has_history;       /* what is said is kept, where the owner offers that */

	/* Lengths in bytes, without terminators. apo_model_config_check knows their bounds. */
	unsigned nick_len_max, user_len_max, real_len_max, channel_len_max, topic_len_max,
		away_len_max, kick_len_max, key_len_max;

	unsigned clients_max;  /* registered or not; more are closed with a reason */
	unsigned channels_max; /* at once, of all */
	unsigned channels_per_client_max;
	unsigned list_entries_max; /* of b, e and I of a channel together */
	unsigned monitor_max;      /* names that a client watches */
	unsigned invites_max;      /* that wait for a client; the oldest goes */
	unsigned targets_max;      /* of PRIVMSG, NOTICE, KICK ... in one line */
	unsigned modes_max;        /* with a parameter in one line */
	unsigned whowas_max;       /* names remembered; the oldest goes */
	unsigned who_replies_max;  /* of a WHO with a pattern, when its sender is no operator */
	unsigned list_replies_max; /* of a LIST, when its sender is no operator */
	unsigned receipts_max;     /* messages watched at once, of all */
	unsigned receipt_recipients_max; /* of one of them: with more it is not watched */
	unsigned accounts_max;           /* of all; REGISTER adds no more */
	unsigned login_tries_max;        /* of an address in login_span_ns (throttle.h) */
	unsigned markers_max;            /* read markers of an account */
	unsigned history_answer_max;     /* messages that CHATHISTORY answers at most */

	int64_t registration_timeout_ns; /* from connecting to the welcome */
	int64_t ping_interval_ns;        /* of silence, then PING is said */
	int64_t ping_timeout_ns;         /* and after that much more silence it is over */
	int64_t receipt_timeout_ns;      /* then a receipt is final, whoever is missing */
	int64_t login_span_ns;
	int64_t absence_ns; /* so long a lost connection does not end an account's membership */
};

/* Everything but the names, with the defaults that docs/conversation.md lists. */
void apo_model_config_init(struct apo_model_config *config);

/*
 * Returns  NULL: it can be used. Else what is wrong with it, in words (static), for the one who
 *          wrote it; *member is the name of the member that it is about.
 */
const char *apo_model_config_check(const struct apo_model_config *config, const char **member);

/* ---- what the model asks of its owner ---- */

enum apo_checked {
	APO_CHECKED_RIGHT,
	APO_CHECKED_WRONG,
	APO_CHECKED_FAILED /* could not be told */
};

/* The client whose password is checked. The owner gives each network the same part of its time. */
struct apo_asker {
	uint64_t ticket;
	uint64_t network; /* of the client's /48 or /24, as a number (throttle.h) */
};

/*
 * All are called during an event, and return at once; none calls the model. Where a member that is
 * an offer may be NULL, the feature is neither there nor advertised.
 */
struct apo_model_calls {
	/*
	 * Gives the text to count clients of one worker, in the order of the calls. to is valid
	 * during the call. The callee takes references itself (for all of them with one atomic
	 * operation).
	 */
	void (*deliver)(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
			size_t count);
	/*
	 * The same, watched (an offer): for each of them apo_model_on_receipt is told once, with
	 * watch and first, first + 1 ... in the order of to.
	 */
	void (*deliver_watched)(void *of, unsigned worker, struct apo_text *text,
				const struct apo_peer *to, size_t count, uint64_t watch,
				uint32_t first);
	/*
	 * The connection is to be closed when all that was delivered, and at last last_words (NULL:
	 * none), have been written, or do not get written in time. The model has forgotten the
	 * client already: lines of it that still come are ignored, apo_model_on_closed is not
	 * needed and is harmless.
	 */
	void (*close)(void *of, struct apo_peer who, struct apo_text *last_words);
	/*
	 * An offer, both or none (answers.h). No line of this client is to be handed over from now
	 * on, or it may be again; and no more need be read from it meanwhile.
	 */
	void (*hold)(void *of, struct apo_peer who, bool is_held);
	/* Answered by apo_model_on_room, as soon as the client has little left to take of what was
	 * delivered. */
	void (*want_room)(void *of, struct apo_peer who);
	/* The client is an operator now, or no more: operators are not held up (flood.h). */
	void (*set_operator)(void *of, struct apo_peer who, bool is_operator);

	/*
	 * Does the password meet the hash? Slow by intention, so elsewhere: the answer is
	 * apo_model_on_checked with the ticket. Both texts are valid during the call.
	 */
	void (*check_password)(void *of, struct apo_asker asker, const char *hash,
			       const char *password);
	/* An offer (SASL PLAIN): is it the password of this account? Answered likewise, with the
	 * account's name as it is written where it was registered. */
	void (*check_account)(void *of, struct apo_asker asker, const char *account,
			      const char *password);
	/* An offer (REGISTER), with that of check_account: makes an account. Answered likewise;
	 * WRONG is that there is one of that name. */
	void (*register_account)(void *of, struct apo_asker asker, const char *account,
				 const char *password);
	/* An offer (NickServ's DROP), with that of check_account: the account is to be no more.
	 * password NULL: an operator says so. Answered likewise, with apo_model_on_account_gone
	 * before it; WRONG is that the password is, or that there is no such account. */
	void (*remove_account)(void *of, struct apo_asker asker, const char *account,
			       const char *password);

	/*
	 * An offer, all five or none: history (history.h). Kept and asked is in the order of these
	 * calls. A message may be lost, what is said of who is where may not. Strings are valid
	 * during the call.
	 */
	void (*keep)(void *of, const struct apo_said *said);
	/* The account hears what is said in the channel (folded) behind first, as the presence id,
	 * a position of its own. */
	void (*keep_joined)(void *of, int64_t id, const char *account, const char *channel,
			    int64_t first);
	/* ... and nothing behind last any more. */
	void (*keep_left)(void *of, int64_t id, int64_t last);
	/* The account has read what was said there (a channel or a nick, folded) until then. */
	void (*keep_marker)(void *of, const char *account, const char *target, int64_t time_ms);
	/* Answered by apo_model_on_history with the ticket. */
	void (*ask_history)(void *of, uint64_t ticket, const struct apo_question *question);

	/* An operator's REHASH: answered by apo_model_on_rehashed, with apo_model_configure before
	 * it. */
	void (*rehash)(void *of, uint64_t ticket);
	/* An operator's DIE. The owner begins its graceful end (apo_model_end). */
	void (*die)(void *of, const char *who);
	/* One line for the log: name is a word that says what has happened. An offer. */
	void (*log)(void *of, const char *name, const char *text);
};

/* ---- life ---- */

struct apo_model_start {
	const struct apo_model_config *config; /* checked */
	const struct apo_model_calls *calls;   /* kept */
	void *of;                              /* handed to each call */
	unsigned workers;                      /* 1 .. APO_WORKERS_MAX */
	uint64_t run; /* random or counted: message ids of two runs of the server must differ */
	int64_t now_at_ns;
	int64_t wall_ms;       /* milliseconds since 1970 at now_at_ns */
	int64_t last_position; /* that history knows; 0 without it */
	uint32_t slice_bytes;  /* of a long answer at once (answers.h); 0: as many as are good */
};

/* NULL without memory. */
struct apo_model *apo_model_new(const struct apo_model_start *start);
/* Whoever is still there is forgotten without a word. */
void apo_model_free(struct apo_model *model);

/* Another configuration from now on (checked before). Returns the one before, which is the caller's
 * again. Clients are told what has changed (ISUPPORT, cap-notify). */
const struct apo_model_config *apo_model_configure(struct apo_model *model,
						   const struct apo_model_config *config);

/* The wall clock has been seen: wall_ms belongs to now_at_ns. To be told now and then. */
void apo_model_set_wall(struct apo_model *model, int64_t wall_ms, int64_t now_at_ns);

/* ---- events ---- */

struct apo_peer_facts {
	const char *address; /* text, for operators: at most 63 bytes */
	const char *host; /* what others see: the address, or its cloak; at most 63 bytes, neither
			     empty nor beginning with a colon, no space */
	const char *certificate; /* fingerprint of what the client has shown, in hex; NULL: none */
	bool is_secure;          /* nobody on the way can read it */
	bool is_lasting; /* its transport tells when it has gone for good: no PING asks for it */
};

/*
 * who has connected. facts and what they point to are copied. A slot whose last client has not been
 * closed is an error of the caller.
 */
void apo_model_on_connected(struct apo_model *model, struct apo_peer who,
			    const struct apo_peer_facts *facts, int64_t now_at_ns);

/*
 * who has said a line: len bytes without their line end, one longer than APO_LINE_BYTES_MAX
 * (irc/message.h) cut to a byte more than that. The bytes are copied. Penalties are not taken here:
 * the worker has waited for them (flood.h).
 */
void apo_model_on_line(struct apo_model *model, struct apo_peer who, const char *line, size_t len,
		       int64_t now_at_ns);

/* The connection has gone, and reason is what others are told ("Connection reset by peer", "SendQ
 * exceeded"). close is not called for it. */
void apo_model_on_closed(struct apo_model *model, struct apo_peer who, const char *reason,
			 int64_t now_at_ns);

/* The transport of this recipient has acknowledged all bytes of the text, or never will (its
 * connection has ended before). Before apo_model_on_closed of the same client. */
void apo_model_on_receipt(struct apo_model *model, uint64_t watch, uint32_t recipient, bool arrived,
			  int64_t now_at_ns);

/* account: for check_account, register_account and remove_account when it is right, its name, one
 * word of at most 64 bytes (another is as good as a wrong password); else NULL. */
void apo_model_on_checked(struct apo_model *model, uint64_t ticket, enum apo_checked result,
			  const char *account, int64_t now_at_ns);

/* There is an account of that name: its nick is its owner's alone from now on. Who has the nick at
 * this moment keeps it. id is of no other, be it of the same name: when it is another than was told
 * before, that one has gone (apo_model_on_account_gone). 0: not known. -ENOMEM: nothing has changed. */
int apo_model_on_account(struct apo_model *model, const char *account, int64_t id,
			 int64_t now_at_ns);

/* That keep_marker has kept in a run before. -ENOMEM: it is not known. */
int apo_model_on_marker(struct apo_model *model, const char *account, const char *target,
			int64_t time_ms);

/* There is no account of that name any more: its nick is anybody's, and who was logged in to it is
 * not. */
void apo_model_on_account_gone(struct apo_model *model, const char *account, int64_t now_at_ns);

/* All accounts are told now, by apo_model_on_account: those that are not told before the end have
 * gone. Without the end none has. */
void apo_model_accounts_begin(struct apo_model *model);
void apo_model_accounts_end(struct apo_model *model, int64_t now_at_ns);

/* page: the messages when it is DONE, else NULL; the caller's. */
void apo_model_on_history(struct apo_model *model, uint64_t ticket, enum apo_asked asked,
			  const struct apo_page *page, int64_t now_at_ns);

/* error NULL: the configuration has been read anew. Else one line that says why not. */
void apo_model_on_rehashed(struct apo_model *model, uint64_t ticket, const char *error,
			   int64_t now_at_ns);

/* There is room for more of an answer. */
void apo_model_on_room(struct apo_model *model, struct apo_peer who, int64_t now_at_ns);
#define APO_HURRIED_BYTES_MAX (512u << 10)
/* Answers go on whether there is room or not, to bytes_max of each client's, and are cut then; or, with
 * 0, they wait for room again. Before the model is to be settled. */
void apo_model_hurry(struct apo_model *model, uint32_t bytes_max);

/* When apo_model_on_time is to be called next; RUDP_NEVER. While a long answer can go on that is now:
 * each call tells a slice of one. */
int64_t apo_model_next_at_ns(const struct apo_model *model);
void apo_model_on_time(struct apo_model *model, int64_t now_at_ns);

/* The end: everybody is told the reason in an ERROR line, and closed. Who connects later, too. */
void apo_model_end(struct apo_model *model, const char *reason, int64_t now_at_ns);

/* No answer is waited for: no password is being looked at, no configuration read for somebody,
 * nothing asked of history, nobody is being told something long. */
bool apo_model_is_settled(const struct apo_model *model);

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
	X(ghosts, "sessions ended by NickServ's GHOST and REGAIN")                                 \
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

/* Every invariant. For tests. */
bool apo_model_check(const struct apo_model *model);

#endif
