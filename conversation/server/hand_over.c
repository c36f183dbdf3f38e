/* SPDX-License-Identifier: MIT */
/*
 * The old process of a hand-over (upgrade_channel.h). While the successor reads its configuration,
 * this process still serves. Then all threads stop, pending requests are completed, the state is
 * sent, and the successor serves. If something fails before the successor's TAKEN, the threads are
 * started again and nothing has changed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "conversation/server/upgrade_state.h"
#include "conversation/server/log.h"
#include "conversation/server/notify.h"
#include "conversation/server/upgrade_channel.h"
#include "conversation/server/service_private.h"
#include "conversation/server/pid_proxy.h"

#define HELLO_NS (30 * RUDP_NS_PER_S)  /* for the successor to read its configuration */
#define SETTLE_NS (15 * RUDP_NS_PER_S) /* for password checks and questions to history */
#define UPGRADE_NS (10 * RUDP_NS_PER_S)
#define REASON "The server is being replaced; please connect again"

/* ---- the successor ---- */

static void reap(struct apo_service *service)
{
	if (service->successor_pid <= 0)
		return;
	(void)kill(service->successor_pid, SIGKILL);
	while (waitpid(service->successor_pid, NULL, 0) < 0 && errno == EINTR)
		;
	service->successor_pid = 0;
}

static void close_upgrade_channel(struct apo_service *service)
{
	if (service->successor.fd < 0)
		return;
	(void)epoll_ctl(service->epoll_fd, EPOLL_CTL_DEL, service->successor.fd, NULL);
	close(service->successor.fd);
	service->successor.fd = -1;
}

void apo_hand_over_abandon(struct apo_service *service, const char *reason)
{
	if (service->successor_pid <= 0)
		return;
	reap(service);
	close_upgrade_channel(service);
	service->acceptor.counters.hand_overs_failed++;
	rudp_log(RUDP_LOG_ERROR, "not handed over reason=\"%s\"", reason);
}

/* The path with which this program was executed; the file there may now be a newer version. */
static const char *own_path(void)
{
	return (const char *)getauxval(AT_EXECFN); /* NOLINT: getauxval returns an integer */
}

/* The new main process is reported to the service manager (notify.h). Without a manager, this
 * process acts as one for all later processes (pid_proxy.h). */
static int open_notices(struct apo_service *service)
{
	const char *manager = getenv("NOTIFY_SOCKET");

	if ((manager && *manager) || service->notices_fd >= 0)
		return 0;
	service->notices_fd = apo_pid_proxy_open(service->notices_name);
	return service->notices_fd < 0 ? service->notices_fd : 0;
}

/* The environment of the successor. The caller frees only the array. NULL if memory is short. */
static char **environment_of(struct apo_service *service)
{
	size_t count = 0, at = 0, i;
	char **variables;

	while (environ[count])
		count++;
	variables = calloc(count + 2, sizeof *variables);
	if (!variables)
		return NULL;
	if (service->notices_fd >= 0)
		variables[at++] = service->notices_name;
	for (i = 0; i < count; i++)
		variables[at++] = environ[i];
	return variables;
}

static int spawn(struct apo_service *service, int upgrade_fd)
{
	char number[16], *arguments[6];
	posix_spawn_file_actions_t actions;
	char config[] = "--config", take_over[] = "--take-over";
	char *path = strdup(own_path()), *file = strdup(service->file);
	char **variables = environment_of(service);
	int error = path && file && variables ? posix_spawn_file_actions_init(&actions) : ENOMEM;

	if (error == 0) {
		snprintf(number, sizeof number, "%d", upgrade_fd);
		arguments[0] = path;
		arguments[1] = config;
		arguments[2] = file;
		arguments[3] = take_over;
		arguments[4] = number;
		arguments[5] = NULL;
		/* dup2 onto itself clears close-on-exec, so the descriptor stays open at the same
		 * number. */
		error = posix_spawn_file_actions_adddup2(&actions, upgrade_fd, upgrade_fd);
		if (error == 0)
			error = posix_spawn(&service->successor_pid, path, &actions, NULL,
					    arguments, variables);
		posix_spawn_file_actions_destroy(&actions);
	}
	if (error != 0)
		service->successor_pid = 0;
	free(path);
	free(file);
	free(variables);
	return -error;
}

static int start_successor(struct apo_service *service)
{
	int fds[2], error = open_notices(service);

	if (error < 0)
		return error;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	error = apo_service_watch(service, &service->successor, APO_SOURCE_SUCCESSOR, fds[0]);
	if (error == 0)
		error = spawn(service, fds[1]);
	close(fds[1]);
	if (error < 0)
		close_upgrade_channel(service);
	return error;
}

