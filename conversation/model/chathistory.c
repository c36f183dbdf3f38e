/* SPDX-License-Identifier: MIT */
/* CHATHISTORY: the question goes to the store, the answer comes in another turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/answers.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/replies.h"

#define TARGET_SIZE (APO_CHANNEL_BYTES_MAX + 1)

/* A question that waits for its answer. */
struct apo_history_request {
	UT_hash_handle by_id;
	uint64_t id;
	struct apo_client *client; /* a reference */
	enum apo_history_way way;
	char target[TARGET_SIZE];            /* as the answer spells it; "": TARGETS */
	char label[APO_LABEL_BYTES_MAX + 1]; /* "": none */
};

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

/* ---- requests ---- */

static void request_free(struct apo_model *model, struct apo_history_request *request)
{
	HASH_DELETE(by_id, model->requests, request);
	request->client->history_count--;
	apo_client_put(request->client);
	free(request);
}

void apo_requests_forget(struct apo_model *model)
{
	struct apo_history_request *request, *next;

	HASH_ITER(by_id, model->requests, request, next)
	request_free(model, request);
}

/* NULL if memory is short. */
static struct apo_history_request *request_new(struct apo_model *model, struct apo_client *client,
					       enum apo_history_way way, const char *target)
{
	bool rudp_table_add_failed = false;
	struct apo_history_request *request = calloc(1, sizeof *request);

	if (!request)
		return NULL;
	request->id = ++model->last_ticket;
	HASH_ADD(by_id, model->requests, id, sizeof request->id, request);
	if (rudp_table_add_failed) {
		free(request);
		return NULL;
	}
	request->client = apo_client_get(client);
	client->history_count++;
	request->way = way;
	snprintf(request->target, sizeof request->target, "%s", target);
	memcpy(request->label, model->turn.label, sizeof request->label);
	apo_turn_defer(model);
	return request;
}

/* ---- the question ---- */

struct asking {
	struct apo_model *model;
	struct apo_client *client;
	const char *way;    /* the subcommand as the client wrote it */
	const char *target; /* "": TARGETS */
	char shown[TARGET_SIZE];
	struct apo_question question;
};

static const char hex_digits[] = "0123456789abcdef";

static uint64_t read_hex(const char *text, size_t len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 4 | (uint64_t)(strchr(hex_digits, *text++) - hex_digits);
	return value;
}

/* "run-position", both in the hexadecimal digits that the server writes. */
static bool read_msgid(const char *text, struct apo_reference *reference)
{
	size_t run_len = strspn(text, hex_digits), position_len;

	if (run_len == 0 || run_len > 16 || text[run_len] != '-')
		return false;
	position_len = strspn(text + run_len + 1, hex_digits);
	if (position_len == 0 || position_len > 15 || text[run_len + 1 + position_len])
		return false;
	reference->kind = APO_REFERENCE_MSGID;
	reference->run = read_hex(text, run_len);
	reference->position = (int64_t)read_hex(text + run_len + 1, position_len);
	return true;
}

static bool read_reference(struct asking *asking, const char *text, struct apo_reference *reference)
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
		if (read_msgid(text + sizeof by_id - 1, reference))
			return true;
		fail(asking->model, asking->client, "INVALID_PARAMS", text, asking->way,
		     "There is no such message");
	} else {
		fail(asking->model, asking->client, "INVALID_MSGREFTYPE", text, asking->way,
		     "A reference is timestamp=, or msgid= where that is possible");
	}
	return false;
}

static bool read_limit(struct asking *asking, const char *text)
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

static bool read_params(struct asking *asking, const struct apo_message *message)
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

static bool find_channel(struct asking *asking, char folded[TARGET_SIZE])
{
	const struct apo_channel *channel = apo_channel_find(asking->model, asking->target);
	struct apo_membership *membership =
		channel ? apo_membership_find(asking->model, asking->client, channel) : NULL;

	if (!apo_channel_is_valid(asking->target, APO_CHANNEL_BYTES_MAX))
		return false;
	apo_fold(folded, TARGET_SIZE, asking->target);
	asking->question.channel = folded;
	snprintf(asking->shown, sizeof asking->shown, "%s",
		 membership ? channel->name : asking->target);
	asking->question.is_member = membership != NULL;
	if (membership)
		asking->question.since = membership->since;
	return membership || asking->client->account;
}

/* The nick means the account of its current user, if that user is logged in, else the account of
 * that name. */
static bool find_other(struct asking *asking)
{
	const struct apo_client *other = apo_client_named(asking->model, asking->target);

	if (!asking->client->account || !apo_nick_is_valid(asking->target, APO_NICK_BYTES_MAX))
		return false;
	asking->question.other = other && other->account ? other->account : asking->target;
	snprintf(asking->shown, sizeof asking->shown, "%s", other ? other->nick : asking->target);
	return true;
}

