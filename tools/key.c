/* SPDX-License-Identifier: MIT */
/* rudp key: lists the keys of all engines that the caller may ask, or revokes a key. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/grow.h"
#include "engine/config/config_path.h"
#include "engine/config/key_ring.h"
#include "identity.h"
#include "ss.h"
#include "tool.h"

#define PER_ENGINE_MAX 256u /* a process that lists more keys is no engine */

/* The keys of the engines, and those in the files of RUDP_KEY_FILE. */
struct keys {
	struct rudp_control_key *list;
	unsigned count, capacity;
	struct rudp_control_ended ended; /* sums over all engines */
	unsigned denied;
};

/* The key to be revoked, and counts of what was done. */
struct revocation {
	uint64_t id;
	uint64_t connections;
	unsigned denied, silent, files;
	bool failed;
};

static struct keys keys;

struct input {
	const char *action; /* NULL: not given */
	struct rudp_key_arguments arguments;
};

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "list, hosts: as JSON, one object", 0},
	{"port", 'p', "PORT", 0,
	 "enroll: programs of the account listen on this port, so the account's key is "
	 "expected there; may be repeated",
	 0},
	{0},
};

static void add_port(struct argp_state *state, struct rudp_enroll_ports *ports, const char *value)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || port == 0 || port > UINT16_MAX)
		argp_error(state, "'%.20s' is not a port from 1 to 65535", value);
	if (ports->count == RUDP_ENROLL_PORTS_MAX)
		argp_error(state, "at most %d ports at a time", RUDP_ENROLL_PORTS_MAX);
	ports->list[ports->count++] = (uint16_t)port;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct input *input = state->input;

	switch (key) {
	case 'j':
		input->arguments.json = true;
		return 0;
	case 'p':
		add_port(state, &input->arguments.ports, value);
		return 0;
	case ARGP_KEY_ARG:
		if (input->arguments.what)
			argp_error(state, "one key or host at a time");
		*(input->action ? &input->arguments.what : &input->action) = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "list\nrevoke FINGERPRINT|FILE\nnew [FILE]\nshow [FILE]\nhosts\n"
		    "forget HOST\nenroll [--port PORT]... [USER@]HOST\nask\ncheck",
	.doc = "Shared keys: lists those of the running engines and of RUDP_KEY_FILE, or revokes "
	       "one. Identities: makes a key pair, shows its public key, lists or removes known "
	       "hosts, exchanges public keys with a host over ssh, asks whether the keys of "
	       "unknown hosts are right, or checks the files.\v"
	       "A shared key that is revoked cannot begin a connection, and the connections that "
	       "began with it are reset. The line `revoked' is added to its file.",
};

static void add(const struct rudp_control_key *key)
{
	struct rudp_control_key *entry;

	if (!RUDP_GROW(keys.list, keys.count, keys.capacity, 16))
		errx(1, "out of memory");
	entry = &keys.list[keys.count++];
	*entry = *key;
	rudp_ss_clean(entry->file, sizeof entry->file);
}

static int ask_keys(void *context, const struct rudp_engine_place *engine)
{
	struct rudp_control_reply reply = {.id = 0};

	(void)context;
	for (unsigned i = 0; i < PER_ENGINE_MAX; i++) {
		int rc = rudp_engine_ask(engine, RUDP_CONTROL_KEYS, reply.id, NULL, &reply);

		keys.denied += rc == -EACCES;
		if (rc < 0)
			return 0;
		if (reply.id == 0) {
			keys.ended.connections += reply.ended.connections;
			keys.ended.associations += reply.ended.associations;
			return 0;
		}
		add(&reply.key);
	}
	return 0;
}

static bool is_told(uint64_t id)
{
	for (unsigned i = 0; i < keys.count; i++)
		if (keys.list[i].id == id && keys.list[i].file[0])
			return true;
	return false;
}

static void say(void *context, const char *text)
{
	(void)context;
	warnx("%s", text);
}

static enum rudp_key_state state_of(const struct rudp_key *key, const struct rudp_psk *psks,
				    unsigned count)
{
	if (key->is_revoked)
		return RUDP_KEY_REVOKED;
	for (unsigned i = 0; i < count; i++)
		if (psks[i].id == key->id)
			return i == 0 ? RUDP_KEY_SENT : RUDP_KEY_TAKEN;
	return key->not_before_s > time(NULL) ? RUDP_KEY_FUTURE : RUDP_KEY_EXPIRED;
}

/* Adds keys that no engine uses yet. */
static void add_own_files(void)
{
	static struct rudp_key_ring ring;
	const char *path = getenv("RUDP_KEY_FILE");
	struct rudp_psk psks[RUDP_PSKS_MAX];
	char absolute[RUDP_PLACE_SIZE], name[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE];
	unsigned count;

	if (!path || !*path || rudp_config_absolute(absolute, sizeof absolute, path) < 0)
		return;
	rudp_key_ring_load(&ring, absolute, say, NULL);
	count = rudp_key_ring_choose(&ring, time(NULL), psks);
	for (unsigned i = 0; i < ring.count; i++) {
		const struct rudp_key *key = &ring.entries[i].key;
		struct rudp_control_key info = {.id = key->id,
						.not_before_s = key->not_before_s,
						.not_after_s = key->not_after_s,
						.state = state_of(key, psks, count)};

		if (!key->id || is_told(key->id))
			continue;
		if (strlen(rudp_key_ring_name(&ring, i, name)) < sizeof info.file)
			strcpy(info.file, name);
		add(&info);
	}
	explicit_bzero(psks, sizeof psks);
	rudp_key_ring_wipe(&ring);
}

