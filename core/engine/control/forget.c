/* SPDX-License-Identifier: MIT */
#include "engine/control/forget.h"

#include <arpa/inet.h>

#include "base/log.h"
#include "proto/conn/endpoint.h"

/* The address without the port. */
static const char *name_of(const struct rudp_addr *host, char text[INET6_ADDRSTRLEN])
{
	const void *bytes = host->family == AF_INET ? (const void *)&host->in4.sin_addr
						    : (const void *)&host->in6.sin6_addr;

	return inet_ntop(host->family, bytes, text, INET6_ADDRSTRLEN);
}

void rudp_forget_host(struct rudp_engine *engine, const struct rudp_addr *host,
		      struct rudp_control_forgotten *forgotten)
{
	struct rudp_forgotten by_endpoint = rudp_endpoint_forget_host(engine->ep, host);
	char text[INET6_ADDRSTRLEN];

	*forgotten = (struct rudp_control_forgotten){
		.pid = engine->pid,
		.routes = rudp_route_cache_forget_host(&engine->route_cache, host),
		.failures = rudp_failures_forget_host(&engine->failures, host),
		.associations = by_endpoint.associations,
		.paths = by_endpoint.paths};
	rudp_log(RUDP_LOG_INFO,
		 "forgets %s as asked: %u routes, %u failures, %u associations, %u paths",
		 host ? name_of(host, text) : "all hosts", forgotten->routes, forgotten->failures,
		 forgotten->associations, forgotten->paths);
}
