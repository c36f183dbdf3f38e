/* SPDX-License-Identifier: MIT */
#include "conversation/model/flood.h"

#include <stdbool.h>
#include <string.h>

#include "base/time.h"
#include "conversation/model/commands.h"

#define UNKNOWN_PENALTY_MS 500
#define EMPTY_PENALTY_MS 20 /* without it, a flood of them delays the clients of the same worker */
#define BYTES_PER_MS 2      /* a line of 500 bytes costs 250 ms more */
#define NAME_BYTES_MAX 16
/* A line of a batch: BATCH has a penalty of its own, and the batch its limits (multiline.h). */
#define BATCHED_PENALTY_MS 100

/* Finds the name of the command after tags and source. "" if there is none, or if it is too long
 * for a command. */
static void find_command(const char *line, size_t len, char name[NAME_BYTES_MAX + 1])
{
	const char *end = line + len, *word = line;
	size_t word_len = 0;

	for (;;) {
		while (word < end && *word == ' ')
			word++;
		for (word_len = 0; word + word_len < end && word[word_len] != ' '; word_len++)
			;
		if (word_len == 0 || (*word != '@' && *word != ':'))
			break;
		word += word_len;
	}
	if (word_len > NAME_BYTES_MAX)
		word_len = 0;
	memcpy(name, word, word_len);
	name[word_len] = '\0';
}

/* Returns whether the line has the tag batch. The model delivers no such line by itself. */
static bool is_batched(const char *line, size_t len)
{
	static const char tag[] = "batch=";
	const char *at = line, *end = line + len;

	if (len == 0 || *line != '@')
		return false;
	while (at < end && *at != ' ') {
		at++;
		if ((size_t)(end - at) >= sizeof tag - 1 && memcmp(at, tag, sizeof tag - 1) == 0)
			return true;
		while (at < end && *at != ' ' && *at != ';')
			at++;
	}
	return false;
}

uint32_t apo_flood_penalty_ms(const char *line, size_t len)
{
	char name[NAME_BYTES_MAX + 1];
	const struct apo_command *row;

	if (len == 0)
		return EMPTY_PENALTY_MS;
	if (is_batched(line, len))
		return BATCHED_PENALTY_MS + (uint32_t)len / BYTES_PER_MS;
	find_command(line, len, name);
	row = apo_command_find(name);
	return (row ? row->penalty_ms : UNKNOWN_PENALTY_MS) + (uint32_t)len / BYTES_PER_MS;
}

int64_t apo_flood_ready_at_ns(const struct apo_flood *flood, uint32_t burst_ms)
{
	return flood->paid_until_at_ns - burst_ms * RUDP_NS_PER_MS;
}

void apo_flood_pay(struct apo_flood *flood, uint32_t penalty_ms, int64_t now_at_ns)
{
	flood->paid_until_at_ns =
		rudp_time_max(flood->paid_until_at_ns, now_at_ns) + penalty_ms * RUDP_NS_PER_MS;
}
