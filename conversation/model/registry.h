/* SPDX-License-Identifier: MIT */
/*
 * registry - registered channels: the founder, the accounts that are operators or have voice, and
 * keeping the channel with its topic, modes and lists while it has no member.
 *
 * Model    The model has all registrations in memory and passes each change to the owner
 *          (apo_model_calls.keep_record), who writes it to disk.
 * Limits   registered_channels_max, channels_per_account_max and access_max of the configuration.
 */
#ifndef APO_REGISTRY_H
#define APO_REGISTRY_H

#include "conversation/model/model_private.h"

/* An account that becomes operator, or gets voice, when it joins the channel. */
struct apo_access {
	struct rudp_list link;
	uint32_t modes; /* APO_MEMBERSHIP_OPERATOR or APO_MEMBERSHIP_VOICE */
	int64_t set_at_s;
	char by[APO_ACCOUNT_BYTES_MAX + 1];
	char account[APO_ACCOUNT_BYTES_MAX + 1];
};

struct apo_channel_registration {
	struct rudp_list of_model; /* model->registrations */
	struct apo_channel *channel;
	struct rudp_list access; /* in the order of being added */
	unsigned access_count;
	int64_t made_at_s;
	int64_t used_at_s; /* when the founder or an operator on the access list was last here */
	char founder[APO_ACCOUNT_BYTES_MAX + 1];
};

/* Returns whether channels can be registered here. */
bool apo_registry_is_on(const struct apo_model *model);
/* The owner writes the record, if it writes any, unless the record is being read. */
void apo_registry_keep_record(struct apo_model *model, const struct apo_registry_record *record);
/* Returns 0 or -ENOMEM. */
int apo_registry_add(struct apo_model *model, struct apo_channel *channel, const char *founder);
/* Ends the registration. If the channel is empty, it is freed. */
void apo_registry_remove(struct apo_model *model, struct apo_channel *channel);
/* Frees the registration; nothing is written, and the channel stays. */
void apo_registry_forget(struct apo_model *model, struct apo_channel *channel);
unsigned apo_registry_count_of(const struct apo_model *model, const char *account);

/* The owner writes the channel, which is registered, and all of its lists. */
void apo_registry_keep_all(struct apo_model *model, const struct apo_channel *channel);

/* The channel has another name now: its registration goes with it. former is the old one,
 * folded. */
void apo_registry_on_renamed(struct apo_model *model, const struct apo_channel *channel,
			     const char *former);

/* account NULL: none. The APO_MEMBERSHIP_ bits that the registration gives to it. */
uint32_t apo_registry_modes(const struct apo_channel *channel, const char *account);
bool apo_registry_is_founder(const struct apo_channel *channel, const char *account);
struct apo_access *apo_access_find(const struct apo_channel *channel, const char *account);
/* Adds the account, or changes its modes. Returns 0 or -ENOMEM. */
int apo_access_set(struct apo_model *model, struct apo_channel *channel, const char *account,
		   uint32_t modes, const char *by, int64_t set_at_s);
void apo_access_remove(struct apo_model *model, struct apo_channel *channel,
		       struct apo_access *access);
void apo_registry_set_founder(struct apo_model *model, struct apo_channel *channel,
			      const char *account);

/* Gives the member what the registration gives to its account, and tells the channel. */
void apo_registry_greet(struct apo_model *model, struct apo_membership *membership);
/* Gives a client that has just logged in its modes in all of its channels. */
void apo_registry_on_login(struct apo_model *model, struct apo_client *client);
/* Changes modes of a member in ChanServ's name. Returns false if it had them already. */
bool apo_registry_change_member(struct apo_model *model, struct apo_membership *membership,
				uint32_t bit, bool is_adding);

/* A change of the channel, or of one of its lists of masks: it is written if the channel is
 * registered. */
void apo_registry_keep(struct apo_model *model, const struct apo_channel *channel);
void apo_registry_keep_mask(struct apo_model *model, const struct apo_channel *channel,
			    const char *list, const char *mask, const char *by, bool is_there);

/* Removes accounts that no longer exist from all lists. If a founder's account has gone, the first
 * operator on the access list becomes founder; without one the registration ends. */
void apo_registry_check_accounts(struct apo_model *model);

/* Ends registrations that were not used for the configured time. */
void apo_registry_on_time(struct apo_model *model);
/* The same in a copy of the model: once in a minute of the time that all copies share. */
void apo_registry_on_shared_time(struct apo_model *model);
int64_t apo_registry_next_at_ns(const struct apo_model *model);

#endif
