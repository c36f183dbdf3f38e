/* SPDX-License-Identifier: MIT */
/*
 * registry_db - keeps registered channels, bans and the audit log in the chat server's database: a
 * connection of its own, so that changes need not wait for passwords or for history.
 *
 * Model    Records are written in transactions, and read once at the start of the server. Founders
 *          and accounts of lists are kept by the ids of their accounts: an account that is removed
 *          and registered again inherits nothing.
 * Errors   A negative errno value: -ENOSPC, -ENOMEM or -EIO. After an error call
 *          apo_registry_db_roll_back.
 * Threads  none: one owner at a time.
 */
#ifndef APO_STORE_REGISTRY_DB_H
#define APO_STORE_REGISTRY_DB_H

#include <stddef.h>

#include "conversation/irc/registry_record.h"

struct apo_registry_db;

/* The store has been opened before and has brought the file to our version. NULL: reason has one
 * line, which names the file. */
struct apo_registry_db *apo_registry_db_open(const char *file, char *reason, size_t reason_size);
void apo_registry_db_close(struct apo_registry_db *registry);
/* The absolute path of the file. */
const char *apo_registry_db_file(const struct apo_registry_db *registry);
/* The error of the last call that failed, as text for the log. */
const char *apo_registry_db_error(const struct apo_registry_db *registry);

int apo_registry_db_begin(struct apo_registry_db *registry);
/* Writing the same record again changes nothing. An entry of a channel that is not registered is
 * ignored. */
int apo_registry_db_write(struct apo_registry_db *registry,
			  const struct apo_registry_record *record);
int apo_registry_db_commit(struct apo_registry_db *registry);
void apo_registry_db_roll_back(struct apo_registry_db *registry);

/* A function that gets a record, whose strings are valid during the call. A negative return value
 * ends the reading. */
typedef int apo_tell_record(void *of, const struct apo_registry_record *record);
/* Calls tell for each ban, each entry of the audit log, and each channel, followed by its entries
 * in the order in which they were added. The founder is NULL if its account was removed; accounts
 * that were removed are left out. Returns 0, -ENOMEM, -EIO, or what tell returned. */
int apo_registry_db_read(struct apo_registry_db *registry, apo_tell_record *tell, void *of);

/* Calls tell for each account, and then for each key of an account: a node of a network has them in
 * memory. Returns as above. */
int apo_registry_db_read_accounts(struct apo_registry_db *registry, apo_tell_record *tell,
				  void *of);

#endif
