/* SPDX-License-Identifier: MIT */
#include "conversation/model/clients.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/channels.h"
#include "conversation/model/markers.h"
#include "conversation/model/metadata.h"
#include "conversation/model/monitor.h"
#include "conversation/model/registration.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/tickets.h"
#include "conversation/model/whowas.h"

#define SLOTS_FIRST 64

int apo_text_set(char **to, const char *text)
{
	char *copy = NULL;

	if (text && !(copy = strdup(text)))
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* ---- look-up ---- */

struct apo_client *apo_client_at(const struct apo_model *model, struct apo_peer peer)
{
	const struct apo_slots *slots;
	struct apo_client *client;

	if (peer.worker >= model->workers && peer.worker != APO_REMOTE_WORKER)
		return NULL;
	slots = &model->slots[peer.worker];
	client = peer.slot < slots->count ? slots->clients[peer.slot] : NULL;
	return client && client->peer.generation == peer.generation ? client : NULL;
}

struct apo_client *apo_client_next(const struct apo_model *model, unsigned worker_count,
				   struct apo_client_position *position)
{
	const struct apo_slots *slots;
	struct apo_client *client;

	for (; position->worker < worker_count; position->worker++, position->slot = 0) {
		slots = &model->slots[position->worker];
		while (position->slot < slots->count)
			if ((client = slots->clients[position->slot++]))
				return client;
	}
	return NULL;
}

struct apo_client *apo_nick_owner(const struct apo_model *model, const char *nick)
{
	/* A longer nick is cut to this size and matches no client. */
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, nick);

	return RUDP_TABLE_FIND_KEY(by_nick, model->by_nick, folded, len);
}

struct apo_client *apo_client_named(const struct apo_model *model, const char *nick)
{
	struct apo_client *client = apo_nick_owner(model, nick);

	return client && client->is_registered ? client : NULL;
}

/* ---- creation ---- */

static int grow_slots(struct apo_slots *slots, uint32_t slot)
{
	uint32_t count = slots->count ? slots->count : SLOTS_FIRST;
	struct apo_client **clients;

	while (count <= slot)
		count *= 2;
	if (count == slots->count)
		return 0;
	clients = realloc(slots->clients, count * sizeof(struct apo_client *));
	if (!clients)
		return -ENOMEM;
	memset(clients + slots->count, 0, (count - slots->count) * sizeof(struct apo_client *));
	slots->clients = clients;
	slots->count = count;
	return 0;
}

/* Secrets are wiped before their memory is freed. */
static void drop_registration(struct apo_client *client)
{
	if (!client->registration)
		return;
	if (client->registration->password)
		explicit_bzero(client->registration->password,
			       strlen(client->registration->password));
	free(client->registration->password);
	apo_scram_free(client->registration);
	explicit_bzero(client->registration, sizeof *client->registration);
	free(client->registration);
	client->registration = NULL;
}

void apo_client_discard(struct apo_client *client)
{
	drop_registration(client);
	apo_client_drop_batch(client);
	free(client->address);
	free(client->host);
	free(client->given_host);
	free(client->fingerprint);
	free(client->real);
	free(client->away);
	free(client->account);
	apo_markers_free(client->markers);
	apo_metadata_free(client->metadata);
	apo_metadata_free(client->subscriptions);
	free(client->end_reason);
	free(client);
}

struct apo_client *apo_client_blank(struct apo_peer peer)
{
	struct apo_client *client = calloc(1, sizeof *client);

	if (!client)
		return NULL;
	client->peer = peer;
	rudp_list_init(&client->memberships);
	rudp_list_init(&client->watches);
	rudp_list_init(&client->invites);
	return client;
}

bool apo_client_has_valid_facts(const struct apo_client *client)
{
	if (!client->address || !client->host || !apo_shown_host_is_valid(client->host))
		return false;
	if (client->given_host && !apo_shown_host_is_valid(client->given_host))
		return false;
	return !client->notices || (client->is_operator && client->notices <= APO_NOTICE_ALL);
}

struct apo_client *apo_client_gone_new(void)
{
	struct apo_client *client = apo_client_blank((struct apo_peer){0});

	if (!client)
		return NULL;
	client->is_gone = true;
	return apo_client_get(client);
}

static struct apo_client *allocate(struct apo_peer peer, const struct apo_peer_facts *facts)
{
	struct apo_client *client = apo_client_blank(peer);

	if (!client)
		return NULL;
	client->is_secure = facts->is_secure;
	client->reports_end = facts->reports_end;
	client->registration = calloc(1, sizeof *client->registration);
	if (!client->registration || apo_text_set(&client->address, facts->address) < 0 ||
	    apo_text_set(&client->host, facts->host) < 0 ||
	    apo_text_set(&client->fingerprint, facts->fingerprint) < 0) {
		apo_client_discard(client);
		return NULL;
	}
	return client;
}

