/* SPDX-License-Identifier: MIT */
/* monitor - names that clients watch (IRCv3 MONITOR), and how they are told. */
#ifndef APO_MONITOR_H
#define APO_MONITOR_H

#include "conversation/irc/numerics.h"
#include "conversation/model/model_private.h"

/* Whoever watches the name is told RPL_MONONLINE (with client's source) or RPL_MONOFFLINE. */
void apo_monitor_tell(struct apo_model *model, const struct apo_client *client, const char *nick,
		      enum apo_numeric numeric);
/* extended-monitor: a line of client to those who watch it, have the capabilities, and share no
 * channel with it. */
void apo_monitor_say(struct apo_model *model, struct apo_client *client, const struct apo_say *say,
		     uint32_t with);
/* It watches nobody any more. */
void apo_monitor_clear(struct apo_model *model, struct apo_client *client);

#endif
