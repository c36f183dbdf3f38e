/* SPDX-License-Identifier: MIT */
#include "conversation/server/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "conversation/server/log.h"
#include "conversation/server/notify.h"
#include "conversation/server/service_private.h"

#define EVENTS_AT_ONCE 64

/* ---- the end ---- */

bool apo_service_send_end_notice(struct apo_mailbox *box, int kind, int64_t deadline_at_ns,
				 const char *reason)
{
	struct apo_end_notice *end_notice = calloc(1, sizeof *end_notice);

	if (!end_notice)
		return false;
	end_notice->mail.kind = kind;
	end_notice->deadline_at_ns = deadline_at_ns;
	snprintf(end_notice->reason, sizeof end_notice->reason, "%s", reason);
	apo_mailbox_put(box, &end_notice->mail);
	return true;
}

static void begin_end(struct apo_service *service, const char *reason)
{
	unsigned i;

	if (service->state != APO_RUNNING)
		return;
	service->state = APO_ENDING;
	apo_hand_over_abandon(service, "the server ends");
	service->deadline_at_ns = service->now_at_ns + service->config->drain_ns;
	rudp_log(RUDP_LOG_INFO, "ending reason=\"%s\" clients=%u", reason,
		 service->acceptor.active_count);
	apo_acceptor_close(&service->acceptor, reason);
	for (i = 0; i < service->worker_count; i++)
		if (!apo_service_send_end_notice(&service->workers[i].box, APO_MAIL_DRAIN,
						 service->deadline_at_ns, ""))
			service->state = APO_OVER;
	if (!apo_service_send_end_notice(&service->model_thread.box, APO_MAIL_END, 0, reason))
		service->state = APO_OVER;
}

static void end_in_time(struct apo_service *service, unsigned clients)
{
	rudp_log(RUDP_LOG_WARN, "ending in time reason=\"not all was written\" clients=%u",
		 clients);
	service->state = APO_OVER;
}

/* Workers have the same deadline. If they reach it first, they report how many connections were
 * cut. */
static void on_drained(struct apo_service *service, const struct apo_note *note)
{
	service->cut_count += note->cut_count;
	if (++service->drained_count < service->worker_count)
		return;
	if (service->cut_count > 0 && service->state == APO_ENDING)
		end_in_time(service, service->cut_count);
	service->state = APO_OVER;
}

/* ---- configuration ---- */

struct first_error {
	char text[256];
};

static void log_complaint(void *of, const char *line)
{
	struct first_error *first = of;

	rudp_log(RUDP_LOG_ERROR, "configuration %s", line);
	if (!first->text[0])
		snprintf(first->text, sizeof first->text, "%s", line);
}

static void send_configuration(struct apo_mailbox *box, struct apo_config *config,
			       const struct apo_operator_request *request, const char *error)
{
	struct apo_configure *configure = calloc(1, sizeof *configure);

	if (!configure)
		return;
	configure->mail.kind = APO_MAIL_CONFIGURE;
	configure->config = config ? apo_config_get(config) : NULL;
	configure->has_ticket = request != NULL;
	configure->ticket = request ? request->ticket : 0;
	snprintf(configure->error, sizeof configure->error, "%s", error);
	apo_mailbox_put(box, &configure->mail);
}

static int use_log(const struct apo_config *config)
{
	enum rudp_log_level level = RUDP_LOG_INFO;
	int error;

	(void)rudp_log_level_parse(config->log_level, &level);
	error = apo_log_open(config->log_file, level);
	if (error < 0)
		rudp_log(RUDP_LOG_ERROR, "log not opened file=%s reason=\"%s\"", config->log_file,
			 strerror(-error));
	return error;
}

/* Call it before any thread gets the configuration. */
static void use_history(struct apo_service *service, struct apo_config *config)
{
	if (service->has_history)
		apo_history_thread_configure(&service->history_thread, config);
	else if (config->model.has_history)
		rudp_log(RUDP_LOG_WARN,
			 "configuration of history takes effect after a restart or hand-over");
	config->model.has_history = config->model.has_history && service->has_history;
}

