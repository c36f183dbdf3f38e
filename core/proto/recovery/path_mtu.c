/* SPDX-License-Identifier: MIT */
#include "proto/recovery/path_mtu.h"

#include <stddef.h>

#include "proto/wire/packet.h"

/* Common MTUs: jumbo frames, Ethernet, PPPoE, WireGuard over either, the minimum of IPv6. */
static const uint16_t likely_mtus[] = {9000, 1500, 1492, 1420, 1400, 1280};

void rudp_path_mtu_init(struct rudp_path_mtu *m, bool enabled)
{
	*m = (struct rudp_path_mtu){
		.state = enabled ? RUDP_MTU_BASE : RUDP_MTU_DISABLED,
		.bytes = RUDP_DATAGRAM_BASE_BYTES,
		.max_bytes = RUDP_DATAGRAM_BASE_BYTES,
		.probe_number = UINT64_MAX,
		.raise_at_ns = RUDP_NEVER,
	};
}

bool rudp_path_mtu_is_due(const struct rudp_path_mtu *m, int64_t now_at_ns)
{
	switch (m->state) {
	case RUDP_MTU_DISABLED:
	case RUDP_MTU_SEARCHING:
		return false;
	case RUDP_MTU_BASE:
		return true;
	case RUDP_MTU_COMPLETE:
		return m->raise_at_ns <= now_at_ns;
	}
	return false;
}

/* The largest size that may still pass. */
static uint32_t ceiling(const struct rudp_path_mtu *m)
{
	return m->failed_bytes ? m->failed_bytes - 1 : m->max_bytes;
}

static bool is_worth(const struct rudp_path_mtu *m, uint32_t size_bytes)
{
	return size_bytes > m->bytes + m->bytes / RUDP_MTU_RESOLUTION;
}

/* The largest common size that is worth trying and at most most_bytes; 0: none. */
static uint32_t likely(const struct rudp_path_mtu *m, uint32_t most_bytes)
{
	for (size_t i = 0; i < sizeof likely_mtus / sizeof likely_mtus[0]; i++) {
		uint32_t size_bytes = likely_mtus[i] - m->header_bytes;

		if (size_bytes <= most_bytes)
			return is_worth(m, size_bytes) ? size_bytes : 0;
	}
	return 0;
}

/* The next size to try, without regard to windows; 0: the search is complete. */
static uint32_t next_size(const struct rudp_path_mtu *m)
{
	uint32_t most_bytes = ceiling(m);
	uint32_t size_bytes;

	if (!is_worth(m, most_bytes))
		return 0;
	if (m->hint_bytes <= most_bytes && is_worth(m, m->hint_bytes))
		return m->hint_bytes;
	if (!m->failed_bytes)
		return most_bytes;
	size_bytes = likely(m, most_bytes);
	return size_bytes ? size_bytes : m->bytes + (most_bytes - m->bytes + 1) / 2;
}

static void complete(struct rudp_path_mtu *m, int64_t now_at_ns)
{
	m->state = RUDP_MTU_COMPLETE;
	m->raise_at_ns = now_at_ns + RUDP_MTU_RAISE_NS;
	m->hint_bytes = 0;
	m->hint_is_found = false;
	m->probe_bytes = 0;
	m->losses = 0;
}

/* Continues with the next size, or ends the search. */
static void move_on(struct rudp_path_mtu *m, int64_t now_at_ns)
{
	m->probe_bytes = 0;
	m->losses = 0;
	if (m->state == RUDP_MTU_SEARCHING && next_size(m) == 0)
		complete(m, now_at_ns);
}

static uint32_t between(uint32_t value, uint32_t least, uint32_t most)
{
	if (value < least)
		return least;
	return value < most ? value : most;
}

void rudp_path_mtu_start(struct rudp_path_mtu *m, uint32_t max_bytes, uint8_t header_bytes,
			 uint32_t hint_bytes, int64_t now_at_ns)
{
	/*
	 * A search after RUDP_MTU_RAISE_NS forgets earlier failures; one after a black hole does
	 * not.
	 */
	if (m->state == RUDP_MTU_COMPLETE) {
		m->failed_bytes = 0;
		m->doubts = 0;
		m->icmp_lies = false;
	}
	m->max_bytes = between(max_bytes, RUDP_DATAGRAM_BASE_BYTES, RUDP_DATAGRAM_MAX_BYTES);
	m->bytes = between(m->bytes, RUDP_DATAGRAM_BASE_BYTES, m->max_bytes);
	if (m->failed_bytes > m->max_bytes)
		m->failed_bytes = 0;
	m->header_bytes = header_bytes;
	if (hint_bytes) {
		m->hint_bytes = hint_bytes;
		m->hint_is_found = true;
	}
	m->state = RUDP_MTU_SEARCHING;
	move_on(m, now_at_ns);
}

uint32_t rudp_path_mtu_probe_bytes(const struct rudp_path_mtu *m, uint32_t limit_bytes,
				   uint64_t carried_bytes)
{
	uint32_t size_bytes = m->probe_bytes;

	if (m->state != RUDP_MTU_SEARCHING || m->probe_out)
		return 0;
	if (size_bytes == 0 || size_bytes > limit_bytes)
		size_bytes = next_size(m);
	/* Too large for the current windows: try a common size that fits. */
	if (size_bytes > limit_bytes)
		size_bytes = likely(m, between(limit_bytes, 0, ceiling(m)));
	if ((m->spent_bytes + size_bytes) * RUDP_MTU_COST_SHARE > carried_bytes)
		return 0;
	return size_bytes;
}

void rudp_path_mtu_on_probe_sent(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes)
{
	if (size_bytes != m->probe_bytes)
		m->losses = 0;
	m->probe_bytes = size_bytes;
	m->probe_out = true;
	m->probe_number = number;
	m->spent_bytes += size_bytes;
}

