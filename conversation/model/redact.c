/* SPDX-License-Identifier: MIT */
/*
 * REDACT (IRCv3 draft/message-redaction): removes a message from history, and tells those who have
 * received it.
 *
 * Permission  Users may redact their own messages, operators of a channel those of the channel
 *             since it was created, operators of the server all of any channel. The store decides,
 *             since it has the message.
 * Order       The store answers when the message is gone. Then the others are told. Of several
 *             copies (shared.h) the client's own node asks its store whether the client may; then
 *             all copies remove the message and tell their clients.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channel_queries.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/history_ask.h"
#include "conversation/model/messages.h"
#include "conversation/model/audit.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared_private.h"

static void fail(struct apo_model *model, struct apo_client *client, const char *code,
		 const char *target, const char *msgid, const char *text)
{
	char about[2 * APO_BODY_BYTES_MAX];

	snprintf(about, sizeof about, "%s%s%s", apo_word(target), *msgid ? " " : "",
		 *msgid ? apo_word(msgid) : "");
	apo_fail_about(model, client, "REDACT", code, about, text);
}

static void fail_unknown(struct apo_model *model, struct apo_client *client, const char *target,
			 const char *msgid)
{
	fail(model, client, "UNKNOWN_MSGID", target, msgid,
	     "This message does not exist, or is too old");
}

/* ---- the question ---- */

static bool find_channel(struct apo_asking *asking)
{
	const struct apo_channel *channel = apo_channel_find(asking->model, asking->target);

	if (!channel)
		return false;
	(void)apo_asking_find_channel(asking);
	if (asking->client->is_operator)
		asking->question.oversees_ms = INT64_MIN;
	else if (apo_is_operator_in(asking->model, asking->client, channel))
		asking->question.oversees_ms = channel->created_at_s * 1000;
	snprintf(asking->shown, sizeof asking->shown, "%s", channel->name);
	return asking->client->is_operator || asking->question.is_member;
}

static bool find_target(struct apo_asking *asking)
{
	asking->question.oversees_ms = INT64_MAX;
	if (apo_channel_is_meant(asking->target))
		return find_channel(asking);
	return apo_asking_find_other(asking);
}

static struct apo_redaction *redaction_new(const struct apo_asking *asking,
					   const struct apo_message *message)
{
	char reason[APO_BODY_BYTES_MAX];
	struct apo_redaction *redaction;

	apo_cut(reason, message->params[2], asking->model->config->kick_len_max);
	redaction = calloc(1, sizeof *redaction + strlen(reason) + 1);
	if (!redaction)
		return NULL;
	snprintf(redaction->msgid, sizeof redaction->msgid, "%s", message->params[1]);
	if (asking->question.other)
		snprintf(redaction->account, sizeof redaction->account, "%s",
			 asking->question.other);
	strcpy(redaction->reason, reason);
	return redaction;
}

static void ask(struct apo_asking *asking, const struct apo_message *message)
{
	struct apo_redaction *redaction = redaction_new(asking, message);

	asking->question.way = asking->model->shared ? APO_HISTORY_MAY_REDACT : APO_HISTORY_REDACT;
	asking->question.nick = asking->client->nick;
	asking->question.nick_since = asking->client->nick_since;
	if (!redaction || !apo_asking_send(asking, redaction))
		apo_client_end(asking->model, asking->client, "Out of memory");
}

void apo_on_redact(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	struct apo_asking asking = {.model = model, .client = client, .target = message->params[0]};
	const char *msgid = message->params[1];
	bool is_msgid =
		strlen(msgid) < APO_MSGID_BYTES && apo_msgid_read(msgid, &asking.question.first);

	if (!(client->caps & APO_CAP_MESSAGE_REDACTION))
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, "REDACT");
	else if (!find_target(&asking) &&
		 (apo_channel_is_meant(asking.target) || !apo_client_named(model, asking.target)))
		fail(model, client, "INVALID_TARGET", asking.target, "",
		     "You cannot redact messages there");
	else if (!is_msgid || (asking.question.channel == NULL && asking.question.other == NULL))
		fail_unknown(model, client, asking.target, msgid);
	else
		ask(&asking, message);
}

/* ---- telling it ---- */

/* A client that may not speak in the channel may not give a reason either. */
static void say_to_channel(struct apo_model *model, struct apo_client *client,
			   struct apo_line *line, const struct apo_history_request *request,
			   struct apo_say *say)
{
	const struct apo_channel *channel = apo_channel_find(model, request->target);

	if (*request->redaction->reason &&
	    (client->is_operator || (channel && apo_may_speak(model, client, channel))))
		apo_line_last(line, request->redaction->reason);
	apo_line_end(line);
	if (channel)
		apo_say_channel(model, channel, say,
				&(struct apo_audience){.with = APO_CAP_MESSAGE_REDACTION,
						       .except = client});
}

