/* SPDX-License-Identifier: MIT */
/*
 * rudp key enroll: copies the public key to a host over ssh(1), and fetches that of the host, or
 * that of the account there, which its programs prove.
 *
 * ssh runs sh on the host and gives it a script as its input, so that nothing depends on the login
 * shell there. Of this host only the line of the public key is in the script; its characters are
 * those of base64 and of names. What the host answers is parsed as data.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
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

/* Its two %s are the line of the public key, and whose key is wanted: "host" or "account". */
static const char script[] =
	"set -eu\n"
	"umask 077\n"
	"line='%s'\n"
	"wanted='%s'\n"
	"key=${line%% *}\n"
	"directory=${XDG_CONFIG_HOME:-$HOME/.config}/rudp\n"
	"system=/etc/rudp\n"
	"root=no\n"
	"[ \"$(id -u)\" != 0 ] || root=yes\n"
	"authorize() {\n"
	"	[ -e \"$1\" ] || : >\"$1\"\n"
	"	if grep -F \"$key\" \"$1\" | grep -q '^[[:space:]]*@revoked'; then\n"
	"		echo '" MARK "revoked'\n"
	"		exit 0\n"
	"	elif grep -F \"$key\" \"$1\" | grep -qv '^[[:space:]]*#'; then\n"
	"		echo '" MARK "known'\n"
	"	else\n"
	"		[ -z \"$(tail -c 1 \"$1\")\" ] || echo >>\"$1\"\n"
	"		printf '%%s\\n' \"$line\" >>\"$1\"\n"
	"		echo '" MARK "added'\n"
	"	fi\n"
	"}\n"
	/* Services of root have no home, and use the file of the system. */
	"if [ $root = yes ] && [ -e $system/authorized_keys ]; then\n"
	"	[ ! -e \"$directory/authorized_keys\" ] || authorize "
	"\"$directory/authorized_keys\"\n"
	"	authorize $system/authorized_keys\n"
	"else\n"
	"	mkdir -p \"$directory\"\n"
	"	authorize \"$directory/authorized_keys\"\n"
	"fi\n"
	"own() {\n"
	"	if [ $root = yes ] && [ ! -e \"$directory/id\" ] && [ -e $system/id ]; then\n"
	"		echo $system/id\n"
	"	else\n"
	"		echo \"$directory/id\"\n"
	"	fi\n"
	"}\n"
	"installed=no\n"
	"if command -v rudp >/dev/null 2>&1; then\n"
	"	installed=yes\n"
	"	if [ $wanted = account ]; then\n"
	"		[ -e \"$(own)\" ] || rudp key new >/dev/null || :\n"
	"	elif [ $root = yes ] && [ ! -e $system/id ]; then\n"
	"		(umask 022 && mkdir -p $system)\n"
	"		rudp key new $system/id >/dev/null || :\n"
	"	fi\n"
	"fi\n"
	"echo \"" MARK "installed $installed\"\n"
	"show() {\n"
	"	[ -r \"$2\" ] || return 0\n"
	"	while read -r first second rest; do\n"
	"		case $first in rudp-x25519) echo \"" MARK "$1 $first $second\" ;; esac\n"
	"	done <\"$2\"\n"
	"}\n"
	"show host $system/id.pub\n"
	"show account \"$(own).pub\"\n";

struct shown_key {
	bool is_there;
	uint8_t bytes[RUDP_IDENTITY_BYTES];
};

/* The answer of the host. */
struct answer {
	bool is_authorized, was_changed, is_revoked, is_installed;
	struct shown_key host, account;
};

