/* SPDX-License-Identifier: MIT */
/*
 * config_dry_run - tries what a start of the server might fail on, without side effects: no file is
 * created or changed, and nothing listens. It also works beside a running server.
 */
#ifndef APO_CONFIG_DRY_RUN_H
#define APO_CONFIG_DRY_RUN_H

#include "conversation/server/config.h"

/*
 * complain  is called for each problem that would prevent a start.
 * mention   is called for each address that is in use, perhaps by the running server itself.
 *
 * Returns   false if there was a problem.
 */
bool apo_config_dry_run(const struct apo_config *config, apo_complain *complain,
			apo_complain *mention, void *of);

#endif
