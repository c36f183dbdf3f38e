/* SPDX-License-Identifier: MIT */
/*
 * markers - how far an account has read in each channel and with each nick (IRCv3
 * draft/read-marker). Only the account's own connections are told. All markers are in memory. A
 * client without account has markers of its own, which end with its session or when it logs in.
 */
#ifndef APO_MARKERS_H
#define APO_MARKERS_H

#include "conversation/model/model_private.h"

/* Sends the marker of the channel at JOIN, to a client with the capability. */
void apo_marker_tell_joined(struct apo_model *model, struct apo_client *client,
			    const struct apo_channel *channel);
#define APO_SESSION_MARKERS_MAX 100 /* of a client without account */

struct apo_state;

/* Serializes the markers of a client without account. */
void apo_markers_serialize(struct apo_state *state, struct apo_client *client);
/* Serializes those of an account. */
void apo_account_markers_serialize(struct apo_state *state, struct apo_readers *readers);
/* Passes the markers of all accounts to the owner. */
void apo_markers_keep_all(struct apo_model *model);
/* Frees the markers of a removed account, or of a client. */
void apo_markers_free(struct apo_marker *markers);

#endif
