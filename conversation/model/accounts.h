/* SPDX-License-Identifier: MIT */
/*
 * accounts - names that are somebody's: who may have them as nicks, and REGISTER (IRCv3
 * draft/account-registration). An account is called as the nick that it was registered with.
 */
#ifndef APO_ACCOUNTS_H
#define APO_ACCOUNTS_H

#include "conversation/model/model_private.h"

/* The name is an account's from now on; no harm if it is one already. kept_id: its owner's number for
 * it, 0 if that is not known. -ENOMEM. */
int apo_account_remember(struct apo_model *model, const char *name, int64_t kept_id);
/* The account of that name has another number than this. */
bool apo_account_is_other(const struct apo_model *model, const char *name, int64_t kept_id);
void apo_accounts_forget(struct apo_model *model);
/* false: there was none of that name. */
bool apo_account_forget(struct apo_model *model, const char *name);
/* Those that were not remembered (again) since model->owned_mark was raised. Returns how many. */
unsigned apo_accounts_forget_unmarked(struct apo_model *model);
/* Logged in to one that is no more, it is logged out: it is told, and then others. */
void apo_account_leave_if_gone(struct apo_model *model, struct apo_client *client);

/* NULL: there is no account of that name. */
struct apo_readers *apo_account_readers(const struct apo_model *model, const char *name);
/* The account of that name: another number when it was removed and is another's now. 0: none. */
uint64_t apo_account_id(const struct apo_model *model, const char *name);

struct apo_owner {
	uint64_t id;
	const char *name; /* folded, the account's */
};

/* All accounts, the lowest id first; the caller frees them. NULL without memory. */
struct apo_owner *apo_account_owners(const struct apo_model *model, uint32_t *count);

/* Nobody's account is called so, or the client is logged in to it. */
bool apo_account_lets(const struct apo_model *model, const struct apo_client *client,
		      const char *nick);
/* 433, and why. */
void apo_account_refuse(struct apo_model *model, struct apo_client *client, const char *nick);

/* The client is logged in: it is told, and then others. -ENOMEM: it is not. */
int apo_account_enter(struct apo_model *model, struct apo_client *client, const char *account);

/* The client, which was logged in by another process, is with the other connections of its account.
 * -ENOMEM: it is not. */
int apo_account_sit(struct apo_model *model, struct apo_client *client);

/* The answer to REGISTER. */
void apo_account_on_registered(struct apo_model *model, struct apo_client *client,
			       enum apo_checked result, const char *account);

#endif
