/* SPDX-License-Identifier: MIT */
/* rudp ping: sends a SYN at intervals and prints the answers. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/time.h"
#include "engine/config/settings.h"
#include "identity.h"
#include "probe.h"
#include "ss.h"
#include "tool.h"

#define COUNT_DEFAULT 4
#define SECONDS_MAX 86400.0

struct ping {
	const char *words[2];
	unsigned word_count;
	const char *key_file;
	unsigned long count; /* 0: until interrupted */
	int64_t interval_ns, span_ns;
	uint16_t udp_port; /* 0: the port of the listener */
	bool json;

	char host[NI_MAXHOST], service[NI_MAXSERV];
	struct rudp_addr remote;
	uint16_t port;
	bool has_psk;
	uint8_t psk[RUDP_PSK_BYTES];
	struct rudp_identity_files files;
	bool has_peer_key;
	uint8_t peer_key[RUDP_IDENTITY_BYTES];

	unsigned long sent, results[RUDP_PROBE_RESULT_COUNT];
	int64_t min_ns, max_ns, sum_ns;
};

static volatile sig_atomic_t interrupted;

static const struct argp_option options[] = {
	{"count", 'c', "N", 0, "number of attempts (default 4; 0: until interrupted)", 0},
	{"interval", 'i', "SECONDS", 0, "pause between attempts (default 1)", 0},
	{"timeout", 'W', "SECONDS", 0, "time to wait for each answer (default 2)", 0},
	{"key", 'k', "FILE", 0, "the key (default: that of RUDP_KEY_FILE)", 0},
	{"udp-port", 'u', "PORT", 0, "the one UDP port of a listener behind a firewall", 0},
	{"json", 'j', NULL, 0, "the result as one JSON object", 0},
	{0},
};

static int64_t read_seconds(struct argp_state *state, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds >= 0.001 && seconds <= SECONDS_MAX))
		argp_error(state, "'%s' is not a number of seconds from 0.001 to 86400", value);
	return (int64_t)(seconds * (double)RUDP_NS_PER_S);
}

static unsigned long read_number(struct argp_state *state, const char *value, unsigned long max)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || number > max)
		argp_error(state, "'%s' is not a number up to %lu", value, max);
	return number;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct ping *ping = state->input;

	switch (key) {
	case 'c':
		ping->count = read_number(state, value, 1000000000);
		return 0;
	case 'i':
		ping->interval_ns = read_seconds(state, value);
		return 0;
	case 'W':
		ping->span_ns = read_seconds(state, value);
		return 0;
	case 'k':
		ping->key_file = value;
		return 0;
	case 'u':
		ping->udp_port = (uint16_t)read_number(state, value, UINT16_MAX);
		if (ping->udp_port == 0)
			argp_error(state, "'%s' is not a port from 1 to 65535", value);
		return 0;
	case 'j':
		ping->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (ping->word_count == 2)
			argp_error(state, "one host and one port");
		ping->words[ping->word_count++] = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no host was given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "HOST:PORT\nHOST PORT",
	.doc = "Tests whether a rudp listener answers, whether it has the same key, and whether "
	       "its identity is the known one. A known host is also asked whether it accepts the "
	       "identity of this user. The server's program sees no connection.\v"
	       "Exit code: 0 if it answers, the keys match, the identity is the known one or "
	       "unknown, and a known host accepts this user; 1 if not; 2 if it could not be asked.",
};

/* Accepts HOST:PORT, [V6]:PORT, or two words. Returns false without a port. */
static bool split(struct ping *ping)
{
	const char *word = ping->words[0], *colon = strrchr(word, ':');
	size_t len;

	if (ping->word_count == 2)
		colon = NULL;
	else if (!colon || colon[1] == 0 || (word[0] != '[' && strchr(word, ':') != colon))
		return false;
	len = colon ? (size_t)(colon - word) : strlen(word);
	if (word[0] == '[' && len > 1 && word[len - 1] == ']') {
		word++;
		len -= 2;
	}
	snprintf(ping->host, sizeof ping->host, "%.*s", (int)len, word);
	snprintf(ping->service, sizeof ping->service, "%s", colon ? colon + 1 : ping->words[1]);
	return true;
}

