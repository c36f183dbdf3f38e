/* SPDX-License-Identifier: MIT */
/* Parses the statements of a policy. The grammar is in rudp.conf(5). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config/policy_private.h"

#define RULES_AT_FIRST 16
#define EXPECTED_STATEMENT "connect, listen, any or set"
#define EXPECTED_WAY "rudp, tcp or auto"

struct word {
	const char *start;
	size_t len; /* 0: end of the statement */
	unsigned line;
	size_t column; /* in bytes, from 1 */
};

struct parser {
	const char *name;
	const char *at, *end, *line_start;
	unsigned line;
	struct rudp_policy_source *source;
	unsigned capacity;
	char *error;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '\n' || c == ';' || c == '#';
}

static struct word next_word(struct parser *p)
{
	struct word word = {.line = p->line};

	while (p->at < p->end && is_blank(*p->at))
		p->at++;
	word.start = p->at;
	word.column = (size_t)(p->at - p->line_start) + 1;
	while (p->at < p->end && !ends_word(*p->at))
		p->at++;
	word.len = (size_t)(p->at - word.start);
	return word;
}

/* Skips separators and comments between statements. false: there is no further statement. */
static bool next_statement(struct parser *p)
{
	while (p->at < p->end && ends_word(*p->at)) {
		if (*p->at == '#')
			while (p->at < p->end && *p->at != '\n')
				p->at++;
		else if (*p->at++ == '\n') {
			p->line++;
			p->line_start = p->at;
		}
	}
	return p->at < p->end;
}

static bool is(const struct word *word, const char *text)
{
	return strlen(text) == word->len && memcmp(text, word->start, word->len) == 0;
}

__attribute__((format(printf, 4, 5))) static bool fail(struct parser *p, const struct word *word,
						       size_t index, const char *format, ...)
{
	int len = snprintf(p->error, RUDP_POLICY_TEXT_SIZE, "%.200s:%u:%zu: ", p->name, word->line,
			   word->column + index);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(p->error + len, RUDP_POLICY_TEXT_SIZE - (size_t)len, format, arguments);
	va_end(arguments);
	return false;
}

static bool unexpected(struct parser *p, const struct word *word, const char *expected)
{
	char quote[RUDP_POLICY_QUOTE_SIZE] = "the end of the statement";

	if (word->len)
		rudp_policy_quote(word->start, word->len, quote);
	return fail(p, word, 0, "found %s, expected %s", quote, expected);
}

/* Reports the error of a word's parser (index >= 0) with its line and column. */
static bool report(struct parser *p, const struct word *word, int index, const char *text)
{
	return index < 0 || fail(p, word, (size_t)index, "%s", text);
}

static bool read_address(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	char text[RUDP_POLICY_TEXT_SIZE];
	int index = rudp_policy_read_network(&rule->network, word->start, word->len, text);

	return report(p, word, index, text);
}

static bool read_port(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	char text[RUDP_POLICY_TEXT_SIZE];
	int index = rudp_policy_read_ports(&rule->port_min, &rule->port_max, word->start, word->len,
					   text);

	return report(p, word, index, text);
}

static bool read_program(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	char text[RUDP_POLICY_TEXT_SIZE];
	int index = rudp_policy_read_program(rule->program, word->start, word->len, text);

	return report(p, word, index, text);
}

#define ADDRESS 0
#define PORT 1
#define PROGRAM 2

static const struct {
	const char *word;
	unsigned kind;
	const char *expected;
	bool (*read)(struct parser *p, const struct word *word, struct rudp_policy_rule *rule);
} selectors[] = {
	{"to", ADDRESS, "an address", read_address},
	{"on", ADDRESS, "an address", read_address},
	{"address", ADDRESS, "an address", read_address},
	{"port", PORT, "a port or a range of ports", read_port},
	{"program", PROGRAM, "the name of a program", read_program},
};
#define SELECTORS (sizeof selectors / sizeof selectors[0])

static size_t find_selector(const struct word *word)
{
	size_t i = 0;

	while (i < SELECTORS && !is(word, selectors[i].word))
		i++;
	return i;
}

static bool read_selector(struct parser *p, const struct word *word, unsigned *seen,
			  struct rudp_policy_rule *rule)
{
	size_t i = find_selector(word);
	struct word value;

