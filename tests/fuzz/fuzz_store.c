/* SPDX-License-Identifier: MIT */
/*
 * Records of a store, and a hub that is restored from them: whatever a damaged or forged store
 * says, it is refused, or the hub that comes of it keeps its invariants and can be used.
 *
 * The input is a sequence of rows: kind, length (2), peer (1), number (1), value. A row whose kind
 * has bit 7 is sealed again, as a forger would, so that what lies behind the checksums is within
 * reach.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/hub.h"
#include "tests/messaging/small_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rudpmsg_hub *new_hub(void)
{
	struct rudpmsg_hub_config config = small_config();

	config.has_store = true;
	config.run = 1;
	config.limits.message_bytes_max = 4000;
	config.limits.unread_bytes_max = 300;
	return rudpmsg_hub_new(&config, RUDP_NS_PER_S);
}

static int restore_peer(struct rudpmsg_hub *hub, uint64_t number, uint8_t *value, size_t length,
			bool is_forged)
{
	uint8_t bytes[RUDPMSG_PEER_BYTES_MAX];
	struct rudpmsg_peer record, again;
	int rc;

	if (is_forged && length >= sizeof record) {
		memcpy(&record, value, sizeof record);
		record.name[RUDPMSG_NAME_MAX] = record.host[RUDPMSG_HOST_MAX] = '\0';
		record.failure_count %= RUDPMSG_FAILURES_MAX + 1;
		record.key.is_known = number & 1;
		length = rudpmsg_peer_write(bytes, number, &record);
		value = bytes;
	}
	rc = rudpmsg_peer_read(value, length, number, &record);
	if (rc < 0)
		return rc;
	length = rudpmsg_peer_write(bytes, number, &record);
	assert(rudpmsg_peer_read(bytes, length, number, &again) == 0);
	return rudpmsg_hub_restore_peer(hub, number, &record);
}

static int restore(struct rudpmsg_hub *hub, uint8_t kind, uint64_t peer, uint64_t number,
		   uint8_t *value, size_t length)
{
	struct rudpmsg_received received;
	struct rudpmsg_mark mark;
	bool is_forged = kind & 128;
	int rc = 0;

	switch (kind & 3) {
	case 0:
		return restore_peer(hub, peer, value, length, is_forged);
	case 1:
		if (!is_forged)
			rc = rudpmsg_sent_read(value, length, peer, number);
		return rc < 0 ? rc : rudpmsg_hub_restore_sent(hub, number, value, length);
	case 2:
		received = (struct rudpmsg_received){number & 1 ? 1 : 2, number / 2, value, length};
		if (!is_forged)
			rc = rudpmsg_received_read(value, length, peer, number, &received);
		return rc < 0 ? rc : rudpmsg_hub_restore_received(hub, number, &received);
	default:
		(void)rudpmsg_mark_read(value, length, &mark);
		return 0;
	}
}

/* The application takes what there is, sends, and the store does as it is told. */
static void use(struct rudpmsg_hub *hub)
{
	struct rudpmsg_message message;
	struct rudpmsg_conn *conn;
	rudpmsg_message_id id;
	int i;

	assert(rudpmsg_hub_check(hub));
	while (rudpmsg_hub_receive(hub, NULL, &message) == 0) {
		conn = rudpmsg_hub_conn(hub, message.conn);
		(void)rudpmsg_hub_send(hub, conn, message.bytes, message.length, &id,
				       RUDP_NS_PER_S);
		rudpmsg_hub_done(hub, message.conn, message.place);
		rudpmsg_chunk_put(message.reserved);
		assert(rudpmsg_hub_check(hub));
	}
	for (i = 0; i < 3; i++) {
		rudpmsg_hub_store_now(hub);
		if (rudpmsg_hub_take_batch(hub))
			rudpmsg_hub_on_stored(hub, i == 0 ? -ENOSPC : 0, RUDP_NS_PER_S);
		assert(rudpmsg_hub_check(hub));
	}
	assert(rudpmsg_hub_is_saved(hub));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t value[65536];
	struct rudpmsg_hub *hub = new_hub();
	size_t length;
	int rc = 0;

	while (rc == 0 && size >= 5) {
		length = (size_t)data[1] << 8 | data[2];
		length = length < size - 5 ? length : size - 5;
		memcpy(value, data + 5, length);
		rc = restore(hub, data[0], data[3], data[4], value, length);
		data += 5 + length;
		size -= 5 + length;
	}
	if (rc == 0)
		rc = rudpmsg_hub_restore_end(hub, RUDP_NS_PER_S);
	if (rc == 0)
		use(hub);
	rudpmsg_hub_free(hub);
	return 0;
}
