/* SPDX-License-Identifier: MIT */
#include "conversation/web/http.h"

#include <string.h>
#include <strings.h>

#define TARGET_BYTES_MAX 2048

bool apo_slice_is(struct apo_slice slice, const char *text)
{
	return slice.at && slice.len == strlen(text) && strncasecmp(slice.at, text, slice.len) == 0;
}

static struct apo_slice trimmed(const char *at, size_t len)
{
	while (len > 0 && (*at == ' ' || *at == '\t')) {
		at++;
		len--;
	}
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	return (struct apo_slice){at, len};
}

/* Up to the first comma outside of quoted strings. */
static size_t element_len(struct apo_slice list)
{
	bool is_quoted = false;
	size_t i;

	for (i = 0; i < list.len && (is_quoted || list.at[i] != ','); i++) {
		if (list.at[i] == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && list.at[i] == '\\' && i + 1 < list.len)
			i++;
	}
	return i;
}

bool apo_http_next_element(struct apo_slice *list, struct apo_slice *element)
{
	size_t len;

	while (list->at && list->len > 0) {
		len = element_len(*list);
		*element = trimmed(list->at, len);
		len += len < list->len; /* the comma */
		list->at += len;
		list->len -= len;
		if (element->len > 0)
			return true;
	}
	return false;
}

static bool contains(struct apo_slice list, const char *text)
{
	struct apo_slice element;

	while (apo_http_next_element(&list, &element))
		if (apo_slice_is(element, text))
			return true;
	return false;
}

/* ---- characters (RFC 9110 section 5.6.2, 5.5) ---- */

size_t apo_http_token_len(struct apo_slice slice)
{
	size_t i;

	for (i = 0; i < slice.len; i++)
		if (slice.at[i] <= ' ' || slice.at[i] > '~' ||
		    strchr("\"(),/:;<=>?@[\\]{}", slice.at[i]))
			break;
	return i;
}

static bool is_token(struct apo_slice slice)
{
	return slice.len > 0 && apo_http_token_len(slice) == slice.len;
}

static bool is_value(struct apo_slice slice)
{
	size_t i;

	for (i = 0; i < slice.len; i++)
		if (((unsigned char)slice.at[i] < ' ' && slice.at[i] != '\t') || slice.at[i] == 127)
			return false;
	return true;
}

static bool is_target(struct apo_slice slice)
{
	size_t i;

	for (i = 0; i < slice.len; i++)
		if (slice.at[i] <= ' ' || slice.at[i] > '~')
			return false;
	return slice.len > 0 && slice.at[0] == '/';
}

/* ---- the head ---- */

/* Cuts off a line; false: its end is not CR LF. */
static bool next_line(struct apo_slice *rest, struct apo_slice *line)
{
	const char *end = memchr(rest->at, '\n', rest->len);

	if (!end || end == rest->at || end[-1] != '\r')
		return false;
	*line = (struct apo_slice){rest->at, (size_t)(end - 1 - rest->at)};
	rest->len -= line->len + 2;
	rest->at = end + 1;
	return true;
}

static enum apo_http_verdict parse_request_line(struct apo_slice line,
						struct apo_http_request *request)
{
	static const char version[] = "HTTP/1.1", any[] = "HTTP/";
	const char *first = memchr(line.at, ' ', line.len), *last;
	struct apo_slice protocol;

	if (!first)
		return APO_HTTP_MALFORMED;
	last = memrchr(line.at, ' ', line.len);
	request->method = (struct apo_slice){line.at, (size_t)(first - line.at)};
	if (last == first || !is_token(request->method))
		return APO_HTTP_MALFORMED;
	request->target = (struct apo_slice){first + 1, (size_t)(last - first - 1)};
	protocol = (struct apo_slice){last + 1, (size_t)(line.at + line.len - last - 1)};
	if (protocol.len != sizeof version - 1 || memcmp(protocol.at, any, sizeof any - 1) != 0)
		return APO_HTTP_MALFORMED;
	if (memcmp(protocol.at, version, sizeof version - 1) != 0)
		return APO_HTTP_OTHER_VERSION;
	if (request->target.len > TARGET_BYTES_MAX)
		return APO_HTTP_TOO_LONG;
	return is_target(request->target) ? APO_HTTP_OK : APO_HTTP_MALFORMED;
}

/* The tokens found in the headers that are lists. */
struct seen {
	bool connection, upgrade;
};

