/* SPDX-License-Identifier: MIT */
/* A message between a chat client and the server: what is read is written again as the same bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "conversation/irc/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[APO_FRAME_BYTES_MAX];
	struct apo_frame frame;

	if (apo_frame_read(data, size, &frame) != APO_FRAME_OK)
		return 0;
	assert(apo_frame_write(&frame, again) == size);
	assert(memcmp(again, data, size) == 0);
	return 0;
}
