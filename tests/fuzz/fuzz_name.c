/* SPDX-License-Identifier: MIT */
/* Abstract names: anybody may connect to us from any name. What parses is written back the same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX}, back;
	struct rudp_name name, again;
	socklen_t len;

	if (size > sizeof un.sun_path)
		size = sizeof un.sun_path;
	memcpy(un.sun_path, data, size);
	if (rudp_name_parse(&name, &un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) ==
	    RUDP_NAME_NONE)
		return 0;
	len = rudp_name_write(&name, &back);
	assert(len == offsetof(struct sockaddr_un, sun_path) + size);
	assert(rudp_name_parse(&again, &back, len) == name.kind);
	assert(again.id == name.id && again.uid == name.uid && again.settings == name.settings);
	assert(rudp_addr_equal(&again.local, &name.local));
	assert(rudp_addr_equal(&again.remote, &name.remote));
	return 0;
}
