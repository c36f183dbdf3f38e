/* SPDX-License-Identifier: MIT */
#include "api/names.h"

#include <stddef.h>
#include <string.h>

#define PREFIX "rudp1"
#define PREFIX_LEN 5
#define NONCE_CHARS 22
#define ID_BYTES 8
#define ID_CHARS 11
#define ADDR_BYTES 22
#define ADDR_CHARS 30
#define SETTINGS_CHARS 16
#define UID_DIGITS_MAX 10
#define NAME_OFFSET                                                                                \
	(offsetof(struct sockaddr_un, sun_path) + 1) /* after the 0 of an abstract name */

/* The longest that follows a directory, its slash and the 0 at its end included. */
#define PATH_NAME_MAX (1 + PREFIX_LEN + 1 + NONCE_CHARS + ID_CHARS + ADDR_CHARS + 1)

_Static_assert(UID_DIGITS_MAX + 2 * (1 + SETTINGS_CHARS) < NONCE_CHARS + ID_CHARS + ADDR_CHARS,
	       "a bound name is the longest of those in a directory");
_Static_assert(PREFIX_LEN + 1 + NONCE_CHARS + ID_CHARS + 2 * ADDR_CHARS <
		       sizeof(((struct sockaddr_un *)0)->sun_path),
	       "a connection's name fits into sun_path after its 0");

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits[] = "0123456789abcdef";

static size_t chars_of(size_t bytes)
{
	return (bytes * 8 + 5) / 6;
}

static char *base64_write(char *out, const uint8_t *bytes, size_t count)
{
	uint32_t held = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < count; i++) {
		held = held << 8 | bytes[i];
		bits += 8;
		for (; bits >= 6; bits -= 6)
			*out++ = letters[held >> (bits - 6) & 63];
	}
	if (bits)
		*out++ = letters[held << (6 - bits) & 63];
	return out;
}

static int letter_value(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

/* One text for each value: bits left over must be 0, so that equal names mean equal contents. */
static bool base64_read(uint8_t *bytes, size_t count, const char *text)
{
	uint32_t held = 0;
	unsigned bits = 0;
	size_t filled = 0;

	for (size_t i = 0; i < chars_of(count); i++) {
		int value = letter_value(text[i]);

		if (value < 0)
			return false;
		held = held << 6 | (uint32_t)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[filled++] = (uint8_t)(held >> bits);
		}
	}
	return filled == count && (held & ((1u << bits) - 1)) == 0;
}

static char *number_write(char *out, uint64_t value)
{
	uint8_t bytes[ID_BYTES];

	for (int i = ID_BYTES - 1; i >= 0; i--, value >>= 8)
		bytes[i] = (uint8_t)value;
	return base64_write(out, bytes, sizeof bytes);
}

static bool number_read(uint64_t *value, const char *text)
{
	uint8_t bytes[ID_BYTES];

	if (!base64_read(bytes, sizeof bytes, text))
		return false;
	*value = 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		*value = *value << 8 | bytes[i];
	return true;
}

static const uint8_t no_scope[4];
static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* No address is a row of dashes, which no address encodes to: its spare bits are not 0. */
static char *addr_write(char *out, const struct rudp_addr *a)
{
	uint8_t bytes[ADDR_BYTES] = {0};

	if (a->family == AF_INET) {
		memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
		memcpy(bytes + 12, &a->in4.sin_addr, 4);
		memcpy(bytes + 16, &a->in4.sin_port, 2);
	} else if (a->family == AF_INET6) {
		uint32_t scope = a->in6.sin6_scope_id;

		memcpy(bytes, &a->in6.sin6_addr, 16);
		memcpy(bytes + 16, &a->in6.sin6_port, 2);
		for (int i = 21; i >= 18; i--, scope >>= 8)
			bytes[i] = (uint8_t)scope;
	} else {
		memset(out, '-', ADDR_CHARS);
		return out + ADDR_CHARS;
	}
	return base64_write(out, bytes, sizeof bytes);
}

static bool is_dashes(const char *text)
{
	for (size_t i = 0; i < ADDR_CHARS; i++)
		if (text[i] != '-')
			return false;
	return true;
}

static bool addr_read(struct rudp_addr *a, const char *text)
{
	uint8_t bytes[ADDR_BYTES];

	memset(a, 0, sizeof *a);
	if (!base64_read(bytes, sizeof bytes, text))
		return false;
	if (memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0) {
		a->in4.sin_family = AF_INET;
		memcpy(&a->in4.sin_addr, bytes + 12, 4);
		memcpy(&a->in4.sin_port, bytes + 16, 2);
		return memcmp(bytes + 18, no_scope, sizeof no_scope) == 0;
	}
	a->in6.sin6_family = AF_INET6;
	memcpy(&a->in6.sin6_addr, bytes, 16);
	memcpy(&a->in6.sin6_port, bytes + 16, 2);
	for (size_t i = 18; i < ADDR_BYTES; i++)
		a->in6.sin6_scope_id = a->in6.sin6_scope_id << 8 | bytes[i];
	return true;
}

