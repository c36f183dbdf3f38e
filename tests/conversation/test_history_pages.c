/* SPDX-License-Identifier: MIT */
/* Long answers of history in slices, to a client that reads slowly and asks again and again. Slices
 * have a few lines here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/told.h"

#define MESSAGES 40

static struct fixture w;
static struct apo_said said[MESSAGES];
static char texts[MESSAGES][16];
static struct apo_page page;

static void begin(void)
{
	unsigned i;

	told_init(&w);
	w.slice_bytes = 600;
	w.is_stepwise = true;
	fixture_start(&w);
	page.count = MESSAGES;
	for (i = 0; i < MESSAGES; i++) {
		snprintf(texts[i], sizeof texts[i], "said %02u.", i);
		said[i] = (struct apo_said){.position = i + 1,
					    .run = 1,
					    .time_ms = INT64_C(1600000000000) + i,
					    .source = "eve!~eve@host",
					    .target = "#a",
					    .text = texts[i],
					    .account = "eve",
					    .tags = "+x=y"};
		page.said[i] = said + i;
	}
	told_log_in(&w, 1, "dan", TOLD_CAPS);
	fixture_say(&w, 1, "JOIN #a");
	fixture_step_all(&w);
	fixture_forget(&w);
}

TestSuite(history_pages, .init = begin, .fini = fixture_fini);

/* Returns the ticket. */
static uint64_t ask(const char *label)
{
	told_count = told_at = 0;
	fixture_say(&w, 1, "%sCHATHISTORY LATEST #a * 100", label);
	cr_assert(eq(uint, told_count, 1));
	return told_ticket;
}

/* The owner gets the page back, and may change it, when the call returns. */
static void answer(uint64_t ticket, enum apo_asked asked)
{
	struct apo_page *theirs = malloc(sizeof *theirs);

	cr_assert(ne(ptr, theirs, NULL));
	*theirs = page;
	apo_model_on_history(w.model, ticket, asked, asked == APO_ASKED_DONE ? theirs : NULL,
			     w.now_ns);
	free(theirs);
	cr_assert(apo_model_check(w.model));
}

/* How many messages of the page follow from the first on, all in the batch. */
static unsigned look(unsigned first, unsigned batch)
{
	const struct mock *mock = w.mocks + 1;
	char tag[20], expected[160];
	unsigned i;
	char *line;

	snprintf(tag, sizeof tag, "@batch=%u;", batch);
	for (i = first;
	     mock->at < mock->len && strncmp(mock->out + mock->at, tag, strlen(tag)) == 0; i++) {
		line = fixture_next(&w, 1);
		snprintf(expected, sizeof expected,
			 "%stime=*;account=eve;msgid=1-%x;+x=y :eve!~eve@host PRIVMSG #a :said "
			 "%02u.",
			 tag, i + 1, i);
		cr_assert(fixture_is_like(expected, line), "%s instead of %s", line, expected);
	}
	return i - first;
}

Test(history_pages, the_next_slice_is_sent_when_the_last_was_read)
{
	unsigned seen, slices = 1;

	w.mocks[1].is_slow = true;
	answer(ask(""), APO_ASKED_DONE);
	HEARS_LIKE(&w, 1, "* BATCH +1 chathistory #a");
	seen = look(0, 1);
	cr_assert(le(uint, seen, 8));
	for (fixture_step_all(&w); (seen += look(seen, 1)) < MESSAGES; slices++) {
		cr_assert(le(uint, seen, 16 * slices));
		QUIET(&w, 1);
		cr_assert(w.mocks[1].is_held);
		fixture_read(&w, 1);
		fixture_step_all(&w);
	}
	cr_assert(ge(uint, slices, 3));
	HEARS_LIKE(&w, 1, "* BATCH -1");
	QUIET(&w, 1);
	fixture_read(&w, 1);
	fixture_step_all(&w);
	cr_assert(not(w.mocks[1].is_held));
}

Test(history_pages, messages_of_others_come_between_slices)
{
	unsigned seen;

	fixture_join(&w, 0, "fay", NULL);
	fixture_say(&w, 0, "JOIN #a");
	fixture_step_all(&w);
	fixture_forget(&w);
	answer(ask(""), APO_ASKED_DONE);
	HEARS_LIKE(&w, 1, "* BATCH +1 chathistory #a");
	seen = look(0, 1);
	fixture_say(&w, 0, "PRIVMSG #a :now");
	HEARS_LIKE(&w, 1, "@time=2023*;msgid=* :fay!* PRIVMSG #a :now");
	cr_assert(fixture_step(&w));
	for (; seen < MESSAGES; seen += look(seen, 1))
		(void)fixture_step(&w);
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, "* BATCH -1");
	cr_assert(not(w.mocks[1].is_held));
}

