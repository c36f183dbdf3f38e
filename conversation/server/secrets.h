/* SPDX-License-Identifier: MIT */
/*
 * secrets - what the server keeps of a password: an argon2id hash (libsodium), and for accounts
 * SCRAM keys.
 *
 * Source   conversation/irc/scram.h has the form of an account's secret.
 * Threads  any. All functions with a password take a tenth of a second or more.
 */
#ifndef APO_SERVER_SECRETS_H
#define APO_SERVER_SECRETS_H

#include "conversation/irc/scram.h"

/* The hash of a password for the configuration. has_scram: with SCRAM keys, as an account has it.
 * Returns 0 or -ENOMEM. */
int apo_secret_make(const char *password, bool has_scram, char secret[APO_SECRET_SIZE]);
/* Returns whether it is the password of the secret, or of a hash of the configuration. */
bool apo_secret_is_of(const char *secret, const char *password);
/* The password is right. Writes the secret that is to replace the old one, with or without SCRAM
 * keys. Returns false if none is. */
bool apo_secret_renew(const char *old, const char *password, bool has_scram,
		      char secret[APO_SECRET_SIZE]);

#endif
