/* SPDX-License-Identifier: MIT */
#include "conversation/server/proxy_header.h"

#include <arpa/inet.h>
#include <string.h>

#define V1_BYTES_MAX 107 /* with CR LF */
#define V2_HEAD_BYTES 16
#define PORT_DIGITS_MAX 5

static const char v1_begin[] = "PROXY ";
#define V1_BEGIN_LEN (sizeof v1_begin - 1)

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
					 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum v2_command { LOCAL = 0x20, PROXY = 0x21 };
enum v2_family { UNSPECIFIED = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };
#define TCP4_BYTES 12
#define TCP6_BYTES 36
#define UNIX_BYTES 216
#define EXTENSION_HEAD_BYTES 3 /* its type, and the length of its value */
#define EXTENSION_CRC32C 0x03
#define CRC32C_BYTES 4
#define CRC32C_POLYNOMIAL 0x82f63b78u /* RFC 4960, appendix B; its bits in reverse order */

static bool set_client(struct rudp_addr *client, int family, const void *host, in_port_t port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

	if (family == AF_INET) {
		memcpy(&in4.sin_addr, host, sizeof in4.sin_addr);
		return rudp_addr_from_sockaddr(client, (struct sockaddr *)&in4, sizeof in4) == 0;
	}
	memcpy(&in6.sin6_addr, host, sizeof in6.sin6_addr);
	return rudp_addr_from_sockaddr(client, (struct sockaddr *)&in6, sizeof in6) == 0;
}

/* ---- version 1 ---- */

/* One to five digits without a leading zero. */
static bool read_port(const char *text, in_port_t *port)
{
	size_t len = strspn(text, "0123456789");
	unsigned number = 0;

	if (len == 0 || len > PORT_DIGITS_MAX || text[len] || (text[0] == '0' && len > 1))
		return false;
	for (; *text; text++)
		number = number * 10 + (unsigned)(*text - '0');
	*port = htons((uint16_t)number);
	return number <= UINT16_MAX;
}

/* Cuts text at the next space. Returns the part after it, or NULL if there is no space. */
static char *cut(char *text)
{
	char *space = strchr(text, ' ');

	if (!space)
		return NULL;
	*space = 0;
	return space + 1;
}

/* line: what follows "PROXY ", without its end. */
static bool read_line(char *line, struct apo_proxy_header *header)
{
	char *parts[5] = {line};
	struct in6_addr source, destination;
	in_port_t source_port, destination_port;
	int family, i;

	/* The specification has receivers ignore the text after UNKNOWN. */
	if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0)
		return true;
	for (i = 0; i < 4; i++) {
		parts[i + 1] = cut(parts[i]);
		if (!parts[i + 1])
			return false;
	}
	family = strcmp(parts[0], "TCP4") == 0 ? AF_INET : AF_INET6;
	if (family == AF_INET6 && strcmp(parts[0], "TCP6") != 0)
		return false;
	header->has_client = true;
	return inet_pton(family, parts[1], &source) == 1 &&
	       inet_pton(family, parts[2], &destination) == 1 &&
	       read_port(parts[3], &source_port) && read_port(parts[4], &destination_port) &&
	       set_client(&header->client, family, &source, source_port);
}

static enum apo_proxy_verdict parse_v1(const uint8_t *bytes, size_t len,
				       struct apo_proxy_header *header)
{
	size_t part = len < V1_BYTES_MAX ? len : V1_BYTES_MAX, line_len;
	const uint8_t *end = memchr(bytes, '\n', part);
	char line[V1_BYTES_MAX + 1];

	if (!end)
		return len < V1_BYTES_MAX ? APO_PROXY_INCOMPLETE : APO_PROXY_MALFORMED;
	header->len = (size_t)(end + 1 - bytes);
	if (end[-1] != '\r' || memchr(bytes, 0, header->len))
		return APO_PROXY_MALFORMED;
	line_len = header->len - 2 - V1_BEGIN_LEN;
	memcpy(line, bytes + V1_BEGIN_LEN, line_len);
	line[line_len] = 0;
	return read_line(line, header) ? APO_PROXY_OK : APO_PROXY_MALFORMED;
}

/* ---- version 2 ---- */

static in_port_t port_at(const uint8_t *bytes)
{
	in_port_t port;

	memcpy(&port, bytes, sizeof port);
	return port;
}