static int collect(void)
{
	int rc = rudp_engines_visit(ask_keys, NULL);

	if (rc < 0)
		warnx("cannot look for engines: %s", strerror(-rc));
	add_own_files();
	return rc;
}

static const char *time_text(int64_t time_s, char text[RUDP_KEY_TIME_SIZE])
{
	return time_s == INT64_MIN || time_s == INT64_MAX ? "-"
							  : rudp_key_time_format(time_s, text);
}

static void print_key(const struct rudp_control_key *key)
{
	char id[RUDP_KEY_ID_SIZE], from[RUDP_KEY_TIME_SIZE], until[RUDP_KEY_TIME_SIZE];
	char engine[16] = "-";

	if (key->pid)
		snprintf(engine, sizeof engine, "%u", key->pid);
	printf("%-20s %-13s %-20s %-20s %7s %11u %s\n", rudp_key_id_format(key->id, id),
	       rudp_key_state_text(key->state), time_text(key->not_before_s, from),
	       time_text(key->not_after_s, until), engine, key->connections,
	       key->file[0] ? key->file : "-");
}

static void print_text(void)
{
	printf("%-20s %-13s %-20s %-20s %7s %11s %s\n", "FINGERPRINT", "STATE", "NOT BEFORE",
	       "NOT AFTER", "ENGINE", "CONNECTIONS", "FILE");
	for (unsigned i = 0; i < keys.count; i++)
		print_key(&keys.list[i]);
	if (keys.count == 0)
		warnx("no shared key is in use; for identities: rudp key show, rudp key hosts");
	if (keys.ended.connections || keys.ended.associations)
		printf("ended with their keys: %" PRIu64 " connections, %" PRIu64 " associations\n",
		       keys.ended.connections, keys.ended.associations);
}

static json_t *time_json(int64_t time_s)
{
	char text[RUDP_KEY_TIME_SIZE];

	return time_s == INT64_MIN || time_s == INT64_MAX
		       ? json_null()
		       : json_string(rudp_key_time_format(time_s, text));
}

/* JSON does not allow a file name that is not UTF-8. */
static json_t *file_json(const char *file)
{
	char clean[sizeof((struct rudp_control_key *)0)->file];
	json_t *text = file[0] ? json_string(file) : json_null();

	if (text)
		return text;
	snprintf(clean, sizeof clean, "%s", file);
	rudp_ss_clean(clean, sizeof clean);
	return json_string(clean);
}

static json_t *key_json(const struct rudp_control_key *key)
{
	char id[RUDP_KEY_ID_SIZE];

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:i, s:o}", "fingerprint",
			 rudp_key_id_format(key->id, id), "state", rudp_key_state_text(key->state),
			 "not_before", time_json(key->not_before_s), "not_after",
			 time_json(key->not_after_s), "engine_pid",
			 key->pid ? json_integer(key->pid) : json_null(), "connections",
			 (int)key->connections, "file", file_json(key->file));
}

static bool print_json(void)
{
	json_t *list = json_array(), *o;
	bool ok = list != NULL;

	for (unsigned i = 0; ok && i < keys.count; i++)
		ok = json_array_append_new(list, key_json(&keys.list[i])) == 0;
	o = json_pack("{s:o, s:I, s:I}", "keys", list, "ended_connections",
		      (json_int_t)keys.ended.connections, "ended_associations",
		      (json_int_t)keys.ended.associations);
	ok = ok && o && rudp_json_print(o);
	json_decref(o);
	return ok;
}

static int list(const struct rudp_key_arguments *arguments)
{
	bool ok = true;

	if (collect() < 0)
		return 1;
	if (arguments->json)
		ok = print_json();
	else
		print_text();
	if (keys.denied)
		warnx("%u engines of other users or containers not shown (root sees those of "
		      "users)",
		      keys.denied);
	return !ok || fflush(stdout) == EOF ? 1 : 0;
}

static bool parse_id(const char *text, uint64_t *id)
{
	unsigned parts[4];
	char again[RUDP_KEY_ID_SIZE];

	if (sscanf(text, "%4x-%4x-%4x-%4x", &parts[0], &parts[1], &parts[2], &parts[3]) != 4)
		return false;
	*id = (uint64_t)parts[0] << 48 | (uint64_t)parts[1] << 32 | parts[2] << 16 | parts[3];
	return strcasecmp(rudp_key_id_format(*id, again), text) == 0;
}

static bool append(const char *file)
{
	/* The last line of the file may lack its newline. */
	static const char line[] = "\nrevoked\n";
	int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, line, sizeof line - 1) == sizeof line - 1 && fsync(fd) == 0;
	close(fd);
	return ok;
}