/* getaddrinfo silently uses port 80 for 65616. */
static bool is_beyond_ports(const char *service)
{
	return service[strspn(service, "0123456789")] == 0 &&
	       strtoul(service, NULL, 10) > UINT16_MAX;
}

static bool resolve(struct ping *ping)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	int rc;

	if (is_beyond_ports(ping->service)) {
		warnx("%s port %s: ports go from 1 to 65535", ping->host, ping->service);
		return false;
	}
	rc = getaddrinfo(ping->host, ping->service, &hints, &found);
	if (rc == EAI_SERVICE) {
		warnx("'%s' is not a port; expected a number from 1 to 65535, or the name of "
		      "a service",
		      ping->service);
		return false;
	}
	if (rc != 0) {
		warnx("%s port %s: %s", ping->host, ping->service,
		      rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		return false;
	}
	rc = rudp_addr_from_sockaddr(&ping->remote, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	ping->port = rudp_addr_port(&ping->remote);
	if (rc < 0 || ping->port == 0) {
		warnx("%s port %s: nothing can listen on this address", ping->host, ping->service);
		return false;
	}
	rudp_addr_resolve_any(&ping->remote);
	if (ping->udp_port)
		rudp_addr_set_port(&ping->remote, ping->udp_port);
	return true;
}

static bool load_key(struct ping *ping)
{
	const char *file = ping->key_file ? ping->key_file : getenv("RUDP_KEY_FILE");
	char text[RUDP_SETTINGS_TEXT_SIZE];

	if (!file || !*file)
		return true;
	ping->has_psk = rudp_key_load_sent(ping->psk, file, text);
	if (ping->has_psk)
		return true;
	warnx("%s%s", ping->key_file ? "--key: " : "",
	      ping->key_file ? rudp_key_without_variable(text) : text);
	if (access(file, F_OK) < 0)
		warnx("make a key with `rudp keygen %s', or copy the file that the other "
		      "machine has",
		      file);
	return false;
}

static bool load_identities(struct ping *ping)
{
	char text[RUDP_KEY_TEXT_SIZE];

	if (!rudp_identity_places(&ping->files))
		return false;
	if (rudp_identity_files_load(&ping->files, text))
		return true;
	warnx("%s", text);
	return false;
}

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* The signal is blocked except while the probe waits, so none is missed. */
static void catch_interrupt(sigset_t *while_waiting)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, while_waiting);
	sigdelset(while_waiting, SIGINT);
	sigaction(SIGINT, &action, NULL);
}

static const char *text_of(const struct ping *ping, enum rudp_probe_result result)
{
	if (result == RUDP_PROBE_ANSWERS && ping->has_peer_key)
		return ping->has_psk ? "answers, key matches" : "answers; no pre-shared key";
	if (result == RUDP_PROBE_ANSWERS)
		return ping->has_psk ? "answers, key matches"
				     : "answers; no key on either side: encrypted, but "
				       "not authenticated";
	if (result == RUDP_PROBE_KEY && !ping->has_psk)
		return "answers, but needs a key (--key FILE)";
	if (result == RUDP_PROBE_IDENTITY && !ping->files.identity)
		return "answers, but refuses callers without an identity";
	return rudp_probe_text(result);
}

static double in_ms(int64_t ns)
{
	return (double)ns / (double)RUDP_NS_PER_MS;
}

