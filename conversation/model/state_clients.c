/* SPDX-License-Identifier: MIT */
/* Clients, as state.h carries them. */
#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/clients.h"
#include "conversation/model/state_private.h"

#define TEXT_BYTES_MAX 512
#define CLIENT_BYTES_MIN 100

/* Each flag is one bit of a word. */
static void carry_flags(struct apo_state *state, struct apo_client *client)
{
	uint8_t flags = 0;

	flags |= (uint8_t)(client->is_registered << 0);
	flags |= (uint8_t)(client->has_cap_302 << 1);
	flags |= (uint8_t)(client->is_secure << 2);
	flags |= (uint8_t)(client->is_pinged << 3);
	flags |= (uint8_t)(client->is_operator << 4);
	flags |= (uint8_t)(client->is_invisible << 5);
	flags |= (uint8_t)(client->hears_wallops << 6);
	flags |= (uint8_t)(client->is_lasting << 7);
	apo_carry_u8(state->carry, &flags);
	client->is_registered = flags >> 0 & 1;
	client->has_cap_302 = flags >> 1 & 1;
	client->is_secure = flags >> 2 & 1;
	client->is_pinged = flags >> 3 & 1;
	client->is_operator = flags >> 4 & 1;
	client->is_invisible = flags >> 5 & 1;
	client->hears_wallops = flags >> 6 & 1;
	client->is_lasting = flags >> 7 & 1;
}

static void carry_caps(struct apo_state *state, uint32_t *caps)
{
	uint32_t theirs = *caps, bit;

	apo_carry_u32(state->carry, &theirs);
	if (!state->carry->is_reading)
		return;
	for (*caps = 0, bit = 0; bit < 32; bit++)
		if (theirs & 1u << bit)
			*caps |= state->caps[bit];
}

static void carry_signup(struct apo_state *state, struct apo_client *client)
{
	struct apo_carry *carry = state->carry;
	bool is_there = client->signup != NULL;
	uint32_t len;

	apo_carry_flag(carry, &is_there);
	if (is_there && carry->is_reading && !(client->signup = calloc(1, sizeof *client->signup)))
		carry->ok = false;
	if (!is_there || !carry->ok)
		return;
	apo_carry_text(carry, &client->signup->password, TEXT_BYTES_MAX);
	apo_carry_flag(carry, &client->signup->is_password_right);
	apo_carry_flag(carry, &client->signup->is_choosing_caps);
	apo_carry_flag(carry, &client->signup->is_sasl);
	len = (uint32_t)client->signup->sasl_len;
	apo_carry_u32(carry, &len);
	apo_carry_expect(carry, len <= APO_SASL_BYTES_MAX);
	client->signup->sasl_len = carry->ok ? len : 0;
	apo_carry_bytes(carry, client->signup->sasl, client->signup->sasl_len);
}

static void carry_times(struct apo_state *state, struct apo_client *client, int64_t *due_at_ns)
{
	*due_at_ns = client->timer.deadline_at_ns;
	apo_carry_instant(state->carry, &client->connected_at_ns);
	apo_carry_instant(state->carry, &client->heard_at_ns);
	apo_carry_instant(state->carry, &client->spoke_at_ns);
	apo_carry_second(state->carry, &client->signed_on_s);
	apo_carry_instant(state->carry, due_at_ns);
	apo_carry_expect(state->carry, *due_at_ns != RUDP_NEVER);
}

static void carry_members(struct apo_state *state, struct apo_client *client, int64_t *due_at_ns)
{
	struct apo_carry *carry = state->carry;

	carry_times(state, client, due_at_ns);
	carry_flags(state, client);
	carry_caps(state, &client->caps);
	apo_carry_u8(carry, &client->wrong_passwords);
	apo_carry_text(carry, &client->address, APO_HOST_BYTES_MAX);
	apo_carry_text(carry, &client->host, APO_HOST_BYTES_MAX);
	apo_carry_text(carry, &client->certificate, TEXT_BYTES_MAX);
	apo_carry_text(carry, &client->real, TEXT_BYTES_MAX);
	apo_carry_text(carry, &client->away, TEXT_BYTES_MAX);
	apo_carry_text(carry, &client->account, APO_ACCOUNT_BYTES_MAX);
	apo_carry_string(carry, client->nick, sizeof client->nick);
	apo_carry_string(carry, client->user, sizeof client->user);
	carry_signup(state, client);
}

/* What every other file takes for granted. */
static bool is_right(const struct apo_model *model, const struct apo_client *client)
{
	if (!client->address || !client->host || !apo_shown_host_is_valid(client->host))
		return false;
	if (client->nick[0] && (!apo_nick_is_valid(client->nick, APO_NICK_BYTES_MAX) ||
				apo_nick_owner(model, client->nick)))
		return false;
	if (client->user[0] && (!apo_is_word(client->user) || !client->real))
		return false;
	if (client->account && !apo_is_word(client->account))
		return false;
	return client->is_registered ? client->nick[0] && client->user[0] : client->signup != NULL;
}

static void read_client(struct apo_state *state, uint32_t ordinal)
{
	struct apo_client *client = apo_client_blank(state->peers[ordinal]);
	int64_t due_at_ns;

	if (!client) {
		state->carry->ok = false;
		return;
	}
	carry_members(state, client, &due_at_ns);
	if (state->carry->ok && is_right(state->model, client) &&
	    apo_client_place(state->model, client) == 0) {
		client->ordinal = ordinal;
		if (client->account && apo_account_sit(state->model, client) < 0)
			state->carry->ok = false;
		rudp_timer_arm(&state->model->wheel, &client->timer, due_at_ns);
		state->clients[ordinal] = client;
	} else {
		state->carry->ok = false;
		apo_client_unmake(client);
	}
}

void apo_clients_carry(struct apo_state *state)
{
	uint32_t count = state->client_count, i;
	int64_t due_at_ns;

	apo_carry_count(state->carry, &count, CLIENT_BYTES_MIN);
	apo_carry_expect(state->carry, count == state->client_count);
	for (i = 0; i < count && state->carry->ok; i++)
		if (state->carry->is_reading)
			read_client(state, i);
		else
			carry_members(state, state->clients[i], &due_at_ns);
}
