/* SPDX-License-Identifier: MIT */
/*
 * Long answers in slices: members join, leave and change their nicks between two slices, the client
 * reads slowly or sends further lines. Slices have a few lines here.
 */
#include <stdio.h>
#include <string.h>

#include "conversation/model_fixture.h"

#define ASKER 0
#define MEMBERS 30 /* 1 .. MEMBERS */
#define LABELED "batch labeled-response"

static struct fixture w;

static void set_up(void)
{
	fixture_init(&w);
	w.slice_bytes = 300;
}

static void tear_down(void)
{
	fixture_fini();
}

TestSuite(answers, .init = set_up, .fini = tear_down);

static void gather(const char *caps)
{
	char nick[16];
	unsigned i;

	fixture_start(&w);
	fixture_join(&w, ASKER, "asker", caps);
	for (i = 1; i <= MEMBERS; i++) {
		snprintf(nick, sizeof nick, "m%02u", i);
		fixture_join(&w, i, nick, NULL);
		fixture_say(&w, i, "JOIN #all");
	}
	fixture_forget(&w);
	w.is_stepwise = true;
}

/* How often each member was mentioned; how many lines contain the end mark. */
struct told {
	unsigned count[MEMBERS + 1];
	unsigned lines, ends;
};

static void look(struct told *told, const char *end)
{
	unsigned i;
	char *line, nick[8];

	while ((line = fixture_next(&w, ASKER))) {
		cr_assert(eq(uint, told->ends, 0), "behind the end: %s", line);
		told->lines++;
		told->ends += strstr(line, end) != NULL;
		for (i = 1; i <= MEMBERS; i++) {
			snprintf(nick, sizeof nick, "m%02u", i);
			told->count[i] += strstr(line, nick) != NULL;
		}
	}
	cr_assert(apo_model_check(w.model));
}

static void look_to_the_end(struct told *told, const char *end)
{
	do
		look(told, end);
	while (fixture_step(&w));
	cr_assert(eq(uint, told->ends, 1));
	cr_assert(not(w.mocks[ASKER].is_held));
}

Test(answers, an_answer_comes_in_slices_with_its_end_last)
{
	struct told told = {0};
	unsigned i, slices = 0;

	gather(NULL);
	fixture_say(&w, ASKER, "WHO #all");
	cr_assert(w.mocks[ASKER].is_held);
	do {
		told.lines = 0;
		look(&told, " 315 ");
		cr_assert(le(uint, told.lines, 8));
		slices++;
	} while (fixture_step(&w));
	for (i = 1; i <= MEMBERS; i++)
		cr_assert(eq(uint, told.count[i], 1), "%u", i);
	cr_assert(eq(uint, told.ends, 1));
	cr_assert(ge(uint, slices, 5));
	cr_assert(not(w.mocks[ASKER].is_held));
}

Test(answers, a_slice_waits_for_room_in_the_send_queue)
{
	struct told told = {0};
	unsigned lines;

	gather(NULL);
	w.mocks[ASKER].is_slow = true;
	fixture_say(&w, ASKER, "WHO #all");
	fixture_step_all(&w);
	look(&told, " 315 ");
	cr_assert(w.mocks[ASKER].is_room_wanted);
	lines = told.lines;
	cr_assert(le(uint, lines, 12));
	fixture_step_all(&w);
	QUIET(&w, ASKER);
	fixture_read(&w, ASKER);
	fixture_step_all(&w);
	look(&told, " 315 ");
	cr_assert(lt(uint, lines, told.lines));
	cr_assert(le(uint, told.lines, 2 * lines + 2));
	w.mocks[ASKER].is_slow = false;
	look_to_the_end(&told, " 315 ");
}

/* Although it sends nothing. */
Test(answers, a_slow_reader_does_not_time_out)
{
	unsigned waits = 0;

	gather(NULL);
	w.mocks[ASKER].is_slow = true;
	for (fixture_say(&w, ASKER, "WHO #all"); w.mocks[ASKER].is_held; waits++) {
		fixture_wait(&w, 100 * RUDP_NS_PER_S);
		fixture_read(&w, ASKER);
		fixture_step_all(&w);
		cr_assert(not(w.mocks[ASKER].is_closed));
		fixture_forget(&w);
	}
	cr_assert(ge(uint, waits, 2));
	fixture_wait(&w, 400 * RUDP_NS_PER_S);
	cr_assert(w.mocks[ASKER].is_closed);
	cr_assert(fixture_is_like("ERROR :* (Ping timeout*", w.mocks[ASKER].last_words));
}