static void note(struct ping *ping, enum rudp_probe_result result, int64_t rtt_ns)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	ping->sent++;
	if (result == RUDP_PROBE_ANSWERS) {
		bool first = ping->results[result] == 0;

		ping->min_ns = first || rtt_ns < ping->min_ns ? rtt_ns : ping->min_ns;
		ping->max_ns = rtt_ns > ping->max_ns ? rtt_ns : ping->max_ns;
		ping->sum_ns += rtt_ns;
	}
	ping->results[result]++;
	if (ping->json)
		return;
	printf("%s: seq=%lu ", rudp_addr_format(&ping->remote, remote), ping->sent);
	if (rtt_ns > 0)
		printf("time=%.3g ms ", in_ms(rtt_ns));
	printf("%s\n", text_of(ping, result));
	fflush(stdout);
}

/* The result that says most about the listener. */
static enum rudp_probe_result overall(const struct ping *ping)
{
	enum rudp_probe_result result = RUDP_PROBE_ANSWERS;

	while (result < RUDP_PROBE_SILENT && ping->results[result] == 0)
		result++;
	return result;
}

/* An "unreachable" of a router is no answer of the host. */
static unsigned long answered(const struct ping *ping)
{
	return ping->sent - ping->results[RUDP_PROBE_SILENT] -
	       ping->results[RUDP_PROBE_UNREACHABLE];
}

static double loss_percent(const struct ping *ping)
{
	return ping->sent ? 100.0 * (double)(ping->sent - answered(ping)) / (double)ping->sent : 0;
}

/* What the known hosts say about the listener: word for programs, and text for users. */
struct acquaintance {
	const char *word, *text;
};
static const struct acquaintance no_identity = {"none", "the listener has no identity"};
static const struct acquaintance missing = {
	"changed", "but the listener shows no identity at all; connections to it are refused"};
static const struct acquaintance unknown = {"unknown", "not among the known hosts"};
static const struct acquaintance known = {"known", "as the known hosts say"};
static const struct acquaintance changed = {
	"changed", "but connections to it are refused: the known hosts have another key"};
static const struct acquaintance revoked = {
	"revoked", "but connections to it are refused: its key is revoked"};

/*
 * The line of the name counts for programs that connect by this name, and that of the address for
 * all. If they have different keys, one of them is that of the listener at most.
 */
static enum rudp_known_host find_known(const struct ping *ping,
				       uint8_t known_key[RUDP_IDENTITY_BYTES])
{
	const struct rudp_known_hosts *hosts = ping->files.known_hosts;
	struct rudp_addr listener = ping->remote;
	uint8_t key[RUDP_IDENTITY_BYTES];
	enum rudp_known_host by_address, by_name;

	rudp_addr_set_port(&listener, ping->port);
	by_address = rudp_known_hosts_find(hosts, &listener, known_key, NULL);
	by_name = rudp_known_hosts_find_name_at(hosts, ping->host, ping->port, key, NULL);
	if (by_name == RUDP_HOST_UNKNOWN || by_address == RUDP_HOST_REVOKED)
		return by_address;
	if (by_name == RUDP_HOST_REVOKED || by_address == RUDP_HOST_UNKNOWN ||
	    memcmp(known_key, ping->peer_key, sizeof key) == 0)
		memcpy(known_key, key, sizeof key);
	return by_name;
}

/* known_key: that of the known hosts, if they have one. */
static const struct acquaintance *judge(const struct ping *ping,
					uint8_t known_key[RUDP_IDENTITY_BYTES])
{
	enum rudp_known_host host = find_known(ping, known_key);

	if (host == RUDP_HOST_REVOKED ||
	    (ping->has_peer_key &&
	     rudp_known_hosts_is_revoked(ping->files.known_hosts, ping->peer_key)))
		return &revoked;
	if (!ping->has_peer_key)
		return host == RUDP_HOST_KNOWN ? &missing : &no_identity;
	if (host == RUDP_HOST_UNKNOWN)
		return &unknown;
	return memcmp(known_key, ping->peer_key, RUDP_IDENTITY_BYTES) == 0 ? &known : &changed;
}

