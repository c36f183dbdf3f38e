/* SPDX-License-Identifier: MIT */
/* BATCH: collects the lines of a message that a client sends as a batch. */
#include "conversation/model/multiline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/irc/utf8.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/messages.h"
#include "conversation/model/replies.h"
#include "conversation/model/state_private.h"

#define TARGET_BYTES_MAX (APO_CHANNEL_BYTES_MAX + 2)

/* A batch that a client has opened. */
struct apo_client_batch {
	char reference[APO_MULTILINE_REFERENCE_BYTES_MAX + 1];
	char target[TARGET_BYTES_MAX + 1];
	char label[APO_LABEL_BYTES_MAX + 1]; /* of BATCH +; "": none, or it was answered */
	bool has_failed;                     /* the client knows; its further lines are ignored */
	bool has_text;                       /* a line is not empty */
	uint32_t line_count;
	uint32_t bytes; /* as max-bytes counts them */
	uint32_t len;   /* of text, with all separators */
	char *tags;     /* client-only tags, escaped; NULL: none */
	char text[APO_MULTILINE_BYTES_MAX + APO_MULTILINE_LINES_MAX + 1];
};

void apo_client_drop_batch(struct apo_client *client)
{
	if (!client->batch)
		return;
	free(client->batch->tags);
	free(client->batch);
	client->batch = NULL;
}

/* ---- refusals ---- */

/* The batch's answer is this one: with its label, if the turn is still silent. */
static void resume_label(struct apo_model *model, struct apo_client *client)
{
	struct apo_client_batch *batch = client->batch;

	if (batch && batch->label[0]) {
		apo_turn_begin(model, client, batch->label);
		batch->label[0] = '\0';
	}
}

static void fail(struct apo_model *model, struct apo_client *client, const char *code,
		 const char *about, const char *text)
{
	resume_label(model, client);
	if (client->batch)
		client->batch->has_failed = true;
	apo_fail_about(model, client, "BATCH", code, about, text);
}

static void fail_invalid(struct apo_model *model, struct apo_client *client, const char *text)
{
	fail(model, client, "MULTILINE_INVALID", NULL, text);
}

static void fail_limit(struct apo_model *model, struct apo_client *client, const char *code,
		       unsigned limit, const char *text)
{
	char number[16];

	snprintf(number, sizeof number, "%u", limit);
	fail(model, client, code, number, text);
}

static void fail_target(struct apo_model *model, struct apo_client *client, const char *target)
{
	char both[2 * APO_BODY_BYTES_MAX];

	snprintf(both, sizeof both, "%s %s", client->batch->target, apo_word(target));
	fail(model, client, "MULTILINE_INVALID_TARGET", both,
	     "All lines of a batch have the target of the batch");
}

/* ---- lines ---- */

static void add(struct apo_model *model, struct apo_client *client, const char *text,
		bool is_concat)
{
	struct apo_client_batch *batch = client->batch;
	bool is_first = batch->line_count == 0;
	size_t len = strlen(text), bytes = len + (!is_first && !is_concat);

	if (batch->line_count == APO_MULTILINE_LINES_MAX) {
		fail_limit(model, client, "MULTILINE_MAX_LINES", APO_MULTILINE_LINES_MAX,
			   "The message has too many lines");
		return;
	}
	if (batch->bytes + bytes > APO_MULTILINE_BYTES_MAX) {
		fail_limit(model, client, "MULTILINE_MAX_BYTES", APO_MULTILINE_BYTES_MAX,
			   "The message has too many bytes");
		return;
	}
	if (!is_first)
		batch->text[batch->len++] = is_concat ? '\r' : '\n';
	memcpy(batch->text + batch->len, text, len + 1);
	batch->len += (uint32_t)len;
	batch->bytes += (uint32_t)bytes;
	batch->line_count++;
	batch->has_text |= len > 0;
}

void apo_multiline_on_line(struct apo_model *model, struct apo_client *client,
			   const struct apo_message *message)
{
	const char *reference = apo_message_tag(message, "batch");
	bool is_concat = apo_message_tag(message, "draft/multiline-concat") != NULL;
	struct apo_client_batch *batch = client->batch;

	if (!batch || strcmp(batch->reference, reference) != 0)
		fail_invalid(model, client, "There is no such open batch");
	else if (batch->has_failed)
		return;
	else if (strcasecmp(message->command, "PRIVMSG") != 0 || message->param_count < 2)
		fail_invalid(model, client, "A batch consists of PRIVMSG with a target and a text");
	else if (!apo_is_same(message->params[0], batch->target))
		fail_target(model, client, message->params[0]);
	else if (is_concat && !*message->params[1])
		fail_invalid(model, client, "An empty line cannot continue the line before it");
	else
		add(model, client, message->params[1], is_concat);
}

/* ---- BATCH ---- */