static void use(struct apo_service *service, struct apo_config *config)
{
	unsigned i;

	if (apo_config_has_other_section(config, service->config, "cluster"))
		rudp_log(RUDP_LOG_WARN,
			 "configuration of the cluster takes effect after a restart or hand-over");
	if (apo_config_has_other_section(config, service->config, "peers"))
		rudp_log(RUDP_LOG_WARN,
			 "configuration of peers takes effect after a restart or hand-over");
	if (config->workers != service->config->workers ||
	    apo_config_is_other(config->metrics_path, service->config->metrics_path) ||
	    apo_config_is_other(config->accounts_file, service->config->accounts_file))
		rudp_log(RUDP_LOG_WARN, "configuration of workers, metrics and the accounts "
					"file takes effect after a restart or hand-over");
	(void)use_log(config);
	use_history(service, config);
	apo_acceptor_configure(&service->acceptor, config);
	service->messaging_node.peers.config = config;
	for (i = 0; i < service->worker_count; i++)
		send_configuration(&service->workers[i].box, config, NULL, "");
	apo_config_put(service->config);
	service->config = apo_config_get(config);
}

/* request NULL: the request was a signal. */
static bool reload(struct apo_service *service, const struct apo_operator_request *request)
{
	struct first_error first = {""};
	struct apo_config *config = apo_config_read(service->file, log_complaint, &first);

	if (config && !apo_config_may_follow(service->config, config, log_complaint, &first)) {
		apo_config_put(config);
		config = NULL;
	}
	if (config) {
		use(service, config);
		rudp_log(RUDP_LOG_INFO, "configuration read file=%s", service->file);
	}
	apo_auth_thread_refresh(&service->auth_thread);
	apo_hand_over_on_reload(service);
	if (config || request)
		send_configuration(&service->model_thread.box, config, request, first.text);
	if (config)
		apo_config_put(config);
	return config != NULL;
}

bool apo_service_reload(struct apo_service *service)
{
	return reload(service, NULL);
}

/* ---- events ---- */

static void on_batch(struct apo_service *service, struct apo_batch *batch)
{
	const struct apo_record *record = NULL;

	while ((record = apo_batch_next(batch, record)))
		switch ((enum apo_note_kind)record->kind) {
		case APO_NOTE_GONE:
			apo_acceptor_on_gone(&service->acceptor, (const void *)record);
			apo_messaging_node_on_closed(&service->messaging_node);
			break;
		case APO_NOTE_DRAINED:
			on_drained(service, (const void *)record);
			break;
		}
	apo_batch_done(batch);
}

static void on_request(struct apo_service *service, struct apo_operator_request *request)
{
	char reason[128];

	if (request->is_die) {
		service->end_requested = true;
		snprintf(reason, sizeof reason, "Shut down by %s", request->who);
		begin_end(service, reason);
	} else if (service->state == APO_RUNNING)
		(void)reload(service, request);
	free(request);
}

void apo_service_take_mail(struct apo_service *service)
{
	APO_MAIL_EACH(mail, &service->box) {
		if (mail->kind == APO_MAIL_BATCH)
			on_batch(service, (struct apo_batch *)mail);
		else
			on_request(service, (struct apo_operator_request *)mail);
	}
}

/* A second signal ends the server at once. A signal may arrive twice, directly and forwarded by the
 * parent that acts as a proxy (pid_proxy.h), for example at CTRL-C to a process group. So signals
 * of the parent are counted separately. */
static void on_end_signal(struct apo_service *service, pid_t sender)
{
	bool is_by_parent = service->is_takeover && sender == getppid();
	bool *end_requested =
		is_by_parent ? &service->end_requested_by_parent : &service->end_requested;

	if (*end_requested && service->state == APO_ENDING)
		service->state = APO_OVER;
	*end_requested = true;
	begin_end(service, "The server is shutting down");
}

static void on_signal(struct apo_service *service)
{
	struct signalfd_siginfo info;

	while (read(service->signal_source.fd, &info, sizeof info) == sizeof info) {
		if (service->serving_pid > 0)
			apo_hand_over_forward_signal(service, (int)info.ssi_signo);
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			on_end_signal(service, (pid_t)info.ssi_pid);
		else if (info.ssi_signo == SIGHUP && service->state == APO_RUNNING)
			(void)reload(service, NULL);
		else if (info.ssi_signo == SIGUSR2 && service->state == APO_RUNNING)
			apo_hand_over_begin(service);
	}
}

