/* SPDX-License-Identifier: MIT */
/* The resumed handshake, under an association: docs/protocol.md section 6.7. */
#include <errno.h>
#include <string.h>

#include "proto/conn/conn_handshake.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/endpoint_private.h"

static int give_key(struct rudp_conn *conn, struct rudp_resume *resume)
{
	struct rudp_x25519 ephemeral;

	if (rudp_endpoint_take_key(conn->ep, &ephemeral) < 0)
		return -ENOMEM;
	rudp_resume_give_key(resume, &ephemeral);
	return 0;
}

/*
 * The association must come from a handshake that has proven what a full handshake of this
 * connection would prove. Its credentials become those of the connection.
 */
static bool has_proven_enough(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_credentials *proven = rudp_association_credentials(
		&conn->ep->associations, &conn->first_remote, now_at_ns);
	uint8_t flags = rudp_handshake_full_flags(conn);

	if (!proven || proven->has_own_key != ((flags & RUDP_SYN_OWN_KEY) != 0) ||
	    proven->has_peer_key != ((flags & (RUDP_SYN_TO_KEY | RUDP_SYN_ASK_KEY)) != 0))
		return false;
	if ((flags & RUDP_SYN_TO_KEY) &&
	    memcmp(proven->peer_key, conn->handshake->peer_key, sizeof proven->peer_key) != 0)
		return false;
	conn->credentials = *proven;
	return true;
}

int rudp_conn_resume_begin(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_handshake *handshake = conn->handshake;
	struct rudp_ticket *ticket = &handshake->ticket;

	if (conn->ep->config.resume_off || !has_proven_enough(conn, now_at_ns) ||
	    !rudp_association_use(&conn->ep->associations, &conn->first_remote, now_at_ns, ticket))
		return -ENOENT;
	handshake->flags = RUDP_SYN_RESUME | (ticket->with_dh ? RUDP_SYN_DH : 0);
	conn->syn_flags = handshake->flags;
	rudp_resume_init(&handshake->resume, rudp_cipher_of(conn->suite), ticket->with_dh);
	return ticket->with_dh ? give_key(conn, &handshake->resume) : 0;
}

/* Encrypts the SYN as late as possible: until it is sent, the program may write early data. */
int rudp_conn_resume_seal(struct rudp_conn *conn)
{
	struct rudp_handshake *handshake = conn->handshake;
	struct rudp_ticket *ticket = &handshake->ticket;
	uint8_t prologue[RUDP_SYN_HEADER_BYTES], payload[RUDP_SYN_MESSAGE_BYTES];
	size_t len = RUDP_SYN_MESSAGE_BYTES - rudp_resume_syn_overhead_bytes(ticket->with_dh);
	size_t early;
	int rc;

	rudp_packet_write_prologue(prologue, conn->suite, handshake->flags, conn->id,
				   handshake->target_port);
	early = rudp_conn_write_syn_payload(conn, payload, len,
					    conn->options.early && ticket->is_known &&
						    !conn->ep->config.early_off);
	rc = rudp_resume_write_syn(&handshake->resume, ticket->secret, prologue,
				   ticket->association_id, ticket->counter, payload, len,
				   handshake->message);
	rudp_wipe(payload, sizeof payload);
	if (rc < 0)
		return rc;
	rudp_wipe(ticket->secret, sizeof ticket->secret);
	handshake->message_bytes = (size_t)rc;
	handshake->early_bytes = early;
	return 0;
}

static bool has_dh(const struct rudp_packet *syn)
{
	return syn->flags & RUDP_SYN_DH;
}

enum rudp_verdict rudp_endpoint_check_resumed(struct rudp_endpoint *ep,
					      const struct rudp_packet *syn, int64_t now_at_ns)
{
	struct rudp_given *given;
	uint64_t id, counter;

	rudp_resume_read_head(syn->body, &id, &counter);
	given = rudp_association_find_given(&ep->associations, id, now_at_ns);
	if (!given || !rudp_given_secret(given, has_dh(syn)))
		return RUDP_VERDICT_NO_ASSOCIATION;
	return rudp_given_is_fresh(given, counter) ? RUDP_VERDICT_OK : RUDP_VERDICT_REPLAYED_SYN;
}

enum rudp_verdict rudp_conn_resume_read_syn(struct rudp_conn *conn, struct rudp_resume *resume,
					    const struct rudp_packet *syn, uint8_t *payload,
					    int *payload_len, int64_t now_at_ns)
{
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];
	struct rudp_given *given;
	uint64_t id, counter;

	rudp_resume_read_head(syn->body, &id, &counter);
	given = rudp_association_find_given(&conn->ep->associations, id, now_at_ns);
	if (!given || !rudp_given_secret(given, has_dh(syn)))
		return RUDP_VERDICT_NO_ASSOCIATION;
	conn->credentials = *rudp_given_credentials(given);
	rudp_resume_init(resume, rudp_cipher_of(syn->suite), has_dh(syn));
	rudp_packet_write_prologue(prologue, syn->suite, syn->flags, syn->id, syn->target_port);
	*payload_len =
		rudp_resume_read_syn(resume, rudp_given_secret(given, has_dh(syn)), prologue,
				     syn->body, syn->body_bytes - RUDP_SYN_CHECK_BYTES, payload);
	if (*payload_len == -ENOMEM)
		return RUDP_VERDICT_NO_MEMORY;
	if (*payload_len < 0)
		return RUDP_VERDICT_AUTH_FAILED;
	return has_dh(syn) && give_key(conn, resume) < 0 ? RUDP_VERDICT_NO_MEMORY : RUDP_VERDICT_OK;
}

void rudp_endpoint_on_resumed(struct rudp_endpoint *ep, const struct rudp_packet *syn,
			      int64_t now_at_ns)
{
	struct rudp_given *given;
	uint64_t id, counter;

	rudp_resume_read_head(syn->body, &id, &counter);
	given = rudp_association_find_given(&ep->associations, id, now_at_ns);
	if (given)
		rudp_association_on_taken(&ep->associations, given, counter);
}

/* The pre-shared key may have been removed since the handshake began. */
static bool may_keep(const struct rudp_conn *conn)
{
	return !conn->ep->config.resume_off &&
	       rudp_endpoint_has_psk(conn->ep, conn->credentials.psk_id);
}

void rudp_conn_keep_offer(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_associations *all = &conn->ep->associations;
	struct rudp_offer *offer = conn->syn_answer->offer;

	if (!offer)
		return;
	/*
	 * If memory is short the peer's next resumed SYN is refused, and it needs one full
	 * handshake.
	 */
	if (may_keep(conn) &&
	    rudp_association_give(all, offer->id, &offer->secrets, &conn->credentials,
				  offer->made_at_ns) == 0 &&
	    offer->replaces)
		rudp_association_on_replaced(all, offer->replaces, now_at_ns);
	rudp_offer_free(offer);
	conn->syn_answer->offer = NULL;
}

void rudp_conn_take_offer(struct rudp_conn *conn, uint64_t id,
			  const struct rudp_resume_secrets *secrets, int64_t now_at_ns)
{
	if (id == 0 || !may_keep(conn))
		return;
	/* If memory is short the next connection has a full handshake. */
	if (rudp_association_take(&conn->ep->associations, &conn->first_remote, id, secrets,
				  &conn->credentials, now_at_ns) == 0)
		conn->offer_id = id;
}