/* payload: the source's and the destination's address, then their ports, then extensions. */
static bool read_payload(unsigned family, const uint8_t *payload, size_t len,
			 struct apo_proxy_header *header)
{
	header->has_client = family == TCP4 || family == TCP6;
	if (family == TCP4)
		return len >= TCP4_BYTES &&
		       set_client(&header->client, AF_INET, payload, port_at(payload + 8));
	if (family == TCP6)
		return len >= TCP6_BYTES &&
		       set_client(&header->client, AF_INET6, payload, port_at(payload + 32));
	return family == UNSPECIFIED || family == UNIX_STREAM;
}

/* With zeros in the place of the checksum. */
static uint32_t crc32c(const uint8_t *bytes, size_t len, size_t checksum_at)
{
	uint32_t crc = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= i - checksum_at < CRC32C_BYTES ? 0 : bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
	}
	return ~crc;
}

static size_t address_bytes(unsigned family)
{
	if (family == TCP4)
		return TCP4_BYTES;
	if (family == TCP6)
		return TCP6_BYTES;
	return family == UNIX_STREAM ? UNIX_BYTES : 0;
}

/* A header without a checksum is right. */
static bool is_checksum_right(const uint8_t *bytes, size_t len)
{
	size_t at = V2_HEAD_BYTES + address_bytes(bytes[13]), value_len;
	uint32_t checksum;

	for (; at + EXTENSION_HEAD_BYTES <= len; at += EXTENSION_HEAD_BYTES + value_len) {
		value_len = (size_t)bytes[at + 1] << 8 | bytes[at + 2];
		if (bytes[at] != EXTENSION_CRC32C)
			continue;
		at += EXTENSION_HEAD_BYTES;
		if (value_len != CRC32C_BYTES || len - at < CRC32C_BYTES)
			return false;
		memcpy(&checksum, bytes + at, sizeof checksum);
		return crc32c(bytes, len, at) == ntohl(checksum);
	}
	return true;
}

static enum apo_proxy_verdict parse_v2(const uint8_t *bytes, size_t len,
				       struct apo_proxy_header *header)
{
	size_t payload_len;

	if (len < V2_HEAD_BYTES)
		return APO_PROXY_INCOMPLETE;
	payload_len = (size_t)bytes[14] << 8 | bytes[15];
	header->len = V2_HEAD_BYTES + payload_len;
	if (header->len > APO_PROXY_HEADER_BYTES_MAX || (bytes[12] != LOCAL && bytes[12] != PROXY))
		return APO_PROXY_MALFORMED;
	if (len < header->len)
		return APO_PROXY_INCOMPLETE;
	if (!is_checksum_right(bytes, header->len))
		return APO_PROXY_MALFORMED;
	if (bytes[12] == LOCAL)
		return APO_PROXY_OK;
	return read_payload(bytes[13], bytes + V2_HEAD_BYTES, payload_len, header)
		       ? APO_PROXY_OK
		       : APO_PROXY_MALFORMED;
}

/* Returns whether the bytes are equal to the pattern, as far as both go. */
static bool begins_like(const uint8_t *bytes, size_t len, const void *pattern, size_t pattern_len)
{
	return memcmp(bytes, pattern, len < pattern_len ? len : pattern_len) == 0;
}

enum apo_proxy_verdict apo_proxy_header_parse(const uint8_t *bytes, size_t len,
					      struct apo_proxy_header *header)
{
	memset(header, 0, sizeof *header);
	if (begins_like(bytes, len, v1_begin, V1_BEGIN_LEN))
		return len < V1_BEGIN_LEN ? APO_PROXY_INCOMPLETE : parse_v1(bytes, len, header);
	if (begins_like(bytes, len, v2_signature, sizeof v2_signature))
		return parse_v2(bytes, len, header);
	return APO_PROXY_OTHER;
}

/* ---- trust ---- */

bool apo_proxy_is_trusted(const struct apo_config *config, const struct rudp_addr *address)
{
	struct apo_network network;
	char text[APO_NETWORK_TEXT_SIZE] = "";
	unsigned i;

	if (config->trusted_proxy_count == 0 ||
	    (address->family != AF_INET && address->family != AF_INET6))
		return false;
	inet_ntop(address->family,
		  address->family == AF_INET ? (const void *)&address->in4.sin_addr
					     : (const void *)&address->in6.sin6_addr,
		  text, sizeof text);
	if (!apo_network_read_address(&network, text))
		return false;
	for (i = 0; i < config->trusted_proxy_count; i++)
		if (apo_network_contains(config->trusted_proxies + i, &network))
			return true;
	return false;
}
