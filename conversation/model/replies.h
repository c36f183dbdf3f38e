/* SPDX-License-Identifier: MIT */
/*
 * replies - how what is said leaves: one text for each distinct set of tags, however many get it.
 *
 * Answers    what is said to the client whose turn it is gathers until its turn ends, and leaves as
 * one text. So it is known by then whether a label wants ACK, one tagged line, or a batch
 *            (labeled-response), and two hundred lines of a WHO cost one delivery.
 * Others     get theirs at once: a line is encoded when the first recipient of its variant is met,
 * and handed over for each worker and variant together.
 */
#ifndef APO_REPLIES_H
#define APO_REPLIES_H

#include "conversation/irc/numerics.h"
#include "conversation/model/model_private.h"

/* label: NULL none. Nobody's turn: client NULL. */
void apo_turn_begin(struct apo_model *model, struct apo_client *client, const char *label);
void apo_turn_end(struct apo_model *model);
/* The answer comes in another turn (a password is being looked at): no ACK now. */
void apo_turn_defer(struct apo_model *model);
/* The answer goes on in other turns, and its end is theirs to tell. Returns the batch of the response
 * that all of it belongs to; 0: it is in none. */
uint64_t apo_turn_leave_open(struct apo_model *model);
/* An answer goes on that was begun in another turn, in this batch; 0: in none. */
void apo_turn_resume_label(struct apo_model *model, uint64_t batch);
/* All that the turn answers is one batch of this type (and parameter; NULL: none), with the label.
 * Before any answer, and where the client knows of batches. */
void apo_turn_batch(struct apo_model *model, const char *type, const char *about);

void apo_say_to(struct apo_model *model, struct apo_client *client, const struct apo_say *say);
void apo_say_channel(struct apo_model *model, const struct apo_channel *channel,
		     const struct apo_say *say, const struct apo_audience *audience);
/* Everybody who shares a channel with client, once; not client itself. */
void apo_say_common(struct apo_model *model, struct apo_client *client, const struct apo_say *say,
		    const struct apo_audience *audience);

/* A line with no tags of its own. */
void apo_tell(struct apo_model *model, struct apo_client *client, const struct apo_line *line);

void apo_numeric(struct apo_model *model, struct apo_client *client, enum apo_numeric numeric,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));
#define apo_reply(model, client, name, ...)                                                        \
	apo_numeric(model, client, name, apo_format_##name, ##__VA_ARGS__)
/* ":server NNN nick", to be gone on with. */
void apo_numeric_begin(const struct apo_model *model, const struct apo_client *client,
		       struct apo_line *line, enum apo_numeric numeric);

/* ":server NOTICE nick :text". */
void apo_notice(struct apo_model *model, struct apo_client *client, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* IRCv3 standard-replies: "FAIL command code [about] :text", as a NOTICE to who does not know them.
 */
void apo_fail(struct apo_model *model, struct apo_client *client, const char *command,
	      const char *code, const char *text);
void apo_fail_about(struct apo_model *model, struct apo_client *client, const char *command,
		    const char *code, const char *about, const char *text);

/* "nick!user@host", or what there is of it yet. */
void apo_client_source(const struct apo_client *client, char to[APO_SOURCE_BYTES_MAX + 1]);
/* ":nick!user@host command". */
void apo_line_from(struct apo_line *line, const struct apo_client *client, const char *command);
/* A line of one parameter that may be anything, of a client; ended. */
void apo_line_from_last(struct apo_line *line, const struct apo_client *client, const char *command,
			const char *last);

/* The nick, "*" before there is one. */
const char *apo_shown_nick(const struct apo_client *client);
/* What somebody said, where it must be one word: "*" if it is none. */
const char *apo_word(const char *text);

#endif
