/* SPDX-License-Identifier: MIT */
/* server - questions about the server: ISUPPORT, LUSERS, MOTD. */
#ifndef APO_SERVER_H
#define APO_SERVER_H

#include "conversation/model/model_private.h"

void apo_isupport_tell(struct apo_model *model, struct apo_client *client);
/* Returns whether the two configurations give different ISUPPORT lines. */
bool apo_isupport_is_other(const struct apo_model_config *a, const struct apo_model_config *b);
void apo_lusers_tell(struct apo_model *model, struct apo_client *client);
void apo_motd_tell(struct apo_model *model, struct apo_client *client);

#endif
