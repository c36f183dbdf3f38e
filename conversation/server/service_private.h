/* SPDX-License-Identifier: MIT */
/* service_private - the declarations that only the files of the service use. */
#ifndef APO_SERVER_SERVICE_PRIVATE_H
#define APO_SERVER_SERVICE_PRIVATE_H

#include <errno.h>
#include <sys/types.h>

#include "conversation/server/upgrade_state.h"
#include "conversation/server/auth_thread.h"
#include "conversation/server/acceptor.h"
#include "conversation/server/cluster.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/metrics.h"
#include "conversation/server/service.h"
#include "conversation/server/pid_proxy.h"
#include "conversation/server/messaging_node.h"
#include "conversation/server/registry_thread.h"
#include "conversation/server/model_thread.h"
#include "conversation/store/store.h"

/* An error whose details have already been logged. */
#define APO_ERROR_LOGGED (-ECANCELED)

enum apo_service_state { APO_RUNNING, APO_ENDING, APO_OVER };

struct apo_service {
	enum apo_service_state state;
	const char *file;
	struct apo_config *config;
	int epoll_fd;
	struct apo_event_source box_source, signal_source;
	struct apo_mailbox box;
	struct apo_worker *workers;
	unsigned worker_count, drained_count;
	unsigned running_count; /* workers with a thread; they are the first ones */
	unsigned cut_count;     /* as reported by the drained workers */
	struct apo_model_thread model_thread;
	struct apo_auth_thread auth_thread;
	struct apo_history_thread history_thread;
	bool has_history;                           /* there is a history thread */
	struct apo_registry_thread registry_thread; /* if there is a store */
	struct apo_store *store; /* used by the auth thread while that has work; NULL: no store */
	struct apo_cluster cluster; /* if the configuration has one */
	struct apo_acceptor acceptor;
	struct apo_messaging_node messaging_node;
	struct apo_metrics metrics;
	int64_t now_at_ns, deadline_at_ns;
	bool is_model_thread_running;
	/* The upgrade channel to the process that shall take over; fd -1: none. */
	struct apo_event_source successor;
	pid_t successor_pid;
	int64_t successor_until_ns; /* when it must have sent HELLO */
	pid_t serving_pid; /* the process that serves now while this one ends; 0: this one serves */
	/* For acting as its service manager (pid_proxy.h); -1: there is another manager. */
	int notices_fd;
	char notices_name[APO_PID_PROXY_NAME_SIZE];
	/* The upgrade channel from the previous process until that has ended; fd -1: none. */
	struct apo_event_source predecessor;
	int64_t node_at_ns;   /* when to try the messaging node's port again; RUDP_NEVER: not */
	int64_t node_wait_ns; /* the wait after that try */
	bool is_takeover;
	bool end_requested, end_requested_by_parent; /* by a signal or DIE */
};

/* Returns false if memory is short: nothing is sent. */
bool apo_service_send_end_notice(struct apo_mailbox *box, int kind, int64_t deadline_at_ns,
				 const char *reason);
int apo_service_watch(struct apo_service *service, struct apo_event_source *source,
		      enum apo_event_source_kind kind, int fd);
/* Reads the configuration again after a signal. Returns false if it has errors; the log has
 * them. */
bool apo_service_reload(struct apo_service *service);
void apo_service_take_mail(struct apo_service *service);
int apo_service_start_model_thread(struct apo_service *service);
int apo_service_start_workers(struct apo_service *service);
void apo_service_stop_workers(struct apo_service *service);
int apo_service_open_metrics(struct apo_service *service);
int apo_service_open_messaging_node(struct apo_service *service);

/* ---- files on disk (service_store.c): each returns 0 or a negative errno value ---- */

int apo_service_open_store(struct apo_service *service);
/* Needs the open store. Presences that an earlier run has left open stay open. */
int apo_service_open_history(struct apo_service *service);
/* NULL if there is no history. */
struct apo_history_thread *apo_service_history_thread(struct apo_service *service);
/* Loads accounts and markers from the store into the model. The auth thread must be idle. */
int apo_service_load_accounts(struct apo_service *service);
/* Ends the presences that an earlier run has left open (apo_history_begin_run). */
int apo_service_begin_history(struct apo_service *service);
/* The parts that are handed over, or that the state is read into. */
struct apo_server_parts apo_service_parts(struct apo_service *service);
/* Loads the registered channels from the store into the model. */
int apo_service_load_channels(struct apo_service *service);
/* Starts the threads that write history and registered channels, if there are such and they do not
 * run. */
int apo_service_start_disk_threads(struct apo_service *service);
/* Stops them, and closes the store. */
void apo_service_stop_disk_threads(struct apo_service *service);

/* ---- in the old process (hand_over.c) ---- */

/* SIGUSR2: starts the new process. */
void apo_hand_over_begin(struct apo_service *service);
/* The new process has sent something, or has ended. */
void apo_hand_over_on_successor(struct apo_service *service);
/* Forwards a signal to the new process after the hand-over. */
void apo_hand_over_forward_signal(const struct apo_service *service, int number);
/* After the configuration was read again: abandons a new process that may have read the old one. */
void apo_hand_over_on_reload(const struct apo_service *service);
int64_t apo_hand_over_next_at_ns(const struct apo_service *service);
void apo_hand_over_on_time(struct apo_service *service);
/* Ends the attempt: kills the new process. */
void apo_hand_over_abandon(struct apo_service *service, const char *reason);

/* ---- in the new process (take_over.c) ---- */

/* Everything has been opened, but no thread runs. Returns 0, or a negative errno value: this
 * process must end. */
int apo_take_over(struct apo_service *service);
/* The previous process has ended. */
void apo_take_over_on_predecessor(struct apo_service *service);
/* Tries the port of the messaging node again. */
void apo_take_over_on_time(struct apo_service *service);

#endif
