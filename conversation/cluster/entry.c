/* SPDX-License-Identifier: MIT */
#include "conversation/cluster/entry.h"

#include <string.h>

#define MAGIC 0x41504f43u /* "APOC" */
#define VERSION 1

bool apo_node_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= APO_NODE_NAME_BYTES_MAX &&
	       len == strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-_");
}

void apo_entry_write(struct rudp_writer *writer, const struct apo_entry_head *head)
{
	size_t len = strlen(head->name);

	rudp_write_u32(writer, MAGIC);
	rudp_write_u8(writer, VERSION);
	rudp_write_u8(writer, (uint8_t)head->kind);
	rudp_write_u8(writer, (uint8_t)len);
	rudp_write_bytes(writer, head->name, len);
	rudp_write_u64(writer, head->incarnation);
	rudp_write_u64(writer, head->number);
	rudp_write_u64(writer, (uint64_t)head->wall_ms);
	rudp_write_u64(writer, head->about);
	rudp_write_u64(writer, head->seen);
}

static bool read_name(struct rudp_reader *reader, char name[APO_NODE_NAME_BYTES_MAX + 1])
{
	size_t len = rudp_read_u8(reader);
	const uint8_t *bytes = rudp_read_bytes(reader, len);

	if (!bytes || len > APO_NODE_NAME_BYTES_MAX)
		return false;
	memcpy(name, bytes, len);
	name[len] = '\0';
	return strlen(name) == len && apo_node_name_is_valid(name);
}

bool apo_entry_read(struct rudp_reader *reader, struct apo_entry_head *head)
{
	uint8_t kind;

	if (rudp_read_u32(reader) != MAGIC || rudp_read_u8(reader) != VERSION)
		return false;
	kind = rudp_read_u8(reader);
	if (kind < APO_ENTRY_JOIN || kind > APO_ENTRY_GONE || !read_name(reader, head->name))
		return false;
	head->kind = (enum apo_entry_kind)kind;
	head->incarnation = rudp_read_u64(reader);
	head->number = rudp_read_u64(reader);
	head->wall_ms = (int64_t)rudp_read_u64(reader);
	head->about = rudp_read_u64(reader);
	head->seen = rudp_read_u64(reader);
	return reader->ok && head->wall_ms >= 0;
}

const uint8_t *apo_entry_next_record(struct rudp_reader *reader, size_t *len)
{
	if (rudp_reader_left(reader) == 0)
		return NULL;
	*len = rudp_read_u32(reader);
	return rudp_read_bytes(reader, *len);
}
