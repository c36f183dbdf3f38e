/* SPDX-License-Identifier: MIT */
/* Random joins, parts and messages, compared with a list of what each account has received: each
 * answer must contain exactly the lines of the list. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "server/history_file.h"

#define STEPS 1500
#define ACCOUNTS 3
#define SEATS 8 /* of all accounts; an account may be in a channel twice */
#define CHANNELS 2
/* One for each channel, and one for messages between accounts i and i + 1. */
#define BUFFERS (CHANNELS + ACCOUNTS)

static const char *const names[ACCOUNTS] = {"dan", "eve", "fay"};
static const char *const channels[CHANNELS] = {"#a", "#b"};

struct line {
	int64_t position, time_ms;
	unsigned buffer;
	bool is_heard[ACCOUNTS];
};

static struct history_file file;
static struct line lines[STEPS];
static unsigned line_count;
static struct {
	int64_t id; /* 0: not used */
	unsigned account, channel;
} seats[SEATS];
static int64_t last, time_ms;
static uint64_t state;

static unsigned dice(unsigned sides)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % sides;
}

static bool is_between(unsigned buffer, unsigned account)
{
	unsigned one = buffer - CHANNELS;

	return account == one || account == (one + 1) % ACCOUNTS;
}

static void say(void)
{
	unsigned buffer = dice(BUFFERS), i, one = buffer >= CHANNELS ? buffer - CHANNELS : 0;
	struct line *line = lines + line_count++;
	char text[32];
	struct apo_said said = {.position = ++last,
				.run = 1,
				.time_ms = time_ms += dice(3),
				.source = "x",
				.target = "y",
				.text = text,
				.channel = buffer < CHANNELS ? channels[buffer] : NULL,
				.between = {names[one], names[(one + 1) % ACCOUNTS]}};

	*line = (struct line){.position = last, .time_ms = time_ms, .buffer = buffer};
	snprintf(text, sizeof text, "%u", line_count);
	for (i = 0; i < SEATS && buffer < CHANNELS; i++)
		if (seats[i].id && seats[i].channel == buffer)
			line->is_heard[seats[i].account] = true;
	for (i = 0; i < ACCOUNTS && buffer >= CHANNELS; i++)
		line->is_heard[i] = is_between(buffer, i);
	cr_assert(eq(int, apo_history_add(file.history, &said), 0));
}

static void move(void)
{
	unsigned i = dice(SEATS);

	if (seats[i].id) {
		cr_assert(eq(int, apo_history_change(file.history, LEFT(seats[i].id, last)), 0));
		seats[i].id = 0;
		return;
	}
	seats[i].id = ++last;
	seats[i].account = dice(ACCOUNTS);
	seats[i].channel = dice(CHANNELS);
	cr_assert(eq(int,
		     apo_history_change(file.history, JOINED(last, names[seats[i].account], 0,
							     channels[seats[i].channel], last)),
		     0));
}

static struct apo_reference reference(void)
{
	struct apo_reference one = {.kind = APO_REFERENCE_TIME, .run = 1};

	if (dice(2)) {
		one.kind = APO_REFERENCE_MSGID;
		one.position = 1 + dice((unsigned)last + 2);
	} else {
		one.time_ms = dice((unsigned)time_ms + 3);
	}
	return one;
}

/* -1, 0, 1: the line is before, at, after the reference. */
static int side(const struct line *line, const struct apo_reference *one)
{
	int64_t there = one->kind == APO_REFERENCE_TIME ? one->time_ms : one->position;
	int64_t here = one->kind == APO_REFERENCE_TIME ? line->time_ms : line->position;

	return here < there ? -1 : here > there;
}

struct expected {
	int64_t positions[STEPS];
	unsigned count;
};

static bool is_meant(const struct line *line, const struct apo_question *question, bool is_back)
{
	switch (question->way) {
	case APO_HISTORY_LATEST:
		return question->first.kind == APO_REFERENCE_NONE ||
		       side(line, &question->first) > 0;
	case APO_HISTORY_AFTER:
		return side(line, &question->first) > 0;
	case APO_HISTORY_BEFORE:
		return side(line, &question->first) < 0;
	case APO_HISTORY_BETWEEN:
		return is_back ? side(line, &question->first) < 0 &&
					 side(line, &question->second) > 0
			       : side(line, &question->first) > 0 &&
					 side(line, &question->second) < 0;
	case APO_HISTORY_AROUND:
	case APO_HISTORY_TARGETS:
	case APO_HISTORY_REDACT:
	case APO_HISTORY_MAY_REDACT:
		break;
	}
	return true;
}

