/* SPDX-License-Identifier: MIT */
/* Several keys are accepted at once, and each can be removed. docs/protocol.md section 6.1. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/checks.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

static struct pair pair;

static void init(void)
{
	pair_init(&pair, 1, 1);
}

static void fini(void)
{
	pair_fini(&pair);
}

TestSuite(psks, .init = init, .fini = fini);

/*
 * Sets the keys of this side. Each is 32 times its letter, which is also its id. Returns the number
 * of associations removed.
 */
static unsigned set(int side, const char *letters)
{
	struct rudp_psk psks[RUDP_PSKS_MAX];
	unsigned count = 0;

	for (; letters[count]; count++) {
		psks[count].id = (uint64_t)letters[count];
		memset(psks[count].bytes, letters[count], sizeof psks[count].bytes);
	}
	return rudp_endpoint_set_psks(pair.ep[side], psks, count);
}

static void expect_key(char letter)
{
	cr_assert(all(eq(u64, pair.conn[0]->credentials.psk_id, (uint64_t)letter),
		      eq(u64, pair.conn[1]->credentials.psk_id, (uint64_t)letter)));
}

static void expect_refused(void)
{
	pair_connect(&pair, PAIR_PORT);
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EKEYREJECTED));
	rudp_conn_close(pair.conn[0], pair.now_ns);
}

static uint8_t handshake_kind(void)
{
	return pair_stats(&pair, 0).handshake_kind;
}

Test(psks, a_listener_takes_each_of_its_keys_and_no_other)
{
	set(1, "abcdefgh");
	for (const char *letter = "abcdefgh"; *letter; letter++) {
		set(0, (char[]){*letter, 0});
		pair_establish(&pair);
		expect_key(*letter);
		pair_part(&pair);
	}
	set(0, "x");
	expect_refused();
}

Test(psks, an_initiator_sends_the_first)
{
	set(0, "ab");
	set(1, "b");
	expect_refused();
	set(1, "ba");
	pair_establish(&pair);
	expect_key('a');
}

#define SYNS 64

/* The bits that are the same in all SYNs of the first key of this side, and their values. */
struct constant_bits {
	uint8_t mask[RUDP_DATAGRAM_MIN_SYN_BYTES], value[RUDP_DATAGRAM_MIN_SYN_BYTES];
};

static void find_constant_bits(struct constant_bits *bits)
{
	memset(bits->mask, 0xff, sizeof bits->mask);
	for (unsigned count = 0; count < SYNS; count++) {
		struct pair_datagram *syn;

		pair_connect(&pair, PAIR_PORT);
		syn = pair_take(&pair);
		cr_assert(eq(sz, syn->len, sizeof bits->mask));
		for (size_t i = 0; i < sizeof bits->mask; i++) {
			if (count > 0)
				bits->mask[i] &= (uint8_t) ~(bits->value[i] ^ syn->data[i]);
			bits->value[i] = syn->data[i] & bits->mask[i];
		}
		free(syn);
		rudp_conn_abandon(pair.conn[0], pair.now_ns);
	}
}

Test(psks, a_syn_does_not_show_which_key_it_has)
{
	struct constant_bits bits[2];

	set(0, "a");
	find_constant_bits(&bits[0]);
	set(0, "b");
	find_constant_bits(&bits[1]);
	cr_assert(zero(int, memcmp(&bits[0], &bits[1], sizeof bits[0])));
}

/*
 * Old key on both sides, new key added on both, new key first, old key removed: connect never
 * fails.
 */
Test(psks, keys_rotate_without_a_refusal)
{
	static const char *const steps[][2] = {{"a", "a"},   {"a", "ab"},  {"ab", "ab"},
					       {"ba", "ab"}, {"ba", "ba"}, {"ba", "b"},
					       {"b", "b"}};

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		set(0, steps[i][0]);
		set(1, steps[i][1]);
		pair_establish(&pair);
		pair_part(&pair);
	}
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_KEY_MISMATCH), 0));
}

