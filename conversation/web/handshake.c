/* SPDX-License-Identifier: MIT */
#include "conversation/web/handshake.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/web/files.h"

#define KEY_LEN 24 /* 16 bytes in base64 */
#define ACCEPT_SIZE 29
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* ---- names of hosts ---- */

static bool is_name(struct apo_slice name)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
			    name.at[i]))
			return false;
	return name.len > 0;
}

static bool is_address(struct apo_slice name)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (name.len >= sizeof text)
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = 0;
	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_port(struct apo_slice port)
{
	size_t i;

	for (i = 0; i < port.len; i++)
		if (port.at[i] < '0' || port.at[i] > '9')
			return false;
	return port.len > 0 && port.len <= 5;
}

/* Takes "name:port", "[address]:port" or one without a port apart. */
static bool split_host(struct apo_slice host, struct apo_slice *name)
{
	const char *end = host.len > 0 && *host.at == '[' ? memchr(host.at, ']', host.len)
							  : memchr(host.at, ':', host.len);
	struct apo_slice port;

	if (host.len > 0 && *host.at == '[') {
		if (!end)
			return false;
		*name = (struct apo_slice){host.at + 1, (size_t)(end - host.at - 1)};
		port = (struct apo_slice){end + 1, (size_t)(host.at + host.len - end - 1)};
		if (!is_address(*name))
			return false;
	} else {
		*name = (struct apo_slice){host.at, end ? (size_t)(end - host.at) : host.len};
		port = (struct apo_slice){host.at + name->len, host.len - name->len};
		if (!is_name(*name))
			return false;
	}
	return port.len == 0 ||
	       (*port.at == ':' && is_port((struct apo_slice){port.at + 1, port.len - 1}));
}

static bool is_host_admitted(const struct apo_web_rules *rules, const char *server_name,
			     struct apo_slice host)
{
	struct apo_slice name;
	unsigned i;

	if (!host.at || !split_host(host, &name))
		return false;
	if (apo_slice_is(name, "localhost") || apo_slice_is(name, server_name) || is_address(name))
		return true;
	for (i = 0; i < rules->host_count; i++)
		if (apo_slice_is(name, rules->hosts[i]))
			return true;
	return false;
}

/* The part of an origin after the scheme; at is NULL if it is none of HTTP. */
static struct apo_slice host_of_origin(struct apo_slice origin)
{
	static const char *const schemes[] = {"https://", "http://"};
	size_t i, len;

	for (i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		len = strlen(schemes[i]);
		if (origin.len > len && strncasecmp(origin.at, schemes[i], len) == 0)
			return (struct apo_slice){origin.at + len, origin.len - len};
	}
	return (struct apo_slice){NULL, 0};
}

static bool is_origin_admitted(const struct apo_web_rules *rules, struct apo_slice origin,
			       struct apo_slice host)
{
	struct apo_slice own = host_of_origin(origin);
	unsigned i;

	if (!origin.at)
		return true;
	for (i = 0; i < rules->origin_count; i++)
		if (strcmp(rules->origins[i], "*") == 0 || apo_slice_is(origin, rules->origins[i]))
			return true;
	return own.at && own.len == host.len && strncasecmp(own.at, host.at, own.len) == 0;
}

bool apo_web_is_host(const char *text)
{
	return is_name((struct apo_slice){text, strlen(text)});
}

bool apo_web_is_origin(const char *text)
{
	struct apo_slice host = host_of_origin((struct apo_slice){text, strlen(text)}), name;

	return strcmp(text, "*") == 0 || (host.at && split_host(host, &name));
}

/* ---- answers ---- */

__attribute__((format(printf, 2, 3))) static void add(struct apo_web_answer *answer,
						      const char *format, ...)
{
	size_t room = sizeof answer->head - answer->head_len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(answer->head + answer->head_len, room, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < room); /* nothing of the request is in it */
	answer->head_len += (size_t)n;
}

static const char *words_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 304:
		return "Not Modified";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 421:
		return "Misdirected Request";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

/* Every answer but 101 ends the connection. */
static void begin_answer(struct apo_web_answer *answer, unsigned status, const char *type,
			 const char *body, size_t body_len)
{
	answer->status = status;
	answer->body = body;
	answer->body_len = body_len;
	add(answer, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: %s\r\n", status,
	    words_of(status), type);
	if (status != 304)
		add(answer, "Content-Length: %zu\r\n", body_len);
	add(answer,
	    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
	    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
	    "img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'\r\n"
	    "Cross-Origin-Opener-Policy: same-origin\r\n"
	    "Cross-Origin-Resource-Policy: same-origin\r\n");
}

static void answer_error(struct apo_web_answer *answer, unsigned status, const char *reason)
{
	begin_answer(answer, status, "text/plain; charset=utf-8", reason, strlen(reason));
	if (status == 405)
		add(answer, "Allow: GET, HEAD\r\n");
	else if (status == 426)
		add(answer, "Sec-WebSocket-Version: 13\r\n");
	else if (status == 503)
		add(answer, "Retry-After: 30\r\n");
	add(answer, "Cache-Control: no-store\r\n\r\n");
}

