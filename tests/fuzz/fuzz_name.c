/* SPDX-License-Identifier: MIT */
/* Names of sockets: anybody may connect to us from any name. What parses is written back the
 * same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const struct rudp_name *name, const struct sockaddr_un *back, socklen_t len)
{
	struct rudp_name again;

	assert(rudp_name_parse(&again, back, len) == name->kind);
	assert(again.id == name->id && again.uid == name->uid && again.settings == name->settings);
	assert(again.network == name->network);
	assert(rudp_addr_equal(&again.local, &name->local));
	assert(rudp_addr_equal(&again.remote, &name->remote));
}

/* A path ends at its 0. A directory that is too long for all names is refused when writing. */
static void check_path(const struct rudp_name *name, const struct sockaddr_un *un, size_t size)
{
	char path[sizeof un->sun_path + 1] = {0}, dir[sizeof path];
	struct sockaddr_un back;
	socklen_t len;

	memcpy(path, un->sun_path, strnlen(un->sun_path, size));
	strcpy(dir, path);
	*strrchr(dir, '/') = 0;
	len = rudp_name_write_path(name, dir, &back);
	if (len == 0)
		return;
	assert(strcmp(back.sun_path, path) == 0);
	expect_same(name, &back, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX}, back;
	struct rudp_name name;
	socklen_t len;

	if (size > sizeof un.sun_path)
		size = sizeof un.sun_path;
	memcpy(un.sun_path, data, size);
	if (rudp_name_parse(&name, &un,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) ==
	    RUDP_NAME_NONE)
		return 0;
	if (name.kind == RUDP_NAME_JOIN) {
		expect_same(&name, &back, rudp_name_write(&name, &back));
		assert(memcmp(back.sun_path, un.sun_path, strlen(back.sun_path)) == 0);
		return 0;
	}
	if (un.sun_path[0]) {
		check_path(&name, &un, size);
		return 0;
	}
	len = rudp_name_write(&name, &back);
	assert(len == offsetof(struct sockaddr_un, sun_path) + size);
	expect_same(&name, &back, len);
	return 0;
}