struct apo_client *apo_client_new(struct apo_model *model, struct apo_peer peer,
				  const struct apo_peer_facts *facts)
{
	struct apo_slots *slots = &model->slots[peer.worker];
	struct apo_client *client;

	if (grow_slots(slots, peer.slot) < 0)
		return NULL;
	assert(!slots->clients[peer.slot]);
	client = allocate(peer, facts);
	if (!client)
		return NULL;
	slots->clients[peer.slot] = client;
	client->connected_at_ns = client->heard_at_ns = client->spoke_at_ns = model->now_at_ns;
	model->figures.unregistered++;
	model->figures.connected++;
	rudp_timer_arm(&model->wheel, &client->timer,
		       model->now_at_ns + model->config->registration_timeout_ns);
	return client;
}

static int put_into_table(struct apo_model *model, struct apo_client *client, const char *nick)
{
	size_t len = apo_fold(client->folded, sizeof client->folded, nick);

	return RUDP_TABLE_ADD_KEY(by_nick, model->by_nick, client->folded, len, client) ? 0
											: -ENOMEM;
}

int apo_client_place(struct apo_model *model, struct apo_client *client)
{
	struct apo_slots *slots = &model->slots[client->peer.worker];

	if (grow_slots(slots, client->peer.slot) < 0)
		return -ENOMEM;
	if (slots->clients[client->peer.slot])
		return -EEXIST;
	slots->clients[client->peer.slot] = client;
	return 0;
}

int apo_client_insert(struct apo_model *model, struct apo_client *client)
{
	int result = apo_client_place(model, client);

	if (result == 0 && client->nick[0] && put_into_table(model, client, client->nick) < 0) {
		model->slots[client->peer.worker].clients[client->peer.slot] = NULL;
		result = -ENOMEM;
	}
	return result;
}

int apo_client_set_nick(struct apo_model *model, struct apo_client *client, const char *nick)
{
	if (client->nick[0])
		HASH_DELETE(by_nick, model->by_nick, client);
	if (put_into_table(model, client, nick) < 0) {
		/* The table had room for the old nick before, and no client has taken it. */
		if (client->nick[0] && put_into_table(model, client, client->nick) < 0)
			client->nick[0] = '\0';
		return -ENOMEM;
	}
	strcpy(client->nick, nick);
	client->nick_since = (int64_t)model->last_msgid;
	return 0;
}

void apo_client_drop_nick(struct apo_model *model, struct apo_client *client)
{
	HASH_DELETE(by_nick, model->by_nick, client);
	client->nick[0] = '\0';
}

void apo_client_set_caps(struct apo_client *client, uint32_t caps)
{
	client->caps = caps;
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		membership->pair.channel->member_slots[membership->member_slot].caps = caps;
	}
}

void apo_client_registered(struct apo_model *model, struct apo_client *client)
{
	struct apo_model_figures *figures = &model->figures;

	drop_registration(client);
	client->is_registered = true;
	client->signed_on_s = apo_wall_s(model);
	client->spoke_at_ns = model->now_at_ns;
	figures->unregistered--;
	figures->registered++;
	if (++figures->clients > figures->clients_peak)
		figures->clients_peak = figures->clients;
	rudp_timer_arm(&model->wheel, &client->timer,
		       model->now_at_ns + model->config->ping_interval_ns);
}

/* ---- timers ---- */

static void ping(struct apo_model *model, struct apo_client *client)
{
	apo_tell_print(model, client, NULL, "PING :%s", model->config->server_name);
	client->is_pinged = true;
	rudp_timer_arm(&model->wheel, &client->timer,
		       model->now_at_ns + model->config->ping_timeout_ns);
}

static void end_silent(struct apo_model *model, struct apo_client *client)
{
	char reason[64];

	snprintf(reason, sizeof reason, "Ping timeout: %lu seconds",
		 (unsigned long)((model->now_at_ns - client->heard_at_ns) / RUDP_NS_PER_S));
	model->figures.ping_timeouts++;
	apo_client_end(model, client, reason);
}

/* A line does not re-arm the timer; the timer checks here when the last line arrived. */
void apo_client_on_timer(struct apo_model *model, struct apo_client *client)
{
	int64_t due_at_ns = client->heard_at_ns + model->config->ping_interval_ns;

	if (!client->is_registered) {
		model->figures.registration_timeouts++;
		apo_client_end(model, client, "Registration timed out");
	} else if (model->now_at_ns < due_at_ns) {
		client->is_pinged = false;
		rudp_timer_arm(&model->wheel, &client->timer, due_at_ns);
	} else if (client->reports_end) {
		rudp_timer_arm(&model->wheel, &client->timer,
			       model->now_at_ns + model->config->ping_interval_ns);
	} else if (client->is_pinged) {
		end_silent(model, client);
	} else {
		ping(model, client);
	}
}

