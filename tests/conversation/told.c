/* SPDX-License-Identifier: MIT */
#include "conversation/told.h"

#include <inttypes.h>
#include <stdio.h>

char told[TOLD_MAX][160];
unsigned told_count, told_at;
uint64_t told_ticket;
int64_t told_oversees_ms;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	va_list args;

	cr_assert(lt(uint, told_count, TOLD_MAX));
	va_start(args, format);
	vsnprintf(told[told_count++], sizeof told[0], format, args);
	va_end(args);
}

static void keep(void *of, const struct apo_said *said)
{
	(void)of;
	tell("%" PRId64 " %s %s %s: %s", said->position, said->source,
	     said->is_notice ? "NOTICE" : "PRIVMSG", said->target, said->text);
	cr_assert(eq(u64, said->run, 0xabc));
	if (said->tags)
		tell("tags %s", said->tags);
	if (!said->channel)
		tell("between %s %s", said->between[0], said->between[1]);
}

static void keep_change(void *of, const struct apo_change *change)
{
	(void)of;
	if (change->kind == APO_CHANGE_JOINED)
		tell("%" PRId64 " %s in %s from %" PRId64, change->presence, change->account,
		     change->target, change->position);
	else if (change->kind == APO_CHANGE_LEFT)
		tell("%" PRId64 " until %" PRId64, change->presence, change->position);
}

static const char *text_of(const struct apo_reference *one)
{
	static char texts[2][64];
	static unsigned next;
	char *text = texts[next++ % 2];

	if (one->kind == APO_REFERENCE_TIME)
		snprintf(text, 64, "@%" PRId64, one->time_ms);
	else if (one->kind == APO_REFERENCE_MSGID)
		snprintf(text, 64, "%" PRIx64 "-%" PRIx64, one->run, (uint64_t)one->position);
	else
		snprintf(text, 64, "*");
	return text;
}

static void ask_history(void *of, uint64_t asked, const struct apo_question *question)
{
	(void)of;
	told_ticket = asked;
	told_oversees_ms = question->oversees_ms;
	tell("way %d %s %s %s since %" PRId64 "%s: %s %s %u", (int)question->way,
	     question->account ? question->account : "-",
	     question->channel ? question->channel : "-", question->other ? question->other : "-",
	     question->since, question->is_member ? " in" : "", text_of(&question->first),
	     text_of(&question->second), question->limit);
	if (question->public_from)
		tell("public from %" PRId64, question->public_from);
}

void told_init(struct fixture *fixture)
{
	told_count = told_at = 0;
	fixture_init(fixture);
	fixture->calls.keep = keep;
	fixture->calls.keep_change = keep_change;
	fixture->calls.ask_history = ask_history;
	fixture->config.has_history = true;
}

void told_log_in(struct fixture *fixture, unsigned i, const char *nick, const char *caps)
{
	char all[300];

	snprintf(all, sizeof all, "sasl %s", caps ? caps : "");
	cr_assert(eq(int, apo_model_on_account(fixture->model, nick, 0, fixture->now_ns), 0));
	fixture_connect(fixture, i);
	fixture_say(fixture, i, "CAP REQ :%s", all);
	fixture_say(fixture, i, "NICK %s", nick);
	fixture_say(fixture, i, "USER %s 0 * :%s", nick, nick);
	fixture_say(fixture, i, "AUTHENTICATE PLAIN");
	fixture_say(fixture, i, "AUTHENTICATE AGRhbgBwdw==");
	fixture_answer(fixture, APO_CHECKED_RIGHT, nick);
	fixture_say(fixture, i, "CAP END");
	fixture_forget(fixture);
}

void told_join_two(struct fixture *fixture)
{
	fixture_join(fixture, 0, "eve", NULL);
	fixture_say(fixture, 0, "JOIN #a");
	told_log_in(fixture, 1, "dan", NULL);
	fixture_say(fixture, 1, "JOIN #a");
	TOLD("2 dan in #a from 2");
}

void told_talk(struct fixture *fixture)
{
	fixture_say(fixture, 0, "PRIVMSG #a :text");
	cr_assert(lt(uint, told_at, told_count));
	told_at++;
}
