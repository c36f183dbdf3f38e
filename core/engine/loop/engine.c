/* SPDX-License-Identifier: MIT */
#include "engine/loop/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/table.h"
#include "engine/app/app_side.h"
#include "engine/ports/binding.h"
#include "engine/config/config_open.h"
#include "engine/control/control.h"
#include "engine/failover/failover_state.h"
#include "engine/identity/peer_check.h"
#include "engine/control/private_dir.h"
#include "engine/loop/loop.h"
#include "engine/config/memory_limit.h"
#include "engine/ports/port_share.h"
#include "engine/carrier/tcp.h"
#include "engine/udp/udp.h"

#define MACHINE_ID_BYTES 64
#define RESET_LABEL "rudp reset"
#define PROGRAM_NAME_AGE_NS RUDP_NS_PER_S

int rudp_engine_watch(struct rudp_engine *engine, int fd, uint32_t events, uint64_t id)
{
	struct epoll_event event = {.events = events, .data.u64 = id};

	return epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int rudp_engine_rewatch(struct rudp_engine *engine, int fd, uint32_t events, uint64_t id)
{
	struct epoll_event event = {.events = events, .data.u64 = id};

	return epoll_ctl(engine->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

static void read_executable_name(struct rudp_client_program *program)
{
	char target[RUDP_PROC_READ_BYTES];
	const char *slash;

	if (rudp_proc_read(program->pid, RUDP_PROC_EXE, target, sizeof target) <= 0)
		return;
	slash = strrchr(target, '/');
	snprintf(program->executable, sizeof program->executable, "%.*s",
		 RUDP_EXECUTABLE_NAME_BYTES - 1, slash ? slash + 1 : target);
}

void rudp_engine_read_program(struct rudp_engine *engine, uint32_t pid,
			      struct rudp_client_program *program)
{
	char *name = engine->last_program.name;
	ssize_t len;

	if (engine->last_program.pid != pid ||
	    engine->now_at_ns - engine->last_program_at_ns > PROGRAM_NAME_AGE_NS) {
		engine->last_program = (struct rudp_client_program){.pid = pid};
		len = rudp_proc_read(pid, RUDP_PROC_COMM, name, RUDP_PROGRAM_NAME_BYTES);
		if (len > 0 && name[len - 1] == '\n')
			name[len - 1] = 0;
		if (rudp_policy_settings(engine->settings.policy)->names_programs)
			read_executable_name(&engine->last_program);
		engine->last_program_at_ns = engine->now_at_ns;
	}
	*program = engine->last_program;
}

/* The environment variable has precedence, as for all settings. */
static bool is_tail_on(const struct rudp_engine *engine)
{
	const struct rudp_settings *settings = &engine->settings;

	return settings->has_tail ? !settings->tail_off
				  : rudp_policy_settings(settings->policy)->tail;
}

void rudp_engine_follow_policy(struct rudp_engine *engine)
{
	if (rudp_settings_refresh(&engine->settings, engine->now_at_ns))
		engine->identity_use.must_apply = true;
	rudp_endpoint_set_resume(engine->ep, rudp_policy_settings(engine->settings.policy)->resume);
	rudp_endpoint_set_tail(engine->ep, is_tail_on(engine));
	rudp_endpoint_set_early(engine->ep, rudp_policy_settings(engine->settings.policy)->early);
}

/* A rule about executables may have been added after the program was looked up. */
static const char *executable_of(struct rudp_engine *engine,
				 const struct rudp_client_program *program,
				 struct rudp_client_program *now)
{
	if (program->executable[0] ||
	    !rudp_policy_settings(engine->settings.policy)->names_programs)
		return program->executable;
	rudp_engine_read_program(engine, program->pid, now);
	return now->executable;
}

struct rudp_decision rudp_engine_find_rule(struct rudp_engine *engine,
					   enum rudp_direction direction,
					   const struct rudp_addr *addr,
					   const struct rudp_client_program *program)
{
	struct rudp_policy_question question = {.direction = direction,
						.addr = addr,
						.program = program->name,
						.has_key = engine->settings.has_psk};
	struct rudp_client_program now;
	struct rudp_decision decision;

	question.executable = executable_of(engine, program, &now);
	decision = rudp_policy_decide(engine->settings.policy, &question);
	if (direction == RUDP_DIRECTION_LISTEN && rudp_peer_is_asked(engine, &decision))
		decision.way = RUDP_WAY_RUDP;
	return decision;
}

struct rudp_decision rudp_engine_decide(struct rudp_engine *engine, enum rudp_direction direction,
					const struct rudp_addr *addr,
					const struct rudp_client_program *program)
{
	rudp_engine_follow_policy(engine);
	return rudp_engine_find_rule(engine, direction, addr, program);
}

/*
 * Derives the secret for stateless resets. It is the same after a restart, so that a new engine of
 * this user on this host can tell the peers of the old engine that their connections are gone.
 * Without a pre-shared key it is not secret.
 */
static void derive_reset_secret(const struct rudp_engine *engine, uint8_t secret[32])
{
	char text[MACHINE_ID_BYTES + 32];
	ssize_t id_len = rudp_read_text("/etc/machine-id", text, MACHINE_ID_BYTES + 1);
	size_t len = id_len > 0 ? (size_t)id_len : 0;
	unsigned out_len = 32;

	len += (size_t)snprintf(text + len, sizeof text - len, "%u " RESET_LABEL, engine->uid);
	if (!HMAC(EVP_sha256(), engine->settings.psk, RUDP_PSK_BYTES, (const uint8_t *)text, len,
		  secret, &out_len))
		rudp_random_fill(secret, 32);
}

static int make_endpoint(struct rudp_engine *engine)
{
	struct rudp_endpoint_config config = {
		.random = rudp_random_take,
		.random_context = &engine->random,
		.share_number = rudp_port_share_number,
		.pass_on = rudp_port_share_pass_on,
		.datagram_max = rudp_udp_datagram_max,
		.datagram_max_context = engine,
		.authorize = rudp_peer_authorize,
		.authorize_context = engine,
		.memory_max_bytes = engine->settings.memory_max_bytes,
		.cc = engine->settings.cc,
		.tail_off = !is_tail_on(engine),
		.early_off = !rudp_policy_settings(engine->settings.policy)->early,
		.observer = rudp_qlog_observer(&engine->qlog),
		.resume_off = !rudp_policy_settings(engine->settings.policy)->resume};

	if (!config.memory_max_bytes)
		config.memory_max_bytes = rudp_memory_default_bytes();
	derive_reset_secret(engine, config.reset_secret);
	engine->ep = rudp_endpoint_new(&config, engine->now_at_ns);
	explicit_bzero(&config, sizeof config);
	if (!engine->ep)
		return -ENOMEM;
	rudp_key_begin(engine);
	return rudp_identity_begin(engine);
}

static int allocate(struct rudp_engine *engine)
{
	engine->receive_buffers = malloc(RUDP_RECEIVE_BATCH * RUDP_RECEIVE_BUFFER_BYTES);
	engine->train_buffer = malloc(RUDP_TRAIN_BYTES_MAX);
	engine->scratch = malloc(RUDP_SCRATCH_BYTES);
	if (!engine->receive_buffers || !engine->train_buffer || !engine->scratch)
		return -ENOMEM;
	return rudp_closed_errors_init(&engine->closed_errors);
}

static void init_lists(struct rudp_engine *engine)
{
	rudp_list_init(&engine->control_listeners);
	rudp_list_init(&engine->calls);
	rudp_list_init(&engine->calls_aside);
	rudp_list_init(&engine->calls_catching_up);
	rudp_list_init(&engine->unauthenticated_calls);
	rudp_list_init(&engine->udps);
	rudp_list_init(&engine->orphan_udps);
	rudp_list_init(&engine->spare_udps);
	rudp_list_init(&engine->moderated_udps);
	rudp_list_init(&engine->apps);
	rudp_list_init(&engine->bindings);
	rudp_list_init(&engine->clients);
	for (size_t i = 0; i < RUDP_PORT_BUCKETS; i++) {
		rudp_list_init(&engine->udps_by_port[i]);
		rudp_list_init(&engine->bindings_by_port[i]);
	}
	rudp_list_init(&engine->ready);
	rudp_list_init(&engine->starved);
	rudp_list_init(&engine->unread);
	rudp_list_init(&engine->tcp_dirty);
	rudp_route_cache_init(&engine->route_cache);
}

static int open_control(struct rudp_engine *engine)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = engine->nonce};
	int rc;

	if (engine->succeeds)
		return rudp_failover_restore_control_listeners(engine);
	/* Without this listener programs use the open one, with the token from their
	 * environment. */
	rc = rudp_control_listener_open(engine, &name, RUDP_CONTROL_LISTENER_CONTROL);
	if (rc < 0)
		rudp_log(RUDP_LOG_WARN, "no control socket in the private directory of user %u: %s",
			 engine->uid, strerrordesc_np(-rc));
	return rudp_control_listener_open(engine, &name, RUDP_CONTROL_LISTENER_OPEN);
}

int rudp_engine_init(struct rudp_engine *engine, const struct rudp_settings *settings)
{
	return rudp_engine_init_supervised(engine, settings, NULL);
}

int rudp_engine_init_supervised(struct rudp_engine *engine, const struct rudp_settings *settings,
				struct rudp_failover_state *failover)
{
	uint8_t table_key[16];
	cpu_set_t processors;
	int rc;

	*engine = (struct rudp_engine){.settings = *settings,
				       .pid = (uint32_t)getpid(),
				       .uid = geteuid(),
				       .failover = failover,
				       .turns = 1, /* 0 means never */
				       .probe_fd = -1,
				       .path_probe_fd = -1,
				       .join = {.fd = -1, .path_fd = -1},
				       .roam = {.fd = -1, .check_at_ns = RUDP_NEVER},
				       .retry_at_ns = RUDP_NEVER,
				       .listeners_open_at_ns = RUDP_NEVER,
				       .idle_since_ns = RUDP_NEVER,
				       .stop_at_ns = RUDP_NEVER};
	init_lists(engine);
	rudp_slots_init(&engine->slots);
	engine->slots.random = &engine->random;
	rudp_pool_init(&engine->app_pool, sizeof(struct rudp_app));
	rudp_pool_init(&engine->udp_pool, sizeof(struct rudp_udp));
	rudp_heap_init(&engine->heap);
	rudp_closer_init(&engine->closer);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	rudp_random_fill(table_key, sizeof table_key);
	rudp_table_set_key(table_key);
	rudp_random_fill(&engine->nonce, sizeof engine->nonce);
	rudp_random_fill(engine->token, sizeof engine->token);
	rudp_failover_identify(engine);
	if (rudp_private_dir_make(engine->uid, engine->run_dir) && !engine->succeeds)
		rudp_private_dir_clean(engine->run_dir);
	engine->now_at_ns = rudp_clock_now_ns();
	(void)rudp_qlog_open(&engine->qlog, engine->settings.qlog_path, &engine->now_at_ns);
	engine->housekeeping_at_ns = engine->stale_calls_at_ns =
		engine->now_at_ns + RUDP_HOUSEKEEPING_NS;
	rudp_timer_wheel_init(&engine->race_timers, engine->now_at_ns);
	rudp_busy_poll_init(&engine->busy_poll,
			    sched_getaffinity(0, sizeof processors, &processors) == 0 &&
				    CPU_COUNT(&processors) > 1,
			    engine->now_at_ns);
	engine->spare_fd = -1;
	rudp_engine_keep_spare(engine);
	engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (engine->epoll_fd < 0)
		return -errno;
	rc = allocate(engine);
	if (rc == 0)
		rc = make_endpoint(engine);
	if (rc < 0)
		return rc;
	rudp_failover_restore_listeners(engine);
	rudp_roam_open(engine);
	return open_control(engine);
}

int rudp_engine_publish(struct rudp_engine *engine, uint64_t settings_hash)
{
	struct rudp_name name = {
		.kind = RUDP_NAME_WELL_KNOWN, .uid = engine->uid, .settings = settings_hash};

	return rudp_control_listener_open(engine, &name, RUDP_CONTROL_LISTENER_WELL_KNOWN);
}

void rudp_engine_unpublish(struct rudp_engine *engine)
{
	struct rudp_control_listener *listener = rudp_control_listener_well_known(engine);

	if (listener)
		rudp_control_listener_close(engine, listener);
}

static void close_all(struct rudp_engine *engine)
{
	while (!rudp_list_is_empty(&engine->calls))
		rudp_call_close(engine,
				RUDP_LIST_OWNER(engine->calls.next, struct rudp_call, link));
	while (!rudp_list_is_empty(&engine->unauthenticated_calls))
		rudp_call_close(engine, RUDP_LIST_OWNER(engine->unauthenticated_calls.next,
							struct rudp_call, link));
	while (!rudp_list_is_empty(&engine->apps))
		rudp_app_free(engine, RUDP_LIST_OWNER(engine->apps.next, struct rudp_app, link));
	rudp_tcp_close_all(engine);
	while (!rudp_list_is_empty(&engine->bindings))
		rudp_binding_close(engine, RUDP_LIST_OWNER(engine->bindings.next,
							   struct rudp_binding, all_link));
	while (!rudp_list_is_empty(&engine->udps))
		rudp_udp_close(engine, RUDP_LIST_OWNER(engine->udps.next, struct rudp_udp, link));
	while (!rudp_list_is_empty(&engine->control_listeners))
		rudp_control_listener_close(engine,
					    RUDP_LIST_OWNER(engine->control_listeners.next,
							    struct rudp_control_listener, link));
}

void rudp_engine_fini(struct rudp_engine *engine)
{
	if (engine->ep)
		close_all(engine);
	if (engine->ep) {
		rudp_drop_log_report(&engine->drop_log, rudp_endpoint_verdicts(engine->ep),
				     RUDP_NEVER);
		rudp_endpoint_free(engine->ep);
		rudp_qlog_close(&engine->qlog);
	}
	rudp_roam_close(engine);
	rudp_closer_all(&engine->closer);
	rudp_sockets_close(&engine->sockets);
	rudp_route_cache_fini(&engine->route_cache);
	rudp_slots_fini(&engine->slots);
	rudp_pool_fini(&engine->app_pool);
	rudp_pool_fini(&engine->udp_pool);
	rudp_closed_errors_fini(&engine->closed_errors);
	free(engine->receive_buffers);
	free(engine->train_buffer);
	while (engine->spare_train_count > 0)
		free(engine->spare_trains[--engine->spare_train_count]);
	free(engine->scratch);
	if (engine->probe_fd >= 0)
		close(engine->probe_fd);
	if (engine->path_probe_fd >= 0)
		close(engine->path_probe_fd);
	rudp_join_close(&engine->join);
	if (engine->spare_fd >= 0)
		close(engine->spare_fd);
	if (engine->epoll_fd >= 0)
		close(engine->epoll_fd);
	rudp_settings_fini(&engine->settings);
}

void rudp_engine_keep_spare(struct rudp_engine *engine)
{
	if (engine->spare_fd < 0)
		engine->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int rudp_engine_accept_spare(struct rudp_engine *engine, int listener)
{
	int fd, error;

	rudp_engine_keep_spare(engine);
	if (engine->spare_fd < 0)
		return -1;
	close(engine->spare_fd);
	engine->spare_fd = -1;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	error = errno;
	if (fd < 0)
		rudp_engine_keep_spare(engine);
	errno = error;
	return fd;
}
