/* SPDX-License-Identifier: MIT */
/* messages - PRIVMSG, NOTICE and TAGMSG: what other commands need of them. */
#ifndef APO_MESSAGES_H
#define APO_MESSAGES_H

#include "conversation/model/model_private.h"

/* Returns whether the client may send messages to the channel. */
bool apo_may_speak(const struct apo_model *model, const struct apo_client *client,
		   const struct apo_channel *channel);

/* Writes the client-only tags of the message, escaped, to cap bytes. Returns to; NULL: none, or the
 * client may not send tags. */
const char *apo_relayed_tags(const struct apo_client *client, const struct apo_message *message,
			     char *to, size_t cap);

/* Returns whether a service is among the targets of a message, which commas separate. Its commands
 * may have a password in them. */
bool apo_targets_have_service(const char *targets);

/* Sends a PRIVMSG of several lines (multiline.h) of the client. tags NULL: none. */
void apo_post_multiline(struct apo_model *model, struct apo_client *client, const char *target,
			const char *tags, const char *text);

#endif
