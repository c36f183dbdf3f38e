/* SPDX-License-Identifier: MIT */
#include "conversation/model/words.h"

#include <stdio.h>
#include <string.h>

#include "conversation/model/replies.h"

static void put(struct apo_line *line, char before, const char *word, size_t len)
{
	line->bytes[line->len++] = before;
	memcpy(line->bytes + line->len, word, len);
	line->len += len;
}

void apo_words_end(struct apo_model *model, struct apo_client *client, struct apo_words *words)
{
	if (!words->is_open)
		return;
	apo_line_end(&words->line);
	apo_tell(model, client, &words->line);
	words->is_open = false;
}

void apo_words_add(struct apo_model *model, struct apo_client *client, struct apo_words *words,
		   const char *word)
{
	size_t len = strlen(word);

	if (words->is_open && apo_line_room(&words->line) < len + 1)
		apo_words_end(model, client, words);
	if (words->is_open) {
		put(&words->line, words->separator, word, len);
		return;
	}
	apo_numeric_begin(model, client, &words->line, words->numeric);
	if (words->before)
		apo_line_param(&words->line, words->before);
	apo_line_last(&words->line, word);
	words->is_open = true;
}

void apo_words_join(char to[APO_BODY_BYTES_MAX + 1], const struct apo_message *message)
{
	size_t len = 0;
	unsigned i;

	to[0] = '\0';
	for (i = 0; i < message->param_count && len < APO_BODY_BYTES_MAX; i++)
		len += (size_t)snprintf(to + len, APO_BODY_BYTES_MAX + 1 - len, "%s%s",
					i ? " " : "", message->params[i]);
}
