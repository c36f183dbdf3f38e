/* SPDX-License-Identifier: MIT */
#include "conversation/model/bans.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/clients.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"

/* A network wider than these must be meant ("FORCE"): an IPv4 /8, an IPv6 /16. */
#define IPV4_BITS_MIN (96 + 8)
#define IPV6_BITS_MIN 16
#define NEVER_S INT64_MAX

struct apo_bans {
	struct apo_ban *by_key;
	struct apo_ban *by_network;
	struct rudp_list of_kind[APO_BAN_KINDS];
	unsigned prefix_counts[APO_NETWORK_BITS_MAX + 1]; /* of the networks in by_network */
	int64_t next_end_s;                               /* no ban ends earlier; NEVER_S */
};

int apo_bans_init(struct apo_model *model)
{
	struct apo_bans *bans = calloc(1, sizeof *bans);
	unsigned kind;

	if (!bans)
		return -ENOMEM;
	for (kind = 0; kind < APO_BAN_KINDS; kind++)
		rudp_list_init(&bans->of_kind[kind]);
	bans->next_end_s = NEVER_S;
	model->bans = bans;
	return 0;
}

/* ---- targets ---- */

static const char *complete_host(char *to, const char *target)
{
	const char *at = strrchr(target, '@');
	int len = snprintf(to, APO_BAN_TARGET_BYTES_MAX + 1, "%s%s", at ? "" : "*@", target);

	if (strchr(target, '!'))
		return "The mask must be user@host, without a nick";
	if (len > APO_MASK_BYTES_MAX || !apo_is_word(target) || (at && (at == target || !at[1])))
		return "The mask must be user@host";
	return NULL;
}

const char *apo_ban_complete(char *to, enum apo_ban_kind kind, const char *target)
{
	struct apo_network network;

	switch (kind) {
	case APO_BAN_ADDRESS:
		if (!apo_network_read(&network, target))
			return "The target must be an address, or a network such as 192.0.2.0/24";
		apo_network_write(to, &network);
		return NULL;
	case APO_BAN_HOST:
		return complete_host(to, target);
	case APO_BAN_REAL:
		if (!apo_is_word(target) || strlen(target) > APO_BAN_TARGET_BYTES_MAX)
			return "The mask must be one word (write ? for a space)";
		strcpy(to, target);
		return NULL;
	case APO_BAN_ACCOUNT:
		if (!apo_nick_is_valid(target, APO_NICK_BYTES_MAX))
			return "The target must be the name of an account";
		strcpy(to, target);
		return NULL;
	case APO_BAN_KINDS:
		break;
	}
	return "There is no such kind of ban";
}

static bool is_broad_network(const char *target)
{
	struct apo_network network;

	if (!apo_network_read(&network, target))
		return false;
	return network.prefix_bits <
	       (apo_network_is_ipv4(&network) ? IPV4_BITS_MIN : IPV6_BITS_MIN);
}

bool apo_ban_is_broad(enum apo_ban_kind kind, const char *target)
{
	const char *host = kind == APO_BAN_HOST ? strrchr(target, '@') + 1 : target;
	bool is_any_user =
		kind != APO_BAN_HOST || strspn(target, "~*?@") >= (size_t)(host - target);

	return target[strspn(target, "*?@~.:")] == '\0' || (is_any_user && is_broad_network(host));
}

/* ---- look-up ---- */

static size_t make_key(char key[APO_BAN_TARGET_BYTES_MAX + 2], enum apo_ban_kind kind,
		       const char *target)
{
	key[0] = APO_BAN_KINDS_TEXT[kind];
	return 1 + apo_fold(key + 1, APO_BAN_TARGET_BYTES_MAX + 1, target);
}

struct apo_ban *apo_ban_find(const struct apo_model *model, enum apo_ban_kind kind,
			     const char *target)
{
	char key[APO_BAN_TARGET_BYTES_MAX + 2];
	size_t len = make_key(key, kind, target);

	return RUDP_TABLE_FIND_KEY(by_key, model->bans->by_key, key, len);
}

unsigned apo_bans_count(const struct apo_model *model)
{
	return HASH_CNT(by_key, model->bans->by_key);
}

const struct rudp_list *apo_bans_of(const struct apo_model *model, enum apo_ban_kind kind)
{
	return &model->bans->of_kind[kind];
}

/* The next timer removes a ban that is over. */
static const struct apo_ban *in_force(const struct apo_model *model, const struct apo_ban *ban)
{
	return ban && (!ban->ends_at_s || ban->ends_at_s > apo_wall_s(model)) ? ban : NULL;
}

