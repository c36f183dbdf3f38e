/* SPDX-License-Identifier: MIT */
/*
 * cloak - addresses of clients as text, and what others see in their place.
 *
 * A cloak hides the address and still tells neighbours: "8f2c01a977.31d2ee7045.9a4be01290.ip" has a
 * part for the whole address (v4 /32, v6 /128), one for its network (/24, /64) and one for the
 * wider one (/16, /48), each keyed, so that bans can name networks: "*.9a4be01290.ip". Keyed
 * BLAKE2b by libsodium.
 *
 * Threads  any.
 */
#ifndef APO_SERVER_CLOAK_H
#define APO_SERVER_CLOAK_H

#include "base/addr.h"
#include "conversation/model/serializer.h"
#include "conversation/server/config.h"

#define APO_HOST_SIZE 64

/* The address without its port; IPv6 never begins with a colon ("0::1"). Returns text. */
char *apo_address_text(const struct rudp_addr *address, char text[APO_HOST_SIZE]);

/* The host that others see: the cloak, or the address where the configuration says so. */
void apo_cloak(const struct apo_config *config, const struct rudp_addr *address,
	       char host[APO_HOST_SIZE]);

/* libsodium, and the key of this process for configurations without one. Once, before all others.
 * Returns 0 or -EIO. */
int apo_cloak_init(void);

/* That key, for the process that goes on: nobody's host may change. */
void apo_cloak_serialize(struct apo_serializer *serializer);

#endif
