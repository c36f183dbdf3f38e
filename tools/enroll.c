/* SPDX-License-Identifier: MIT */
/*
 * rudp key enroll: copies the public key to a host over ssh(1), and fetches that of the host.
 *
 * ssh runs sh on the host and gives it a script as its input, so that nothing depends on the login
 * shell there. Of this host only the line of the public key is in the script; its characters are
 * those of base64 and of names. What the host answers is parsed as data.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "identity.h"
#include "tool.h"

extern char **environ;

#define TARGET_LEN_MAX 255
#define HOST_SIZE 256
#define ANSWER_SIZE 65536
#define CONFIGURATION_SIZE 65536 /* of the output of ssh -G */
#define SCRIPT_SIZE 4096
#define MARK "rudp-enroll: "
#define SSH_FAILED 255
#define NO_PROGRAM 127

/* Its only %s is the line of the public key. */
static const char script[] =
	"set -eu\n"
	"umask 077\n"
	"line='%s'\n"
	"key=${line%% *}\n"
	"directory=${XDG_CONFIG_HOME:-$HOME/.config}/rudp\n"
	"file=$directory/authorized_keys\n"
	"mkdir -p \"$directory\"\n"
	"[ -e \"$file\" ] || : >\"$file\"\n"
	"if grep -F \"$key\" \"$file\" | grep -q '^[[:space:]]*@revoked'; then\n"
	"	echo '" MARK "revoked'\n"
	"	exit 0\n"
	"elif grep -F \"$key\" \"$file\" | grep -qv '^[[:space:]]*#'; then\n"
	"	echo '" MARK "known'\n"
	"else\n"
	"	[ -z \"$(tail -c 1 \"$file\")\" ] || echo >>\"$file\"\n"
	"	printf '%%s\\n' \"$line\" >>\"$file\"\n"
	"	echo '" MARK "added'\n"
	"fi\n"
	"installed=no\n"
	"if command -v rudp >/dev/null 2>&1; then\n"
	"	installed=yes\n"
	"	[ -r /etc/rudp/id.pub ] || [ -e \"$directory/id\" ] || rudp key new >/dev/null || "
	":\n"
	"fi\n"
	"echo \"" MARK "installed $installed\"\n"
	"for public in /etc/rudp/id.pub \"$directory/id.pub\"; do\n"
	"	if [ -r \"$public\" ]; then\n"
	"		while read -r first second rest; do\n"
	"			case $first in rudp-x25519) echo \"" MARK
	"key $first $second\" ;; esac\n"
	"		done <\"$public\"\n"
	"		break\n"
	"	fi\n"
	"done\n";

/* What the host has answered. */
struct answer {
	bool is_authorized, was_known, is_revoked, is_installed, has_key;
	uint8_t public_key[RUDP_IDENTITY_BYTES];
};

/* A target that ssh must not take for an option, and that can be printed. */
static bool is_target(const char *target)
{
	const char *at = strrchr(target, '@'), *host = at ? at + 1 : target;
	size_t len = strlen(target);

	if (len == 0 || len > TARGET_LEN_MAX || target[0] == '-' || host[0] == '-' || !host[0])
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((target[i] >= 'a' && target[i] <= 'z') ||
		      (target[i] >= 'A' && target[i] <= 'Z') ||
		      (target[i] >= '0' && target[i] <= '9') || strchr("._-@:%+", target[i])))
			return false;
	return true;
}

