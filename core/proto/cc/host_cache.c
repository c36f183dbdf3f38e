/* SPDX-License-Identifier: MIT */
/* RFC 9959; docs/protocol.md section 11.1. */
#include "proto/cc/host_cache.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cc/cc_pace.h"

static struct rudp_host *of_use_link(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct rudp_host, use_link);
}

void rudp_host_cache_init(struct rudp_host_cache *all)
{
	*all = (struct rudp_host_cache){0};
	rudp_list_init(&all->by_use);
}

static void evict(struct rudp_host_cache *all, struct rudp_host *host)
{
	HASH_DELETE(hh, all->table, host);
	rudp_list_remove(&host->use_link);
	all->idle_count--;
	free(host);
}

static unsigned forget(struct rudp_host_cache *all, struct rudp_host *host)
{
	unsigned paths = host->path.is_used;

	host->path = (struct rudp_known_path){0};
	host->refused_until_ns = 0;
	if (host->holders == 0)
		evict(all, host);
	return paths;
}

static struct rudp_host *look_up(const struct rudp_host_cache *all,
				 const struct rudp_addr_key *addr)
{
	return RUDP_TABLE_FIND(hh, all->table, addr);
}

unsigned rudp_host_cache_forget(struct rudp_host_cache *all, const struct rudp_addr *host)
{
	struct rudp_addr_key key;
	struct rudp_host *one, *next;
	unsigned paths = 0;

	if (host) {
		key = rudp_addr_key_of_host(host);
		one = look_up(all, &key);
		return one ? forget(all, one) : 0;
	}
	HASH_ITER(hh, all->table, one, next)
		paths += forget(all, one);
	return paths;
}

static bool is_same(const struct rudp_addr_key *a, const struct rudp_addr_key *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Adds a host with one holder. */
static struct rudp_host *add(struct rudp_host_cache *all, const struct rudp_addr_key *addr)
{
	struct rudp_host *host = calloc(1, sizeof *host);

	if (!host)
		return NULL;
	host->addr = *addr;
	host->holders = 1;
	if (RUDP_TABLE_ADD(hh, all->table, addr, host))
		return host;
	free(host);
	return NULL;
}

struct rudp_host *rudp_host_cache_hold(struct rudp_host_cache *all, const struct rudp_addr *host)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(host);
	struct rudp_host *one = look_up(all, &key);

	if (!one)
		return add(all, &key);
	if (one->holders++ == 0) {
		rudp_list_remove(&one->use_link);
		all->idle_count--;
	}
	return one;
}

void rudp_host_cache_drop(struct rudp_host_cache *all, struct rudp_host *host)
{
	bool is_known = host->path.is_used || host->refused_until_ns > 0;

	if (--host->holders > 0)
		return;
	if (all->idle_count == RUDP_HOST_CACHE_MAX)
		evict(all, of_use_link(all->by_use.next));
	/* Appending to the first link of a circular list puts it in front. */
	rudp_list_append(is_known ? &all->by_use : all->by_use.next, &host->use_link);
	all->idle_count++;
}

struct rudp_host *rudp_host_cache_begin_startup(struct rudp_host_cache *all,
						const struct rudp_addr *remote)
{
	struct rudp_host *host = rudp_host_cache_hold(all, remote);

	if (host && ++host->starting > host->starting_peak)
		host->starting_peak = host->starting;
	return host;
}

void rudp_host_cache_end_startup(struct rudp_host_cache *all, struct rudp_host *host)
{
	if (--host->starting == 0) {
		if (host->path.is_used)
			host->path.starters = host->starting_peak;
		host->starting_peak = 0;
	}
	rudp_host_cache_drop(all, host);
}

void rudp_host_cache_note_refusal(struct rudp_host_cache *all, const struct rudp_addr *host,
				  int64_t now_at_ns)
{
	struct rudp_host *one = rudp_host_cache_hold(all, host);

	if (!one)
		return;
	one->refused_until_ns = now_at_ns + RUDP_REFUSAL_NS;
	rudp_host_cache_drop(all, one);
}

bool rudp_host_cache_has_refused(const struct rudp_host_cache *all, const struct rudp_addr *host,
				 int64_t now_at_ns)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(host);
	const struct rudp_host *one = look_up(all, &key);

	return one && now_at_ns < one->refused_until_ns;
}

