/* SPDX-License-Identifier: MIT */
#include "attacker.h"

#include "proto/wire/packet.h"

#define COPIES 3

static void refuse(struct flight *flight, const struct rudp_train *train, uint64_t id,
		   int64_t now_ns)
{
	uint8_t bytes[RUDP_REFUSE_BYTES];
	size_t len = rudp_packet_write_refuse(bytes, id, RUDP_REFUSAL_RESUME);

	flight_add(flight, now_ns + 1, 0, &train->remote, &train->local, bytes, len);
}

void attacker_on_syn(const struct attacker_config *config, struct flight *flight, struct prng *prng,
		     const struct rudp_train *train, const uint8_t *bytes, size_t len,
		     int64_t now_ns)
{
	struct rudp_packet packet;

	if (config->forge_refusal <= 0 && config->replay_syn <= 0)
		return;
	if (rudp_packet_parse(bytes, len, &packet) != RUDP_VERDICT_OK ||
	    packet.type != RUDP_PACKET_SYN)
		return;
	if (prng_chance(prng, config->forge_refusal))
		refuse(flight, train, packet.id, now_ns);
	for (int i = 0; i < COPIES; i++)
		if (prng_chance(prng, config->replay_syn))
			flight_add(flight, now_ns + prng_between(prng, 0, ATTACKER_REPLAY_MAX_NS),
				   1, &train->local, &train->remote, bytes, len);
}