static char *uid_write(char *out, uint32_t uid)
{
	char reversed[UID_DIGITS_MAX];
	size_t count = 0;

	do {
		reversed[count++] = digits[uid % 10];
		uid /= 10;
	} while (uid);
	while (count)
		*out++ = reversed[--count];
	return out;
}

/* NULL: no number, a leading 0, or more than 32 bits. */
static const char *uid_read(uint32_t *uid, const char *text, const char *end)
{
	const char *start = text;
	uint64_t value = 0;

	for (; text < end && *text >= '0' && *text <= '9' && text - start < UID_DIGITS_MAX; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	if (text == start || value > UINT32_MAX || (*start == '0' && text - start > 1))
		return NULL;
	*uid = (uint32_t)value;
	return text;
}

static char *settings_write(char *out, uint64_t settings)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*out++ = digits[settings >> shift & 15];
	return out;
}

static bool settings_read(uint64_t *settings, const char *text)
{
	*settings = 0;
	for (size_t i = 0; i < SETTINGS_CHARS; i++) {
		const char *at = text[i] ? strchr(digits, text[i]) : NULL;

		if (!at)
			return false;
		*settings = *settings << 4 | (uint64_t)(at - digits);
	}
	return true;
}

static char *body_write(char *out, const struct rudp_name *name)
{
	switch (name->kind) {
	case RUDP_NAME_CONNECTION:
	case RUDP_NAME_BOUND:
		*out++ = name->kind == RUDP_NAME_CONNECTION ? 'c' : 'b';
		out = base64_write(out, name->nonce.bytes, RUDP_NONCE_BYTES);
		out = number_write(out, name->id);
		out = addr_write(out, &name->local);
		return name->kind == RUDP_NAME_CONNECTION ? addr_write(out, &name->remote) : out;
	case RUDP_NAME_CONTROL:
	case RUDP_NAME_JOIN:
		*out++ = name->kind == RUDP_NAME_CONTROL ? 'e' : 'j';
		return base64_write(out, name->nonce.bytes, RUDP_NONCE_BYTES);
	case RUDP_NAME_WELL_KNOWN:
		*out++ = 'w';
		out = uid_write(out, name->uid);
		*out++ = '-';
		return settings_write(out, name->settings);
	case RUDP_NAME_PORT_SHARE:
		*out++ = 's';
		out = uid_write(out, name->uid);
		*out++ = '-';
		return settings_write(out, (uint64_t)name->port << 16 | name->share);
	case RUDP_NAME_NONE:
		break;
	}
	return out;
}

socklen_t rudp_name_write(const struct rudp_name *name, struct sockaddr_un *un)
{
	bool is_path = name->kind == RUDP_NAME_JOIN;
	char *out = un->sun_path;

	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	if (!is_path)
		*out++ = 0;
	memcpy(out, PREFIX, PREFIX_LEN);
	out = body_write(out + PREFIX_LEN, name) + is_path;
	if (name->kind == RUDP_NAME_BOUND) {
		memset(out, '-', ADDR_CHARS);
		out += ADDR_CHARS;
	}
	return (socklen_t)(out - (char *)un);
}

socklen_t rudp_name_write_path(const struct rudp_name *name, const char *dir,
			       struct sockaddr_un *un)
{
	size_t dir_len = strlen(dir);
	char *out = un->sun_path;

	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	if (dir_len + PATH_NAME_MAX > sizeof un->sun_path)
		return 0;
	memcpy(out, dir, dir_len);
	out += dir_len;
	*out++ = '/';
	memcpy(out, PREFIX, PREFIX_LEN);
	out = body_write(out + PREFIX_LEN, name);
	if (name->kind != RUDP_NAME_BOUND) {
		*out++ = '-';
		out = settings_write(out, name->network);
	}
	return (socklen_t)(out + 1 - (char *)un);
}

/* An abstract BOUND name has dashes in place of the remote address; a path leaves them out. */
static bool socket_name_read(struct rudp_name *name, const char *text, size_t len, char kind,
			     bool is_path)
{
	bool connection = kind == 'c';
	const char *remote = text + NONCE_CHARS + ID_CHARS + ADDR_CHARS;

	if (len != NONCE_CHARS + ID_CHARS + (is_path ? 1 : 2) * ADDR_CHARS)
		return false;
	name->kind = connection ? RUDP_NAME_CONNECTION : RUDP_NAME_BOUND;
	return base64_read(name->nonce.bytes, RUDP_NONCE_BYTES, text) &&
	       number_read(&name->id, text + NONCE_CHARS) &&
	       addr_read(&name->local, text + NONCE_CHARS + ID_CHARS) &&
	       (is_path || (connection ? addr_read(&name->remote, remote) : is_dashes(remote)));
}

