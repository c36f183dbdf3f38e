/* SPDX-License-Identifier: MIT */
/* whowas - who had a nick: the last ones, up to whowas_max of the configuration. */
#ifndef APO_WHOWAS_H
#define APO_WHOWAS_H

#include "conversation/model/model_private.h"

/* What the client is called now is what it was called. Without memory it is not remembered. */
void apo_whowas_add(struct apo_model *model, const struct apo_client *client);
/* The configuration may ask for fewer. */
void apo_whowas_trim(struct apo_model *model);
void apo_whowas_clear(struct apo_model *model);

#endif