/* The references may be of both kinds: compares the lines that they precede. */
static bool is_backwards(const struct apo_question *question)
{
	unsigned i;

	for (i = 0; i < line_count; i++)
		if (side(lines + i, &question->first) < 0 &&
		    side(lines + i, &question->second) >= 0)
			return true;
	return false;
}

static void keep_last(struct expected *expected, unsigned count)
{
	if (expected->count <= count)
		return;
	memmove(expected->positions, expected->positions + expected->count - count,
		count * sizeof expected->positions[0]);
	expected->count = count;
}

static void expect_around(struct expected *expected, const struct apo_question *question,
			  const struct line *const *heard, unsigned count)
{
	unsigned i, behind = 0;

	for (i = 0; i < count && side(heard[i], &question->first) < 0; i++)
		expected->positions[expected->count++] = heard[i]->position;
	keep_last(expected, question->limit / 2);
	behind = question->limit - expected->count;
	for (; i < count && behind > 0; i++, behind--)
		expected->positions[expected->count++] = heard[i]->position;
}

static void expect(struct expected *expected, const struct apo_question *question, unsigned account,
		   unsigned buffer)
{
	bool is_back = question->way == APO_HISTORY_BETWEEN && is_backwards(question);
	const struct line *heard[STEPS];
	unsigned i, count = 0;

	for (i = 0; i < line_count; i++)
		if (lines[i].buffer == buffer && lines[i].is_heard[account])
			heard[count++] = lines + i;
	expected->count = 0;
	if (question->way == APO_HISTORY_AROUND) {
		expect_around(expected, question, heard, count);
		return;
	}
	for (i = 0; i < count; i++)
		if (is_meant(heard[i], question, is_back))
			expected->positions[expected->count++] = heard[i]->position;
	if (question->way == APO_HISTORY_LATEST || question->way == APO_HISTORY_BEFORE || is_back)
		keep_last(expected, question->limit);
	else if (expected->count > question->limit)
		expected->count = question->limit;
}

static void ask(uint64_t seed)
{
	static struct expected expected;
	unsigned account = dice(ACCOUNTS), buffer = dice(BUFFERS), i;
	struct apo_question question = {.way = (enum apo_history_way)dice(APO_HISTORY_TARGETS),
					.account = names[account],
					.is_member = true,
					.limit = 1 + dice(12)};
	struct apo_page *page = apo_page_new();

	if (buffer < CHANNELS)
		question.channel = channels[buffer];
	else
		question.other =
			names[(buffer - CHANNELS + (account == buffer - CHANNELS)) % ACCOUNTS];
	if (buffer >= CHANNELS && !is_between(buffer, account))
		account = buffer - CHANNELS, question.account = names[account],
		question.other = names[(account + 1) % ACCOUNTS];
	if (question.way != APO_HISTORY_LATEST || dice(2))
		question.first = reference();
	if (question.way == APO_HISTORY_BETWEEN)
		question.second = reference();
	expect(&expected, &question, account, buffer);
	cr_assert(eq(int, apo_history_ask(file.history, &question, page), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, expected.count), "seed %lu, way %d", (unsigned long)seed,
		  (int)question.way);
	for (i = 0; i < page->count; i++)
		cr_assert(eq(i64, page->said[i]->position, expected.positions[i]),
			  "seed %lu, way %d", (unsigned long)seed, (int)question.way);
	apo_page_free(page);
}

static void step(uint64_t seed)
{
	unsigned what = dice(10);

	if (what < 4)
		say();
	else if (what < 6)
		move();
	else
		ask(seed);
	if (dice(20))
		return;
	cr_assert(eq(int, apo_history_commit(file.history), 0));
	cr_assert(eq(int, apo_history_begin(file.history), 0));
}

Test(history_model, nobody_sees_messages_from_absences, .timeout = 600)
{
	uint64_t seed;
	unsigned i;

	for (seed = 1; seed <= 12; seed++) {
		state = seed;
		line_count = 0;
		last = time_ms = 0;
		memset(seats, 0, sizeof seats);
		history_file_make(&file);
		cr_assert(eq(int, apo_history_begin(file.history), 0));
		for (i = 0; i < STEPS; i++)
			step(seed);
		history_file_remove(&file);
	}
}
