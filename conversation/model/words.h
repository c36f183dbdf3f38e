/* SPDX-License-Identifier: MIT */
/* words - many words, as few numerics as they fit in. */
#ifndef APO_WORDS_H
#define APO_WORDS_H

#include "conversation/irc/numerics.h"
#include "conversation/model/model_private.h"

struct apo_words {
	enum apo_numeric numeric;
	char separator;
	const char *before; /* parameters in front of the words; NULL: none */
	bool is_open;
	struct apo_line line;
};

/* Begins a line where none is, or where the word does not fit; a full one is told. */
void apo_words_add(struct apo_model *model, struct apo_client *client, struct apo_words *words,
		   const char *word);
/* What is left is told. */
void apo_words_end(struct apo_model *model, struct apo_client *client, struct apo_words *words);

#endif
