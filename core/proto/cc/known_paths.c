/* SPDX-License-Identifier: MIT */
/* RFC 9959; docs/protocol.md section 11.1. */
#include "proto/cc/known_paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "proto/cc/cc_pace.h"

struct rudp_known_path {
	struct rudp_addr_key remote; /* without port, as local */
	struct rudp_addr_key local;
	uint64_t bytes_per_s;
	int64_t min_rtt_ns;
	int64_t base_rtt_ns;  /* without a queue; 0: not known */
	int64_t noted_at_ns;
	int64_t reached_at_ns; /* four fifths of it at least */
	int64_t busy_until_ns;
	int64_t taken_at_ns;  /* the first of those that share */
	uint64_t taken_bytes; /* by all of them */
	struct rudp_known_loss loss;
	unsigned starters;    /* that began together, last time; 0: not known */
	struct rudp_list use_link;
	UT_hash_handle hh;
};

static struct rudp_known_path *of_use_link(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct rudp_known_path, use_link);
}

void rudp_known_paths_init(struct rudp_known_paths *all)
{
	*all = (struct rudp_known_paths){0};
	rudp_list_init(&all->by_use);
}

static void drop(struct rudp_known_paths *all, struct rudp_known_path *path)
{
	HASH_DELETE(hh, all->table, path);
	all->count--;
	rudp_list_remove(&path->use_link);
	free(path);
}

void rudp_known_paths_clear(struct rudp_known_paths *all)
{
	while (!rudp_list_is_empty(&all->by_use))
		drop(all, of_use_link(all->by_use.next));
}

static bool is_same(const struct rudp_addr_key *a, const struct rudp_addr_key *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* However long ago. */
static struct rudp_known_path *look_up(const struct rudp_known_paths *all,
				       const struct rudp_addr_key *remote)
{
	struct rudp_known_path *path;

	HASH_FIND(hh, all->table, remote, sizeof *remote, path);
	return path;
}

bool rudp_known_paths_forget_host(struct rudp_known_paths *all, const struct rudp_addr *host)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(host);
	struct rudp_known_path *path = look_up(all, &key);

	if (path)
		drop(all, path);
	return path != NULL;
}

/* NULL: not known, or too long ago. */
static struct rudp_known_path *find(struct rudp_known_paths *all,
				    const struct rudp_addr_key *remote, int64_t now_at_ns)
{
	struct rudp_known_path *path = look_up(all, remote);

	if (!path)
		return NULL;
	if (now_at_ns - path->noted_at_ns > RUDP_KNOWN_PATH_LIFE_NS) {
		drop(all, path);
		return NULL;
	}
	rudp_list_remove(&path->use_link);
	rudp_list_append(&all->by_use, &path->use_link);
	return path;
}

static struct rudp_known_path *add(struct rudp_known_paths *all, const struct rudp_addr_key *remote)
{
	bool rudp_table_add_failed = false;
	struct rudp_known_path *path;

	if (all->count == RUDP_KNOWN_PATHS_MAX)
		drop(all, of_use_link(all->by_use.next));
	path = calloc(1, sizeof *path);
	if (!path)
		return NULL;
	path->remote = *remote;
	HASH_ADD(hh, all->table, remote, sizeof path->remote, path);
	if (rudp_table_add_failed) {
		free(path);
		return NULL;
	}
	all->count++;
	rudp_list_append(&all->by_use, &path->use_link);
	return path;
}

static void note_base(struct rudp_known_path *path, const struct rudp_cc_measured *measured)
{
	int64_t base_ns = measured->base_rtt_ns, known_ns = path->base_rtt_ns;

	if (base_ns > 0 && (measured->is_longer || known_ns == 0 || base_ns < known_ns))
		path->base_rtt_ns = base_ns;
}

void rudp_known_paths_note(struct rudp_known_paths *all, const struct rudp_addr *local,
			   const struct rudp_addr *remote, const struct rudp_cc_measured *measured,
			   enum rudp_known_use use, int64_t now_at_ns)
{
	struct rudp_addr_key there = rudp_addr_key_of_host(remote);
	struct rudp_addr_key here = rudp_addr_key_of_host(local);
	struct rudp_known_path *path = find(all, &there, now_at_ns);

	if (!path)
		path = add(all, &there);
	if (!path)
		return;
	if (!is_same(&path->local, &here)) {
		path->local = here;
		path->bytes_per_s = path->taken_bytes = 0;
		path->base_rtt_ns = 0;
		path->loss = (struct rudp_known_loss){0};
	}
	if (use == RUDP_KNOWN_BUSY)
		path->busy_until_ns = now_at_ns + RUDP_KNOWN_PATH_BUSY_NS;
	if (use == RUDP_KNOWN_FREED)
		path->busy_until_ns = now_at_ns;
	if (use == RUDP_KNOWN_DONE || use == RUDP_KNOWN_FREED)
		path->taken_bytes = 0; /* by this one, perhaps, and it has left */
	if (measured->bytes_per_s >= path->bytes_per_s / 100 * RUDP_KNOWN_PATH_SHARE)
		path->reached_at_ns = now_at_ns;
	note_base(path, measured);
	if (!measured->is_whole && measured->bytes_per_s < path->bytes_per_s)
		return;
	path->bytes_per_s = measured->bytes_per_s;
	path->min_rtt_ns = measured->min_rtt_ns;
	path->noted_at_ns = path->reached_at_ns = now_at_ns;
}

