/* SPDX-License-Identifier: MIT */
/*
 * nickserv - what an owner may do with its account and its nicks, said as clients are used to say
 * it: NS, NICKSERV, or PRIVMSG to NickServ. Nobody is behind that nick, and nobody can have it.
 */
#ifndef APO_NICKSERV_H
#define APO_NICKSERV_H

#include "conversation/model/model_private.h"

#define APO_NICKSERV "NickServ"

/* The nick is kept for it, whether there are accounts or not. */
bool apo_nickserv_is_meant(const char *nick);
/* false: there are no accounts here, so there is none to hear it. */
bool apo_nickserv_hear(struct apo_model *model, struct apo_client *client, const char *text);

/* The answer to DROP. The account has gone (apo_model_on_account_gone) by then, if it has. */
void apo_nickserv_on_dropped(struct apo_model *model, struct apo_client *client,
			     enum apo_checked result, const char *account);

#endif
