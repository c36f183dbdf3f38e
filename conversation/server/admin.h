/* SPDX-License-Identifier: MIT */
/*
 * admin - the commands of the administrator: passwords, accounts, export and import. Each may run
 * beside a server, except the import.
 *
 * Returns  the exit status of the program; errors have been printed.
 */
#ifndef APO_SERVER_ADMIN_H
#define APO_SERVER_ADMIN_H

enum apo_exit { APO_EXIT_FINE = 0, APO_EXIT_FAILED = 1, APO_EXIT_USAGE = 2 };

enum apo_account_change { APO_ACCOUNT_ADD, APO_ACCOUNT_SET_PASSWORD, APO_ACCOUNT_REMOVE };

/* Prints the hash of the password on the standard input. */
int apo_admin_hash_password(void);
/* config_file names the file of accounts. A new password is read from the standard input. */
int apo_admin_change_account(const char *config_file, enum apo_account_change change,
			     const char *name);

/* file "-": the standard output, the standard input. An existing file is replaced as a whole. */
int apo_admin_export(const char *config_file, const char *file);
int apo_admin_import(const char *config_file, const char *file);

#endif
