/* SPDX-License-Identifier: MIT */
/* REDACT: who is asked for what, and who is told. The store is a mock (told.h). */
#include <stdio.h>
#include <string.h>

#include "conversation/told.h"

#define CAPS "draft/message-redaction message-tags"

static struct fixture w;

static void begin(void)
{
	told_init(&w);
	fixture_add_root(&w);
	fixture_start(&w);
	fixture_join(&w, 0, "eve", CAPS);
	told_log_in(&w, 1, "dan", CAPS " labeled-response batch");
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 0, "JOIN #Room");
	fixture_say(&w, 1, "JOIN #Room");
	fixture_say(&w, 2, "JOIN #Room");
	fixture_forget(&w);
	told_at = told_count;
}

TestSuite(redact, .init = begin, .fini = fixture_fini);

static void answer(enum apo_asked asked)
{
	told_at = told_count;
	apo_model_on_history(w.model, told_ticket, asked, NULL, w.now_ns);
}

Test(redact, those_who_can_are_told_when_the_message_is_gone)
{
	fixture_say(&w, 1, "@label=7 REDACT #room abc-5 :oh no");
	QUIET(&w, 1);
	QUIET(&w, 0);
	TOLD("way 6 dan #room - since 2 in: abc-5 * 0");
	answer(APO_ASKED_DONE);
	HEARS(&w, 1, "@label=7;msgid=abc-4 :dan!~dan@host1.example REDACT #Room abc-5 :oh no");
	HEARS(&w, 0, "@msgid=abc-4 :dan!~dan@host1.example REDACT #Room abc-5 :oh no");
	QUIET(&w, 2);
	QUIET(&w, 1);
}

Test(redact, a_reason_is_not_needed)
{
	fixture_say(&w, 1, "REDACT #room abc-5");
	answer(APO_ASKED_DONE);
	HEARS(&w, 0, "@msgid=abc-4 :dan!~dan@host1.example REDACT #Room abc-5");
}

Test(redact, who_may_not_speak_gives_no_reason)
{
	fixture_say(&w, 0, "MODE #room +b m:dan");
	fixture_forget(&w);
	fixture_say(&w, 1, "REDACT #room abc-5 :shouting");
	answer(APO_ASKED_DONE);
	HEARS(&w, 0, "@msgid=abc-4 :dan!~dan@host1.example REDACT #Room abc-5");
}

Test(redact, refusals_are_explained)
{
	fixture_say(&w, 1, "REDACT #room abc-5");
	answer(APO_ASKED_FORBIDDEN);
	HEARS(&w, 1,
	      ":irc.example FAIL REDACT REDACT_FORBIDDEN #Room abc-5 :You are not authorised to "
	      "redact this message");
	fixture_say(&w, 1, "REDACT #room abc-5");
	answer(APO_ASKED_NO_MESSAGE);
	HEARS(&w, 1,
	      ":irc.example FAIL REDACT UNKNOWN_MSGID #Room abc-5 :This message does not exist, or "
	      "is too old");
	fixture_say(&w, 1, "REDACT #room abc-5");
	answer(APO_ASKED_FAILED);
	HEARS(&w, 1,
	      ":irc.example FAIL REDACT INTERNAL_ERROR #Room abc-5 :The message could not be "
	      "removed");
	QUIET(&w, 0);
}

