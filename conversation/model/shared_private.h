/* SPDX-License-Identifier: MIT */
/* shared_private - the events that the copies of a model exchange, for the files of shared. */
#ifndef APO_SHARED_PRIVATE_H
#define APO_SHARED_PRIVATE_H

#include "conversation/model/channels.h"
#include "conversation/model/shared.h"

/* Each event begins with the kind and the number of the client at its node. */
enum apo_shared_kind {
	APO_SHARED_CLIENT = 1,   /* registers, if its nick is free: nick, apo_shared_describe */
	APO_SHARED_LINE = 2,     /* says a line */
	APO_SHARED_OPERATOR = 3, /* has given the password: the operator's name, the label */
	APO_SHARED_END = 4,      /* has left: the reason */
	APO_SHARED_NOTE = 5,     /* of no client: action and text of an entry of the audit log */
	/* These are those of shared_accounts.h. */
	APO_SHARED_REGISTER = 6,
	APO_SHARED_LOGIN = 7,
	APO_SHARED_DROP = 8,
	APO_SHARED_KEY = 9,
	APO_SHARED_RECEIPTS = 10, /* of no client: the number is a position (receipts.c) */
	APO_SHARED_REDACT = 11,   /* may remove a message: redact.c */
	APO_SHARED_SECRET = 12    /* of no client: shared_accounts.h */
};

/* Writes or reads the beginning of an event. */
void apo_shared_event(struct apo_serializer *serializer, enum apo_shared_kind kind,
		      uint64_t number);
/* Proposes the event, and frees it. Returns false if it is refused. */
bool apo_shared_propose(struct apo_model *model, struct apo_serializer *serializer, bool is_vital);
/* The same for a command of a client, whose next lines wait until the event is applied. */
bool apo_shared_propose_command(struct apo_model *model, struct apo_client *client,
				struct apo_serializer *serializer);
/* Tells the client that its command is refused. */
void apo_shared_refuse(struct apo_model *model, struct apo_client *client, const char *command);
/* Writes or reads what others may know of a client, except its nick. */
void apo_shared_describe(struct apo_serializer *serializer, const struct apo_model *model,
			 struct apo_client *client);

/* NULL if there is no such client. */
struct apo_shared_client *apo_shared_find(const struct apo_model *model, uint64_t node,
					  uint64_t number);
/* Returns false if memory is short. */
bool apo_shared_add(struct apo_model *model, struct apo_shared_key key, struct apo_client *client);

/* The number of a client that is connected here. It keeps the number with which it registered, also
 * in another process. */
uint64_t apo_shared_number(const struct apo_model *model, const struct apo_client *client);
/* A client of this copy that the others do not know yet and that waits for its proposal; NULL:
 * none. */
struct apo_client *apo_shared_own_waiting(const struct apo_model *model, struct apo_shared_key key);
/* A free place for a remote client. */
struct apo_peer apo_shared_remote_peer(struct apo_model *model);

/* The accounts and registered channels of the model. NULL if memory is short. */
struct apo_lasting *apo_lasting_new(const struct apo_model *model);
void apo_lasting_free(struct apo_lasting *lasting);
/* Returns whether the model lacks some of them now. True if that is not known (before is NULL). */
bool apo_lasting_is_lost(const struct apo_model *model, const struct apo_lasting *before);

/* Adds a remote client, complete but for its place, to the model; takes ownership. Returns false if
 * it is not valid, its nick is taken, or memory is short: it is freed. */
bool apo_shared_insert(struct apo_model *model, struct apo_shared_key key,
		       struct apo_client *client);

#endif
