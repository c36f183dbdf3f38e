/* SPDX-License-Identifier: MIT */
/*
 * multiline - messages of several lines (IRCv3 draft/multiline): a client sends them as a batch of
 * PRIVMSG, which is one message with one msgid for recipients, receipts and history.
 *
 * Form      The text of such a message is one string: "\n" before a line, "\r" before a part that
 *           continues the line (draft/multiline-concat). Neither can be part of a line of IRC.
 *           Recipients with the capability get a batch, others a line for each part that is not
 *           empty.
 * Limits    One open batch for each client, of APO_MULTILINE_BYTES_MAX bytes and
 *           APO_MULTILINE_LINES_MAX lines. At more it fails, and its other lines are ignored.
 */
#ifndef APO_MULTILINE_H
#define APO_MULTILINE_H

#include "conversation/model/model_private.h"

#define APO_MULTILINE_BYTES_MAX 4096
#define APO_MULTILINE_LINES_MAX 32
#define APO_MULTILINE_REFERENCE_BYTES_MAX 64
#define APO_MULTILINE_CAP_VALUE "max-bytes=4096,max-lines=32"

/* ---- batches of clients ---- */

/* A line with the tag batch, of a client with the capability. */
void apo_multiline_on_line(struct apo_model *model, struct apo_client *client,
			   const struct apo_message *message);
struct apo_state;
/* The open batch, if there is one, at a hand-over. */
void apo_multiline_serialize(struct apo_state *state, struct apo_client *client);

/* ---- sending ---- */

/* Returns whether the text has several lines. */
bool apo_multiline_is(const char *text);

/* A message of several lines to send (apo_say.multiline). */
struct apo_multiline {
	const char *source, *target, *text;
};

/* Receives the lines, one after the other, with their ends. */
typedef void apo_line_sink(void *of, const char *line, size_t len);

/*
 * Writes all lines for a recipient with these capabilities. is_batch: as a batch. outer: tags of
 * the first line (label) or of the first and the last one (batch) besides its own, without "@"; "":
 * none.
 */
void apo_multiline_write(struct apo_model *model, const struct apo_say *say, uint32_t caps,
			 bool is_batch, const char *outer, apo_line_sink *sink, void *of);
/* All lines in one text; NULL if memory is short. */
struct apo_text *apo_multiline_encode(struct apo_model *model, const struct apo_say *say,
				      uint32_t caps, bool is_batch);
/* Calls sink with the say for each line of the form without a batch. */
typedef void apo_say_sink(struct apo_model *model, const struct apo_say *say);
void apo_multiline_split(struct apo_model *model, const struct apo_say *say, apo_say_sink *sink);

/* Returns whether a client with these capabilities gets batches. */
static inline bool apo_multiline_is_known(uint32_t caps)
{
	return (caps & APO_CAP_MULTILINE) && (caps & APO_CAP_BATCH);
}

#endif
