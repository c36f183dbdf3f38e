/* SPDX-License-Identifier: MIT */
/*
 * rudp-engine SETTINGS_HASH_HEX: the engine as a process (the default). A supervisor restarts it if
 * it is killed (supervisor.h).
 *
 * The shim starts it without a terminal, with the settings as its only environment. Descriptor 3 is
 * a pipe on which it reports success or failure (api/engine_ready.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/engine_ready.h"
#include "api/start_limits.h"
#include "base/log.h"
#include "engine/config/aead_choice.h"
#include "engine/confine/confine.h"
#include "engine/confine/confined.h"
#include "engine/host/inherited.h"
#include "engine/host/time_slice.h"
#include "engine/loop/engine.h"
#include "engine/control/private_dir.h"
#include "engine/failover/supervisor.h"
#include "engine/loop/loop.h"
#include "engine/config/policy.h"

#define CORE_HEADERS_ONLY "0x10" /* ELF headers of executables and libraries (core(5)) */

static void report(enum rudp_ready_letter what, const void *more, size_t len)
{
	char line[1 + RUDP_SETTINGS_TEXT_SIZE];

	line[0] = (char)what;
	if (len > sizeof line - 1)
		len = sizeof line - 1;
	memcpy(line + 1, more, len);
	/* Without a reader (started by hand) the write fails, which is no error. */
	if (write(RUDP_READY_FD, line, 1 + len) < 0)
		rudp_log(RUDP_LOG_DEBUG, "no process waits for the readiness message");
	close(RUDP_READY_FD);
}

static int fail(enum rudp_ready_letter what, const char *text)
{
	rudp_log(RUDP_LOG_ERROR, "%s", text);
	report(what, text, strlen(text));
	return 1;
}

static int fail_errno(const char *doing, int rc)
{
	char text[RUDP_SETTINGS_TEXT_SIZE];

	snprintf(text, sizeof text, "%s: %s", doing, strerrordesc_np(-rc));
	return fail(RUDP_READY_ERROR, text);
}

/*
 * Data of programs and keys must not get into core files or crash reports. So a core file has no
 * memory, only where each thread was. RLIMIT_CORE is not enough, as it is ignored if core_pattern
 * pipes the core to a program (core(5)). To debug, write 0x33 to coredump_filter.
 */
static void keep_memory_out_of_core_files(void)
{
	static const struct rlimit none;
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, CORE_HEADERS_ONLY, strlen(CORE_HEADERS_ONLY)) > 0;

	if (fd >= 0)
		close(fd);
	if (!done)
		setrlimit(RLIMIT_CORE, &none);
}

/* Fills descriptors 0 to 2: a socket there would receive what a library prints. */
static void fill_standard_descriptors(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < RUDP_READY_FD; fd++)
		if (null >= 0 && fcntl(fd, F_GETFD) < 0)
			dup2(null, fd);
	if (null >= RUDP_READY_FD)
		close(null);
}

static bool parse_hash(const char *text, uint64_t *hash)
{
	char *end;

	errno = 0;
	*hash = strtoull(text, &end, 16);
	return errno == 0 && end == text + 16 && *end == 0;
}

static void report_ready(const struct rudp_engine *engine)
{
	struct rudp_engine_ready ready = {.nonce = engine->nonce, .pid = engine->pid};

	memcpy(ready.token, engine->token, sizeof ready.token);
	report(RUDP_READY, &ready, sizeof ready);
}

/*
 * Without the well-known name it serves programs that know its nonce: the one that started it, and
 * its children.
 */
static int publish(struct rudp_engine *engine, uint64_t hash)
{
	int rc;

	if (rudp_is_confined()) {
		rudp_log(RUDP_LOG_INFO,
			 "started within a Landlock domain: serves only programs in it");
		return 0;
	}
	rc = rudp_engine_publish(engine, hash);
	if (rc == 0 || rc == -EADDRINUSE)
		return rc;
	rudp_log(RUDP_LOG_WARN, "no well-known name: %s; programs started elsewhere do not find it",
		 strerrordesc_np(-rc));
	return 0;
}

struct arguments {
	const struct rudp_settings *settings;
	uint64_t hash;   /* in the well-known name */
	bool is_limited; /* api/start_limits.h */
};

/* The programs with these limits compute the well-known name from the limits before any is
 * raised. */
static void undo_inherited(struct arguments *arguments)
{
	const uint64_t limits = rudp_start_limits();

	rudp_inherited_undo();
	arguments->is_limited = rudp_start_limits() != 0;
	if (arguments->is_limited)
		arguments->hash ^= limits;
}

static void log_limits(const struct arguments *arguments)
{
	char text[RUDP_START_LIMITS_TEXT_SIZE];

	if (arguments->is_limited)
		rudp_log(RUDP_LOG_WARN,
			 "started by a program with small limits (%s): serves only programs with "
			 "the same limits",
			 rudp_start_limits_text(text));
}

/* A successor has its predecessor's name already, or none, and no process waits for it. */
static int publish_first(struct rudp_engine *engine, uint64_t hash)
{
	int rc;

	if (engine->succeeds)
		return 0;
	rc = publish(engine, hash);
	if (rc == -EADDRINUSE)
		report(RUDP_READY_BUSY, "", 0);
	else if (rc < 0)
		fail_errno("cannot take the well-known name", rc);
	return rc;
}

