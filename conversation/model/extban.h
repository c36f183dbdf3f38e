/* SPDX-License-Identifier: MIT */
/*
 * extban - extended bans: entries of the lists b, e, I and q that match by something else than
 * nick, user and host.
 *
 *   a:account    clients that are logged in to an account that matches; "a:*": to any account
 *   r:realname   clients whose real name matches ("?" for each space)
 *   m:mask       a mute: the clients may join but not speak. mask is a mask or one of the others
 *
 * Clients may write the names account, realname and mute, and a "~" in front. Lists contain the
 * short form. No nick contains a colon, so no mask of a nick can be mistaken for an extended ban.
 *
 * Source   IRCv3 account-extban; ISUPPORT EXTBAN and ACCOUNTEXTBAN.
 */
#ifndef APO_EXTBAN_H
#define APO_EXTBAN_H

#include "conversation/model/model_private.h"

#define APO_EXTBAN_TYPES "amr"
#define APO_EXTBAN_ACCOUNT_NAMES "a,account"

/*
 * Completes an entry of a list, as apo_mask_complete does for a mask without extended ban.
 *
 * Returns  NULL: it is in to, which has cap bytes. Else the reason for which there is no such
 *          entry.
 */
const char *apo_extban_complete(char *to, size_t cap, enum apo_list_kind kind, const char *mask);

/* Returns whether the completed entry is a mute. */
bool apo_extban_is_mute(const char *mask);

/* The source of a client in the forms that a mask may match. */
struct apo_source_forms {
	char shown[APO_SOURCE_BYTES_MAX + 1]; /* with the visible host */
	char given[APO_SOURCE_BYTES_MAX + 1]; /* with the one before CHGHOST; "": it is the same */
	char real[APO_SOURCE_BYTES_MAX + 1];  /* with the address */
};

void apo_source_forms_write(struct apo_source_forms *forms, const struct apo_client *client);

/* Returns whether the completed entry matches the client, whose forms are given. */
bool apo_extban_is_match(const char *mask, const struct apo_client *client,
			 const struct apo_source_forms *forms);

#endif
