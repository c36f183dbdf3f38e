/* SPDX-License-Identifier: MIT */
#include "options.h"
#include "impairments.h"
#include "text.h"
#include "units.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_A = 256,
	KEY_B,
	KEY_MTU,
	KEY_SEED,
	KEY_STATS,
	KEY_SETTLED,
	KEY_SERIES,
	KEY_NAP,
	KEY_REBIND,
	KEY_REBIND_EVERY,
	KEY_REBIND_RANGE,
	KEY_WITH_PARENT,
	KEY_NO_REALTIME,
	KEY_IMPAIRMENTS, /* three for each row of the table: both, ab, ba */
};

enum { IMPAIRMENTS_MAX = 32, NAME_SIZE = 32, PREFIXES = 3 };

static const struct argp_option global_options[] = {
	{"a", KEY_A, "SIDE", 0,
	 "side A: ns:NAME (or pid:PID, path:FILE, self) and, after commas, IPv4 and IPv6 address "
	 "with "
	 "prefix length and dev=DEVICE",
	 1},
	{"b", KEY_B, "SIDE", 0, "side B: likewise", 1},
	{"mtu", KEY_MTU, "BYTES", 0, "MTU of both devices (1500)", 1},
	{"seed", KEY_SEED, "N", 0, "seed of all chance (1)", 1},
	{"stats", KEY_STATS, "FILE", 0,
	 "write counters as JSON when the link is up, at SIGUSR1 and at the end", 1},
	{"settled", KEY_SETTLED, "FROM,TO", 0,
	 "count queueing delay between these times after the first TCP or UDP packet once more", 1},
	{"series", KEY_SERIES, "TIME,FILE", 0,
	 "write a row of queueing delay, bytes and drops each way this often (CSV)", 1},
	{"nap", KEY_NAP, "TIME", 0,
	 "sleep so long (below 1s) before each look at the devices: saves processor time at high "
	 "rates, makes packets that much later at most",
	 1},
	{"with-parent", KEY_WITH_PARENT, NULL, 0, "end when the parent process ends", 1},
	{"no-realtime", KEY_NO_REALTIME, NULL, 0, "do not ask for real-time scheduling", 1},
	{"rebind", KEY_REBIND, "TIME[,TIME]", 0,
	 "at these times after the first TCP or UDP packet the NAT before side A gives every UDP "
	 "flow a new source port and forgets the old one",
	 2},
	{"rebind-every", KEY_REBIND_EVERY, "TIME", 0, "the same again and again", 2},
	{"rebind-range", KEY_REBIND_RANGE, "ADDRESS,N", 0,
	 "... and one of N source addresses from ADDRESS on in turn; may be given for IPv4 and for "
	 "IPv6",
	 2},
};

enum { GLOBAL_OPTIONS = sizeof global_options / sizeof *global_options };

static const char *take_prefix(const char *text, unsigned bits_max, unsigned *bits)
{
	uint64_t value;

	if (!units_integer(text, bits_max, &value))
		return "bad prefix length";
	*bits = (unsigned)value;
	return NULL;
}

static const char *side_address(struct side_conf *side, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : 0;

	if (!slash || size >= sizeof address)
		return "an address needs a prefix length: 10.0.0.1/24";
	memcpy(address, text, size);
	address[size] = 0;
	if (inet_pton(AF_INET, address, &side->v4) == 1) {
		side->has_v4 = true;
		return take_prefix(slash + 1, 32, &side->v4_prefix_bits);
	}
	if (inet_pton(AF_INET6, address, &side->v6) == 1) {
		side->has_v6 = true;
		return take_prefix(slash + 1, 128, &side->v6_prefix_bits);
	}
	return "neither an IPv4 nor an IPv6 address";
}

static const char *side_netns(struct side_conf *side, const char *text)
{
	const char *rest;
	uint64_t pid;
	int size;

	if (strcmp(text, "self") == 0)
		size = snprintf(side->netns, sizeof side->netns, "%s", "");
	else if ((rest = text_after(text, "ns:")) && *rest && !strchr(rest, '/'))
		size = snprintf(side->netns, sizeof side->netns, "/run/netns/%s", rest);
	else if ((rest = text_after(text, "pid:")) && units_integer(rest, INT_MAX, &pid))
		size = snprintf(side->netns, sizeof side->netns, "/proc/%u/ns/net", (unsigned)pid);
	else if ((rest = text_after(text, "path:")) && *rest)
		size = snprintf(side->netns, sizeof side->netns, "%s", rest);
	else
		return "begins with ns:NAME, pid:PID, path:FILE or self";
	return (size_t)size < sizeof side->netns ? NULL : "name of the namespace is too long";
}

