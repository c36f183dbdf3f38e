/* SPDX-License-Identifier: MIT */
/* operator - OPER, and what operators may. */
#ifndef APO_OPERATOR_H
#define APO_OPERATOR_H

#include "conversation/model/model_private.h"

void apo_operator_on_checked(struct apo_model *model, struct apo_client *client,
			     enum apo_checked result);
void apo_operator_on_rehashed(struct apo_model *model, struct apo_client *client,
			      const char *error);

#endif
