/* SPDX-License-Identifier: MIT */
/* caps - what a client may switch on (IRCv3 capability negotiation, version 302). */
#ifndef APO_CAPS_H
#define APO_CAPS_H

#include "conversation/model/model_private.h"

/* Those that there are for this client. */
uint32_t apo_caps_offered(const struct apo_model *model, const struct apo_client *client);
/* Another configuration: who wishes to be told (cap-notify) is told what came and what went. */
void apo_caps_tell_changes(struct apo_model *model, struct apo_client *client, uint32_t before);

#endif
