/* SPDX-License-Identifier: MIT */
#include "messaging/record.h"

#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/wire.h"
#include "messaging/wire.h"

#define SUM_BYTES 8
#define ERRNO_MAX 4095

static const char magic[8] = "rudpstor";

static uint64_t sum(uint64_t peer, uint64_t number, const void *bytes, size_t length)
{
	return XXH3_64bits_withSeed(bytes, length, peer ^ number * UINT64_C(0x9e3779b97f4a7c15));
}

/* Writes the checksum in front of the bytes that it covers. */
static void seal(uint8_t *out, uint64_t peer, size_t length)
{
	struct rudp_writer writer = rudp_writer(out, SUM_BYTES);

	rudp_write_u64(&writer, sum(peer, 0, out + SUM_BYTES, length - SUM_BYTES));
}

/* Returns a reader for the bytes after the checksum; it is not ok if the checksum is wrong. */
static struct rudp_reader unseal(const uint8_t *value, size_t length, uint64_t peer,
				 uint64_t number)
{
	struct rudp_reader reader = rudp_reader(value, length);
	uint64_t said = rudp_read_u64(&reader);

	if (reader.ok && said != sum(peer, number, reader.next, rudp_reader_left(&reader)))
		reader.ok = false;
	return reader;
}

static void write_text(struct rudp_writer *writer, const char *text)
{
	rudp_write_u8(writer, (uint8_t)strlen(text));
	rudp_write_bytes(writer, text, strlen(text));
}

static void read_text(struct rudp_reader *reader, char *text, size_t max)
{
	uint8_t length = rudp_read_u8(reader);
	const uint8_t *bytes = rudp_read_bytes(reader, length);

	if (!bytes || length > max || memchr(bytes, '\0', length)) {
		reader->ok = false;
		length = 0;
	}
	if (length > 0)
		memcpy(text, bytes, length);
	text[length] = '\0';
}

/* ---- the mark (format, node) ---- */

size_t rudpmsg_mark_write(uint8_t *out, const struct rudpmsg_mark *mark)
{
	struct rudp_writer writer = rudp_writer(out, RUDPMSG_MARK_BYTES_MAX);

	rudp_write_bytes(&writer, magic, sizeof magic);
	rudp_write_u32(&writer, RUDPMSG_STORE_VERSION);
	rudp_write_zeros(&writer, SUM_BYTES);
	rudp_write_u64(&writer, mark->run);
	write_text(&writer, mark->name);
	seal(out + sizeof magic + 4, 0, rudp_writer_len(&writer) - sizeof magic - 4);
	return rudp_writer_len(&writer);
}

int rudpmsg_mark_read(const uint8_t *value, size_t length, struct rudpmsg_mark *mark)
{
	struct rudp_reader reader = rudp_reader(value, length);
	const uint8_t *said = rudp_read_bytes(&reader, sizeof magic);

	memset(mark, 0, sizeof *mark);
	if (!said || memcmp(said, magic, sizeof magic) != 0)
		return -EBADMSG;
	if (rudp_read_u32(&reader) != RUDPMSG_STORE_VERSION)
		return -EPROTONOSUPPORT;
	reader = unseal(reader.next, rudp_reader_left(&reader), 0, 0);
	mark->run = rudp_read_u64(&reader);
	read_text(&reader, mark->name, RUDPMSG_NAME_MAX);
	return reader.ok && rudp_reader_left(&reader) == 0 &&
			       rudpmsg_name_is_valid(mark->name, strlen(mark->name))
		       ? 0
		       : -EBADMSG;
}

/* ---- peers ---- */

size_t rudpmsg_peer_write(uint8_t *out, uint64_t peer, const struct rudpmsg_peer *record)
{
	struct rudp_writer writer = rudp_writer(out, RUDPMSG_PEER_BYTES_MAX);
	unsigned i;

	rudp_write_zeros(&writer, SUM_BYTES);
	write_text(&writer, record->name);
	write_text(&writer, record->host);
	rudp_write_u16(&writer, record->port);
	rudp_write_u64(&writer, record->age);
	rudp_write_u64(&writer, record->stream);
	rudp_write_u64(&writer, record->next_id);
	rudp_write_u64(&writer, record->answered);
	rudp_write_u64(&writer, record->known_from);
	rudp_write_u64(&writer, record->peer_stream);
	rudp_write_u64(&writer, record->received);
	rudp_write_u8(&writer, record->key.is_known);
	if (record->key.is_known)
		rudp_write_bytes(&writer, record->key.bytes, sizeof record->key.bytes);
	rudp_write_u8(&writer, (uint8_t)record->failure_count);
	for (i = 0; i < record->failure_count; i++) {
		rudp_write_u64(&writer, record->failures[i].from);
		rudp_write_u64(&writer, record->failures[i].to);
		rudp_write_u16(&writer, (uint16_t)record->failures[i].reason);
	}
	seal(out, peer, rudp_writer_len(&writer));
	return rudp_writer_len(&writer);
}

