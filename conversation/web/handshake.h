/* SPDX-License-Identifier: MIT */
/*
 * handshake - decides how an HTTP request of a web listener is answered: with a WebSocket (RFC 6455
 * section 4.2), with a file of the web client, or with an error.
 *
 * Model    Host must be one of the rules' names, "localhost" or a numeric address: otherwise a page
 *          whose name is made to resolve to this server (DNS rebinding) would be of its origin. A
 *          browser sends Origin with each WebSocket; it must be the same as Host, or in the rules.
 *          Requests without Origin are not from a page in a browser, and are admitted.
 * Threads  any.
 */
#ifndef APO_WEB_HANDSHAKE_H
#define APO_WEB_HANDSHAKE_H

#include "conversation/web/frames.h"
#include "conversation/web/http.h"

#define APO_WEB_NAMES_MAX 16
#define APO_WEB_HEAD_BYTES_MAX 1024

struct apo_web_rules {
	const char *hosts[APO_WEB_NAMES_MAX]; /* names without port */
	unsigned host_count;
	const char *origins[APO_WEB_NAMES_MAX]; /* "https://chat.example.org"; "*": all */
	unsigned origin_count;
	bool has_client; /* the files of the web client are served */
};

struct apo_web_answer {
	unsigned status; /* 101: the connection is a WebSocket from now on */
	enum apo_web_type type;
	size_t head_len, body_len;
	const char *body; /* static */
	char head[APO_WEB_HEAD_BYTES_MAX];
};

/* refusal: NULL, or why the server takes no more clients (static). A WebSocket is opened
 * nevertheless, and ends with that reason. */
void apo_web_answer(const struct apo_web_rules *rules, const char *server_name,
		    const struct apo_http_request *request, const char *refusal,
		    struct apo_web_answer *answer);

/* For requests that could not be parsed. */
void apo_web_answer_error(enum apo_http_verdict verdict, struct apo_web_answer *answer);

/* Each returns whether text could be a name of a host, or the origin of a page
 * ("https://chat.example.org:8443"). */
bool apo_web_is_host(const char *text);
bool apo_web_is_origin(const char *text);

#endif
