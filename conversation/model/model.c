/* SPDX-License-Identifier: MIT */
#include "conversation/model/model.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/utf8.h"
#include "conversation/model/accounts.h"
#include "conversation/model/answers.h"
#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/caps.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/nickserv.h"
#include "conversation/model/operator.h"
#include "conversation/model/replies.h"
#include "conversation/model/registry.h"
#include "conversation/model/receipts.h"
#include "conversation/model/server.h"
#include "conversation/model/shared_accounts.h"
#include "conversation/model/registration.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"
#include "conversation/model/whowas.h"

#define DAY_NS (86400 * RUDP_NS_PER_S)

/* ---- life ---- */

static int allocate(struct apo_model *model)
{
	model->gathers = calloc((size_t)model->workers * APO_VARIANTS, sizeof *model->gathers);
	model->command_counts = calloc(apo_command_count, sizeof *model->command_counts);
	if (!model->gathers || !model->command_counts)
		return -ENOMEM;
	if (model->calls->propose && !(model->shared = calloc(1, sizeof *model->shared)))
		return -ENOMEM;
	if (apo_bans_init(model) < 0 || apo_audit_init(model) < 0)
		return -ENOMEM;
	return apo_receipts_init(model);
}

struct apo_model *apo_model_new(const struct apo_model_start *start)
{
	struct apo_model *model = calloc(1, sizeof *model);
	unsigned i;

	if (!model)
		return NULL;
	assert(start->workers >= 1 && start->workers <= APO_WORKERS_MAX);
	assert(!start->calls->propose || start->workers <= APO_REMOTE_WORKER);
	model->config = start->config;
	model->calls = start->calls;
	model->of = start->of;
	model->workers = start->workers;
	model->run = start->run;
	model->now_at_ns = model->started_at_ns = start->now_at_ns;
	model->started_ms = start->wall_ms;
	model->stamp_ms = INT64_MIN;
	apo_model_set_wall(model, start->wall_ms, start->now_at_ns);
	rudp_timer_wheel_init(&model->wheel, start->now_at_ns);
	model->last_msgid = (uint64_t)start->last_position;
	model->slice_bytes = start->slice_bytes ? start->slice_bytes : APO_SLICE_BYTES;
	rudp_list_init(&model->ending);
	rudp_list_init(&model->ready);
	rudp_list_init(&model->channel_order);
	rudp_list_init(&model->registrations);
	rudp_list_init(&model->former_user_order);
	for (i = 0; i < APO_THROTTLE_USES; i++)
		rudp_list_init(&model->throttle_order[i]);
	if (allocate(model) < 0) {
		apo_model_free(model);
		return NULL;
	}
	return model;
}

void apo_model_free(struct apo_model *model)
{
	model->is_forgetting = true;
	if (model->receipts)
		apo_receipts_fini(model);
	apo_requests_forget(model);
	apo_clients_forget(model);
	apo_shared_free(model);
	apo_channels_forget(model);
	apo_whowas_clear(model);
	apo_accounts_forget(model);
	apo_throttles_forget(model);
	if (model->bans)
		apo_bans_fini(model);
	if (model->audit)
		apo_audit_fini(model);
	free(model->gathers);
	free(model->command_counts);
	free(model);
}

void apo_model_set_wall(struct apo_model *model, int64_t wall_ms, int64_t now_at_ns)
{
	model->wall_ms = wall_ms;
	model->wall_at_ns = now_at_ns;
}

int64_t apo_wall_ms(const struct apo_model *model)
{
	return model->wall_ms + (model->now_at_ns - model->wall_at_ns) / RUDP_NS_PER_MS;
}

int64_t apo_wall_s(const struct apo_model *model)
{
	return apo_wall_ms(model) / 1000;
}

int64_t apo_wall_due_at_ns(const struct apo_model *model, int64_t wall_s)
{
	if (wall_s - model->wall_ms / 1000 > DAY_NS / RUDP_NS_PER_S)
		return model->now_at_ns + DAY_NS;
	return model->wall_at_ns + (wall_s * 1000 - model->wall_ms) * RUDP_NS_PER_MS;
}

