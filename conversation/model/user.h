/* SPDX-License-Identifier: MIT */
/* user - what people say of themselves. */
#ifndef APO_USER_H
#define APO_USER_H

#include "conversation/model/model_private.h"

/* MODE of one's own nick: i, o, w. modes NULL: which they are. */
void apo_own_modes(struct apo_model *model, struct apo_client *client, const char *modes);

#endif
