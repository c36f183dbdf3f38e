/* SPDX-License-Identifier: MIT */
/*
 * registry_record - what the store keeps about registered channels, the bans of the whole server,
 * the audit log, and in a network of nodes about accounts, as plain values: the model makes them,
 * the store writes them and reads them back at the next start.
 */
#ifndef APO_REGISTRY_RECORD_H
#define APO_REGISTRY_RECORD_H

#include <stdint.h>

enum apo_registry_kind {
	APO_REGISTRY_CHANNEL,      /* a registered channel, new or changed; without its lists */
	APO_REGISTRY_CHANNEL_GONE, /* its registration has ended; its lists go, too */
	APO_REGISTRY_ENTRY,        /* an entry of one of its lists */
	APO_REGISTRY_ENTRY_GONE,
	APO_REGISTRY_BAN, /* of the server, new or changed */
	APO_REGISTRY_BAN_GONE,
	APO_REGISTRY_AUDIT, /* an entry of the audit log, new or changed */
	APO_REGISTRY_AUDIT_GONE,
	/* Only nodes of a network write these; a single server's auth thread writes accounts. */
	APO_REGISTRY_ACCOUNT, /* new or changed */
	APO_REGISTRY_ACCOUNT_GONE,
	APO_REGISTRY_KEY, /* by which an owner of an account logs in */
	APO_REGISTRY_KEY_GONE,
	/* Everything that is not written between these two is gone. */
	APO_REGISTRY_ALL_BEGIN,
	APO_REGISTRY_ALL_END
};

/* Lists of accounts, beside those of masks whose letters are channel modes. */
#define APO_REGISTRY_OPERATORS "o"
#define APO_REGISTRY_VOICES "v"

/* A string that the kind does not have is NULL. Lists are named by one letter, as in MODE. */
struct apo_registry_record {
	enum apo_registry_kind kind;
	const char *channel; /* folded; not of BAN */
	const char *list;    /* ENTRY, BAN: its kind (bans.h); AUDIT: "open", "closed" */
	const char *name;    /* CHANNEL, ACCOUNT: as written; AUDIT: the action; KEY: its
				  * fingerprint; else the target */
	const char *by;      /* CHANNEL: the founder's account; KEY: its account, when it is read;
				  * else who set it */
	const char *modes;   /* CHANNEL: letters; "": none */
	const char *key, *topic; /* CHANNEL; NULL: none */
	const char *topic_by;    /* if there is a topic */
	const char *reason;      /* BAN; AUDIT: the text; ACCOUNT: the hash of its password */
	int64_t number;    /* AUDIT: it identifies the entry; ACCOUNT, KEY: the account's id */
	uint32_t limit;    /* CHANNEL; 0: none */
	int64_t set_at_s;  /* the registration, the entry, or the ban */
	int64_t ends_at_s; /* BAN; 0: never */
	int64_t created_at_s, used_at_s, topic_at_s; /* CHANNEL */
	int64_t public_from; /* CHANNEL: the first position that every member may read; 0: none */
};

#endif
