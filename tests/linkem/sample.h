/* SPDX-License-Identifier: MIT */
/* Packets for the tests of linkem. */
#ifndef LINKEM_SAMPLE_H
#define LINKEM_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_SIZE_MAX = 1600 };

struct sample {
	uint8_t data[SAMPLE_SIZE_MAX];
	size_t size;
};

/* From 10.0.0.1 or fd00::1 to ...2, with right checksums; version 4 or 6, protocol by number. */
struct sample sample_make(unsigned version, uint8_t protocol, uint16_t from_port, uint16_t to_port,
			  size_t payload_bytes);

/* Whether all checksums are right, reckoned without any code of linkem. */
int sample_is_sound(const uint8_t *data, size_t size);

#endif
