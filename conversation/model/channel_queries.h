/* SPDX-License-Identifier: MIT */
/* channel_queries - what is told of a channel: its names, its topic, that somebody comes or goes. */
#ifndef APO_CHANNEL_QUERIES_H
#define APO_CHANNEL_QUERIES_H

#include "conversation/model/model_private.h"

/* RPL_NAMREPLY as many as it takes (none where the client may not look), and its end: perhaps in later
 * turns (answers.h). To the client whose turn it is. */
void apo_names_tell(struct apo_model *model, struct apo_client *client,
		    struct apo_channel *channel, const char *name);
/* RPL_TOPIC and who set it; nothing where there is none. */
void apo_topic_tell(struct apo_model *model, struct apo_client *client,
		    const struct apo_channel *channel);
/* "@+nick", as far as the client's capabilities go, of a member. to has room for prefixes and
 * source. */
size_t apo_prefixes(const struct apo_client *client, uint32_t modes, char to[3]);

/* The channel, where the client is in it. NULL: it has been told why not. */
struct apo_membership *apo_membership_wanted(struct apo_model *model, struct apo_client *client,
					     const char *name);
/* At most max bytes of text, to a buffer of APO_BODY_BYTES_MAX. */
const char *apo_cut(char *to, const char *text, size_t max);

#endif
