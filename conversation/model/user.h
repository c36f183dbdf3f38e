/* SPDX-License-Identifier: MIT */
/* user - commands with which users change their own data. */
#ifndef APO_USER_H
#define APO_USER_H

#include "conversation/model/model_private.h"

#define APO_USER_MODES "BRTiosw"

/* MODE of the client's own nick: APO_USER_MODES. modes NULL: shows the current ones. parameter: of
 * mode s; NULL: none. */
void apo_own_modes(struct apo_model *model, struct apo_client *client, const char *modes,
		   const char *parameter);

#endif
