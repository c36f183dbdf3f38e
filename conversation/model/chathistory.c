/* SPDX-License-Identifier: MIT */
/* CHATHISTORY: the question goes to the store, the answer comes in another turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/answers.h"
#include "conversation/model/commands.h"
#include "conversation/model/history_ask.h"
#include "conversation/model/multiline.h"
#include "conversation/model/replies.h"

static const struct way {
	const char *name;
	unsigned references;
} ways[] = {
#define WAY(name, references) {#name, references},
	APO_HISTORY_WAYS(WAY)
#undef WAY
};

/* ---- refusals ---- */

static void fail(struct apo_model *model, struct apo_client *client, const char *code,
		 const char *about, const char *what, const char *text)
{
	char both[2 * APO_BODY_BYTES_MAX];

	model->figures.history_refused++;
	if (*about)
		snprintf(both, sizeof both, "%s %s", apo_word(what), apo_word(about));
	else
		snprintf(both, sizeof both, "%s", apo_word(what));
	apo_fail_about(model, client, "CHATHISTORY", code, both, text);
}

static void fail_target(struct apo_model *model, struct apo_client *client, const char *way,
			const char *target)
{
	fail(model, client, "INVALID_TARGET", target, way, "Messages could not be retrieved");
}

static void fail_message(struct apo_model *model, struct apo_client *client, const char *way,
			 const char *target, const char *why)
{
	fail(model, client, "MESSAGE_ERROR", target, way, why);
}

/* ---- the question ---- */

static bool read_reference(struct apo_asking *asking, const char *text,
			   struct apo_reference *reference)
{
	static const char by_time[] = "timestamp=", by_id[] = "msgid=";
	enum apo_history_way way = asking->question.way;

	if (way == APO_HISTORY_LATEST && strcmp(text, "*") == 0)
		return true;
	if (strncmp(text, by_time, sizeof by_time - 1) == 0) {
		reference->kind = APO_REFERENCE_TIME;
		if (apo_stamp_read(text + sizeof by_time - 1, &reference->time_ms))
			return true;
		fail(asking->model, asking->client, "INVALID_PARAMS", text, asking->way,
		     "Invalid timestamp");
	} else if (strncmp(text, by_id, sizeof by_id - 1) == 0 && way != APO_HISTORY_TARGETS) {
		if (apo_msgid_read(text + sizeof by_id - 1, reference))
			return true;
		fail(asking->model, asking->client, "INVALID_PARAMS", text, asking->way,
		     "There is no such message");
	} else {
		fail(asking->model, asking->client, "INVALID_MSGREFTYPE", text, asking->way,
		     "A reference is timestamp=, or msgid= where that is possible");
	}
	return false;
}

static bool read_limit(struct apo_asking *asking, const char *text)
{
	long limit;
	char *end;

	if (*text >= '0' && *text <= '9') {
		limit = strtol(text, &end, 10);
		if (*end == '\0' && limit > 0) {
			asking->question.limit =
				limit < (long)asking->model->config->history_answer_max
					? (unsigned)limit
					: asking->model->config->history_answer_max;
			return true;
		}
	}
	fail(asking->model, asking->client, "INVALID_PARAMS", text, asking->way, "Invalid limit");
	return false;
}

static bool read_params(struct apo_asking *asking, const struct apo_message *message)
{
	const struct way *way = ways + asking->question.way;
	bool has_target = asking->question.way != APO_HISTORY_TARGETS;
	unsigned expected = 1 + has_target + way->references + 1, first = 1 + has_target;

	if (message->param_count != expected) {
		fail(asking->model, asking->client, "INVALID_PARAMS", "", asking->way,
		     message->param_count < expected ? "Insufficient parameters"
						     : "Too many parameters");
		return false;
	}
	asking->target = has_target ? message->params[1] : "";
	return read_reference(asking, message->params[first], &asking->question.first) &&
	       (way->references < 2 ||
		read_reference(asking, message->params[first + 1], &asking->question.second)) &&
	       read_limit(asking, message->params[expected - 1]);
}

static bool read_way(const char *text, enum apo_history_way *way)
{
	unsigned i;

	for (i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcasecmp(text, ways[i].name) == 0) {
			*way = (enum apo_history_way)i;
			return true;
		}
	return false;
}