/*
 * The name may come from any process, so the file is changed only if it is a key file with this
 * key.
 */
static void mark_file(struct revocation *r, const char *file)
{
	char text[RUDP_KEY_TEXT_SIZE];
	struct rudp_key key;
	bool ok = rudp_key_load(&key, file, text);

	explicit_bzero(key.psk, sizeof key.psk);
	if (!ok || key.id != r->id)
		return;
	r->files++;
	if (key.is_revoked || append(file))
		return;
	r->failed = true;
	warnx("%s: %s; remove the file, or new engines will accept the key again", file,
	      strerror(errno));
}

/* Other errors tell that the engine has no keys, or has ended. */
static bool is_silence(int rc)
{
	return rc < 0 && rc != -EACCES && rc != -ENOKEY && rc != -ECONNREFUSED && rc != -ECONNRESET;
}

static int revoke_at(void *context, const struct rudp_engine_place *engine)
{
	struct revocation *r = context;
	struct rudp_control_reply reply;
	int rc = rudp_engine_ask(engine, RUDP_CONTROL_REVOKE, r->id, NULL, &reply);

	r->denied += rc == -EACCES;
	r->silent += is_silence(rc);
	if (rc == 0)
		r->connections += reply.ended.connections;
	return 0;
}

static bool is_known(const struct revocation *r)
{
	for (unsigned i = 0; i < keys.count; i++)
		if (keys.list[i].id == r->id)
			return true;
	return r->files > 0;
}

static int revoke_key(const struct rudp_key_arguments *arguments)
{
	const char *what = arguments->what;
	struct revocation r = {.id = 0};
	char id[RUDP_KEY_ID_SIZE], text[RUDP_KEY_TEXT_SIZE];
	struct rudp_key key;
	const char *file = parse_id(what, &r.id) ? NULL : what;

	if (file && !rudp_key_load(&key, file, text)) {
		warnx("%s is neither the fingerprint nor the file of a shared key: %s", file,
		      rudp_key_without_variable(text));
		warnx("to revoke an identity, put @revoked in front of its line in "
		      "authorized_keys, or of known_hosts (rudp_keys(5))");
		return 1;
	}
	if (file)
		r.id = key.id;
	explicit_bzero(&key, sizeof key);
	if (collect() < 0)
		return 1;
	if (file)
		mark_file(&r, file);
	for (unsigned i = 0; i < keys.count; i++)
		if (keys.list[i].id == r.id && keys.list[i].file[0])
			mark_file(&r, keys.list[i].file);
	if (!is_known(&r)) {
		warnx("no engine and no file of RUDP_KEY_FILE has the key %s; 'rudp key list' "
		      "shows those that are known",
		      what);
		return 1;
	}
	rudp_engines_visit(revoke_at, &r);
	printf("%s: revoked, %" PRIu64 " connections were reset\n", rudp_key_id_format(r.id, id),
	       r.connections);
	if (r.denied)
		warnx("%u engines of other users or containers have not revoked it (root can "
		      "ask those of users)",
		      r.denied);
	if (r.silent)
		warnx("%u engines have not answered: they may still have connections with the key; "
		      "revoke it again, or end these engines",
		      r.silent);
	return r.failed || r.silent || fflush(stdout) == EOF ? 1 : 0;
}

enum word { NO_WORD, OPTIONAL_WORD, ONE_WORD }; /* rudp_key_arguments.what */

static const struct action {
	const char *name;
	int (*run)(const struct rudp_key_arguments *arguments);
	enum word word;
	bool takes_json, takes_ports;
} actions[] = {
	{"list", list, .word = NO_WORD, .takes_json = true},
	{"revoke", revoke_key, .word = ONE_WORD},
	{"new", rudp_key_new, .word = OPTIONAL_WORD},
	{"show", rudp_key_show, .word = OPTIONAL_WORD},
	{"hosts", rudp_key_hosts, .word = NO_WORD, .takes_json = true},
	{"forget", rudp_key_forget, .word = ONE_WORD},
	{"enroll", rudp_key_enroll, .word = ONE_WORD, .takes_ports = true},
	{"ask", rudp_key_ask, .word = NO_WORD},
	{"check", rudp_key_check, .word = NO_WORD},
};

static bool fits(const struct action *action, const struct rudp_key_arguments *arguments)
{
	return action->word != (arguments->what ? NO_WORD : ONE_WORD) &&
	       (!arguments->json || action->takes_json) &&
	       (!arguments->ports.count || action->takes_ports);
}

int rudp_tool_key(int argc, char **argv)
{
	struct input input = {.action = NULL};

	argp_parse(&argp, argc, argv, 0, NULL, &input);
	for (size_t i = 0; input.action && i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(input.action, actions[i].name) == 0 &&
		    fits(&actions[i], &input.arguments))
			return actions[i].run(&input.arguments);
	warnx("expected list, list --json, revoke FINGERPRINT|FILE, new [FILE], show [FILE], "
	      "hosts, hosts --json, forget HOST, enroll [--port PORT] [USER@]HOST, ask, or check");
	return RUDP_EXIT_USAGE;
}