/* The listener has answered, and perhaps refused this user then. */
static bool has_shown_key(const struct ping *ping)
{
	return ping->results[RUDP_PROBE_ANSWERS] || ping->has_peer_key;
}

static bool is_good(const struct acquaintance *found)
{
	return found != &missing && found != &changed && found != &revoked;
}

/*
 * A listener that does not know who asks answers before it has seen an identity. Only a second SYN,
 * which shows it to the known key, makes the listener say whether it accepts this user.
 */
static int ask(struct ping *ping, struct rudp_probe *probe, const sigset_t *mask, int64_t *rtt_ns)
{
	uint8_t known_key[RUDP_IDENTITY_BYTES];
	int rc;

	rudp_probe_demand_peer_key(probe, NULL);
	rc = rudp_probe_ask(probe, ping->span_ns, mask, rtt_ns);
	if (rc != RUDP_PROBE_ANSWERS)
		return rc;
	ping->has_peer_key = rudp_probe_peer_key(probe, ping->peer_key);
	if (judge(ping, known_key) != &known)
		return rc;
	rudp_probe_demand_peer_key(probe, ping->peer_key);
	return rudp_probe_ask(probe, ping->span_ns, mask, rtt_ns);
}

static bool is_last(const struct ping *ping)
{
	return interrupted || (ping->count && ping->sent >= ping->count);
}

/* Returns 0, or -errno if the probe failed locally. */
static int ask_all(struct ping *ping, struct rudp_probe *probe, const sigset_t *mask)
{
	while (!is_last(ping)) {
		int64_t next_at_ns = rudp_clock_now_ns() + ping->interval_ns;
		int64_t rtt_ns;
		int rc = ask(ping, probe, mask, &rtt_ns);

		if (rc == -EINTR)
			continue;
		if (rc < 0)
			return rc;
		note(ping, (enum rudp_probe_result)rc, rtt_ns);
		if (!is_last(ping))
			rudp_probe_rest(probe, next_at_ns, mask);
	}
	return 0;
}

static void print_advice(const struct ping *ping, const struct acquaintance *found)
{
	char own[RUDP_FINGERPRINT_FULL_SIZE];

	if (found == &changed || found == &missing)
		printf("if you expect that: rudp key forget %s; rudp key enroll %s\n", ping->host,
		       ping->host);
	if (found == &unknown)
		printf("to know it, and to be accepted by it: rudp key enroll %s\n", ping->host);
	if (overall(ping) != RUDP_PROBE_IDENTITY)
		return;
	if (ping->files.identity)
		printf("it does not accept %s, the identity of this user: rudp key enroll %s\n",
		       rudp_fingerprint_full(ping->files.identity->public_key, own), ping->host);
	else
		printf("it needs an identity of this user: rudp key new; rudp key enroll %s\n",
		       ping->host);
}

static void print_identity(const struct ping *ping)
{
	char full[RUDP_FINGERPRINT_FULL_SIZE], text[RUDP_PUBLIC_KEY_TEXT_SIZE];
	uint8_t known_key[RUDP_IDENTITY_BYTES];
	const struct acquaintance *found = judge(ping, known_key);

	if (ping->has_peer_key)
		printf("identity %s, %s\n", rudp_fingerprint_full(ping->peer_key, full),
		       found->text);
	else
		printf("%s\n", found->text);
	if (found == &changed || found == &missing)
		printf("the known key is %s\n", rudp_fingerprint_full(known_key, full));
	if (ping->has_peer_key && found != &known)
		printf("public key: %s\n", rudp_public_key_format(ping->peer_key, text));
	print_advice(ping, found);
}

static void print_text(const struct ping *ping)
{
	unsigned long good = ping->results[RUDP_PROBE_ANSWERS];

	printf("\n%s port %u: %lu sent, %lu answered, %.3g%% lost\n", ping->host, ping->port,
	       ping->sent, answered(ping), loss_percent(ping));
	if (good)
		printf("rtt min/avg/max = %.3f/%.3f/%.3f ms\n", in_ms(ping->min_ns),
		       in_ms(ping->sum_ns) / (double)good, in_ms(ping->max_ns));
	printf("%s\n", text_of(ping, overall(ping)));
	if (has_shown_key(ping))
		print_identity(ping);
}

