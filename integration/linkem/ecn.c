/* SPDX-License-Identifier: MIT */
#include "ecn.h"
#include "checksum.h"

#include <string.h>

enum { NOT_ECT = 0, CE = 3 };

static unsigned shift_of(const struct packet_view *view)
{
	return view->version == 6 ? 4 : 0;
}

bool packet_is_ecn_capable(const struct packet_view *view)
{
	return view->version != 0 && ((unsigned)view->data[1] >> shift_of(view) & 3) != NOT_ECT;
}

/* The two bits end the second byte of IPv4, and the traffic class of IPv6 four bits earlier. */
bool ecn_mark(const struct packet_view *view)
{
	unsigned shift = shift_of(view);
	uint8_t before[2];
	unsigned bits;

	if (view->version == 0)
		return false;
	memcpy(before, view->data, sizeof before);
	bits = (unsigned)before[1] >> shift & 3;
	if (bits == NOT_ECT || bits == CE)
		return false;
	view->data[1] |= (uint8_t)(CE << shift);
	if (view->version == 4)
		checksum_patch(view->data + 10, before, view->data, sizeof before);
	return true;
}