Test(answers, later_lines_are_answered_after_it_in_order)
{
	struct told told = {0};
	char *line = NULL;

	gather(NULL);
	fixture_say(&w, ASKER, "WHO #all");
	fixture_say(&w, ASKER, "PING one");
	fixture_say(&w, ASKER, "NAMES #all");
	fixture_say(&w, ASKER, "PING two");
	fixture_say(&w, 1, "PRIVMSG asker :others are not held up");
	while (!told.ends) {
		line = fixture_next(&w, ASKER);
		if (line)
			told.ends += strstr(line, " 315 ") != NULL;
		else
			cr_assert(fixture_step(&w));
	}
	fixture_step_all(&w);
	HEARS(&w, ASKER, ":irc.example PONG irc.example :one");
	while ((line = fixture_next(&w, ASKER)) && strstr(line, " 353 "))
		;
	cr_assert(ne(ptr, line, NULL));
	cr_assert(ne(ptr, strstr(line, " 366 asker #all "), NULL));
	HEARS(&w, ASKER, ":irc.example PONG irc.example :two");
	QUIET(&w, ASKER);
	cr_assert(not(w.mocks[ASKER].is_held));
}

Test(answers, answers_of_many_clients_take_turns)
{
	unsigned i, heard = 0;

	gather(NULL);
	for (i = 1; i <= 10; i++)
		fixture_say(&w, i, "WHO #all");
	fixture_forget(&w);
	for (i = 0; i < 10; i++)
		cr_assert(fixture_step(&w));
	for (i = 1; i <= 10; i++)
		heard += fixture_next(&w, i) != NULL;
	cr_assert(eq(uint, heard, 10));
	fixture_step_all(&w);
}

static void depart(unsigned i, unsigned how)
{
	if (how % 3 == 0)
		fixture_say(&w, i, "PART #all");
	else if (how % 3 == 1)
		fixture_close(&w, i, "gone");
	else
		fixture_say(&w, i, "NICK other%u", i);
}

/* Members who stay are listed once, under any nick; members who leave at most once. */
Test(answers, members_leave_and_change_nicks_between_slices)
{
	static const char *const asks[] = {"WHO #all", "NAMES #all", "WHO m*"};
	static const char *const ends[] = {" 315 ", " 366 ", " 315 "};
	unsigned i, round, slice;
	struct told told;
	char nick[16];

	gather(NULL);
	for (round = 0; round < 30; round++) {
		memset(&told, 0, sizeof told);
		fixture_say(&w, ASKER, "%s", asks[round % 3]);
		for (slice = 0; slice < 4; slice++) {
			look(&told, ends[round % 3]);
			depart(1 + (round * 7 + slice * 11) % MEMBERS, slice);
			(void)fixture_step(&w);
		}
		look_to_the_end(&told, ends[round % 3]);
		for (i = 1; i <= MEMBERS; i++) {
			bool has_changed = false;

			for (slice = 0; slice < 4; slice++)
				has_changed |= i == 1 + (round * 7 + slice * 11) % MEMBERS;
			cr_assert(le(uint, told.count[i], 1), "round %u: %u", round, i);
			if (!has_changed)
				cr_assert(eq(uint, told.count[i], 1), "round %u: %u", round, i);
		}
		for (i = 1; i <= MEMBERS; i++) {
			snprintf(nick, sizeof nick, "m%02u", i);
			if (!w.mocks[i].is_connected)
				fixture_join(&w, i, nick, NULL);
			fixture_say(&w, i, "NICK %s", nick);
			fixture_say(&w, i, "JOIN #all");
			fixture_step_all(&w);
		}
		fixture_forget(&w);
	}
}

Test(answers, the_channel_ends_and_is_created_again_between_slices)
{
	struct told told = {0};
	unsigned i;

	gather(NULL);
	fixture_say(&w, ASKER, "WHO #all");
	fixture_say(&w, ASKER, "NAMES #all");
	for (i = 1; i <= MEMBERS; i++)
		fixture_say(&w, i, "PART #all");
	fixture_say(&w, 1, "JOIN #all");
	look_to_the_end(&told, " 366 ");
	cr_assert(eq(uint, told.count[MEMBERS], 0));
}

Test(answers, a_client_may_leave_between_slices)
{
	gather(NULL);
	fixture_say(&w, ASKER, "WHO #all");
	fixture_say(&w, ASKER, "LIST");
	cr_assert(fixture_step(&w));
	fixture_close(&w, ASKER, "gone");
	fixture_step_all(&w);
	cr_assert(apo_model_check(w.model));
	cr_assert(apo_model_is_settled(w.model));
}