static void say_to_other(struct apo_model *model, const struct apo_client *client,
			 struct apo_line *line, const struct apo_history_request *request,
			 struct apo_say *say)
{
	struct apo_client *other = apo_client_named(model, request->target);

	if (*request->redaction->reason)
		apo_line_last(line, request->redaction->reason);
	apo_line_end(line);
	if (other && other != client && (other->caps & APO_CAP_MESSAGE_REDACTION) &&
	    other->account && apo_is_same(other->account, request->redaction->account))
		apo_say_to(model, other, say);
}

/* The client itself always gets the line: it is the answer. */
static void say_redaction(struct apo_model *model, struct apo_client *client,
			  const struct apo_history_request *request)
{
	char msgid[APO_MSGID_BYTES];
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);

	snprintf(msgid, sizeof msgid, "%" PRIx64 "-%" PRIx64, model->run, ++model->last_msgid);
	say.msgid = msgid;
	apo_line_from(&line, client, "REDACT");
	apo_line_param(&line, request->target);
	apo_line_param(&line, request->redaction->msgid);
	if (*request->redaction->account)
		say_to_other(model, client, &line, request, &say);
	else
		say_to_channel(model, client, &line, request, &say);
	apo_say_to(model, client, &say);
	model->figures.redactions++;
	if (client->is_operator)
		apo_audit_note(model, "redact", "%s in %s by %s", request->redaction->msgid,
			       request->target, client->nick);
}

/* ---- copies of the model ---- */

static void serialize(struct apo_serializer *serializer, struct apo_history_request *request,
		      char reason[APO_BODY_BYTES_MAX])
{
	struct apo_redaction *redaction = request->redaction;

	apo_serializer_string(serializer, request->label, sizeof request->label);
	apo_serializer_string(serializer, request->target, sizeof request->target);
	apo_serializer_string(serializer, redaction->msgid, sizeof redaction->msgid);
	apo_serializer_string(serializer, redaction->account, sizeof redaction->account);
	apo_serializer_string(serializer, reason, APO_BODY_BYTES_MAX);
}

static void propose(struct apo_model *model, const struct apo_history_request *request)
{
	struct apo_history_request copy = *request;
	struct apo_serializer serializer;
	char reason[APO_BODY_BYTES_MAX];

	strcpy(reason, request->redaction->reason);
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_REDACT, apo_shared_number(model, request->client));
	serialize(&serializer, &copy, reason);
	if (!apo_shared_propose_command(model, request->client, &serializer))
		apo_shared_refuse(model, request->client, "REDACT");
}

static void apply(struct apo_model *model, const struct apo_history_request *request)
{
	struct apo_reference message;

	if (!apo_msgid_read(request->redaction->msgid, &message))
		return;
	model->calls->keep_change(model->of, &(struct apo_change){.kind = APO_CHANGE_REDACTED,
								  .run = message.run,
								  .position = message.position});
	apo_turn_begin(model, request->client, request->label);
	say_redaction(model, request->client, request);
	apo_turn_end(model);
}

void apo_redact_apply(struct apo_model *model, struct apo_client *client,
		      struct apo_serializer *serializer)
{
	struct apo_history_request request = {.client = client};
	char reason[APO_BODY_BYTES_MAX];

	client->is_proposing = false;
	request.redaction = calloc(1, sizeof *request.redaction + sizeof reason);
	if (request.redaction)
		serialize(serializer, &request, reason);
	if (request.redaction && serializer->ok && apo_history_is_on(model)) {
		strcpy(request.redaction->reason, reason);
		apply(model, &request);
	}
	free(request.redaction);
}

/* ---- the answer of the store ---- */

void apo_redact_on_answer(struct apo_model *model, const struct apo_history_request *request,
			  enum apo_asked asked)
{
	struct apo_client *client = request->client;
	const char *msgid = request->redaction->msgid;

	switch (asked) {
	case APO_ASKED_DONE:
		if (model->shared)
			propose(model, request);
		else
			say_redaction(model, client, request);
		break;
	case APO_ASKED_NO_TARGET:
	case APO_ASKED_NO_MESSAGE:
		fail_unknown(model, client, request->target, msgid);
		break;
	case APO_ASKED_FORBIDDEN:
		fail(model, client, "REDACT_FORBIDDEN", request->target, msgid,
		     "You are not authorised to redact this message");
		break;
	case APO_ASKED_FAILED:
		fail(model, client, "INTERNAL_ERROR", request->target, msgid,
		     "The message could not be removed");
		break;
	}
}
