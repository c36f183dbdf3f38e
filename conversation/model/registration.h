/* SPDX-License-Identifier: MIT */
/* registration - makes a connection a user: passwords, NICK, USER, SASL, the welcome. */
#ifndef APO_REGISTRATION_H
#define APO_REGISTRATION_H

#include "conversation/model/model_private.h"

struct apo_state;

#define APO_WRONG_PASSWORDS_MAX 3 /* after that many the connection ends */

/* Welcomes the client if nothing is missing any more. */
void apo_registration_try(struct apo_model *model, struct apo_client *client);
/* The client becomes a user. It has a nick. */
void apo_registration_welcome(struct apo_model *model, struct apo_client *client);
void apo_registration_on_password(struct apo_model *model, struct apo_client *client,
				  enum apo_checked result);
/* The nick that a welcome gives to the client: it ends a stale session that has it, if the client
 * may do that. Returns false if the nick is refused; the client is told why. */
bool apo_registration_may_take(struct apo_model *model, struct apo_client *client,
			       const char *nick);
/* Counts a wrong password; at the limit the client is ended. */
void apo_registration_count_wrong(struct apo_model *model, struct apo_client *client,
				  const char *by, const char *name, const char *reason);

/* Changes the nick and tells all who should know. The nick is valid and free. */
void apo_nick_change(struct apo_model *model, struct apo_client *client, const char *nick);

/* Logs the client in to the account, and answers. */
void apo_sasl_log_in(struct apo_model *model, struct apo_client *client, const char *account);
void apo_sasl_on_checked(struct apo_model *model, struct apo_client *client,
			 enum apo_checked result, const char *account, const char *tried);
/* The answer to SASL EXTERNAL. */
void apo_sasl_on_key(struct apo_model *model, struct apo_client *client, enum apo_checked result,
		     const char *account, const char *tried);

/* Ends the exchange of AUTHENTICATE, wipes what it held, and frees the registration of a client
 * that needs it no more. */
void apo_sasl_forget(struct apo_client *client);
/* Returns whether the client's address may try a password. If not, the client and the log are told
 * why. */
bool apo_sasl_may_try(struct apo_model *model, struct apo_client *client, const char *account);
/* Logs in to the account; in a network of nodes all of them do it. */
void apo_sasl_enter(struct apo_model *model, struct apo_client *client, const char *account);
/* The answer to APO_AUTH_SCRAM (sasl_scram.c). */
void apo_scram_on_keys(struct apo_model *model, struct apo_client *client, enum apo_checked result,
		       const char *text, const char *tried);
/* A whole message of the client, decoded. */
void apo_scram_take(struct apo_model *model, struct apo_client *client, const char *text,
		    size_t len);
void apo_scram_free(struct apo_registration *registration);
void apo_scram_serialize(struct apo_state *state, struct apo_registration *registration);

#endif
