/* SPDX-License-Identifier: MIT */
/*
 * Tests UDP over loopback. If it fails, finds the rule of nftables or iptables that drops or
 * rejects it.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"

#define PROBE_BYTES 1200 /* a SYN (docs/protocol.md section 6) */
#define WAIT_MS 1000
#define RULES_BYTES (256 << 10) /* of a ruleset; the rest is not read */
#define SUSPECTS_MAX 256
#define PROVEN 10 /* added to the likelihood of a rule that has counted the test datagram */
#define NAME_SIZE 64
#define RULE_SIZE 160

/* A rule, or the policy of a chain, that may drop UDP. */
struct suspect {
	char table[NAME_SIZE], chain[NAME_SIZE]; /* "inet filter", "input" */
	char rule[RULE_SIZE];                    /* without its counter */
	uint64_t packets;                        /* value of its counter */
	unsigned likelihood;                     /* 1 to 3 */
};

struct suspects {
	struct suspect list[SUSPECTS_MAX];
	unsigned count;
};

/*
 * The program that lists the rules, and the parts of the command that accepts UDP before them, into
 * which TABLE and CHAIN are put.
 */
struct lister {
	const char *program, *arguments[3];
	void (*parse)(struct suspects *suspects, char *text);
	const char *remedy[3];
};

static const char loopback_is_down[] = "the loopback interface is down";

static const char *fault_of(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "sending is not permitted";
	case ECONNREFUSED:
		return "datagrams are rejected";
	case ENETUNREACH:
	case EADDRNOTAVAIL:
		return loopback_is_down;
	default:
		return strerrordesc_np(error);
	}
}

static int open_socket(struct sockaddr_in *addr)
{
	socklen_t len = sizeof *addr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	if (fd >= 0 && bind(fd, (struct sockaddr *)addr, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)addr, &len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The sender of a rejected datagram gets an error. */
static const char *cross(int from, int to)
{
	char bytes[PROBE_BYTES] = "";
	struct pollfd ends[] = {{.fd = to, .events = POLLIN}, {.fd = from}};
	socklen_t len = sizeof(int);
	int error = 0;

	if (send(from, bytes, sizeof bytes, 0) < 0)
		return fault_of(errno);
	if (poll(ends, 2, WAIT_MS) == 0)
		return "datagrams do not arrive";
	if (ends[0].revents & POLLIN)
		return recv(to, bytes, sizeof bytes, MSG_DONTWAIT) < 0 ? fault_of(errno) : NULL;
	getsockopt(ends[1].revents ? from : to, SOL_SOCKET, SO_ERROR, &error, &len);
	return fault_of(error);
}

const char *rudp_doctor_try_udp(void)
{
	struct sockaddr_in addrs[2];
	int a = open_socket(&addrs[0]), b = open_socket(&addrs[1]);
	const char *fault = NULL;

	if (a < 0 || b < 0 || connect(a, (struct sockaddr *)&addrs[1], sizeof addrs[1]) < 0 ||
	    connect(b, (struct sockaddr *)&addrs[0], sizeof addrs[0]) < 0)
		fault = fault_of(errno);
	if (!fault)
		fault = cross(a, b);
	if (!fault)
		fault = cross(b, a);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return fault;
}

static bool has_any(const char *text, const char *const words[])
{
	for (; *words; words++)
		if (strcasestr(text, *words))
			return true;
	return false;
}

/* Returns 0 if the rule drops nothing, or no UDP over loopback. */
static unsigned likelihood_of(const char *rule)
{
	static const char *const verdicts[] = {"drop", "reject", NULL};
	static const char *const others[] = {"tcp ",  "icmp",    "-p tcp",    "-p icmp", "sctp",
					     "ip6 ",  "invalid", "!= \"lo\"", "! -i lo", "! -o lo",
					     "\"eth", "-i eth",  "-i en",     "\"en",    NULL};
	static const char *const udp[] = {"udp", NULL};

	if (!has_any(rule, verdicts) || has_any(rule, others))
		return 0;
	return has_any(rule, udp) ? 3 : 1;
}

static void add(struct suspects *suspects, const char *table, const char *chain, const char *rule,
		uint64_t packets, unsigned likelihood)
{
	struct suspect *suspect;

	if (likelihood == 0 || suspects->count == SUSPECTS_MAX)
		return;
	suspect = &suspects->list[suspects->count++];
	*suspect = (struct suspect){.packets = packets, .likelihood = likelihood};
	snprintf(suspect->table, sizeof suspect->table, "%.*s", NAME_SIZE - 1, table);
	snprintf(suspect->chain, sizeof suspect->chain, "%.*s", NAME_SIZE - 1, chain);
	snprintf(suspect->rule, sizeof suspect->rule, "%.*s", RULE_SIZE - 1, rule);
}

/* "udp counter packets 3 bytes 90 drop" becomes "udp counter drop". */
static uint64_t take_counter(char *rule)
{
	char *counter = strstr(rule, "counter packets ");
	unsigned long long packets;
	int len;

	if (!counter || sscanf(counter, "counter packets %llu bytes %*u%n", &packets, &len) != 1)
		return 0;
	memmove(counter + strlen("counter"), counter + len, strlen(counter + len) + 1);
	return packets;
}

static char *trim(char *line)
{
	char *end = line + strlen(line);

	while (isspace((unsigned char)*line))
		line++;
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = 0;
	return line;
}

/* Parses `nft list ruleset`. Only rules that apply to IPv4, which the self-test uses. */
static void parse_nft(struct suspects *suspects, char *text)
{
	char table[NAME_SIZE] = "", chain[NAME_SIZE] = "", family[NAME_SIZE], name[NAME_SIZE],
	     *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		uint64_t packets;

		line = trim(line);
		if (sscanf(line, "table %24s %32s", family, name) == 2)
			snprintf(table, sizeof table, "%.24s %.32s", family, name);
		else if (sscanf(line, "chain %63s", name) == 1)
			snprintf(chain, sizeof chain, "%s", name);
		if (strncmp(table, "ip6 ", 4) == 0 || strncmp(table, "arp ", 4) == 0 ||
		    line[0] == '#')
			continue;
		if (strncmp(line, "type ", 5) == 0) {
			if (strstr(line, "policy drop") && !strstr(line, "hook forward"))
				add(suspects, table, chain, "policy drop", 0, 2);
			continue;
		}
		packets = take_counter(line);
		add(suspects, table, chain, line, packets, likelihood_of(line));
	}
}

/* Parses `iptables-save -c`: "*filter", ":INPUT DROP [0:0]", "[3:90] -A INPUT -p udp -j DROP". */
static void parse_iptables(struct suspects *suspects, char *text)
{
	char table[NAME_SIZE] = "", chain[NAME_SIZE], policy[NAME_SIZE], *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long long packets;
		int at = 0;

		line = trim(line);
		if (line[0] == '*')
			snprintf(table, sizeof table, "%.32s", line + 1);
		else if (sscanf(line, ":%63s %63s [%llu", chain, policy, &packets) == 3 &&
			 strcmp(policy, "DROP") == 0 && strcmp(chain, "FORWARD") != 0)
			add(suspects, table, chain, "policy DROP", packets, 2);
		else if (sscanf(line, "[%llu:%*u] -A %63s %n", &packets, chain, &at) == 2 && at > 0)
			add(suspects, table, chain, line + at, packets, likelihood_of(line + at));
	}
}

