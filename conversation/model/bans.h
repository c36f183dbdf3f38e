/* SPDX-License-Identifier: MIT */
/*
 * bans - who may not use the server: bans of addresses and networks, of user@host, of real names
 * and of accounts, each with a reason and perhaps an end.
 *
 * Model    The model has all bans in memory and passes each change to the owner
 *          (apo_model_calls.keep_record), who writes it to disk. Bans of addresses are found by a
 *          look-up for each prefix length in use, those of accounts by one look-up; the others are
 *          compared one after the other, when a client is welcomed.
 * Limits   network_bans_max of the configuration.
 */
#ifndef APO_BANS_H
#define APO_BANS_H

#include "conversation/irc/network.h"
#include "conversation/model/state_private.h"

#define APO_BAN_TARGET_BYTES_MAX 255 /* of a mask of real names; the others are shorter */
#define APO_BAN_REASON_BYTES_MAX 400
#define APO_BAN_KINDS_TEXT "dkxa" /* the letter of each kind, in STATS and in the store */

enum apo_ban_kind {
	APO_BAN_ADDRESS, /* DLINE */
	APO_BAN_HOST,    /* KLINE: user@host */
	APO_BAN_REAL,    /* XLINE */
	APO_BAN_ACCOUNT, /* NickServ's SUSPEND */
	APO_BAN_KINDS
};

struct apo_ban {
	UT_hash_handle by_key;
	UT_hash_handle by_network;  /* of ADDRESS */
	struct rudp_list of_kind;   /* in the order of being set */
	struct apo_network network; /* of ADDRESS; of HOST, if has_network: that of its host */
	bool has_network;
	enum apo_ban_kind kind;
	int64_t set_at_s, ends_at_s; /* wall clock; ends_at_s 0: never */
	char *by, *reason;           /* by: the operator's nick */
	char *target;                /* complete: as apo_ban_complete has written it */
	char key[];                  /* the kind's letter and the folded target */
};

struct apo_bans;

int apo_bans_init(struct apo_model *model); /* 0 or -ENOMEM */
void apo_bans_fini(struct apo_model *model);

/*
 * Completes the target of a ban: a network is written in its shortest form, and "host" becomes
 * "*@host".
 *
 * Returns  NULL: it is in to, which has APO_BAN_TARGET_BYTES_MAX + 1 bytes. Else what is wrong.
 */
const char *apo_ban_complete(char *to, enum apo_ban_kind kind, const char *target);
/* Returns whether the complete target matches so many that it must be a mistake. */
bool apo_ban_is_broad(enum apo_ban_kind kind, const char *target);

/* Fills in the network of a ban, from its complete target. */
void apo_ban_read_network(struct apo_ban *ban);

/* Adds a ban, or changes the one with the same target. The strings of ban are copied. Returns NULL
 * if memory is short. */
struct apo_ban *apo_ban_set(struct apo_model *model, const struct apo_ban *ban);
void apo_ban_remove(struct apo_model *model, struct apo_ban *ban);
/* target is complete. */
struct apo_ban *apo_ban_find(const struct apo_model *model, enum apo_ban_kind kind,
			     const char *target);
unsigned apo_bans_count(const struct apo_model *model);
/* The list of a kind's bans (apo_ban.of_kind). */
const struct rudp_list *apo_bans_of(const struct apo_model *model, enum apo_ban_kind kind);

/* The ban that matches; NULL: none. Of a client, all kinds are looked at. */
const struct apo_ban *apo_ban_of_address(const struct apo_model *model, const char *address);
const struct apo_ban *apo_ban_of_account(const struct apo_model *model, const char *account);
const struct apo_ban *apo_ban_of_real(const struct apo_model *model, const char *real);
bool apo_ban_is_match(const struct apo_ban *ban, const struct apo_client *client);
/* Returns whether user@host, with the host that is shown or with the address, matches the mask. */
bool apo_user_host_is_match(const char *mask, const struct apo_client *client);

/* Tells the client that it is banned, and ends it when the turn is over. */
void apo_ban_enforce(struct apo_model *model, struct apo_client *client, const struct apo_ban *ban);
/* If a ban matches, does that and returns true. */
bool apo_ban_check(struct apo_model *model, struct apo_client *client);
/* Refuses a connection for which there is no client yet. */
void apo_ban_refuse(struct apo_model *model, struct apo_peer peer, const char *host,
		    const struct apo_ban *ban);

/* A record that the store has kept. Returns 0, -EINVAL or -ENOMEM. */
int apo_ban_read(struct apo_model *model, const struct apo_registry_record *record);
/* The owner writes all bans. */
void apo_bans_keep_all(struct apo_model *model);
/* Removes bans that are over. */
void apo_bans_on_time(struct apo_model *model);
int64_t apo_bans_next_at_ns(const struct apo_model *model);
void apo_bans_serialize(struct apo_state *state);

#endif