/* Finds the path to a host and marks it as used. NULL if it is unknown or expired. */
static struct rudp_known_path *find(struct rudp_host_cache *all, const struct rudp_addr *remote,
				    int64_t now_at_ns)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(remote);
	struct rudp_host *host = look_up(all, &key);

	if (!host || !host->path.is_used)
		return NULL;
	if (now_at_ns - host->path.noted_at_ns > RUDP_KNOWN_PATH_LIFE_NS) {
		host->path = (struct rudp_known_path){0};
		if (host->holders == 0 && now_at_ns >= host->refused_until_ns)
			evict(all, host);
		return NULL;
	}
	if (host->holders == 0) {
		rudp_list_remove(&host->use_link);
		rudp_list_append(&all->by_use, &host->use_link);
	}
	return &host->path;
}

static void note_base(struct rudp_known_path *path, const struct rudp_cc_measured *measured)
{
	int64_t base_ns = measured->base_rtt_ns, known_ns = path->base_rtt_ns;

	if (base_ns > 0 && (measured->is_longer || known_ns == 0 || base_ns < known_ns))
		path->base_rtt_ns = base_ns;
}

static void note_path(struct rudp_known_path *path, const struct rudp_addr *local,
		      const struct rudp_cc_measured *measured, enum rudp_known_use use,
		      int64_t now_at_ns)
{
	struct rudp_addr_key here = rudp_addr_key_of_host(local);

	path->is_used = true;
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
		path->taken_bytes = 0; /* this connection may have taken them, and it has ended */
	if (measured->bytes_per_s >= path->bytes_per_s / 100 * RUDP_KNOWN_PATH_SHARE)
		path->reached_at_ns = now_at_ns;
	note_base(path, measured);
	if (!measured->is_whole && measured->bytes_per_s < path->bytes_per_s)
		return;
	path->bytes_per_s = measured->bytes_per_s;
	path->min_rtt_ns = measured->min_rtt_ns;
	path->noted_at_ns = path->reached_at_ns = now_at_ns;
}

void rudp_host_cache_note(struct rudp_host_cache *all, const struct rudp_addr *local,
			  const struct rudp_addr *remote, const struct rudp_cc_measured *measured,
			  enum rudp_known_use use, int64_t now_at_ns)
{
	struct rudp_host *host;

	find(all, remote, now_at_ns); /* drops it if it is expired */
	host = rudp_host_cache_hold(all, remote);
	if (!host)
		return;
	note_path(&host->path, local, measured, use, now_at_ns);
	rudp_host_cache_drop(all, host);
}

static struct rudp_known_path *find_path(struct rudp_host_cache *all, const struct rudp_addr *local,
					 const struct rudp_addr *remote, int64_t now_at_ns)
{
	struct rudp_addr_key here = rudp_addr_key_of_host(local);
	struct rudp_known_path *path = find(all, remote, now_at_ns);

	return path && is_same(&path->local, &here) ? path : NULL;
}

void rudp_host_cache_note_loss(struct rudp_host_cache *all, const struct rudp_addr *local,
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

struct rudp_known_loss rudp_host_cache_loss(struct rudp_host_cache *all,
					    const struct rudp_addr *local,
					    const struct rudp_addr *remote, int64_t now_at_ns)
{
	const struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	return path ? path->loss : (struct rudp_known_loss){0};
}

int64_t rudp_host_cache_base_rtt_ns(struct rudp_host_cache *all, const struct rudp_addr *local,
				    const struct rudp_addr *remote, int64_t now_at_ns)
{
	const struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	return path ? path->base_rtt_ns : 0;
}

int64_t rudp_host_cache_rtt_ns(struct rudp_host_cache *all, const struct rudp_addr *remote,
			       int64_t now_at_ns)
{
	const struct rudp_known_path *path = find(all, remote, now_at_ns);

	return path ? path->min_rtt_ns : 0;
}

/*
 * An RTT below half of the known one, or more than half above it, means another path or a full
 * queue.
 */
bool rudp_host_cache_is_same_length(int64_t known_ns, int64_t rtt_ns)
{
	return rtt_ns >= known_ns / 2 && rtt_ns <= known_ns * 3 / 2;
}

/* A connection that had sent until then would still use its whole rate after this idle time. */
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

uint64_t rudp_host_cache_take(struct rudp_host_cache *all, const struct rudp_addr *local,
			      const struct rudp_addr *remote, int64_t rtt_ns, uint64_t least_bytes,
			      int64_t now_at_ns)
{
	struct rudp_known_path *path = find_path(all, local, remote, now_at_ns);

	if (!path || !rudp_host_cache_is_same_length(path->min_rtt_ns, rtt_ns))
		return 0;
	return take(path, least_bytes, now_at_ns);
}

uint64_t rudp_host_cache_take_recent(struct rudp_host_cache *all, const struct rudp_addr *local,
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
