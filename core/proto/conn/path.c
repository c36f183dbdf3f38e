/* SPDX-License-Identifier: MIT */
#include "proto/conn/path.h"

#include <string.h>

#include "proto/crypto/cookie.h"
#include "proto/wire/packet.h"

void rudp_path_init(struct rudp_path *path, void *socket, const struct rudp_addr *local,
		    const struct rudp_addr *remote, bool validated)
{
	*path = (struct rudp_path){
		.socket = socket,
		.local = *local,
		.remote = *remote,
		.validated = validated,
		.challenge_at_ns = RUDP_NEVER,
		.datagram_bytes = RUDP_DATAGRAM_BASE_BYTES,
	};
	rudp_path_mtu_init(&path->mtu, false);
}

struct rudp_path_key rudp_path_key_of(const void *socket, const struct rudp_addr *remote)
{
	return (struct rudp_path_key){(uint64_t)(uintptr_t)socket, rudp_addr_key_of(remote)};
}

uint64_t rudp_path_allowance_bytes(const struct rudp_path *path)
{
	uint64_t limit = RUDP_AMPLIFICATION_FACTOR * path->received_bytes;

	if (path->validated)
		return UINT64_MAX;
	return limit > path->sent_bytes ? limit - path->sent_bytes : 0;
}

bool rudp_path_is_mute(const struct rudp_path *path)
{
	return rudp_path_allowance_bytes(path) < RUDP_PATH_PACKET_MIN_BYTES;
}

void rudp_path_distrust(struct rudp_path *path)
{
	path->validated = false;
	path->sent_bytes = 0;
}

void rudp_path_on_received(struct rudp_path *path, uint64_t bytes)
{
	path->received_bytes += bytes;
}

void rudp_path_on_sent(struct rudp_path *path, uint64_t bytes)
{
	path->sent_bytes += bytes;
}

void rudp_path_challenge(struct rudp_path *path, const uint8_t data[8], int64_t now_at_ns)
{
	memcpy(path->challenge, data, sizeof path->challenge);
	path->challenges = 0;
	path->challenge_at_ns = now_at_ns;
}

void rudp_path_on_challenge_sent(struct rudp_path *path, int64_t pto_ns, int64_t now_at_ns)
{
	path->challenge_at_ns = now_at_ns + (pto_ns << path->challenges);
	path->challenges++;
}

bool rudp_path_on_response(struct rudp_path *path, const uint8_t data[8])
{
	if (path->challenges == 0 || path->challenge_at_ns == RUDP_NEVER ||
	    !rudp_bytes_equal(path->challenge, data, sizeof path->challenge))
		return false;
	path->validated = true;
	path->challenges = 0;
	path->challenge_at_ns = RUDP_NEVER;
	return true;
}

bool rudp_path_is_failed(const struct rudp_path *path, int64_t now_at_ns)
{
	return path->challenges >= RUDP_PATH_CHALLENGES_MAX && path->challenge_at_ns <= now_at_ns;
}
