/* SPDX-License-Identifier: MIT */
/* rudp forget: removes what the engines know about one host or all hosts. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "identity.h"
#include "ss.h"
#include "tool.h"

struct forget {
	const char *host; /* NULL: all */
	struct rudp_resolved at;
	uint64_t routes, failures, associations, paths;
	unsigned engines, denied, failed;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct forget *forget = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (forget->host)
		argp_error(state, "one host at a time; without one, all hosts are forgotten");
	forget->host = value;
	return 0;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[HOST]",
	.doc = "Makes the running engines forget what they know about HOST, a name or an address, "
	       "or about all hosts: whether TCP was faster, failed connections, associations for "
	       "resumption, and measured paths. Connections continue.\v"
	       "The next connection tries rudp again. Exit code: 1 if an engine could not "
	       "be asked.",
};

static int forget_at(void *context, const struct rudp_engine_place *engine)
{
	struct forget *forget = context;
	struct rudp_control_reply reply;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < forget->at.count; i++) {
		rc = rudp_engine_ask(engine, RUDP_CONTROL_FORGET, 0, &forget->at.addrs[i], &reply);
		if (rc < 0)
			break;
		forget->routes += reply.forgotten.routes;
		forget->failures += reply.forgotten.failures;
		forget->associations += reply.forgotten.associations;
		forget->paths += reply.forgotten.paths;
	}
	forget->engines += rc == 0;
	forget->denied += rc == -EACCES;
	/* An engine that has ended meanwhile knows nothing any more. */
	if (rc < 0 && rc != -EACCES && rc != -ECONNREFUSED && rc != -ECONNRESET) {
		forget->failed++;
		warnx("an engine has forgotten nothing: %s",
		      rc == -EPROTO ? "it has another version (it forgets all when it ends)"
				    : strerror(-rc));
	}
	return 0;
}

static bool resolve(struct forget *forget)
{
	const char *why = rudp_resolve(&forget->at, forget->host);

	if (why)
		warnx("%s: %s%s", forget->host, why,
		      strchr(forget->host, ':') ? "; expected a host without a port" : "");
	return !why;
}

static void print(const struct forget *forget)
{
	const char *host = forget->host ? forget->host : "all hosts";

	if (forget->engines == 0 && forget->denied == 0 && forget->failed == 0)
		printf("%s: no engine is running, so there is nothing to forget\n", host);
	else if (forget->engines > 0)
		printf("%s: forgotten: routes %" PRIu64 ", failures %" PRIu64
		       ", associations %" PRIu64 ", paths %" PRIu64 "; engines asked: %u\n",
		       host, forget->routes, forget->failures, forget->associations, forget->paths,
		       forget->engines);
	if (forget->denied)
		warnx("engines of other users or containers, which have forgotten nothing: %u "
		      "(root can ask those of users)",
		      forget->denied);
}

int rudp_tool_forget(int argc, char **argv)
{
	struct forget forget = {.host = NULL};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &forget);
	if (!forget.host)
		forget.at.addrs[forget.at.count++] = (struct rudp_addr){.family = AF_UNSPEC};
	else if (!resolve(&forget))
		return RUDP_EXIT_USAGE;
	rc = rudp_engines_visit(forget_at, &forget);
	if (rc < 0) {
		warnx("cannot look for engines: %s", strerror(-rc));
		return 1;
	}
	print(&forget);
	return forget.failed || (forget.denied && !forget.engines) || fflush(stdout) == EOF ? 1 : 0;
}