/* Cuts the number of the network namespace off the end of a path. */
static bool network_read(struct rudp_name *name, const char *text, size_t *len)
{
	if (*len < SETTINGS_CHARS + 1 || text[*len - SETTINGS_CHARS - 1] != '-' ||
	    !settings_read(&name->network, text + *len - SETTINGS_CHARS))
		return false;
	*len -= SETTINGS_CHARS + 1;
	return true;
}

static bool user_and_number_read(uint32_t *uid, uint64_t *number, const char *text, size_t len)
{
	const char *end = text + len;
	const char *at = uid_read(uid, text, end);

	return at && end - at == SETTINGS_CHARS + 1 && *at == '-' && settings_read(number, at + 1);
}

static bool share_read(struct rudp_name *name, const char *text, size_t len)
{
	uint64_t number;

	if (!user_and_number_read(&name->uid, &number, text, len) || number > UINT32_MAX)
		return false;
	name->kind = RUDP_NAME_PORT_SHARE;
	name->port = (uint16_t)(number >> 16);
	name->share = (uint16_t)number;
	return true;
}

static bool body_read(struct rudp_name *name, const char *text, size_t len, bool is_path)
{
	if (len < PREFIX_LEN + 1 || memcmp(text, PREFIX, PREFIX_LEN) != 0)
		return false;
	text += PREFIX_LEN + 1;
	len -= PREFIX_LEN + 1;
	switch (text[-1]) {
	case 'c':
		return !is_path && socket_name_read(name, text, len, 'c', false);
	case 'b':
		return socket_name_read(name, text, len, 'b', is_path);
	case 'e':
		if (is_path && !network_read(name, text, &len))
			return false;
		name->kind = RUDP_NAME_CONTROL;
		return len == NONCE_CHARS && base64_read(name->nonce.bytes, RUDP_NONCE_BYTES, text);
	case 'w':
		if (is_path && !network_read(name, text, &len))
			return false;
		name->kind = RUDP_NAME_WELL_KNOWN;
		return user_and_number_read(&name->uid, &name->settings, text, len);
	case 's':
		return !is_path && share_read(name, text, len);
	default:
		return false;
	}
}

static bool join_read(struct rudp_name *name, const char *text, size_t len)
{
	if (len != PREFIX_LEN + 1 + NONCE_CHARS || memcmp(text, PREFIX "j", PREFIX_LEN + 1) != 0)
		return false;
	name->kind = RUDP_NAME_JOIN;
	return base64_read(name->nonce.bytes, RUDP_NONCE_BYTES, text + PREFIX_LEN + 1);
}

/* The last part of a path, which ends at a 0 or after size bytes. NULL: it has one part only. */
static const char *file_of(const char *path, size_t size, size_t *len)
{
	size_t path_len = strnlen(path, size);
	const char *slash = memrchr(path, '/', path_len);

	if (!slash)
		return NULL;
	*len = (size_t)(path + path_len - slash) - 1;
	return slash + 1;
}

enum rudp_name_kind rudp_name_parse(struct rudp_name *name, const struct sockaddr_un *un,
				    socklen_t len)
{
	const char *text = un->sun_path + 1;
	size_t text_len;
	bool is_path, is_valid;

	memset(name, 0, sizeof *name);
	if (len <= NAME_OFFSET || len > sizeof *un || un->sun_family != AF_UNIX)
		return RUDP_NAME_NONE;
	text_len = len - NAME_OFFSET;
	is_path = un->sun_path[0] != 0;
	if (is_path)
		text = file_of(un->sun_path, text_len + 1, &text_len);
	is_valid = text ? body_read(name, text, text_len, is_path)
			: join_read(name, un->sun_path, strnlen(un->sun_path, text_len + 1));
	if (!is_valid)
		memset(name, 0, sizeof *name);
	return name->kind;
}

bool rudp_name_is_connection(const void *addr, socklen_t len)
{
	static const char head[] = "\0" PREFIX "c", join[] = PREFIX "j";
	const size_t body = NONCE_CHARS + ID_CHARS + 2 * ADDR_CHARS;
	const struct sockaddr *sa = addr;

	if (len == NAME_OFFSET + PREFIX_LEN + 1 + body)
		return sa->sa_family == AF_UNIX && memcmp(sa->sa_data, head, PREFIX_LEN + 2) == 0;
	return len == NAME_OFFSET + PREFIX_LEN + 1 + NONCE_CHARS && sa->sa_family == AF_UNIX &&
	       memcmp(sa->sa_data, join, PREFIX_LEN + 1) == 0;
}

void rudp_nonce_write(const struct rudp_nonce *nonce, char text[23])
{
	*base64_write(text, nonce->bytes, RUDP_NONCE_BYTES) = 0;
}

bool rudp_nonce_parse(struct rudp_nonce *nonce, const char *text)
{
	struct rudp_nonce parsed;

	if (strnlen(text, NONCE_CHARS + 1) != NONCE_CHARS ||
	    !base64_read(parsed.bytes, RUDP_NONCE_BYTES, text))
		return false;
	*nonce = parsed;
	return true;
}