const struct apo_ban *apo_ban_of_address(const struct apo_model *model, const char *address)
{
	const struct apo_bans *bans = model->bans;
	struct apo_network network, around;
	struct apo_ban *ban = NULL;
	unsigned bits;

	if (!bans->by_network || !apo_network_read_address(&network, address))
		return NULL;
	for (bits = 0; bits <= APO_NETWORK_BITS_MAX; bits++) {
		if (bans->prefix_counts[bits] == 0)
			continue;
		around = apo_network_around(&network, bits);
		ban = RUDP_TABLE_FIND(by_network, bans->by_network, &around);
		if (in_force(model, ban))
			return ban;
	}
	return NULL;
}

const struct apo_ban *apo_ban_of_account(const struct apo_model *model, const char *account)
{
	return in_force(model, apo_ban_find(model, APO_BAN_ACCOUNT, account));
}

bool apo_user_host_is_match(const char *mask, const struct apo_client *client)
{
	char shown[APO_SOURCE_BYTES_MAX + 1], real[APO_SOURCE_BYTES_MAX + 1];

	snprintf(shown, sizeof shown, "%s@%s", client->user, client->host);
	snprintf(real, sizeof real, "%s@%s", client->user, client->address);
	return apo_mask_is_match(mask, shown) || apo_mask_is_match(mask, real);
}

/* The target is "user@network". */
static bool is_user_in_network(const struct apo_ban *ban, const struct apo_client *client)
{
	char user[APO_MASK_BYTES_MAX + 1];
	struct apo_network network;

	snprintf(user, sizeof user, "%.*s", (int)(strrchr(ban->target, '@') - ban->target),
		 ban->target);
	return apo_network_read_address(&network, client->address) &&
	       apo_network_contains(&ban->network, &network) &&
	       apo_mask_is_match(user, client->user);
}

bool apo_ban_is_match(const struct apo_ban *ban, const struct apo_client *client)
{
	struct apo_network network;

	switch (ban->kind) {
	case APO_BAN_ADDRESS:
		return apo_network_read_address(&network, client->address) &&
		       apo_network_contains(&ban->network, &network);
	case APO_BAN_HOST:
		if (!client->user[0])
			return false;
		return ban->has_network ? is_user_in_network(ban, client)
					: apo_user_host_is_match(ban->target, client);
	case APO_BAN_REAL:
		return client->real && apo_mask_is_match(ban->target, client->real);
	case APO_BAN_ACCOUNT:
		return client->account && apo_is_same(ban->target, client->account);
	case APO_BAN_KINDS:
		break;
	}
	return false;
}

static const struct apo_ban *search(const struct apo_model *model, enum apo_ban_kind kind,
				    const struct apo_client *client)
{
	const struct rudp_list *head = &model->bans->of_kind[kind];

	RUDP_LIST_EACH(const struct apo_ban, ban, head, of_kind) {
		if (apo_ban_is_match(ban, client) && in_force(model, ban))
			return ban;
	}
	return NULL;
}

const struct apo_ban *apo_ban_of_real(const struct apo_model *model, const char *real)
{
	return search(model, APO_BAN_REAL, &(struct apo_client){.real = (char *)real});
}

static const struct apo_ban *ban_of_client(const struct apo_model *model,
					   const struct apo_client *client)
{
	const struct apo_ban *ban = apo_ban_of_address(model, client->address);

	if (!ban && client->account)
		ban = apo_ban_of_account(model, client->account);
	if (!ban)
		ban = search(model, APO_BAN_HOST, client);
	return ban ? ban : search(model, APO_BAN_REAL, client);
}

/* ---- changes ---- */

static void keep(struct apo_model *model, const struct apo_ban *ban, bool is_there)
{
	const char list[] = {APO_BAN_KINDS_TEXT[ban->kind], '\0'};

	apo_registry_keep_record(
		model, &(struct apo_registry_record){.kind = is_there ? APO_REGISTRY_BAN
								      : APO_REGISTRY_BAN_GONE,
						     .list = list,
						     .name = ban->target,
						     .by = is_there ? ban->by : NULL,
						     .reason = is_there ? ban->reason : NULL,
						     .set_at_s = ban->set_at_s,
						     .ends_at_s = ban->ends_at_s});
}

void apo_bans_keep_all(struct apo_model *model)
{
	const struct rudp_list *list;
	unsigned kind;

	for (kind = 0; kind < APO_BAN_KINDS; kind++) {
		list = apo_bans_of(model, (enum apo_ban_kind)kind);
		RUDP_LIST_EACH(struct apo_ban, ban, list, of_kind)
			keep(model, ban, true);
	}
}

