/* SPDX-License-Identifier: MIT */
/* The files of the service: accounts, registered channels, read markers, history. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "conversation/server/log.h"
#include "conversation/server/service_private.h"

static int open_registry(struct apo_service *service, char *reason, size_t reason_size)
{
	struct apo_registry_db *registry =
		apo_registry_db_open(service->config->accounts_file, reason, reason_size);

	if (!registry)
		return APO_ERROR_LOGGED;
	service->model_thread.registry_thread = &service->registry_thread;
	return apo_registry_thread_init(&service->registry_thread, &service->model_thread.box,
					registry);
}

int apo_service_open_store(struct apo_service *service)
{
	char reason[512] = "";
	int error = APO_ERROR_LOGGED;

	if (!service->config->accounts_file)
		return 0;
	service->store = apo_store_open(service->config->accounts_file, reason, sizeof reason);
	if (service->store)
		error = open_registry(service, reason, sizeof reason);
	if (error == APO_ERROR_LOGGED)
		rudp_log(RUDP_LOG_ERROR, "accounts not opened reason=\"%s\"", reason);
	return error;
}

int apo_service_open_history(struct apo_service *service)
{
	const struct apo_config *config = service->config;
	struct apo_history *history;
	char reason[512];
	int error;

	if (!config->model.has_history)
		return 0;
	history = apo_history_open(config->accounts_file, reason, sizeof reason);
	if (!history) {
		rudp_log(RUDP_LOG_ERROR, "history not opened reason=\"%s\"", reason);
		return APO_ERROR_LOGGED;
	}
	error = apo_history_thread_init(&service->history_thread, &service->model_thread.box,
					history, config);
	service->has_history = error == 0;
	return error;
}

int apo_service_begin_history(struct apo_service *service)
{
	const struct apo_history *history = service->history_thread.history;
	int error =
		service->has_history ? apo_history_begin_run(service->history_thread.history) : 0;

	if (error < 0)
		rudp_log(RUDP_LOG_ERROR, "history not begun reason=\"%s\"",
			 apo_history_error(history));
	return error;
}

int apo_service_start_disk_threads(struct apo_service *service)
{
	int error = 0;

	if (service->store && !service->registry_thread.is_running)
		error = apo_registry_thread_start(&service->registry_thread);
	if (error < 0 || !service->has_history || service->history_thread.is_running)
		return error;
	return apo_history_thread_start(&service->history_thread);
}

void apo_service_stop_disk_threads(struct apo_service *service)
{
	if (service->has_history)
		apo_history_thread_stop(&service->history_thread);
	if (!service->store)
		return;
	apo_registry_thread_stop(&service->registry_thread);
	apo_store_close(service->store);
}

struct apo_history_thread *apo_service_history_thread(struct apo_service *service)
{
	return service->has_history ? &service->history_thread : NULL;
}

struct loading {
	struct apo_model *model;
	int64_t now_at_ns;
	unsigned long count;
	int error;
};

static void load_account(void *of, int64_t id, const char *name)
{
	struct loading *loading = of;
	int error = apo_model_on_account(loading->model, name, id, loading->now_at_ns);

	if (error < 0)
		loading->error = error;
	else
		loading->count++;
}

static void load_marker(void *of, const char *account, const char *target, int64_t time_ms)
{
	struct loading *loading = of;
	int error = apo_model_on_marker(loading->model, account, target, time_ms);

	if (error < 0)
		loading->error = error;
}

int apo_service_load_accounts(struct apo_service *service)
{
	struct loading loading = {.model = service->model_thread.model,
				  .now_at_ns = rudp_clock_now_ns()};
	int error = 0;

	/* A node takes them over with its state: all copies have them in the same order. */
	if (!service->store || (service->model_thread.cluster && service->is_takeover))
		return 0;
	error = apo_accounts_tell_new(service->store, load_account, &loading);
	if (error == 0)
		error = apo_markers_tell(service->store, load_marker, &loading);
	if (error < 0)
		rudp_log(RUDP_LOG_ERROR, "accounts not read reason=\"%s\"",
			 apo_store_error(service->store));
	else if (loading.count > 0 || service->predecessor.fd < 0)
		rudp_log(RUDP_LOG_INFO, "accounts file=%s count=%lu",
			 service->config->accounts_file, loading.count);
	return error < 0 ? error : loading.error;
}

static int load_record(void *of, const struct apo_registry_record *record)
{
	struct loading *loading = of;
	int error = apo_model_on_record(loading->model, record);

	loading->count += error == 0 && record->kind == APO_REGISTRY_CHANNEL;
	if (error == -EINVAL)
		rudp_log(RUDP_LOG_WARN, "ignored in the store %s=%s",
			 record->channel ? "channel" : "entry",
			 record->channel ? record->channel : record->name);
	return error == -ENOMEM ? error : 0;
}

/* A node of a network checks passwords by what its model knows. */
static int load_secrets(struct apo_service *service, struct loading *loading)
{
	return service->model_thread.cluster
		       ? apo_registry_db_read_accounts(service->registry_thread.registry,
						       load_record, loading)
		       : 0;
}

int apo_service_load_channels(struct apo_service *service)
{
	struct loading loading = {.model = service->model_thread.model};
	int error;

	if (!service->store)
		return 0;
	error = load_secrets(service, &loading);
	if (error == 0)
		error = apo_registry_db_read(service->registry_thread.registry, load_record,
					     &loading);
	if (error < 0) {
		rudp_log(RUDP_LOG_ERROR, "registered channels not read reason=\"%s\"",
			 apo_registry_db_error(service->registry_thread.registry));
		return error;
	}
	apo_model_on_records_read(service->model_thread.model);
	if (loading.count > 0)
		rudp_log(RUDP_LOG_INFO, "registered channels count=%lu", loading.count);
	return 0;
}

/* The file that is open; the configuration may name another one since. */
static const char *history_file(const struct apo_service *service)
{
	return service->has_history ? apo_history_file(service->history_thread.history) : NULL;
}

struct apo_server_parts apo_service_parts(struct apo_service *service)
{
	return (struct apo_server_parts){.workers = service->workers,
					 .worker_count = service->worker_count,
					 .model = service->model_thread.model,
					 .acceptor = &service->acceptor,
					 .metrics = &service->metrics,
					 .peers = &service->messaging_node.peers,
					 .cluster = service->model_thread.cluster,
					 .history_thread = apo_service_history_thread(service),
					 .history_file = history_file(service),
					 .now_at_ns = service->now_at_ns};
}
