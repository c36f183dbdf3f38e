/* SPDX-License-Identifier: MIT */
/* Packets in flight, returned in the order of their due times: a binary heap. */
#ifndef LINKEM_LINE_H
#define LINKEM_LINE_H

#include "../netmodel/item.h"
#include "packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The limit of one direction; far above any bandwidth-delay product used here. */
#define LINE_BYTES_MAX ((size_t)256 << 20)

#define LINE_NEVER UINT64_MAX

struct line_packet {
	struct nm_item item;   /* first member: used while the packet is in the hop (netmodel) */
	struct packet_ack ack; /* likewise */
	uint64_t due_at_ns;
	uint64_t number; /* breaks ties: first in, first out */
	size_t size;
	uint8_t data[];
};

struct line {
	struct line_packet **heap;
	size_t count, capacity;
	size_t bytes;
	uint64_t next_number;
};

void line_init(struct line *line);
void line_fini(struct line *line);

/* A packet with a copy of the data, which the caller must free(); NULL: memory is short. */
struct line_packet *line_packet_new(const uint8_t *data, size_t size);

/* Takes ownership of the packet. Returns false, and frees it, if the line is full or memory is
 * short. */
bool line_insert(struct line *line, uint64_t due_at_ns, struct line_packet *packet);

/* Copies the packet. Returns false, and takes nothing, if the line is full or memory is short. */
bool line_put(struct line *line, uint64_t due_at_ns, const uint8_t *data, size_t size);

/* The time at which the next packet is due; LINE_NEVER if none is in flight. */
uint64_t line_next_at(const struct line *line);

/* The next packet due at or before now_ns, which the caller must free(); NULL if there is none. */
struct line_packet *line_take(struct line *line, uint64_t now_ns);

#endif
