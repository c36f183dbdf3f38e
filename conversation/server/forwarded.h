/* SPDX-License-Identifier: MIT */
/*
 * forwarded - the client's address in the headers that a trusted proxy adds to a web request:
 * X-Forwarded-For, or Forwarded.
 *
 * Model    The client is the last address that is not of a trusted proxy, or the first if all are:
 *          what stands before it may be made up. If a request has both headers, the proxy may have
 *          written one and the client the other; so both must name the same client. Ports are
 *          checked and not used.
 * Limits   those of the request (web/http.h). Nothing is allocated.
 * Threads  any.
 * Source   RFC 7239, sections 4 and 6. X-Forwarded-For has no specification: addresses without
 *          ports, separated by commas.
 */
#ifndef APO_SERVER_FORWARDED_H
#define APO_SERVER_FORWARDED_H

#include "conversation/server/proxy_header.h"
#include "conversation/web/http.h"

/* Returns OK with the client, whose port is 0; OTHER: it is not named; MALFORMED: Forwarded breaks
 * the rules of RFC 7239; AMBIGUOUS. */
enum apo_proxy_verdict apo_forwarded_client(const struct apo_config *config,
					    const struct apo_http_request *request,
					    struct rudp_addr *client);

#endif
