/* SPDX-License-Identifier: MIT */
/*
 * accounts - registered account names: who may use such a name as nick, and the command REGISTER
 * (IRCv3 draft/account-registration). The name of an account is the nick that its owner registered.
 */
#ifndef APO_ACCOUNTS_H
#define APO_ACCOUNTS_H

#include "conversation/model/model_private.h"

struct apo_account_secrets;

struct apo_account_entry {
	UT_hash_handle by_name;
	uint32_t mark;
	struct apo_readers readers;
	uint64_t id;     /* accounts never share an id, not even with the same name */
	int64_t kept_id; /* its id in the store; 0: not known */
	struct apo_account_secrets *secrets; /* NULL: only the owner has them (account_secrets.h) */
	char folded[];
};

/* NULL if there is no account of that name. */
struct apo_account_entry *apo_account_entry_of(const struct apo_model *model, const char *name);

/* Reserves the name for its account. It may be reserved already. kept_id: the account's id in the
 * store, 0 if unknown. Returns 0 or -ENOMEM. */
int apo_account_remember(struct apo_model *model, const char *name, int64_t kept_id);
/* Returns whether there is an account of that name with another id than kept_id. */
bool apo_account_is_other(const struct apo_model *model, const char *name, int64_t kept_id);
void apo_accounts_forget(struct apo_model *model);
/* Returns false if there is no account of that name. */
bool apo_account_forget(struct apo_model *model, const char *name);
/* Removes the account: its clients are logged out, and channels get other founders. Returns false
 * if there is no account of that name. */
bool apo_account_end(struct apo_model *model, const char *name);
/* Forgets the accounts whose names were not remembered (again) since model->account_mark was
 * raised. Returns how many. */
unsigned apo_accounts_forget_unmarked(struct apo_model *model);
/* If the client's account no longer exists, the client is logged out: it is told, then the other
 * users. */
void apo_account_leave_if_gone(struct apo_model *model, struct apo_client *client);

/* NULL if there is no account of that name. */
struct apo_readers *apo_account_readers(const struct apo_model *model, const char *name);
/* The id of the account of that name; 0: there is no such account. If an account was removed and
 * its name was registered again, the id differs. */
uint64_t apo_account_id(const struct apo_model *model, const char *name);

struct apo_account_key {
	uint64_t id;
	const char *name; /* folded; the account owns the string */
};

/* All accounts, sorted by id; the caller frees the array. NULL if memory is short. */
struct apo_account_key *apo_accounts_list(const struct apo_model *model, uint32_t *count);

/* True if no account has the nick as its name, or if the client is logged in to that account. */
bool apo_account_allows_nick(const struct apo_model *model, const struct apo_client *client,
			     const char *nick);
/* Sends ERR_NICKNAMEINUSE (433) with the reason. */
void apo_account_refuse_nick(struct apo_model *model, struct apo_client *client, const char *nick);

/* Logs the client in and tells it, then the other users. Returns 0, -ENOMEM, or -EACCES: it is not
 * logged in, since the account is suspended, and has been told so. */
int apo_account_enter(struct apo_model *model, struct apo_client *client, const char *account);

/* Adds a client, whose login was taken over from another process, to the connections of its
 * account. Returns 0, or -ENOMEM: it is not added. */
int apo_account_attach(struct apo_model *model, struct apo_client *client);

/* The client needs an account to join and to speak, and is not logged in. */
bool apo_account_is_missing(const struct apo_model *model, const struct apo_client *client);
/* A client may register its nick before the welcome. */
bool apo_account_is_early(const struct apo_model *model);
/* Sends the reply to REGISTER. */
void apo_account_on_registered(struct apo_model *model, struct apo_client *client,
			       enum apo_checked result, const char *account);

#endif
