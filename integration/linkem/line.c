/* SPDX-License-Identifier: MIT */
#include "line.h"

#include <stdlib.h>
#include <string.h>

void line_init(struct line *line)
{
	*line = (struct line){0};
}

void line_fini(struct line *line)
{
	for (size_t i = 0; i < line->count; i++)
		free(line->heap[i]);
	free(line->heap);
	*line = (struct line){0};
}

static bool is_before(const struct line_packet *a, const struct line_packet *b)
{
	if (a->due_at_ns != b->due_at_ns)
		return a->due_at_ns < b->due_at_ns;
	return a->number < b->number;
}

static void sift_up(struct line *line, size_t at)
{
	struct line_packet *moving = line->heap[at];

	while (at > 0 && is_before(moving, line->heap[(at - 1) / 2])) {
		line->heap[at] = line->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	line->heap[at] = moving;
}

static void sift_down(struct line *line, size_t at)
{
	struct line_packet *moving = line->heap[at];
	size_t child;

	while ((child = 2 * at + 1) < line->count) {
		if (child + 1 < line->count && is_before(line->heap[child + 1], line->heap[child]))
			child++;
		if (!is_before(line->heap[child], moving))
			break;
		line->heap[at] = line->heap[child];
		at = child;
	}
	line->heap[at] = moving;
}

static bool reserve(struct line *line)
{
	size_t capacity = line->capacity ? line->capacity * 2 : 256;
	struct line_packet **heap;

	if (line->count < line->capacity)
		return true;
	heap = realloc(line->heap, capacity * sizeof *heap);
	if (!heap)
		return false;
	line->heap = heap;
	line->capacity = capacity;
	return true;
}

struct line_packet *line_packet_new(const uint8_t *data, size_t size)
{
	struct line_packet *packet = malloc(sizeof *packet + size);

	if (!packet)
		return NULL;
	*packet = (struct line_packet){.size = size};
	memcpy(packet->data, data, size);
	return packet;
}

bool line_insert(struct line *line, uint64_t due_at_ns, struct line_packet *packet)
{
	if (line->bytes + packet->size > LINE_BYTES_MAX || !reserve(line)) {
		free(packet);
		return false;
	}
	packet->due_at_ns = due_at_ns;
	packet->number = line->next_number++;
	line->bytes += packet->size;
	line->heap[line->count++] = packet;
	sift_up(line, line->count - 1);
	return true;
}

bool line_put(struct line *line, uint64_t due_at_ns, const uint8_t *data, size_t size)
{
	struct line_packet *packet = line_packet_new(data, size);

	return packet && line_insert(line, due_at_ns, packet);
}

uint64_t line_next_at(const struct line *line)
{
	return line->count ? line->heap[0]->due_at_ns : LINE_NEVER;
}

struct line_packet *line_take(struct line *line, uint64_t now_ns)
{
	struct line_packet *packet;

	if (line_next_at(line) > now_ns || !line->count)
		return NULL;
	packet = line->heap[0];
	line->bytes -= packet->size;
	line->heap[0] = line->heap[--line->count];
	if (line->count)
		sift_down(line, 0);
	return packet;
}