	if (i == SELECTORS)
		return unexpected(p, word, "to, on, address, port, program or use");
	if (*seen & 1U << selectors[i].kind)
		return fail(p, word, 0, "'%s' is repeated: the rule has %s already",
			    selectors[i].word, selectors[i].expected);
	*seen |= 1U << selectors[i].kind;
	value = next_word(p);
	if (!value.len)
		return unexpected(p, &value, selectors[i].expected);
	return selectors[i].read(p, &value, rule);
}

static bool read_way(struct parser *p, enum rudp_way *way)
{
	struct word word = next_word(p);

	if (is(&word, "rudp"))
		*way = RUDP_WAY_RUDP;
	else if (is(&word, "tcp"))
		*way = RUDP_WAY_TCP;
	else if (is(&word, "auto"))
		*way = RUDP_WAY_AUTO;
	else
		return unexpected(p, &word, EXPECTED_WAY);
	return true;
}

/*
 * Early data is refused with TCP or auto: if TCP may carry the connection too, the same bytes could
 * arrive twice (docs/protocol.md section 6.8).
 */
static bool read_early(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	if (rule->early)
		return fail(p, word, 0, "'early' is repeated");
	rule->early = true;
	return true;
}

/* Reads the next word by the parser of such words. */
static bool read_text(struct parser *p, char *to, const char *expected,
		      int (*read)(char *to, const char *word, size_t len, char *error))
{
	char text[RUDP_POLICY_TEXT_SIZE];
	struct word value = next_word(p);

	if (!value.len)
		return unexpected(p, &value, expected);
	return report(p, &value, read(to, value.start, value.len, text), text);
}

static bool read_peer(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	if (rule->listen)
		return fail(p, word, 0, "'peer' goes with 'connect' only");
	if (*rule->who)
		return fail(p, word, 0, "'peer' is repeated");
	return read_text(p, rule->who, "a host as the file of known hosts has it",
			 rudp_policy_read_peer);
}

static bool read_allow(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	if (rule->connect)
		return fail(p, word, 0, "'allow' goes with 'listen' only");
	if (*rule->who)
		return fail(p, word, 0, "'allow' is repeated");
	return read_text(p, rule->who, "a name, a group such as @admins, or anyone",
			 rudp_policy_read_allowed);
}

static bool read_require(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	struct word value = next_word(p);

	if (!is(&value, "identity"))
		return unexpected(p, &value, "identity");
	if (rule->requires_identity)
		return fail(p, word, 0, "'require' is repeated");
	rule->requires_identity = true;
	return true;
}

static const struct {
	const char *word;
	bool (*read)(struct parser *p, const struct word *word, struct rudp_policy_rule *rule);
} conditions[] = {
	{"early", read_early},
	{"peer", read_peer},
	{"allow", read_allow},
	{"require", read_require},
};
#define CONDITIONS (sizeof conditions / sizeof conditions[0])

/* Kernel TCP carries neither data in a SYN of ours nor identities. */
static bool read_condition(struct parser *p, const struct word *word, struct rudp_policy_rule *rule)
{
	for (size_t i = 0; i < CONDITIONS; i++)
		if (is(word, conditions[i].word)) {
			if (rule->way != RUDP_WAY_RUDP)
				return fail(p, word, 0, "'%s' goes with 'use rudp' only",
					    conditions[i].word);
			return conditions[i].read(p, word, rule);
		}
	return unexpected(p, word, "early, peer, allow, require, the end of the line or ';'");
}

static bool read_conditions(struct parser *p, struct rudp_policy_rule *rule)
{
	struct word word;

	while ((word = next_word(p)).len)
		if (!read_condition(p, &word, rule))
			return false;
	return true;
}

static bool grow(struct parser *p)
{
	unsigned capacity = p->capacity ? 2 * p->capacity : RULES_AT_FIRST;
	struct rudp_policy_source *more =
		realloc(p->source, sizeof *more + capacity * sizeof more->rules[0]);

	if (!more)
		return false;
	if (!p->source)
		memset(more, 0, sizeof *more);
	p->source = more;
	p->capacity = capacity;
	return true;
}

