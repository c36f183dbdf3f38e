/* SPDX-License-Identifier: MIT */
/* whowas - who had a nick earlier: the last entries, up to whowas_max of the configuration. */
#ifndef APO_WHOWAS_H
#define APO_WHOWAS_H

#include "conversation/model/model_private.h"

/* Remembers the client's current nick as an old one. It is not remembered if memory is short. */
void apo_whowas_add(struct apo_model *model, const struct apo_client *client);
/* Removes entries beyond the limit of a new configuration. */
void apo_whowas_trim(struct apo_model *model);
void apo_whowas_clear(struct apo_model *model);

#endif
