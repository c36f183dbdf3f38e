/* SPDX-License-Identifier: MIT */
/* The state of a model read by another one, and what reading does with invalid bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/state.h"
#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_add_root(&w);
	fixture_start(&w);
}

TestSuite(state, .init = begin, .fini = fixture_fini);

/* A model with something of everything. */
static void populate(void)
{
	fixture_join(&w, 1, "dan", "sasl server-time apollonion/receipts message-tags");
	fixture_join(&w, 2, "eve", "account-notify");
	fixture_join(&w, 4, "fay", NULL);
	fixture_join(&w, 6, "gus", NULL);
	fixture_connect(&w, 8);
	fixture_say(&w, 8, "CAP LS 302");
	fixture_say(&w, 8, "PASS secret");
	fixture_say(&w, 8, "NICK hal");
	fixture_connect(&w, 10);
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_say(&w, 1, "AUTHENTICATE " DAN);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_say(&w, 2, "OPER root x");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_say(&w, 1, "JOIN #b,#a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 4, "JOIN #a,#b");
	fixture_say(&w, 1, "MODE #a +ovbkl eve fay *!*@bad.example key 77");
	fixture_say(&w, 1, "MODE #a +bIe x y z");
	fixture_say(&w, 1, "TOPIC #a :what it is about");
	fixture_say(&w, 1, "MODE #b +b *!~gus@*");
	fixture_say(&w, 1, "INVITE gus #b");
	fixture_say(&w, 4, "AWAY :for lunch");
	fixture_say(&w, 4, "MONITOR + Dan,nobody");
	fixture_say(&w, 2, "MODE eve +iw");
	fixture_say(&w, 6, "NICK gustav");
	fixture_say(&w, 1, "PRIVMSG #a :watched");
	apo_model_on_receipt(w.model, w.watched[0].watch, w.watched[0].recipient, true, w.now_ns);
	fixture_forget(&w);
}

Test(state, clients_do_not_notice_a_hand_over)
{
	populate();
	fixture_hand_over(&w);
	fixture_say(&w, 1, "PRIVMSG #a :still here");
	HEARS(&w, 2, ":dan!~dan@host1.example PRIVMSG #a :still here");
	HEARS(&w, 4, ":dan!~dan@host1.example PRIVMSG #a :still here");
	fixture_forget(&w);
	fixture_say(&w, 6, "WHOIS dan");
	HEARS_LIKE(&w, 6, "* 311 gustav dan ~dan host1.example * :Real dan");
	HEARS_LIKE(&w, 6, "* 319 gustav dan :@#b @#a");
	fixture_forget(&w);
	fixture_say(&w, 6, "MODE #a b");
	HEARS_LIKE(&w, 6, "* 367 gustav #a *!*@bad.example dan!~dan@host1.example *");
	HEARS_LIKE(&w, 6, "* 367 gustav #a x!*@* dan!~dan@host1.example *");
	fixture_forget(&w);
	fixture_say(&w, 6, "WHOWAS gus");
	HEARS_LIKE(&w, 6, "* 314 gustav gus ~gus host6.example * :Real gus");
	fixture_forget(&w);
	fixture_say(&w, 6, "JOIN #b");
	HEARS(&w, 6, ":gustav!~gus@host6.example JOIN #b");
	fixture_forget(&w);
	fixture_say(&w, 1, "NICK other");
	HEARS(&w, 4, ":dan!~dan@host1.example NICK :other");
	HEARS(&w, 4, ":irc.example 731 fay :dan");
	fixture_forget(&w);
	fixture_say(&w, 2, "KILL gustav :bye");
	cr_assert(w.mocks[6].is_closed);
}

Test(state, a_registration_in_progress_continues)
{
	populate();
	fixture_hand_over(&w);
	fixture_say(&w, 8, "USER hal 0 * :Hal");
	fixture_say(&w, 8, "CAP END");
	HEARS_LIKE(&w, 8, ":irc.example 001 hal *");
	fixture_say(&w, 10, "NICK ida");
	fixture_say(&w, 10, "USER ida 0 * :Ida");
	HEARS_LIKE(&w, 10, ":irc.example 001 ida *");
}

Test(state, timers_continue)
{
	populate();
	fixture_wait(&w, w.config.registration_timeout_ns - 1);
	fixture_forget(&w);
	fixture_hand_over(&w);
	QUIET(&w, 8);
	fixture_wait(&w, RUDP_NS_PER_S);
	cr_assert(w.mocks[8].is_closed);
	cr_assert(w.mocks[10].is_closed);
	fixture_wait(&w, w.config.ping_interval_ns - w.config.registration_timeout_ns);
	fixture_forget(&w);
	fixture_hand_over(&w);
	fixture_wait(&w, w.config.ping_timeout_ns);
	cr_assert(w.mocks[1].is_closed); /* pinged before, and never answered */
}

/* One recipient received the text before the hand-over, the other after it. */
Test(state, a_receipt_is_final_in_the_other_process)
{
	populate();
	fixture_hand_over(&w);
	apo_model_on_receipt(w.model, w.watched[1].watch, w.watched[1].recipient, true, w.now_ns);
	HEARS_LIKE(&w, 1, "* RECEIPT abc-* #a 2 2 final");
	fixture_say(&w, 1, "PRIVMSG eve :another");
	cr_assert(ne(u64, w.watched[2].watch, w.watched[1].watch));
}

/* A client that has gone is named by its last nick. */
Test(state, a_missing_recipient_may_have_left)
{
	populate();
	fixture_close(&w, 2, "gone");
	fixture_hand_over(&w);
	fixture_forget(&w);
	apo_model_on_receipt(w.model, w.watched[1].watch, w.watched[1].recipient, false, w.now_ns);
	HEARS_LIKE(&w, 1, "* RECEIPT abc-* #a 1 2 final :eve");
}

Test(state, message_ids_continue)
{
	char first[100], *line;

	populate();
	fixture_say(&w, 2, "PRIVMSG dan :one");
	line = fixture_next(&w, 1);
	cr_assert(ne(ptr, line, NULL));
	snprintf(first, sizeof first, "%s", strstr(line, "msgid="));
	*strpbrk(first, "; ") = '\0';
	fixture_hand_over(&w);
	fixture_say(&w, 2, "PRIVMSG dan :two");
	line = strstr(fixture_next(&w, 1), "msgid=");
	*strpbrk(line, "; ") = '\0';
	cr_assert(ne(str, line, (char *)first));
	cr_assert(eq(int, strncmp(line, "msgid=abc-", 10), 0));
}

Test(state, tries_of_passwords_are_still_counted)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		fixture_join(&w, 1, "x", "sasl");
		fixture_say(&w, 1, "AUTHENTICATE PLAIN");
		fixture_say(&w, 1, "AUTHENTICATE " DAN);
		fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		fixture_close(&w, 1, "gone");
	}
	fixture_hand_over(&w);
	fixture_join(&w, 1, "x", "sasl");
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	HEARS(&w, 1, "AUTHENTICATE +");
	fixture_say(&w, 1, "AUTHENTICATE " DAN);
	HEARS_LIKE(&w, 1, ":irc.example NOTICE x :Too many wrong passwords *");
}

