/* SPDX-License-Identifier: MIT */
/*
 * clear_text - decides, without an engine, whether a program's sockets may be kernel TCP instead.
 *
 * Without an engine the rules and the known hosts cannot be evaluated. So clear text is
 * forbidden for all sockets of the program as soon as its user has anything that forbids it for
 * some of them:
 *
 *	a shared key          RUDP_KEY_FILE or RUDP_KEY
 *	known hosts           RUDP_KNOWN_HOSTS, or a file known_hosts, not empty, where the engine
 *	                      looks for it
 *	authorized keys       RUDP_AUTHORIZED_KEYS, or a file authorized_keys there
 *	an identity           RUDP_IDENTITY; not the file alone: it allows unknown hosts over TCP
 *	rules                 in RUDP_POLICY or the policy file: one that says "use rudp",
 *	                      requires an identity, refuses unknown hosts, or names one of these
 *	                      files
 *
 * A file that exists but cannot be read forbids it, too. So does one of more than
 * RUDP_CLEAR_TEXT_FILE_BYTES_MAX.
 *
 * Source   rudp_keys(5), rudp.conf(5), docs/security.md
 * Threads  any; async-signal-safe; no allocation.
 */
#ifndef RUDP_API_CLEAR_TEXT_H
#define RUDP_API_CLEAR_TEXT_H

#include <stdbool.h>

#define RUDP_CLEAR_TEXT_FILE_BYTES_MAX (1l << 20)

bool rudp_clear_text_is_forbidden(void);

#endif
