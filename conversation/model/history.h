/* SPDX-License-Identifier: MIT */
/*
 * history - which messages are kept, who may read them, and CHATHISTORY (IRCv3 draft/chathistory).
 *
 * Access   An account sees what was said in a channel while it was a member, over all its
 *          connections and restarts of the server. A client without account sees what was said
 *          since it joined, while it is in the channel. docs/conversation.md has the full rule.
 * Absence  If the connection of an account is lost (it did not leave and was not removed), the
 *          account stays a member for history. If it joins again within absence_ns, its presence
 *          continues without a gap. The absence ends early when the channel disappears, or when the
 *          channel is restricted: by a ban, a key, or mode i. The same holds for a client without
 *          account that has proven a key, and comes again with it.
 * Public   While a channel has mode H, its members also see what was said before they joined, back
 *          to the moment at which the mode was set.
 */
#ifndef APO_MODEL_HISTORY_H
#define APO_MODEL_HISTORY_H

#include "conversation/model/model_private.h"

#define APO_ABSENCES_MAX 1000 /* of a channel; the oldest is removed at more */
#define APO_REQUESTS_MAX 1    /* of one client at once; its further lines wait for the answer */

bool apo_history_is_on(const struct apo_model *model);

/* Keeps the message just sent (its id is the last msgid), to the channel if it is not NULL, else to
 * other. said has the message's own fields. */
void apo_history_keep(struct apo_model *model, const struct apo_client *client,
		      const struct apo_channel *channel, const struct apo_client *other,
		      const struct apo_said *said);

/* A membership has begun, or is about to end. */
void apo_history_on_joined(struct apo_model *model, struct apo_membership *membership);
void apo_history_on_left(struct apo_model *model, struct apo_membership *membership);
/* The client has logged in (is_first: it was in no account before), or is about to be logged
 * out. */
void apo_history_on_account(struct apo_model *model, struct apo_client *client, bool is_first);
void apo_history_on_account_left(struct apo_model *model, struct apo_client *client);
/* The channel was restricted: absent clients are no longer members. */
void apo_history_on_channel_restricted(struct apo_channel *channel);
/* Mode H of the channel was set or removed, or the channel has another name, and so another
 * history. */
void apo_history_on_public(struct apo_model *model, struct apo_channel *channel);

void apo_requests_forget(struct apo_model *model);

#endif