/* A target that ssh must not take for an option, and that can be printed. */
static bool is_target(const char *target)
{
	const char *at = strrchr(target, '@'), *host = at ? at + 1 : target;
	size_t len = strlen(target);

	if (len == 0 || len > TARGET_LEN_MAX || target[0] == '-' || target == at ||
	    host[0] == '-' || !host[0])
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

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
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

static void parse_key(struct shown_key *shown, const char *line, const char *word)
{
	char error[RUDP_KEY_TEXT_SIZE];
	const char *key = value_of(line, word);

	if (key && !shown->is_there)
		shown->is_there =
			rudp_public_key_parse(shown->bytes, key, strlen(key), word, error);
}

static void parse_answer(struct answer *answer, char *text)
{
	char *position;

	for (char *line = strtok_r(text, "\r\n", &position); line;
	     line = strtok_r(NULL, "\r\n", &position)) {
		const char *installed = value_of(line, "installed");

		if (value_of(line, "added") || value_of(line, "known"))
			answer->is_authorized = true;
		answer->was_changed = answer->was_changed || value_of(line, "added");
		answer->is_revoked = answer->is_revoked || value_of(line, "revoked");
		if (installed)
			answer->is_installed = strcmp(installed, " yes") == 0;
		parse_key(&answer->host, line, "host");
		parse_key(&answer->account, line, "account");
	}
}

/* Asks the host. false: an error was printed. */
static bool ask_host(struct answer *answer, const char *target, const char *line,
		     const char *wanted)
{
	static char text[ANSWER_SIZE], full_script[SCRIPT_SIZE];
	int rc;

	/* The format is the constant script, whose only conversions are these two. */
	snprintf(full_script, sizeof full_script, script, line, wanted);
	rc = run_script(target, full_script, text);
	if (rc == -ENOENT || rc == NO_PROGRAM)
		warnx("ssh is not installed here; install it (openssh-client), or copy the "
		      "keys in another way (rudp(1), KEY)");
	else if (rc < 0)
		warnx("ssh: %s", strerror(-rc));
	else if (rc == SSH_FAILED)
		warnx("%s: ssh could not log in; try 'ssh %s'", target, target);
	else
		parse_answer(answer, text);
	if (answer->is_revoked)
		warnx("%s: the key of this host is revoked in authorized_keys there", target);
	else if (rc >= 0 && rc != SSH_FAILED && rc != NO_PROGRAM && !answer->is_authorized)
		warnx("%s: the key could not be written to authorized_keys there (exit code %d)",
		      target, rc);
	return answer->is_authorized && !answer->is_revoked;
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

/* The public key of this user, with a name. false: an error was printed. */
static bool own_line(const struct rudp_identity_files *files, char line[256])
{
	const char *path = rudp_identity_find(files, RUDP_FILE_IDENTITY);
	char text[RUDP_KEY_TEXT_SIZE], key[RUDP_PUBLIC_KEY_TEXT_SIZE];
	char name[RUDP_AUTHORIZED_NAME_SIZE];
	struct rudp_identity identity;

	if (!path) {
		warnx("HOME is not set; name the files in RUDP_IDENTITY and RUDP_KNOWN_HOSTS");
		return false;
	}
	if (!rudp_identity_load(&identity, path, text)) {
		warnx("%s%s", text,
		      access(path, F_OK) < 0 ? "; make an identity with 'rudp key new'" : "");
		return false;
	}
	rudp_identity_own_name(name);
	snprintf(line, 256, "%s %s", rudp_public_key_format(identity.public_key, key), name);
	rudp_identity_wipe(&identity);
	return true;
}

/* Says why the key that was wanted has not come, and what to do. */
static void complain_of_no_key(const char *target, const struct answer *answer, bool wants_account)
{
	if (!answer->is_installed)
		warnx("%s: has no rudp; install it there (the package rudp, or `make install'), "
		      "then repeat this command",
		      target);
	else if (wants_account)
		warnx("%s: this account has no identity; make one there ('rudp key new'), then "
		      "repeat this command",
		      target);
	else
		warnx("%s: that host has no identity; root makes one there with 'rudp key new "
		      "/etc/rudp/id'. For programs that this account starts itself, name their "
		      "ports: 'rudp key enroll --port PORT %s'",
		      target, target);
}

/* The programs of the account have a key of their own, which was not asked for. */
static void mention_account(const char *target, const struct answer *answer)
{
	char full[RUDP_FINGERPRINT_FULL_SIZE];

	if (answer->account.is_there &&
	    memcmp(answer->account.bytes, answer->host.bytes, RUDP_IDENTITY_BYTES) != 0)
		printf("%s: programs that this account starts itself have another key, %s; 'rudp "
		       "key enroll --port PORT %s' makes it known for their port\n",
		       target, rudp_fingerprint_full(answer->account.bytes, full), target);
}

int rudp_key_enroll(const struct rudp_key_arguments *arguments)
{
	const struct rudp_enroll_ports *ports = &arguments->ports;
	const char *target = arguments->what;
	struct rudp_identity_files files;
	struct answer answer = {.is_authorized = false};
	const struct shown_key *key = ports->count ? &answer.account : &answer.host;
	char line[256], host[HOST_SIZE];

	if (!is_target(target)) {
		warnx("'%.100s' is not [USER@]HOST, the host as ssh knows it; for example: "
		      "rudp key enroll root@server",
		      target);
		return RUDP_EXIT_USAGE;
	}
	if (!rudp_identity_places(&files) || !own_line(&files, line) ||
	    !ask_host(&answer, target, line, ports->count ? "account" : "host"))
		return 1;
	printf("%s: the key of this host %s authorized there\n", target,
	       answer.was_changed ? "is now" : "was");
	if (!key->is_there) {
		complain_of_no_key(target, &answer, ports->count > 0);
		return 1;
	}
	find_host(target, host);
	if (!rudp_enroll_host(&files, host, ports, key->bytes))
		return 1;
	if (!ports->count)
		mention_account(target, &answer);
	return fflush(stdout) != EOF ? 0 : 1;
}
