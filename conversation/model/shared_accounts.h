/* SPDX-License-Identifier: MIT */
/*
 * shared_accounts - logins and accounts in a model that is one of several copies (shared.h).
 *
 * Model    The client's own node checks the password, since that takes long; its result is an event
 *          for all copies: a login, a new account with the hash of its password, the removal of an
 *          account, a key, SCRAM keys for an account without them. Events never have a password in
 *          them. Before the welcome a login concerns the client's own node only: the event of the
 *          welcome tells it to the others.
 */
#ifndef APO_SHARED_ACCOUNTS_H
#define APO_SHARED_ACCOUNTS_H

#include "conversation/model/shared_private.h"

struct apo_ticket;

/* Instead of the calls to the owner of a model that is alone (apo_model_calls.check_account
 * ...). */
void apo_shared_ask_account(struct apo_model *model, struct apo_ticket *ticket, const char *account,
			    const char *password);
void apo_shared_ask_scram(struct apo_model *model, const struct apo_ticket *ticket,
			  const char *account);
/* As it was written when it was registered; NULL: there is no such account. */
const char *apo_shared_account_name(const struct apo_model *model, const char *account);
/* The account of the client that logs in by this key; NULL: none. wanted: as for find_key. */
const char *apo_shared_account_of_key(const struct apo_model *model, const char *fingerprint,
				      const char *wanted);
/* Returns false if the answer of the owner needs no handling of a copy. */
bool apo_shared_on_checked(struct apo_model *model, struct apo_client *client,
			   const struct apo_ticket *ticket, enum apo_checked result,
			   const char *text);

/* Returns false if the client is to be logged in at once. */
bool apo_shared_propose_login(struct apo_model *model, struct apo_client *client,
			      const char *account);
void apo_shared_propose_drop(struct apo_model *model, struct apo_client *client,
			     const char *account);
void apo_shared_propose_key(struct apo_model *model, struct apo_client *client,
			    const char *fingerprint, bool is_added);

/* Applies an event. client: whose it is; NULL: it has gone. */
void apo_shared_apply_account(struct apo_model *model, enum apo_shared_kind kind,
			      struct apo_client *client, struct apo_serializer *serializer);

/* Writes or reads the account of a client. Reading gives none if the account has gone meanwhile. */
void apo_shared_describe_account(struct apo_serializer *serializer, const struct apo_model *model,
				 struct apo_client *client);

#endif
