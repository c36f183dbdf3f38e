/* SPDX-License-Identifier: MIT */
/*
 * metadata - keys with values that users set for themselves, and operators for their channels
 * (IRCv3 draft/metadata-2), and who is told of changes.
 *
 * Model    A client is told of the keys to which it subscribes, for channels in which it is and for
 *          the members of those. What a user sets lasts as long as its session, that of a channel
 *          as long as the channel exists; all of it is in memory and handed over.
 * Limits   APO_METADATA_KEYS_MAX keys of a user or a channel, APO_METADATA_SUBS_MAX subscriptions.
 *          A value is short enough for one line with any names.
 */
#ifndef APO_METADATA_H
#define APO_METADATA_H

#include "conversation/model/model_private.h"
#include "conversation/model/serializer.h"

#define APO_METADATA_KEY_BYTES_MAX 32
#define APO_METADATA_VALUE_BYTES_MAX 256
#define APO_METADATA_KEYS_MAX 16
#define APO_METADATA_SUBS_MAX 50
#define APO_METADATA_CAP_VALUE "max-subs=50,max-keys=16,max-value-bytes=256"

/* A key with its value, or a subscription. The list is in the order in which they were set. */
struct apo_metadata {
	struct apo_metadata *next;
	char *value; /* NULL: a subscription */
	char key[APO_METADATA_KEY_BYTES_MAX + 1];
};

bool apo_metadata_key_is_valid(const char *key);
/* NULL if the list does not have the key. */
struct apo_metadata *apo_metadata_find(struct apo_metadata *list, const char *key);
unsigned apo_metadata_count(const struct apo_metadata *list);
/* Sets the value of the key, which is valid, and added if it is not there. Returns 0 or -ENOMEM. */
int apo_metadata_set(struct apo_metadata **list, const char *key, const char *value);
void apo_metadata_remove(struct apo_metadata **list, const char *key);
void apo_metadata_free(struct apo_metadata *list);

/* Sends the client its own metadata, as a batch: it has just got the capability. */
void apo_metadata_tell_own(struct apo_model *model, struct apo_client *client);
/* Sends the client what it subscribes to of the channel and its members, and tells them about the
 * client. */
void apo_metadata_on_joined(struct apo_model *model, struct apo_client *client,
			    struct apo_channel *channel);

/* Sends the client what is for people to read, as lines of a WHOIS. */
void apo_metadata_tell_whois(struct apo_model *model, struct apo_client *client,
			     const struct apo_client *other);

void apo_metadata_serialize(struct apo_serializer *serializer, struct apo_metadata **list);
void apo_metadata_serialize_keys(struct apo_serializer *serializer, struct apo_metadata **list);

#endif
