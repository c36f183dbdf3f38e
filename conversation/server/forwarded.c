/* SPDX-License-Identifier: MIT */
#include "conversation/server/forwarded.h"

#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789"
#define PORT_DIGITS_MAX 5
/* Longer identifiers are no addresses. */
#define NODE_BYTES_MAX 255

enum node {
	NAMED,  /* by an address */
	HIDDEN, /* by its proxy */
	WRONG
};

/* A numeric address without brackets. */
static bool read_address(struct apo_slice host, struct rudp_addr *address)
{
	bool is_in6 = memchr(host.at, ':', host.len) != NULL;
	char text[RUDP_ADDR_TEXT_SIZE];

	if (host.len >= INET6_ADDRSTRLEN || memchr(host.at, '%', host.len))
		return false;
	snprintf(text, sizeof text, "%s%.*s%s:0", is_in6 ? "[" : "", (int)host.len, host.at,
		 is_in6 ? "]" : "");
	return rudp_addr_parse(address, text) == 0;
}

static enum node read_plain(struct apo_slice element, struct rudp_addr *address)
{
	return read_address(element, address) ? NAMED : HIDDEN;
}

/* ---- Forwarded: nodes (section 6) ---- */

static bool is_obfuscated(const char *text)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "._-";

	return text[0] == '_' && text[1] && !text[1 + strspn(text + 1, allowed)];
}

static bool is_port(const char *text)
{
	size_t len = strspn(text, DIGITS);

	return is_obfuscated(text) || (len >= 1 && len <= PORT_DIGITS_MAX && !text[len]);
}

static enum node read_node(char *text, struct rudp_addr *address)
{
	bool is_bracketed = *text == '[';
	struct apo_slice host = {text + is_bracketed, strcspn(text, is_bracketed ? "]" : ":")};
	char *rest = text + host.len;

	if (is_bracketed && *rest++ != ']')
		return WRONG;
	host.len -= is_bracketed;
	if (*rest && (*rest != ':' || !is_port(rest + 1)))
		return WRONG;
	*rest = '\0';
	if (!is_bracketed && (strcasecmp(text, "unknown") == 0 || is_obfuscated(text)))
		return HIDDEN;
	return is_bracketed == (memchr(host.at, ':', host.len) != NULL) &&
			       read_address(host, address)
		       ? NAMED
		       : WRONG;
}

/* ---- Forwarded: elements (section 4) ---- */

static void skip(struct apo_slice *rest, size_t len)
{
	rest->at += len;
	rest->len -= len;
}

static void skip_spaces(struct apo_slice *rest)
{
	while (rest->len > 0 && (*rest->at == ' ' || *rest->at == '\t'))
		skip(rest, 1);
}

static bool take(struct apo_slice *rest, char wanted)
{
	if (rest->len == 0 || *rest->at != wanted)
		return false;
	skip(rest, 1);
	return true;
}

static struct apo_slice take_token(struct apo_slice *rest)
{
	struct apo_slice token = {rest->at, apo_http_token_len(*rest)};

	skip(rest, token.len);
	return token;
}

/* Takes the rest of a quoted string; its text is cut at NODE_BYTES_MAX. */
static bool take_quoted(struct apo_slice *rest, char text[NODE_BYTES_MAX + 1])
{
	size_t len = 0;

	while (rest->len > 0 && *rest->at != '"') {
		if (*rest->at == '\\' && rest->len > 1)
			skip(rest, 1);
		if (len < NODE_BYTES_MAX)
			text[len++] = *rest->at;
		skip(rest, 1);
	}
	text[len] = '\0';
	return take(rest, '"');
}

static bool take_value(struct apo_slice *rest, char text[NODE_BYTES_MAX + 1])
{
	struct apo_slice token;

	if (take(rest, '"'))
		return take_quoted(rest, text);
	token = take_token(rest);
	snprintf(text, NODE_BYTES_MAX + 1, "%.*s", (int)token.len, token.at);
	return token.len > 0;
}

/* Pairs "name=value" between semicolons. */
static enum node read_element(struct apo_slice rest, struct rudp_addr *address)
{
	char text[NODE_BYTES_MAX + 1] = "";
	enum node node = HIDDEN;
	bool has_node = false;
	struct apo_slice name;

	do {
		skip_spaces(&rest);
		name = take_token(&rest);
		if (name.len > 0 && (!take(&rest, '=') || !take_value(&rest, text)))
			return WRONG;
		if (apo_slice_is(name, "for")) {
			node = has_node ? WRONG : read_node(text, address);
			has_node = true;
		}
		skip_spaces(&rest);
	} while (node != WRONG && take(&rest, ';'));
	return rest.len == 0 ? node : WRONG;
}

/* ---- both ---- */

static enum apo_proxy_verdict
find_client(const struct apo_config *config, const struct apo_http_lists *lists,
	    enum node (*read)(struct apo_slice element, struct rudp_addr *address),
	    struct rudp_addr *client)
{
	struct apo_slice list, element;
	struct rudp_addr address;
	bool has_client = false;
	enum node last = HIDDEN;
	unsigned i;

	for (i = 0; i < lists->count; i++) {
		list = lists->values[i];
		while (apo_http_next_element(&list, &element)) {
			enum node node = read(element, &address);

			if (node == WRONG)
				return APO_PROXY_MALFORMED;
			if (has_client && node == NAMED && apo_proxy_is_trusted(config, &address))
				continue;
			has_client = true;
			last = node;
			*client = address;
		}
	}
	return last == NAMED ? APO_PROXY_OK : APO_PROXY_OTHER;
}

enum apo_proxy_verdict apo_forwarded_client(const struct apo_config *config,
					    const struct apo_http_request *request,
					    struct rudp_addr *client)
{
	enum apo_proxy_verdict plain, standard;
	struct rudp_addr other;

	plain = find_client(config, &request->x_forwarded_for, read_plain, client);
	if (request->forwarded.count == 0)
		return plain;
	standard = find_client(config, &request->forwarded, read_element, &other);
	if (request->x_forwarded_for.count == 0)
		*client = other;
	else if (standard != APO_PROXY_MALFORMED &&
		 (plain != APO_PROXY_OK || standard != APO_PROXY_OK ||
		  !rudp_addr_same_host(client, &other)))
		return APO_PROXY_AMBIGUOUS;
	return standard;
}
