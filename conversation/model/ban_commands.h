/* SPDX-License-Identifier: MIT */
/* ban_commands - KLINE, DLINE, XLINE, their opposites and lists, and NickServ's SUSPEND. */
#ifndef APO_BAN_COMMANDS_H
#define APO_BAN_COMMANDS_H

#include "conversation/model/bans.h"

/* text: "[NOKILL] [FORCE] [<duration>] <target> [<reason>]"; it is changed. */
void apo_ban_add(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		 char *text);
void apo_ban_delete(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		    const char *target);
/* Shows the bans whose target matches the mask; NULL: all. */
void apo_ban_list(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		  const char *mask);

#endif