static void on_source(struct apo_service *service, struct apo_event_source *source)
{
	switch (source->kind) {
	case APO_SOURCE_BOX:
		apo_service_take_mail(service);
		break;
	case APO_SOURCE_SIGNAL:
		on_signal(service);
		break;
	case APO_SOURCE_LISTENER:
	case APO_SOURCE_WAITER:
	case APO_SOURCE_PROXIED:
		apo_acceptor_on_source(&service->acceptor, source, service->now_at_ns);
		break;
	case APO_SOURCE_METRICS:
		apo_metrics_on_connection(&service->metrics, service->now_at_ns);
		break;
	case APO_SOURCE_METRICS_CLIENT:
		apo_metrics_on_client(&service->metrics, source);
		break;
	case APO_SOURCE_SUCCESSOR:
	case APO_SOURCE_PREDECESSOR:
		break; /* handled last in a turn */
	case APO_SOURCE_PEERS:
		apo_messaging_node_on_readable(&service->messaging_node, service->now_at_ns);
		break;
	}
}

static int timeout_ms(const struct apo_service *service)
{
	int64_t next_ns = apo_acceptor_next_at_ns(&service->acceptor);

	if (service->messaging_node.has_more)
		return 0;
	next_ns = rudp_time_min(next_ns, apo_hand_over_next_at_ns(service));
	next_ns = rudp_time_min(next_ns, service->node_at_ns);
	next_ns = rudp_time_min(next_ns, service->metrics.accept_at_ns);
	if (service->state == APO_ENDING)
		next_ns = rudp_time_min(next_ns, service->deadline_at_ns);
	return rudp_time_poll_ms(next_ns, rudp_clock_now_ns());
}

/* Mail is handled after the other events: it frees waiting connections to which an event of this
 * turn may refer. */
static void turn(struct apo_service *service)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(service->epoll_fd, events, EVENTS_AT_ONCE, timeout_ms(service)), i;
	bool has_mail = false, has_signal = false, has_successor = false, has_predecessor = false;

	service->now_at_ns = rudp_clock_now_ns();
	for (i = 0; i < count; i++) {
		struct apo_event_source *source = events[i].data.ptr;

		has_mail = has_mail || source->kind == APO_SOURCE_BOX;
		has_signal = has_signal || source->kind == APO_SOURCE_SIGNAL;
		has_successor = has_successor || source->kind == APO_SOURCE_SUCCESSOR;
		has_predecessor = has_predecessor || source->kind == APO_SOURCE_PREDECESSOR;
		if (source->kind != APO_SOURCE_BOX && source->kind != APO_SOURCE_SIGNAL)
			on_source(service, source);
	}
	if (has_mail)
		apo_service_take_mail(service);
	/* Before signals, since a signal may request the next hand-over. */
	if (has_predecessor)
		apo_take_over_on_predecessor(service);
	if (has_signal)
		on_signal(service);
	if (service->messaging_node.has_more)
		apo_messaging_node_on_readable(&service->messaging_node, service->now_at_ns);
	apo_acceptor_on_time(&service->acceptor, service->now_at_ns);
	apo_metrics_on_time(&service->metrics, service->now_at_ns);
	if (has_successor)
		apo_hand_over_on_successor(service);
	apo_hand_over_on_time(service);
	apo_take_over_on_time(service);
	if (service->state == APO_ENDING && service->deadline_at_ns <= service->now_at_ns)
		end_in_time(service, service->acceptor.active_count);
}

/* ---- life ---- */

int apo_service_watch(struct apo_service *service, struct apo_event_source *source,
		      enum apo_event_source_kind kind, int fd)
{
	*source = (struct apo_event_source){kind, fd};
	if (fd < 0)
		return -errno;
	return apo_source_watch(service->epoll_fd, source, EPOLLIN, EPOLL_CTL_ADD);
}

