/* SPDX-License-Identifier: MIT */
#include "proto/starters.h"

#include <stdlib.h>

static struct rudp_starters *found(struct rudp_starters *all, const struct rudp_addr_key *remote)
{
	struct rudp_starters *group;

	HASH_FIND(hh, all, remote, sizeof *remote, group);
	return group;
}

static struct rudp_starters *made(struct rudp_starters **all, const struct rudp_addr_key *remote)
{
	struct rudp_starters *group = calloc(1, sizeof *group);
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

struct rudp_starters *rudp_starters_join(struct rudp_starters **all, const struct rudp_addr *remote)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(remote);
	struct rudp_starters *group = found(*all, &key);

	if (!group)
		group = made(all, &key);
	if (!group)
		return NULL;
	group->count++;
	if (group->count > group->peak)
		group->peak = group->count;
	return group;
}

void rudp_starters_leave(struct rudp_starters **all, struct rudp_starters *group)
{
	if (--group->count > 0)
		return;
	HASH_DELETE(hh, *all, group);
	free(group);
}
