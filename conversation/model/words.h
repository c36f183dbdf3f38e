/* SPDX-License-Identifier: MIT */
/* words - packs a long list of words into as few numerics as possible. */
#ifndef APO_WORDS_H
#define APO_WORDS_H

#include "conversation/irc/numerics.h"
#include "conversation/model/model_private.h"

struct apo_words {
	enum apo_numeric numeric;
	char separator;
	const char *before; /* parameters before the words; NULL: none */
	bool is_open;
	struct apo_line line;
};

/* Adds the word to the line. Sends a full line first, and begins a line if none is open. */
void apo_words_add(struct apo_model *model, struct apo_client *client, struct apo_words *words,
		   const char *word);
/* Sends the open line, if there is one. */
void apo_words_end(struct apo_model *model, struct apo_client *client, struct apo_words *words);

/* Joins the parameters of a command, which a client may have sent with or without a colon. */
void apo_words_join(char to[APO_BODY_BYTES_MAX + 1], const struct apo_message *message);

#endif