static bool add_rule(struct parser *p, const struct word *first,
		     const struct rudp_policy_rule *rule)
{
	if (p->source->rule_count == RUDP_POLICY_RULES_MAX)
		return fail(p, first, 0, "there are more than %d rules", RUDP_POLICY_RULES_MAX);
	if (p->source->rule_count == p->capacity && !grow(p))
		return fail(p, first, 0, "there is no memory for this rule");
	p->source->rules[p->source->rule_count++] = *rule;
	return true;
}

static bool read_rule(struct parser *p, const struct word *first)
{
	struct rudp_policy_rule rule = {
		.line = first->line,
		.connect = !is(first, "listen"),
		.listen = !is(first, "connect"),
	};
	unsigned seen = 0;
	struct word word;

	for (word = next_word(p); !is(&word, "use"); word = next_word(p))
		if (!read_selector(p, &word, &seen, &rule))
			return false;
	return read_way(p, &rule.way) && read_conditions(p, &rule) && add_rule(p, first, &rule);
}

static bool is_set_twice(struct parser *p, const struct word *name, unsigned line)
{
	return line && !fail(p, name, 0, "'%.*s' is set a second time (first in line %u)",
			     (int)name->len, name->start, line);
}

static enum rudp_identity_file find_identity_file(const struct word *name)
{
	enum rudp_identity_file file = 0;

	while (file < RUDP_IDENTITY_FILE_COUNT && !is(name, rudp_identity_file_setting(file)))
		file++;
	return file;
}

static bool read_path(struct parser *p, const struct word *name, enum rudp_identity_file file)
{
	if (is_set_twice(p, name, p->source->identity[file].line))
		return false;
	p->source->identity[file].line = name->line;
	return read_text(p, p->source->identity[file].path, "the path of a file",
			 rudp_policy_read_path);
}

static bool read_setting(struct parser *p)
{
	struct word name = next_word(p), value;
	enum rudp_policy_setting setting = rudp_policy_setting_find(name.start, name.len);
	enum rudp_identity_file file = find_identity_file(&name);
	char text[RUDP_POLICY_TEXT_SIZE];
	int64_t number = 0;
	int index;

	if (file < RUDP_IDENTITY_FILE_COUNT)
		return read_path(p, &name, file);
	if (setting == RUDP_POLICY_SETTINGS_COUNT)
		return unexpected(p, &name,
				  "head-start, remember, udp-port, resume, tail, early, identity, "
				  "known-hosts, authorized-keys, first-contact or removed-peers");
	if (is_set_twice(p, &name, p->source->settings[setting].line))
		return false;
	value = next_word(p);
	if (!value.len)
		return unexpected(p, &value, "a value");
	index = rudp_policy_read_value(setting, &number, value.start, value.len, text);
	p->source->settings[setting].line = name.line;
	p->source->settings[setting].value = number;
	return report(p, &value, index, text);
}

static bool read_statement(struct parser *p)
{
	struct word first = next_word(p), last;
	bool good;

	if (first.line > RUDP_POLICY_LINES_MAX)
		return fail(p, &first, 0, "there are more than %d lines", RUDP_POLICY_LINES_MAX);
	if (is(&first, "set"))
		good = read_setting(p);
	else if (is(&first, "connect") || is(&first, "listen") || is(&first, "any"))
		good = read_rule(p, &first);
	else
		good = unexpected(p, &first, EXPECTED_STATEMENT);
	if (!good)
		return false;
	last = next_word(p);
	return !last.len || unexpected(p, &last, "the end of the line or ';'");
}

struct rudp_policy_source *rudp_policy_parse_source(const char *text, size_t len, const char *name,
						    char error[RUDP_POLICY_TEXT_SIZE])
{
	struct parser p = {.name = name,
			   .at = text,
			   .end = text + len,
			   .line_start = text,
			   .line = 1,
			   .error = error};
	bool good = grow(&p);

	error[0] = 0;
	if (!good)
		snprintf(error, RUDP_POLICY_TEXT_SIZE, "there is no memory for the policy");
	while (good && next_statement(&p))
		good = read_statement(&p);
	if (good) {
		snprintf(p.source->name, sizeof p.source->name, "%s", name);
		return p.source;
	}
	free(p.source);
	return NULL;
}
