/* SPDX-License-Identifier: MIT */
/* converse - a chat client that loses no line and says no line twice (converse(1)). */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/converse/client.h"
#include "conversation/irc/frame.h"
#include "conversation/irc/names.h"

#define DEFAULT_PORT 6680
#define NICK_LEN_MAX 30

static const char help[] =
	"usage: converse --server [ID@]HOST[:PORT]... --id NAME [OPTION...]\n"
	"\n"
	"Chats on an Apollonion server over the messaging library. No line is lost or\n"
	"shown twice when the network breaks or the server restarts. /help lists the commands.\n"
	"\n"
	"  -s, --server [ID@]HOST[:PORT]  address of the server (port 6680), and its id;\n"
	"                        several times for a network: if one is down, the next is tried\n"
	"  -i, --id NAME         name of this client; each running client needs another\n"
	"  -k, --key FILE        the key shared with the server (default: RUDP_KEY_FILE)\n"
	"      --peer NAME       the id of the server (default: apollonion)\n"
	"      --store DIRECTORY keep unsent lines on disk for the next start\n"
	"  -n, --nick NAME       (default: that of --id)\n"
	"      --by-key          log in to the account of your rudp identity (rudp key new)\n"
	"      --password FILE   log in to the account named like --nick; first line of FILE\n"
	"  -j, --join #A,#B      join these channels\n"
	"      --history LINES   history to show on joining (default 20, or 0 with --tail)\n"
	"      --send TARGET     send each line of the standard input there, then end\n"
	"      --tail CHANNEL    print the messages of others there: time, nick, text, separated "
	"by tabs\n"
	"      --count N         of --tail: end after N lines\n"
	"  -w, --timeout S       of --send: give up after S seconds without progress (default 60)\n"
	"  -q, --quiet           print nothing about the connection on standard error\n"
	"      --version\n"
	"  -h, --help\n"
	"\n"
	"Exit codes: 0 done; 1 not every line was sent; 2 wrong usage; 3 with --send: every line "
	"was\n"
	"sent, but it is not certain that every recipient has received it.\n";

enum { PEER = 256, BY_KEY, PASSWORD, STORE, HISTORY, SEND, TAIL, COUNT, VERSION };