Test(redact, what_cannot_be_a_message_is_not_asked_for)
{
	ANSWERS(&w, 1, "REDACT #room nonsense",
		":irc.example FAIL REDACT UNKNOWN_MSGID #room nonsense :This message does not "
		"exist, or is too old");
	ANSWERS(&w, 1, "REDACT #none abc-5",
		":irc.example FAIL REDACT INVALID_TARGET #none :You cannot redact messages there");
	ANSWERS(&w, 1, "REDACT nobody* abc-5",
		":irc.example FAIL REDACT INVALID_TARGET nobody* :You cannot redact messages "
		"there");
	fixture_say(&w, 1, "PART #room");
	fixture_forget(&w);
	ANSWERS(&w, 1, "REDACT #room abc-5",
		":irc.example FAIL REDACT INVALID_TARGET #room :You cannot redact messages there");
	ANSWERS(&w, 0, "REDACT dan abc-5",
		":irc.example FAIL REDACT UNKNOWN_MSGID dan abc-5 :This message does not exist, or "
		"is too old");
	ANSWERS(&w, 1, "REDACT #room", ":irc.example 461 dan REDACT :Not enough parameters");
	ANSWERS(&w, 2, "REDACT #room abc-5", ":irc.example 421 fay REDACT :Unknown command");
}

Test(redact, private_messages_are_redacted_between_accounts)
{
	told_log_in(&w, 3, "gus", CAPS);
	told_at = told_count;
	fixture_say(&w, 1, "REDACT Gus abc-5 :oh");
	TOLD("way 6 dan - gus since 0: abc-5 * 0");
	answer(APO_ASKED_DONE);
	HEARS_LIKE(&w, 1, "@msgid=abc-4 :dan!~dan@host1.example REDACT gus abc-5 :oh");
	HEARS_LIKE(&w, 3, "@msgid=abc-4 :dan!~dan@host1.example REDACT gus abc-5 :oh");
	QUIET(&w, 0);
}

/* The nick has another user by the time of the answer. */
Test(redact, a_stranger_is_not_told_of_a_private_message)
{
	told_log_in(&w, 3, "gus", CAPS);
	fixture_say(&w, 3, "NICK other");
	fixture_say(&w, 1, "REDACT other abc-5 :oh");
	fixture_say(&w, 3, "NICK gus");
	fixture_say(&w, 0, "NICK other");
	fixture_forget(&w);
	answer(APO_ASKED_DONE);
	HEARS_LIKE(&w, 1, "* REDACT other abc-5 :oh");
	QUIET(&w, 0);
	QUIET(&w, 3);
}

Test(redact, an_operator_of_the_server_needs_not_be_there)
{
	fixture_join(&w, 4, "op", CAPS);
	fixture_say(&w, 4, "OPER root x");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
	fixture_say(&w, 4, "REDACT #room abc-5 :spam");
	answer(APO_ASKED_DONE);
	HEARS_LIKE(&w, 4, "* :op!~op@host4.example REDACT #Room abc-5 :spam");
	HEARS_LIKE(&w, 0, "* :op!~op@host4.example REDACT #Room abc-5 :spam");
	cr_assert(ne(ptr, strstr(w.logged, "abc-5 in #Room by op"), NULL), "%s", w.logged);
}

Test(redact, there_is_none_without_history)
{
	w.config.has_history = false;
	ANSWERS(&w, 2, "CAP REQ draft/message-redaction",
		":irc.example CAP fay NAK :draft/message-redaction");
}

/* Those of another channel that had the name before are not its operators' business. */
Test(redact, operators_oversee_what_came_since_the_channel_has_its_name)
{
	const int64_t founded_ms = 1700000000000;

	fixture_say(&w, 0, "REDACT #room abc-5");
	cr_assert(eq(i64, told_oversees_ms, founded_ms));
	answer(APO_ASKED_NO_MESSAGE);
	fixture_wait(&w, 61 * RUDP_NS_PER_S);
	fixture_say(&w, 0, "RENAME #room #ROOM");
	fixture_say(&w, 0, "REDACT #room abc-5");
	cr_assert(eq(i64, told_oversees_ms, founded_ms));
	answer(APO_ASKED_NO_MESSAGE);
	fixture_wait(&w, 61 * RUDP_NS_PER_S);
	fixture_say(&w, 0, "RENAME #room #Hall");
	fixture_say(&w, 0, "REDACT #hall abc-5");
	cr_assert(eq(i64, told_oversees_ms, founded_ms + 2 * 61 * 1000));
}
