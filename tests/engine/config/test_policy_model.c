/* SPDX-License-Identifier: MIT */
/*
 * Random rules and questions are compared with a model that matches bit by bit and letter by
 * letter.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "engine/config/policy.h"

#define SEEDS 400
#define RULES_MAX 12
#define QUESTIONS 60
#define TEXT_BYTES 4096

static const char *const ways[] = {"auto", "rudp", "tcp"};

/* A few similar values, so that rules match and do not match about equally often. */
static const char *const addresses[] = {
	"10.0.0.0",        "10.0.0.1",        "10.128.0.0", "11.0.0.0",
	"0.0.0.0",         "255.255.255.255", "::",         "::1",
	"fd00::",          "fd00::1",         "fd80::",     "::ffff:10.0.0.1",
	"::ffff:11.0.0.0",
};
#define ADDRESSES (sizeof addresses / sizeof addresses[0])

static const char *const programs[] = {"a", "ab", "b", "abc", "", "ba"};
#define PROGRAMS (sizeof programs / sizeof programs[0])
static const char *const patterns[] = {"a", "ab", "*", "a*", "*b", "?", "?b", "a?c", "*a*"};
#define PATTERNS (sizeof patterns / sizeof patterns[0])

struct model_rule {
	const char *direction; /* connect, listen or any */
	bool has_address, has_port, has_program;
	bool bits[128];
	unsigned bit_count; /* of the prefix */
	bool is_v4;
	unsigned port_min, port_max;
	const char *pattern;
	unsigned way, line;
};

struct model_question {
	bool listen;
	bool bits[128];
	bool is_v4;
	unsigned port;
	const char *program, *executable;
};

/* The bits of an address. A v4-mapped address counts as IPv4; mapped: 96 bits were removed. */
static bool address_bits(const char *text, bool bits[128], bool *mapped)
{
	uint8_t bytes[16];
	bool v4 = inet_pton(AF_INET, text, bytes) == 1;
	unsigned skip;

	if (!v4)
		inet_pton(AF_INET6, text, bytes);
	*mapped = !v4 && strncmp(text, "::ffff:", 7) == 0;
	skip = *mapped ? 12 : 0;
	for (unsigned i = 0; i < (v4 || *mapped ? 32u : 128u); i++)
		bits[i] = bytes[skip + i / 8] >> (7 - i % 8) & 1;
	return v4 || *mapped;
}

static bool like(const char *pattern, const char *text)
{
	if (*pattern == '*')
		return like(pattern + 1, text) || (*text && like(pattern, text + 1));
	if (!*pattern || !*text)
		return !*pattern && !*text;
	return (*pattern == '?' || *pattern == *text) && like(pattern + 1, text + 1);
}

static bool model_matches(const struct model_rule *rule, const struct model_question *question)
{
	if (strcmp(rule->direction, question->listen ? "connect" : "listen") == 0)
		return false;
	if (rule->has_address && rule->is_v4 != question->is_v4)
		return false;
	for (unsigned i = 0; rule->has_address && i < rule->bit_count; i++)
		if (rule->bits[i] != question->bits[i])
			return false;
	if (rule->has_port && (question->port < rule->port_min || question->port > rule->port_max))
		return false;
	return !rule->has_program ||
	       (*question->program && like(rule->pattern, question->program)) ||
	       (*question->executable && like(rule->pattern, question->executable));
}

static bool coin(struct random *r)
{
	return random_below(r, 2);
}

static const char *pick(struct random *r, const char *const *words, size_t count)
{
	return words[random_below(r, count)];
}

/* Chooses a prefix length for which all bits beyond the prefix are 0. */
static size_t write_address(struct random *r, struct model_rule *rule, char *out, size_t size)
{
	static const char *const selectors[] = {"to", "on", "address"};
	const char *address = pick(r, addresses, ADDRESSES);
	unsigned total, least = 0;
	bool mapped;

	rule->is_v4 = address_bits(address, rule->bits, &mapped);
	total = rule->is_v4 ? 32 : 128;
	for (unsigned i = 0; i < total; i++)
		if (rule->bits[i])
			least = i + 1;
	rule->bit_count = total;
	if (coin(r))
		return (size_t)snprintf(out, size, " %s %s", pick(r, selectors, 3), address);
	rule->bit_count = least + (unsigned)random_below(r, total - least + 1);
	return (size_t)snprintf(out, size, " %s %s/%u", pick(r, selectors, 3), address,
				rule->bit_count + (mapped ? 96 : 0));
}