static struct rudp_known_path *find_path(struct rudp_known_paths *all,
					 const struct rudp_addr *local,
					 const struct rudp_addr *remote, int64_t now_at_ns)
{
	struct rudp_addr_key there = rudp_addr_key_of_host(remote);
	struct rudp_addr_key here = rudp_addr_key_of_host(local);
	struct rudp_known_path *path = find(all, &there, now_at_ns);

	return path && is_same(&path->local, &here) ? path : NULL;
}

void rudp_known_paths_note_loss(struct rudp_known_paths *all, const struct rudp_addr *local,
				const struct rudp_addr *remote, struct rudp_known_loss more,
				int64_t now_at_ns)
{
	struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	if (!path)
		return;
	path->loss.packets += more.packets;
	path->loss.lost += more.lost;
	while (path->loss.packets > RUDP_KNOWN_PATH_PACKETS_MAX) {
		path->loss.packets /= 2;
		path->loss.lost /= 2;
	}
}

struct rudp_known_loss rudp_known_paths_loss(struct rudp_known_paths *all,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote, int64_t now_at_ns)
{
	const struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	return path ? path->loss : (struct rudp_known_loss){0};
}

int64_t rudp_known_paths_base_rtt_ns(struct rudp_known_paths *all, const struct rudp_addr *local,
				     const struct rudp_addr *remote, int64_t now_at_ns)
{
	const struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	return path ? path->base_rtt_ns : 0;
}

void rudp_known_paths_expect(struct rudp_known_paths *all, const struct rudp_addr_key *remote,
			     unsigned starters)
{
	struct rudp_known_path *path = look_up(all, remote);

	if (path)
		path->starters = starters;
}

int64_t rudp_known_paths_rtt_ns(struct rudp_known_paths *all, const struct rudp_addr *remote,
				int64_t now_at_ns)
{
	struct rudp_addr_key there = rudp_addr_key_of_host(remote);
	const struct rudp_known_path *path = find(all, &there, now_at_ns);

	return path ? path->min_rtt_ns : 0;
}

/* What is less than half as long is another path, and what is half as long again too, or a full one. */
bool rudp_known_paths_is_same_length(int64_t known_ns, int64_t rtt_ns)
{
	return rtt_ns >= known_ns / 2 && rtt_ns <= known_ns * 3 / 2;
}

/* One that had sent until then would send at all of it now, after an idle spell. */
static bool is_recent(const struct rudp_known_path *path, int64_t now_at_ns)
{
	return now_at_ns - path->reached_at_ns <= RUDP_KNOWN_PATH_RECENT_NS;
}

static uint64_t take(struct rudp_known_path *path, uint64_t least_bytes, int64_t now_at_ns)
{
	uint64_t holds, left, share;

	if (now_at_ns < path->busy_until_ns)
		return 0;
	if (now_at_ns - path->taken_at_ns > RUDP_KNOWN_PATH_SHARE_NS) {
		path->taken_at_ns = now_at_ns;
		path->taken_bytes = 0;
	}
	holds = rudp_cc_bytes_in(path->bytes_per_s, path->min_rtt_ns);
	if (holds <= path->taken_bytes)
		return 0;
	left = holds - path->taken_bytes;
	share = (path->starters > 1 ? holds / path->starters : left) / 100 *
		(is_recent(path, now_at_ns) ? RUDP_KNOWN_PATH_RECENT_SHARE : RUDP_KNOWN_PATH_SHARE);
	if (share > left)
		share = left;
	if (share <= least_bytes)
		return 0;
	path->taken_bytes += share;
	return share;
}

uint64_t rudp_known_paths_take(struct rudp_known_paths *all, const struct rudp_addr *local,
			       const struct rudp_addr *remote, int64_t rtt_ns, uint64_t least_bytes,
			       int64_t now_at_ns)
{
	struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	if (!path || !rudp_known_paths_is_same_length(path->min_rtt_ns, rtt_ns))
		return 0;
	return take(path, least_bytes, now_at_ns);
}

uint64_t rudp_known_paths_take_recent(struct rudp_known_paths *all, const struct rudp_addr *local,
				      const struct rudp_addr *remote, uint64_t least_bytes,
				      int64_t now_at_ns, int64_t *rtt_ns)
{
	struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);
	uint64_t share;

	if (!path || !is_recent(path, now_at_ns))
		return 0;
	share = take(path, least_bytes, now_at_ns);
	if (share > 0)
		*rtt_ns = path->min_rtt_ns;
	return share;
}

static unsigned length(const struct rudp_list *head)
{
	unsigned count = 0;

	for (const struct rudp_list *link = head->next; link != head; link = link->next)
		count++;
	return count;
}

bool rudp_known_paths_check(const struct rudp_known_paths *all)
{
	return all->count <= RUDP_KNOWN_PATHS_MAX && HASH_COUNT(all->table) == all->count &&
	       length(&all->by_use) == all->count;
}