static void read_key(struct rudp_reader *reader, struct rudpmsg_key *key)
{
	uint8_t is_known = rudp_read_u8(reader);
	const uint8_t *bytes = is_known ? rudp_read_bytes(reader, sizeof key->bytes) : NULL;

	if (is_known > 1)
		reader->ok = false;
	if (!bytes)
		return;
	key->is_known = true;
	memcpy(key->bytes, bytes, sizeof key->bytes);
}

static void read_failures(struct rudp_reader *reader, struct rudpmsg_peer *record)
{
	struct rudpmsg_failure *failure;
	unsigned i;

	record->failure_count = rudp_read_u8(reader);
	if (record->failure_count > RUDPMSG_FAILURES_MAX) {
		record->failure_count = 0;
		reader->ok = false;
	}
	for (i = 0; i < record->failure_count; i++) {
		failure = record->failures + i;
		failure->from = rudp_read_u64(reader);
		failure->to = rudp_read_u64(reader);
		failure->reason = rudp_read_u16(reader);
		if (failure->from > failure->to || failure->to >= record->next_id ||
		    failure->reason == 0 || failure->reason > ERRNO_MAX)
			reader->ok = false;
	}
}

/* No node sends this many messages: a larger id was not written by us, and ids would overflow. */
#define NEXT_ID_MAX ((uint64_t)INT64_MAX)

static bool is_sane(const struct rudpmsg_peer *record)
{
	return rudpmsg_name_is_valid(record->name, strlen(record->name)) &&
	       (record->host[0] == '\0') == (record->port == 0) && record->stream != 0 &&
	       record->next_id > record->answered && record->next_id <= NEXT_ID_MAX &&
	       record->known_from >= 1 && record->known_from <= record->next_id &&
	       (record->peer_stream != 0 || record->received == 0);
}

int rudpmsg_peer_read(const uint8_t *value, size_t length, uint64_t peer,
		      struct rudpmsg_peer *record)
{
	struct rudp_reader reader = unseal(value, length, peer, 0);

	memset(record, 0, sizeof *record);
	read_text(&reader, record->name, RUDPMSG_NAME_MAX);
	read_text(&reader, record->host, RUDPMSG_HOST_MAX);
	record->port = rudp_read_u16(&reader);
	record->age = rudp_read_u64(&reader);
	record->stream = rudp_read_u64(&reader);
	record->next_id = rudp_read_u64(&reader);
	record->answered = rudp_read_u64(&reader);
	record->known_from = rudp_read_u64(&reader);
	record->peer_stream = rudp_read_u64(&reader);
	record->received = rudp_read_u64(&reader);
	read_key(&reader, &record->key);
	read_failures(&reader, record);
	return reader.ok && rudp_reader_left(&reader) == 0 && is_sane(record) ? 0 : -EBADMSG;
}

/* ---- messages ---- */

void rudpmsg_sent_head_write(uint8_t *out, uint64_t peer, uint64_t id, const uint8_t *bytes,
			     size_t length)
{
	struct rudp_writer writer = rudp_writer(out, RUDPMSG_SENT_HEAD_BYTES);

	rudp_write_u64(&writer, sum(peer, id, bytes, length));
}

int rudpmsg_sent_read(const uint8_t *value, size_t length, uint64_t peer, uint64_t id)
{
	return unseal(value, length, peer, id).ok ? 0 : -EBADMSG;
}

/* The numbers are in the checksum as its seed, so the message need not be stored next to them. */
static uint64_t seed_of(uint64_t number, uint64_t stream, uint64_t id)
{
	return (number * UINT64_C(0xbf58476d1ce4e5b9) ^ stream) * UINT64_C(0x94d049bb133111eb) ^ id;
}

void rudpmsg_received_head_write(uint8_t *out, uint64_t peer, uint64_t number,
				 const struct rudpmsg_received *record)
{
	struct rudp_writer writer = rudp_writer(out, RUDPMSG_RECEIVED_HEAD_BYTES);

	rudp_write_u64(&writer, sum(peer, seed_of(number, record->stream, record->id),
				    record->bytes, record->length));
	rudp_write_u64(&writer, record->stream);
	rudp_write_u64(&writer, record->id);
}

int rudpmsg_received_read(const uint8_t *value, size_t length, uint64_t peer, uint64_t number,
			  struct rudpmsg_received *record)
{
	struct rudp_reader reader = rudp_reader(value, length);
	uint64_t said = rudp_read_u64(&reader);

	record->stream = rudp_read_u64(&reader);
	record->id = rudp_read_u64(&reader);
	record->bytes = reader.next;
	record->length = rudp_reader_left(&reader);
	if (!reader.ok || record->stream == 0 || record->id == 0 ||
	    said != sum(peer, seed_of(number, record->stream, record->id), record->bytes,
			record->length))
		return -EBADMSG;
	return 0;
}