static void free_ban(struct apo_ban *ban)
{
	free(ban->by);
	free(ban->reason);
	free(ban->target);
	free(ban);
}

/* Takes the ban out of the tables. */
static void drop(struct apo_model *model, struct apo_ban *ban)
{
	struct apo_bans *bans = model->bans;

	HASH_DELETE(by_key, bans->by_key, ban);
	if (ban->kind == APO_BAN_ADDRESS) {
		HASH_DELETE(by_network, bans->by_network, ban);
		bans->prefix_counts[ban->network.prefix_bits]--;
	}
	rudp_list_remove(&ban->of_kind);
	free_ban(ban);
	model->figures.bans = apo_bans_count(model);
}

void apo_ban_remove(struct apo_model *model, struct apo_ban *ban)
{
	keep(model, ban, false);
	drop(model, ban);
}

void apo_bans_fini(struct apo_model *model)
{
	struct apo_ban *ban, *next;

	HASH_ITER(by_key, model->bans->by_key, ban, next)
		drop(model, ban);
	free(model->bans);
}

/* Returns -ENOMEM if it is in no table. */
static int insert(struct apo_bans *bans, struct apo_ban *ban, size_t key_len)
{
	if (!RUDP_TABLE_ADD_KEY(by_key, bans->by_key, ban->key, key_len, ban))
		return -ENOMEM;
	if (ban->kind == APO_BAN_ADDRESS) {
		if (!RUDP_TABLE_ADD(by_network, bans->by_network, network, ban)) {
			HASH_DELETE(by_key, bans->by_key, ban);
			return -ENOMEM;
		}
		bans->prefix_counts[ban->network.prefix_bits]++;
	}
	rudp_list_append(&bans->of_kind[ban->kind], &ban->of_kind);
	return 0;
}

void apo_ban_read_network(struct apo_ban *ban)
{
	const char *text = ban->target;

	if (ban->kind == APO_BAN_HOST)
		text = strrchr(text, '@') + 1;
	if (ban->kind == APO_BAN_HOST || ban->kind == APO_BAN_ADDRESS)
		ban->has_network = apo_network_read(&ban->network, text);
}

static struct apo_ban *add(struct apo_model *model, const struct apo_ban *value)
{
	char key[APO_BAN_TARGET_BYTES_MAX + 2];
	size_t len = make_key(key, value->kind, value->target);
	struct apo_ban *ban = calloc(1, sizeof *ban + len + 1);

	if (!ban)
		return NULL;
	ban->kind = value->kind;
	memcpy(ban->key, key, len);
	if (apo_text_set(&ban->target, value->target) < 0) {
		free_ban(ban);
		return NULL;
	}
	apo_ban_read_network(ban);
	if (insert(model->bans, ban, len) < 0) {
		free_ban(ban);
		return NULL;
	}
	model->figures.bans = apo_bans_count(model);
	return ban;
}

struct apo_ban *apo_ban_set(struct apo_model *model, const struct apo_ban *value)
{
	struct apo_ban *ban = apo_ban_find(model, value->kind, value->target);
	bool is_new = !ban;

	if (is_new)
		ban = add(model, value);
	if (!ban)
		return NULL;
	if (apo_text_set(&ban->by, value->by) < 0 ||
	    apo_text_set(&ban->reason, value->reason) < 0) {
		if (is_new)
			drop(model, ban);
		return NULL;
	}
	ban->set_at_s = value->set_at_s;
	ban->ends_at_s = value->ends_at_s;
	if (ban->ends_at_s && ban->ends_at_s < model->bans->next_end_s)
		model->bans->next_end_s = ban->ends_at_s;
	keep(model, ban, true);
	return ban;
}

/* ---- enforcement ---- */

static void write_reason(char to[APO_BODY_BYTES_MAX], const struct apo_ban *ban)
{
	snprintf(to, APO_BODY_BYTES_MAX, "Banned: %s", ban->reason);
}

void apo_ban_enforce(struct apo_model *model, struct apo_client *client, const struct apo_ban *ban)
{
	char reason[APO_BODY_BYTES_MAX];

	write_reason(reason, ban);
	apo_reply(model, client, ERR_YOUREBANNEDCREEP, ban->reason);
	model->figures.ban_refusals++;
	apo_client_end(model, client, reason);
}

bool apo_ban_check(struct apo_model *model, struct apo_client *client)
{
	const struct apo_ban *ban = ban_of_client(model, client);

	if (ban)
		apo_ban_enforce(model, client, ban);
	return ban != NULL;
}

