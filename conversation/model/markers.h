/* SPDX-License-Identifier: MIT */
/*
 * markers - how far an account has read, in each channel and with each nick (IRCv3
 * draft/read-marker): told to its own connections and to nobody else. All are in memory.
 */
#ifndef APO_MARKERS_H
#define APO_MARKERS_H

#include "conversation/model/model_private.h"

/* At JOIN, to who has the capability. */
void apo_marker_tell_joined(struct apo_model *model, struct apo_client *client,
			    const struct apo_channel *channel);
/* Of an account that is no more. */
void apo_markers_free(struct apo_marker *markers);

#endif
