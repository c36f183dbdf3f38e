/* SPDX-License-Identifier: MIT */
/*
 * store - what Apollonion keeps on disk: accounts, in one SQLite database.
 *
 * Model    WAL mode with synchronous=FULL: what a call has done is on the disk when it returns.
 * Refusal  a file that is not ours is never written to: it must be absent or empty, or carry our
 *          application_id and a user_version that we know, and pass SQLite's integrity check.
 * Names    compared without regard to the case of A to Z, as nicks are (irc/names.h).
 * Threads  one owner at a time. Other processes may have the file open (apollonion --add-account).
 */
#ifndef APO_STORE_H
#define APO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/irc/names.h"

#define APO_STORE_HASH_SIZE 128

struct apo_store;

struct apo_account {
	char name[APO_NICK_BYTES_MAX + 1]; /* as it was written where it was registered */
	char password_hash[APO_STORE_HASH_SIZE];
};

/* Opens the file, or makes it (mode 600). NULL: reason has one line without its end, which names
 * the file. */
struct apo_store *apo_store_open(const char *file, char *reason, size_t reason_size);
/* Whether a file that is there could be opened by its content; it is only read. false: as above. */
bool apo_store_try(const char *file, char *reason, size_t reason_size);
void apo_store_close(struct apo_store *store);

/* Of the call that failed last, in words, for the log. */
const char *apo_store_error(const struct apo_store *store);

/* Returns 0, -ENOENT, -ENOMEM or -EIO. */
int apo_account_find(struct apo_store *store, const char *name, struct apo_account *account);

/*
 * Returns  0, -EEXIST, -EINVAL (the name or the hash is empty or too long), -ENOSPC, -ENOMEM or
 *          -EIO. But for 0 nothing has changed.
 */
int apo_account_add(struct apo_store *store, const char *name, const char *password_hash,
		    int64_t made_at_s);

/* Another password for one that is there. Returns as above, and -ENOENT. */
int apo_account_set_hash(struct apo_store *store, const char *name, const char *password_hash);

/* Returns 0, -ENOENT, -ENOSPC, -ENOMEM or -EIO. But for 0 nothing has changed. */
int apo_account_remove(struct apo_store *store, const char *name);

/* id: of no other account ever, be it of the same name. */
typedef void apo_tell_account(void *of, int64_t id, const char *name);

/*
 * Tells the accounts that were added since the last call, by whatever process; at first all of them.
 *
 * Returns  0, or -ENOMEM or -EIO: those told are not told again.
 */
int apo_accounts_tell_new(struct apo_store *store, apo_tell_account *tell, void *of);

/* Tells all read markers. Returns 0, -ENOMEM or -EIO. */
int apo_markers_tell(struct apo_store *store,
		     void (*tell)(void *of, const char *account, const char *target,
				  int64_t time_ms),
		     void *of);

/* The same for all that there are. */
int apo_accounts_tell_all(struct apo_store *store, apo_tell_account *tell, void *of);

#endif