bool rudp_path_mtu_on_probe_answered(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes,
				     int64_t now_at_ns)
{
	/* It may be a probe of another path. */
	if (number != m->probe_number)
		return false;
	m->probe_out = false;
	rudp_path_mtu_on_answered(m, number, size_bytes);
	if (size_bytes <= m->bytes || size_bytes > m->max_bytes)
		return false;
	m->bytes = size_bytes;
	if (m->failed_bytes && m->failed_bytes <= size_bytes)
		m->failed_bytes = 0; /* the probe was late, not lost */
	if (m->state != RUDP_MTU_SEARCHING)
		return true;
	/* An earlier search ended with this size: do not search beyond it so soon. */
	if (size_bytes == m->hint_bytes && m->hint_is_found)
		complete(m, now_at_ns);
	else
		move_on(m, now_at_ns);
	return true;
}

void rudp_path_mtu_on_probe_lost(struct rudp_path_mtu *m, uint64_t number, int64_t now_at_ns)
{
	if (!m->probe_out || number != m->probe_number)
		return;
	m->probe_out = false;
	if (++m->losses < RUDP_MTU_PROBES_MAX)
		return;
	if (m->probe_bytes > m->bytes && (!m->failed_bytes || m->probe_bytes < m->failed_bytes))
		m->failed_bytes = m->probe_bytes;
	if (m->probe_bytes == m->hint_bytes)
		m->hint_bytes = 0;
	move_on(m, now_at_ns);
}

/* The ICMP message was wrong: a packet larger than its size has passed. */
static void refute(struct rudp_path_mtu *m)
{
	if (m->hint_bytes == m->told_bytes && !m->hint_is_found)
		m->hint_bytes = 0;
	m->told_bytes = 0;
	m->icmp_lies = true;
}

void rudp_path_mtu_on_answered(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes)
{
	if (m->told_bytes && size_bytes > m->told_bytes && number >= m->told_number)
		refute(m);
	if (size_bytes <= RUDP_DATAGRAM_BASE_BYTES || number < m->large_answered)
		return;
	m->large_answered = number;
	m->suspects = 0;
}

/*
 * Handles a black hole. The size passed before. Either the path has changed, or a full queue
 * dropped the end of a burst and only small probe packets followed. So the size is probed once
 * more, but not for ever: if probes pass and bulk data repeatedly does not, a smaller size must do.
 * An ICMP message only changes which size is tried first.
 */
static void fall_back(struct rudp_path_mtu *m)
{
	if (m->doubts == RUDP_MTU_DOUBTS_MAX) {
		m->failed_bytes = m->bytes;
	} else if (m->hint_bytes == 0) {
		m->hint_bytes = m->bytes;
		m->hint_is_found = true;
	}
	if (m->doubts < RUDP_MTU_DOUBTS_MAX)
		m->doubts++;
	m->bytes = RUDP_DATAGRAM_BASE_BYTES;
	m->suspects = 0;
	m->probe_bytes = 0;
	m->losses = 0;
	m->state = RUDP_MTU_BASE;
}

/*
 * A packet is declared lost only when a later one was acknowledged. If that was a large one, the
 * loss is not counted here. So small packets pass and large ones do not.
 */
bool rudp_path_mtu_on_lost(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes)
{
	if (size_bytes <= RUDP_DATAGRAM_BASE_BYTES || size_bytes > m->bytes ||
	    number < m->large_answered)
		return false;
	if (++m->suspects < RUDP_MTU_SUSPECTS)
		return false;
	fall_back(m);
	return true;
}

bool rudp_path_mtu_on_refused(struct rudp_path_mtu *m, uint32_t max_bytes, int64_t now_at_ns)
{
	max_bytes = between(max_bytes, RUDP_DATAGRAM_BASE_BYTES, RUDP_DATAGRAM_MAX_BYTES);
	if (m->state == RUDP_MTU_DISABLED || max_bytes >= m->max_bytes)
		return false;
	m->max_bytes = max_bytes;
	if (m->failed_bytes > max_bytes)
		m->failed_bytes = 0;
	if (m->bytes > max_bytes) {
		m->bytes = max_bytes;
		m->failed_bytes = 0;
		m->probe_out = false;
		move_on(m, now_at_ns);
		return true;
	}
	if (m->probe_bytes > max_bytes) {
		m->probe_out = false;
		move_on(m, now_at_ns);
	}
	return false;
}

static void accept_hint(struct rudp_path_mtu *m, uint32_t max_bytes, uint64_t next_number)
{
	m->hint_bytes = m->told_bytes = max_bytes;
	m->hint_is_found = false;
	m->told_number = next_number;
}

void rudp_path_mtu_on_hint(struct rudp_path_mtu *m, uint32_t max_bytes, uint64_t next_number)
{
	if (max_bytes < RUDP_DATAGRAM_BASE_BYTES || m->state == RUDP_MTU_DISABLED || m->icmp_lies)
		return;
	if (max_bytes < m->bytes && m->suspects + 1 < RUDP_MTU_SUSPECTS) {
		m->suspects = RUDP_MTU_SUSPECTS - 1; /* one more loss suffices */
		accept_hint(m, max_bytes, next_number);
	} else if (max_bytes > m->bytes && max_bytes < m->probe_bytes) {
		m->losses = RUDP_MTU_PROBES_MAX - 1; /* the loss of the probe in flight suffices */
		accept_hint(m, max_bytes, next_number);
	}
}

void rudp_path_mtu_forget_probe(struct rudp_path_mtu *m)
{
	m->probe_out = false;
	m->suspects = 0;
}
