/* SPDX-License-Identifier: MIT */
/* operator - OPER, and the commands of operators. */
#ifndef APO_OPERATOR_H
#define APO_OPERATOR_H

#include "conversation/model/model_private.h"

/* tried: the operator that the client wants to be. */
void apo_operator_on_checked(struct apo_model *model, struct apo_client *client,
			     enum apo_checked result, const char *tried);
void apo_operator_on_rehashed(struct apo_model *model, struct apo_client *client,
			      const char *error);

#endif
