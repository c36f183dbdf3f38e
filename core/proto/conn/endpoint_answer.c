/* SPDX-License-Identifier: MIT */
/* Datagrams that belong to no connection. docs/protocol.md sections 6.2 to 6.5 and 12. */
#include <string.h>

#include "proto/conn/endpoint_private.h"
#include "proto/crypto/cookie.h"

void rudp_endpoint_answer(struct rudp_endpoint *ep, const struct rudp_datagram *to,
			  const uint8_t *bytes, size_t len)
{
	struct rudp_answer *answer;

	if (ep->answer_count == RUDP_ANSWERS_MAX || len > RUDP_ANSWER_MAX_BYTES)
		return; /* the peer asks again */
	answer = &ep->answers[(ep->answer_first + ep->answer_count) % RUDP_ANSWERS_MAX];
	ep->answer_count++;
	answer->socket = to->socket;
	answer->local = to->local;
	answer->remote = to->remote;
	answer->len = len;
	memcpy(answer->bytes, bytes, len);
}

void rudp_endpoint_refuse(struct rudp_endpoint *ep, const struct rudp_datagram *to, uint64_t id,
			  enum rudp_refusal reason, int64_t now_at_ns)
{
	uint8_t bytes[RUDP_REFUSE_BYTES];

	if (rudp_answer_limit_take(&ep->answer_limit, RUDP_ANSWER_REFUSE, &to->remote, now_at_ns))
		rudp_endpoint_answer(ep, to, bytes, rudp_packet_write_refuse(bytes, id, reason));
}

void rudp_endpoint_reset_unknown(struct rudp_endpoint *ep, const struct rudp_datagram *to,
				 uint64_t id, int64_t now_at_ns)
{
	uint8_t token[RUDP_RESET_TOKEN_BYTES];
	uint8_t bytes[RUDP_RESET_BYTES];

	/* Always shorter than its cause: two endpoints cannot keep each other busy. */
	if (to->len <= RUDP_RESET_BYTES ||
	    !rudp_answer_limit_take(&ep->answer_limit, RUDP_ANSWER_RESET, &to->remote, now_at_ns))
		return;
	rudp_reset_token_make(ep->config.reset_secret, id, rudp_addr_port(&to->local), token);
	rudp_endpoint_answer(ep, to, bytes, rudp_packet_write_reset(bytes, id, token));
}

int rudp_endpoint_share_number(const struct rudp_endpoint *ep, const void *socket)
{
	return ep->config.share_number && socket ? ep->config.share_number(socket) : -1;
}

bool rudp_endpoint_pass_on(const struct rudp_endpoint *ep, const struct rudp_datagram *datagram,
			   uint64_t id)
{
	int own = rudp_endpoint_share_number(ep, datagram->socket);
	unsigned number = (unsigned)id & (RUDP_SHARERS_MAX - 1);

	return own >= 0 && (unsigned)own != number &&
	       ep->config.pass_on(datagram->socket, datagram, number);
}

void rudp_endpoint_ask_cookie(struct rudp_endpoint *ep, const struct rudp_datagram *to, uint64_t id,
			      int64_t now_at_ns)
{
	uint8_t cookie[RUDP_COOKIE_BYTES];
	uint8_t bytes[1 + RUDP_ID_BYTES + 1 + RUDP_COOKIE_BYTES];

	rudp_cookie_make(ep->cookie_secret, &to->remote, id, now_at_ns, cookie);
	rudp_endpoint_answer(ep, to, bytes,
			     rudp_packet_write_cookie(bytes, id, cookie, sizeof cookie));
}

bool rudp_endpoint_transmit_answer(struct rudp_endpoint *ep, struct rudp_train *train)
{
	const struct rudp_answer *answer;

	while (ep->answer_count > 0) {
		answer = &ep->answers[ep->answer_first];
		ep->answer_first = (ep->answer_first + 1) % RUDP_ANSWERS_MAX;
		ep->answer_count--;
		if (answer->len == 0)
			continue; /* its socket has gone */
		memcpy(train->data, answer->bytes, answer->len);
		train->len = train->segment_bytes = answer->len;
		train->count = 1;
		train->socket = answer->socket;
		train->local = answer->local;
		train->remote = answer->remote;
		train->tos = 0;
		return true;
	}
	return false;
}
