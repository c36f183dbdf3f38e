/* SPDX-License-Identifier: MIT */
#include "proto/startup_group.h"

#include <stdlib.h>

static struct rudp_startup_group *found(struct rudp_startup_group *all,
					const struct rudp_addr_key *remote)
{
	struct rudp_startup_group *group;

	HASH_FIND(hh, all, remote, sizeof *remote, group);
	return group;
}

static struct rudp_startup_group *made(struct rudp_startup_group **all,
				       const struct rudp_addr_key *remote)
{
	struct rudp_startup_group *group = calloc(1, sizeof *group);
	bool rudp_table_add_failed = false;

	if (!group)
		return NULL;
	group->remote = *remote;
	HASH_ADD(hh, *all, remote, sizeof group->remote, group);
	if (!rudp_table_add_failed)
		return group;
	free(group);
	return NULL;
}

struct rudp_startup_group *rudp_startup_group_join(struct rudp_startup_group **all,
						   const struct rudp_addr *remote)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(remote);
	struct rudp_startup_group *group = found(*all, &key);

	if (!group)
		group = made(all, &key);
	if (!group)
		return NULL;
	group->count++;
	if (group->count > group->peak)
		group->peak = group->count;
	return group;
}

void rudp_startup_group_leave(struct rudp_startup_group **all, struct rudp_startup_group *group)
{
	if (--group->count > 0)
		return;
	HASH_DELETE(hh, *all, group);
	free(group);
}