static int run(void *context, struct rudp_failover_state *failover)
{
	static struct rudp_engine engine;
	const struct arguments *arguments = context;
	const struct rudp_settings *settings = arguments->settings;
	int rc = rudp_engine_init_supervised(&engine, settings, failover);

	if (rc < 0)
		return fail_errno("cannot start", rc);
	rudp_heap_own();
	rudp_time_slice_shorten();
	rudp_engine_watch_signals(&engine);
	rc = publish_first(&engine, arguments->hash);
	if (rc < 0)
		return rc == -EADDRINUSE ? 0 : 1;
	rudp_log(RUDP_LOG_INFO, "engine for user %u is ready, %s", engine.uid,
		 settings->has_psk ? "with a key" : "without a key");
	log_limits(arguments);
	rudp_failover_begin(&engine);
	if (!engine.succeeds)
		report_ready(&engine);
	/* Loads libraries only now, so that the starting program does not wait for them. */
	rudp_aead_choose(settings->aead);
	rudp_join_open(&engine);
	rudp_private_dir_enter_descriptors();
	rudp_confine_engine(&engine.confinement, settings, engine.run_dir);
	rudp_engine_run(&engine);
	rudp_failover_end(&engine);
	rudp_log(RUDP_LOG_INFO, "engine ends");
	rudp_engine_fini(&engine);
	return 0;
}

/* For settings with which connections work, but not as the user expects. */
static void warn_of_log_and_names(const struct rudp_settings *settings)
{
	char text[RUDP_SETTINGS_TEXT_SIZE];
	int rc = rudp_log_file_check(settings);
	size_t at = 0;

	while (rudp_settings_unknown(environ, &at, text))
		fprintf(stderr, "rudp-engine: warning: %s\n", text);
	if (rc < 0)
		fprintf(stderr, "rudp-engine: warning: RUDP_LOG: %s: %s; nothing will be logged\n",
			settings->log_path, strerror(-rc));
}

/* The same for the paths of traces and of the engine. */
static void warn_of_paths(const struct rudp_settings *settings)
{
	const char *engine = getenv("RUDP_ENGINE_PATH");
	int rc = rudp_qlog_check(settings->qlog_path);

	if (rc < 0)
		fprintf(stderr,
			"rudp-engine: warning: RUDP_QLOG: %s: %s; there will be no traces\n",
			settings->qlog_path, rudp_qlog_open_error(rc));
	if (engine && *engine && access(engine, X_OK) < 0)
		fprintf(stderr,
			"rudp-engine: warning: RUDP_ENGINE_PATH: %s: %s; programs look for it "
			"elsewhere\n",
			engine, strerror(errno));
}

static void warn_of_key(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "rudp-engine: warning: %s\n", text);
}

/* Warns of refused files in a directory that also has a good key. */
static void warn_of_keys(const struct rudp_settings *settings)
{
	static struct rudp_key_ring ring;

	if (!settings->keys.has_refused)
		return;
	rudp_key_ring_load(&ring, settings->keys.path, warn_of_key, NULL);
	rudp_key_ring_wipe(&ring);
}

/* RUDP_DISABLE is valid, but no connection uses rudp; or it has no effect. */
static void warn_of_disable(void)
{
	const char *disable = getenv("RUDP_DISABLE");

	if (!disable || !*disable)
		return;
	if (strcmp(disable, "1") == 0)
		fputs("rudp-engine: warning: RUDP_DISABLE=1: programs stay with plain TCP unless "
		      "rudp run starts them\n",
		      stderr);
	else
		fprintf(stderr,
			"rudp-engine: warning: RUDP_DISABLE: '%.64s' changes nothing; only 1 "
			"switches the shim off\n",
			disable);
}

/* For a user: checks the RUDP_ variables and says what is wrong where. */
static int check_settings(void)
{
	static struct rudp_settings settings;
	char text[RUDP_SETTINGS_TEXT_SIZE];

	if (rudp_settings_load(&settings, getenv, geteuid(), text) != RUDP_SETTINGS_OK) {
		fprintf(stderr, "rudp-engine: %s\n", text);
		return 1;
	}
	warn_of_log_and_names(&settings);
	warn_of_paths(&settings);
	warn_of_keys(&settings);
	warn_of_disable();
	printf("rudp-engine: the settings are right (%s pre-shared key, %s identity)\n"
	       "rudp-engine: policy: %s\n",
	       settings.has_psk ? "with a" : "no", settings.identities.identity ? "an" : "no",
	       rudp_policy_describe(settings.policy, text, sizeof text));
	rudp_settings_fini(&settings);
	return 0;
}

/* Also on stderr, for a user who starts it by hand. */
static int usage(void)
{
	static const char text[] = "usage: rudp-engine --check | --version | SETTINGS_HASH (16 "
				   "hex digits; only the rudp library uses it)";

	fprintf(stderr, "%s\n", text);
	return fail(RUDP_READY_ERROR, text);
}

int main(int argc, char **argv)
{
	static struct rudp_settings settings;
	char text[RUDP_SETTINGS_TEXT_SIZE];
	enum rudp_settings_fault fault;
	struct arguments arguments = {.settings = &settings};

	rudp_inherited_signals_undo();
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("rudp-engine " RUDP_VERSION_TEXT);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--check") == 0)
		return check_settings();
	fill_standard_descriptors();
	keep_memory_out_of_core_files();
	if (argc != 2 || !parse_hash(argv[1], &arguments.hash))
		return usage();
	undo_inherited(&arguments);
	fault = rudp_settings_load(&settings, getenv, geteuid(), text);
	if (fault != RUDP_SETTINGS_OK) {
		rudp_settings_complain(&settings, text);
		return fail(fault == RUDP_SETTINGS_BAD_KEY ? RUDP_READY_BAD_KEY : RUDP_READY_ERROR,
			    text);
	}
	/* Connections matter more than their log: go on without a file. */
	(void)rudp_log_file_open(&settings);
	return rudp_supervisor_run(run, &arguments, &settings);
}