/* ---- removal ---- */

void apo_client_end(struct apo_model *model, struct apo_client *client, const char *reason)
{
	if (client->is_gone || rudp_list_is_linked(&client->ending))
		return;
	client->end_reason = strdup(reason);
	rudp_list_append(&model->ending, &client->ending);
}

void apo_client_closed(struct apo_model *model, struct apo_client *client, const char *reason)
{
	apo_client_end(model, client, reason);
	client->is_gone = true;
}

static void say_quit(struct apo_model *model, struct apo_client *client, const char *reason)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);

	apo_line_print_from(&line, client, "QUIT :%s", reason);
	say.is_unlabeled = true;
	apo_say_common(model, client, &say, &(struct apo_audience){0});
}

static void leave_registered(struct apo_model *model, struct apo_client *client, const char *reason)
{
	/* If all clients leave, QUIT for each one is needless. */
	if (!model->end_reason[0] && !(model->shared && model->shared->is_resetting)) {
		say_quit(model, client, reason);
		apo_whowas_add(model, client);
		apo_monitor_tell(model, client, client->nick, RPL_MONOFFLINE);
	}
	model->figures.clients--;
	model->figures.invisible -= client->is_invisible;
	model->figures.operators -= client->is_operator;
}

static void unlink_client(struct apo_model *model, struct apo_client *client)
{
	while (!rudp_list_is_empty(&client->memberships))
		apo_membership_remove(model, RUDP_LIST_OWNER(client->memberships.next,
							     struct apo_membership, of_client));
	while (!rudp_list_is_empty(&client->invites))
		apo_invite_remove(
			RUDP_LIST_OWNER(client->invites.next, struct apo_invite, of_client));
	rudp_list_remove(&client->of_account);
	apo_monitor_clear(model, client);
	apo_notices_set(model, client, 0);
	apo_ticket_drop(model, client);
	apo_answers_drop(model, client);
	rudp_timer_cancel(&model->wheel, &client->timer);
	if (client->nick[0])
		HASH_DELETE(by_nick, model->by_nick, client);
	model->slots[client->peer.worker].clients[client->peer.slot] = NULL;
}

void apo_connection_close(struct apo_model *model, struct apo_peer peer, const char *host,
			  const char *reason)
{
	struct apo_text *text;
	struct apo_line line;

	apo_line_print(&line, NULL, "ERROR :Closing Link: %s (%s)", host, reason);
	text = apo_text_copy(line.bytes, line.len);
	model->calls->close(model->of, peer, text);
	apo_text_put(text);
}

static void remove_client(struct apo_model *model, struct apo_client *client)
{
	const char *reason = client->end_reason ? client->end_reason : "Out of memory";

	if (!client->is_gone && !client->is_unconnected && !apo_is_remote(model, client))
		apo_connection_close(model, client->peer, client->host, reason);
	if (apo_shared_propose_end(model, client, reason))
		return;
	client->is_gone = true;
	if (!model->end_reason[0])
		apo_notices_on_gone(model, client, reason);
	if (client->is_registered)
		leave_registered(model, client, reason);
	else
		model->figures.unregistered--;
	unlink_client(model, client);
	apo_shared_forget(model, client);
	apo_client_get(client);
	apo_client_put(client);
}

void apo_client_end_now(struct apo_model *model, struct apo_client *client, const char *reason)
{
	apo_client_end(model, client, reason);
	rudp_list_remove(&client->ending);
	remove_client(model, client);
}

void apo_clients_remove_ended(struct apo_model *model)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&model->ending)))
		remove_client(model, RUDP_LIST_OWNER(link, struct apo_client, ending));
}

struct apo_client *apo_client_get(struct apo_client *client)
{
	client->references++;
	return client;
}

void apo_client_put(struct apo_client *client)
{
	if (--client->references == 0 && client->is_gone)
		apo_client_discard(client);
}

static void forget(struct apo_model *model, struct apo_client *client)
{
	client->is_gone = true;
	rudp_list_remove(&client->ending);
	unlink_client(model, client);
	apo_client_get(client);
	apo_client_put(client);
}

void apo_clients_forget(struct apo_model *model)
{
	struct apo_client *client;
	unsigned i;

	APO_CLIENTS_EACH(client, model)
		forget(model, client);
	for (i = 0; i < APO_WORKERS_MAX; i++)
		free(model->slots[i].clients);
}
