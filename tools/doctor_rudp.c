/* SPDX-License-Identifier: MIT */
/* rudp itself: its files, its settings, and one test connection. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/time.h"
#include "doctor.h"
#include "engine/config/policy.h"
#include "engine/config/settings.h"
#include "fingerprint.h"
#include "proto/conn/conn.h"
#include "ss.h"
#include "tool.h"

#define SHIM "librudp_shim.so"
#define ENGINE "rudp-engine"
#define ENGINE_LIBRARY "librudp_engine.so"
#define SHIM_VERSION "librudp_shim.so, version " RUDP_VERSION_TEXT
#define INSTALL_AGAIN "build it with `make', or install rudp again"

#define WARNING "warning: "
#define CLEAR_RULES_MAX 8
#define TEST_BYTES 65536
#define TEST_SECONDS_MAX 20

extern char **environ;

static bool find_engine(char path[RUDP_PLACE_SIZE])
{
	const char *named = getenv("RUDP_ENGINE_PATH");

	if (!named || !*named)
		return rudp_place_find(ENGINE, path);
	snprintf(path, RUDP_PLACE_SIZE, "%s", named);
	return access(path, X_OK) == 0;
}

static void check_engine(struct rudp_report *report)
{
	char path[RUDP_PLACE_SIZE], version[256];
	char *command[] = {path, "--version", NULL};

	if (!find_engine(path)) {
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "engine", INSTALL_AGAIN,
				"%.400s is missing", path);
		return;
	}
	if (rudp_capture(command, NULL, version, sizeof version) != 0)
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "engine", INSTALL_AGAIN,
				"%.300s cannot be run: %.200s", path, version);
	else if (strcmp(version, ENGINE " " RUDP_VERSION_TEXT) != 0)
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "engine", INSTALL_AGAIN,
				"%.300s has another version than this command: %.100s", path,
				version);
	else
		rudp_report_add(report, RUDP_DOCTOR_OK, "engine", NULL, "%.500s", path);
}

static bool has_text(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes = MAP_FAILED;
	bool found;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (bytes == MAP_FAILED)
		return false;
	found = memmem(bytes, (size_t)st.st_size, text, strlen(text) + 1) != NULL;
	munmap(bytes, (size_t)st.st_size);
	return found;
}

void rudp_doctor_files(struct rudp_report *report)
{
	char path[RUDP_PLACE_SIZE];

	if (!rudp_place_find(SHIM, path))
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "shim", INSTALL_AGAIN,
				"%.400s is missing", path);
	else if (!has_text(path, SHIM_VERSION))
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "shim", INSTALL_AGAIN,
				"%.400s has another version than this command "
				"(" RUDP_VERSION_TEXT ")",
				path);
	else
		rudp_report_add(report, RUDP_DOCTOR_OK, "shim", NULL, "%.500s", path);
	check_engine(report);
	if (!rudp_place_find(ENGINE_LIBRARY, path))
		rudp_report_add(report, RUDP_DOCTOR_WARN, "engine-thread", INSTALL_AGAIN,
				"%.400s is missing: if no engine process can be "
				"started, rudp cannot use a thread instead",
				path);
}

static void check_key(struct rudp_report *report)
{
	const char *file = getenv("RUDP_KEY_FILE");
	char text[RUDP_SETTINGS_TEXT_SIZE], fingerprint[RUDP_FINGERPRINT_SIZE];
	uint8_t psk[RUDP_PSK_BYTES];

	if (!file || !*file)
		rudp_report_add(
			report, RUDP_DOCTOR_NOTE, "key",
			"rudp key enroll HOST   # or, to share a secret: rudp keygen FILE, and "
			"RUDP_KEY_FILE=FILE at both ends",
			"no shared key is set: traffic is encrypted, but only known hosts are "
			"authenticated");
	else if (!rudp_key_load_sent(psk, file, text))
		rudp_report_add(
			report, RUDP_DOCTOR_FAIL, "key",
			access(file, F_OK) < 0
				? "rudp keygen FILE   # makes a key; the other end needs the same"
				: NULL, /* the text says what to do with the file */
			"%s", text);
	else if (rudp_fingerprint(psk, fingerprint))
		rudp_report_add(report, RUDP_DOCTOR_OK, "key", NULL,
				"%.400s: private, fingerprint %s", file, fingerprint);
	explicit_bzero(psk, sizeof psk);
}

static unsigned known_count(const struct rudp_identity_files *files)
{
	return files->known_hosts ? files->known_hosts->count : 0;
}