void apo_ban_refuse(struct apo_model *model, struct apo_peer peer, const char *host,
		    const struct apo_ban *ban)
{
	char reason[APO_BODY_BYTES_MAX];

	write_reason(reason, ban);
	model->figures.ban_refusals++;
	apo_connection_close(model, peer, host, reason);
}

/* ---- the end of a ban ---- */

int64_t apo_bans_next_at_ns(const struct apo_model *model)
{
	if (model->bans->next_end_s == NEVER_S)
		return RUDP_NEVER;
	return apo_wall_due_at_ns(model, model->bans->next_end_s);
}

void apo_bans_on_time(struct apo_model *model)
{
	int64_t now_s = apo_wall_s(model), next_s = NEVER_S;
	struct apo_ban *ban, *next;

	if (model->bans->next_end_s > now_s)
		return;
	HASH_ITER(by_key, model->bans->by_key, ban, next)
		if (ban->ends_at_s && ban->ends_at_s <= now_s)
			apo_ban_remove(model, ban);
		else if (ban->ends_at_s && ban->ends_at_s < next_s)
			next_s = ban->ends_at_s;
	model->bans->next_end_s = next_s;
}

/* ---- store and hand-over ---- */

/* Returns APO_BAN_KINDS if there is no such kind. */
static enum apo_ban_kind kind_of(const char *list)
{
	const char *at = list && *list ? strchr(APO_BAN_KINDS_TEXT, *list) : NULL;

	return at ? (enum apo_ban_kind)(at - APO_BAN_KINDS_TEXT) : APO_BAN_KINDS;
}

/* Returns whether the target is as apo_ban_complete writes it. */
static bool is_complete(enum apo_ban_kind kind, const char *target)
{
	char complete[APO_BAN_TARGET_BYTES_MAX + 1];

	return !apo_ban_complete(complete, kind, target) && strcmp(complete, target) == 0;
}

int apo_ban_read(struct apo_model *model, const struct apo_registry_record *record)
{
	enum apo_ban_kind kind = kind_of(record->list);
	const struct apo_ban ban = {.kind = kind,
				    .target = (char *)record->name,
				    .by = (char *)record->by,
				    .reason = (char *)record->reason,
				    .set_at_s = record->set_at_s,
				    .ends_at_s = record->ends_at_s};

	if (kind == APO_BAN_KINDS || !ban.target || !ban.by || !ban.reason ||
	    !is_complete(kind, ban.target) || ban.ends_at_s < 0 ||
	    strlen(ban.reason) > APO_BAN_REASON_BYTES_MAX ||
	    strlen(ban.by) > APO_ACCOUNT_BYTES_MAX || !apo_is_word(ban.by))
		return -EINVAL;
	return apo_ban_set(model, &ban) ? 0 : -ENOMEM;
}

static void serialize_one(struct apo_state *state, const struct apo_ban *ban)
{
	char list[2] = "", target[APO_BAN_TARGET_BYTES_MAX + 1], by[APO_ACCOUNT_BYTES_MAX + 1],
	     reason[APO_BAN_REASON_BYTES_MAX + 1];
	struct apo_registry_record record = {
		.list = list, .name = target, .by = by, .reason = reason};

	if (ban) {
		list[0] = APO_BAN_KINDS_TEXT[ban->kind];
		strcpy(target, ban->target);
		strcpy(by, ban->by);
		strcpy(reason, ban->reason);
		record.set_at_s = ban->set_at_s;
		record.ends_at_s = ban->ends_at_s;
	}
	apo_serializer_string(state->serializer, list, sizeof list);
	apo_serializer_string(state->serializer, target, sizeof target);
	apo_serializer_string(state->serializer, by, sizeof by);
	apo_serializer_string(state->serializer, reason, sizeof reason);
	apo_serializer_second(state->serializer, &record.set_at_s);
	apo_serializer_second(state->serializer, &record.ends_at_s);
	if (state->serializer->is_reading && state->serializer->ok)
		apo_serializer_expect(state->serializer, apo_ban_read(state->model, &record) == 0);
}

void apo_bans_serialize(struct apo_state *state)
{
	const struct rudp_list *head, *link;
	unsigned kind;
	uint32_t count;

	for (kind = 0; kind < APO_BAN_KINDS; kind++) {
		head = &state->model->bans->of_kind[kind];
		count = 0;
		for (link = head->next; link != head; link = link->next)
			count++;
		apo_serializer_count(state->serializer, &count, 20);
		for (link = head->next; count > 0 && state->serializer->ok; count--) {
			serialize_one(state, state->serializer->is_reading
						     ? NULL
						     : RUDP_LIST_OWNER(link, const struct apo_ban,
								       of_kind));
			link = state->serializer->is_reading ? link : link->next;
		}
	}
}
