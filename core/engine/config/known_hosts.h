/* SPDX-License-Identifier: MIT */
/*
 * known_hosts - the public keys that hosts are known to have.
 *
 * File     lines (key_text.h) of one of these forms:
 *
 *	HOST[,HOST...] rudp-x25519 BASE64 [comment]
 *	@revoked [HOST[,HOST...]|*] rudp-x25519 BASE64 [comment]
 *
 *          A HOST is an IPv4 or IPv6 address or a name, and may have a port: 192.0.2.1,
 *          192.0.2.1:22, 2001:db8::1, [2001:db8::1]:22, server.example, server.example:22.
 *          Names are compared without regard to case; they are not resolved.
 * Revoked  A revoked key is good for no host, whatever other lines say. Its hosts are only shown.
 * Choice   An entry with the port precedes one without. Of several entries that are left, the last
 *          one in the file counts.
 * Errors   A file is accepted as a whole or not at all.
 * Limits   RUDP_KNOWN_HOSTS_BYTES_MAX, and RUDP_KNOWN_HOSTS_MAX hosts.
 */
#ifndef RUDP_ENGINE_KNOWN_HOSTS_H
#define RUDP_ENGINE_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/config/identity.h"

#define RUDP_KNOWN_HOSTS_BYTES_MAX (1u << 20)
#define RUDP_KNOWN_HOSTS_MAX 4096u
#define RUDP_HOST_TEXT_SIZE 262              /* a name of 253 characters, a colon and a port */
#define RUDP_HOST_LINE_NONE (UINT32_MAX - 1) /* added in memory: later than all lines */

enum rudp_known_host { RUDP_HOST_UNKNOWN, RUDP_HOST_KNOWN, RUDP_HOST_REVOKED };

enum rudp_known_host_kind { RUDP_HOST_ADDRESS, RUDP_HOST_NAME, RUDP_HOST_REVOKED_KEY };

struct rudp_known_host_entry {
	enum rudp_known_host_kind kind;
	unsigned line;
	const char *host; /* as in the file, with its port; "*" if a revoked key has none */
	uint16_t port;    /* 0: any */
	struct rudp_addr_key addr; /* of an ADDRESS, without its port */
	size_t name_len;           /* of a NAME: of host, without its port */
	uint8_t public_key[RUDP_IDENTITY_BYTES];
};

struct rudp_known_host_added;

/* All zeros: no hosts. */
struct rudp_known_hosts {
	struct rudp_known_host_entry *entries; /* sorted by kind, host, port and line */
	unsigned count, capacity;
	char *text;                          /* the strings in entries point into it */
	struct rudp_known_host_added *added; /* strings of entries added in memory */
};

/*
 * Decodes the content of a file. hosts must be empty.
 *
 * Returns  false: hosts is empty; text has the line, the column and what was expected.
 */
bool rudp_known_hosts_parse(struct rudp_known_hosts *hosts, const char *content, size_t len,
			    const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/* Reads a file that only its owner may change. hosts must be empty. false: as above. */
bool rudp_known_hosts_load(struct rudp_known_hosts *hosts, const char *path,
			   char text[RUDP_KEY_TEXT_SIZE]);
void rudp_known_hosts_fini(struct rudp_known_hosts *hosts);

/*
 * Finds the key of the host at an address and port. line, which may be NULL, becomes that of the
 * entry.
 *
 * Returns  UNKNOWN: public_key and line are untouched; REVOKED: the key of the entry that counts is
 *          revoked, and no other key is good for this host. NULL for hosts means none.
 */
enum rudp_known_host rudp_known_hosts_find(const struct rudp_known_hosts *hosts,
					   const struct rudp_addr *addr,
					   uint8_t public_key[RUDP_IDENTITY_BYTES], unsigned *line);
/* The same for a HOST as the file has it: a name or an address, and a port if wanted. */
enum rudp_known_host rudp_known_hosts_find_name(const struct rudp_known_hosts *hosts,
						const char *host,
						uint8_t public_key[RUDP_IDENTITY_BYTES],
						unsigned *line);
/* The same for a name without a port, and a port. A text that is no name is not known. */
enum rudp_known_host rudp_known_hosts_find_name_at(const struct rudp_known_hosts *hosts,
						   const char *name, uint16_t port,
						   uint8_t public_key[RUDP_IDENTITY_BYTES],
						   unsigned *line);
/* Whether there is an entry for this HOST with exactly this port, or with none if it has none. */
bool rudp_known_hosts_has(const struct rudp_known_hosts *hosts, const char *host);
bool rudp_known_hosts_is_revoked(const struct rudp_known_hosts *hosts,
				 const uint8_t public_key[RUDP_IDENTITY_BYTES]);
/*
 * Some host has this key, and it is not revoked. Returns how the file calls that host, preferably
 * by a name; NULL: no host.
 */
const char *rudp_known_hosts_find_key(const struct rudp_known_hosts *hosts,
				      const uint8_t public_key[RUDP_IDENTITY_BYTES]);

/*
 * Adds the key of an address, with its port unless that is 0, in memory. Returns 0, -ENOMEM, or
 * -ENOSPC: there are RUDP_KNOWN_HOSTS_MAX hosts.
 */
int rudp_known_hosts_add(struct rudp_known_hosts *hosts, const struct rudp_addr *addr,
			 const uint8_t public_key[RUDP_IDENTITY_BYTES]);

/* Whether text is a HOST as the file may have it. */
bool rudp_known_hosts_is_host(const char *text);
/*
 * Whether a HOST of len bytes in a file is meant by another one: they are equal, and so are the
 * ports if meant has one.
 */
bool rudp_known_hosts_is_meant(const char *host, size_t len, const char *meant);

/*
 * Opens a file to append to it, and creates it with mode 600. Returns a descriptor or -errno;
 * -ENOENT: its directory does not exist.
 */
int rudp_known_hosts_open(const char *path);
/*
 * Appends a line for a host in one write(2), after a newline if the last line lacks it. host: as in
 * the file. fd: of rudp_known_hosts_open().
 *
 * Returns  0, or -errno; -EIO: the file has only a part of the line.
 */
int rudp_known_hosts_append(int fd, const char *host, const uint8_t public_key[RUDP_IDENTITY_BYTES],
			    const char *comment);
/* How the file writes an address: "192.0.2.1:22", or without a port that is 0. Returns text. */
char *rudp_known_hosts_format(const struct rudp_addr *addr, char text[RUDP_HOST_TEXT_SIZE]);

#endif
