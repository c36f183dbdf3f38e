/* SPDX-License-Identifier: MIT */
/* A recursive descent parser for the grammar in filter.h. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter.h"
#include "proto/conn/conn.h"

#define BIT(state) (1u << RUDP_STATE_##state)
#define ALL ((1u << (RUDP_STATE_RESET_SENT + 1)) - 1)
#define CONNECTED (ALL & ~(BIT(LISTEN) | BIT(CLOSED)))

static const struct {
	const char *name;
	uint32_t mask;
} states[] = {
	{"established", BIT(ESTABLISHED)},
	{"syn-sent", BIT(SYN_SENT)},
	{"syn-recv", BIT(SYN_RCVD)},
	{"fin-wait-1", BIT(FIN_WAIT_1)},
	{"fin-wait-2", BIT(FIN_WAIT_2)},
	{"time-wait", BIT(TIME_WAIT)},
	{"closed", BIT(CLOSED)},
	{"unconnected", BIT(CLOSED)},
	{"close-wait", BIT(CLOSE_WAIT)},
	{"last-ack", BIT(LAST_ACK)},
	{"listening", BIT(LISTEN)},
	{"listen", BIT(LISTEN)},
	{"closing", BIT(CLOSING)},
	{"reset-sent", BIT(RESET_SENT)},
	{"all", ALL},
	{"connected", CONNECTED},
	{"synchronized", CONNECTED & ~BIT(SYN_SENT)},
	{"bucket", BIT(SYN_RCVD) | BIT(TIME_WAIT)},
	{"big", ALL & ~(BIT(SYN_RCVD) | BIT(TIME_WAIT))},
};

static const struct {
	const char *word;
	enum rudp_filter_compare compare;
} comparisons[] = {
	{"=", RUDP_FILTER_EQ},  {"==", RUDP_FILTER_EQ}, {"eq", RUDP_FILTER_EQ},
	{"!=", RUDP_FILTER_NE}, {"ne", RUDP_FILTER_NE}, {"neq", RUDP_FILTER_NE},
	{"<", RUDP_FILTER_LT},  {"lt", RUDP_FILTER_LT}, {"<=", RUDP_FILTER_LE},
	{"le", RUDP_FILTER_LE}, {">", RUDP_FILTER_GT},  {"gt", RUDP_FILTER_GT},
	{">=", RUDP_FILTER_GE}, {"ge", RUDP_FILTER_GE},
};

/* word is the current token; "" at the end. */
struct parser {
	struct rudp_filter *filter;
	const char *start, *next; /* of the token, and after it */
	char word[RUDP_FILTER_WORD_SIZE];
	char *error;
	unsigned depth;
};

static int parse_or(struct parser *p);

static bool is_operator(char c)
{
	return c && strchr("=!<>&|", c) != NULL;
}

static size_t token_length(const char *at)
{
	if (*at == '(' || *at == ')')
		return 1;
	if (is_operator(*at)) {
		bool pair = (at[1] == '=' && strchr("=!<>", *at)) ||
			    (at[1] == *at && strchr("&|", *at));

		return pair ? 2 : 1;
	}
	return strcspn(at, " \t\n()=!<>&|");
}

static int fail(struct parser *p, const char *expected)
{
	if (p->error[0])
		return -1;
	if (*p->start)
		snprintf(p->error, RUDP_FILTER_ERROR_SIZE, "found '%.60s', expected %s", p->word,
			 expected);
	else
		snprintf(p->error, RUDP_FILTER_ERROR_SIZE, "the filter ends, expected %s",
			 expected);
	return -1;
}

static void advance(struct parser *p)
{
	size_t len;

	p->start = p->next + strspn(p->next, " \t\n");
	len = token_length(p->start);
	p->next = p->start + len;
	if (len >= sizeof p->word)
		len = sizeof p->word - 1; /* no valid word is that long */
	memcpy(p->word, p->start, len);
	p->word[len] = 0;
}

static bool is(const struct parser *p, const char *word)
{
	return strcasecmp(p->word, word) == 0;
}

static bool take(struct parser *p, const char *word)
{
	if (!is(p, word))
		return false;
	advance(p);
	return true;
}

static int add(struct parser *p, const struct rudp_filter_node *node)
{
	if (p->filter->count == RUDP_FILTER_NODES_MAX)
		return fail(p, "the end, because the filter is too long");
	p->filter->nodes[p->filter->count] = *node;
	return p->filter->count++;
}

static bool parse_state_name(struct parser *p, uint32_t *mask)
{
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (take(p, states[i].name)) {
			*mask = states[i].mask;
			return true;
		}
	fail(p, "a state (established, listening, ...)");
	return false;
}