static bool set_once(struct apo_slice *place, struct apo_slice value)
{
	if (place->at)
		return false;
	*place = value;
	return true;
}

/* The client's order is the order of its preference, over all headers of that name. */
static void choose_protocol(struct apo_http_request *request, struct apo_slice list)
{
	struct apo_slice element;

	while (!request->is_binary && !request->is_text && apo_http_next_element(&list, &element)) {
		request->is_binary = apo_slice_is(element, "binary.ircv3.net");
		request->is_text = apo_slice_is(element, "text.ircv3.net");
	}
}

static bool add(struct apo_http_lists *lists, struct apo_slice value)
{
	if (lists->count == APO_HTTP_FORWARDED_MAX)
		return false;
	lists->values[lists->count++] = value;
	return true;
}

/* Returns false if the request must be refused. */
static bool on_header(struct apo_http_request *request, struct seen *seen, struct apo_slice name,
		      struct apo_slice value)
{
	if (apo_slice_is(name, "Host"))
		return set_once(&request->host, value);
	if (apo_slice_is(name, "Origin"))
		return set_once(&request->origin, value);
	if (apo_slice_is(name, "Sec-WebSocket-Key"))
		return set_once(&request->key, value);
	if (apo_slice_is(name, "Sec-WebSocket-Version"))
		return set_once(&request->version, value);
	if (apo_slice_is(name, "X-Forwarded-For"))
		return add(&request->x_forwarded_for, value);
	if (apo_slice_is(name, "Forwarded"))
		return add(&request->forwarded, value);
	if (apo_slice_is(name, "If-None-Match"))
		request->if_none_match = value;
	else if (apo_slice_is(name, "Connection"))
		seen->connection |= contains(value, "upgrade");
	else if (apo_slice_is(name, "Upgrade"))
		seen->upgrade |= contains(value, "websocket");
	else if (apo_slice_is(name, "Sec-WebSocket-Protocol"))
		choose_protocol(request, value);
	else if (apo_slice_is(name, "Content-Length"))
		return apo_slice_is(value, "0");
	else if (apo_slice_is(name, "Transfer-Encoding"))
		return false;
	return true;
}

static enum apo_http_verdict parse_headers(struct apo_slice rest, struct apo_http_request *request)
{
	struct apo_slice line, name, value;
	struct seen seen = {false, false};
	unsigned count = 0;
	const char *colon;

	while (next_line(&rest, &line)) {
		if (line.len == 0) {
			request->upgrades = seen.connection && seen.upgrade;
			return rest.len == 0 ? APO_HTTP_OK : APO_HTTP_MALFORMED;
		}
		if (++count > APO_HTTP_HEADERS_MAX)
			return APO_HTTP_TOO_LONG;
		colon = memchr(line.at, ':', line.len);
		if (!colon)
			return APO_HTTP_MALFORMED;
		name = (struct apo_slice){line.at, (size_t)(colon - line.at)};
		value = trimmed(colon + 1, (size_t)(line.at + line.len - colon - 1));
		if (!is_token(name) || !is_value(value) || !on_header(request, &seen, name, value))
			return APO_HTTP_MALFORMED;
	}
	return APO_HTTP_MALFORMED;
}

enum apo_http_verdict apo_http_parse(const char *bytes, size_t len, size_t searched,
				     struct apo_http_request *request)
{
	static const char end_of_head[] = "\r\n\r\n";
	const size_t end_len = sizeof end_of_head - 1;
	size_t from = searched < end_len ? 0 : searched - (end_len - 1);
	const char *end =
		len > from ? memmem(bytes + from, len - from, end_of_head, end_len) : NULL;
	struct apo_slice rest, line;
	enum apo_http_verdict verdict;

	if (!end)
		return len < APO_HTTP_HEAD_BYTES_MAX ? APO_HTTP_INCOMPLETE : APO_HTTP_TOO_LONG;
	memset(request, 0, sizeof *request);
	request->head_len = (size_t)(end - bytes) + end_len;
	if (request->head_len > APO_HTTP_HEAD_BYTES_MAX)
		return APO_HTTP_TOO_LONG;
	rest = (struct apo_slice){bytes, request->head_len};
	if (!next_line(&rest, &line))
		return APO_HTTP_MALFORMED;
	verdict = parse_request_line(line, request);
	return verdict == APO_HTTP_OK ? parse_headers(rest, request) : verdict;
}
