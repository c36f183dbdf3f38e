/* SPDX-License-Identifier: MIT */
#include "proto/wire/verdict.h"

#include <assert.h>

const char *rudp_verdict_name(enum rudp_verdict verdict)
{
#define VERDICT_TEXT(name, why) #name,
	static const char *const names[] = {RUDP_VERDICTS(VERDICT_TEXT)};
#undef VERDICT_TEXT

	assert((unsigned)verdict < RUDP_VERDICT_COUNT);
	return names[verdict];
}

const char *rudp_verdict_reason(enum rudp_verdict verdict)
{
#define VERDICT_TEXT(name, why) why,
	static const char *const reasons[] = {RUDP_VERDICTS(VERDICT_TEXT)};
#undef VERDICT_TEXT

	assert((unsigned)verdict < RUDP_VERDICT_COUNT);
	return reasons[verdict];
}
