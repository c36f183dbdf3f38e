/* SPDX-License-Identifier: MIT */
#include "engine/config/known_hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/grow.h"

#define ENTRIES_AT_FIRST 16
#define NAME_LEN_MAX 253 /* RFC 1035: 255 bytes in a message */
#define PORT_DIGITS_MAX 5
#define LINE_AFTER_ALL UINT32_MAX /* also after RUDP_HOST_LINE_NONE */
#define EXPECTED_HOST                                                                              \
	"expected addresses or names, separated by commas without blanks, each with :PORT or "     \
	"without"

struct rudp_known_host_added {
	struct rudp_known_host_added *next;
	char host[RUDP_HOST_TEXT_SIZE];
};

/* The state of parsing. */
struct reading {
	struct rudp_known_hosts *hosts;
	const char *path;
	char *error;
	struct rudp_key_line line;
};

static bool fault_at(struct reading *r, size_t column, const char *what)
{
	return rudp_key_fault_at(r->error, r->path, r->line.number, column, what, EXPECTED_HOST);
}

/* Reads the port in [start, end). 0: there is none. */
static uint16_t port_of(const char *start, const char *end)
{
	uint32_t port = 0;

	if (start == end || end - start > PORT_DIGITS_MAX)
		return 0;
	for (; start < end; start++) {
		if (*start < '0' || *start > '9')
			return 0;
		port = port * 10 + (uint32_t)(*start - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

/* A part of an address in numbers is no name, as a wrong address must not become one. */
static bool looks_like_ipv4(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (host[i] != '.' && (host[i] < '0' || host[i] > '9'))
			return false;
	return true;
}

/* Reads a numeric address without brackets. */
static bool read_address(struct rudp_known_host_entry *entry, const char *host, size_t len)
{
	bool is_ipv6 = memchr(host, ':', len);
	char text[RUDP_ADDR_TEXT_SIZE];
	struct rudp_addr addr;

	if (len == 0 || len > sizeof text - sizeof "[]:0" || host[0] == '[')
		return false;
	snprintf(text, sizeof text, "%s%.*s%s:0", is_ipv6 ? "[" : "", (int)len, host,
		 is_ipv6 ? "]" : "");
	if (rudp_addr_parse(&addr, text) < 0)
		return false;
	entry->kind = RUDP_HOST_ADDRESS;
	entry->addr = rudp_addr_key_of_host(&addr);
	return true;
}

/* Each reads a host. NULL: it is good. Else says what is wrong, and *index is where. */
static const char *read_name(struct rudp_known_host_entry *entry, const char *host, size_t len,
			     size_t *index)
{
	entry->kind = RUDP_HOST_NAME;
	entry->name_len = len;
	*index = 0;
	if (len == 0)
		return "there is no host";
	if (len > NAME_LEN_MAX)
		return "the name is longer than 253 characters";
	if (looks_like_ipv4(host, len))
		return "this is not a valid address";
	if (host[0] == '-')
		return "a name does not begin with -";
	while (*index < len && is_name_character(host[*index]))
		++*index;
	return *index < len ? "invalid character in a host" : NULL;
}

static const char *read_port(struct rudp_known_host_entry *entry, const char *host, size_t at,
			     size_t len, size_t *index)
{
	*index = at;
	entry->port = port_of(host + at, host + len);
	return entry->port ? NULL : "this is not a port from 1 to 65535";
}

/* "[ADDRESS]" or "[ADDRESS]:PORT". */
static const char *read_bracketed(struct rudp_known_host_entry *entry, const char *host, size_t len,
				  size_t *index)
{
	const char *close = memchr(host, ']', len);
	size_t inside = close ? (size_t)(close - host) - 1 : 0, after = inside + 2;

	*index = 0;
	if (!close || !memchr(host + 1, ':', inside) || !read_address(entry, host + 1, inside))
		return "this is not an IPv6 address in brackets";
	if (after == len)
		return NULL;
	*index = after;
	return host[after] == ':' ? read_port(entry, host, after + 1, len, index)
				  : "there is more after the address";
}

static const char *read_host(struct rudp_known_host_entry *entry, const char *host, size_t len,
			     size_t *index)
{
	const char *colon = memchr(host, ':', len), *what;
	size_t host_len = colon ? (size_t)(colon - host) : len;

	*index = 0;
	if (len > 0 && host[0] == '[')
		return read_bracketed(entry, host, len, index);
	if (colon && memchr(colon + 1, ':', len - host_len - 1))
		return read_address(entry, host, len) ? NULL : "this is not a valid address";
	if (colon) {
		what = read_port(entry, host, host_len + 1, len, index);
		if (what)
			return what;
	}
	return read_address(entry, host, host_len) ? NULL : read_name(entry, host, host_len, index);
}

bool rudp_known_hosts_is_host(const char *text)
{
	struct rudp_known_host_entry entry = {.port = 0};
	size_t index;

	return strlen(text) < RUDP_HOST_TEXT_SIZE && !read_host(&entry, text, strlen(text), &index);
}

/* Makes room for one more entry. Returns 0, -ENOMEM or -ENOSPC. */
static int grow(struct rudp_known_hosts *hosts)
{
	if (hosts->count == RUDP_KNOWN_HOSTS_MAX)
		return -ENOSPC;
	return RUDP_GROW(hosts->entries, hosts->count, hosts->capacity, ENTRIES_AT_FIRST) ? 0
											  : -ENOMEM;
}

static bool add(struct reading *r, const struct rudp_known_host_entry *entry, size_t column)
{
	struct rudp_known_hosts *hosts = r->hosts;
	int rc = grow(hosts);

	if (rc < 0)
		return rudp_key_fault_at(r->error, r->path, r->line.number, column,
					 rc == -ENOSPC ? "there are more than 4096 hosts"
						       : "there is no memory for this host",
					 "expected a shorter file");
	hosts->entries[hosts->count++] = *entry;
	return true;
}

/*
 * Adds an entry for each host of the list. A revoked key has only one entry, for the whole list;
 * there its hosts are only checked.
 */
static bool read_hosts(struct reading *r, const struct rudp_key_word *list,
		       const struct rudp_known_host_entry *base)
{
	bool is_revoked = base->kind == RUDP_HOST_REVOKED_KEY;

	for (size_t at = 0; at <= list->len;) {
		struct rudp_known_host_entry entry = *base;
		size_t len = rudp_key_until(list->start + at, list->len - at, ','), index;
		const char *what = read_host(&entry, list->start + at, len, &index);

		if (what)
			return fault_at(r, list->column + at + index, what);
		entry.host = list->start + at;
		if (!is_revoked && !add(r, &entry, list->column + at))
			return false;
		at += len + 1;
	}
	return !is_revoked || add(r, base, list->column);
}

/*
 * Ends the strings of the entries of a line where the file has a comma or the end of the word. The
 * line has been read, and the byte after the last word is a blank, a newline or the 0 of the text.
 */
static void end_strings(const struct rudp_key_word *list, bool is_revoked)
{
	char *at = (char *)list->start;

	for (size_t i = 0; i < list->len && !is_revoked; i++)
		if (at[i] == ',')
			at[i] = 0;
	at[list->len] = 0;
}

static bool read_line(struct reading *r)
{
	struct rudp_known_host_entry base = {.line = r->line.number, .host = "*"};
	struct rudp_key_line after;
	struct rudp_key_word list = rudp_key_word_next(&r->line), next;
	bool has_hosts = true;

	if (rudp_key_word_is(&list, "@revoked")) {
		base.kind = RUDP_HOST_REVOKED_KEY;
		after = r->line;
		next = rudp_key_word_next(&after);
		list = next;
		has_hosts = next.len > 0 && !rudp_key_word_is(&next, RUDP_PUBLIC_KEY_TYPE);
		if (has_hosts)
			r->line = after;
	} else if (list.start[0] == '@') {
		return rudp_key_fault_at(r->error, r->path, r->line.number, list.column,
					 "unknown marker", "expected @revoked or a host");
	} else if (rudp_key_word_is(&list, RUDP_PUBLIC_KEY_TYPE)) {
		return fault_at(r, list.column, "there is no host before the key");
	}
	if (!rudp_public_key_read(base.public_key, &r->line, r->path, r->error))
		return false;
	if (!has_hosts || rudp_key_word_is(&list, "*"))
		return base.kind == RUDP_HOST_REVOKED_KEY
			       ? add(r, &base, list.column)
			       : fault_at(r, list.column, "* is for revoked keys only");
	if (base.kind == RUDP_HOST_REVOKED_KEY)
		base.host = list.start;
	if (!read_hosts(r, &list, &base))
		return false;
	end_strings(&list, base.kind == RUDP_HOST_REVOKED_KEY);
	return true;
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_hosts(const struct rudp_known_host_entry *a,
			 const struct rudp_known_host_entry *b)
{
	int order = compare_numbers(a->kind, b->kind);

	if (order)
		return order;
	if (a->kind == RUDP_HOST_REVOKED_KEY)
		return memcmp(a->public_key, b->public_key, sizeof a->public_key);
	if (a->kind == RUDP_HOST_ADDRESS)
		order = memcmp(&a->addr, &b->addr, sizeof a->addr);
	else
		order = compare_numbers(a->name_len, b->name_len);
	if (order == 0 && a->kind == RUDP_HOST_NAME)
		order = strncasecmp(a->host, b->host, a->name_len);
	return order ? order : compare_numbers(a->port, b->port);
}

static int compare(const void *a, const void *b)
{
	const struct rudp_known_host_entry *left = a, *right = b;
	int order = compare_hosts(left, right);

	return order ? order : compare_numbers(left->line, right->line);
}

bool rudp_known_hosts_is_meant(const char *host, size_t len, const char *meant)
{
	struct rudp_known_host_entry entry = {.host = host}, other = {.host = meant};
	size_t index;

	if (read_host(&entry, host, len, &index) || read_host(&other, meant, strlen(meant), &index))
		return false;
	if (other.port == 0)
		entry.port = 0;
	return compare_hosts(&entry, &other) == 0;
}

bool rudp_known_hosts_parse(struct rudp_known_hosts *hosts, const char *content, size_t len,
			    const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	struct reading r = {.hosts = hosts, .path = path, .error = text, .line = {.number = 0}};
	const char *at, *nul = memchr(content, 0, len);
	bool ok = true;

	*hosts = (struct rudp_known_hosts){.text = malloc(len + 1)};
	if (!hosts->text) {
		snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s: there is no memory for it", path);
		return false;
	}
	memcpy(hosts->text, content, len);
	hosts->text[len] = 0;
	at = hosts->text;
	if (nul) {
		snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s: is not a text file: byte %zu is 0",
			 path, (size_t)(nul - content));
		ok = false;
	}
	while (ok && rudp_key_line_next(&at, hosts->text + len, &r.line))
		ok = read_line(&r);
	if (!ok)
		rudp_known_hosts_fini(hosts);
	else if (hosts->count > 0)
		qsort(hosts->entries, hosts->count, sizeof hosts->entries[0], compare);
	return ok;
}

bool rudp_known_hosts_load(struct rudp_known_hosts *hosts, const char *path,
			   char text[RUDP_KEY_TEXT_SIZE])
{
	char *content;
	size_t len;
	bool ok;

	*hosts = (struct rudp_known_hosts){.count = 0};
	if (rudp_key_content_read(&content, &len, path, RUDP_KEY_FILE_PUBLIC,
				  RUDP_KNOWN_HOSTS_BYTES_MAX, NULL, text) < 0)
		return false;
	ok = rudp_known_hosts_parse(hosts, content, len, path, text);
	rudp_key_content_free(content, len);
	return ok;
}

void rudp_known_hosts_fini(struct rudp_known_hosts *hosts)
{
	while (hosts->added) {
		struct rudp_known_host_added *next = hosts->added->next;

		free(hosts->added);
		hosts->added = next;
	}
	free(hosts->entries);
	free(hosts->text);
	*hosts = (struct rudp_known_hosts){.count = 0};
}

int rudp_known_hosts_add(struct rudp_known_hosts *hosts, const struct rudp_addr *addr,
			 const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	struct rudp_known_host_entry entry = {.kind = RUDP_HOST_ADDRESS,
					      .line = RUDP_HOST_LINE_NONE,
					      .port = rudp_addr_port(addr),
					      .addr = rudp_addr_key_of_host(addr)};
	struct rudp_known_host_added *added;
	int rc = grow(hosts);

	if (rc < 0)
		return rc;
	added = malloc(sizeof *added);
	if (!added)
		return -ENOMEM;
	added->next = hosts->added;
	hosts->added = added;
	entry.host = rudp_known_hosts_format(addr, added->host);
	memcpy(entry.public_key, public_key, sizeof entry.public_key);
	/* An entry added in memory replaces an earlier one for the same host. */
	for (unsigned i = 0; i < hosts->count; i++)
		if (compare(&hosts->entries[i], &entry) == 0) {
			hosts->entries[i] = entry;
			return 0;
		}
	hosts->entries[hosts->count++] = entry;
	qsort(hosts->entries, hosts->count, sizeof hosts->entries[0], compare);
	return 0;
}

/* The last entry in the file for the same host and port; NULL: none. */
static const struct rudp_known_host_entry *last_of(const struct rudp_known_hosts *hosts,
						   struct rudp_known_host_entry *probe)
{
	unsigned low = 0, high = hosts->count;

	probe->line = LINE_AFTER_ALL;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (compare(&hosts->entries[middle], probe) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || compare_hosts(&hosts->entries[low - 1], probe) != 0)
		return NULL;
	return &hosts->entries[low - 1];
}

bool rudp_known_hosts_is_revoked(const struct rudp_known_hosts *hosts,
				 const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	struct rudp_known_host_entry probe = {.kind = RUDP_HOST_REVOKED_KEY};

	memcpy(probe.public_key, public_key, sizeof probe.public_key);
	return hosts && last_of(hosts, &probe);
}

static enum rudp_known_host find(const struct rudp_known_hosts *hosts,
				 struct rudp_known_host_entry *probe,
				 uint8_t public_key[RUDP_IDENTITY_BYTES], unsigned *line)
{
	const struct rudp_known_host_entry *entry = last_of(hosts, probe);

	if (!entry && probe->port) {
		probe->port = 0;
		entry = last_of(hosts, probe);
	}
	if (!entry)
		return RUDP_HOST_UNKNOWN;
	memcpy(public_key, entry->public_key, RUDP_IDENTITY_BYTES);
	if (line)
		*line = entry->line;
	return rudp_known_hosts_is_revoked(hosts, entry->public_key) ? RUDP_HOST_REVOKED
								     : RUDP_HOST_KNOWN;
}

enum rudp_known_host rudp_known_hosts_find(const struct rudp_known_hosts *hosts,
					   const struct rudp_addr *addr,
					   uint8_t public_key[RUDP_IDENTITY_BYTES], unsigned *line)
{
	struct rudp_known_host_entry probe = {.kind = RUDP_HOST_ADDRESS,
					      .addr = rudp_addr_key_of_host(addr),
					      .port = rudp_addr_port(addr)};

	return hosts ? find(hosts, &probe, public_key, line) : RUDP_HOST_UNKNOWN;
}

enum rudp_known_host rudp_known_hosts_find_name(const struct rudp_known_hosts *hosts,
						const char *host,
						uint8_t public_key[RUDP_IDENTITY_BYTES],
						unsigned *line)
{
	struct rudp_known_host_entry probe = {.host = host};
	size_t index;

	if (!hosts || read_host(&probe, host, strlen(host), &index))
		return RUDP_HOST_UNKNOWN;
	return find(hosts, &probe, public_key, line);
}

enum rudp_known_host rudp_known_hosts_find_name_at(const struct rudp_known_hosts *hosts,
						   const char *name, uint16_t port,
						   uint8_t public_key[RUDP_IDENTITY_BYTES],
						   unsigned *line)
{
	struct rudp_known_host_entry probe = {.host = name, .port = port};
	size_t index;

	if (!hosts || read_name(&probe, name, strlen(name), &index))
		return RUDP_HOST_UNKNOWN;
	return find(hosts, &probe, public_key, line);
}

bool rudp_known_hosts_has(const struct rudp_known_hosts *hosts, const char *host)
{
	struct rudp_known_host_entry probe = {.host = host};
	size_t index;

	return hosts && !read_host(&probe, host, strlen(host), &index) && last_of(hosts, &probe);
}

const char *rudp_known_hosts_find_key(const struct rudp_known_hosts *hosts,
				      const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	const struct rudp_known_host_entry *best = NULL;

	if (!hosts || rudp_known_hosts_is_revoked(hosts, public_key))
		return NULL;
	for (unsigned i = 0; i < hosts->count; i++) {
		const struct rudp_known_host_entry *entry = &hosts->entries[i];

		if (memcmp(entry->public_key, public_key, RUDP_IDENTITY_BYTES) == 0 &&
		    (!best || (best->kind == RUDP_HOST_ADDRESS && entry->kind == RUDP_HOST_NAME)))
			best = entry;
	}
	return best ? best->host : NULL;
}
