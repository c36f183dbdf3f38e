/* SPDX-License-Identifier: MIT */
/*
 * name_notes - remembers under which names this program has found an address, so that the engine
 * can demand the keys that its known hosts have for these names (rudp_keys(5)).
 *
 * A note is a name and an address that the resolver has answered for it. Notes only add demands, so
 * an answer never replaces an older one: an attacker who answers for a name could make the
 * program's next connection forget its name.
 *
 * Limits   RUDP_NAME_NOTES notes; the oldest goes first. Of one answer, the first
 *          RUDP_NAME_ANSWER_MAX addresses. A note is good for RUDP_NAME_NOTE_S. fork copies the
 *          notes, exec loses them.
 * Threads  any; noting and finding are async-signal-safe; no allocation.
 */
#ifndef RUDP_API_NAME_NOTES_H
#define RUDP_API_NAME_NOTES_H

#include <netdb.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/addr.h"

#define RUDP_NAME_NOTES 256u
#define RUDP_NAME_ANSWER_MAX 64u
#define RUDP_NAME_NOTE_S (24 * 3600)
#define RUDP_NAMES_FEW 256u    /* bytes of names of one address */
#define RUDP_NAME_LEN_MAX 253u /* RFC 1035, in the usual text form */

/*
 * Notes the answer for a name. A name that is an address, or longer than RUDP_NAME_LEN_MAX, is not
 * noted; a dot at the end is left out.
 */
void rudp_name_notes_add(const char *name, const struct addrinfo *answer);

/*
 * Finds the names of an address; its port does not matter. Writes them to text, the newest first,
 * each with its terminating 0; those for which size has no room are left out.
 *
 * Returns  the number of bytes written.
 */
size_t rudp_name_notes_find(const struct rudp_addr *addr, char *text, size_t size);

/* More names than RUDP_NAMES_FEW bytes are mapped: a signal handler's stack may have no room. */
struct rudp_found_names {
	char *text;
	char few[RUDP_NAMES_FEW];
};

/*
 * Finds the names of an address, at most RUDP_CONTROL_NAMES_MAX bytes (control.h), and lets
 * found->text point to them. If the names are few, that is in *found, and needs no system call.
 *
 * Returns  the number of bytes, or -ENOMEM. Give both to _put() in the end.
 */
ssize_t rudp_name_notes_get(const struct rudp_addr *addr, struct rudp_found_names *found);
void rudp_name_notes_put(char *text, size_t bytes); /* text may be NULL */

#endif