static int watch_signals(struct apo_service *service)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGCHLD); /* for the pid proxy */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return apo_service_watch(service, &service->signal_source, APO_SOURCE_SIGNAL,
				 signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

static void raise_descriptors(const struct apo_config *config)
{
	rlim_t wanted = apo_service_descriptors(config);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted)
		rudp_log(RUDP_LOG_WARN, "too few descriptors limit=%llu wanted=%llu",
			 (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static int init_workers(struct apo_service *service)
{
	unsigned wanted = service->config->workers;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int error = 0;

	if (wanted == 0)
		wanted = processors < 1 ? 1 : (unsigned)processors;
	if (wanted > APO_WORKERS_MAX - (service->config->cluster_servers != NULL))
		wanted = APO_WORKERS_MAX - (service->config->cluster_servers != NULL);
	service->workers = calloc(wanted, sizeof *service->workers);
	if (!service->workers)
		return -ENOMEM;
	while (error == 0 && service->worker_count < wanted) {
		error = apo_worker_init(service->workers + service->worker_count,
					service->worker_count, &service->model_thread.box,
					&service->box, service->config);
		service->worker_count += error == 0;
	}
	return error;
}

int apo_service_start_model_thread(struct apo_service *service)
{
	int error = pthread_create(&service->model_thread.thread, NULL, apo_model_thread_run,
				   &service->model_thread);

	service->is_model_thread_running = error == 0;
	return -error;
}

/* Starts all workers, or none. */
int apo_service_start_workers(struct apo_service *service)
{
	struct apo_worker *worker;
	int error;

	while (service->running_count < service->worker_count) {
		worker = service->workers + service->running_count;
		error = pthread_create(&worker->thread, NULL, apo_worker_run, worker);
		if (error) {
			apo_service_stop_workers(service);
			return -error;
		}
		service->running_count++;
	}
	return 0;
}

int apo_service_open_messaging_node(struct apo_service *service)
{
	struct apo_messaging_node *messaging_node = &service->messaging_node;
	int error = apo_messaging_node_open(messaging_node, service->config, apo_acceptor_admit,
					    &service->acceptor);

	if (error < 0 || messaging_node->source.fd < 0)
		return error;
	return apo_service_watch(service, &messaging_node->source, APO_SOURCE_PEERS,
				 messaging_node->source.fd);
}

int apo_service_open_metrics(struct apo_service *service)
{
	const char *path = service->config->metrics_path;
	int error = apo_metrics_open(&service->metrics, path);

	if (error < 0)
		rudp_log(RUDP_LOG_ERROR, "no metrics path=%s reason=\"%s\"", path,
			 strerror(-error));
	return error;
}

static int open_all(struct apo_service *service)
{
	int error = apo_service_begin_history(service);

	if (error == 0)
		error = apo_service_load_channels(service);
	if (error == 0)
		error = apo_service_open_metrics(service);
	return error < 0 ? error : apo_service_open_messaging_node(service);
}

/* If it fails, the process ends, and the process's end releases what was opened. */
static int begin(struct apo_service *service)
{
	struct apo_config *config = service->config;
	int error;

	service->model_thread.cluster = config->cluster_servers ? &service->cluster : NULL;
	service->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (service->epoll_fd < 0)
		return -errno;
	if ((error = watch_signals(service)) < 0 || (error = apo_mailbox_init(&service->box)) < 0 ||
	    (error = apo_service_watch(service, &service->box_source, APO_SOURCE_BOX,
				       service->box.fd)) < 0 ||
	    (error = apo_mailbox_init(&service->model_thread.box)) < 0 ||
	    (error = init_workers(service)) < 0 || (error = apo_service_open_store(service)) < 0 ||
	    (error = apo_auth_thread_start(&service->auth_thread, &service->model_thread.box,
					   config->cluster_servers ? NULL : service->store)) < 0 ||
	    (error = apo_service_open_history(service)) < 0 ||
	    (error = apo_model_thread_init(
		     &service->model_thread, service->workers, service->worker_count, &service->box,
		     &service->auth_thread, apo_service_history_thread(service), config)) < 0 ||
	    (error = apo_service_load_accounts(service)) < 0)
		return error;
	service->now_at_ns = rudp_clock_now_ns();
	service->metrics =
		(struct apo_metrics){.epoll_fd = service->epoll_fd,
				     .acceptor = &service->acceptor,
				     .messaging_node = &service->messaging_node,
				     .model_thread = &service->model_thread,
				     .history_thread = apo_service_history_thread(service),
				     .workers = service->workers,
				     .worker_count = service->worker_count};
	apo_metrics_init(&service->metrics);
	service->messaging_node.source = (struct apo_event_source){APO_SOURCE_PEERS, -1};
	error = apo_acceptor_open(&service->acceptor, service->epoll_fd, service->workers,
				  service->worker_count, config, service->is_takeover);
	if (error == 0)
		error = service->is_takeover ? apo_take_over(service) : open_all(service);
	if (error == 0)
		error = apo_service_start_disk_threads(service);
	if (error == 0 && config->cluster_servers)
		error = apo_cluster_start(&service->cluster, &service->model_thread.box);
	if (error == 0)
		error = apo_service_start_workers(service);
	return error < 0 ? error : apo_service_start_model_thread(service);
}

void apo_service_stop_workers(struct apo_service *service)
{
	struct apo_worker *worker;

	while (service->running_count > 0) {
		worker = service->workers + --service->running_count;
		while (!apo_service_send_end_notice(&worker->box, APO_MAIL_STOP, 0, ""))
			;
		pthread_join(worker->thread, NULL);
	}
}

static void stop_threads(struct apo_service *service)
{
	apo_model_thread_abandon(&service->model_thread);
	apo_service_stop_workers(service);
	if (service->is_model_thread_running)
		pthread_join(service->model_thread.thread, NULL);
	apo_auth_thread_stop(&service->auth_thread);
	apo_service_stop_disk_threads(service);
	/* All is on disk. Locks of the NATS library may block exit(). */
	if (service->model_thread.cluster && !apo_cluster_stop(&service->cluster) &&
	    service->serving_pid == 0)
		_exit(EXIT_SUCCESS);
}

static void end(struct apo_service *service)
{
	unsigned i;

	stop_threads(service);
	apo_metrics_close(&service->metrics);
	apo_acceptor_close(&service->acceptor, "The server is shutting down");
	for (i = 0; i < service->worker_count; i++)
		apo_worker_clear(service->workers + i);
	apo_service_take_mail(service);
	apo_model_thread_drop_mail(&service->model_thread);
	for (i = 0; i < service->worker_count; i++)
		apo_worker_fini(service->workers + i);
	apo_messaging_node_close(&service->messaging_node, service->deadline_at_ns);
	apo_model_thread_fini(&service->model_thread);
	apo_acceptor_fini(&service->acceptor);
	free(service->workers);
	apo_mailbox_fini(&service->model_thread.box);
	apo_mailbox_fini(&service->box);
	close(service->epoll_fd);
	apo_config_put(service->config);
	if (service->successor.fd >= 0)
		close(service->successor.fd);
}

int apo_service_run(struct apo_config *config, const char *file, int upgrade_fd)
{
	struct apo_service service = {.state = APO_RUNNING,
				      .file = file,
				      .config = config,
				      .successor = {APO_SOURCE_SUCCESSOR, -1},
				      .notices_fd = -1,
				      .is_takeover = upgrade_fd >= 0,
				      .predecessor = {APO_SOURCE_PREDECESSOR, upgrade_fd},
				      .node_at_ns = RUDP_NEVER};
	int error = use_log(config);

	if (error == 0) {
		raise_descriptors(config);
		error = begin(&service);
	}
	if (error == APO_ERROR_LOGGED)
		rudp_log(RUDP_LOG_ERROR, "cannot start");
	else if (error < 0)
		rudp_log(RUDP_LOG_ERROR, "cannot start reason=\"%s\"", strerror(-error));
	if (error < 0)
		return 1;
	rudp_log(RUDP_LOG_INFO, "serving name=%s workers=%u version=%s", config->model.server_name,
		 service.worker_count, config->model.version);
	/* After a hand-over the manager knows, and ignores processes other than the main one. */
	if (!service.is_takeover)
		apo_notify("READY=1");
	while (service.state != APO_OVER)
		turn(&service);
	end(&service);
	if (service.serving_pid == 0 || service.notices_fd < 0) {
		rudp_log(RUDP_LOG_INFO, "ended");
		return 0;
	}
	rudp_log(RUDP_LOG_INFO, "acting as proxy of pid=%d", (int)service.serving_pid);
	return apo_pid_proxy_run(service.notices_fd, service.signal_source.fd, service.serving_pid);
}