/* clang-format off */
static const struct lister listers[] = {
	{"nft", {"-t", "list", "ruleset"}, parse_nft,
	 {"nft insert rule ", " ", " meta l4proto udp accept   # or only: udp dport PORT accept"}},
	{"iptables-legacy-save", {"-c"}, parse_iptables,
	 {"iptables-legacy -t ", " -I ", " -p udp -j ACCEPT   # or only: -p udp --dport PORT"}},
	{"iptables-save", {"-c"}, parse_iptables,
	 {"iptables -t ", " -I ", " -p udp -j ACCEPT   # or only: -p udp --dport PORT"}},
};
/* clang-format on */

static bool list(const struct lister *lister, struct suspects *suspects)
{
	static char text[RULES_BYTES];
	char path[RUDP_PROGRAM_PATH_SIZE];
	char *command[] = {path, (char *)lister->arguments[0], (char *)lister->arguments[1],
			   (char *)lister->arguments[2], NULL};

	suspects->count = 0;
	if (!rudp_doctor_find_program(lister->program, path) ||
	    rudp_capture(command, NULL, text, sizeof text) != 0)
		return false;
	lister->parse(suspects, text);
	return suspects->count > 0;
}

/* A rule whose counter has risen with one more datagram is certain. */
static bool has_counted(const struct suspect *suspect, const struct suspects *before)
{
	for (unsigned i = 0; i < before->count; i++) {
		const struct suspect *same = &before->list[i];

		if (strcmp(same->rule, suspect->rule) == 0 &&
		    strcmp(same->table, suspect->table) == 0 &&
		    strcmp(same->chain, suspect->chain) == 0 && suspect->packets > same->packets)
			return true;
	}
	return false;
}

/* Finds the likeliest rule of one list, if it is likelier than *best. */
static bool find_better(const struct lister *lister, struct suspect *best)
{
	static struct suspects before, after;
	bool is_better = false;

	if (!list(lister, &before))
		return false;
	rudp_doctor_try_udp();
	if (!list(lister, &after))
		return false;
	for (unsigned i = 0; i < after.count; i++) {
		struct suspect *suspect = &after.list[i];

		suspect->likelihood += has_counted(suspect, &before) ? PROVEN : 0;
		if (suspect->likelihood <= best->likelihood)
			continue;
		*best = *suspect;
		is_better = true;
	}
	return is_better;
}

static void report_rule(struct rudp_report *report, const char *fault, const struct lister *lister,
			const struct suspect *suspect)
{
	char remedy[RUDP_FINDING_TEXT_SIZE];

	snprintf(remedy, sizeof remedy, "%s%s%s%s%s", lister->remedy[0], suspect->table,
		 lister->remedy[1], suspect->chain, lister->remedy[2]);
	rudp_report_add(report, RUDP_DOCTOR_FAIL, "self-test", remedy,
			"UDP is filtered on this host (%s) by table %s, chain %s%s: %s", fault,
			suspect->table, suspect->chain,
			suspect->likelihood >= PROVEN ? "" : ", probably", suspect->rule);
}

void rudp_doctor_explain_filter(struct rudp_report *report, const char *fault)
{
	const struct lister *found = NULL;
	struct suspect best = {.likelihood = 0};
	bool is_root = geteuid() == 0;

	if (fault == loopback_is_down) {
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "self-test",
				"ip link set lo up   # as root", "%s", fault);
		return;
	}
	for (size_t i = 0; i < sizeof listers / sizeof listers[0]; i++)
		if (find_better(&listers[i], &best))
			found = &listers[i];
	if (found)
		report_rule(report, fault, found, &best);
	else
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "self-test",
				is_root ? "nft list ruleset; iptables-save"
					: "rudp doctor   # as root",
				"UDP does not work over the loopback of this host: %s; %s", fault,
				is_root ? "no rule of nftables or iptables was found that blocks it"
					: "as root it also names the firewall rule");
}
