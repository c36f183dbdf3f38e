/* SPDX-License-Identifier: MIT */
/* Variables that nothing reads, and what they may be meant to be. */
#include <stdio.h>
#include <string.h>

#include "api/environment.h"
#include "engine/config/settings.h"

#define PREFIX_LEN 5 /* of RUDP_ */
#define NAME_LEN_MAX 32
#define DISTANCE_MAX 3
#define OF_TESTS "RUDP_TEST_" /* of this project's own */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many characters have to be put in, left out or changed (Levenshtein). b_len: NAME_LEN_MAX at
 * most. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[NAME_LEN_MAX + 1];

	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 0; i < a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b_len; j++) {
			unsigned changed = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = least(changed, least(diagonal, row[j]) + 1);
		}
	}
	return row[b_len];
}

/* The known name that comes nearest; NULL: none is near. RUDP_KEY is known only to be refused. */
static const char *nearest(const char *name, size_t len)
{
	const char *known, *found = NULL;
	unsigned best = least(DISTANCE_MAX, (unsigned)(len - PREFIX_LEN) / 2) + 1;

	for (size_t i = 0; len <= NAME_LEN_MAX && (known = rudp_settings_name(i)); i++) {
		unsigned now;

		if (strcmp(known, "RUDP_KEY") == 0)
			continue;
		now = distance(known, strlen(known), name, len);
		if (now < best) {
			best = now;
			found = known;
		}
	}
	return found;
}

static bool is_known(const char *name, size_t len)
{
	const char *known;

	if (strncmp(name, OF_TESTS, strlen(OF_TESTS)) == 0)
		return true;
	for (size_t i = 0; (known = rudp_settings_name(i)); i++)
		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return true;
	return false;
}

bool rudp_settings_unknown(char *const environment[], size_t *at,
			   char text[RUDP_SETTINGS_TEXT_SIZE])
{
	while (environment[*at]) {
		const char *variable = environment[(*at)++], *meant;
		size_t len = strcspn(variable, "=");

		if (!rudp_environment_is_setting(variable) || !variable[len + 1] ||
		    is_known(variable, len))
			continue;
		meant = nearest(variable, len);
		snprintf(text, RUDP_SETTINGS_TEXT_SIZE, "unknown variable %.*s%s%s%s",
			 (int)least((unsigned)len, 64), variable, meant ? "; did you mean " : "",
			 meant ? meant : "", meant ? "?" : "");
		return true;
	}
	return false;
}
