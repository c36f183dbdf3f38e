/* SPDX-License-Identifier: MIT */
/* server - what the server says of itself. */
#ifndef APO_SERVER_H
#define APO_SERVER_H

#include "conversation/model/model_private.h"

void apo_isupport_tell(struct apo_model *model, struct apo_client *client);
/* Do the two say other things of the server? */
bool apo_isupport_is_other(const struct apo_model_config *a, const struct apo_model_config *b);
void apo_lusers_tell(struct apo_model *model, struct apo_client *client);
void apo_motd_tell(struct apo_model *model, struct apo_client *client);

#endif
