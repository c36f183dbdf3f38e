/* SPDX-License-Identifier: MIT */
#include "conversation/model/account_secrets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/markers.h"
#include "conversation/model/registry.h"
#include "conversation/model/shared.h"

#define ACCOUNT_BYTES_MIN 32
#define KEY_BYTES_MIN 16

struct apo_account_key_entry {
	UT_hash_handle by_fingerprint;
	struct rudp_list of_account;
	struct apo_account_entry *account;
	int64_t made_at_s;
	char fingerprint[APO_FINGERPRINT_SIZE];
};

/* ---- what is written ---- */

void apo_account_keep(struct apo_model *model, const struct apo_account_entry *account,
		      bool is_there)
{
	const struct apo_account_secrets *secrets = account->secrets;

	apo_registry_keep_record(
		model, &(struct apo_registry_record){.kind = is_there ? APO_REGISTRY_ACCOUNT
								      : APO_REGISTRY_ACCOUNT_GONE,
						     .number = account->kept_id,
						     .name = secrets->name,
						     .reason = is_there ? secrets->hash : NULL,
						     .set_at_s = secrets->made_at_s});
}

static void keep_key(struct apo_model *model, const struct apo_account_key_entry *key,
		     bool is_there)
{
	apo_registry_keep_record(
		model, &(struct apo_registry_record){.kind = is_there ? APO_REGISTRY_KEY
								      : APO_REGISTRY_KEY_GONE,
						     .number = key->account->kept_id,
						     .name = key->fingerprint,
						     .set_at_s = key->made_at_s});
}

static struct apo_account_key_entry *key_of(const struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct apo_account_key_entry, of_account);
}

void apo_accounts_keep_all(struct apo_model *model)
{
	const struct apo_account_entry *account;
	const struct rudp_list *keys, *link;

	for (account = model->accounts; account; account = account->by_name.next) {
		if (!account->secrets)
			continue;
		apo_account_keep(model, account, true);
		keys = &account->secrets->keys;
		for (link = keys->next; link != keys; link = link->next)
			keep_key(model, key_of(link), true);
	}
}

/* ---- accounts ---- */

/* Returns false if it has secrets already. */
static bool is_right(const struct apo_model *model, const char *name, int64_t id, const char *hash)
{
	const struct apo_account_entry *account = apo_account_entry_of(model, name);

	return id > 0 && apo_nick_is_valid(name, APO_NICK_BYTES_MAX) && apo_is_word(hash) &&
	       apo_secret_is_valid(hash) && !(account && account->secrets);
}

int apo_account_add_shared(struct apo_model *model, const char *name, int64_t id, const char *hash,
			   int64_t made_at_s)
{
	struct apo_account_secrets *secrets;

	if (!is_right(model, name, id, hash))
		return -EINVAL;
	secrets = calloc(1, sizeof *secrets);
	if (!secrets || apo_account_remember(model, name, id) < 0) {
		free(secrets);
		return -ENOMEM;
	}
	rudp_list_init(&secrets->keys);
	secrets->made_at_s = made_at_s;
	strcpy(secrets->name, name);
	strcpy(secrets->hash, hash);
	apo_account_entry_of(model, name)->secrets = secrets;
	return 0;
}

void apo_account_replace_secret(struct apo_model *model, struct apo_account_entry *account,
				const char *secret)
{
	if (!apo_secret_is_valid(secret) || !apo_is_word(secret) ||
	    !apo_secret_is_same_hash(secret, account->secrets->hash))
		return;
	strcpy(account->secrets->hash, secret);
	apo_account_keep(model, account, true);
}

static void key_free(struct apo_model *model, struct apo_account_key_entry *key)
{
	HASH_DELETE(by_fingerprint, model->shared->keys, key);
	rudp_list_remove(&key->of_account);
	key->account->secrets->key_count--;
	free(key);
}

void apo_account_secrets_free(struct apo_model *model, struct apo_account_entry *account)
{
	if (!account->secrets)
		return;
	while (!rudp_list_is_empty(&account->secrets->keys))
		key_free(model, key_of(account->secrets->keys.next));
	explicit_bzero(account->secrets, sizeof *account->secrets);
	free(account->secrets);
	account->secrets = NULL;
}

/* ---- keys ---- */

static struct apo_account_key_entry *find_key(const struct apo_model *model,
					      const char *fingerprint)
{
	return RUDP_TABLE_FIND_KEY(by_fingerprint, model->shared->keys, fingerprint,
				   strlen(fingerprint));
}

struct apo_account_entry *apo_account_of_key(const struct apo_model *model, const char *fingerprint)
{
	struct apo_account_key_entry *key = find_key(model, fingerprint);

	return key ? key->account : NULL;
}

static struct apo_account_key_entry *add_key(struct apo_model *model,
					     struct apo_account_entry *account,
					     const char *fingerprint, int64_t made_at_s)
{
	struct apo_account_key_entry *key = calloc(1, sizeof *key);

	if (!key)
		return NULL;
	key->account = account;
	key->made_at_s = made_at_s;
	strcpy(key->fingerprint, fingerprint);
	if (!RUDP_TABLE_ADD_KEY(by_fingerprint, model->shared->keys, key->fingerprint,
				strlen(key->fingerprint), key)) {
		free(key);
		return NULL;
	}
	rudp_list_append(&account->secrets->keys, &key->of_account);
	account->secrets->key_count++;
	return key;
}

