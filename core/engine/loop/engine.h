/* SPDX-License-Identifier: MIT */
/*
 * engine - the private header of the engine: its state and the objects in it.
 *
 * One thread runs everything. Objects refer to each other by id (slots.h) and look each other up
 * for each event, as any of them may be freed while another still has its id.
 * core/engine/README.md says what each file does.
 */
#ifndef RUDP_ENGINE_ENGINE_H
#define RUDP_ENGINE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/control.h"
#include "api/names.h"
#include "api/run_dir.h"
#include "base/addr.h"
#include "base/log_ratelimit.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/timer_wheel.h"
#include "engine/loop/closer.h"
#include "engine/confine/confine.h"
#include "engine/trace/failures.h"
#include "engine/identity/identity_watch.h"
#include "engine/loop/heap.h"
#include "engine/loop/key_watch.h"
#include "engine/loop/busy_poll.h"
#include "engine/control/name_holder.h"
#include "engine/config/policy.h"
#include "engine/trace/qlog.h"
#include "engine/loop/random.h"
#include "engine/connect/route_cache.h"
#include "engine/udp/roam.h"
#include "engine/config/settings.h"
#include "engine/loop/slots.h"
#include "engine/app/join.h"
#include "engine/app/sockets.h"
#include "engine/trace/drop_log.h"
#include "engine/app/closed_errors.h"
#include "proto/conn/endpoint.h"

#define RUDP_RECEIVE_BATCH 16
#define RUDP_RECEIVE_BUFFER_BYTES 65536
#define RUDP_SCRATCH_BYTES 65536
#define RUDP_SPARE_TRAINS_MAX 8
#define RUDP_PROGRAM_NAME_BYTES 16
#define RUDP_EXECUTABLE_NAME_BYTES 64
#define RUDP_PORT_BUCKETS 1024u
#define RUDP_RETRY_NS (5 * RUDP_NS_PER_MS)

struct rudp_client_program {
	uint32_t pid;
	char name[RUDP_PROGRAM_NAME_BYTES];          /* /proc/PID/comm */
	char executable[RUDP_EXECUTABLE_NAME_BYTES]; /* last part of its path; empty: unknown */
};

struct rudp_connection_tuple;
struct rudp_failover_state;

struct rudp_engine {
	struct rudp_settings settings;
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	uint32_t pid, uid;
	char run_dir
		[RUDP_RUN_DIR_SIZE]; /* the user's private directory (private_dir.h); "": none */
	bool may_lose_rights; /* a thread whose program may change its user or root directory */
	struct rudp_key_use key_use;
	struct rudp_identity_use identity_use;
	bool stays;          /* in a thread: never ends by itself */
	bool is_moved;       /* moved from a thread to a process; ends when it is not needed */
	uint32_t pid_before; /* pid of the program before the move; 0: none */
	/* Shared with the supervisor (failover_state.h); NULL: there is none. */
	struct rudp_failover_state *failover;
	struct rudp_confinement confinement;
	bool succeeds; /* it replaces an engine that was killed */
	int epoll_fd;
	int spare_fd;      /* closed for a moment when descriptors run out */
	int probe_fd;      /* unbound AF_UNIX socket; -1: one must be made */
	int path_probe_fd; /* the same with SOCK_DGRAM, for listeners with a path */
	struct rudp_join join;
	struct rudp_endpoint *ep;
	struct rudp_slots slots;
	struct rudp_pool app_pool, udp_pool; /* the memory of apps and of UDP sockets */
	struct rudp_closed_errors closed_errors;
	struct rudp_drop_log drop_log;
	struct rudp_failures failures;
	int64_t now_at_ns;
	uint64_t turns;            /* turns of the loop so far; begins at 1 */
	bool has_conn_events;      /* events of connections that are left for the next turn */
	struct rudp_random random; /* random numbers for the endpoint */
	struct rudp_qlog qlog;
	struct rudp_heap heap;
	struct rudp_closer closer;
	struct rudp_busy_poll busy_poll;
	struct rudp_name_reads name_reads;
	struct rudp_sockets sockets;
	struct rudp_roam roam;

	struct rudp_list control_listeners, calls, unauthenticated_calls, udps, apps, bindings,
		clients;
	struct rudp_list calls_aside;       /* not in epoll; oldest first (control.h) */
	struct rudp_list calls_catching_up; /* oldest first */
	struct rudp_list orphan_udps;       /* without owner, and perhaps unused */
	struct rudp_list spare_udps;        /* connected, but without a connection; oldest first */
	unsigned spare_udp_count;
	struct rudp_list moderated_udps; /* not in epoll, read at intervals (udp_moderation.h) */
	/* All udps and bindings by local port: list number rudp_port_bucket(). */
	struct rudp_list udps_by_port[RUDP_PORT_BUCKETS], bindings_by_port[RUDP_PORT_BUCKETS];
	struct rudp_list tcp_dirty; /* relayed connections with bytes to write */
	struct rudp_list ready;     /* apps with more to do than one pass allows */
	struct rudp_list starved;   /* apps that found no memory for waiting bytes */
	struct rudp_list unread; /* apps whose forwarded bytes are consumed later; oldest first */
	unsigned call_count, unauthenticated_count, app_count, binding_count, client_count;
	unsigned calls_aside_count;
	unsigned tcp_count; /* relayed connections, those without a program included */

