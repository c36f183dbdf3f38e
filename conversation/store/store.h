/* SPDX-License-Identifier: MIT */
/*
 * store - opens the chat server's database on disk, and keeps the accounts in it.
 *
 * Model    SQLite in WAL mode with synchronous=FULL: a change is on the disk when the call returns.
 * Refusal  A file that is not ours is never written to. It must be missing or empty, or have our
 *          application_id and a user_version that we know, and pass SQLite's integrity check.
 * Names    Compared regardless of the case of A to Z, like nicks (irc/names.h).
 * Threads  One owner at a time. Other processes may have the file open (apollonion --add-account).
 */
#ifndef APO_STORE_H
#define APO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/irc/fingerprint.h"
#include "conversation/irc/names.h"
#include "conversation/irc/scram.h"

struct apo_store;

struct apo_account {
	char name[APO_NICK_BYTES_MAX + 1];   /* spelled as when it was registered */
	char password_hash[APO_SECRET_SIZE]; /* the secret (irc/scram.h) */
};

/* Opens the file, or creates it (mode 600). NULL: reason has one line without line end, which names
 * the file. */
struct apo_store *apo_store_open(const char *file, char *reason, size_t reason_size);
/* Returns whether an existing file could be opened, judging by its contents. It is only read.
 * false: as above. */
bool apo_store_try(const char *file, char *reason, size_t reason_size);
void apo_store_close(struct apo_store *store);

/* The error of the last call that failed, as text for the log. */
const char *apo_store_error(const struct apo_store *store);

/* Returns 0, -ENOENT, -ENOMEM or -EIO. */
int apo_account_find(struct apo_store *store, const char *name, struct apo_account *account);

/*
 * Returns  0, -EEXIST, -EINVAL (the name or the hash is empty or too long), -ENOSPC, -ENOMEM or
 *          -EIO. After an error nothing has changed.
 */
int apo_account_add(struct apo_store *store, const char *name, const char *password_hash,
		    int64_t made_at_s);

/* Sets the password of an existing account. Returns as above, and -ENOENT. */
int apo_account_set_hash(struct apo_store *store, const char *name, const char *password_hash);

/* The same, if the account still has the old one; else -ENOENT. */
int apo_account_replace_hash(struct apo_store *store, const char *name, const char *old,
			     const char *password_hash);

/* Returns 0, -ENOENT, -ENOSPC, -ENOMEM or -EIO. After an error nothing has changed. */
int apo_account_remove(struct apo_store *store, const char *name);

/* Keys by which the owner of an account logs in, as fingerprints (irc/fingerprint.h). A key belongs
 * to one account, and goes with it. */
/* The name of the account that the key belongs to. Returns 0, -ENOENT, -ENOMEM or -EIO. */
int apo_account_key_find(struct apo_store *store, const char *fingerprint,
			 char name[APO_NICK_BYTES_MAX + 1]);
/* Returns 0; -EEXIST: the key belongs to an account; -ENOENT: there is no such account, or it has
 * APO_ACCOUNT_KEYS_MAX keys; -EINVAL (no fingerprint), -ENOSPC, -ENOMEM or -EIO. After an error
 * nothing has changed. */
int apo_account_key_add(struct apo_store *store, const char *account, const char *fingerprint,
			int64_t made_at_s);
/* Returns 0; -ENOENT: it is no key of that account; -ENOSPC, -ENOMEM or -EIO. */
int apo_account_key_remove(struct apo_store *store, const char *account, const char *fingerprint);
/* Writes the fingerprints, with spaces between them, the oldest first. Returns 0, -ENOMEM or
 * -EIO. */
int apo_account_keys(struct apo_store *store, const char *account, char keys[APO_KEYS_TEXT_SIZE]);

/* A function that gets an account. id is never used again, not even for an account of the same
 * name. */
typedef void apo_tell_account(void *of, int64_t id, const char *name);

/*
 * Calls tell for each account that any process has added since the last call; the first time, for
 * each account.
 *
 * Returns  0, or -ENOMEM or -EIO: accounts that were reported are not reported again.
 */
int apo_accounts_tell_new(struct apo_store *store, apo_tell_account *tell, void *of);

/* Calls tell for each read marker. Returns 0, -ENOMEM or -EIO. */
int apo_markers_tell(struct apo_store *store,
		     void (*tell)(void *of, const char *account, const char *target,
				  int64_t time_ms),
		     void *of);

/* Calls tell for each account. Returns as apo_accounts_tell_new. */
int apo_accounts_tell_all(struct apo_store *store, apo_tell_account *tell, void *of);

#endif
