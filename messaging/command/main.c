/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/command/command.h"

/* argp prints it for --version. */
__attribute__((visibility("default"))) const char *argp_program_version =
	"rudpmsg " RUDP_VERSION_TEXT;

enum { OPTION_TCP = 1000, OPTION_FRAMED, OPTION_SIZE, OPTION_STORE };

static const struct argp_option known[] = {
	{"id", 'i', "NAME", 0, "name of this node (required)", 0},
	{"to", 't', "HOST[:PORT]", 0, "connect to the node at this address (port 8080)", 0},
	{"peer", 'p', "NAME", 0, "the node at that address must have this name", 0},
	{"listen", 'l', "[HOST:]PORT", 0, "accept links on this address", 0},
	{"ack", 'a', "received|handled|stored", 0, "what an acknowledgement means (handled)", 0},
	{"store", OPTION_STORE, "DIR", 0,
	 "keep messages in this directory, on the disk: they survive kill and loss of power", 0},
	{"count", 'n', "N", 0, "receive: end after N messages; bench: send N", 0},
	{"size", OPTION_SIZE, "BYTES", 0, "bench: size of a message (100)", 0},
	{"timeout", 'w', "SECONDS", 0,
	 "how long to wait for the peer, and for acknowledgements at the end (30)", 0},
	{"framed", OPTION_FRAMED, NULL, 0,
	 "a message is 4 bytes of length, big-endian, and that many bytes; not a line", 0},
	{"tcp", OPTION_TCP, NULL, 0, "use plain TCP instead of rudp", 0},
	{"quiet", 'q', NULL, 0, "no progress on standard error", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const char doc[] =
	"Sends and receives messages between named nodes. Each arrives at least once, even if the "
	"network fails meanwhile."
	"\vsend     sends standard input to the peer, one message per line, until all are "
	"acknowledged\n"
	"receive  writes messages to standard output\n"
	"pipe     both\n"
	"bench    measures messages per second: --listen at one end, --to at the other\n"
	"\n"
	"With --store, undelivered messages are kept. The next send or pipe of this node delivers "
	"them first; its standard input may be empty.\n"
	"\n"
	"Exit code 0: all was delivered; 1: not all; 2: wrong usage. More: rudpmsg(1).";

/* Reads digits only, and a value of at most most. */
static bool read_number(const char *text, uint64_t most, uint64_t *number)
{
	unsigned long long value;
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &rest, 10);
	*number = value;
	return errno == 0 && *rest == '\0' && value <= most;
}

/* "HOST:PORT", "HOST", "[v6]:PORT", ":PORT", "PORT" if port_only. */
static bool split_address(const char *text, bool port_only, char host[256], uint16_t *port)
{
	const char *end = strrchr(text, ':'), *from = text;
	size_t length = end ? (size_t)(end - text) : strlen(text);
	uint64_t value = RUDPMSG_PORT;
	bool is_port = !end && port_only;
	const char *digits;

	if (end && strchr(text, ':') != end && text[0] != '[') { /* a bare IPv6 address */
		length = strlen(text);
		end = NULL;
	}
	if (end || is_port) {
		digits = is_port ? text : end + 1;
		length = is_port ? 0 : length;
		if (!read_number(digits, UINT16_MAX, &value) || value == 0)
			return false;
	}
	if (length >= 2 && from[0] == '[' && from[length - 1] == ']') {
		from++;
		length -= 2;
	}
	if (length >= 256)
		return false;
	memcpy(host, from, length);
	host[length] = '\0';
	*port = (uint16_t)value;
	return true;
}

static uint64_t number(const char *text, struct argp_state *state, const char *what, uint64_t most)
{
	uint64_t value = 0;

	if (!read_number(text, most, &value))
		argp_error(state, "%s is a number from 0 to %" PRIu64 ", not '%s'", what, most,
			   text);
	return value;
}

static void set_ack(struct command_options *options, const char *text, struct argp_state *state)
{
	if (strcmp(text, "received") == 0)
		options->node.ack = RUDPMSG_ACK_RECEIVED;
	else if (strcmp(text, "handled") == 0)
		options->node.ack = RUDPMSG_ACK_HANDLED;
	else if (strcmp(text, "stored") == 0)
		options->node.ack = RUDPMSG_ACK_STORED;
	else
		argp_error(state, "--ack is received, handled or stored, not '%s'", text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct command_options *options = state->input;

	switch (key) {
	case 'i':
		options->id = text;
		break;
	case 't':
		if (!split_address(text, false, options->to_host, &options->to_port) ||
		    options->to_host[0] == '\0')
			argp_error(state, "--to is HOST or HOST:PORT, not '%s'", text);
		break;
	case 'l':
		if (!split_address(text, true, options->listen_host, &options->listen_port))
			argp_error(state, "--listen is PORT or HOST:PORT, not '%s'", text);
		break;
	case 'p':
		options->peer = text;
		break;
	case 'a':
		set_ack(options, text, state);
		break;
	case 'n':
		options->count = number(text, state, "--count", UINT64_MAX);
		break;
	case OPTION_SIZE:
		options->size = number(text, state, "--size", COMMAND_MESSAGE_MAX);
		break;
	case 'w':
		options->timeout_ns =
			INT64_C(1000000000) *
			(int64_t)number(text, state, "--timeout", COMMAND_TIMEOUT_MAX_S);
		break;
	case OPTION_STORE:
		options->node.store_directory = text;
		break;
	case OPTION_FRAMED:
		options->framed = true;
		break;
	case OPTION_TCP:
		options->node.transport = RUDPMSG_TRANSPORT_TCP;
		break;
	case 'q':
		options->quiet = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct command_options *options);
	bool needs_peer;
} commands[] = {
	{"send", command_send, true},     {"receive", command_receive, false},
	{"recv", command_receive, false}, {"pipe", command_pipe, false},
	{"bench", command_bench, false},
};

int main(int argc, char **argv)
{
	static const struct argp argp = {known, parse, "send|receive|pipe|bench", doc, NULL,
					 NULL,  NULL};
	struct command_options options = {
		.timeout_ns = INT64_C(30000000000), .size = 100, .node.ack = RUDPMSG_ACK_HANDLED};
	int first;
	size_t i;

	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, &first, &options))
		return EXIT_USAGE;
	if (first + 1 < argc) {
		warnx("unexpected argument '%s'; see %s --help", argv[first + 1], argv[0]);
		return EXIT_USAGE;
	}
	for (i = 0; first < argc && i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(argv[first], commands[i].name) != 0)
			continue;
		if (!options.id || (commands[i].needs_peer && !options.to_port) ||
		    (!options.to_port && !options.listen_port)) {
			warnx("%s needs --id NAME and %s", argv[first],
			      commands[i].needs_peer ? "--to HOST:PORT"
						     : "--to HOST:PORT or --listen PORT");
			return EXIT_USAGE;
		}
		return commands[i].run(&options);
	}
	warnx("%s%s%sexpected one of send, receive, pipe, bench; see %s --help",
	      first < argc ? "'" : "", first < argc ? argv[first] : "",
	      first < argc ? "' is no command: " : "", argv[0]);
	return EXIT_USAGE;
}
