/* SPDX-License-Identifier: MIT */
/* monitor - names that clients watch (IRCv3 MONITOR), and the notifications about them. */
#ifndef APO_MONITOR_H
#define APO_MONITOR_H

#include "conversation/irc/numerics.h"
#include "conversation/model/model_private.h"

/* Sends RPL_MONONLINE (with client's source) or RPL_MONOFFLINE to all watchers of the nick. */
void apo_monitor_tell(struct apo_model *model, const struct apo_client *client, const char *nick,
		      enum apo_numeric numeric);
/* Sends a line about client to its watchers that are of the audience and share no channel with it
 * (extended-monitor, and metadata). */
void apo_monitor_say(struct apo_model *model, struct apo_client *client, const struct apo_say *say,
		     const struct apo_audience *audience);
/* Removes all watches of the client. */
void apo_monitor_clear(struct apo_model *model, struct apo_client *client);

#endif