	struct rudp_timer_wheel race_timers;
	struct rudp_connection_tuple *tuples; /* address pairs of outgoing connections */
	struct rudp_route_cache route_cache;

	int64_t housekeeping_at_ns, stale_calls_at_ns;
	int64_t retry_at_ns; /* next try of what lacked descriptors, memory or room */
	/* When listeners that were paused for lack of descriptors open again. */
	int64_t listeners_open_at_ns;
	int64_t idle_since_ns;  /* RUDP_NEVER: busy */
	uint64_t callers_count; /* accepted by control listeners so far */
	uint64_t apps_made;     /* connections of programs so far */
	uint64_t apps_at_check; /* apps_made at the last check for idleness */
	int64_t keep_until_ns;  /* it does not end before then (race.c) */
	int64_t stop_at_ns;     /* when it ends at the latest, once it was asked to end */
	bool stopping, over;    /* asked to end; to end after this turn */
	bool retires;           /* it stops, but its programs may live on */
	/* Another thread sets it, then connects to the control listener to wake the engine. */
	_Atomic bool leave_wanted;

	struct rudp_log_ratelimit ratelimit; /* for messages about callers */

	struct rudp_client_program last_program;
	int64_t last_program_at_ns;

	uint64_t dropped_trains; /* the socket had no room, and its queue was full */

	uint8_t *receive_buffers; /* RUDP_RECEIVE_BATCH of RUDP_RECEIVE_BUFFER_BYTES */
	uint8_t *train_buffer;    /* RUDP_TRAIN_BYTES_MAX */
	uint8_t *spare_trains
		[RUDP_SPARE_TRAINS_MAX]; /* as large; buffers of trains that had to wait */
	unsigned spare_train_count;
	uint8_t *scratch; /* RUDP_SCRATCH_BYTES for bytes to be discarded */
};

/*
 * Allocates the state and opens the control listeners.
 *
 * Returns  0; -EADDRINUSE: another engine has the well-known name; -errno.
 */
int rudp_engine_init(struct rudp_engine *engine, const struct rudp_settings *settings);
/*
 * The same for an engine with a supervisor. If it succeeds another engine, it takes over that
 * engine's listeners and control listeners, with the well-known one (failover_state.h). The caller
 * owns failover.
 */
int rudp_engine_init_supervised(struct rudp_engine *engine, const struct rudp_settings *settings,
				struct rudp_failover_state *failover);
void rudp_engine_fini(struct rudp_engine *engine);
/*
 * Opens the listener with the name under which the user's programs find the engine. 0; -EADDRINUSE:
 * another engine has it; -ENOENT: no private directory; -errno.
 */
int rudp_engine_publish(struct rudp_engine *engine, uint64_t settings_hash);
/* Closes that listener, if there is one: new programs then find or start another engine. */
void rudp_engine_unpublish(struct rudp_engine *engine);

static inline size_t rudp_port_bucket(const struct rudp_addr *local)
{
	return rudp_addr_port(local) % RUDP_PORT_BUCKETS;
}

/* Adds fd to epoll, or changes it there. id: the epoll data; events: EPOLL* bits. 0 or -errno. */
int rudp_engine_watch(struct rudp_engine *engine, int fd, uint32_t events, uint64_t id);
int rudp_engine_rewatch(struct rudp_engine *engine, int fd, uint32_t events, uint64_t id);

/* Opens spare_fd again. If there is no free descriptor now, a later call tries again. */
void rudp_engine_keep_spare(struct rudp_engine *engine);
/*
 * accept4() without a free descriptor: the connection gets the number of spare_fd. The caller
 * closes it, then calls rudp_engine_keep_spare(). Returns -1 and errno on failure.
 */
int rudp_engine_accept_spare(struct rudp_engine *engine, int listener);

/* Name and executable of the process, at most PROGRAM_NAME_AGE_NS (1 s) old. */
void rudp_engine_read_program(struct rudp_engine *engine, uint32_t pid,
			      struct rudp_client_program *program);
/* Applies the current settings of the policy. Checks its file at most once a second. */
void rudp_engine_follow_policy(struct rudp_engine *engine);
/*
 * The policy's decision for this program and address: the peer's, or the listener's own. A listener
 * that asks its peers for identities uses rudp only: over TCP they cannot prove one.
 */
struct rudp_decision rudp_engine_find_rule(struct rudp_engine *engine,
					   enum rudp_direction direction,
					   const struct rudp_addr *addr,
					   const struct rudp_client_program *program);
/* The same after rudp_engine_follow_policy(). */
struct rudp_decision rudp_engine_decide(struct rudp_engine *engine, enum rudp_direction direction,
					const struct rudp_addr *addr,
					const struct rudp_client_program *program);

#endif
