/* SPDX-License-Identifier: MIT */
/*
 * proxy_header - the client's address, as a trusted proxy in front of the server tells it in a
 * header of the PROXY protocol, version 1 or 2.
 *
 * Model    The header of the PROXY protocol precedes everything else, also TLS. It may name
 *          the client. If not, the connection is the proxy's own (command LOCAL, UNKNOWN). Of the
 *          extensions of version 2 (TLV) the checksum (CRC32c) must be right; others are skipped.
 * Limits   APO_PROXY_HEADER_BYTES_MAX bytes with extensions. Nothing is allocated.
 * Threads  any.
 * Source   The PROXY protocol, versions 1 & 2 (haproxy.org, proxy-protocol.txt), section 2.
 */
#ifndef APO_SERVER_PROXY_HEADER_H
#define APO_SERVER_PROXY_HEADER_H

#include "base/addr.h"
#include "conversation/server/config.h"

#define APO_PROXY_HEADER_BYTES_MAX 2048

enum apo_proxy_verdict {
	APO_PROXY_OK,
	APO_PROXY_INCOMPLETE,
	APO_PROXY_OTHER,     /* it does not begin like a header */
	APO_PROXY_MALFORMED, /* it does, and is wrong or too long */
	APO_PROXY_AMBIGUOUS, /* X-Forwarded-For and Forwarded differ (forwarded.h) */
};

struct apo_proxy_header {
	size_t len;
	bool has_client;
	struct rudp_addr client;
};

/* Parses the beginning of bytes[0..len). header is filled for OK alone. */
enum apo_proxy_verdict apo_proxy_header_parse(const uint8_t *bytes, size_t len,
					      struct apo_proxy_header *header);

/* Returns whether the address may tell the addresses of others. */
bool apo_proxy_is_trusted(const struct apo_config *config, const struct rudp_addr *address);

#endif