const char *options_side(struct side_conf *side, const char *text)
{
	struct text_parts parts;
	const char *wrong, *device;

	if (!text_split(&parts, text))
		return "too long";
	wrong = side_netns(side, parts.part[0]);
	for (unsigned i = 1; !wrong && i < parts.count; i++) {
		device = text_after(parts.part[i], "dev=");
		if (!device)
			wrong = side_address(side, parts.part[i]);
		else if (!*device || strlen(device) >= sizeof side->device)
			wrong = "bad device name";
		else
			snprintf(side->device, sizeof side->device, "%s", device);
	}
	if (!wrong && !side->has_v4 && !side->has_v6)
		wrong = "without an address";
	return wrong;
}

static const char *take_rebind(struct nat_conf *nat, const char *text)
{
	struct text_parts parts;

	if (!text_split(&parts, text))
		return "too many times";
	for (unsigned i = 0; i < parts.count; i++) {
		if (nat->times == REBINDS_MAX)
			return "too many times";
		if (!units_duration(parts.part[i], &nat->at_ns[nat->times++]))
			return "not a time";
	}
	return NULL;
}

static const char *take_rebind_range(struct nat_conf *nat, const char *text)
{
	struct text_parts parts;
	uint64_t count;

	if (!text_split(&parts, text) || parts.count != 2 ||
	    !units_integer(parts.part[1], 1024, &count) || count == 0)
		return "first address and count (1 to 1024), please";
	if (inet_pton(AF_INET, parts.part[0], &nat->v4_first) == 1)
		nat->v4_size = (uint32_t)count;
	else if (inet_pton(AF_INET6, parts.part[0], &nat->v6_first) == 1)
		nat->v6_size = (uint32_t)count;
	else
		return "neither an IPv4 nor an IPv6 address";
	return NULL;
}

static const char *take_mtu(struct linkem_conf *conf, const char *text)
{
	uint64_t value;

	if (!units_integer(text, MTU_MAX, &value) || value < MTU_MIN)
		return "between 576 and 65535";
	conf->mtu_bytes = (unsigned)value;
	return NULL;
}

static const char *take_settled(struct linkem_conf *conf, const char *text)
{
	struct text_parts parts;

	if (!text_split(&parts, text) || parts.count != 2 ||
	    !units_duration(parts.part[0], &conf->settled_from_ns) ||
	    !units_duration(parts.part[1], &conf->settled_to_ns) ||
	    conf->settled_to_ns <= conf->settled_from_ns)
		return "two times in order, please";
	return NULL;
}

static const char *take_series(struct linkem_conf *conf, const char *text)
{
	struct text_parts parts;

	if (!text_split(&parts, text) || parts.count < 2 ||
	    !units_duration(parts.part[0], &conf->series_interval_ns) || !conf->series_interval_ns)
		return "a time above 0 and a file, please";
	conf->series_path = strchr(text, ',') + 1;
	return NULL;
}

static const char *take_impairment(struct linkem_conf *conf, int key, const char *text)
{
	const struct impairment *row = &impairments[(key - KEY_IMPAIRMENTS) / PREFIXES];
	int prefix = (key - KEY_IMPAIRMENTS) % PREFIXES;
	const char *wrong = NULL;

	if (prefix != 2)
		wrong = row->set(&conf->direction[DIRECTION_AB], text);
	if (!wrong && prefix != 1)
		wrong = row->set(&conf->direction[DIRECTION_BA], text);
	return wrong;
}

static bool is_impairment(int key)
{
	return key >= KEY_IMPAIRMENTS &&
	       key < KEY_IMPAIRMENTS + (int)(PREFIXES * impairments_count);
}