/* Another configuration, or another version, offers other capabilities. */
Test(state, changed_capabilities_are_announced)
{
	struct apo_peer peer[1];
	struct apo_serializer serializer, reading;

	fixture_join(&w, 1, "ivy", "cap-notify sasl");
	apo_serializer_to(&serializer);
	(void)apo_state_number(w.model);
	apo_state_write(&serializer, w.model);
	peer[0] = w.mocks[1].peer;
	apo_model_free(w.model);
	w.calls.has_accounts = false;
	w.model = fixture_model(&w);
	apo_serializer_from(&reading, serializer.bytes, serializer.len);
	cr_assert(apo_state_read(&reading, w.model, peer, 1));
	apo_serializer_fini(&serializer);
	HEARS(&w, 1, ":irc.example CAP ivy DEL :draft/account-registration sasl");
	fixture_say(&w, 1, "CAP LIST");
	HEARS(&w, 1, ":irc.example CAP ivy LIST :cap-notify");
}

/* ---- invalid bytes ---- */

static bool is_read(const uint8_t *bytes, size_t len)
{
	struct apo_model *model = fixture_model(&w);
	struct apo_peer peers[FIXTURE_CLIENTS];
	uint32_t count = apo_state_number(w.model), i;
	struct apo_serializer serializer;
	bool is_right;

	for (i = 0; i < count; i++)
		peers[i] = (struct apo_peer){i % FIXTURE_WORKERS & 0xff, i & 0xffff, 1};
	apo_serializer_from(&serializer, bytes, len);
	is_right = apo_state_read(&serializer, model, peers, count) &&
		   apo_serializer_is_whole(&serializer);
	if (is_right)
		cr_assert(apo_model_check(model));
	apo_model_free(model);
	return is_right;
}

