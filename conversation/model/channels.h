/* SPDX-License-Identifier: MIT */
/* channels - channels, who sits in them, and the lists of masks. A channel is there while somebody
 * is. */
#ifndef APO_CHANNELS_H
#define APO_CHANNELS_H

#include "conversation/model/model_private.h"

struct apo_channel *apo_channel_find(const struct apo_model *model, const char *name);
/* A valid name that no channel has. Without a membership it must not stay. NULL without memory. */
struct apo_channel *apo_channel_new(struct apo_model *model, const char *name);
/* An empty one goes. */
void apo_channel_free_if_empty(struct apo_model *model, struct apo_channel *channel);

struct apo_membership *apo_membership_find(const struct apo_model *model,
					   const struct apo_client *client,
					   const struct apo_channel *channel);
/* NULL without memory. */
struct apo_membership *apo_membership_add(struct apo_model *model, struct apo_client *client,
					  struct apo_channel *channel, uint32_t modes);
/* The same of one that has joined in another process, where history was told of it. */
struct apo_membership *apo_membership_put(struct apo_model *model, struct apo_client *client,
					  struct apo_channel *channel, uint32_t modes);
/* The channel goes with the last one. */
void apo_membership_remove(struct apo_model *model, struct apo_membership *membership);
struct apo_member_slot *apo_membership_slot(const struct apo_membership *membership);
/* APO_SEAT_ bits, 0 for who is not there. */
uint32_t apo_membership_modes(const struct apo_model *model, const struct apo_client *client,
			      const struct apo_channel *channel);
bool apo_is_operator_in(const struct apo_model *model, const struct apo_client *client,
			const struct apo_channel *channel);

/* Everybody who shares a channel with client (and client itself) bears the mark returned. */
uint32_t apo_mark_common(struct apo_model *model, struct apo_client *client);
/* May client know that the channel is there? */
bool apo_channel_is_seen(const struct apo_model *model, const struct apo_channel *channel,
			 const struct apo_client *client);

/* Does a mask of the list fit the client, by what others see or by its address? */
bool apo_channel_lists(const struct apo_channel *channel, enum apo_list_kind kind,
		       const struct apo_client *client);
/* Banned, and not excepted. */
bool apo_channel_bans(const struct apo_channel *channel, const struct apo_client *client);
/* 1: added; 0: it was there; -ENOMEM. */
int apo_entry_add(struct apo_channel *channel, enum apo_list_kind kind, const char *mask,
		  const char *by, int64_t set_at_s);
/* Returns true if it was there. */
bool apo_entry_remove(struct apo_channel *channel, enum apo_list_kind kind, const char *mask);

struct apo_invite *apo_invite_find(const struct apo_client *client,
				   const struct apo_channel *channel);
/* -ENOMEM. Once is enough; beyond the maximum the client's oldest goes. */
int apo_invite_add(struct apo_client *client, struct apo_channel *channel, unsigned max);
void apo_invite_remove(struct apo_invite *invite);

#endif