void apo_hand_over_begin(struct apo_service *service)
{
	const char *wrong;
	int error;

	if (service->successor_pid > 0 || service->predecessor.fd >= 0) {
		rudp_log(RUDP_LOG_WARN,
			 "not handed over reason=\"another hand-over is in progress\"");
		return;
	}
	/* Errors in the configuration are reported here, before the successor would find them. */
	wrong = apo_service_reload(service)
			? apo_cluster_refusal(service->model_thread.cluster, service->config)
			: "the configuration is wrong";
	if (wrong) {
		service->acceptor.counters.hand_overs_failed++;
		rudp_log(RUDP_LOG_ERROR, "not handed over reason=\"%s\"", wrong);
		return;
	}
	service->successor_until_ns = service->now_at_ns + HELLO_NS;
	error = start_successor(service);
	if (error < 0) {
		service->acceptor.counters.hand_overs_failed++;
		rudp_log(RUDP_LOG_ERROR, "not handed over program=%s reason=\"%s\"", own_path(),
			 strerror(-error));
		return;
	}
	rudp_log(RUDP_LOG_INFO, "handing over program=%s pid=%d", own_path(),
		 (int)service->successor_pid);
}

/* ---- stopping ---- */

static void absorb_workers(struct apo_service *service)
{
	unsigned i;

	for (i = 0; i < service->worker_count; i++)
		apo_worker_absorb(service->workers + i, service->now_at_ns);
	apo_service_take_mail(service);
}

/* Waits until a stopped worker or the main thread has mail, or until the model's thread has
 * ended. */
static void wait_for_mail(struct apo_service *service, int64_t until_ns)
{
	struct pollfd waits[APO_WORKERS_MAX + 1];
	int64_t left_ns = until_ns - rudp_clock_now_ns();
	int left_ms = left_ns <= 0 ? 0 : (int)(left_ns / RUDP_NS_PER_MS) + 1;
	unsigned i;

	for (i = 0; i < service->worker_count; i++)
		waits[i] = (struct pollfd){.fd = service->workers[i].box.fd, .events = POLLIN};
	waits[i] = (struct pollfd){.fd = service->box.fd, .events = POLLIN};
	(void)poll(waits, i + 1, until_ns == RUDP_NEVER ? -1 : left_ms);
}

/* The model's thread runs until the model waits for no answer; meanwhile its effects are absorbed
 * here. */
static bool settle(struct apo_service *service)
{
	int64_t until_ns = service->now_at_ns + SETTLE_NS;
	bool is_in_time = true;

	atomic_store(&service->model_thread.has_ended, false);
	while (!apo_service_send_end_notice(&service->model_thread.box, APO_MAIL_SETTLE, 0, ""))
		;
	while (!atomic_load(&service->model_thread.has_ended)) {
		wait_for_mail(service, is_in_time ? until_ns : RUDP_NEVER);
		service->now_at_ns = rudp_clock_now_ns();
		absorb_workers(service);
		if (!is_in_time || service->now_at_ns < until_ns)
			continue;
		is_in_time = false;
		while (!apo_service_send_end_notice(&service->model_thread.box, APO_MAIL_STOP, 0,
						    ""))
			;
	}
	pthread_join(service->model_thread.thread, NULL);
	service->is_model_thread_running = false;
	return is_in_time;
}

/* Delivers what is still in the mailboxes. Nothing new is read from clients, and only seldom does
 * something of other nodes come within a round, so the rounds come to an end. */
static void drain_mailboxes(struct apo_service *service)
{
	service->model_thread.is_unattended = true;
	do
		absorb_workers(service);
	while (apo_model_thread_absorb(&service->model_thread));
	service->model_thread.is_unattended = false;
}

/* Returns NULL, or the reason why that failed. */
static const char *stop_history(struct apo_service *service)
{
	bool is_written;

	if (!service->has_history)
		return NULL;
	is_written = apo_history_thread_pause(&service->history_thread);
	if (service->history_thread.sync.is_on)
		return "history is still compared with that of other nodes; try again when the "
		       "log says \"history is that of the other nodes\"";
	return is_written ? NULL : "history cannot be written";
}

/* Stops all threads but that of the bus, whose mail waits. Returns NULL, or the reason why that
 * failed. History is last, since all messages have been passed to it by then. */
static const char *stop_all(struct apo_service *service)
{
	const char *wrong;
	bool is_settled;

	apo_service_stop_workers(service);
	is_settled = settle(service);
	drain_mailboxes(service);
	if (service->state != APO_RUNNING) /* an operator's DIE has abandoned the hand-over */
		return "the server ends";
	if (!is_settled || !apo_model_is_settled(service->model_thread.model) ||
	    !apo_auth_thread_wait(&service->auth_thread, service->now_at_ns + SETTLE_NS))
		return "password checks, questions to history or the network take too long";
	wrong = stop_history(service);
	if (!wrong)
		wrong = apo_cluster_refusal(service->model_thread.cluster, service->config);
	if (wrong)
		return wrong;
	if (service->store && !apo_registry_thread_pause(&service->registry_thread))
		return "registered channels cannot be written";
	return NULL;
}

