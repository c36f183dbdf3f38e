/* SPDX-License-Identifier: MIT */
/*
 * peer_check - what the other side of a connection must prove, and whether what it has proven is
 * accepted.
 *
 * Connect  A host must prove the key that known_hosts has for its address, or for a name under
 *          which the program has found the address. TCP is then not used, unless a rule says so.
 *          If several lines apply and have different keys, no key is good: the owner of one name
 *          must not cancel the requirement of another line. "peer NAME" in a rule means the key
 *          of that line instead. A host without a line is asked for its key; what happens then is
 *          the first contact (policy.h). Keys of loopback addresses are not remembered: other
 *          programs get the same ports later.
 * Listen   If there are authorized keys, a peer must prove one of them, unless the rule for the
 *          listener says "allow anyone". "allow WHO" allows only these. "require identity" alone
 *          allows every peer that proves a key of its own; which one is for the program to judge.
 *          A listener that asks for identities does not serve plain TCP.
 * Own key  The identity of this engine itself is good only between addresses of this host: a relay
 *          must not lead a connection back to its origin.
 * Revoked  A revoked key, of known_hosts or authorized_keys, is good for nothing.
 */
#ifndef RUDP_ENGINE_PEER_CHECK_H
#define RUDP_ENGINE_PEER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/config/policy.h"
#include "proto/conn/conn.h"

struct rudp_app;
struct rudp_engine;

#define RUDP_PEER_TEXT_SIZE 320

/* The proof that a connect demands from the listener. */
struct rudp_expected_peer {
	bool asks; /* it must show a key: this one, or whatever it has */
	bool has_key;
	uint8_t key[RUDP_STATIC_KEY_BYTES];
	bool requires_identity;                /* a rule says so */
	enum rudp_first_contact first_contact; /* if it has no key */
};

/* Names, each with its terminating 0, one after the other. */
struct rudp_host_names {
	const char *text;
	size_t bytes;
};

/*
 * Finds what a connect to remote must prove, and changes decision->way to rudp if TCP would be
 * less. names: those under which the program has found remote.
 *
 * Returns  0, or -EACCES: there is no key that would be accepted; the log says why.
 */
int rudp_peer_expect(struct rudp_engine *engine, const struct rudp_addr *remote,
		     const struct rudp_host_names *names, struct rudp_decision *decision,
		     struct rudp_expected_peer *expected);
/* The function authorize of struct rudp_endpoint_config. context: the engine. */
bool rudp_peer_authorize(void *context, const struct rudp_conn *conn,
			 const struct rudp_credentials *credentials, void *listener_user);
/*
 * Whether a listener that has accepted this connection would refuse it now. If the listener is
 * closed, the rule for the connection's own address is used. Returns NULL: it would not, or the
 * connection is outgoing; else the log's text after "the key ...".
 */
const char *rudp_peer_why_removed(struct rudp_engine *engine, const struct rudp_conn *conn);
/* A person has accepted the key of a host that was not known (race_question.c). */
void rudp_peer_remember(struct rudp_engine *engine, const struct rudp_addr *remote,
			const uint8_t key[RUDP_STATIC_KEY_BYTES]);
/* Logs what the user can do after the listener of this connect has refused because of
 * identities. */
void rudp_peer_log_refusal(const struct rudp_engine *engine, const struct rudp_app *app);

/* A listener with this decision asks its peers for identities. */
bool rudp_peer_is_asked(const struct rudp_engine *engine, const struct rudp_decision *decision);
bool rudp_peer_is_revoked(const struct rudp_engine *engine,
			  const uint8_t key[RUDP_STATIC_KEY_BYTES]);
/* Writes the name that the files have for the owner of a key: a name, a host, or "" if unknown.
 * Returns text. */
char *rudp_peer_name(const struct rudp_engine *engine, const uint8_t key[RUDP_STATIC_KEY_BYTES],
		     char text[RUDP_PEER_TEXT_SIZE]);

#endif