Test(psks, associations_of_kept_keys_stay)
{
	set(0, "a");
	set(1, "a");
	pair_establish(&pair);
	pair_part(&pair);
	cr_assert(all(eq(uint, set(0, "ba"), 0), eq(uint, set(1, "ba"), 0)));
	pair_establish(&pair);
	cr_assert(eq(u8, handshake_kind(), RUDP_HANDSHAKE_KIND_RESUMED));
	expect_key('a');
	pair_part(&pair);
	cr_assert(eq(uint, set(1, "b"), 1));
	pair_establish(&pair); /* resumption is refused, and the initiator uses its first key */
	cr_assert(eq(u8, handshake_kind(), RUDP_HANDSHAKE_KIND_FULL));
	expect_key('b');
	pair_part(&pair);
	cr_assert(eq(uint, set(0, "c"), 1));
}

Test(psks, a_key_that_goes_during_a_handshake_leaves_no_association)
{
	set(0, "a");
	set(1, "a");
	pair_connect(&pair, PAIR_PORT);
	pair_deliver_as(&pair, pair_take(&pair), RUDP_VERDICT_OK);
	set(0, "b");
	set(1, "b");
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	expect_key('a');
	cr_assert(all(eq(uint, pair.ep[0]->associations.taken_count, 0),
		      eq(uint, pair.ep[1]->associations.given_count, 0)));
}

Test(psks, connections_are_counted_by_key)
{
	set(0, "a");
	set(1, "ba");
	pair_establish(&pair);
	cr_assert(all(eq(uint, rudp_endpoint_count_psk(pair.ep[1], 'a'), 1),
		      eq(uint, rudp_endpoint_count_psk(pair.ep[1], 'b'), 0),
		      eq(u64, rudp_endpoint_next_psk(pair.ep[1], 0), 'a'),
		      eq(u64, rudp_endpoint_next_psk(pair.ep[1], 'a'), 0)));
	pair_part(&pair);
	cr_assert(eq(u64, rudp_endpoint_next_psk(pair.ep[1], 0), 0));
}

Test(psks, the_connections_of_one_key_are_reset_at_both_ends)
{
	struct rudp_conn *other;

	set(0, "b");
	set(1, "ab");
	pair_establish(&pair);
	other = pair.conn[0];
	set(0, "a");
	pair_establish(&pair);
	cr_assert(eq(uint, rudp_endpoint_reset_psk(pair.ep[1], 'a', pair.now_ns), 1));
	cr_assert(eq(uint, rudp_endpoint_reset_psk(pair.ep[1], 'a', pair.now_ns), 0));
	pair_settle(&pair);
	for (int side = 0; side < 2; side++) {
		cr_assert(ne(uint, pair_events(&pair, side) & RUDP_EVENT_FAILED, 0));
		cr_assert(eq(int, rudp_conn_error(pair.conn[side]), ECONNRESET));
	}
	cr_assert(eq(int, rudp_conn_state(other), RUDP_STATE_ESTABLISHED));
	cr_assert(all(rudp_endpoint_check(pair.ep[0]), rudp_endpoint_check(pair.ep[1])));
}

/* Connection attempts, half-open connections, and connections not yet accepted. */
Test(psks, connections_not_accepted_are_reset_too)
{
	pair_connect(&pair, PAIR_PORT);
	cr_assert(eq(uint, rudp_endpoint_reset_psk(pair.ep[0], RUDP_PSK_ID_FIRST, pair.now_ns), 1));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_drop(&pair);
	pair_connect(&pair, PAIR_PORT);
	pair_deliver_as(&pair, pair_take(&pair), RUDP_VERDICT_OK);
	cr_assert(eq(uint, rudp_endpoint_reset_psk(pair.ep[1], RUDP_PSK_ID_FIRST, pair.now_ns), 1));
	cr_assert(eq(uint, pair.ep[1]->half_open_count, 0));
	pair_drop(&pair);
	pair_connect(&pair, PAIR_PORT);
	pair_settle(&pair);
	cr_assert(eq(uint, rudp_listener_queued(pair.listener), 1));
	cr_assert(eq(uint, rudp_endpoint_reset_psk(pair.ep[1], RUDP_PSK_ID_FIRST, pair.now_ns), 1));
	cr_assert(eq(uint, rudp_listener_queued(pair.listener), 0));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(all(rudp_endpoint_check(pair.ep[0]), rudp_endpoint_check(pair.ep[1])));
}
