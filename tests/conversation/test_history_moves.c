/* SPDX-License-Identifier: MIT */
/* History after a hand-over to another process (state.h). */
#include <stdio.h>

#include "conversation/model/state.h"
#include "conversation/told.h"

static struct fixture w;

static void begin(void)
{
	told_init(&w);
	fixture_start(&w);
}

TestSuite(history_moves, .init = begin, .fini = fixture_fini);

Test(history_moves, presences_continue_in_another_process)
{
	told_join_two(&w);
	told_talk(&w);
	fixture_hand_over(&w);
	TOLD_NOTHING();
	told_talk(&w);
	fixture_say(&w, 1, "PART #a");
	TOLD("2 until 4");
	TOLD_NOTHING();
}

/* The account becomes absent in one process and comes back in the other. */
Test(history_moves, absences_continue_in_another_process)
{
	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	told_talk(&w);
	fixture_hand_over(&w);
	told_talk(&w);
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("5 dan in #a from 2");
	TOLD_NOTHING();
}

Test(history_moves, the_absence_of_a_key_continues_in_another_process)
{
	told_join_two(&w);
	w.mocks[2].fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	fixture_join(&w, 2, "fay", "draft/chathistory");
	fixture_say(&w, 2, "JOIN #a");
	fixture_close(&w, 2, "gone");
	fixture_hand_over(&w);
	told_talk(&w);
	fixture_join(&w, 2, "fay", "draft/chathistory");
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 2, "CHATHISTORY LATEST #a * 5");
	TOLD("way 4 - #a - since 3 in: * * 5");
}

Test(history_moves, an_absence_ends_at_its_time_in_another_process)
{
	told_join_two(&w);
	w.mocks[0].reports_end = true;
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	fixture_hand_over(&w);
	w.now_ns += w.config.absence_ns;
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("3 dan in #a from 3");
}

/* If the account was removed by another program meanwhile, its name may belong to someone else. */
Test(history_moves, absences_of_removed_accounts_are_not_handed_over)
{
	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	fixture_hand_over(&w);
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("3 dan in #a from 3");
}

Test(history_moves, without_an_account_history_of_both_processes_is_answered)
{
	told_join_two(&w);
	fixture_hand_over(&w);
	fixture_say(&w, 0, "CAP REQ :" TOLD_CAPS);
	fixture_say(&w, 0, "CHATHISTORY LATEST #a * 10");
	TOLD("way 4 - #a - since 1 in: * * 10");
}

Test(history_moves, a_pending_request_is_waited_for)
{
	told_join_two(&w);
	fixture_say(&w, 0, "CAP REQ :" TOLD_CAPS);
	fixture_say(&w, 0, "CHATHISTORY LATEST #a * 10");
	cr_assert(not(apo_model_is_settled(w.model)));
	apo_model_on_history(w.model, told_ticket, APO_ASKED_FAILED, NULL, w.now_ns);
	cr_assert(apo_model_is_settled(w.model));
}

/* The other process keeps its history elsewhere, or this one has kept none. */
Test(history_moves, when_history_is_switched_on_members_have_just_joined)
{
	told_join_two(&w);
	told_log_in(&w, 3, "fay", NULL);
	fixture_say(&w, 3, "JOIN #a");
	TOLD("3 fay in #a from 3");
	fixture_close(&w, 3, "gone");
	TOLD("3 until 3");
	fixture_hand_over(&w);
	apo_state_begin_history(w.model);
	TOLD("5 dan in #a from 5");
	told_log_in(&w, 3, "fay", NULL);
	fixture_say(&w, 3, "JOIN #a");
	TOLD("6 fay in #a from 6");
	fixture_say(&w, 1, "PART #a");
	TOLD("5 until 6");
	TOLD_NOTHING();
}

/* The next process has no history: the model must not call what is not there. */
Test(history_moves, history_can_be_switched_off_by_a_hand_over)
{
	struct apo_serializer serializer, reading;
	struct apo_peer peers[2];

	told_join_two(&w);
	apo_serializer_to(&serializer);
	cr_assert(eq(u32, apo_state_number(w.model), 2));
	peers[apo_state_ordinal(w.model, w.mocks[0].peer)] = w.mocks[0].peer;
	peers[apo_state_ordinal(w.model, w.mocks[1].peer)] = w.mocks[1].peer;
	apo_state_write(&serializer, w.model);
	apo_model_free(w.model);
	w.calls.keep = NULL;
	w.calls.keep_change = NULL;
	w.calls.ask_history = NULL;
	w.model = fixture_model(&w);
	apo_serializer_from(&reading, serializer.bytes, serializer.len);
	cr_assert(apo_state_read(&reading, w.model, peers, 2));
	apo_serializer_fini(&serializer);
	fixture_say(&w, 1, "PART #a");
	fixture_close(&w, 0, "gone");
	TOLD_NOTHING();
}
