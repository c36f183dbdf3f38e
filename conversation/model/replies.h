/* SPDX-License-Identifier: MIT */
/*
 * replies - sends lines: encodes one text for each distinct set of tags, however many clients get
 * it.
 *
 * Answers    Lines to the client of the turn are collected and leave as one text when the turn
 *            ends. By then the model knows whether a label needs ACK, one tagged line, or a batch
 *            (labeled-response), and two hundred lines of a WHO cost one delivery.
 * Others     get their lines at once. A line is encoded when the first recipient of its variant is
 *            met; each worker gets one delivery for each variant.
 */
#ifndef APO_REPLIES_H
#define APO_REPLIES_H

#include "conversation/irc/numerics.h"
#include "conversation/model/model_private.h"

/* label NULL: none. client NULL: the turn is no client's. */
void apo_turn_begin(struct apo_model *model, struct apo_client *client, const char *label);
void apo_turn_end(struct apo_model *model);
/* The answer comes in a later turn (for example after a password check): send no ACK now. */
void apo_turn_defer(struct apo_model *model);
/* The answer continues in later turns, which close the response. Returns the batch of the response;
 * 0: it is in none. */
uint64_t apo_turn_leave_open(struct apo_model *model);
/* An answer of an earlier turn continues in its batch; 0: in none. */
void apo_turn_resume_label(struct apo_model *model, uint64_t batch);
/* Puts all answers of the turn in one batch of this type (and parameter; NULL: none) with the
 * label. Call it before any answer, and only for a client with the capability batch. */
void apo_turn_batch(struct apo_model *model, const char *type, const char *about);

/* Writes the tags of the line, with "@" and the space after them, for a recipient with these
 * capabilities. Returns their length; 0: none. to has APO_SERVER_TAGS_BYTES_MAX bytes. */
size_t apo_tags_write(struct apo_model *model, const struct apo_say *say, uint32_t caps, char *to);

/* A line of the client, with its account and its mark as a bot, without a msgid. */
struct apo_say apo_say_by(const struct apo_client *client, struct apo_line *line);
void apo_say_to(struct apo_model *model, struct apo_client *client, const struct apo_say *say);
void apo_say_channel(struct apo_model *model, const struct apo_channel *channel,
		     const struct apo_say *say, const struct apo_audience *audience);
/* Returns whether the client belongs to the audience, whatever its membership modes. */
bool apo_is_meant(const struct apo_audience *audience, const struct apo_client *client);
/* To each client that shares a channel with client, once; not to client itself. */
void apo_say_common(struct apo_model *model, struct apo_client *client, const struct apo_say *say,
		    const struct apo_audience *audience);

/* Sends a line that has no tags of its own. */
void apo_tell(struct apo_model *model, struct apo_client *client, const struct apo_line *line);
/* Sends the server's line that begins or ends a batch (apo_line_batch). */
void apo_tell_batch(struct apo_model *model, struct apo_client *client, char sign, uint64_t number,
		    const char *type, const char *about);
/* Sends a line without tags of its own: that source (NULL: none) and the formatted rest. */
void apo_tell_print(struct apo_model *model, struct apo_client *client, const char *source,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
void apo_numeric(struct apo_model *model, struct apo_client *client, enum apo_numeric numeric,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));
#define apo_reply(model, client, name, ...)                                                        \
	apo_numeric(model, client, name, apo_format_##name, ##__VA_ARGS__)
/* Begins ":server NNN nick"; the caller appends the parameters. */
void apo_numeric_begin(const struct apo_model *model, const struct apo_client *client,
		       struct apo_line *line, enum apo_numeric numeric);

/* Sends ":service!services@server NOTICE nick :text", from a service such as ChanServ; NULL: from
 * the server (":server NOTICE nick :text"). */
void apo_service_notice(struct apo_model *model, struct apo_client *client, const char *service,
			const char *format, ...) __attribute__((format(printf, 4, 5)));
#define apo_notice(model, client, ...) apo_service_notice(model, client, NULL, __VA_ARGS__)
/* Sends "FAIL command code [about] :text" (IRCv3 standard-replies). Only for codes that a
 * specification of IRCv3 defines: such a reply needs no capability. about may be several words. */
void apo_fail(struct apo_model *model, struct apo_client *client, const char *command,
	      const char *code, const char *text);
void apo_fail_about(struct apo_model *model, struct apo_client *client, const char *command,
		    const char *code, const char *about, const char *text);
/* Sends a standard reply with a code of this server; type is FAIL, WARN or NOTE. A client without
 * the capability standard-replies gets a NOTICE with the text. */
void apo_standard_reply(struct apo_model *model, struct apo_client *client, const char *type,
			const char *command, const char *code, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Writes "nick!user@host", or the parts that are known so far. */
void apo_client_source(const struct apo_client *client, char to[APO_SOURCE_BYTES_MAX + 1]);
/* Begins ":nick!user@host command". */
void apo_line_from(struct apo_line *line, const struct apo_client *client, const char *command);
/* Writes a whole line ":nick!user@host", the formatted rest, and its end. */
void apo_line_print_from(struct apo_line *line, const struct apo_client *client, const char *format,
			 ...) __attribute__((format(printf, 3, 4)));
/* The nick; "*" before there is one. */
const char *apo_shown_nick(const struct apo_client *client);
/* The text if it is one valid word, else "*". For texts of clients in a place where IRC needs one
 * word. */
const char *apo_word(const char *text);

#endif