Test(state, a_truncated_state_is_refused)
{
	size_t len;

	populate();
	fixture_hand_over(&w);
	cr_assert(is_read(w.state, w.state_len));
	for (len = 0; len < w.state_len; len++)
		cr_assert(not(is_read(w.state, len)), "%zu of %zu", len, w.state_len);
}

/* Entries are searched one by one, so a long list would occupy the reader for hours. */
Test(state, more_entries_than_can_be_configured_are_refused)
{
	struct apo_serializer serializer;
	struct apo_channel *channel;
	char mask[32];
	unsigned i;

	fixture_join(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	channel = apo_channel_find(w.model, "#a");
	for (i = 0; i <= APO_LIST_ENTRIES_MAX; i++) {
		snprintf(mask, sizeof mask, "m%u!*@*", i);
		cr_assert(eq(int, apo_entry_add(channel, APO_LIST_BAN, mask, "dan", 1), 1));
	}
	for (i = 0; i < 2; i++) {
		(void)apo_state_number(w.model);
		apo_serializer_to(&serializer);
		apo_state_write(&serializer, w.model);
		cr_assert(serializer.ok);
		cr_assert(eq(int, is_read(serializer.bytes, serializer.len), i == 1));
		apo_serializer_fini(&serializer);
		cr_assert(apo_entry_remove(channel, APO_LIST_BAN, "m0!*@*") == (i == 0));
	}
}

static void silent(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		   size_t count)
{
	(void)of;
	(void)worker;
	(void)text;
	(void)to;
	(void)count;
}

/* Any changed byte: the state is refused, or the model that results is consistent. */
Test(state, a_changed_byte_is_harmless)
{
	static const uint8_t bits[] = {0x01, 0x80, 0xff};
	unsigned refused = 0, i;
	size_t at;

	populate();
	fixture_hand_over(&w);
	w.calls.deliver = silent;
	for (at = 0; at < w.state_len; at++)
		for (i = 0; i < sizeof bits; i++) {
			w.state[at] ^= bits[i];
			refused += !is_read(w.state, w.state_len);
			w.state[at] ^= bits[i];
		}
	cr_assert(lt(uint, w.state_len / 10, refused));
}

Test(state, a_request_in_progress_prevents_the_hand_over)
{
	struct apo_serializer serializer;

	fixture_join(&w, 1, "dan", "sasl");
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_say(&w, 1, "AUTHENTICATE " DAN);
	cr_assert(not(apo_model_is_settled(w.model)));
	apo_serializer_to(&serializer);
	apo_state_write(&serializer, w.model);
	cr_assert(not(serializer.ok));
	apo_serializer_fini(&serializer);
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	cr_assert(apo_model_is_settled(w.model));
}
