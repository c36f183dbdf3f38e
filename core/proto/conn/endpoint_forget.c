/* SPDX-License-Identifier: MIT */
/* Forgets, on request, what connections have left behind about hosts. */
#include "proto/conn/endpoint_private.h"

static struct rudp_forgotten forget_all(struct rudp_endpoint *ep)
{
	struct rudp_forgotten forgotten = {
		.associations = ep->associations.given_count + ep->associations.taken_count,
		.paths = ep->known_paths.count};

	rudp_associations_clear(&ep->associations);
	rudp_known_paths_clear(&ep->known_paths);
	return forgotten;
}

struct rudp_forgotten rudp_endpoint_forget_host(struct rudp_endpoint *ep,
						const struct rudp_addr *host)
{
	rudp_refusals_forget(&ep->refusals, host);
	if (!host)
		return forget_all(ep);
	return (struct rudp_forgotten){
		.associations = rudp_associations_forget_host(&ep->associations, host),
		.paths = rudp_known_paths_forget_host(&ep->known_paths, host)};
}
