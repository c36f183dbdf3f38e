/* SPDX-License-Identifier: MIT */
/*
 * Connections of trusted proxies, until the header that names the client has come.
 *
 * The bytes are looked at without taking them from the socket (MSG_PEEK): the header of the PROXY
 * protocol is taken when it is whole, a request of HTTP is left to the worker. So the next process
 * of a hand-over can begin again.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conversation/server/acceptor_private.h"
#include "conversation/server/forwarded.h"
#include "conversation/server/proxy_header.h"

_Static_assert(APO_PROXY_HEADER_BYTES_MAX <= APO_HTTP_HEAD_BYTES_MAX, "one buffer for both");

static void refuse(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
		   const char *reason, int64_t now_at_ns)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	acceptor->counters.refused_proxied++;
	if (rudp_log_wants(RUDP_LOG_WARN) &&
	    rudp_log_ratelimit_allows(&acceptor->ratelimit, now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "connection of a trusted proxy closed address=%s reason=\"%s\"",
			 rudp_addr_format(&arrival->address, text), reason);
	close(arrival->fd);
}

void apo_acceptor_await_proxy(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			      int64_t until_ns)
{
	struct apo_waiter *waiter = NULL;

	if (acceptor->proxied_count < APO_PROXIED_MAX)
		waiter = calloc(1, sizeof *waiter);
	if (!waiter) {
		refuse(acceptor, arrival, "too many wait for their header",
		       until_ns - APO_PROXY_HEADER_TIMEOUT_NS);
		return;
	}
	waiter->source = (struct apo_event_source){APO_SOURCE_PROXIED, arrival->fd};
	waiter->arrival = *arrival;
	waiter->until_ns = until_ns;
	/* Bytes that stay in the socket must not be reported again until more have come. */
	if (apo_source_watch(acceptor->epoll_fd, &waiter->source, EPOLLIN | EPOLLET,
			     EPOLL_CTL_ADD) < 0) {
		close(arrival->fd);
		free(waiter);
		return;
	}
	rudp_list_append(&acceptor->proxied, &waiter->link);
	acceptor->proxied_count++;
}

/* ---- the header ---- */

static enum apo_proxy_verdict find_in_request(const struct apo_config *config, const char *bytes,
					      size_t len, struct apo_proxy_header *header)
{
	struct apo_http_request request;
	enum apo_http_verdict verdict = apo_http_parse(bytes, len, 0, &request);

	header->len = 0;
	header->has_client = true;
	if (verdict == APO_HTTP_INCOMPLETE)
		return APO_PROXY_INCOMPLETE;
	if (verdict != APO_HTTP_OK)
		return APO_PROXY_MALFORMED;
	return apo_forwarded_client(config, &request, &header->client);
}

static enum apo_proxy_verdict find_client(const struct apo_acceptor *acceptor,
					  const struct apo_arrival *arrival, const uint8_t *bytes,
					  size_t len, struct apo_proxy_header *header)
{
	enum apo_proxy_verdict verdict = apo_proxy_header_parse(bytes, len, header);

	if (verdict == APO_PROXY_OTHER && arrival->listen.is_web && !arrival->listen.is_tls)
		verdict = find_in_request(acceptor->config, (const char *)bytes, len, header);
	return verdict;
}

static const char *reason_of(enum apo_proxy_verdict verdict)
{
	if (verdict == APO_PROXY_OTHER)
		return "it does not name the client";
	return verdict == APO_PROXY_AMBIGUOUS
		       ? "its X-Forwarded-For and Forwarded do not name the same client"
		       : "its header is malformed";
}

/* NULL: the header has been taken from the socket, and arrival is complete. */
static const char *take_header(struct apo_arrival *arrival, const struct apo_proxy_header *header,
			       uint8_t *bytes)
{
	if (header->len > 0 && recv(arrival->fd, bytes, header->len, 0) != (ssize_t)header->len)
		return "its header could not be read";
	if (header->has_client) {
		arrival->address = header->client;
		arrival->is_proxied = true;
	}
	return NULL;
}

void apo_acceptor_on_proxied(struct apo_acceptor *acceptor, struct apo_event_source *source,
			     int64_t now_at_ns)
{
	struct apo_waiter *waiter = (struct apo_waiter *)(void *)source;
	enum apo_proxy_verdict verdict = APO_PROXY_INCOMPLETE;
	struct apo_arrival arrival = waiter->arrival;
	uint8_t bytes[APO_HTTP_HEAD_BYTES_MAX];
	ssize_t n = recv(source->fd, bytes, sizeof bytes, MSG_PEEK);
	struct apo_proxy_header header;
	const char *reason = NULL;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		verdict = find_client(acceptor, &arrival, bytes, (size_t)n, &header);
	if (n > 0 && verdict == APO_PROXY_INCOMPLETE)
		return;
	(void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	apo_waiter_free(&acceptor->proxied_count, waiter);
	if (n <= 0)
		reason = "it ended before its header was whole";
	else if (verdict == APO_PROXY_OK)
		reason = take_header(&arrival, &header, bytes);
	else
		reason = reason_of(verdict);
	if (reason)
		refuse(acceptor, &arrival, reason, now_at_ns);
	else
		apo_acceptor_on_arrival(acceptor, &arrival, now_at_ns);
}

/* ---- time, and the end ---- */

static struct apo_waiter *oldest(const struct apo_acceptor *acceptor)
{
	return RUDP_LIST_OWNER(acceptor->proxied.next, struct apo_waiter, link);
}

int64_t apo_acceptor_proxied_at_ns(const struct apo_acceptor *acceptor)
{
	return acceptor->proxied_count > 0 ? oldest(acceptor)->until_ns : RUDP_NEVER;
}

void apo_acceptor_expire_proxied(struct apo_acceptor *acceptor, int64_t now_at_ns)
{
	while (apo_acceptor_proxied_at_ns(acceptor) <= now_at_ns) {
		refuse(acceptor, &oldest(acceptor)->arrival, "its header has not come in time",
		       now_at_ns);
		apo_waiter_free(&acceptor->proxied_count, oldest(acceptor));
	}
}

void apo_acceptor_drop_proxied(struct apo_acceptor *acceptor)
{
	while (acceptor->proxied_count > 0) {
		close(oldest(acceptor)->source.fd);
		apo_waiter_free(&acceptor->proxied_count, oldest(acceptor));
	}
}
