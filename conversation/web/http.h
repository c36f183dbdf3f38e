/* SPDX-License-Identifier: MIT */
/*
 * http - parses the head of an HTTP/1.1 request (RFC 9112), as far as a WebSocket handshake and a
 * few static files need it.
 *
 * Model    Strict: what RFC 9112 lets a server refuse is refused (line folding, lone CR or LF, a
 *          body, space before a colon, a header twice that may be there once).
 * Limits   APO_HTTP_HEAD_BYTES_MAX bytes, APO_HTTP_HEADERS_MAX headers, of them
 *          APO_HTTP_FORWARDED_MAX X-Forwarded-For and as many Forwarded. The time belongs to
 *          the caller. Nothing is allocated.
 * Threads  any.
 */
#ifndef APO_WEB_HTTP_H
#define APO_WEB_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define APO_HTTP_HEAD_BYTES_MAX 8192
#define APO_HTTP_HEADERS_MAX 64
#define APO_HTTP_FORWARDED_MAX 8

/* A part of the request's bytes; at is NULL if there is none. */
struct apo_slice {
	const char *at;
	size_t len;
};

/* The values of all headers of one name, in order. */
struct apo_http_lists {
	struct apo_slice values[APO_HTTP_FORWARDED_MAX];
	unsigned count;
};

struct apo_http_request {
	struct apo_slice method, target; /* the target begins with a slash */
	struct apo_slice host, origin, key, version, if_none_match;
	struct apo_http_lists x_forwarded_for, forwarded;
	bool upgrades;  /* Connection contains upgrade, and Upgrade contains websocket */
	bool is_binary; /* the subprotocol; neither: none that is known */
	bool is_text;
	size_t head_len;
};

enum apo_http_verdict {
	APO_HTTP_OK,
	APO_HTTP_INCOMPLETE,
	APO_HTTP_MALFORMED,
	APO_HTTP_TOO_LONG,
	APO_HTTP_OTHER_VERSION, /* of HTTP */
};

/*
 * Parses bytes[0..len). searched: so many of them had no end of the head in an earlier call.
 *
 * Returns  INCOMPLETE: more bytes are needed. request is filled for OK alone.
 */
enum apo_http_verdict apo_http_parse(const char *bytes, size_t len, size_t searched,
				     struct apo_http_request *request);

/* The next element of a comma-separated list, without spaces around it; removes it from list.
 * Returns false at the end of the list. Empty elements are left out. Commas in quoted strings
 * separate nothing. */
bool apo_http_next_element(struct apo_slice *list, struct apo_slice *element);

/* The length of the token (RFC 9110, section 5.6.2) at the beginning; 0: there is none. */
size_t apo_http_token_len(struct apo_slice slice);

/* ASCII letters are equal in both cases. */
bool apo_slice_is(struct apo_slice slice, const char *text);

#endif