/* The engine reports errors in the files (rudp_doctor_settings). */
static void check_identity(struct rudp_report *report)
{
	struct rudp_settings settings;
	const struct rudp_identity_files *files = &settings.identities;
	char text[RUDP_SETTINGS_TEXT_SIZE], fingerprint[RUDP_FINGERPRINT_FULL_SIZE];

	if (rudp_settings_load(&settings, getenv, geteuid(), text) == RUDP_SETTINGS_OK) {
		if (files->identity)
			rudp_report_add(
				report, RUDP_DOCTOR_OK, "identity", NULL, "%s; %u known hosts",
				rudp_fingerprint_full(files->identity->public_key, fingerprint),
				known_count(files));
		else
			rudp_report_add(
				report, RUDP_DOCTOR_NOTE, "identity",
				"rudp key new   # and rudp key enroll HOST",
				"this user has no identity to show to peers; %u known hosts",
				known_count(files));
		if (files->authorized_keys)
			rudp_report_add(
				report, RUDP_DOCTOR_OK, "authorized-keys", NULL,
				"only %u keys may connect to programs of this user (%.300s)",
				files->authorized_keys->count,
				rudp_identity_files_path(files, RUDP_FILE_AUTHORIZED_KEYS));
	}
	rudp_settings_fini(&settings);
}

/*
 * With a key, rudp is used alone unless a rule says otherwise. That rule may be old and forgotten.
 */
static void check_clear_rules(struct rudp_report *report)
{
	const char *key = getenv("RUDP_KEY_FILE");
	char error[RUDP_POLICY_TEXT_SIZE];
	struct rudp_policy *policy = key && *key ? rudp_policy_load(getenv, error) : NULL;
	struct rudp_decision rule;
	unsigned index = 0;

	if (!policy)
		return; /* no key: clear text is allowed; the engine reports policy errors */
	for (unsigned count = 0; rudp_policy_next_clear(policy, &index, &rule); count++) {
		if (count == CLEAR_RULES_MAX) {
			rudp_report_add(report, RUDP_DOCTOR_WARN, "clear-text", NULL,
					"there are more such rules");
			break;
		}
		rudp_report_add(
			report, RUDP_DOCTOR_WARN, "clear-text",
			"remove the rule, or change it to `use rudp'",
			"%.300s, line %u: the rule says `use %s', so connections %s in clear "
			"text although a key is set",
			rule.source, rule.line, rule.way == RUDP_WAY_TCP ? "tcp" : "auto",
			rule.way == RUDP_WAY_TCP ? "go" : "may go");
	}
	rudp_policy_free(policy);
}

/* "rudp-engine: a\nrudp-engine: b" becomes "a; b". */
static void join_lines(char *text)
{
	static const char speaker[] = ENGINE ": ";
	char *in = text, *out = text;

	while (*in) {
		if ((in == text || in[-1] == '\n') && strncmp(in, speaker, sizeof speaker - 1) == 0)
			in += sizeof speaker - 1;
		while (*in && *in != '\n')
			*out++ = *in++;
		if (*in == '\n') {
			in++;
			*out++ = ';';
			*out++ = ' ';
		}
	}
	*out = 0;
}

/* Uses the engine's own check, which includes the policy. Its warnings come first. */
void rudp_doctor_settings(struct rudp_report *report)
{
	char path[RUDP_PLACE_SIZE], text[RUDP_FINDING_TEXT_SIZE];
	char *command[] = {path, "--check", NULL};
	enum rudp_doctor_verdict verdict = RUDP_DOCTOR_OK;
	int rc;

	check_key(report);
	if (!find_engine(path))
		return; /* already reported */
	rc = rudp_capture(command, NULL, text, sizeof text);
	join_lines(text);
	if (rc != 0)
		verdict = RUDP_DOCTOR_FAIL;
	else if (strncmp(text, WARNING, strlen(WARNING)) == 0)
		verdict = RUDP_DOCTOR_WARN;
	rudp_report_add(report, verdict, "settings", NULL, "%s",
			text[0] ? text : "the engine printed nothing about the settings");
	if (rc == 0) {
		check_identity(report);
		check_clear_rules(report);
	}
}

static bool sets(const char *variable, const char *name)
{
	size_t len = strlen(name);

	return strncmp(variable, name, len) == 0 && variable[len] == '=';
}

