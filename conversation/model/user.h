/* SPDX-License-Identifier: MIT */
/* user - commands with which users change their own data. */
#ifndef APO_USER_H
#define APO_USER_H

#include "conversation/model/model_private.h"

/* MODE of the client's own nick: i, o, w. modes NULL: shows the current ones. */
void apo_own_modes(struct apo_model *model, struct apo_client *client, const char *modes);

#endif
