/* SPDX-License-Identifier: MIT */
/*
 * cloak - addresses of clients as text, and the cloaks that other users see in their place.
 *
 * A cloak hides the address but shows which clients are neighbours:
 * "8f2c01a977.31d2ee7045.9a4be01290.ip" has a part for the whole address (IPv4 /32, IPv6 /128), one
 * for its network (/24, /64) and one for the wider network (/16, /48). So a ban can name a network:
 * "*.9a4be01290.ip". Each part is a keyed BLAKE2b hash (libsodium).
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

/* Writes the host that others see: the cloak, or the address if the configuration does not
 * cloak. */
void apo_cloak(const struct apo_config *config, const struct rudp_addr *address,
	       char host[APO_HOST_SIZE]);

/* At most 16 bytes that are always the same for a text. They cannot be computed without
 * the key of cloaks. */
void apo_cloak_derive(const struct apo_config *config, const char *text, uint8_t *to, size_t size);

/* Initializes libsodium and the random key of this process, for configurations without a key. Call
 * it once, first. Returns 0 or -EIO. */
int apo_cloak_init(void);

/* The random key, for the next process: no client's host may change. */
void apo_cloak_serialize(struct apo_serializer *serializer);

#endif
