/* SPDX-License-Identifier: MIT */
/*
 * history - what is kept of what is said, for whom, and CHATHISTORY (IRCv3 draft/chathistory).
 *
 * Who sees   an account sees what was said in a channel while it was in it, over all its
 *            connections and runs of the server; who has none, what was said since it joined, while
 *            it is in it. docs/conversation.md has the rule in full.
 * Absence    an account whose connection has gone (it has not left, and was not put out) stays
 *            a member for the history's sake: if it joins again within absence_ns, its presence
 * goes on where it was lost. That ends when the channel does, and when its door is closed: by a
 * ban, a key, or mode i.
 */
#ifndef APO_MODEL_HISTORY_H
#define APO_MODEL_HISTORY_H

#include "conversation/model/model_private.h"

#define APO_ABSENCES_MAX 1000 /* of a channel; the oldest goes */
#define APO_REQUESTS_MAX 2    /* of one client at once: what it says next waits for an answer */

bool apo_history_is_on(const struct apo_model *model);

/* What was said just now (the last msgid) to the channel, or else to the other; said has what is
 * the message's own. */
void apo_history_keep(struct apo_model *model, const struct apo_client *client,
		      const struct apo_channel *channel, const struct apo_client *other,
		      const struct apo_said *said);

/* A membership begins, or will end. */
void apo_history_on_joined(struct apo_model *model, struct apo_membership *membership);
void apo_history_on_left(struct apo_model *model, struct apo_membership *membership);
/* The client has logged in (is_first: and was not before), or is about to be logged out. */
void apo_history_on_account(struct apo_model *model, struct apo_client *client, bool is_first);
void apo_history_on_account_left(struct apo_model *model, struct apo_client *client);
/* Who is absent is not a member any more. */
void apo_history_on_door_closed(struct apo_channel *channel);

void apo_requests_forget(struct apo_model *model);

#endif
