/* SPDX-License-Identifier: MIT */
/*
 * nickserv - NickServ: commands with which an owner manages an account and its nicks. Clients send
 * them as NS, NICKSERV, or PRIVMSG to NickServ. No client has that nick, and none can take it.
 */
#ifndef APO_NICKSERV_H
#define APO_NICKSERV_H

#include "conversation/model/model_private.h"

#define APO_NICKSERV "NickServ"

/* Returns whether it is NickServ's nick, which is reserved even if the server has no accounts. */
bool apo_nickserv_is_meant(const char *nick);
/* Handles a command. Returns false if the server has no accounts, so there is no such recipient. */
bool apo_nickserv_handle(struct apo_model *model, struct apo_client *client, const char *text);

/* Returns whether all copies of the model (shared.h) handle the command. */
bool apo_nickserv_is_shared(const char *text);

/* Sends the reply to DROP. If the account was removed, apo_model_on_account_gone has been called
 * before. */
void apo_nickserv_on_dropped(struct apo_model *model, struct apo_client *client,
			     enum apo_checked result, const char *account);
/* Send the replies to CERT. keys: fingerprints with spaces between them. */
void apo_nickserv_on_key_changed(struct apo_model *model, struct apo_client *client,
				 enum apo_checked result, const char *fingerprint, bool is_added);
void apo_nickserv_on_keys(struct apo_model *model, struct apo_client *client,
			  enum apo_checked result, const char *keys);

#endif
