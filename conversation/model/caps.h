/* SPDX-License-Identifier: MIT */
/* caps - the capabilities that a client may switch on (IRCv3 capability negotiation, version
 * 302). */
#ifndef APO_CAPS_H
#define APO_CAPS_H

#include "conversation/model/model_private.h"

/* By number. */
extern const char *const apo_cap_names[APO_CAP_COUNT];
/* The bit of the capability of that name; 0 if there is none. */
uint32_t apo_cap_named(const char *name);

/* The capabilities that this client may switch on. */
uint32_t apo_caps_offered(const struct apo_model *model, const struct apo_client *client);
/* The mechanisms of SASL with which this client may log in, with commas between them; "": none. */
const char *apo_caps_mechanisms(const struct apo_model *model, const struct apo_client *client);
bool apo_caps_has_plain(const struct apo_model *model, const struct apo_client *client);
bool apo_caps_has_scram(const struct apo_model *model, const struct apo_client *client);
bool apo_caps_has_external(const struct apo_model *model, const struct apo_client *client);
/* After a change of the configuration: sends CAP NEW and CAP DEL to a client with cap-notify. */
void apo_caps_tell_changes(struct apo_model *model, struct apo_client *client, uint32_t before);

#endif