/* As in ss, "state A state B" means A or B, and "exclude A" means all other states. */
static int parse_states(struct parser *p)
{
	struct rudp_filter_node node = {.kind = RUDP_FILTER_STATE};
	bool first = true;
	uint32_t mask;

	while (is(p, "state") || is(p, "exclude")) {
		bool excluded = is(p, "exclude");

		advance(p);
		if (!parse_state_name(p, &mask))
			return -1;
		if (excluded)
			node.number = (first ? ALL : node.number) & ~mask;
		else
			node.number |= mask;
		first = false;
	}
	p->filter->names_states = true;
	return add(p, &node);
}

static bool parse_compare(struct parser *p, enum rudp_filter_compare *compare)
{
	for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
		if (take(p, comparisons[i].word)) {
			*compare = comparisons[i].compare;
			return true;
		}
	return false;
}

/* Accepts only = and !=; no operator means =. */
static bool parse_equality(struct parser *p, enum rudp_filter_compare *compare)
{
	*compare = RUDP_FILTER_EQ;
	if (!is_operator(p->word[0]))
		return true;
	if (parse_compare(p, compare) && (*compare == RUDP_FILTER_EQ || *compare == RUDP_FILTER_NE))
		return true;
	fail(p, "= or !=");
	return false;
}

static bool read_number(const char *text, uint32_t max, uint32_t *number)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	value = strtoul(text, &end, 10);
	*number = (uint32_t)value;
	return *end == 0 && value <= max;
}

static bool read_port(const char *text, uint32_t *port)
{
	const struct servent *service;

	if (*text == ':')
		text++;
	if (*text == 0)
		return false;
	if (read_number(text, UINT16_MAX, port))
		return true;
	service = getservbyname(text, "tcp");
	if (service)
		*port = ntohs((uint16_t)service->s_port);
	return service != NULL;
}

static int parse_port(struct parser *p, bool remote)
{
	struct rudp_filter_node node = {.kind = RUDP_FILTER_PORT, .remote = remote};

	if (!parse_compare(p, &node.compare))
		return fail(p, "a comparison (=, !=, <, <=, >, >=)");
	if (!read_port(p->word, &node.number))
		return fail(p, "a port (:80, :http)");
	advance(p);
	return add(p, &node);
}

static bool read_prefix(const char *text, unsigned max, unsigned *bits)
{
	uint32_t number;

	*bits = max;
	if (*text == 0)
		return true;
	if (!read_number(text, max, &number))
		return false;
	*bits = number;
	return true;
}

static bool read_host(char *host, struct rudp_filter_node *node)
{
	char *slash = strchr(host, '/');
	const char *bits = "";

	if (slash) {
		*slash = 0;
		bits = slash + 1;
		if (*bits == 0)
			return false;
	}
	if (inet_pton(AF_INET, host, &node->addr.in4.sin_addr) == 1) {
		node->addr.family = AF_INET;
		return read_prefix(bits, 32, &node->prefix_bits);
	}
	if (inet_pton(AF_INET6, host, &node->addr.in6.sin6_addr) == 1) {
		node->addr.family = AF_INET6;
		return read_prefix(bits, 128, &node->prefix_bits);
	}
	return false;
}

/* Splits [v6]/n:port, v4/n:port or v6/n into host with prefix, and port ("" for none). */
static bool split(char *word, char *host, const char **port)
{
	char *close = strchr(word, ']');
	char *colon = strrchr(word, ':');

	*port = "";
	if (word[0] == '[') {
		if (!close)
			return false;
		colon = strchr(close, ':');
		if (colon)
			*colon = 0;
		*close = 0;
		snprintf(host, RUDP_FILTER_WORD_SIZE, "%s%s", word + 1, close + 1);
	} else {
		if (colon && strchr(word, ':') != colon)
			colon = NULL; /* an IPv6 address, no port */
		if (colon)
			*colon = 0;
		snprintf(host, RUDP_FILTER_WORD_SIZE, "%s", word);
	}
	if (colon)
		*port = colon + 1;
	return !colon || **port != 0;
}

static bool read_address(const char *text, struct rudp_filter_node *node)
{
	char word[RUDP_FILTER_WORD_SIZE], host[RUDP_FILTER_WORD_SIZE];
	const char *port;

	snprintf(word, sizeof word, "%s", text);
	if (!split(word, host, &port) || (*port && !read_port(port, &node->number)))
		return false;
	if (host[0] == 0 || strcmp(host, "*") == 0)
		return *port != 0; /* addr stays AF_UNSPEC: any */
	if (!read_host(host, node))
		return false;
	rudp_addr_set_port(&node->addr, (uint16_t)node->number);
	return true;
}