/* ---- all clients ---- */

struct before {
	uint32_t caps[2]; /* offered to clients that are not secure, and that are */
	bool is_isupport_other;
};

static void tell_changes(struct apo_model *model, struct apo_client *client,
			 const struct before *before)
{
	apo_caps_tell_changes(model, client, before->caps[client->is_secure]);
	if (before->is_isupport_other && client->is_registered)
		apo_isupport_tell(model, client);
}

const struct apo_model_config *apo_model_configure(struct apo_model *model,
						   const struct apo_model_config *config)
{
	const struct apo_model_config *old = model->config;
	struct apo_client sample = {.is_secure = false};
	struct apo_client *client;
	struct before before;

	before.caps[0] = apo_caps_offered(model, &sample);
	sample.is_secure = true;
	before.caps[1] = apo_caps_offered(model, &sample);
	before.is_isupport_other = apo_isupport_is_other(old, config);
	model->config = config;
	apo_whowas_trim(model);
	APO_OWN_CLIENTS_EACH(client, model)
		tell_changes(model, client, &before);
	apo_turn_end(model);
	return old;
}

void apo_model_end(struct apo_model *model, const char *reason, int64_t now_at_ns)
{
	struct apo_client *client;

	model->now_at_ns = now_at_ns;
	if (model->end_reason[0])
		return;
	snprintf(model->end_reason, sizeof model->end_reason, "%s", reason);
	APO_OWN_CLIENTS_EACH(client, model)
		apo_client_end(model, client, model->end_reason);
	apo_turn_end(model);
}

/* ---- events ---- */

void apo_model_on_connected(struct apo_model *model, struct apo_peer who,
			    const struct apo_peer_facts *facts, int64_t now_at_ns)
{
	const struct apo_ban *ban;
	struct apo_client *client;

	model->now_at_ns = now_at_ns;
	ban = apo_ban_of_address(model, facts->address);
	if (ban) {
		apo_ban_refuse(model, who, facts->host, ban);
		return;
	}
	client = apo_client_new(model, who, facts);
	if (!client)
		model->calls->close(model->of, who, NULL);
	else if (model->end_reason[0])
		apo_client_end(model, client, model->end_reason);
	else if (model->figures.clients + model->figures.unregistered > model->config->clients_max)
		apo_client_end(model, client, "This server is full");
	apo_turn_end(model);
}

/* A line that is refused may still have a valid label. */
static const char *label_of(const struct apo_message *message)
{
	const char *label = apo_message_tag(message, "label");

	if (!label || strlen(label) > APO_LABEL_BYTES_MAX ||
	    !apo_utf8_is_valid(label, strlen(label)))
		return NULL;
	return label;
}

static void fail_utf8(struct apo_model *model, struct apo_client *client, const char *command)
{
	apo_fail(model, client, command, "INVALID_UTF8", "The line was dropped: it is not UTF-8");
}

static void handle(struct apo_model *model, struct apo_client *client,
		   enum apo_message_verdict verdict, struct apo_message *message, bool is_utf8)
{
	switch (verdict) {
	case APO_MESSAGE_EMPTY:
		return;
	case APO_MESSAGE_TAGS_TOO_LONG:
	case APO_MESSAGE_TOO_LONG:
		apo_reply(model, client, ERR_INPUTTOOLONG);
		break;
	case APO_MESSAGE_BAD:
		if (is_utf8)
			apo_reply(model, client, ERR_UNKNOWNCOMMAND,
				  message->command ? apo_word(message->command) : "*");
		else
			fail_utf8(model, client, "*");
		break;
	case APO_MESSAGE_OK:
		if (is_utf8) {
			apo_command_run(model, client, message);
			return;
		}
		fail_utf8(model, client, message->command);
		break;
	}
	model->figures.lines_refused++;
}