static bool is_target(const char *target)
{
	return strlen(target) <= TARGET_BYTES_MAX && apo_is_word(target) && !strchr(target, ',');
}

static void open_batch(struct apo_model *model, struct apo_client *client,
		       const struct apo_message *message)
{
	const char *reference = message->params[0] + 1;
	char tags[APO_CLIENT_TAGS_BYTES_MAX];
	struct apo_client_batch *batch;

	if (!*reference || strlen(reference) > APO_MULTILINE_REFERENCE_BYTES_MAX) {
		fail_invalid(model, client, "The reference is empty or too long");
		return;
	}
	if (strcmp(message->params[1], "draft/multiline") != 0 || !is_target(message->params[2])) {
		fail_invalid(model, client, "A batch has the type draft/multiline and one target");
		return;
	}
	if (apo_targets_have_service(message->params[2])) {
		fail_invalid(model, client, "A service takes single lines only");
		return;
	}
	batch = client->batch = calloc(1, sizeof *batch);
	if (!batch ||
	    apo_text_set(&batch->tags, apo_relayed_tags(client, message, tags, sizeof tags)) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	strcpy(batch->reference, reference);
	strcpy(batch->target, message->params[2]);
	strcpy(batch->label, model->turn.is_labeled ? model->turn.label : "");
	apo_turn_defer(model);
}

static void close_batch(struct apo_model *model, struct apo_client *client, const char *reference)
{
	struct apo_client_batch *batch = client->batch;

	if (!batch || strcmp(batch->reference, reference) != 0) {
		fail_invalid(model, client, "There is no such open batch");
		return;
	}
	if (!batch->has_failed && !batch->has_text)
		fail_invalid(model, client, "The batch has no text");
	if (!batch->has_failed) {
		resume_label(model, client);
		apo_post_multiline(model, client, batch->target, batch->tags, batch->text);
	}
	apo_client_drop_batch(client);
}

/* One batch at a time: a second one ends the first. */
void apo_on_batch(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	const char *reference = message->params[0];

	if (!(client->caps & APO_CAP_MULTILINE)) {
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, "BATCH");
	} else if (*reference == '+') {
		if (client->batch && !client->batch->has_failed)
			fail_invalid(model, client, "Another batch was open");
		apo_client_drop_batch(client);
		open_batch(model, client, message);
	} else if (*reference == '-') {
		close_batch(model, client, reference + 1);
	} else {
		fail_invalid(model, client, "BATCH takes +reference or -reference");
	}
}

/* ---- hand-over to another process ---- */

static uint32_t lines_of(const struct apo_client_batch *batch)
{
	uint32_t lines = batch->len > 0 || batch->line_count > 0, i;

	for (i = 0; i < batch->len; i++)
		lines += batch->text[i] == '\n' || batch->text[i] == '\r';
	return lines;
}

static void serialize_text(struct apo_serializer *serializer, struct apo_client_batch *batch)
{
	apo_serializer_u32(serializer, &batch->line_count);
	apo_serializer_u32(serializer, &batch->bytes);
	apo_serializer_u32(serializer, &batch->len);
	apo_serializer_expect(serializer, batch->line_count <= APO_MULTILINE_LINES_MAX &&
						  batch->bytes <= batch->len &&
						  batch->bytes <= APO_MULTILINE_BYTES_MAX &&
						  batch->len < sizeof batch->text);
	if (!serializer->ok)
		return;
	apo_serializer_bytes(serializer, batch->text, batch->len);
	apo_serializer_expect(serializer, !memchr(batch->text, '\0', batch->len) &&
						  apo_utf8_is_valid(batch->text, batch->len) &&
						  lines_of(batch) == batch->line_count);
}

static void serialize(struct apo_serializer *serializer, struct apo_client_batch *batch)
{
	apo_serializer_string(serializer, batch->reference, sizeof batch->reference);
	apo_serializer_string(serializer, batch->target, sizeof batch->target);
	apo_serializer_expect(serializer, is_target(batch->target));
	apo_serializer_string(serializer, batch->label, sizeof batch->label);
	apo_serializer_flag(serializer, &batch->has_failed);
	apo_serializer_flag(serializer, &batch->has_text);
	apo_serializer_text(serializer, &batch->tags, APO_CLIENT_TAGS_BYTES_MAX);
	apo_serializer_expect(serializer, !batch->tags || apo_is_word(batch->tags));
	serialize_text(serializer, batch);
}

void apo_multiline_serialize(struct apo_state *state, struct apo_client *client)
{
	struct apo_serializer *serializer = state->serializer;
	bool is_there = client->batch != NULL;

	apo_serializer_flag(serializer, &is_there);
	if (!is_there || !serializer->ok)
		return;
	if (serializer->is_reading)
		client->batch = calloc(1, sizeof *client->batch);
	if (client->batch)
		serialize(serializer, client->batch);
	else
		serializer->ok = false;
}