static size_t write_port(struct random *r, struct model_rule *rule, char *out, size_t size)
{
	rule->port_min = rule->port_max = 1 + (unsigned)random_below(r, 6);
	if (coin(r))
		return (size_t)snprintf(out, size, " port %u", rule->port_min);
	rule->port_max += (unsigned)random_below(r, 4);
	return (size_t)snprintf(out, size, "\tport %u-%u", rule->port_min, rule->port_max);
}

static size_t write_rule(struct random *r, struct model_rule *rule, char *out, size_t size)
{
	static const char *const directions[] = {"connect", "listen", "any"};
	size_t len;

	rule->direction = pick(r, directions, 3);
	rule->has_address = coin(r);
	rule->has_port = coin(r);
	rule->has_program = coin(r);
	rule->pattern = pick(r, patterns, PATTERNS);
	rule->way = (unsigned)random_below(r, 3);
	len = (size_t)snprintf(out, size, "%s", rule->direction);
	if (rule->has_program)
		len += (size_t)snprintf(out + len, size - len, " program %s", rule->pattern);
	if (rule->has_address)
		len += write_address(r, rule, out + len, size - len);
	if (rule->has_port)
		len += write_port(r, rule, out + len, size - len);
	return len + (size_t)snprintf(out + len, size - len, " use %s", ways[rule->way]);
}

/* Writes count rules with random separators, and stores the line of each. */
static void write_rules(struct random *r, struct model_rule *rules, unsigned count, char *out)
{
	static const char *const separators[] = {";", "\n", " # use\n", "\r\n\n", " ; ;"};
	static const unsigned lines[] = {0, 1, 1, 2, 0};
	unsigned line = 1;
	size_t len = 0;

	*out = 0;
	for (unsigned i = 0; i < count; i++) {
		uint64_t separator = random_below(r, 5);

		rules[i].line = line;
		len += write_rule(r, &rules[i], out + len, TEXT_BYTES - len);
		len += (size_t)snprintf(out + len, TEXT_BYTES - len, "%s", separators[separator]);
		line += lines[separator];
	}
	cr_assert(lt(sz, len, TEXT_BYTES));
}

static void make_question(struct random *r, struct model_question *question, struct rudp_addr *addr)
{
	const char *address = pick(r, addresses, ADDRESSES);
	bool mapped;
	char text[RUDP_ADDR_TEXT_SIZE];

	question->listen = coin(r);
	question->is_v4 = address_bits(address, question->bits, &mapped);
	question->port = (unsigned)random_below(r, 10);
	question->program = pick(r, programs, PROGRAMS);
	question->executable = pick(r, programs, PROGRAMS);
	snprintf(text, sizeof text, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
		 question->port);
	cr_assert(zero(int, rudp_addr_parse(addr, text)));
}

static void compare(struct random *r, const struct rudp_policy *policy,
		    const struct model_rule *rules, unsigned count, unsigned of_environment)
{
	struct model_question model;
	struct rudp_addr addr;
	struct rudp_policy_question question = {.addr = &addr};
	struct rudp_decision decision;
	unsigned i = 0;

	make_question(r, &model, &addr);
	question.direction = model.listen ? RUDP_DIRECTION_LISTEN : RUDP_DIRECTION_CONNECT;
	question.program = model.program;
	question.executable = model.executable;
	decision = rudp_policy_decide(policy, &question);
	while (i < count && !model_matches(&rules[i], &model))
		i++;
	cr_assert(eq(u32, decision.line, i < count ? rules[i].line : 0));
	cr_assert(eq(int, decision.way, i < count ? (int)rules[i].way : RUDP_WAY_AUTO));
	if (i < count)
		cr_assert(eq(str, (char *)decision.source, i < of_environment ? "e" : "f"));
}

Test(policy_model, random_rules_decide_like_a_simple_matcher)
{
	static char text[TEXT_BYTES], error[RUDP_POLICY_TEXT_SIZE];
	static struct model_rule rules[2 * RULES_MAX];

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random r = {seed};
		struct rudp_policy *policy = rudp_policy_new();
		unsigned of_environment = (unsigned)random_below(&r, RULES_MAX);
		unsigned of_file = (unsigned)random_below(&r, RULES_MAX);

		write_rules(&r, rules, of_environment, text);
		cr_assert(rudp_policy_parse(policy, true, text, strlen(text), "e", error),
			  "seed %lu: %s", seed, error);
		write_rules(&r, rules + of_environment, of_file, text);
		cr_assert(rudp_policy_parse(policy, false, text, strlen(text), "f", error),
			  "seed %lu: %s", seed, error);
		for (unsigned i = 0; i < QUESTIONS; i++)
			compare(&r, policy, rules, of_environment + of_file, of_environment);
		rudp_policy_free(policy);
	}
}