static int parse_address(struct parser *p, bool remote)
{
	struct rudp_filter_node node = {.kind = RUDP_FILTER_ADDRESS, .remote = remote};

	if (!parse_equality(p, &node.compare))
		return -1;
	if (!read_address(p->word, &node))
		return fail(p, "an address (10.0.0.0/8, 10.1.2.3:80, [fd00::1]:80, *:80)");
	advance(p);
	return add(p, &node);
}

static int parse_transport(struct parser *p)
{
	struct rudp_filter_node node = {.kind = RUDP_FILTER_TRANSPORT};

	if (!parse_equality(p, &node.compare))
		return -1;
	for (; node.number <= RUDP_TRANSPORT_BOTH; node.number++)
		if (take(p, rudp_filter_transport_name(node.number)))
			return add(p, &node);
	return fail(p, "a transport (rudp, tcp, racing, both)");
}

static int parse_word(struct parser *p, enum rudp_filter_kind kind)
{
	struct rudp_filter_node node = {.kind = kind};

	if (!parse_equality(p, &node.compare))
		return -1;
	if (kind == RUDP_FILTER_PID && !read_number(p->word, INT32_MAX, &node.number))
		return fail(p, "a process id");
	if (p->word[0] == 0 || p->word[0] == '(' || p->word[0] == ')')
		return fail(p, "a program name");
	memcpy(node.word, p->word, sizeof node.word);
	advance(p);
	return add(p, &node);
}

static int parse_predicate(struct parser *p)
{
	if (is(p, "state") || is(p, "exclude"))
		return parse_states(p);
	if (take(p, "src"))
		return parse_address(p, false);
	if (take(p, "dst"))
		return parse_address(p, true);
	if (take(p, "sport"))
		return parse_port(p, false);
	if (take(p, "dport"))
		return parse_port(p, true);
	if (take(p, "transport"))
		return parse_transport(p);
	if (take(p, "program"))
		return parse_word(p, RUDP_FILTER_PROGRAM);
	if (take(p, "pid"))
		return parse_word(p, RUDP_FILTER_PID);
	return fail(p, "state, exclude, src, dst, sport, dport, transport, program, pid, not or (");
}

static int join(struct parser *p, enum rudp_filter_kind kind, int left, int right)
{
	struct rudp_filter_node node = {.kind = kind, .left = left, .right = right};

	return right < 0 ? -1 : add(p, &node);
}

static int parse_inner(struct parser *p)
{
	int inner;

	if (!take(p, "("))
		return parse_predicate(p);
	inner = parse_or(p);
	if (inner >= 0 && !take(p, ")"))
		return fail(p, ")");
	return inner;
}

static int parse_not(struct parser *p)
{
	int inner;

	if (++p->depth > RUDP_FILTER_DEPTH_MAX)
		return fail(p, "something less nested");
	if (take(p, "not") || take(p, "!")) {
		struct rudp_filter_node node = {.kind = RUDP_FILTER_NOT, .left = parse_not(p)};

		inner = node.left < 0 ? -1 : add(p, &node);
	} else {
		inner = parse_inner(p);
	}
	p->depth--;
	return inner;
}

static bool begins_another(const struct parser *p)
{
	return p->word[0] && !is(p, ")") && !is(p, "or") && !is(p, "|") && !is(p, "||");
}

static int parse_and(struct parser *p)
{
	int left = parse_not(p);

	while (left >= 0 && begins_another(p)) {
		if (!take(p, "and") && !take(p, "&"))
			take(p, "&&");
		left = join(p, RUDP_FILTER_AND, left, parse_not(p));
	}
	return left;
}

static int parse_or(struct parser *p)
{
	int left = parse_and(p);

	while (left >= 0 && (take(p, "or") || take(p, "|") || take(p, "||")))
		left = join(p, RUDP_FILTER_OR, left, parse_and(p));
	return left;
}

bool rudp_filter_parse(struct rudp_filter *filter, const char *text,
		       char error[RUDP_FILTER_ERROR_SIZE], unsigned *at)
{
	struct parser p = {.filter = filter, .next = text, .error = error};

	*filter = (struct rudp_filter){.root = -1};
	error[0] = 0;
	advance(&p);
	if (p.word[0])
		filter->root = parse_or(&p);
	if (!error[0] && p.word[0])
		fail(&p, "the end");
	*at = (unsigned)(p.start - text);
	return !error[0];
}
