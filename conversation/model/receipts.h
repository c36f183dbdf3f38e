/* SPDX-License-Identifier: MIT */
/*
 * receipts - tells a sender who asks for it which recipients have received a message
 * (docs/conversation.md, "Receipts").
 *
 * A watch is opened before the message is sent, gets its recipients while it is sent, and is closed
 * after that. It then lives until each recipient has received the message or has gone, or until its
 * time is over. In a network of nodes (shared.h) each of them has a watch: that of the sender's
 * node expects all recipients, those of the others their own, and tell what they learn.
 */
#ifndef APO_RECEIPTS_H
#define APO_RECEIPTS_H

#include "conversation/model/model_private.h"

struct apo_serializer;

/* Returns 0 or -ENOMEM. */
int apo_receipts_init(struct apo_model *model);
void apo_receipts_fini(struct apo_model *model);

/* recipients: an upper bound. Returns the watch; 0: the message is not watched (the sender did not
 * ask, too many recipients, memory is short). */
uint64_t apo_receipts_open(struct apo_model *model, struct apo_client *sender, const char *msgid,
			   const char *target, uint32_t recipients);
void apo_receipts_deliver(struct apo_model *model, uint64_t watch, unsigned worker,
			  struct apo_text *text, const struct apo_peer *to, unsigned count);
/* The same for a client of another node (shared.h), whose node delivers. */
void apo_receipts_expect(struct apo_model *model, uint64_t watch, struct apo_client *client);
/* Another node tells what its clients have received of the message at the position, by an event. */
void apo_receipts_apply(struct apo_model *model, uint64_t node, uint64_t position,
			struct apo_serializer *serializer);
/* The node reports no more receipts: what its clients have received stays unknown. */
void apo_receipts_on_node_gone(struct apo_model *model, uint64_t node);
/* All has been delivered: the sender is told the number of recipients. */
void apo_receipts_close(struct apo_model *model, uint64_t watch);

void apo_receipts_on_receipt(struct apo_model *model, uint64_t watch, uint32_t recipient,
			     bool arrived);
int64_t apo_receipts_next_at_ns(const struct apo_model *model);
void apo_receipts_on_time(struct apo_model *model);

#endif
