/* SPDX-License-Identifier: MIT */
/*
 * engine - the private header of the engine: its state and the objects in it.
 *
 * One thread runs everything. Objects refer to each other by id (slots.h) and look each other up per
 * event, because any of them may go while another still names it. What each file does:
 *
 *	loop          epoll, the order of work in one turn; look (awake or asleep until the next)
 *	udp           sockets on the wire       udp_receive, udp_send, udp_spare (used again),
 *	                                        udp_moderation (bulk, read now and then),
 *	                                        roam (this host's addresses change)
 *	app_side      life of an engine's end   app_in (program to network), app_out (back), app_plug
 *	binding       who owns which port       port (having it on both sides), yield (giving it up),
 *	                                        port_share (sharing it), name_holder (or not)
 *	listener      accept side               connect (active side), connection_tuples (names in use)
 *	carrier       rudp or kernel TCP        tcp (the relay), race (who wins), route_cache, policy
 *	control       messages from programs    control_calls (the operations), caller (rights),
 *	                                        caller_process (what it is),
 *	                                        calls_aside (not watched), without_admin
 *	housekeeping  what nobody tells us      info, options, settings, closed_errors, drop_log,
 *	                                        failures, forget, heap, closer, sockets
 *	key_watch     keys come and go          key_ring (all files), key_file (one), file_stamp
 *	qlog          traces of connections     qlog_text, qlog_packet, qlog_json
 *	host_process, host_thread               where it lives
 *	confine       rights it gives up        confine_files, confine_calls, filter/; proc_look and
 *	                                        config_open (what its supervisor reads for it)
 *	thread_to_process                       from the one to the other; shared_memory, port_leaving
 *	failover_state  what outlives it        failover_restore, supervisor (another one in its place)
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
	char name[RUDP_PROGRAM_NAME_BYTES];        /* /proc/PID/comm */
	char executable[RUDP_EXECUTABLE_NAME_BYTES]; /* last part of its path; empty: not known */
};

struct rudp_connection_tuple;
struct rudp_failover_state;

struct rudp_engine {
	struct rudp_settings settings;
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	uint32_t pid, uid;
	char run_dir[RUDP_RUN_DIR_SIZE]; /* the user's private directory (private_dir.h); "": none */
	bool may_lose_rights;         /* its program may change its user or root directory */
	struct rudp_key_use key_use;
	bool stays;                   /* a host that never ends by itself (thread) */
	bool is_moved;                /* from a thread to a process, and ends when nobody needs it */
	uint32_t pid_before;          /* that of its program, if it has moved; 0: none */
	/* shared with who keeps it (failover_state.h); NULL: nobody does */
	struct rudp_failover_state *failover;
	struct rudp_confinement confinement;
	bool succeeds;                /* it has taken the place of an engine that was killed */
	int epoll_fd;
	int spare_fd;                 /* given up for a moment when descriptors run out */
	int probe_fd;                 /* unbound AF_UNIX socket, -1 when one must be made */
	int path_probe_fd;            /* the same of SOCK_DGRAM, for listeners with a path */
	struct rudp_endpoint *ep;
	struct rudp_slots slots;
	struct rudp_pool app_pool, udp_pool; /* the memory of apps and of UDP sockets */
	struct rudp_closed_errors closed_errors;
	struct rudp_drop_log drop_log;
	struct rudp_failures failures;
	int64_t now_at_ns;
	uint64_t turns;               /* of the loop, so far */
	struct rudp_random random;    /* the endpoint's */
	struct rudp_qlog qlog;
	struct rudp_heap heap;
	struct rudp_closer closer;
	struct rudp_busy_poll busy_poll;
	struct rudp_name_looks name_looks;
	struct rudp_sockets sockets;
	struct rudp_roam roam;

	struct rudp_list control_listeners, calls, unauthenticated_calls, udps, apps, bindings,
		clients;
	struct rudp_list calls_aside; /* not watched; oldest first (control.h) */
	struct rudp_list orphan_udps; /* have lost their owner, and perhaps all use */
	struct rudp_list spare_udps;  /* connected, without a connection; oldest first */
	unsigned spare_udp_count;
	struct rudp_list moderated_udps; /* not watched, but read now and then (udp_moderation.h) */
	/* udps, and bindings, once more: the list of rudp_port_bucket() of their local port */
	struct rudp_list udps_by_port[RUDP_PORT_BUCKETS], bindings_by_port[RUDP_PORT_BUCKETS];
	struct rudp_list tcp_dirty;   /* relayed connections with bytes to write */
	struct rudp_list ready;       /* apps with more to do than one pass allows */
	struct rudp_list starved;     /* apps that found no memory for what is there */
	struct rudp_list unread;      /* apps whose forwarded bytes are read off later; oldest first */
	unsigned call_count, unauthenticated_count, app_count, binding_count, client_count,
		waiting_count;
	unsigned calls_aside_count;
	unsigned tcp_count;           /* relayed connections, orphans included */

