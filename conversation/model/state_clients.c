/* SPDX-License-Identifier: MIT */
/* Serializes clients (state.h). */
#include <stdlib.h>

#include "conversation/model/accounts.h"
#include "conversation/model/clients.h"
#include "conversation/model/markers.h"
#include "conversation/model/metadata.h"
#include "conversation/model/multiline.h"
#include "conversation/model/registration.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/shared_private.h"
#include "conversation/model/state_private.h"

#define TEXT_BYTES_MAX 512
#define CLIENT_BYTES_MIN 100
/* More than the longest silence in a snapshot (shared_snapshot.c). */
#define PAST_NS_MAX (INT64_C(1) << 62)

/* Each flag is one bit. */
static void serialize_flags(struct apo_state *state, struct apo_client *client)
{
	uint16_t flags = 0;

	flags |= (uint16_t)(client->is_registered << 0);
	flags |= (uint16_t)(client->has_cap_302 << 1);
	flags |= (uint16_t)(client->is_secure << 2);
	flags |= (uint16_t)(client->is_pinged << 3);
	flags |= (uint16_t)(client->is_operator << 4);
	flags |= (uint16_t)(client->is_invisible << 5);
	flags |= (uint16_t)(client->hears_wallops << 6);
	flags |= (uint16_t)(client->reports_end << 7);
	flags |= (uint16_t)(client->is_bot << 8);
	flags |= (uint16_t)(client->refuses_guests << 9);
	flags |= (uint16_t)(client->refuses_ctcp << 10);
	apo_serializer_u16(state->serializer, &flags);
	client->is_registered = flags >> 0 & 1;
	client->has_cap_302 = flags >> 1 & 1;
	client->is_secure = flags >> 2 & 1;
	client->is_pinged = flags >> 3 & 1;
	client->is_operator = flags >> 4 & 1;
	client->is_invisible = flags >> 5 & 1;
	client->hears_wallops = flags >> 6 & 1;
	client->reports_end = flags >> 7 & 1;
	client->is_bot = flags >> 8 & 1;
	client->refuses_guests = flags >> 9 & 1;
	client->refuses_ctcp = flags >> 10 & 1;
}

static void serialize_caps(struct apo_state *state, uint32_t *caps)
{
	uint32_t theirs = *caps, bit;

	apo_serializer_u32(state->serializer, &theirs);
	if (!state->serializer->is_reading)
		return;
	for (*caps = 0, bit = 0; bit < 32; bit++)
		if (theirs & 1u << bit)
			*caps |= state->caps[bit];
}

static void serialize_registration(struct apo_state *state, struct apo_client *client)
{
	struct apo_serializer *serializer = state->serializer;
	bool is_there = client->registration != NULL;
	uint32_t len;

	apo_serializer_flag(serializer, &is_there);
	if (is_there && serializer->is_reading &&
	    !(client->registration = calloc(1, sizeof *client->registration)))
		serializer->ok = false;
	if (!is_there || !serializer->ok)
		return;
	apo_serializer_text(serializer, &client->registration->password, TEXT_BYTES_MAX);
	apo_serializer_flag(serializer, &client->registration->is_password_right);
	apo_serializer_flag(serializer, &client->registration->is_choosing_caps);
	apo_serializer_u8(serializer, &client->registration->mechanism);
	apo_serializer_expect(serializer, client->registration->mechanism < APO_MECHANISM_COUNT);
	apo_scram_serialize(state, client->registration);
	apo_serializer_string(serializer, client->registration->wanted,
			      sizeof client->registration->wanted);
	apo_serializer_expect(serializer, !client->registration->wanted[0] ||
						  apo_nick_is_valid(client->registration->wanted,
								    APO_NICK_BYTES_MAX));
	len = (uint32_t)client->registration->sasl_len;
	apo_serializer_u32(serializer, &len);
	apo_serializer_expect(serializer, len <= APO_SASL_BYTES_MAX);
	client->registration->sasl_len = serializer->ok ? len : 0;
	apo_serializer_bytes(serializer, client->registration->sasl,
			     client->registration->sasl_len);
}

/* A client of another node may have been silent since before this machine started: then the instant
 * is negative. */
static void serialize_past(struct apo_serializer *serializer, int64_t *at_ns)
{
	apo_serializer_i64(serializer, at_ns);
	apo_serializer_expect(serializer, *at_ns > -PAST_NS_MAX && *at_ns < INT64_MAX / 4);
	*at_ns = serializer->ok ? *at_ns : 0;
}