/* A copy of the environment, with the shim, and with rudp for all connections. NULL: no memory. */
static char **test_environment(char *preload)
{
	static const char *const replaced[] = {"LD_PRELOAD", "RUDP_POLICY", "RUDP_DISABLE"};
	size_t count = 0, out = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = calloc(count + 3, sizeof *copy);
	for (size_t i = 0; copy && i < count; i++) {
		bool keep = true;

		for (size_t j = 0; j < sizeof replaced / sizeof replaced[0]; j++)
			keep = keep && !sets(environ[i], replaced[j]);
		if (keep)
			copy[out++] = environ[i];
	}
	if (copy) {
		copy[out++] = preload;
		copy[out] = "RUDP_POLICY=any use rudp";
	}
	return copy;
}

void rudp_doctor_self_test(struct rudp_report *report)
{
	char shim[RUDP_PLACE_SIZE], preload[RUDP_PLACE_SIZE + 16], text[RUDP_FINDING_TEXT_SIZE];
	char *command[] = {"/proc/self/exe", "doctor", "--self-test", NULL};
	char own[RUDP_PLACE_SIZE];
	ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
	const char *fault;
	char **environment;
	int rc;

	if (!rudp_place_find(SHIM, shim) || len <= 0)
		return; /* already reported */
	fault = rudp_doctor_try_udp();
	if (fault) {
		rudp_doctor_explain_filter(report, fault);
		return;
	}
	own[len] = 0;
	command[0] = own;
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", shim);
	environment = test_environment(preload);
	rc = environment ? rudp_capture(command, environment, text, sizeof text) : -ENOMEM;
	free(environment);
	if (rc == -EINTR)
		snprintf(text, sizeof text, "a signal killed the test program under the shim");
	else if (rc < 0)
		snprintf(text, sizeof text, "%s", strerror(-rc));
	rudp_report_add(report, rc == 0 ? RUDP_DOCTOR_OK : RUDP_DOCTOR_FAIL, "self-test",
			rc == 0 ? NULL
				: "RUDP_LOG=debug:/tmp/rudp.log rudp doctor; cat /tmp/rudp.log",
			"%s", text[0] ? text : "the test program under the shim printed nothing");
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, char *bytes, size_t len)
{
	return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

/*
 * Makes both ends of a connection over loopback. Returns NULL, or the name of the call that failed.
 */
static const char *connect_ends(int *caller, int *accepted)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof addr;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *caller < 0)
		return "socket";
	if (bind(listener, (struct sockaddr *)&addr, sizeof addr) < 0)
		return "bind";
	if (listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&addr, &len) < 0)
		return "listen";
	if (connect(*caller, (struct sockaddr *)&addr, len) < 0)
		return "connect";
	*accepted = accept(listener, NULL, NULL);
	return *accepted < 0 ? "accept" : NULL;
}

/* If the sockets were plain TCP, the test would prove nothing. */
static bool goes_over_rudp(void)
{
	struct rudp_ss_list list;
	unsigned ends = 0;

	if (rudp_ss_collect(&list) == 0)
		for (size_t i = 0; i < list.count; i++)
			ends += list.entries[i].pid == (uint32_t)getpid() &&
				list.entries[i].state == RUDP_STATE_ESTABLISHED &&
				list.entries[i].transport == RUDP_TRANSPORT_RUDP;
	rudp_ss_list_fini(&list);
	return ends > 0;
}

/* Makes only async-signal-safe calls. */
static void on_alarm(int number)
{
	static const char text[] =
		"no answer over rudp on this host, although UDP over loopback works\n";

	(void)number;
	_exit(write(STDOUT_FILENO, text, sizeof text - 1) < 0 ? 2 : 1);
}

int rudp_doctor_self_test_child(void)
{
	static char sent[TEST_BYTES], received[TEST_BYTES];
	int64_t begin_ns = rudp_clock_now_ns();
	int caller, accepted;
	const char *failed;

	signal(SIGALRM, on_alarm);
	alarm(TEST_SECONDS_MAX);
	failed = connect_ends(&caller, &accepted);
	if (failed) {
		printf("%s fails: %s\n", failed, strerror(errno));
		return 1;
	}
	if (!goes_over_rudp()) {
		printf("the connection is plain TCP: no engine could be started; the "
		       "reason is in the log (RUDP_LOG)\n");
		return 1;
	}
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)(i * 31 >> 3);
	if (!send_all(caller, sent, sizeof sent) ||
	    !receive_all(accepted, received, sizeof received) ||
	    memcmp(sent, received, sizeof sent) != 0) {
		printf("the bytes did not arrive: %s\n", strerror(errno));
		return 1;
	}
	printf("an engine was started and carried a connection over loopback, in %.1f ms\n",
	       (double)(rudp_clock_now_ns() - begin_ns) / (double)RUDP_NS_PER_MS);
	return 0;
}
