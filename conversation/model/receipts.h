/* SPDX-License-Identifier: MIT */
/*
 * receipts - what became of a message whose sender wishes to know (docs/conversation.md,
 * "Receipts").
 *
 * A watch is opened before the message is said, told the recipients while it is, and closed after;
 * then it lives until all recipients are known to have it or to have gone, or its time is over.
 */
#ifndef APO_RECEIPTS_H
#define APO_RECEIPTS_H

#include "conversation/model/model_private.h"

/* -ENOMEM. */
int apo_receipts_init(struct apo_model *model);
void apo_receipts_fini(struct apo_model *model);

/* recipients: at most so many. 0: it is not watched (the sender did not ask, too many, no memory).
 */
uint64_t apo_receipts_open(struct apo_model *model, struct apo_client *sender, const char *msgid,
			   const char *target, uint32_t recipients);
void apo_receipts_deliver(struct apo_model *model, uint64_t watch, unsigned worker,
			  struct apo_text *text, const struct apo_peer *to, unsigned count);
/* All has been delivered: the sender is told how many there are. */
void apo_receipts_close(struct apo_model *model, uint64_t watch);

void apo_receipts_on_receipt(struct apo_model *model, uint64_t watch, uint32_t recipient,
			     bool arrived);
int64_t apo_receipts_next_at_ns(const struct apo_model *model);
void apo_receipts_on_time(struct apo_model *model);

#endif
