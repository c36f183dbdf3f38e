/* SPDX-License-Identifier: MIT */
/* Filters of rudp ss: what is read can be asked, what is not says where it is wrong. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../../tools/filter.h"

#define TEXT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rudp_filter filter;
	struct rudp_control_info info = {.state = 4, .pid = 1};
	char text[TEXT_MAX + 1], error[RUDP_FILTER_ERROR_SIZE];
	unsigned at;

	if (size > TEXT_MAX)
		size = TEXT_MAX;
	memcpy(text, data, size);
	text[size] = 0;
	if (rudp_filter_parse(&filter, text, error, &at)) {
		(void)rudp_filter_match(&filter, &info);
		rudp_addr_parse(&info.remote, "[::1]:80");
		(void)rudp_filter_match(&filter, &info);
	} else {
		assert(error[0] && at <= strlen(text));
	}
	return 0;
}
