/* SPDX-License-Identifier: MIT */
/* channels - channels, their members, and their lists of masks. A channel exists while it has
 * members or is registered (registry.h). */
#ifndef APO_CHANNELS_H
#define APO_CHANNELS_H

#include "conversation/model/model_private.h"

struct apo_channel *apo_channel_find(const struct apo_model *model, const char *name);
/* The name is valid and no channel has it. The caller adds a member or frees the channel. NULL if
 * memory is short. */
struct apo_channel *apo_channel_new(struct apo_model *model, const char *name);
/* The name is valid, and no other channel has it. Returns 0 or -ENOMEM: the channel has its old
 * name. */
int apo_channel_set_name(struct apo_model *model, struct apo_channel *channel, const char *name);
/* Frees the channel if it has no members and is not registered. */
void apo_channel_free_if_empty(struct apo_model *model, struct apo_channel *channel);

struct apo_membership *apo_membership_find(const struct apo_model *model,
					   const struct apo_client *client,
					   const struct apo_channel *channel);
/* NULL if memory is short. */
struct apo_membership *apo_membership_add(struct apo_model *model, struct apo_client *client,
					  struct apo_channel *channel, uint32_t modes);
/* Like apo_membership_add, for a member who joined in the previous process: history already knows
 * of it. */
struct apo_membership *apo_membership_put(struct apo_model *model, struct apo_client *client,
					  struct apo_channel *channel, uint32_t modes);
/* All channels without members, when the model is freed. */
void apo_channels_forget(struct apo_model *model);
/* Frees the channel, too, when its last member leaves and it is not registered. */
void apo_membership_remove(struct apo_model *model, struct apo_membership *membership);
struct apo_member_slot *apo_membership_slot(const struct apo_membership *membership);
bool apo_is_operator_in(const struct apo_model *model, const struct apo_client *client,
			const struct apo_channel *channel);

/* Marks the client and every client that shares a channel with it. Returns the mark. */
uint32_t apo_mark_common(struct apo_model *model, struct apo_client *client);
/* Returns whether the client may know that the channel exists. A secret one is hidden from clients
 * that are not in it. */
bool apo_channel_is_seen(const struct apo_model *model, const struct apo_channel *channel,
			 const struct apo_client *client);

/* The letters of the lists, in the order of enum apo_list_kind, each as a string. */
extern const char *const apo_list_names[APO_LIST_KINDS];
/* Modes without parameter as letters, and back; unknown letters are ignored (modes.c). */
void apo_mode_letters(uint32_t modes, char letters[APO_MODE_LETTERS_SIZE]);
uint32_t apo_mode_bits(const char *letters);

/* Returns whether an entry of the list I matches the client, so that it needs no invitation. */
bool apo_channel_invites(const struct apo_channel *channel, const struct apo_client *client);
/* Returns whether the client is banned, without an exception. */
bool apo_channel_bans(const struct apo_channel *channel, const struct apo_client *client);
/* Returns whether the client is banned, muted or quieted, without an exception, and so may not
 * speak. */
bool apo_channel_mutes(const struct apo_channel *channel, const struct apo_client *client);
/* A channel in which the client is a muted member without voice; NULL: there is none. Such a client
 * keeps its nick and real name, since lists match by them. */
const struct apo_channel *apo_channel_that_mutes(const struct apo_client *client);
/* Returns 1: added; 0: the mask was in the list already; -ENOMEM. A ban also holds for clients
 * that are invited. */
int apo_entry_add(struct apo_channel *channel, enum apo_list_kind kind, const char *mask,
		  const char *by, int64_t set_at_s);
/* Returns true if the mask was in the list. */
bool apo_entry_remove(struct apo_channel *channel, enum apo_list_kind kind, const char *mask);

struct apo_invite *apo_invite_find(const struct apo_client *client,
				   const struct apo_channel *channel);
/* Returns 0 or -ENOMEM. A second invitation only adds that bans are lifted. At more than max the
 * client's oldest one is removed. */
int apo_invite_add(struct apo_client *client, struct apo_channel *channel, bool lifts_bans,
		   unsigned max);
void apo_invite_remove(struct apo_invite *invite);

#endif
