/* SPDX-License-Identifier: MIT */
/* messages - PRIVMSG, NOTICE and TAGMSG: what other commands need of them. */
#ifndef APO_MESSAGES_H
#define APO_MESSAGES_H

#include "conversation/model/model_private.h"

/* May the client send messages to the channel? */
bool apo_may_speak(const struct apo_model *model, const struct apo_client *client,
		   const struct apo_channel *channel);

#endif