/* Whatever the client asks, at most one answer waits for it to read. */
Test(history_pages, requests_of_a_client_that_does_not_read_wait)
{
	uint64_t ticket;
	unsigned i, seen;

	w.mocks[1].is_slow = true;
	ticket = ask("");
	for (i = 0; i < 50; i++)
		fixture_say(&w, 1, "CHATHISTORY LATEST #a * 100");
	answer(ticket, APO_ASKED_DONE);
	fixture_step_all(&w);
	cr_assert(eq(uint, told_count, 1), "it is asked on while nothing is read");
	HEARS_LIKE(&w, 1, "* BATCH +1 chathistory #a");
	seen = look(0, 1);
	cr_assert(le(uint, seen, 8));
	QUIET(&w, 1);
	w.mocks[1].is_slow = false;
	fixture_read(&w, 1);
	fixture_step_all(&w);
	cr_assert(eq(uint, told_count, 2));
	cr_assert(w.mocks[1].is_held);
	cr_assert(apo_model_check(w.model));
}

/* Each answer keeps its label, and answers come in the order of the questions. */
Test(history_pages, an_answer_waits_behind_the_one_before)
{
	uint64_t first = ask("@label=a ");
	char *line;

	fixture_say(&w, 1, "@label=b CHATHISTORY LATEST #a * 100");
	answer(first, APO_ASKED_DONE);
	answer(first, APO_ASKED_DONE); /* no request has that ticket now */
	HEARS_LIKE(&w, 1, "@label=a;time=* BATCH +1 chathistory #a");
	cr_assert(lt(uint, look(0, 1), MESSAGES));
	QUIET(&w, 1);
	fixture_step_all(&w);
	cr_assert(eq(uint, told_count, 2));
	while ((line = fixture_next(&w, 1)) && strncmp(line, "@batch=1;", 9) == 0)
		;
	cr_assert(ne(ptr, line, NULL));
	cr_assert(fixture_is_like("@time=* BATCH -1", line), "%s", line);
	QUIET(&w, 1);
	answer(told_ticket, APO_ASKED_NO_TARGET);
	HEARS_LIKE(&w, 1, "@label=b;time=* FAIL CHATHISTORY INVALID_TARGET LATEST #a :*");
	QUIET(&w, 1);
	cr_assert(not(w.mocks[1].is_held));
}

/* A question to the model comes after the answer of history; both answers are long. */
Test(history_pages, two_long_answers_of_different_kinds_are_apart)
{
	unsigned i, names = 0, lines = 0;
	uint64_t ticket;
	char *line;

	for (i = 2; i < 42; i++) {
		char nick[16];

		snprintf(nick, sizeof nick, "m%02u", i);
		fixture_join(&w, i, nick, NULL);
		fixture_say(&w, i, "JOIN #a");
		fixture_step_all(&w);
	}
	fixture_forget(&w);
	ticket = ask("@label=a ");
	fixture_say(&w, 1, "@label=b WHO #a");
	answer(ticket, APO_ASKED_DONE);
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, "@label=a;time=* BATCH +1 chathistory #a");
	while ((line = fixture_next(&w, 1)) && strncmp(line, "@batch=1;", 9) == 0)
		lines++;
	cr_assert(eq(uint, lines, MESSAGES));
	cr_assert(fixture_is_like("@time=* BATCH -1", line), "%s", line);
	/* It begins only after the last slice of the first. */
	HEARS_LIKE(&w, 1, "@label=b;time=* BATCH +2 labeled-response");
	while ((line = fixture_next(&w, 1)) && strncmp(line, "@batch=2;", 9) == 0)
		names += strstr(line, " 352 ") != NULL;
	cr_assert(eq(uint, names, 41));
	cr_assert(fixture_is_like("@time=* BATCH -2", line), "%s", line);
	QUIET(&w, 1);
}

Test(history_pages, a_client_may_leave_between_slices)
{
	answer(ask(""), APO_ASKED_DONE);
	cr_assert(fixture_step(&w));
	fixture_close(&w, 1, "gone");
	fixture_step_all(&w);
	cr_assert(apo_model_check(w.model));
}

/* A hand-over waits for no client: the rest of an answer is left out, and the client is told so. */
Test(history_pages, before_a_hand_over_the_rest_is_left_out)
{
	unsigned lines = 0;
	char *line;

	w.mocks[1].is_slow = true;
	answer(ask(""), APO_ASKED_DONE);
	apo_model_hurry(w.model, 2000);
	fixture_step_all(&w);
	cr_assert(apo_model_is_settled(w.model));
	HEARS_LIKE(&w, 1, "* BATCH +1 chathistory #a");
	while ((line = fixture_next(&w, 1)) && strstr(line, " PRIVMSG "))
		lines++;
	cr_assert(lt(uint, lines, MESSAGES));
	cr_assert(fixture_is_like("@batch=1;* NOTICE dan :The rest of this answer is left out*",
				  line),
		  "%s", line);
	HEARS_LIKE(&w, 1, "* BATCH -1");
	QUIET(&w, 1);
}
