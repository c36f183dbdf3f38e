/* SPDX-License-Identifier: MIT */
/* backup_kinds - the kinds of records in a backup: their fields, and where the database keeps
 * them. */
#ifndef APO_STORE_BACKUP_KINDS_H
#define APO_STORE_BACKUP_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APO_BACKUP_FIELDS_MAX 12
#define APO_BACKUP_INSERTS_MAX 2

enum apo_backup_type {
	APO_BACKUP_ACCOUNT, /* the name of an account */
	APO_BACKUP_HASH,    /* of a password */
	APO_BACKUP_KEY,     /* the fingerprint of a key */
	APO_BACKUP_CHANNEL,
	APO_BACKUP_FOLDED, /* a channel's name in lower case */
	APO_BACKUP_LIST,   /* the letter of a channel's list */
	APO_BACKUP_BAN_KIND,
	APO_BACKUP_LETTERS,
	APO_BACKUP_WORD,
	APO_BACKUP_TEXT,
	APO_BACKUP_LINES, /* a text that may have line ends (draft/multiline) */
	APO_BACKUP_RUN,   /* 64 bits in hexadecimal digits */
	APO_BACKUP_FLAG,  /* true or false in JSON, 1 or 0 in the database; numbers from here on */
	APO_BACKUP_COUNT,
	APO_BACKUP_POSITION,
	APO_BACKUP_START, /* a position, or 0 */
	APO_BACKUP_SECONDS,
	APO_BACKUP_MILLISECONDS,
};

struct apo_backup_field {
	const char *name;       /* NULL: no more fields */
	const char *expression; /* its value in SQL */
	enum apo_backup_type type;
	bool is_optional; /* may be null */
};

struct apo_backup_kind {
	const char *name;
	const char *table; /* the table that holds the records */
	const char *from;  /* what follows FROM when the records are read; they have an order */
	/* Statements that add a record. Parameter n is field n. Only the last one must add a row;
	 * if it adds none, the record needs what "needs" says. */
	const char *inserts[APO_BACKUP_INSERTS_MAX];
	const char *needs;
	struct apo_backup_field fields[APO_BACKUP_FIELDS_MAX + 1];
};

/* In the order in which they are written: a record names only accounts and channels of earlier
 * ones. */
extern const struct apo_backup_kind apo_backup_kinds[];
extern const size_t apo_backup_kind_count;
#define APO_BACKUP_KINDS_MAX 16

/* After all records: sets what is derived from them. */
extern const char apo_backup_finish[];

static inline bool apo_backup_is_number_type(enum apo_backup_type type)
{
	return type >= APO_BACKUP_FLAG;
}

/* Each returns whether a string, or a number, fits the type. expected gets what the type expects,
 * as text. */
bool apo_backup_is_text(enum apo_backup_type type, const char *text, const char **expected);
bool apo_backup_is_number(enum apo_backup_type type, int64_t number, const char **expected);
#endif
