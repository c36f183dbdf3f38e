/* SPDX-License-Identifier: MIT */
/*
 * still_server - everything that a process hands over, as a server without threads, clients or
 * files. The test runs its turns.
 */
#ifndef TESTS_SERVER_STILL_SERVER_H
#define TESTS_SERVER_STILL_SERVER_H

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "conversation/server/upgrade_state.h"
#include "conversation/server/auth_thread.h"
#include "conversation/server/acceptor_private.h"
#include "conversation/server/metrics.h"
#include "conversation/server/model_thread.h"

#define WORKERS 2 /* at most */

struct server {
	struct apo_worker workers[WORKERS];
	unsigned worker_count;
	struct apo_mailbox acceptor_box;
	struct apo_auth_thread auth_thread; /* never asked: there are no passwords */
	struct apo_model_thread model_thread;
	struct apo_acceptor acceptor;
	struct apo_metrics metrics;
	struct apo_peers peers;
	const char *history_file; /* NULL: no history */
	int epoll_fd;
};

/* One configuration for all servers of a test; it is never freed. */
static inline void server_config_init(struct apo_config *config)
{
	*config = (struct apo_config){
		.references = 1000,
		.drain_ns = RUDP_NS_PER_S,
		.receive_queue_bytes = 8192,
		.send_queue_bytes = 65536,
		.waiting_max = 10,
		.waiting_ns = 60 * RUDP_NS_PER_S,
		.per_address_max = 100,
		.connects_max = 100,
		.connects_ns = RUDP_NS_PER_S,
	};
	apo_model_config_init(&config->model);
	config->model.server_name = "s.e";
	config->model.network = "N";
	config->model.version = "v";
}

/* Returns 0, or the negative errno values of all failures combined by OR. */
static inline int server_open(struct server *server, struct apo_config *config,
			      unsigned worker_count, bool is_takeover)
{
	int error = 0;
	unsigned i;

	memset(server, 0, sizeof *server);
	server->worker_count = worker_count;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	error |= apo_mailbox_init(&server->acceptor_box);
	error |= apo_mailbox_init(&server->model_thread.box);
	for (i = 0; i < worker_count; i++)
		error |= apo_worker_init(server->workers + i, i, &server->model_thread.box,
					 &server->acceptor_box, config);
	error |= apo_model_thread_init(&server->model_thread, server->workers, worker_count,
				       &server->acceptor_box, &server->auth_thread, NULL, config);
	server->model_thread.is_unattended = true;
	server->metrics.epoll_fd = server->epoll_fd;
	apo_metrics_init(&server->metrics);
	error |= apo_acceptor_open(&server->acceptor, server->epoll_fd, server->workers,
				   worker_count, config, is_takeover);
	return error;
}

/* Drops the mail to the acceptor, with operators' REHASH and DIE. */
static inline void server_drop_notes(struct server *server)
{
	struct apo_mail *mail = apo_mailbox_take(&server->acceptor_box), *next;

	for (; mail; mail = next) {
		next = mail->next;
		if (mail->kind == APO_MAIL_BATCH)
			apo_batch_done((struct apo_batch *)mail);
		else
			free(mail);
	}
}

static inline void server_close(struct server *server)
{
	unsigned i;

	(void)apo_model_thread_absorb(&server->model_thread); /* handles mail already sent */
	for (i = 0; i < server->worker_count; i++)
		apo_worker_clear(server->workers + i);
	server_drop_notes(server);
	apo_model_thread_drop_mail(&server->model_thread);
	for (i = 0; i < server->worker_count; i++)
		apo_worker_fini(server->workers + i);
	apo_model_thread_fini(&server->model_thread);
	apo_metrics_release(&server->metrics);
	apo_acceptor_fini(&server->acceptor);
	apo_mailbox_fini(&server->model_thread.box);
	apo_mailbox_fini(&server->acceptor_box);
	close(server->epoll_fd);
}

/* Runs all parts of the server until nothing is pending. */
static inline void server_turn(struct server *server)
{
	unsigned round, i;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < server->worker_count; i++) {
			apo_mailbox_wake(&server->workers[i].box);
			apo_worker_turn(server->workers + i);
		}
		(void)apo_model_thread_absorb(&server->model_thread);
	}
	server_drop_notes(server);
}

/* The parts of the server that are handed over, or that the state is read into. */
static inline struct apo_server_parts server_parts(struct server *server)
{
	return (struct apo_server_parts){.workers = server->workers,
					 .worker_count = server->worker_count,
					 .model = server->model_thread.model,
					 .acceptor = &server->acceptor,
					 .metrics = &server->metrics,
					 .peers = &server->peers,
					 .history_file = server->history_file,
					 .now_at_ns = rudp_clock_now_ns()};
}

#endif
