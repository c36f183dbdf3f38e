/* SPDX-License-Identifier: MIT */
#include "proto/cc/cc.h"

#include <string.h>

#define INITIAL_WINDOW_DATAGRAMS 10
#define INITIAL_WINDOW_DATAGRAMS_MIN 2
#define INITIAL_WINDOW_BYTES 14720

#define ADDRESS_OF(name) &rudp_cc_##name,
static const struct rudp_cc_ops *const algorithms[] = {RUDP_CC_NAMES(ADDRESS_OF)};
#undef ADDRESS_OF

const struct rudp_cc_ops *rudp_cc_find(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (strcmp(algorithms[i]->name, name) == 0)
			return algorithms[i];
	}
	return NULL;
}

uint64_t rudp_cc_initial_window_bytes(uint32_t datagram_bytes)
{
	uint64_t datagram = datagram_bytes;
	uint64_t floor_bytes = INITIAL_WINDOW_DATAGRAMS_MIN * datagram;

	if (floor_bytes < INITIAL_WINDOW_BYTES)
		floor_bytes = INITIAL_WINDOW_BYTES;
	if (floor_bytes > INITIAL_WINDOW_DATAGRAMS * datagram)
		return INITIAL_WINDOW_DATAGRAMS * datagram;
	return floor_bytes;
}

void rudp_cc_init(struct rudp_cc *cc, const struct rudp_cc_ops *ops, uint32_t datagram_bytes,
		  int64_t now_at_ns)
{
	*cc = (struct rudp_cc){
		.ops = ops,
		.cwnd_bytes = rudp_cc_initial_window_bytes(datagram_bytes),
		.ssthresh_bytes = UINT64_MAX,
		.datagram_bytes = datagram_bytes,
		.state_name = "init",
	};
	ops->init(cc, now_at_ns);
}
