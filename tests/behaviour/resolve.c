/* SPDX-License-Identifier: MIT */
/* getaddrinfo(), whose answers the shim only notes. */
#include "behaviour/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

/* Says what the answer is; errno is that of before if nothing has failed. */
static void resolve(const char *node, const char *service, int flags)
{
	struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM}, *answer = NULL;
	char text[INET6_ADDRSTRLEN];
	int rc;

	errno = 77;
	rc = getaddrinfo(node, service, &hints, &answer);
	say("%s %s: %d", node ? node : "no name", service ? service : "no service", rc);
	if (rc != 0)
		return;
	for (const struct addrinfo *at = answer; at; at = at->ai_next)
		say("family %d type %d address %s name %s", at->ai_family, at->ai_socktype,
		    getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0,
				NI_NUMERICHOST) == 0
			    ? text
			    : "?",
		    at->ai_canonname ? at->ai_canonname : "none");
	freeaddrinfo(answer);
}

CHECK(resolving_names)
{
	resolve("localhost", "80", 0);
	resolve("localhost", "80", AI_CANONNAME);
	resolve("127.0.0.1", "80", AI_NUMERICHOST);
	resolve("::1", NULL, 0);
	resolve(NULL, "80", AI_PASSIVE);
	resolve(NULL, NULL, 0);
	resolve("localhost", "80", AI_NUMERICHOST);
	resolve("localhost", "no-such-service", 0);
	resolve("127.0.0.1", "80", 1 << 30);
}
