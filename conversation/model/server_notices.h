/* SPDX-License-Identifier: MIT */
/*
 * server_notices - tells operators what happens on the server: each one chooses kinds of notices by
 * user mode s and their letters ("MODE nick +s bk", "MODE nick +s -c").
 */
#ifndef APO_SERVER_NOTICES_H
#define APO_SERVER_NOTICES_H

#include "conversation/model/model_private.h"

/* The letters, in the order of the bits. */
#define APO_NOTICE_LETTERS "bcfkors"
#define APO_NOTICE_BANS 1u
#define APO_NOTICE_CONNECTIONS 2u /* the welcome, and the end */
#define APO_NOTICE_FLOODS 4u      /* clients that were disconnected since they said too much */
#define APO_NOTICE_KILLS 8u       /* also KICK by operators */
#define APO_NOTICE_OPERATORS 16u  /* OPER, its failures, and what operators do to the server */
#define APO_NOTICE_REPORTS 32u
#define APO_NOTICE_SERVICES 64u /* ChanServ, NickServ, REDACT */
#define APO_NOTICE_ALL 127u
/* The kinds that a new operator gets, and those of mode s without letters. */
#define APO_NOTICE_FIRST APO_NOTICE_REPORTS
#define APO_NOTICE_USUAL (APO_NOTICE_ALL & ~APO_NOTICE_CONNECTIONS)

/* The kind of an action of the audit log (audit.h). */
uint32_t apo_notice_of_action(const char *action);
/* Sends a NOTICE to the operators who want this kind. */
void apo_server_notice(struct apo_model *model, uint32_t kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Changes what an operator is told; 0: nothing. At most APO_LISTENERS_MAX operators are told
 * anything: further ones get nothing. */
void apo_notices_set(struct apo_model *model, struct apo_client *client, uint32_t kinds);
/* Changes it by letters ("b", "+bk-c"; NULL: the usual ones), and tells the operator the result. */
void apo_notices_change(struct apo_model *model, struct apo_client *client, const char *letters);

/* The client is registered from now on. */
void apo_notices_on_welcome(struct apo_model *model, const struct apo_client *client);
/* The connection has gone; the reason of a flood is recognized. */
void apo_notices_on_gone(struct apo_model *model, const struct apo_client *client,
			 const char *reason);

#endif
