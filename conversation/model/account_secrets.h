/* SPDX-License-Identifier: MIT */
/*
 * account_secrets - what the copies of a model (shared.h) know of an account in addition to its
 * name: the hash of its password, and the keys by which its owner logs in.
 *
 * Model    A model that is alone leaves this to the owner, who has it on disk. Copies have it in
 *          memory, so that all of them decide alike, and pass each change to the owner
 *          (apo_model_calls.keep_record), who writes it to the disk of its node.
 * Limits   accounts_max of the configuration; APO_ACCOUNT_KEYS_MAX keys of an account.
 */
#ifndef APO_ACCOUNT_SECRETS_H
#define APO_ACCOUNT_SECRETS_H

#include "conversation/irc/fingerprint.h"
#include "conversation/model/accounts.h"
#include "conversation/model/state_private.h"

struct apo_account_secrets {
	struct rudp_list keys; /* in the order of being added */
	unsigned key_count;
	int64_t made_at_s;
	char name[APO_NICK_BYTES_MAX + 1]; /* as it was written when it was registered */
	char hash[APO_SECRET_SIZE];        /* scram.h */
};

/* Adds the account, which must not exist. id: the same in all copies, and never used again. Returns
 * 0, -EINVAL or -ENOMEM: nothing has changed. */
int apo_account_add_shared(struct apo_model *model, const char *name, int64_t id, const char *hash,
			   int64_t made_at_s);
/* The same password has another secret: SCRAM keys were added or removed. Does nothing if the
 * password was changed meanwhile. */
void apo_account_replace_secret(struct apo_model *model, struct apo_account_entry *account,
				const char *secret);
/* The owner writes to disk that the account exists, or is gone. */
void apo_account_keep(struct apo_model *model, const struct apo_account_entry *account,
		      bool is_there);
/* Frees the secrets, if the account has any. Nothing is written. */
void apo_account_secrets_free(struct apo_model *model, struct apo_account_entry *account);

/* The account that the key belongs to; NULL: none. */
struct apo_account_entry *apo_account_of_key(const struct apo_model *model,
					     const char *fingerprint);
/* Adds a key, or removes it. WRONG: it belongs to an account already, or there are too many; or it
 * is no key of this account. */
enum apo_checked apo_account_change_key(struct apo_model *model, struct apo_account_entry *account,
					const char *fingerprint, bool is_added);
/* All keys, with spaces between them. */
void apo_account_list_keys(const struct apo_account_entry *account, char keys[APO_KEYS_TEXT_SIZE]);

/* Adds an account or a key that the store has kept. Returns 0, -EINVAL or -ENOMEM. */
int apo_account_read(struct apo_model *model, const struct apo_registry_record *record);
/* The owner writes all accounts to disk. */
void apo_accounts_keep_all(struct apo_model *model);
/* All accounts, for a copy that joins. */
void apo_accounts_serialize(struct apo_state *state);

#endif
