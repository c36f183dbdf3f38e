/* SPDX-License-Identifier: MIT */
#include "conversation/irc/message_record.h"

#include <string.h>

#define STRINGS 5

static void strings_of(struct apo_said *said, const char **strings[STRINGS])
{
	strings[0] = &said->source;
	strings[1] = &said->target;
	strings[2] = &said->text;
	strings[3] = &said->account;
	strings[4] = &said->tags;
}

size_t apo_said_size(struct apo_said *said)
{
	const char **strings[STRINGS];
	size_t size = sizeof *said;
	unsigned i;

	strings_of(said, strings);
	for (i = 0; i < STRINGS; i++)
		size += *strings[i] ? strlen(*strings[i]) + 1 : 0;
	return size;
}

char *apo_said_copy(struct apo_said *to, const struct apo_said *from, char *at)
{
	const char **strings[STRINGS], *text;
	unsigned i;

	*to = *from;
	to->channel = to->between[0] = to->between[1] = NULL;
	strings_of(to, strings);
	for (i = 0; i < STRINGS; i++)
		if ((text = *strings[i])) {
			*strings[i] = at;
			at = stpcpy(at, text) + 1;
		}
	return at;
}
