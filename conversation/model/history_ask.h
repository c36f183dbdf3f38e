/* SPDX-License-Identifier: MIT */
/*
 * history_ask - requests to history that wait for their answer: those of CHATHISTORY and REDACT.
 */
#ifndef APO_HISTORY_ASK_H
#define APO_HISTORY_ASK_H

#include "conversation/model/model_private.h"
#include "conversation/model/serializer.h"

#define APO_TARGET_SIZE (APO_CHANNEL_BYTES_MAX + 1)

/* The rest of a REDACT. */
struct apo_redaction {
	char msgid[APO_MSGID_BYTES];
	char account[APO_ACCOUNT_BYTES_MAX +
		     1]; /* of the other user; "": the target is a channel */
	char reason[];   /* "": none */
};

struct apo_history_request {
	UT_hash_handle by_id;
	uint64_t id;
	struct apo_client *client; /* a reference */
	enum apo_history_way way;
	char target[APO_TARGET_SIZE];        /* as the answer spells it; "": TARGETS */
	char label[APO_LABEL_BYTES_MAX + 1]; /* "": none */
	struct apo_redaction *redaction;     /* NULL: the request is a CHATHISTORY */
};

/* A question in preparation. */
struct apo_asking {
	struct apo_model *model;
	struct apo_client *client;
	const char *way;    /* the subcommand as the client wrote it */
	const char *target; /* "": TARGETS */
	char folded[APO_TARGET_SIZE];
	char shown[APO_TARGET_SIZE]; /* the target as the answer spells it */
	struct apo_question question;
};

/* Reads "run-position", both in the hexadecimal digits that the server writes. false: it is no
 * msgid. */
bool apo_msgid_read(const char *text, struct apo_reference *reference);

/* Fills in who may be asked about the target, a channel or a nick. false: the client may see
 * nothing of it. */
bool apo_asking_find_channel(struct apo_asking *asking);
bool apo_asking_find_other(struct apo_asking *asking);
/* Sends the question. Takes ownership of redaction in any case. false: memory is short. */
bool apo_asking_send(struct apo_asking *asking, struct apo_redaction *redaction);

/* The answers. The turn is that of the request's client. */
void apo_chathistory_on_answer(struct apo_model *model, const struct apo_history_request *request,
			       enum apo_asked asked, const struct apo_page *page);
void apo_redact_on_answer(struct apo_model *model, const struct apo_history_request *request,
			  enum apo_asked asked);
/* A redaction that a copy of the model has proposed (shared.h). */
void apo_redact_apply(struct apo_model *model, struct apo_client *client,
		      struct apo_serializer *serializer);

#endif
