/* SPDX-License-Identifier: MIT */
/* Messages of several lines, as each recipient gets them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/multiline.h"
#include "conversation/model/replies.h"

/* Longer client tags are sent with the first line only: each line repeats them. */
#define REPEATED_TAGS_BYTES_MAX 256
#define TAGS_BYTES_MAX (APO_SERVER_TAGS_BYTES_MAX + 2 * APO_LABEL_BYTES_MAX + 64)

bool apo_multiline_is(const char *text)
{
	return text && text[strcspn(text, "\n\r")];
}

/* ---- parts ---- */

struct part {
	const char *rest; /* NULL: this is the last one */
	bool is_first, is_concat;
	char text[APO_BODY_BYTES_MAX];
};

static void part_begin(struct part *part, const char *text)
{
	part->rest = text;
	part->is_first = true;
	part->is_concat = false;
}

static bool part_next(struct part *part)
{
	size_t len = part->rest ? strcspn(part->rest, "\n\r") : 0;
	char separator;

	if (!part->rest)
		return false;
	part->is_concat = !part->is_first && part->rest[-1] == '\r';
	part->is_first = false;
	snprintf(part->text, sizeof part->text, "%.*s", (int)len, part->rest);
	separator = part->rest[len];
	part->rest = separator ? part->rest + len + 1 : NULL;
	return true;
}

static void line_of(const struct apo_multiline *multiline, const char *text, struct apo_line *line)
{
	apo_line_print(line, multiline->source, "PRIVMSG %s :%s", multiline->target, text);
}

/* Fills in the lines that are not empty, one after the other, of the form without a batch. */
struct split {
	struct part part;
	struct apo_say say;
	struct apo_line line;
};

static void split_begin(struct split *split, const struct apo_say *say)
{
	part_begin(&split->part, say->multiline->text);
	split->say = *say;
	split->say.multiline = NULL;
	split->say.line = &split->line;
}

static bool split_next(struct split *split, const struct apo_say *say)
{
	while (part_next(&split->part)) {
		if (!split->part.text[0])
			continue;
		line_of(say->multiline, split->part.text, &split->line);
		return true;
	}
	return false;
}

/* After the first line: the message has one msgid. */
static void split_go_on(struct split *split)
{
	split->say.msgid = NULL;
	if (split->say.tags && strlen(split->say.tags) > REPEATED_TAGS_BYTES_MAX)
		split->say.tags = NULL;
}

void apo_multiline_split(struct apo_model *model, const struct apo_say *say, apo_say_sink *sink)
{
	struct split split;

	for (split_begin(&split, say); split_next(&split, say); split_go_on(&split))
		sink(model, &split.say);
}

/* ---- bytes ---- */

/* Writes a line with the tags outer and then those in tags ("@a=b ", or ""). */
static void emit(const char *outer, const char *tags, size_t tags_len, const struct apo_line *line,
		 apo_line_sink *sink, void *of)
{
	char bytes[TAGS_BYTES_MAX + APO_BODY_BYTES_MAX];
	size_t len = 0;

	if (*outer)
		len = (size_t)snprintf(bytes, sizeof bytes, "@%s%c", outer, tags_len ? ';' : ' ');
	if (*outer && tags_len) {
		tags++;
		tags_len--;
	}
	memcpy(bytes + len, tags, tags_len);
	memcpy(bytes + len + tags_len, line->bytes, line->len);
	sink(of, bytes, len + tags_len + line->len);
}

static void write_end(struct apo_model *model, const struct apo_say *say, uint32_t caps, char sign,
		      const char *outer, apo_line_sink *sink, void *of)
{
	char tags[APO_SERVER_TAGS_BYTES_MAX];
	size_t tags_len = sign == '+' ? apo_tags_write(model, say, caps, tags) : 0;
	struct apo_line line;

	if (sign == '+')
		apo_line_batch(&line, say->multiline->source, '+', model->last_batch,
			       "draft/multiline", say->multiline->target);
	else
		apo_line_batch(&line, model->config->server_name, '-', model->last_batch, NULL,
			       NULL);
	emit(outer, tags, tags_len, &line, sink, of);
}

static void write_batch(struct apo_model *model, const struct apo_say *say, uint32_t caps,
			const char *outer, apo_line_sink *sink, void *of)
{
	char inner[64];
	struct apo_line line;
	struct part part;

	model->last_batch++;
	write_end(model, say, caps, '+', outer, sink, of);
	part_begin(&part, say->multiline->text);
	while (part_next(&part)) {
		snprintf(inner, sizeof inner, "batch=%" PRIu64 "%s", model->last_batch,
			 part.is_concat ? ";draft/multiline-concat" : "");
		line_of(say->multiline, part.text, &line);
		emit(inner, "", 0, &line, sink, of);
	}
	write_end(model, say, caps, '-', strncmp(outer, "batch=", 6) == 0 ? outer : "", sink, of);
}

static void write_lines(struct apo_model *model, const struct apo_say *say, uint32_t caps,
			apo_line_sink *sink, void *of)
{
	char tags[APO_SERVER_TAGS_BYTES_MAX];
	struct split split;

	for (split_begin(&split, say); split_next(&split, say); split_go_on(&split))
		emit("", tags, apo_tags_write(model, &split.say, caps, tags), &split.line, sink,
		     of);
}

void apo_multiline_write(struct apo_model *model, const struct apo_say *say, uint32_t caps,
			 bool is_batch, const char *outer, apo_line_sink *sink, void *of)
{
	if (is_batch)
		write_batch(model, say, caps, outer, sink, of);
	else
		write_lines(model, say, caps, sink, of);
}

struct collected {
	char *bytes;
	size_t len, capacity;
	bool has_failed;
};

static void collect(void *of, const char *line, size_t len)
{
	struct collected *collected = of;
	size_t capacity = 2 * (collected->len + len);
	char *bytes;

	if (collected->len + len > collected->capacity && !collected->has_failed) {
		bytes = realloc(collected->bytes, capacity);
		collected->has_failed = !bytes;
		if (bytes) {
			collected->bytes = bytes;
			collected->capacity = capacity;
		}
	}
	if (collected->has_failed)
		return;
	memcpy(collected->bytes + collected->len, line, len);
	collected->len += len;
}

struct apo_text *apo_multiline_encode(struct apo_model *model, const struct apo_say *say,
				      uint32_t caps, bool is_batch)
{
	struct collected collected = {.bytes = NULL};
	struct apo_text *text = NULL;

	apo_multiline_write(model, say, caps, is_batch, "", collect, &collected);
	if (!collected.has_failed)
		text = apo_text_copy(collected.bytes, collected.len);
	free(collected.bytes);
	return text;
}