static void serialize_times(struct apo_state *state, struct apo_client *client, int64_t *due_at_ns)
{
	*due_at_ns = client->timer.deadline_at_ns;
	serialize_past(state->serializer, &client->connected_at_ns);
	serialize_past(state->serializer, &client->heard_at_ns);
	serialize_past(state->serializer, &client->spoke_at_ns);
	apo_serializer_second(state->serializer, &client->signed_on_s);
	apo_serializer_i64(state->serializer, &client->nick_since);
	apo_serializer_expect(state->serializer,
			      client->nick_since >= 0 &&
				      (uint64_t)client->nick_since <= state->model->last_msgid);
	apo_serializer_instant(state->serializer, due_at_ns);
	apo_serializer_expect(state->serializer, *due_at_ns != RUDP_NEVER);
}

static void serialize_members(struct apo_state *state, struct apo_client *client,
			      int64_t *due_at_ns)
{
	struct apo_serializer *serializer = state->serializer;

	serialize_times(state, client, due_at_ns);
	serialize_flags(state, client);
	serialize_caps(state, &client->caps);
	apo_serializer_u8(serializer, &client->wrong_passwords);
	apo_serializer_u8(serializer, &client->notices);
	apo_serializer_text(serializer, &client->address, APO_HOST_BYTES_MAX);
	apo_serializer_text(serializer, &client->host, APO_HOST_BYTES_MAX);
	apo_serializer_text(serializer, &client->given_host, APO_HOST_BYTES_MAX);
	apo_serializer_text(serializer, &client->fingerprint, TEXT_BYTES_MAX);
	apo_serializer_text(serializer, &client->real, TEXT_BYTES_MAX);
	apo_serializer_text(serializer, &client->away, TEXT_BYTES_MAX);
	apo_serializer_text(serializer, &client->account, APO_ACCOUNT_BYTES_MAX);
	apo_serializer_string(serializer, client->nick, sizeof client->nick);
	apo_serializer_string(serializer, client->user, sizeof client->user);
	serialize_registration(state, client);
	apo_markers_serialize(state, client);
	apo_metadata_serialize(serializer, &client->metadata);
	apo_metadata_serialize_keys(serializer, &client->subscriptions);
	apo_multiline_serialize(state, client);
}

/* Checks what all other files take for granted. */
static bool is_right(const struct apo_model *model, const struct apo_client *client)
{
	if (!apo_client_has_valid_facts(client))
		return false;
	if (client->nick[0] && (!apo_nick_is_valid(client->nick, APO_NICK_BYTES_MAX) ||
				apo_nick_owner(model, client->nick)))
		return false;
	if (client->user[0] && (!apo_is_word(client->user) || !client->real))
		return false;
	if (client->account && !apo_is_word(client->account))
		return false;
	return client->is_registered ? client->nick[0] && client->user[0]
				     : client->registration != NULL;
}

static void read_notices(struct apo_model *model, struct apo_client *client)
{
	uint32_t kinds = client->notices;

	client->notices = 0;
	apo_notices_set(model, client, kinds);
}

/* Where the client is found in this process. A client that is at another node gets a free place. */
static struct apo_peer place_of(struct apo_state *state, uint32_t ordinal)
{
	struct apo_peer peer = state->peers[ordinal];
	bool is_remote = peer.worker >= state->model->workers;

	apo_serializer_expect(state->serializer, !is_remote || state->model->shared);
	return is_remote && state->model->shared ? apo_shared_remote_peer(state->model) : peer;
}

/* The clients of a network have accounts that it has, and others than its own are registered. */
static bool is_right_copy(const struct apo_model *model, const struct apo_client *client)
{
	return !model->shared ||
	       ((!apo_is_remote(model, client) || client->is_registered) &&
		(!client->account || apo_account_entry_of(model, client->account)));
}

static void read_client(struct apo_state *state, uint32_t ordinal)
{
	struct apo_client *client = apo_client_blank(place_of(state, ordinal));
	int64_t due_at_ns;

	if (!client) {
		state->serializer->ok = false;
		return;
	}
	serialize_members(state, client, &due_at_ns);
	if (state->serializer->ok && is_right(state->model, client) &&
	    is_right_copy(state->model, client) && apo_client_insert(state->model, client) == 0) {
		client->ordinal = ordinal;
		if (client->account && apo_account_attach(state->model, client) < 0)
			state->serializer->ok = false;
		read_notices(state->model, client);
		if (apo_is_remote(state->model, client))
			state->model->shared->remote_count++;
		else
			rudp_timer_arm(&state->model->wheel, &client->timer, due_at_ns);
		state->clients[ordinal] = client;
	} else {
		state->serializer->ok = false;
		apo_client_discard(client);
	}
}

void apo_clients_serialize(struct apo_state *state)
{
	uint32_t count = state->client_count, i;
	int64_t due_at_ns;

	apo_serializer_count(state->serializer, &count, CLIENT_BYTES_MIN);
	apo_serializer_expect(state->serializer, count == state->client_count);
	for (i = 0; i < count && state->serializer->ok; i++)
		if (state->serializer->is_reading)
			read_client(state, i);
		else
			serialize_members(state, state->clients[i], &due_at_ns);
}
