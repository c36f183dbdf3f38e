/* SPDX-License-Identifier: MIT */
/* Removes, on request, what connections have stored about hosts. */
#include "proto/conn/endpoint_private.h"

static struct rudp_forgotten forget_all(struct rudp_endpoint *ep)
{
	struct rudp_forgotten forgotten = {.associations = ep->associations.given_count +
							   ep->associations.taken_count,
					   .paths = rudp_host_cache_forget(&ep->hosts, NULL)};

	rudp_associations_clear(&ep->associations);
	return forgotten;
}

struct rudp_forgotten rudp_endpoint_forget_host(struct rudp_endpoint *ep,
						const struct rudp_addr *host)
{
	if (!host)
		return forget_all(ep);
	return (struct rudp_forgotten){
		.associations = rudp_associations_forget_host(&ep->associations, host),
		.paths = rudp_host_cache_forget(&ep->hosts, host)};
}