static void ask(struct asking *asking)
{
	struct apo_model *model = asking->model;
	struct apo_history_request *request;

	request = request_new(model, asking->client, asking->question.way, asking->shown);
	if (!request) {
		fail_message(model, asking->client, asking->way, asking->shown,
			     "Messages could not be retrieved");
		return;
	}
	model->figures.history_asked++;
	asking->question.account = asking->client->account;
	model->calls->ask_history(model->of, request->id, &asking->question);
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
	struct asking asking = {.model = model, .client = client, .way = message->params[0]};
	char folded[TARGET_SIZE];
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
		is_found = find_channel(&asking, folded);
	else if (asking.question.way != APO_HISTORY_TARGETS)
		is_found = find_other(&asking);
	if (is_found)
		ask(&asking);
	else
		fail_target(model, client, asking.way, asking.target);
}

/* ---- the answer ---- */

static void tell_said(struct apo_model *model, struct apo_client *client,
		      const struct apo_said *said)
{
	char msgid[APO_MSGID_BYTES];
	struct apo_line line;

	snprintf(msgid, sizeof msgid, "%" PRIx64 "-%" PRIx64, said->run, (uint64_t)said->position);
	apo_line_begin(&line, said->source, said->is_notice ? "NOTICE" : "PRIVMSG");
	apo_line_param(&line, said->target);
	apo_line_last(&line, said->text);
	apo_line_end(&line);
	apo_say_to(model, client,
		   &(struct apo_say){.line = &line,
				     .msgid = msgid,
				     .account = said->account,
				     .tags = said->tags,
				     .at_ms = said->time_ms});
}

static void tell_target(struct apo_model *model, struct apo_client *client,
			const struct apo_said *said)
{
	char stamp[APO_STAMP_BYTES];
	struct apo_line line;

	apo_stamp_write(stamp, said->time_ms);
	apo_line_begin(&line, model->config->server_name, "CHATHISTORY");
	apo_line_param(&line, "TARGETS");
	apo_line_param(&line, said->target);
	apo_line_param(&line, stamp);
	apo_line_end(&line);
	apo_tell(model, client, &line);
}

/* The answer to a question, with a copy of the page, since a slow client takes it in slices. */
struct telling {
	struct apo_answer answer;
	enum apo_history_way way;
	enum apo_asked asked;
	char target[TARGET_SIZE];
	unsigned count, next;
	struct apo_said said[]; /* followed by their strings */
};

#define STRINGS 5

static void strings_of(struct apo_said *said, const char **strings[STRINGS])
{
	strings[0] = &said->source;
	strings[1] = &said->target;
	strings[2] = &said->text;
	strings[3] = &said->account;
	strings[4] = &said->tags;
}

static size_t size_of(struct apo_said *said)
{
	const char **strings[STRINGS];
	size_t size = sizeof *said;
	unsigned i;

	strings_of(said, strings);
	for (i = 0; i < STRINGS; i++)
		size += *strings[i] ? strlen(*strings[i]) + 1 : 0;
	return size;
}

/* Returns the place for the next strings. */
static char *copy_said(struct apo_said *to, const struct apo_said *from, char *at)
{
	const char **strings[STRINGS], *text;
	unsigned i;

	*to = *from;
	to->channel = to->between[0] = to->between[1] = NULL;
	strings_of(to, strings);
	for (i = 0; i < STRINGS; i++)
		if ((text = *strings[i])) {
			*strings[i] = at;
			at = stpcpy(at, text) + 1;
		}
	return at;
}

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
		size += size_of(page->said[i]);
	telling = apo_answer_new(model, request->client, size, tell);
	if (!telling)
		return NULL;
	telling->way = request->way;
	telling->asked = asked;
	telling->count = count;
	memcpy(telling->target, request->target, sizeof telling->target);
	at = (char *)(telling->said + count);
	for (i = 0; i < count; i++)
		at = copy_said(telling->said + i, page->said[i], at);
	return telling;
}

static void answer(struct apo_model *model, const struct apo_history_request *request,
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

void apo_model_on_history(struct apo_model *model, uint64_t id, enum apo_asked asked,
			  const struct apo_page *page, int64_t now_at_ns)
{
	struct apo_history_request *request;

	model->now_at_ns = now_at_ns;
	HASH_FIND(by_id, model->requests, &id, sizeof id, request);
	if (!request)
		return;
	if (!request->client->is_gone) {
		apo_turn_begin(model, request->client, request->label);
		answer(model, request, asked, page);
	}
	request_free(model, request);
	apo_turn_end(model);
}
