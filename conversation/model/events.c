/* SPDX-License-Identifier: MIT */
#include "conversation/model/events.h"

#include <stdio.h>

#include "conversation/model/replies.h"

/* A name chosen by a client could imitate other fields of the line, or another line. */
static const char *harmless(const char *name)
{
	return name && apo_nick_is_valid(name, APO_NICK_BYTES_MAX) ? name : "*";
}

static void write_event(struct apo_model *model, const struct apo_client *client, bool is_detail,
			const char *event, const char *rest)
{
	char text[APO_BODY_BYTES_MAX];

	if (!model->calls->log)
		return;
	snprintf(text, sizeof text, "address=%s %s", client->address, rest);
	model->calls->log(model->of, is_detail, event, text);
}

void apo_event_login_failed(struct apo_model *model, const struct apo_client *client,
			    const char *by, const char *name, const char *reason)
{
	char rest[APO_BODY_BYTES_MAX / 2];

	snprintf(rest, sizeof rest, "by=%s name=%s nick=%s reason=%s", by, harmless(name),
		 apo_shown_nick(client), reason);
	write_event(model, client, false, "login-failed", rest);
}

void apo_event_login_refused(struct apo_model *model, const struct apo_client *client,
			     const char *by, const char *name)
{
	char rest[APO_BODY_BYTES_MAX / 2];

	snprintf(rest, sizeof rest, "by=%s name=%s nick=%s reason=too-many-tries", by,
		 harmless(name), apo_shown_nick(client));
	write_event(model, client, true, "login-refused", rest);
}

void apo_event_registered(struct apo_model *model, const struct apo_client *client)
{
	char rest[APO_BODY_BYTES_MAX / 2];

	snprintf(rest, sizeof rest, "nick=%s user=%s account=%s", client->nick, client->user,
		 harmless(client->account));
	write_event(model, client, true, "registered", rest);
}

void apo_event_logged_in(struct apo_model *model, const struct apo_client *client, bool is_new)
{
	char rest[APO_BODY_BYTES_MAX / 2];

	snprintf(rest, sizeof rest, "account=%s nick=%s", harmless(client->account),
		 apo_shown_nick(client));
	write_event(model, client, true, is_new ? "account-registered" : "logged-in", rest);
}