static bool may_add(const struct apo_model *model, const struct apo_account_entry *account,
		    const char *fingerprint)
{
	return apo_fingerprint_is_valid(fingerprint) && !find_key(model, fingerprint) &&
	       account->secrets->key_count < APO_ACCOUNT_KEYS_MAX;
}

enum apo_checked apo_account_change_key(struct apo_model *model, struct apo_account_entry *account,
					const char *fingerprint, bool is_added)
{
	struct apo_account_key_entry *key = find_key(model, fingerprint);

	if (is_added && !may_add(model, account, fingerprint))
		return APO_CHECKED_WRONG;
	if (is_added)
		key = add_key(model, account, fingerprint, apo_wall_s(model));
	else if (!key || key->account != account)
		return APO_CHECKED_WRONG;
	if (!key)
		return APO_CHECKED_FAILED;
	keep_key(model, key, is_added);
	if (!is_added)
		key_free(model, key);
	return APO_CHECKED_RIGHT;
}

void apo_account_list_keys(const struct apo_account_entry *account, char keys[APO_KEYS_TEXT_SIZE])
{
	const struct rudp_list *head = &account->secrets->keys, *link;
	char *to = keys;

	*to = '\0';
	for (link = head->next; link != head; link = link->next) {
		if (to > keys)
			*to++ = ' ';
		to = stpcpy(to, key_of(link)->fingerprint);
	}
}

/* ---- the store ---- */

static int read_key(struct apo_model *model, const struct apo_registry_record *record)
{
	struct apo_account_entry *account;

	if (!record->by || !record->name || !(account = apo_account_entry_of(model, record->by)) ||
	    !account->secrets || !may_add(model, account, record->name))
		return -EINVAL;
	return add_key(model, account, record->name, record->set_at_s) ? 0 : -ENOMEM;
}

int apo_account_read(struct apo_model *model, const struct apo_registry_record *record)
{
	int error;

	if (!model->shared)
		return -EINVAL;
	if (record->kind == APO_REGISTRY_KEY)
		return read_key(model, record);
	if (!record->name || !record->reason)
		return -EINVAL;
	error = apo_account_add_shared(model, record->name, record->number, record->reason,
				       record->set_at_s);
	if (error == 0 && (uint64_t)record->number > model->last_msgid)
		model->last_msgid = (uint64_t)record->number;
	return error;
}

/* ---- snapshots ---- */

static void serialize_key(struct apo_state *state, struct apo_account_entry *account,
			  struct apo_account_key_entry *key)
{
	struct apo_account_key_entry copy = {.made_at_s = 0};

	if (key)
		copy = *key;
	apo_serializer_string(state->serializer, copy.fingerprint, sizeof copy.fingerprint);
	apo_serializer_second(state->serializer, &copy.made_at_s);
	if (state->serializer->is_reading && state->serializer->ok)
		apo_serializer_expect(
			state->serializer,
			may_add(state->model, account, copy.fingerprint) &&
				add_key(state->model, account, copy.fingerprint, copy.made_at_s));
}

static void serialize_account(struct apo_state *state, struct apo_account_entry *account)
{
	struct apo_serializer *serializer = state->serializer;
	struct apo_account_secrets copy = {.made_at_s = 0};
	const struct rudp_list *link = NULL;
	int64_t id = account ? account->kept_id : 0;

	if (account)
		copy = *account->secrets;
	apo_serializer_string(serializer, copy.name, sizeof copy.name);
	apo_serializer_string(serializer, copy.hash, sizeof copy.hash);
	apo_serializer_i64(serializer, &id);
	apo_serializer_second(serializer, &copy.made_at_s);
	if (serializer->is_reading && serializer->ok) {
		apo_serializer_expect(serializer,
				      apo_account_add_shared(state->model, copy.name, id, copy.hash,
							     copy.made_at_s) == 0);
		copy.key_count = 0;
		account = serializer->ok ? apo_account_entry_of(state->model, copy.name) : NULL;
	} else if (account) {
		link = account->secrets->keys.next;
	}
	apo_serializer_count(serializer, &copy.key_count, KEY_BYTES_MIN);
	for (; copy.key_count > 0 && serializer->ok; copy.key_count--) {
		serialize_key(state, account, link ? key_of(link) : NULL);
		link = link ? link->next : NULL;
	}
	if (account)
		apo_account_markers_serialize(state, &account->readers);
	explicit_bzero(&copy, sizeof copy);
}

void apo_accounts_serialize(struct apo_state *state)
{
	uint32_t count = HASH_CNT(by_name, state->model->accounts), i;
	struct apo_account_entry *account = state->model->accounts;

	apo_serializer_count(state->serializer, &count, ACCOUNT_BYTES_MIN);
	for (i = 0; i < count && state->serializer->ok; i++) {
		serialize_account(state, state->serializer->is_reading ? NULL : account);
		account = state->serializer->is_reading ? NULL : account->by_name.next;
	}
}
