/* SPDX-License-Identifier: MIT */
#include "api/control.h"

#define TEXT(name, text) text,

const char *rudp_transport_text(enum rudp_transport transport)
{
	static const char *const texts[] = {RUDP_TRANSPORTS(TEXT)};

	return (unsigned)transport < sizeof texts / sizeof texts[0] ? texts[transport] : "?";
}

const char *rudp_key_state_text(enum rudp_key_state state)
{
	static const char *const texts[] = {RUDP_KEY_STATES(TEXT)};

	return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "?";
}

const char *rudp_reason_text(enum rudp_reason reason)
{
	static const char *const texts[] = {RUDP_REASONS(TEXT)};

	return (unsigned)reason < sizeof texts / sizeof texts[0] ? texts[reason] : "?";
}
