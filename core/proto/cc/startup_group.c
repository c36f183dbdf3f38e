/* SPDX-License-Identifier: MIT */
#include "proto/cc/startup_group.h"

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

struct rudp_startup_group *rudp_startup_group_join(struct rudp_startup_groups *groups,
						   const struct rudp_addr *remote)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(remote);
	struct rudp_startup_group *group = found(groups->by_host, &key);

	if (!group)
		group = made(&groups->by_host, &key);
	if (!group)
		return NULL;
	if (group == groups->empty) {
		groups->empty = NULL;
		group->peak = 0;
	}
	group->count++;
	if (group->count > group->peak)
		group->peak = group->count;
	return group;
}

void rudp_startup_group_leave(struct rudp_startup_groups *groups, struct rudp_startup_group *group)
{
	if (--group->count > 0)
		return;
	rudp_startup_groups_fini(groups);
	groups->empty = group;
}

void rudp_startup_groups_fini(struct rudp_startup_groups *groups)
{
	if (!groups->empty)
		return;
	HASH_DELETE(hh, groups->by_host, groups->empty);
	free(groups->empty);
	groups->empty = NULL;
}
