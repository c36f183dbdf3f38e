/* SPDX-License-Identifier: MIT */
/*
 * identity - the parts of `rudp key` that work on the files of identities: the own key, the known
 * hosts, the authorized keys.
 *
 * Each rudp_key_ function prints its errors and returns the exit code.
 */
#ifndef RUDP_TOOLS_IDENTITY_H
#define RUDP_TOOLS_IDENTITY_H

#include <stdbool.h>

#include "engine/config/identity_files.h"

/* The ports for which the key of an account is fetched. None: the key of the host, for all
 * ports. */
#define RUDP_ENROLL_PORTS_MAX 16
struct rudp_enroll_ports {
	uint16_t list[RUDP_ENROLL_PORTS_MAX];
	unsigned count;
};

/* The arguments of `rudp key ACTION'. */
struct rudp_key_arguments {
	const char *what; /* a file, a host ...; NULL: not given, so the default file */
	bool json;
	struct rudp_enroll_ports ports;
};

int rudp_key_new(const struct rudp_key_arguments *arguments);
int rudp_key_show(const struct rudp_key_arguments *arguments);
/* Checks the identity, the known hosts and the authorized keys. */
int rudp_key_check(const struct rudp_key_arguments *arguments);
/* hosts.c: lists the known hosts; removes a host. */
int rudp_key_hosts(const struct rudp_key_arguments *arguments);
int rudp_key_forget(const struct rudp_key_arguments *arguments);
/* enroll.c: exchanges public keys with a host over ssh(1). what: [USER@]HOST. */
int rudp_key_enroll(const struct rudp_key_arguments *arguments);
/* ask.c: asks about the keys that connections wait for (set first-contact ask), until it is
 * interrupted, or has no input for an answer. */
int rudp_key_ask(const struct rudp_key_arguments *arguments);
/*
 * Adds a host, as ssh connects to it, with its addresses to the known hosts. false: an error was
 * printed, and nothing is added unless writing failed.
 */
bool rudp_enroll_host(const struct rudp_identity_files *files, const char *host,
		      const struct rudp_enroll_ports *ports,
		      const uint8_t key[RUDP_IDENTITY_BYTES]);

/*
 * For a program that this process is about to execute: another process asks on their terminal until
 * the program ends. Does nothing if the settings do not say "ask", or if there is no terminal.
 */
void rudp_ask_beside_program(void);

/* Finds the places of the files of this user. false: an error was printed. */
bool rudp_identity_places(struct rudp_identity_files *files);
/* The first place of a file that exists, as an engine uses it, else the first. NULL: there is
 * none. */
const char *rudp_identity_find(const struct rudp_identity_files *files,
			       enum rudp_identity_file file);
/* Makes the directories of a path that are missing, for this user only. Returns 0 or -errno. */
int rudp_make_parents(const char *path);

/* USER@HOST of this user, as far as its characters are those of a name in authorized_keys. */
void rudp_identity_own_name(char name[RUDP_AUTHORIZED_NAME_SIZE]);

/* The addresses of a host, without ports. */
#define RUDP_RESOLVED_MAX 64
struct rudp_resolved {
	struct rudp_addr addrs[RUDP_RESOLVED_MAX];
	unsigned count;
};
/* Returns NULL, or why host, a name or an address, cannot be resolved. Says if some do not fit. */
const char *rudp_resolve(struct rudp_resolved *resolved, const char *host);

#endif
