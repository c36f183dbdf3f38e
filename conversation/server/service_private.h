/* SPDX-License-Identifier: MIT */
/* service_private - what the files of the service share. */
#ifndef APO_SERVER_SERVICE_PRIVATE_H
#define APO_SERVER_SERVICE_PRIVATE_H

#include <errno.h>
#include <sys/types.h>

#include "conversation/server/upgrade_state.h"
#include "conversation/server/auth_thread.h"
#include "conversation/server/acceptor.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/metrics.h"
#include "conversation/server/service.h"
#include "conversation/server/pid_proxy.h"
#include "conversation/server/messaging_node.h"
#include "conversation/server/model_thread.h"
#include "conversation/store/store.h"

/* An error of which the log says more than its number does. */
#define APO_ERROR_TOLD (-ECANCELED)

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
	unsigned running_count; /* of workers that have a thread: the first ones */
	unsigned cut_count; /* as the drained workers have told */
	struct apo_model_thread model_thread;
	struct apo_auth_thread auth_thread;
	struct apo_history_thread history_thread;
	bool has_history;        /* there is a history thread */
	struct apo_store *store; /* the auth thread's while that runs and is asked; NULL: none */
	struct apo_acceptor acceptor;
	struct apo_messaging_node messaging_node;
	struct apo_metrics metrics;
	int64_t now_at_ns, deadline_at_ns;
	bool is_model_thread_running;
	/* the upgrade channel to the process that is to go on; fd -1: none */
	struct apo_event_source successor;
	pid_t successor_pid;
	int64_t successor_until_ns;    /* by when it must have said HELLO */
	pid_t heir_pid;                /* who serves now, and we end; 0: we do */
	int notices_fd; /* ours to stand in for it (pid_proxy.h); -1: somebody else does */
	char notices_name[APO_PID_PROXY_NAME_SIZE];
	/* the upgrade channel from the one before, until that is gone; -1 */
	struct apo_event_source predecessor;
	int64_t node_at_ns;            /* when its port is looked for again; RUDP_NEVER: not */
	int64_t node_wait_ns;          /* after this look */
	bool is_heir;
	bool was_told, was_told_by_parent; /* by a signal, or DIE, to end */
};

/* Without memory: false, and nothing is sent. */
bool apo_service_farewell(struct apo_mailbox *box, int kind, int64_t deadline_at_ns,
			  const char *reason);
int apo_service_watch(struct apo_service *service, struct apo_event_source *source,
		      enum apo_source_kind kind, int fd);
/* By signal: the configuration is read anew. false: it is wrong, and the log says where. */
bool apo_service_reload(struct apo_service *service);
void apo_service_take_mail(struct apo_service *service);
int apo_service_start_model_thread(struct apo_service *service);
int apo_service_start_workers(struct apo_service *service);
void apo_service_stop_workers(struct apo_service *service);
int apo_service_open_metrics(struct apo_service *service);
int apo_service_open_messaging_node(struct apo_service *service);

/* ---- what is on disk (service_store.c): each returns 0 or a negative errno value ---- */

int apo_service_open_store(struct apo_service *service);
/* The store has been opened before. What a run before has left open in it stays so. */
int apo_service_open_history(struct apo_service *service);
/* NULL: there is none. */
struct apo_history_thread *apo_service_history_thread(struct apo_service *service);
/* All that the store knows and the model does not: accounts, and markers. While nobody asks the
 * auth thread. */
int apo_service_load_accounts(struct apo_service *service);
/* Whom the run before has left in channels is there no more (apo_history_begin_run). */
int apo_service_begin_history(struct apo_service *service);
/* What is handed over, and what that is read into. */
struct apo_server_parts apo_service_parts(struct apo_service *service);
/* If there is history, and nobody writes it yet. */
int apo_service_start_history_thread(struct apo_service *service);

/* ---- the old one (hand_over.c) ---- */

/* SIGUSR2: another process is started that is to go on. */
void apo_hand_over_begin(struct apo_service *service);
/* It has said something, or is gone. */
void apo_hand_over_on_successor(struct apo_service *service);
/* A signal to us after we have handed over. */
void apo_hand_over_pass_on(const struct apo_service *service, int number);
/* We have read the configuration anew: who is to go on may have read it before. */
void apo_hand_over_on_reload(const struct apo_service *service);
int64_t apo_hand_over_next_at_ns(const struct apo_service *service);
void apo_hand_over_on_time(struct apo_service *service);
/* Whoever was started is not wanted any more. */
void apo_hand_over_abandon(struct apo_service *service, const char *reason);

/* ---- the new one (take_over.c) ---- */

/* Everything has begun but the threads. Returns 0, or a negative errno value: then it must end. */
int apo_take_over(struct apo_service *service);
/* The process before is gone. */
void apo_take_over_on_predecessor(struct apo_service *service);
/* Its port may be free now. */
void apo_take_over_on_time(struct apo_service *service);

#endif
