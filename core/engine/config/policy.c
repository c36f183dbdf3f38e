/* SPDX-License-Identifier: MIT */
#include "engine/config/policy_private.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#define DNS_PORT 53

static const struct rudp_policy_settings defaults = {
#define DEFAULT(name, type, member, value) .member = value,
	RUDP_POLICY_SETTINGS(DEFAULT)
#undef DEFAULT
};

bool rudp_policy_network_has(const struct rudp_policy_network *network,
			     const struct rudp_addr *addr)
{
	const uint8_t *bytes;
	unsigned whole = network->prefix_bits / 8, rest = network->prefix_bits % 8;

	if (!network->family)
		return true;
	if (network->family != addr->family)
		return false;
	bytes = addr->family == AF_INET ? (const uint8_t *)&addr->in4.sin_addr
					: (const uint8_t *)&addr->in6.sin6_addr;
	if (memcmp(bytes, network->bytes, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

static bool port_matches(const struct rudp_policy_rule *rule, const struct rudp_addr *addr)
{
	uint16_t port = rudp_addr_port(addr);

	return rule->port_min == 0 || (port >= rule->port_min && port <= rule->port_max);
}

static bool name_matches(const char *pattern, const char *name)
{
	return name && *name && fnmatch(pattern, name, 0) == 0;
}

static bool rule_matches(const struct rudp_policy_rule *rule,
			 const struct rudp_policy_question *question)
{
	if (!(question->direction == RUDP_DIRECTION_CONNECT ? rule->connect : rule->listen))
		return false;
	if (!rudp_policy_network_has(&rule->network, question->addr) ||
	    !port_matches(rule, question->addr))
		return false;
	return !*rule->program || name_matches(rule->program, question->program) ||
	       name_matches(rule->program, question->executable);
}

static bool decide_by(const struct rudp_policy_source *source,
		      const struct rudp_policy_question *question, struct rudp_decision *decision)
{
	for (unsigned i = 0; i < source->rule_count; i++) {
		const struct rudp_policy_rule *rule = &source->rules[i];

		if (!rule_matches(rule, question))
			continue;
		*decision = (struct rudp_decision){.way = rule->way,
						   .early = rule->early,
						   .requires_identity = rule->requires_identity,
						   .who = *rule->who ? rule->who : NULL,
						   .line = rule->line,
						   .source = source->name};
		return true;
	}
	return false;
}

/* Default for DNS: TCP at once. A name lookup must not wait for an attempt over rudp. */
static enum rudp_way default_way(const struct rudp_policy_question *question)
{
	if (question->direction == RUDP_DIRECTION_CONNECT &&
	    rudp_addr_port(question->addr) == DNS_PORT)
		return RUDP_WAY_TCP;
	return question->has_key ? RUDP_WAY_RUDP : RUDP_WAY_AUTO;
}

struct rudp_decision rudp_policy_decide(const struct rudp_policy *policy,
					const struct rudp_policy_question *question)
{
	struct rudp_decision decision = {.way = default_way(question)};

	if (policy && !decide_by(policy->environment, question, &decision))
		decide_by(policy->file, question, &decision);
	return decision;
}

/*
 * True only if the whole network is loopback: ::1/128, or a prefix of 8 or more bits within 127/8.
 */
static bool is_loopback(const struct rudp_policy_network *network)
{
	static const uint8_t one[16] = {[15] = 1};

	if (network->family == AF_INET)
		return network->prefix_bits >= 8 && network->bytes[0] == 127;
	return network->family == AF_INET6 && network->prefix_bits == 128 &&
	       memcmp(network->bytes, one, sizeof one) == 0;
}

bool rudp_policy_next_clear(const struct rudp_policy *policy, unsigned *index,
			    struct rudp_decision *rule)
{
	const struct rudp_policy_source *sources[] = {policy->environment, policy->file};
	unsigned seen = 0;

	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
		for (unsigned j = 0; j < sources[i]->rule_count; j++) {
			const struct rudp_policy_rule *at = &sources[i]->rules[j];

			if (seen++ < *index || at->way == RUDP_WAY_RUDP ||
			    is_loopback(&at->network))
				continue;
			*index = seen;
			*rule = (struct rudp_decision){
				.way = at->way, .line = at->line, .source = sources[i]->name};
			return true;
		}
	return false;
}

const struct rudp_policy_settings *rudp_policy_settings(const struct rudp_policy *policy)
{
	return policy ? &policy->in_effect : &defaults;
}

const char *rudp_policy_identity_path(const struct rudp_policy *policy,
				      enum rudp_identity_file file)
{
	if (policy && policy->environment->identity[file].line)
		return policy->environment->identity[file].path;
	return policy && policy->file->identity[file].line ? policy->file->identity[file].path
							   : NULL;
}

static int64_t effective(const struct rudp_policy *policy, enum rudp_policy_setting setting,
			 int64_t default_value)
{
	if (policy->environment->settings[setting].line)
		return policy->environment->settings[setting].value;
	if (policy->file->settings[setting].line)
		return policy->file->settings[setting].value;
	return default_value;
}

static bool names_programs(const struct rudp_policy_source *source)
{
	for (unsigned i = 0; i < source->rule_count; i++)
		if (*source->rules[i].program)
			return true;
	return false;
}

static void apply_settings(struct rudp_policy *policy)
{
	policy->in_effect = (struct rudp_policy_settings){
		.has_first_contact = effective(policy, RUDP_POLICY_FIRST_CONTACT, -1) >= 0,
		.names_programs =
			names_programs(policy->environment) || names_programs(policy->file),
#define EFFECTIVE(name, type, member, value)                                                       \
	.member = (type)effective(policy, RUDP_POLICY_##name, value),
		RUDP_POLICY_SETTINGS(EFFECTIVE)
#undef EFFECTIVE
	};
}

void rudp_policy_take(struct rudp_policy *policy, struct rudp_policy_source **place,
		      struct rudp_policy_source *source)
{
	free(*place);
	*place = source;
	apply_settings(policy);
}

struct rudp_policy *rudp_policy_new(void)
{
	struct rudp_policy *policy = calloc(1, sizeof *policy);

	if (!policy)
		return NULL;
	policy->environment = calloc(1, sizeof *policy->environment);
	policy->file = calloc(1, sizeof *policy->file);
	if (policy->environment && policy->file) {
		apply_settings(policy);
		return policy;
	}
	rudp_policy_free(policy);
	return NULL;
}

void rudp_policy_free(struct rudp_policy *policy)
{
	if (!policy)
		return;
	free(policy->environment);
	free(policy->file);
	free(policy->files);
	free(policy);
}

bool rudp_policy_parse(struct rudp_policy *policy, bool environment, const char *text, size_t len,
		       const char *name, char error[RUDP_POLICY_TEXT_SIZE])
{
	struct rudp_policy_source *source = rudp_policy_parse_source(text, len, name, error);

	if (source)
		rudp_policy_take(policy, environment ? &policy->environment : &policy->file,
				 source);
	return source;
}

static char *duration(int64_t ns, char text[32])
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {
		{"h", 3600 * RUDP_NS_PER_S}, {"min", 60 * RUDP_NS_PER_S}, {"s", RUDP_NS_PER_S}};

	for (size_t i = 0; ns && i < sizeof units / sizeof units[0]; i++)
		if (ns % units[i].ns == 0) {
			snprintf(text, 32, "%" PRId64 "%s", ns / units[i].ns, units[i].unit);
			return text;
		}
	snprintf(text, 32, "%" PRId64 "ms", ns / RUDP_NS_PER_MS);
	return text;
}

static const char *plural(unsigned count)
{
	return count == 1 ? "" : "s";
}

static bool asks_for_early(const struct rudp_policy_source *source)
{
	for (unsigned i = 0; i < source->rule_count; i++)
		if (source->rules[i].early)
			return true;
	return false;
}

static const char *describe_early(const struct rudp_policy *policy)
{
	if (policy->in_effect.early)
		return ", early on";
	if (asks_for_early(policy->environment) || asks_for_early(policy->file))
		return ", early off: rules that say early need 'set early on'";
	return "";
}

char *rudp_policy_describe(const struct rudp_policy *policy, char *text, size_t size)
{
	const struct rudp_policy_source *environment = policy->environment, *file = policy->file;
	const struct rudp_policy_settings *settings = &policy->in_effect;
	char head_start[32], remember[32], port[32] = "that of the connection";
	char in_file[240] = "no file";

	if (settings->udp_port)
		snprintf(port, sizeof port, "%u", settings->udp_port);
	if (*file->name)
		snprintf(in_file, sizeof in_file, "%u rule%s in %.200s", file->rule_count,
			 plural(file->rule_count), file->name);
	snprintf(text, size,
		 "%u rule%s in " RUDP_POLICY_VARIABLE
		 ", %s; head-start %s, remember %s, udp-port %s%s%s%s",
		 environment->rule_count, plural(environment->rule_count), in_file,
		 duration(settings->head_start_ns, head_start),
		 settings->remember_ns ? duration(settings->remember_ns, remember) : "off", port,
		 settings->resume ? "" : ", resume off", settings->tail ? "" : ", tail off",
		 describe_early(policy));
	return text;
}