	struct rudp_timer_wheel race_timers;
	struct rudp_connection_tuple *tuples; /* names that connections out of here have */
	struct rudp_route_cache route_cache;

	int64_t housekeeping_at_ns;
	int64_t retry_at_ns;          /* what found no descriptor, no memory, no room */
	/* control listeners shut for want of descriptors open again then */
	int64_t listeners_open_at_ns;
	int64_t idle_since_ns;        /* RUDP_NEVER: busy */
	uint64_t callers_count;       /* who came through a control listener, ever */
	uint64_t apps_made;           /* programs' connections, ever */
	uint64_t apps_at_look;        /* of these, when idleness was looked at last */
	int64_t keep_until_ns;        /* it knows something until then that it should not forget */
	int64_t stop_at_ns;           /* asked to end: then at the latest */
	bool stopping, over;
	bool retires;                 /* stopping, and its programs may live on */
	/* set by another thread, which then knocks at the control listener */
	_Atomic bool leave_wanted;

	struct rudp_log_ratelimit ratelimit; /* about those who call */

	struct rudp_client_program last_program;
	int64_t last_program_at_ns;

	struct {
		uint64_t malformed, denied, refused_listeners, trains_dropped, gso_fallbacks,
			moderations;
	} counts;

	uint8_t *receive_buffers;     /* RUDP_RECEIVE_BATCH of RUDP_RECEIVE_BUFFER_BYTES */
	uint8_t *train_buffer;        /* RUDP_TRAIN_BYTES_MAX */
	uint8_t *spare_trains[RUDP_SPARE_TRAINS_MAX]; /* as large: of trains that had to wait */
	unsigned spare_train_count;
	uint8_t *scratch;             /* RUDP_SCRATCH_BYTES: bytes nobody wants */
};

/*
 * Allocates the state, opens the control listeners. nonce, token and settings are in by then.
 *
 * Returns  0; -EADDRINUSE: another engine has the well-known name; -errno.
 */
int rudp_engine_init(struct rudp_engine *engine, const struct rudp_settings *settings);
/*
 * The same for an engine that may have a successor, or is one, which has its predecessor's control
 * listeners, the well-known name's, too, and listeners (failover_state.h); failover is the caller's.
 */
int rudp_engine_init_kept(struct rudp_engine *engine, const struct rudp_settings *settings,
			  struct rudp_failover_state *failover);
void rudp_engine_fini(struct rudp_engine *engine);
/*
 * Binds the name under which a user's programs find the engine. 0, -EADDRINUSE (another engine has it),
 * -ENOENT (no private directory), -errno.
 */
int rudp_engine_publish(struct rudp_engine *engine, uint64_t settings_hash);
/* Gives that name up, if it has it: programs that come now find, or start, another one. */
void rudp_engine_unpublish(struct rudp_engine *engine);

static inline size_t rudp_port_bucket(const struct rudp_addr *local)
{
	return rudp_addr_port(local) % RUDP_PORT_BUCKETS;
}

/* epoll with data id; events as EPOLL*. 0 or -errno. */
int rudp_engine_watch(struct rudp_engine *engine, int fd, uint32_t events, uint64_t id);
int rudp_engine_rewatch(struct rudp_engine *engine, int fd, uint32_t events, uint64_t id);

/* Name of the program with this pid, as of now or at most a second ago. */
void rudp_engine_look_at_program(struct rudp_engine *engine, uint32_t pid,
				 struct rudp_client_program *program);
/* Takes over what the policy's settings are by now; looks at its file at most once a second. */
void rudp_engine_follow_policy(struct rudp_engine *engine);
/* What the policy says, as of now, of this program and address: the peer's, or the listener's own. */
struct rudp_decision rudp_engine_decide(struct rudp_engine *engine, enum rudp_direction direction,
					const struct rudp_addr *addr,
					const struct rudp_client_program *program);

#endif