void apo_line_handle(struct apo_model *model, struct apo_client *client, const char *line,
		     size_t len)
{
	char copy[APO_LINE_BYTES_MAX + 2];
	struct apo_message message;
	enum apo_message_verdict verdict;
	bool is_utf8;

	memcpy(copy, line, len);
	is_utf8 = apo_utf8_is_valid(copy, len);
	verdict = apo_message_parse(copy, len, &message);
	apo_turn_begin(model, client, label_of(&message));
	if (verdict == APO_MESSAGE_OK && is_utf8 && apo_shared_wants(model, client, &message))
		apo_shared_propose_line(model, client, &message, line, len);
	else
		handle(model, client, verdict, &message, is_utf8);
	apo_turn_end(model);
}

void apo_model_on_line(struct apo_model *model, struct apo_peer who, const char *line, size_t len,
		       int64_t now_at_ns)
{
	struct apo_client *client = apo_client_at(model, who);

	model->now_at_ns = now_at_ns;
	if (!client)
		return;
	client->heard_at_ns = now_at_ns;
	model->figures.lines++;
	len = len > APO_LINE_BYTES_MAX ? APO_LINE_BYTES_MAX + 1 : len;
	if (!client->backlog && !client->is_proposing) {
		apo_line_handle(model, client, line, len);
		return;
	}
	apo_answers_hold_line(model, client, line, len);
	apo_turn_end(model);
}

void apo_model_on_closed(struct apo_model *model, struct apo_peer who, const char *reason,
			 int64_t now_at_ns)
{
	struct apo_client *client = apo_client_at(model, who);

	model->now_at_ns = now_at_ns;
	/* The log keeps the order of lines and end; answers are not read any more. */
	if (client && model->shared && client->is_registered) {
		client->is_unconnected = true;
		apo_answers_hasten_lines(model, who);
		client = apo_client_at(model, who);
	}
	if (!client)
		return;
	apo_client_closed(model, client, reason);
	apo_turn_end(model);
}

void apo_model_on_receipt(struct apo_model *model, uint64_t watch, uint32_t recipient, bool arrived,
			  int64_t now_at_ns)
{
	model->now_at_ns = now_at_ns;
	apo_receipts_on_receipt(model, watch, recipient, arrived);
	apo_turn_end(model);
}

/* Copies the ticket and uses it up, and begins its client's turn with the label of its command.
 * NULL: the client has gone meanwhile. */
static struct apo_client *take_ticket(struct apo_model *model, uint64_t id, struct apo_ticket *copy)
{
	struct apo_ticket *ticket = apo_ticket_find(model, id);
	struct apo_client *client;

	if (!ticket)
		return NULL;
	client = ticket->client;
	*copy = *ticket;
	apo_turn_begin(model, client, ticket->label);
	apo_ticket_drop(model, client);
	return client;
}

void apo_model_on_checked(struct apo_model *model, uint64_t id, enum apo_checked result,
			  const char *text, int64_t now_at_ns)
{
	struct apo_ticket ticket;
	struct apo_client *client;

	model->now_at_ns = now_at_ns;
	client = take_ticket(model, id, &ticket);
	if (!client)
		return;
	if (model->shared && apo_shared_on_checked(model, client, &ticket, result, text)) {
		apo_turn_end(model);
		return;
	}
	switch (ticket.kind) {
	case APO_TICKET_PASS:
		apo_registration_on_password(model, client, result);
		break;
	case APO_TICKET_ACCOUNT:
		apo_sasl_on_checked(model, client, result, text, ticket.about);
		break;
	case APO_TICKET_REGISTER:
		apo_account_on_registered(model, client, result, text);
		break;
	case APO_TICKET_DROP:
		apo_nickserv_on_dropped(model, client, result, text);
		break;
	case APO_TICKET_KEY:
		apo_sasl_on_key(model, client, result, text, ticket.about);
		break;
	case APO_TICKET_SCRAM:
		apo_scram_on_keys(model, client, result, text, ticket.about);
		break;
	case APO_TICKET_KEY_ADD:
	case APO_TICKET_KEY_REMOVE:
		apo_nickserv_on_key_changed(model, client, result, ticket.about,
					    ticket.kind == APO_TICKET_KEY_ADD);
		break;
	case APO_TICKET_KEYS:
		apo_nickserv_on_keys(model, client, result, text ? text : "");
		break;
	case APO_TICKET_OPERATOR:
		apo_operator_on_checked(model, client, result, ticket.about);
		break;
	case APO_TICKET_REHASH:
		break;
	}
	apo_turn_end(model);
}

