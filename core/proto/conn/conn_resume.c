/* SPDX-License-Identifier: MIT */
/* Handshakes under an association: docs/protocol.md section 6.7. */
#include <errno.h>

#include "proto/conn/conn_handshake.h"
#include "proto/conn/endpoint_private.h"

static int give_key(struct rudp_conn *conn, struct rudp_resume *resume)
{
	struct rudp_x25519 ephemeral;

	if (rudp_endpoint_take_key(conn->ep, &ephemeral) < 0)
		return -ENOMEM;
	rudp_resume_give_key(resume, &ephemeral);
	return 0;
}

int rudp_conn_resume_begin(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_handshake *handshake = conn->handshake;
	struct rudp_ticket *ticket = &handshake->ticket;

	if (conn->ep->config.resume_off ||
	    !rudp_association_use(&conn->ep->associations, &conn->first_remote, now_at_ns, ticket))
		return -ENOENT;
	handshake->flags = RUDP_SYN_RESUME | (ticket->with_dh ? RUDP_SYN_DH : 0);
	conn->syn_flags = handshake->flags;
	conn->psk_id = ticket->psk_id;
	rudp_resume_init(&handshake->resume, rudp_cipher_of(conn->suite), ticket->with_dh);
	return ticket->with_dh ? give_key(conn, &handshake->resume) : 0;
}

/* Not before it leaves: until then the program may write what is to travel in it. */
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
	conn->psk_id = rudp_given_psk_id(given);
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

/* The key may have been withdrawn since the handshake began. */
static bool may_keep(const struct rudp_conn *conn)
{
	return !conn->ep->config.resume_off && rudp_endpoint_has_psk(conn->ep, conn->psk_id);
}

void rudp_conn_keep_offer(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_associations *all = &conn->ep->associations;
	struct rudp_offer *offer = conn->syn_answer->offer;

	if (!offer)
		return;
	/* Without memory the peer will be refused once, and need a full handshake again. */
	if (may_keep(conn) &&
	    rudp_association_give(all, offer->id, &offer->secrets, conn->psk_id,
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
	/* Without memory the next connection has a full handshake. */
	if (rudp_association_take(&conn->ep->associations, &conn->first_remote, id, secrets,
				  conn->psk_id, now_at_ns) == 0)
		conn->offer_id = id;
}