static const struct option known[] = {
	{"server", required_argument, NULL, 's'},  {"id", required_argument, NULL, 'i'},
	{"key", required_argument, NULL, 'k'},     {"peer", required_argument, NULL, PEER},
	{"store", required_argument, NULL, STORE}, {"nick", required_argument, NULL, 'n'},
	{"join", required_argument, NULL, 'j'},    {"history", required_argument, NULL, HISTORY},
	{"send", required_argument, NULL, SEND},   {"tail", required_argument, NULL, TAIL},
	{"by-key", no_argument, NULL, BY_KEY},     {"password", required_argument, NULL, PASSWORD},
	{"count", required_argument, NULL, COUNT}, {"timeout", required_argument, NULL, 'w'},
	{"quiet", no_argument, NULL, 'q'},         {"version", no_argument, NULL, VERSION},
	{"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && !*end && *number >= min && *number <= max)
		return true;
	warnx("'%s' must be a number from %llu to %llu", text, (unsigned long long)min,
	      (unsigned long long)max);
	return false;
}

/* Parses HOST, HOST:PORT, [HOST] or [HOST]:PORT, each perhaps after ID@. */
static bool read_server(struct cv_options *options, const char *text)
{
	struct cv_server *server = options->servers + options->server_count;
	const char *at = strchr(text, '@'), *host = at ? at + 1 : text;
	const char *from = *host == '[' ? host + 1 : host;
	size_t len = strcspn(from, *host == '[' ? "]" : ":"), id_len = at ? (size_t)(at - text) : 0;
	const char *rest = from + len + (*host == '[' && from[len]);
	uint64_t port = DEFAULT_PORT;

	if (options->server_count == CV_SERVERS_MAX) {
		warnx("--server can be given %d times at most", CV_SERVERS_MAX);
		return false;
	}
	if (len == 0 || len >= sizeof server->host || (*rest && *rest != ':') ||
	    (at && id_len == 0) || id_len >= sizeof server->peer) {
		warnx("--server '%s' must be HOST or HOST:PORT, or ID@ and one of these", text);
		return false;
	}
	if (*rest && !read_number(rest + 1, 1, 65535, &port))
		return false;
	snprintf(server->peer, sizeof server->peer, "%.*s", (int)id_len, text);
	snprintf(server->host, sizeof server->host, "%.*s", (int)len, from);
	server->port = (uint16_t)port;
	options->server_count++;
	return true;
}

/* Servers without an id have that of --peer. */
static void name_servers(struct cv_options *options)
{
	unsigned i;

	for (i = 0; i < options->server_count; i++)
		if (!options->servers[i].peer[0])
			snprintf(options->servers[i].peer, sizeof options->servers[i].peer, "%s",
				 options->peer);
}

static bool read_password(struct cv_options *options, const char *file)
{
	static char password[CV_PASSWORD_MAX + 2];
	FILE *in = fopen(file, "re");
	bool is_read = in && fgets(password, sizeof password, in);

	if (!is_read)
		warnx("--password %s: %s", file, in ? "is empty" : strerror(errno));
	if (in)
		fclose(in);
	if (!is_read)
		return false;
	password[strcspn(password, "\r\n")] = 0;
	options->password = password;
	if (*password && strlen(password) <= CV_PASSWORD_MAX)
		return true;
	warnx("--password %s: must have 1 to %d bytes", file, CV_PASSWORD_MAX);
	return false;
}

static bool set_mode(struct cv_options *options, enum cv_mode mode, const char *target)
{
	if (options->mode != CV_TALK) {
		warnx("--send and --tail do not go together");
		return false;
	}
	options->mode = mode;
	options->target = target;
	return true;
}

/* 1: it was help or version; 0: go on; -1: invalid. */
static int read_option(struct cv_options *options, int option, char *value)
{
	uint64_t number = 0;

	switch (option) {
	case 's':
		return read_server(options, value) ? 0 : -1;
	case 'i':
		options->id = value;
		return 0;
	case 'k':
		return setenv("RUDP_KEY_FILE", value, 1);
	case PEER:
		options->peer = value;
		return 0;
	case BY_KEY:
		options->uses_key = true;
		return 0;
	case PASSWORD:
		return read_password(options, value) ? 0 : -1;
	case STORE:
		options->store = value;
		return 0;
	case 'n':
		options->nick = value;
		return 0;
	case 'j':
		options->join = value;
		return 0;
	case HISTORY:
		if (!read_number(value, 0, 100, &number))
			return -1;
		options->history = (unsigned)number;
		return 0;
	case SEND:
		return set_mode(options, CV_SEND, value) ? 0 : -1;
	case TAIL:
		return set_mode(options, CV_TAIL, value) ? 0 : -1;
	case COUNT:
		return read_number(value, 1, UINT64_MAX, &options->count) ? 0 : -1;
	case 'w':
		if (!read_number(value, 1, 86400, &number))
			return -1;
		options->timeout_ns = (int64_t)number * RUDP_NS_PER_S;
		return 0;
	case 'q':
		options->is_quiet = true;
		return 0;
	case VERSION:
		puts("converse " RUDP_VERSION_TEXT);
		return 1;
	case 'h':
		fputs(help, stdout);
		return 1;
	default:
		fputs("converse --help says how it is used\n", stderr);
		return -1;
	}
}

/* A channel, perhaps only its operators or its voiced members, or a nick. */
static bool is_target(const char *text)
{
	const char *channel = text + (*text == '@' || *text == '+');

	return apo_channel_is_valid(channel, APO_CHANNEL_BYTES_MAX) ||
	       apo_nick_is_valid(text, NICK_LEN_MAX);
}

static bool are_channels(const char *names)
{
	char name[APO_CHANNEL_BYTES_MAX + 2]; /* a longer one is no channel either */
	size_t len;

	for (; *names; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		snprintf(name, sizeof name, "%.*s", (int)len, names);
		if (len > 0 && !apo_channel_is_valid(name, APO_CHANNEL_BYTES_MAX))
			return false;
	}
	return true;
}

static const char *wrong_with(const struct cv_options *options)
{
	if (!options->id || options->server_count == 0)
		return "--server and --id are needed";
	if (!apo_frame_name_is_valid(options->id))
		return "--id must be of letters, digits, dots and dashes, 50 at most";
	if (!apo_nick_is_valid(options->nick, NICK_LEN_MAX))
		return "this is no nick; --nick NAME: a letter, then letters, digits and -, 30 at "
		       "most";
	if (options->uses_key && options->password)
		return "--by-key and --password do not go together";
	if (options->mode == CV_TAIL &&
	    !apo_channel_is_valid(options->target, APO_CHANNEL_BYTES_MAX))
		return "--tail must name a channel";
	if (options->mode == CV_SEND && !is_target(options->target))
		return "--send must name a channel or a nick";
	if (options->join && !are_channels(options->join))
		return "--join must name channels, with commas between them";
	if (!getenv("RUDP_KEY_FILE"))
		return "--key FILE is needed: the key that the server has";
	return NULL;
}

int main(int argc, char **argv)
{
	struct cv_options options = {
		.peer = "apollonion", .timeout_ns = 60 * RUDP_NS_PER_S, .history = UINT32_MAX};
	const char *wrong;
	int option, result;

	while ((option = getopt_long(argc, argv, "s:i:k:n:j:w:qh", known, NULL)) != -1) {
		result = read_option(&options, option, optarg);
		if (result != 0)
			return result < 0 ? CV_EXIT_USAGE : CV_EXIT_DONE;
	}
	if (optind < argc) {
		warnx("unexpected argument '%s'; see converse --help", argv[optind]);
		return CV_EXIT_USAGE;
	}
	if (!options.nick)
		options.nick = options.id ? options.id : "";
	if (options.history == UINT32_MAX)
		options.history = options.mode == CV_TALK ? 20 : 0;
	name_servers(&options);
	wrong = wrong_with(&options);
	if (wrong) {
		warnx("%s", wrong);
		return CV_EXIT_USAGE;
	}
	return cv_client_run(&options);
}