static void restart_all(struct apo_service *service)
{
	if (apo_service_start_disk_threads(service) == 0 &&
	    apo_service_start_workers(service) == 0 && apo_service_start_model_thread(service) == 0)
		return;
	rudp_log(RUDP_LOG_ERROR, "ending reason=\"no thread could be started\"");
	service->state = APO_OVER;
}

/* ---- handing over ---- */

/* Returns NULL, or the reason why it failed. */
static const char *send_all(struct apo_service *service, struct apo_upgrade_state *upgrade)
{
	int64_t until_ns = rudp_clock_now_ns() + UPGRADE_NS;
	struct apo_server_parts parts = apo_service_parts(service);
	int fd = service->successor.fd, error;

	if (!apo_upgrade_state_write(upgrade, &parts))
		return "the state is too large, or memory is short";
	error = apo_upgrade_channel_send(fd, upgrade->serializer.bytes, upgrade->serializer.len,
					 upgrade->fds, upgrade->fd_count, until_ns);
	if (error == 0)
		error = apo_upgrade_channel_await(fd, APO_UPGRADE_CHANNEL_TAKEN, until_ns);
	if (error < 0)
		return strerror(-error);
	error = apo_upgrade_channel_send_kind(fd, APO_UPGRADE_CHANNEL_GO, until_ns);
	if (error < 0)
		return strerror(-error);
	/* Before this process ends, since systemd would take its end for the end of the service.
	 * Not before the hand-over is certain, since the manager would not accept a correction from
	 * a process that is no longer the main one. */
	apo_notify("MAINPID=%d", (int)service->successor_pid);
	return NULL;
}

/* Signals that arrive from now on, or that arrived while the threads were stopped, are for the
 * serving process. */
void apo_hand_over_forward_signal(const struct apo_service *service, int number)
{
	if (number != SIGCHLD)
		(void)kill(service->serving_pid, number);
}

void apo_hand_over_on_reload(const struct apo_service *service)
{
	if (service->successor_pid > 0)
		(void)kill(service->successor_pid, SIGHUP);
}

/* The successor serves. Ends the connections that could not be handed over. */
static void finish_hand_over(struct apo_service *service, const struct apo_upgrade_state *upgrade)
{
	struct apo_server_parts parts = apo_service_parts(service);
	unsigned i;

	rudp_log(RUDP_LOG_INFO, "handed over pid=%d connections=%lu left=%lu bytes=%zu",
		 (int)service->successor_pid, upgrade->moved, upgrade->left,
		 upgrade->serializer.len);
	service->serving_pid = service->successor_pid;
	service->successor_pid = 0;
	if (service->model_thread.cluster)
		apo_cluster_on_handed_over(&service->cluster);
	/* Nothing more is sent on the channel; closing it will tell the successor that this process
	 * has ended. */
	(void)epoll_ctl(service->epoll_fd, EPOLL_CTL_DEL, service->successor.fd, NULL);
	/* The successor of the successor must become a child of this process, too. */
	if (service->notices_fd >= 0)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	apo_upgrade_state_release(&parts, REASON);
	service->state = APO_ENDING;
	service->deadline_at_ns = service->now_at_ns + service->config->drain_ns;
	for (i = 0; i < service->worker_count; i++)
		if (!apo_service_send_end_notice(&service->workers[i].box, APO_MAIL_DRAIN,
						 service->deadline_at_ns, ""))
			service->state = APO_OVER;
	if (apo_service_start_workers(service) < 0)
		service->state = APO_OVER;
}

static void hand_over(struct apo_service *service)
{
	struct apo_upgrade_state upgrade;
	const char *wrong;

	apo_upgrade_state_to(&upgrade);
	wrong = stop_all(service);
	if (!wrong)
		wrong = send_all(service, &upgrade);
	if (wrong) {
		apo_hand_over_abandon(service, wrong);
		restart_all(service);
	} else
		finish_hand_over(service, &upgrade);
	apo_upgrade_state_fini(&upgrade);
}

void apo_hand_over_on_successor(struct apo_service *service)
{
	int error;

	if (service->successor_pid <= 0 || service->state != APO_RUNNING)
		return;
	error = apo_upgrade_channel_await(service->successor.fd, APO_UPGRADE_CHANNEL_HELLO,
					  service->now_at_ns + RUDP_NS_PER_S);
	if (error == 0)
		hand_over(service);
	else
		apo_hand_over_abandon(service, error == -EPIPE ? "the new process has ended at once"
							       : strerror(-error));
}

int64_t apo_hand_over_next_at_ns(const struct apo_service *service)
{
	return service->successor_pid > 0 ? service->successor_until_ns : RUDP_NEVER;
}

void apo_hand_over_on_time(struct apo_service *service)
{
	if (apo_hand_over_next_at_ns(service) <= service->now_at_ns)
		apo_hand_over_abandon(service, "the new process does not answer");
}
