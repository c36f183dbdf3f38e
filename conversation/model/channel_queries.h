/* SPDX-License-Identifier: MIT */
/* channel_queries - what clients are told about a channel: its names, its topic, joins and
 * parts. */
#ifndef APO_CHANNEL_QUERIES_H
#define APO_CHANNEL_QUERIES_H

#include "conversation/model/model_private.h"

/* Sends RPL_NAMREPLY lines (none if the client may not see the members) and RPL_ENDOFNAMES to the
 * client of the turn, perhaps in later turns (answers.h). */
void apo_names_tell(struct apo_model *model, struct apo_client *client,
		    struct apo_channel *channel);
/* Sends RPL_TOPIC and who set it; nothing if the channel has no topic. */
void apo_topic_tell(struct apo_model *model, struct apo_client *client,
		    const struct apo_channel *channel);
/* Writes a member's prefixes ("@+"; only the highest one to a client without multi-prefix) with a
 * terminator. Returns their length. */
size_t apo_prefixes(const struct apo_client *client, uint32_t modes, char to[3]);

/* The client's membership in that channel. NULL: there is none, and the client has been told
 * why. */
struct apo_membership *apo_membership_wanted(struct apo_model *model, struct apo_client *client,
					     const char *name);
/* The client of that nick. NULL: there is none, and the client has been told. */
struct apo_client *apo_client_wanted(struct apo_model *model, struct apo_client *client,
				     const char *nick);
/* The member of that nick. NULL: there is none, and the client has been told. */
struct apo_membership *apo_member_wanted(struct apo_model *model, struct apo_client *client,
					 const struct apo_channel *channel, const char *nick);
/* Copies at most max bytes of text, never a part of a character, to a buffer of
 * APO_BODY_BYTES_MAX. */
const char *apo_cut(char *to, const char *text, size_t max);

#endif