/* The clients of a network in the order that all copies of the model have. */
static void log_out_all(struct apo_model *model)
{
	struct apo_shared_client *entry = model->shared ? model->shared->by_key : NULL;
	struct apo_client *client;

	for (; entry; entry = entry->by_key.next)
		apo_account_leave_if_gone(model, entry->client);
	APO_OWN_CLIENTS_EACH(client, model)
		apo_account_leave_if_gone(model, client);
}

bool apo_account_end(struct apo_model *model, const char *account)
{
	if (!apo_account_forget(model, account))
		return false;
	model->figures.accounts_removed++;
	log_out_all(model);
	apo_registry_check_accounts(model);
	return true;
}

void apo_model_on_account_gone(struct apo_model *model, const char *account, int64_t now_at_ns)
{
	model->now_at_ns = now_at_ns;
	if (apo_account_end(model, account))
		apo_turn_end(model);
}

int apo_model_on_account(struct apo_model *model, const char *account, int64_t id,
			 int64_t now_at_ns)
{
	if (apo_account_is_other(model, account, id))
		apo_model_on_account_gone(model, account, now_at_ns);
	return apo_account_remember(model, account, id);
}

void apo_model_accounts_begin(struct apo_model *model)
{
	model->account_mark++;
}

void apo_model_accounts_end(struct apo_model *model, int64_t now_at_ns)
{
	unsigned count = apo_accounts_forget_unmarked(model);

	model->now_at_ns = now_at_ns;
	model->figures.accounts_removed += count;
	if (count > 0)
		log_out_all(model);
	apo_registry_check_accounts(model);
	apo_turn_end(model);
}

void apo_model_on_rehashed(struct apo_model *model, uint64_t id, const char *error,
			   int64_t now_at_ns)
{
	struct apo_ticket ticket;
	struct apo_client *client;

	model->now_at_ns = now_at_ns;
	client = take_ticket(model, id, &ticket);
	if (!client)
		return;
	if (ticket.kind == APO_TICKET_REHASH)
		apo_operator_on_rehashed(model, client, error);
	apo_turn_end(model);
}

/* Copies let these expire by the time that they share (apo_model_shared_time). */
static bool is_expiry_shared(const struct apo_model *model)
{
	return model->shared && model->shared->self;
}

static int64_t next_expiry_at_ns(const struct apo_model *model)
{
	if (is_expiry_shared(model))
		return RUDP_NEVER;
	return rudp_time_min(apo_bans_next_at_ns(model), apo_audit_next_at_ns(model));
}

int64_t apo_model_next_at_ns(const struct apo_model *model)
{
	if (!rudp_list_is_empty(&model->ready))
		return model->now_at_ns;
	return rudp_time_min(
		rudp_time_min(model->shared ? RUDP_NEVER : apo_registry_next_at_ns(model),
			      next_expiry_at_ns(model)),
		rudp_time_min(rudp_timer_wheel_next_at_ns(&model->wheel),
			      apo_receipts_next_at_ns(model)));
}

void apo_model_on_time(struct apo_model *model, int64_t now_at_ns)
{
	struct rudp_timer *timer;

	model->now_at_ns = now_at_ns;
	while ((timer = rudp_timer_wheel_pop(&model->wheel, now_at_ns)))
		apo_client_on_timer(model, RUDP_LIST_OWNER(timer, struct apo_client, timer));
	apo_receipts_on_time(model);
	if (!model->shared)
		apo_registry_on_time(model);
	if (!is_expiry_shared(model)) {
		apo_bans_on_time(model);
		apo_audit_on_time(model);
	}
	apo_turn_end(model);
	apo_answers_serve(model);
}

const struct apo_model_figures *apo_model_figures(const struct apo_model *model)
{
	return &model->figures;
}
