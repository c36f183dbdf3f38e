/* SPDX-License-Identifier: MIT */
/*
 * authorized_keys - the public keys of those who may connect, and the conditions for each.
 *
 * File     lines (key_text.h) of one of these forms:
 *
 *	[OPTION[,OPTION...]] rudp-x25519 BASE64 NAME
 *	@revoked rudp-x25519 BASE64 [NAME]
 *
 *          The options and their brackets may be missing. Each option may occur once in a line;
 *          blanks are not allowed within the brackets. Values are separated by semicolons:
 *
 *	listen=22;8000-8999            only connections to these ports of this host
 *	from=10.0.0.0/8;2001:db8::1    only from these addresses
 *	expires=2027-01-01             not from this day or second on (UTC; or 2027-01-01T12:00:00Z)
 *	groups=admins;ops              @admins and @ops in rules mean this key, too
 *
 * Several  A key may have several lines: it is enough if one of them allows the connection.
 * Revoked  A revoked key is never allowed, whatever other lines say.
 * Errors   A file is accepted as a whole or not at all. Unknown options are errors.
 * Limits   RUDP_AUTHORIZED_KEYS_BYTES_MAX, RUDP_AUTHORIZED_KEYS_MAX lines with keys, and
 *          RUDP_AUTHORIZED_VALUES_MAX values for an option.
 */
#ifndef RUDP_ENGINE_AUTHORIZED_KEYS_H
#define RUDP_ENGINE_AUTHORIZED_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/config/identity.h"

#define RUDP_AUTHORIZED_KEYS_BYTES_MAX (1u << 20)
#define RUDP_AUTHORIZED_KEYS_MAX 4096u
#define RUDP_AUTHORIZED_VALUES_MAX 8
#define RUDP_AUTHORIZED_NAME_SIZE 64 /* of a name or a group, with its terminating 0 */

/* Result, and a text for the log that follows "the key SHA256:... ". */
#define RUDP_AUTHORIZATIONS(X)                                                                     \
	X(OK, "is authorized")                                                                     \
	X(UNKNOWN, "is not in the file of authorized keys")                                        \
	X(REVOKED, "is revoked")                                                                   \
	X(EXPIRED, "has expired")                                                                  \
	X(WRONG_PORT, "is not authorized for this port (listen=)")                                 \
	X(WRONG_ADDRESS, "is not authorized from this address (from=)")                            \
	X(NOT_MEMBER, "is not allowed by the rule for this listener (allow)")

#define RUDP_AUTHORIZATION_ENUM(name, text) RUDP_AUTHORIZATION_##name,
enum rudp_authorization { RUDP_AUTHORIZATIONS(RUDP_AUTHORIZATION_ENUM) };
#undef RUDP_AUTHORIZATION_ENUM

struct rudp_authorized_key;

/* All zeros: no keys. */
struct rudp_authorized_keys {
	struct rudp_authorized_key *list; /* sorted by key and line */
	unsigned count, capacity;
};

/*
 * Decodes the content of a file. keys must be empty.
 *
 * Returns  false: keys is empty; text has the line, the column and what was expected.
 */
bool rudp_authorized_keys_parse(struct rudp_authorized_keys *keys, const char *content, size_t len,
				const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/* Reads a file that only its owner may change. keys must be empty. false: as above. */
bool rudp_authorized_keys_load(struct rudp_authorized_keys *keys, const char *path,
			       char text[RUDP_KEY_TEXT_SIZE]);
void rudp_authorized_keys_fini(struct rudp_authorized_keys *keys);

/*
 * Whether a peer that has proved a key may connect to a port of this host from an address at the
 * Unix time now_s. keys: NULL means none. who: names, and groups with a @, separated by commas, of
 * which the line must have one; NULL: any line will do.
 *
 * Returns  OK; else the reason of the last line with this key. *name, if name is not NULL, becomes
 *          the name in the line that decided, or NULL if there is none. It is valid as long as keys
 *          is.
 */
enum rudp_authorization rudp_authorized_keys_check(const struct rudp_authorized_keys *keys,
						   const uint8_t public_key[RUDP_IDENTITY_BYTES],
						   uint16_t listen_port,
						   const struct rudp_addr *from, int64_t now_s,
						   const char *who, const char **name);
const char *rudp_authorization_text(enum rudp_authorization authorization);
/* keys: NULL means none. */
bool rudp_authorized_keys_is_revoked(const struct rudp_authorized_keys *keys,
				     const uint8_t public_key[RUDP_IDENTITY_BYTES]);
/* The name in the first line with this key that has one; NULL: none. */
const char *rudp_authorized_keys_name(const struct rudp_authorized_keys *keys,
				      const uint8_t public_key[RUDP_IDENTITY_BYTES]);
/*
 * Whether text is a name, or a group if it begins with @. Characters are letters, digits and any of
 * "._@+-"; the first is a letter, a digit or _.
 */
bool rudp_authorized_is_name(const char *text, size_t len);

/* For display: the keys from index 0 on. false: no more. */
struct rudp_authorized_line {
	unsigned line;
	const char *name; /* "" if a revoked key has none */
	const uint8_t *public_key;
	int64_t expires_s; /* INT64_MAX: never */
	bool is_revoked;
};
bool rudp_authorized_keys_line(const struct rudp_authorized_keys *keys, unsigned index,
			       struct rudp_authorized_line *line);

#endif