static bool print_json(const struct ping *ping)
{
	unsigned long good = ping->results[RUDP_PROBE_ANSWERS];
	char remote[RUDP_ADDR_TEXT_SIZE];
	char fingerprint[RUDP_FINGERPRINT_FULL_SIZE];
	uint8_t known_key[RUDP_IDENTITY_BYTES];
	json_t *o = json_pack(
		"{s:s?, s:s?, s:s, s:s, s:i, s:b, s:s, s:s, s:I, s:I, s:f, s:o, s:o, s:o}",
		"identity",
		ping->has_peer_key ? rudp_fingerprint_full(ping->peer_key, fingerprint) : NULL,
		"known_hosts", has_shown_key(ping) ? judge(ping, known_key)->word : NULL, "host",
		ping->host, "address", rudp_addr_format(&ping->remote, remote), "port",
		(int)ping->port, "key", (int)ping->has_psk, "result",
		rudp_probe_word(overall(ping)), "text", text_of(ping, overall(ping)), "sent",
		(json_int_t)ping->sent, "answered", (json_int_t)answered(ping), "loss_percent",
		loss_percent(ping), "rtt_min_ns", good ? json_integer(ping->min_ns) : json_null(),
		"rtt_avg_ns", good ? json_integer(ping->sum_ns / (int64_t)good) : json_null(),
		"rtt_max_ns", good ? json_integer(ping->max_ns) : json_null());
	bool ok = o && rudp_json_print(o);

	json_decref(o);
	return ok;
}

static const char *local_fault(int error)
{
	if (error == EPERM || error == EACCES)
		return "a firewall of this host blocks UDP; rudp doctor names its rule";
	return strerror(error);
}

static int ping_host(struct ping *ping)
{
	uint8_t known_key[RUDP_IDENTITY_BYTES];
	struct rudp_probe *probe;
	sigset_t mask;
	int rc;

	catch_interrupt(&mask);
	probe = rudp_probe_open(&ping->remote, ping->port, ping->has_psk ? ping->psk : NULL,
				ping->files.identity ? ping->files.identity->private_key : NULL,
				&rc);
	if (!probe) {
		warnx("%s: %s", ping->host, strerror(-rc));
		return RUDP_EXIT_USAGE;
	}
	rc = ask_all(ping, probe, &mask);
	rudp_probe_close(probe);
	if (rc < 0)
		warnx("%s: %s", ping->host, local_fault(-rc));
	if (ping->json && !print_json(ping))
		rc = -EIO;
	else if (!ping->json && (rc == 0 || ping->sent > 0))
		print_text(ping);
	if (rc < 0 || fflush(stdout) == EOF)
		return RUDP_EXIT_USAGE;
	return ping->results[RUDP_PROBE_ANSWERS] && is_good(judge(ping, known_key)) ? 0 : 1;
}

int rudp_tool_ping(int argc, char **argv)
{
	struct ping ping = {
		.count = COUNT_DEFAULT, .interval_ns = RUDP_NS_PER_S, .span_ns = 2 * RUDP_NS_PER_S};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &ping);
	if (!split(&ping)) {
		warnx("'%s' has no port; expected HOST:PORT, [ADDRESS]:PORT or HOST PORT",
		      ping.words[0]);
		return RUDP_EXIT_USAGE;
	}
	if (!load_key(&ping) || !load_identities(&ping) || !resolve(&ping))
		return RUDP_EXIT_USAGE;
	rc = ping_host(&ping);
	rudp_identity_files_wipe(&ping.files);
	explicit_bzero(ping.psk, sizeof ping.psk);
	return rc;
}
