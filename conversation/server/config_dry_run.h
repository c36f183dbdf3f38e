/* SPDX-License-Identifier: MIT */
/*
 * config_dry_run - what a start would fail on, tried without leaving anything behind: no file is made or
 * changed, nobody can connect. Beside a server that runs, too.
 */
#ifndef APO_CONFIG_DRY_RUN_H
#define APO_CONFIG_DRY_RUN_H

#include "conversation/server/config.h"

/*
 * complain  each thing that would keep the server from beginning.
 * mention   each address that somebody has now: the server itself, perhaps, which runs.
 *
 * Returns   false: there was something to complain of.
 */
bool apo_config_dry_run(const struct apo_config *config, apo_complain *complain,
			apo_complain *mention, void *of);

#endif