void apo_web_answer_error(enum apo_http_verdict verdict, struct apo_web_answer *answer)
{
	memset(answer, 0, sizeof *answer);
	if (verdict == APO_HTTP_TOO_LONG)
		answer_error(answer, 431, "The request is too long.\n");
	else if (verdict == APO_HTTP_OTHER_VERSION)
		answer_error(answer, 505, "This server speaks HTTP/1.1.\n");
	else
		answer_error(answer, 400, "The request is malformed.\n");
}

/* ---- files ---- */

/* The path without the query. */
static struct apo_slice path_of(struct apo_slice target)
{
	const char *query = memchr(target.at, '?', target.len);

	if (query)
		target.len = (size_t)(query - target.at);
	return target;
}

static const struct apo_web_file *find_file(struct apo_slice path)
{
	size_t i;

	for (i = 0; i < apo_web_file_count; i++)
		if (path.len == strlen(apo_web_files[i].path) &&
		    memcmp(path.at, apo_web_files[i].path, path.len) == 0)
			return apo_web_files + i;
	return NULL;
}

static void answer_file(const struct apo_http_request *request, const struct apo_web_file *file,
			struct apo_web_answer *answer)
{
	bool is_known = apo_slice_is(request->if_none_match, file->tag);

	if (is_known)
		begin_answer(answer, 304, file->type, NULL, 0);
	else
		begin_answer(answer, 200, file->type, file->bytes, file->len);
	add(answer, "ETag: %s\r\nCache-Control: no-cache\r\n\r\n", file->tag);
}

static void answer_request(const struct apo_web_rules *rules,
			   const struct apo_http_request *request, const char *refusal,
			   struct apo_web_answer *answer)
{
	const struct apo_web_file *file = find_file(path_of(request->target));
	bool is_head = apo_slice_is(request->method, "HEAD");

	if (!apo_slice_is(request->method, "GET") && !is_head)
		answer_error(answer, 405, "Only GET and HEAD are allowed.\n");
	else if (!rules->has_client || !file)
		answer_error(answer, rules->has_client ? 404 : 426,
			     rules->has_client ? "There is no such page.\n"
					       : "Only WebSocket is served here.\n");
	else if (refusal)
		answer_error(answer, 503, refusal);
	else
		answer_file(request, file, answer);
	if (is_head)
		answer->body_len = 0;
}

/* ---- WebSocket ---- */

/* Base64 of 16 bytes. */
static bool is_key(struct apo_slice key)
{
	unsigned char bytes[KEY_LEN / 4 * 3];

	return key.len == KEY_LEN && memcmp(key.at + KEY_LEN - 2, "==", 2) == 0 &&
	       EVP_DecodeBlock(bytes, (const unsigned char *)key.at, KEY_LEN) == sizeof bytes;
}

static void accept_of(struct apo_slice key, char accept[ACCEPT_SIZE])
{
	char text[KEY_LEN + sizeof GUID];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	memcpy(text, key.at, KEY_LEN);
	memcpy(text + KEY_LEN, GUID, sizeof GUID);
	if (EVP_Digest(text, KEY_LEN + sizeof GUID - 1, digest, &len, EVP_sha1(), NULL) != 1)
		len = 0; /* the client will refuse the answer */
	EVP_EncodeBlock((unsigned char *)accept, digest, (int)len);
}

static void open_websocket(const struct apo_http_request *request, struct apo_web_answer *answer)
{
	char accept[ACCEPT_SIZE] = "";

	accept_of(request->key, accept);
	answer->status = 101;
	answer->type = request->is_text     ? APO_WEB_TEXT
		       : request->is_binary ? APO_WEB_BINARY
					    : APO_WEB_ANY;
	add(answer,
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Accept: %s\r\n",
	    accept);
	if (answer->type != APO_WEB_ANY)
		add(answer, "Sec-WebSocket-Protocol: %s.ircv3.net\r\n",
		    answer->type == APO_WEB_TEXT ? "text" : "binary");
	add(answer, "\r\n");
}

void apo_web_answer(const struct apo_web_rules *rules, const char *server_name,
		    const struct apo_http_request *request, const char *refusal,
		    struct apo_web_answer *answer)
{
	memset(answer, 0, sizeof *answer);
	if (!request->host.at)
		answer_error(answer, 400, "The request has no Host.\n");
	else if (!is_host_admitted(rules, server_name, request->host))
		answer_error(answer, 421, "This server does not have that name.\n");
	else if (!request->upgrades)
		answer_request(rules, request, refusal, answer);
	else if (!apo_slice_is(request->method, "GET"))
		answer_error(answer, 405, "A WebSocket begins with GET.\n");
	else if (!apo_slice_is(request->version, "13"))
		answer_error(answer, 426, "Only version 13 of WebSocket is served.\n");
	else if (!is_key(request->key))
		answer_error(answer, 400, "Sec-WebSocket-Key is wrong.\n");
	else if (!is_origin_admitted(rules, request->origin, request->host))
		answer_error(answer, 403, "Pages of that origin may not connect.\n");
	else
		open_websocket(request, answer);
}