/* Closes what is open of a pair of descriptors. */
static void close_pipe(int fds[2])
{
	for (unsigned i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int spawn_ssh(pid_t *pid, const char *target, int in[2], int out[2])
{
	char *command[] = {"ssh", "-T", "--", (char *)target, "exec sh", NULL};
	posix_spawn_file_actions_t actions;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	for (unsigned i = 0; i < 2; i++) {
		posix_spawn_file_actions_addclose(&actions, in[i]);
		posix_spawn_file_actions_addclose(&actions, out[i]);
	}
	error = posix_spawnp(pid, "ssh", &actions, NULL, command, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

static void read_answer(int fd, char answer[ANSWER_SIZE])
{
	char rest[512];
	size_t len = 0;
	ssize_t n;

	while (len < ANSWER_SIZE - 1 && (n = read(fd, answer + len, ANSWER_SIZE - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = 0;
	while (read(fd, rest, sizeof rest) > 0)
		;
}

/* Runs the script on the host. Returns the exit code of ssh, or -errno. */
static int run_script(const char *target, const char *text, char answer[ANSWER_SIZE])
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, status, rc;
	pid_t pid;

	if (pipe(in) < 0 || pipe(out) < 0) {
		rc = -errno;
		close_pipe(in);
		close_pipe(out);
		return rc;
	}
	signal(SIGPIPE, SIG_IGN); /* ssh may end before it has read the script */
	rc = spawn_ssh(&pid, target, in, out);
	close(in[0]);
	close(out[1]);
	if (rc == 0) {
		/* The script fits into the pipe. */
		(void)!write(in[1], text, strlen(text));
		close(in[1]);
		read_answer(out[0], answer);
		rc = waitpid(pid, &status, 0) < 0
			     ? -errno
			     : (WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR);
	} else {
		close(in[1]);
	}
	close(out[0]);
	return rc;
}

/* Returns what follows the mark and the word, or NULL. */
static const char *value_of(const char *line, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(line, MARK, sizeof MARK - 1) != 0)
		return NULL;
	line += sizeof MARK - 1;
	return strncmp(line, word, len) == 0 && (line[len] == 0 || line[len] == ' ') ? line + len
										     : NULL;
}

static void parse_answer(struct answer *answer, char *text)
{
	char *position, error[RUDP_KEY_TEXT_SIZE];

	for (char *line = strtok_r(text, "\r\n", &position); line;
	     line = strtok_r(NULL, "\r\n", &position)) {
		const char *key = value_of(line, "key"), *installed = value_of(line, "installed");

		if (value_of(line, "added") || value_of(line, "known"))
			answer->is_authorized = true;
		answer->was_known = answer->was_known || value_of(line, "known");
		answer->is_revoked = answer->is_revoked || value_of(line, "revoked");
		if (installed)
			answer->is_installed = strcmp(installed, " yes") == 0;
		if (key && !answer->has_key)
			answer->has_key = rudp_public_key_parse(answer->public_key, key,
								strlen(key), "key", error);
	}
}

/* Asks the host. false: an error was printed. */
static bool ask_host(struct answer *answer, const char *target, const char *line)
{
	static char text[ANSWER_SIZE], full_script[SCRIPT_SIZE];
	int rc;

	/* The format is the constant script, whose only conversion is the line. */
	snprintf(full_script, sizeof full_script, script, line);
	rc = run_script(target, full_script, text);
	if (rc == -ENOENT || rc == NO_PROGRAM)
		rudp_complain("ssh is not installed here; install it (openssh-client), or copy the "
			      "keys in another way (rudp(1), KEY)");
	else if (rc < 0)
		rudp_complain("ssh: %s", strerror(-rc));
	else if (rc == SSH_FAILED)
		rudp_complain("%s: ssh could not log in; try 'ssh %s'", target, target);
	else
		parse_answer(answer, text);
	if (rc >= 0 && rc != SSH_FAILED && rc != NO_PROGRAM && !answer->is_authorized &&
	    !answer->is_revoked)
		rudp_complain(
			"%s: the key could not be written to authorized_keys there (exit code %d)",
			target, rc);
	if (answer->is_revoked)
		rudp_complain("%s: the key of this host is revoked in authorized_keys there",
			      target);
	return answer->is_authorized;
}

/*
 * The host name that ssh connects to: target may be an alias of ssh_config(5). If ssh does not say,
 * the host in target.
 */
static void find_host(const char *target, char host[HOST_SIZE])
{
	static char configuration[CONFIGURATION_SIZE];
	char *command[] = {"ssh", "-G", "--", (char *)target, NULL}, *position;
	const char *at = strrchr(target, '@');

	snprintf(host, HOST_SIZE, "%s", at ? at + 1 : target);
	if (rudp_capture(command, NULL, configuration, sizeof configuration) != 0)
		return;
	for (char *line = strtok_r(configuration, "\n", &position); line;
	     line = strtok_r(NULL, "\n", &position))
		if (strncmp(line, "hostname ", 9) == 0 && rudp_known_hosts_is_host(line + 9))
			snprintf(host, HOST_SIZE, "%s", line + 9);
}

/* Another key is known for this host. */
static bool complain_of_change(const char *host, const uint8_t old[RUDP_IDENTITY_BYTES],
			       const uint8_t new[RUDP_IDENTITY_BYTES], bool is_revoked)
{
	char was[RUDP_FINGERPRINT_FULL_SIZE], is[RUDP_FINGERPRINT_FULL_SIZE];

	if (is_revoked)
		rudp_complain("%s: the key %s is revoked in the known hosts; nothing was added",
			      host, rudp_fingerprint_full(new, is));
	else
		rudp_complain(
			"%s: is known with the key %s, and now shows the key %s; if you expect "
			"that, use 'rudp key forget %s' and try again",
			host, rudp_fingerprint_full(old, was), rudp_fingerprint_full(new, is),
			host);
	return false;
}

/* Whether the host may be added: 1 yes, 0 it is known with this key, -1 an error was printed. */
static int may_add(const struct rudp_known_hosts *hosts, const char *host,
		   const uint8_t key[RUDP_IDENTITY_BYTES])
{
	uint8_t known[RUDP_IDENTITY_BYTES];
	enum rudp_known_host found = rudp_known_hosts_find_name(hosts, host, known, NULL);

	if (rudp_known_hosts_is_revoked(hosts, key)) {
		complain_of_change(host, key, key, true);
		return -1;
	}
	if (found == RUDP_HOST_UNKNOWN)
		return 1;
	if (memcmp(known, key, RUDP_IDENTITY_BYTES) == 0)
		return 0;
	complain_of_change(host, known, key, false);
	return -1;
}

/* The name and the addresses under which the host is to be known. */
struct names {
	char list[RUDP_RESOLVED_MAX + 1][RUDP_HOST_TEXT_SIZE];
	unsigned count;
};

static void collect_names(struct names *names, const char *host)
{
	static struct rudp_resolved resolved;
	const char *why = rudp_resolve(&resolved, host);

	if (why)
		rudp_complain("%s: %s; it is known by its name only", host, why);
	if (rudp_known_hosts_is_host(host))
		snprintf(names->list[names->count++], RUDP_HOST_TEXT_SIZE, "%.*s",
			 RUDP_HOST_TEXT_SIZE - 1, host);
	for (unsigned i = 0; i < resolved.count; i++) {
		char text[RUDP_HOST_TEXT_SIZE];
		bool is_there = false;

		rudp_known_hosts_format(&resolved.addrs[i], text);
		for (unsigned j = 0; j < names->count; j++)
			is_there =
				is_there || rudp_known_hosts_is_meant(names->list[j],
								      strlen(names->list[j]), text);
		if (!is_there)
			strcpy(names->list[names->count++], text);
	}
}

/* Adds those names that are not known. All are checked before the first is written. */
static bool add_names(const struct rudp_known_hosts *hosts, const char *path,
		      const struct names *names, const uint8_t key[RUDP_IDENTITY_BYTES])
{
	char full[RUDP_FINGERPRINT_FULL_SIZE];
	int fd, rc = 0;

	for (unsigned i = 0; i < names->count; i++)
		if (may_add(hosts, names->list[i], key) < 0)
			return false;
	rc = rudp_make_parents(path);
	fd = rc < 0 ? rc : rudp_known_hosts_open(path);
	for (unsigned i = 0; fd >= 0 && rc == 0 && i < names->count; i++) {
		bool is_new = may_add(hosts, names->list[i], key) > 0;

		rc = is_new ? rudp_known_hosts_append(fd, names->list[i], key, NULL) : 0;
		if (rc == 0)
			printf("%s: %s %s, key %s\n", path, names->list[i],
			       is_new ? "is now known" : "was known",
			       rudp_fingerprint_full(key, full));
	}
	if (fd >= 0)
		close(fd);
	if (fd < 0 || rc < 0)
		rudp_complain("%s: %s", path, strerror(-(fd < 0 ? fd : rc)));
	return fd >= 0 && rc == 0;
}

static bool add_host(const struct rudp_identity_files *files, const char *target,
		     const uint8_t key[RUDP_IDENTITY_BYTES])
{
	const char *path = rudp_identity_files_path(files, RUDP_FILE_KNOWN_HOSTS);
	static struct names names;
	struct rudp_known_hosts hosts = {.count = 0};
	char host[HOST_SIZE], text[RUDP_KEY_TEXT_SIZE];
	bool ok;

	if (access(path, F_OK) == 0 && !rudp_known_hosts_load(&hosts, path, text)) {
		rudp_complain("%s", text);
		return false;
	}
	find_host(target, host);
	collect_names(&names, host);
	ok = add_names(&hosts, path, &names, key);
	rudp_known_hosts_fini(&hosts);
	return ok;
}

/* The public key of this user, with a name. false: an error was printed. */
static bool own_line(const struct rudp_identity_files *files, char line[256])
{
	const char *path = rudp_identity_files_path(files, RUDP_FILE_IDENTITY);
	char text[RUDP_KEY_TEXT_SIZE], key[RUDP_PUBLIC_KEY_TEXT_SIZE];
	char name[RUDP_AUTHORIZED_NAME_SIZE];
	struct rudp_identity identity;

	if (!path) {
		rudp_complain(
			"HOME is not set; name the files in RUDP_IDENTITY and RUDP_KNOWN_HOSTS");
		return false;
	}
	if (!rudp_identity_load(&identity, path, text)) {
		rudp_complain("%s%s", text,
			      access(path, F_OK) < 0 ? "; make an identity with 'rudp key new'"
						     : "");
		return false;
	}
	rudp_identity_own_name(name);
	snprintf(line, 256, "%s %s", rudp_public_key_format(identity.public_key, key), name);
	rudp_identity_wipe(&identity);
	return true;
}

int rudp_key_enroll(const char *target)
{
	struct rudp_identity_files files;
	struct answer answer = {.has_key = false};
	char line[256];

	if (!is_target(target)) {
		rudp_complain("'%.100s' is not [USER@]HOST", target);
		return RUDP_EXIT_USAGE;
	}
	if (!rudp_identity_places(&files) || !own_line(&files, line) ||
	    !ask_host(&answer, target, line))
		return 1;
	printf("%s: the key of this host %s authorized there\n", target,
	       answer.was_known ? "was" : "is now");
	if (answer.has_key)
		return add_host(&files, target, answer.public_key) && fflush(stdout) != EOF ? 0 : 1;
	if (!answer.is_installed)
		rudp_complain(
			"%s: has no rudp; install it there (the package rudp, or `make install'), "
			"then repeat this command",
			target);
	else
		rudp_complain(
			"%s: has no identity that this user may read; make one there ('rudp key "
			"new'), then repeat this command",
			target);
	return 1;
}
