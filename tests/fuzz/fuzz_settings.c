/* SPDX-License-Identifier: MIT */
/* Key files and settings: whatever a user writes is taken or refused with a text, never half. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "engine/config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rudp_key key;
	char text[RUDP_SETTINGS_TEXT_SIZE] = "";
	struct rudp_addr addr;
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = 0;
	if (!rudp_key_parse(&key, copy, size, "key", text))
		assert(strlen(text) > 0 && strlen(text) < sizeof text);
	if (rudp_addr_parse(&addr, copy) == 0) {
		char back[RUDP_ADDR_TEXT_SIZE];
		struct rudp_addr again;

		assert(rudp_addr_parse(&again, rudp_addr_format(&addr, back)) == 0);
		assert(rudp_addr_equal(&addr, &again));
	}
	free(copy);
	return 0;
}
