/* SPDX-License-Identifier: MIT */
/* Packets under way, given out in the order in which they are due: a binary heap. */
#ifndef LINKEM_LINE_H
#define LINKEM_LINE_H

#include "../netmodel/item.h"
#include "packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one direction may hold; far above any bandwidth-delay product used here. */
#define LINE_BYTES_MAX ((size_t)256 << 20)

#define LINE_NEVER UINT64_MAX

struct line_packet {
	struct nm_item item;    /* first: while it is in the hop (netmodel) */
	struct packet_ack ack;  /* likewise */
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

/* A packet of its own with a copy of the data, the caller's to free(); NULL: no memory. */
struct line_packet *line_packet_new(const uint8_t *data, size_t size);

/* Takes the packet over. Returns false, and frees it, when the line or the memory is full. */
bool line_insert(struct line *line, uint64_t due_at_ns, struct line_packet *packet);

/* Copies the packet in. Returns false, and takes nothing, when the line or the memory is full. */
bool line_put(struct line *line, uint64_t due_at_ns, const uint8_t *data, size_t size);

/* When the next packet is due; LINE_NEVER when none is under way. */
uint64_t line_next_at(const struct line *line);

/* The next packet due by now_ns, the caller's to free(); NULL when there is none. */
struct line_packet *line_take(struct line *line, uint64_t now_ns);

#endif
