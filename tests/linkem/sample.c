/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <netinet/in.h>
#include <string.h>

static uint16_t sum(const uint8_t *data, size_t size, uint32_t start)
{
	for (size_t i = 0; i < size; i++)
		start += (uint32_t)data[i] << (i % 2 ? 0 : 8);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return (uint16_t)start;
}

static size_t header_bytes(const uint8_t *data)
{
	return data[0] >> 4 == 4 ? 20 : 40;
}

static uint16_t transport_sum(const uint8_t *data, size_t size)
{
	size_t header = header_bytes(data);
	uint8_t protocol = header == 20 ? data[9] : data[6];
	uint32_t start = (uint32_t)(size - header) + protocol;

	if (protocol == IPPROTO_ICMP)
		start = 0;
	else
		start += header == 20 ? sum(data + 12, 8, 0) : sum(data + 8, 32, 0);
	return sum(data + header, size - header, start);
}

int sample_is_sound(const uint8_t *data, size_t size)
{
	if (header_bytes(data) == 20 && sum(data, 20, 0) != 0xffff)
		return 0;
	return transport_sum(data, size) == 0xffff;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void fill_ip(struct sample *sample, unsigned version, uint8_t protocol)
{
	static const uint8_t v4[] = {10, 0, 0, 1, 10, 0, 0, 2};
	uint8_t *ip = sample->data;

	if (version == 4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint16_t)sample->size);
		ip[8] = 64;
		ip[9] = protocol;
		memcpy(ip + 12, v4, sizeof v4);
		put16(ip + 10, (uint16_t)~sum(ip, 20, 0));
		return;
	}
	ip[0] = 0x60;
	put16(ip + 4, (uint16_t)(sample->size - 40));
	ip[6] = protocol;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 1;
	ip[39] = 2;
}

struct sample sample_make(unsigned version, uint8_t protocol, uint16_t from_port, uint16_t to_port,
			  size_t payload_bytes)
{
	struct sample sample = {0};
	size_t header = version == 4 ? 20 : 40, inner = protocol == IPPROTO_TCP ? 20 : 8;
	uint8_t *transport = sample.data + header;

	sample.size = header + inner + payload_bytes;
	fill_ip(&sample, version, protocol);
	for (size_t i = 0; i < payload_bytes; i++)
		transport[inner + i] = (uint8_t)(i * 7 + 3);
	put16(transport, from_port);
	put16(transport + 2, to_port);
	if (protocol == IPPROTO_TCP) {
		transport[12] = 5 << 4;
		put16(transport + 16, (uint16_t)~transport_sum(sample.data, sample.size));
	} else {
		put16(transport + 4, (uint16_t)(8 + payload_bytes));
		put16(transport + 6, (uint16_t)~transport_sum(sample.data, sample.size));
	}
	return sample;
}