Test(answers, a_client_kicked_from_a_secret_channel_gets_no_more)
{
	struct told told = {0};

	gather(NULL);
	w.is_stepwise = false;
	fixture_say(&w, 1, "MODE #all +s");
	fixture_say(&w, ASKER, "JOIN #all");
	fixture_forget(&w);
	w.is_stepwise = true;
	fixture_say(&w, ASKER, "WHO #all");
	fixture_say(&w, 1, "KICK #all asker :out");
	look_to_the_end(&told, " 315 ");
	cr_assert(eq(uint, told.count[MEMBERS], 0));
}

Test(answers, a_labeled_answer_is_one_batch)
{
	unsigned lines = 0;
	char *line;

	gather(LABELED);
	fixture_say(&w, ASKER, "@label=x WHO #all");
	fixture_say(&w, 1, "PRIVMSG asker :not of the batch");
	fixture_say(&w, ASKER, "@label=y JOIN #all,#new");
	fixture_step_all(&w);
	HEARS(&w, ASKER, "@label=x :irc.example BATCH +1 labeled-response");
	while ((line = fixture_next(&w, ASKER)) && strcmp(line, ":irc.example BATCH -1") != 0) {
		if (strstr(line, "PRIVMSG"))
			cr_assert(fixture_is_like(":m01!*", line));
		else
			cr_assert(fixture_is_like("@batch=1 *", line), "%s", line);
		lines++;
	}
	cr_assert(ne(ptr, line, NULL));
	cr_assert(eq(uint, lines, MEMBERS + 2));
	HEARS(&w, ASKER, "@label=y :irc.example BATCH +2 labeled-response");
	while ((line = fixture_next(&w, ASKER)) && strcmp(line, ":irc.example BATCH -2") != 0)
		cr_assert(fixture_is_like("@batch=2 *", line), "%s", line);
	cr_assert(ne(ptr, line, NULL));
	QUIET(&w, ASKER);
}

Test(answers, lists_of_channels_and_masks_continue_while_they_change)
{
	unsigned i, told = 0, steps = 0;
	char *line = NULL;

	gather(NULL);
	w.is_stepwise = false;
	for (i = 0; i < 40; i++)
		fixture_say(&w, 1 + i % 10, "JOIN #c%u", i);
	for (i = 0; i < 40; i++)
		fixture_say(&w, 1, "MODE #all +b b%u!*@*", i);
	fixture_forget(&w);
	w.is_stepwise = true;
	fixture_say(&w, ASKER, "LIST #c*");
	fixture_say(&w, ASKER, "MODE #all b");
	for (i = 30; i < 40; i++) {
		fixture_say(&w, 1 + i % 10, "PART #c%u", i);
		fixture_say(&w, 1, "MODE #all -b b%u!*@*", i);
	}
	do {
		while ((line = fixture_next(&w, ASKER)))
			told += strstr(line, " 322 ") || strstr(line, " 367 ");
		steps++;
	} while (fixture_step(&w));
	cr_assert(eq(uint, told, 60));
	cr_assert(ge(uint, steps, 12));
}

/* A process that will be replaced does not wait for slow clients, and does not overfill their
 * queues. */
Test(answers, before_a_hand_over_answers_end_without_room)
{
	gather(NULL);
	w.mocks[ASKER].is_slow = true;
	fixture_say(&w, ASKER, "WHO #all");
	fixture_say(&w, ASKER, "PING end");
	fixture_step_all(&w);
	cr_assert(not(apo_model_is_settled(w.model)));
	apo_model_hurry(w.model, APO_HURRIED_BYTES_MAX);
	fixture_step_all(&w);
	cr_assert(apo_model_is_settled(w.model));
	w.mocks[ASKER].is_room_wanted = false;
	fixture_hand_over(&w);
}

Test(answers, waiting_lines_have_a_limit)
{
	char line[500];
	unsigned i;

	gather(NULL);
	w.mocks[ASKER].is_slow = true;
	fixture_say(&w, ASKER, "WHO #all");
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	for (i = 0; i < 20000 && !w.mocks[ASKER].is_closed; i++)
		fixture_say(&w, ASKER, "PING %s", line);
	cr_assert(lt(uint, i, 20000));
	cr_assert(fixture_is_like("ERROR :* (Excess Flood)", w.mocks[ASKER].last_words));
}
