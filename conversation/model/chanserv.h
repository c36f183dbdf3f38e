/* SPDX-License-Identifier: MIT */
/*
 * chanserv - ChanServ: commands with which accounts register channels and manage them. Clients send
 * them as CS, CHANSERV, or PRIVMSG to ChanServ. No client can take that nick.
 */
#ifndef APO_CHANSERV_H
#define APO_CHANSERV_H

#include "conversation/model/model_private.h"

#define APO_CHANSERV "ChanServ"

/* Returns whether it is ChanServ's nick, which is reserved even if the server registers no
 * channels. */
bool apo_chanserv_is_meant(const char *nick);
/* Handles a command. Returns false if channels cannot be registered, so there is no such
 * recipient. */
bool apo_chanserv_handle(struct apo_model *model, struct apo_client *client, const char *text);
/* The source of what ChanServ says and changes. */
void apo_chanserv_source(const struct apo_model *model, char to[APO_SOURCE_BYTES_MAX + 1]);

#endif
