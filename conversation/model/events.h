/* SPDX-License-Identifier: MIT */
/*
 * events - lines of the log about users: who registered, who logged in, who failed to.
 *
 * Format  "EVENT address=ADDRESS key=value ...". The address comes first, and no value can contain
 *         a space, so a program like fail2ban can match the line (docs/conversation.md, "Log").
 *         What a client chose is only written if it is a valid nick; else the value is "*".
 */
#ifndef APO_EVENTS_H
#define APO_EVENTS_H

#include "conversation/model/model_private.h"

/* The client has given a wrong name or password. by is the command (SASL, OPER, PASS, DROP), name
 * the account or operator (NULL: none), reason one word. */
void apo_event_login_failed(struct apo_model *model, const struct apo_client *client,
			    const char *by, const char *name, const char *reason);

/* The other events are written at log level debug only. */

/* The client was not allowed to try a password. */
void apo_event_login_refused(struct apo_model *model, const struct apo_client *client,
			     const char *by, const char *name);
/* The welcome was sent. */
void apo_event_registered(struct apo_model *model, const struct apo_client *client);
/* The client has logged in to its account; is_new: by registering it. */
void apo_event_logged_in(struct apo_model *model, const struct apo_client *client, bool is_new);

#endif