static const char *take(struct linkem_conf *conf, enum key key, char *text)
{
	switch (key) {
	case KEY_A:
		return options_side(&conf->side[DIRECTION_AB], text);
	case KEY_B:
		return options_side(&conf->side[DIRECTION_BA], text);
	case KEY_MTU:
		return take_mtu(conf, text);
	case KEY_SEED:
		return units_integer(text, UINT64_MAX, &conf->seed) ? NULL : "not a whole number";
	case KEY_STATS:
		conf->stats_path = text;
		return NULL;
	case KEY_SETTLED:
		return take_settled(conf, text);
	case KEY_SERIES:
		return take_series(conf, text);
	case KEY_NAP:
		return units_duration(text, &conf->nap_ns) && conf->nap_ns < 1000000000
			       ? NULL
			       : "not a time below 1s";
	case KEY_REBIND:
		return take_rebind(&conf->nat, text);
	case KEY_REBIND_EVERY:
		return units_duration(text, &conf->nat.every_ns) ? NULL : "not a time";
	case KEY_REBIND_RANGE:
		return take_rebind_range(&conf->nat, text);
	case KEY_WITH_PARENT:
		conf->with_parent = true;
		return NULL;
	case KEY_NO_REALTIME:
		conf->realtime = false;
		return NULL;
	case KEY_IMPAIRMENTS:
		break;
	}
	return NULL;
}

static error_t on_option(int key, char *text, struct argp_state *state)
{
	struct linkem_conf *conf = state->input;
	const char *wrong;

	if (key == ARGP_KEY_END &&
	    (!conf->side[DIRECTION_AB].device[0] || !conf->side[DIRECTION_BA].device[0] ||
	     !(conf->side[DIRECTION_AB].has_v4 || conf->side[DIRECTION_AB].has_v6) ||
	     !(conf->side[DIRECTION_BA].has_v4 || conf->side[DIRECTION_BA].has_v6))) {
		argp_error(state, "both --a and --b are needed");
		return EINVAL;
	}
	if (key == ARGP_KEY_ARG) {
		argp_error(state, "unexpected argument '%s'", text);
		return EINVAL;
	}
	if (is_impairment(key))
		wrong = take_impairment(conf, key, text);
	else if (key >= KEY_A && key < KEY_IMPAIRMENTS)
		wrong = take(conf, (enum key)key, text);
	else
		return ARGP_ERR_UNKNOWN;
	if (!wrong)
		return 0;
	argp_error(state, "'%s': %s", text, wrong);
	return EINVAL;
}

/* --help lists only the form for both directions, and mentions the other two. */
static void list_impairments(struct argp_option *option, char (*name)[NAME_SIZE])
{
	static const char *const prefix[PREFIXES] = {"", "ab-", "ba-"};

	for (size_t i = 0; i < impairments_count * PREFIXES; i++) {
		const struct impairment *row = &impairments[i / PREFIXES];

		snprintf(name[i], NAME_SIZE, "%s%s", prefix[i % PREFIXES], row->name);
		option[i] = (struct argp_option){
			.name = name[i],
			.key = KEY_IMPAIRMENTS + (int)i,
			.arg = row->argument,
			.flags = i % PREFIXES ? OPTION_HIDDEN : 0,
			.doc = row->help,
			.group = 3,
		};
	}
}

static void set_defaults(struct linkem_conf *conf)
{
	memset(conf, 0, sizeof *conf);
	conf->mtu_bytes = MTU_DEFAULT;
	conf->seed = 1;
	conf->settled_to_ns = UINT64_MAX;
	conf->realtime = true;
	for (enum direction d = 0; d < DIRECTIONS; d++) {
		conf->direction[d] = impairments_none;
		memcpy(conf->side[d].device, "link0", sizeof "link0");
	}
}

int options_parse(struct linkem_conf *conf, int argc, char **argv, unsigned flags)
{
	static char names[IMPAIRMENTS_MAX * PREFIXES][NAME_SIZE];
	static struct argp_option options[GLOBAL_OPTIONS + IMPAIRMENTS_MAX * PREFIXES + 1];
	static const struct argp argp = {
		.options = options,
		.parser = on_option,
		.doc = "Joins two network namespaces by an emulated bad link."
		       "\vEach option of the last group holds for both directions; with ab- or ba- "
		       "before its name (--ab-loss 2%) for what A or B sends. The last one given "
		       "counts.",
	};

	set_defaults(conf);
	memcpy(options, global_options, sizeof global_options);
	list_impairments(options + GLOBAL_OPTIONS, names);
	return argp_parse(&argp, argc, argv, flags, NULL, conf);
}
