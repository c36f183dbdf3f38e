/* SPDX-License-Identifier: MIT */
/*
 * One line of IRC: taken apart, and put together again from its parts, it has the same parts. The
 * mask matcher agrees with a slow one.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "conversation/irc/mask.h"
#include "conversation/irc/message.h"
#include "conversation/irc/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t join_tags(const struct apo_message *message, char *to, size_t cap)
{
	size_t len = 0, value_len;
	unsigned i;

	for (i = 0; i < message->tag_count; i++) {
		to[len] = i == 0 ? '@' : ';';
		len++;
		memcpy(to + len, message->tags[i].key, strlen(message->tags[i].key));
		len += strlen(message->tags[i].key);
		to[len++] = '=';
		value_len = apo_tag_escape(to + len, cap - len, message->tags[i].value);
		assert(value_len != SIZE_MAX);
		len += value_len;
	}
	if (len > 0)
		to[len++] = ' ';
	return len;
}

static void check_same(const struct apo_message *a, const struct apo_message *b)
{
	unsigned i;

	assert(strcmp(a->command, b->command) == 0);
	assert(a->param_count == b->param_count && a->tag_count == b->tag_count);
	for (i = 0; i < a->param_count; i++)
		assert(strcmp(a->params[i], b->params[i]) == 0);
	for (i = 0; i < a->tag_count; i++)
		assert(strcmp(apo_message_tag(b, a->tags[i].key), a->tags[i].value) == 0);
}

/* All parameters, the last with its colon, in what is left of the line: else the end is cut off, at
 * the beginning of a character, which can leave room. */
static bool fits(const struct apo_message *message, const struct apo_line *line)
{
	size_t bytes = 1;
	unsigned i;

	for (i = 0; i < message->param_count; i++)
		bytes += 1 + strlen(message->params[i]);
	return bytes <= apo_line_room(line);
}

/* Tags that were written without "=" get one: they may be too long then, and nothing else. */
static void check_again(const struct apo_message *message)
{
	static char again[3 * APO_LINE_BYTES_MAX];
	struct apo_message other;
	struct apo_line line;
	enum apo_message_verdict verdict;
	bool whole;
	unsigned i;
	size_t len;

	apo_line_begin(&line, NULL, message->command);
	whole = fits(message, &line);
	for (i = 0; i + 1 < message->param_count; i++)
		apo_line_param(&line, message->params[i]);
	if (i < message->param_count)
		apo_line_last(&line, message->params[i]);
	len = join_tags(message, again, sizeof again);
	memcpy(again + len, line.bytes, line.len);
	verdict = apo_message_parse(again, len + line.len, &other);
	if (verdict == APO_MESSAGE_TAGS_TOO_LONG)
		return;
	assert(verdict == APO_MESSAGE_OK);
	if (whole)
		check_same(message, &other);
}

static bool is_match_slow(const char *mask, const char *text)
{
	if (*mask == '\0')
		return *text == '\0';
	if (*mask == '*')
		return is_match_slow(mask + 1, text) || (*text && is_match_slow(mask, text + 1));
	if (*mask == '?')
		return *text && is_match_slow(mask + 1, text + 1);
	return apo_fold_char(*mask) == apo_fold_char(*text) && is_match_slow(mask + 1, text + 1);
}

/* The first bytes are a mask, the next a text: short, since the slow one is slow. */
static void check_masks(const uint8_t *data, size_t size)
{
	char mask[9], text[13];
	size_t i;

	for (i = 0; i < sizeof mask - 1 + sizeof text - 1 && i < size; i++)
		if (data[i] == 0 || data[i] >= 0x80)
			return;
	if (size < 20)
		return;
	memcpy(mask, data, 8);
	memcpy(text, data + 8, 12);
	mask[8] = text[12] = '\0';
	assert(apo_mask_is_match(mask, text) == is_match_slow(mask, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[APO_LINE_BYTES_MAX + 2];
	char whole[APO_MASK_BYTES_MAX];
	struct apo_message message;
	size_t len = size > APO_LINE_BYTES_MAX ? APO_LINE_BYTES_MAX + 1 : size;

	memcpy(line, data, len);
	if (apo_message_parse(line, len, &message) == APO_MESSAGE_OK) {
		check_again(&message);
		if (message.param_count > 0 &&
		    apo_mask_complete(whole, sizeof whole, message.params[0]))
			assert(strchr(whole, '!') && strchr(whole, '@'));
	}
	check_masks(data, size);
	return 0;
}