void apo_on_chathistory(struct apo_model *model, struct apo_client *client,
			const struct apo_message *message)
{
	struct apo_asking asking = {.model = model, .client = client, .way = message->params[0]};
	bool is_found = true;

	if (!(client->caps & APO_CAP_CHATHISTORY)) {
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, "CHATHISTORY");
		return;
	}
	if (message->param_count == 0 || !read_way(message->params[0], &asking.question.way)) {
		fail(model, client, "INVALID_PARAMS", "", message->params[0], "Unknown subcommand");
		return;
	}
	asking.way = ways[asking.question.way].name;
	if (!read_params(&asking, message))
		return;
	if (apo_channel_is_meant(asking.target))
		is_found = apo_asking_find_channel(&asking);
	else if (asking.question.way != APO_HISTORY_TARGETS)
		is_found = apo_asking_find_other(&asking);
	/* Clients match the batch with their request by the name that they asked for. */
	snprintf(asking.shown, sizeof asking.shown, "%s", asking.target);
	if (!is_found)
		fail_target(model, client, asking.way, asking.target);
	else if (!apo_asking_send(&asking, NULL))
		fail_message(model, client, asking.way, asking.shown,
			     "Messages could not be retrieved");
}

/* ---- the answer ---- */

static void tell_said(struct apo_model *model, struct apo_client *client,
		      const struct apo_said *said)
{
	char msgid[APO_MSGID_BYTES];
	struct apo_multiline multiline = {said->source, said->target, said->text};
	struct apo_line line;

	snprintf(msgid, sizeof msgid, "%" PRIx64 "-%" PRIx64, said->run, (uint64_t)said->position);
	apo_line_print(&line, said->source, "%s %s :%s", said->is_notice ? "NOTICE" : "PRIVMSG",
		       said->target, said->text);
	apo_say_to(
		model, client,
		&(struct apo_say){.line = &line,
				  .msgid = msgid,
				  .account = said->account,
				  .tags = said->tags,
				  .at_ms = said->time_ms,
				  .multiline = apo_multiline_is(said->text) ? &multiline : NULL});
}

static void tell_target(struct apo_model *model, struct apo_client *client,
			const struct apo_said *said)
{
	char stamp[APO_STAMP_BYTES];

	apo_stamp_write(stamp, said->time_ms);
	apo_tell_print(model, client, model->config->server_name, "CHATHISTORY TARGETS %s %s",
		       said->target, stamp);
}

/* The answer to a question, with a copy of the page, since a slow client takes it in slices. */
struct telling {
	struct apo_answer answer;
	enum apo_history_way way;
	enum apo_asked asked;
	char target[APO_TARGET_SIZE];
	unsigned count, next;
	struct apo_said said[]; /* followed by their strings */
};

static void tell_failed(struct apo_model *model, struct apo_client *client,
			const struct telling *telling)
{
	const char *way = ways[telling->way].name;

	switch (telling->asked) {
	case APO_ASKED_DONE:
		break;
	case APO_ASKED_NO_TARGET:
		fail_target(model, client, way, telling->target);
		break;
	case APO_ASKED_NO_MESSAGE:
		fail(model, client, "INVALID_PARAMS", telling->target, way,
		     "There is no such message");
		break;
	case APO_ASKED_FORBIDDEN:
	case APO_ASKED_FAILED:
		fail_message(model, client, way, telling->target,
			     "Messages could not be retrieved");
		break;
	}
}

static bool tell(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	struct telling *telling = (struct telling *)answer;
	const struct apo_said *said;

	tell_failed(model, client, telling);
	while (telling->next < telling->count && !answer->is_cut) {
		said = telling->said + telling->next++;
		if (telling->way == APO_HISTORY_TARGETS)
			tell_target(model, client, said);
		else
			tell_said(model, client, said);
		if (apo_turn_is_long(model) && telling->next < telling->count)
			return false;
	}
	return true;
}

/* NULL if memory is short. */
static struct telling *telling_new(struct apo_model *model,
				   const struct apo_history_request *request, enum apo_asked asked,
				   const struct apo_page *page)
{
	unsigned count = asked == APO_ASKED_DONE ? page->count : 0, i;
	size_t size = sizeof(struct telling);
	struct telling *telling;
	char *at;

	for (i = 0; i < count; i++)
		size += apo_said_size(page->said[i]);
	telling = apo_answer_new(model, request->client, size, tell);
	if (!telling)
		return NULL;
	telling->way = request->way;
	telling->asked = asked;
	telling->count = count;
	memcpy(telling->target, request->target, sizeof telling->target);
	at = (char *)(telling->said + count);
	for (i = 0; i < count; i++)
		at = apo_said_copy(telling->said + i, page->said[i], at);
	return telling;
}

void apo_chathistory_on_answer(struct apo_model *model, const struct apo_history_request *request,
			       enum apo_asked asked, const struct apo_page *page)
{
	bool is_targets = request->way == APO_HISTORY_TARGETS;
	struct telling *telling = telling_new(model, request, asked, page);

	if (!telling)
		return;
	if (asked == APO_ASKED_DONE && (request->client->caps & APO_CAP_BATCH))
		apo_turn_batch(model, is_targets ? "draft/chathistory-targets" : "chathistory",
			       is_targets ? NULL : request->target);
	apo_answer_begin(model, request->client, &telling->answer);
}
