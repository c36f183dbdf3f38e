/* SPDX-License-Identifier: MIT */
/*
 * Key exchanges of established connections: when they happen, that nothing is lost, and hostile
 * peers.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_private.h"
#include "proto/crypto/crypto_faults.h"
#include "proto/crypto/freed_memory.h"
#include "proto/pair.h"

#define HOUR_NS (3600 * RUDP_NS_PER_S)
#define AGED_NS (RUDP_KEY_EXCHANGE_DUE_NS + RUDP_NS_PER_S)
#define FRAME_BYTES (2 + RUDP_KEY_SHARE_BYTES)
#define FAR_NUMBER 1000 /* packet number of a hostile packet; the connection does not reach it */

static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
}

static void teardown(void)
{
	pair_drop(&pair);
	pair_fini(&pair);
}

TestSuite(key_exchange, .init = setup, .fini = teardown);

/* Sends a few bytes, which arrive after earlier packets and are acknowledged. */
static void use(int from)
{
	char text[64];
	size_t len;

	rudp_conn_write(pair.conn[from], "key", 3, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	len = pair_read(&pair, !from, text, sizeof text);
	cr_assert(ge(sz, len, 3));
	cr_assert(zero(int, memcmp(text + len - 3, "key", 3)));
}

static void use_for(int64_t ns)
{
	for (int64_t end = pair.now_ns + ns; pair.now_ns < end;) {
		use(0);
		use(1);
		pair_run(&pair, 20 * RUDP_NS_PER_S);
	}
}

static uint64_t forged_packets(void)
{
	return pair_verdicts(&pair, 0, RUDP_VERDICT_AUTH_FAILED) +
	       pair_verdicts(&pair, 1, RUDP_VERDICT_AUTH_FAILED);
}

static void expect_exchanges(uint64_t count)
{
	for (int side = 0; side < 2; side++) {
		cr_assert(eq(u64, pair.conn[side]->keys.exchanges, count), "side %d", side);
		cr_assert(eq(int, rudp_conn_state(pair.conn[side]), RUDP_STATE_ESTABLISHED));
		cr_assert(eq(ptr, pair.conn[side]->exchange, NULL));
		cr_assert(eq(ptr, (void *)(uintptr_t)pair.conn[side]->keys.fresh, NULL));
	}
}

/* Pretends that an hour has passed without another update being due. */
static void age(void)
{
	for (int side = 0; side < 2; side++)
		pair.conn[side]->exchange_from_ns -= AGED_NS;
}

/* An attacker who knows the receive keys of a side and follows its updates. */
static void spy_init(struct rudp_keys *spy, int side)
{
	const struct rudp_keys *keys = &pair.conn[side]->keys;

	cr_assert(zero(int, rudp_keys_init(spy, keys->cipher, keys->send_key, keys->receive_key)));
	spy->send_phase = keys->send_phase;
	spy->receive_phase = keys->receive_phase;
	spy->first_received_number = keys->first_received_number;
}

/* The key phase of the next packet to the server. */
static bool spy_reads(struct rudp_keys *spy)
{
	struct pair_datagram *datagram;
	struct rudp_packet packet;
	uint8_t plain[sizeof datagram->data];
	bool ok;

	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	datagram = pair_take(&pair);
	cr_assert(ne(ptr, datagram, NULL));
	cr_assert(zero(int, rudp_packet_parse(datagram->data, datagram->len, &packet)));
	ok = rudp_keys_open(spy, packet.number_low, packet.key_phase, packet.header,
			    packet.header_bytes, packet.body, packet.body_bytes,
			    plain) == RUDP_VERDICT_OK;
	pair_deliver(&pair, datagram);
	free(datagram);
	pair_settle(&pair);
	return ok;
}

static enum rudp_verdict say_share(int side, uint64_t at, uint8_t number, const uint8_t *public_key)
{
	uint8_t frame[FRAME_BYTES] = {RUDP_FRAME_KEY_SHARE, number};

	memcpy(frame + 2, public_key, RUDP_KEY_SHARE_BYTES);
	return pair_say(&pair, side, at, frame, sizeof frame);
}

static void make_share(struct rudp_x25519 *key)
{
	static const uint8_t private_key[RUDP_X25519_BYTES] = {7, 7, 7};

	cr_assert(zero(int, rudp_x25519_init(key, private_key)));
}

Test(key_exchange, happens_every_hour_of_use)
{
	use_for(HOUR_NS);
	expect_exchanges(1);
	use_for(HOUR_NS);
	expect_exchanges(2);
}

Test(key_exchange, is_not_for_idle_connections)
{
	use(0);
	pair_run(&pair, RUDP_NS_PER_S);
	age();
	use(0);
	pair_settle(&pair);
	expect_exchanges(1);
	pair_run(&pair, 5 * HOUR_NS);
	expect_exchanges(1);
	use(1);
	pair_settle(&pair);
	expect_exchanges(2);
}

Test(key_exchange, locks_out_an_attacker_who_knows_the_keys)
{
	struct rudp_keys spy;

	spy_init(&spy, 1);
	cr_assert(spy_reads(&spy));
	for (int i = 0; i < 5; i++) { /* the attacker follows updates */
		pair_run(&pair, RUDP_KEY_DUE_NS + RUDP_NS_PER_S);
		cr_assert(spy_reads(&spy));
		use(0);
	}
	cr_assert(ge(u32, pair.conn[0]->keys.updates, 8));
	use_for(HOUR_NS);
	expect_exchanges(1);
	cr_assert(not(spy_reads(&spy)));
	rudp_keys_fini(&spy);
}

/* Compares the same number of updates with and without the exchange. */
Test(key_exchange, determines_the_new_keys)
{
	struct rudp_keys spy;

	spy_init(&spy, 1);
	age();
	use(0);
	pair_settle(&pair);
	expect_exchanges(1);
	cr_assert(eq(u32, pair.conn[0]->keys.updates, 2));
	cr_assert(not(spy_reads(&spy)));
	cr_assert(zero(u64, forged_packets()));
	rudp_keys_fini(&spy);
}

/* Drops each packet in turn, from the moment when the exchange is due. */
Test(key_exchange, survives_the_loss_of_any_packet)
{
	for (unsigned lost = 0; lost < 8; lost++) {
		struct pair_datagram *datagram;

		teardown();
		setup();
		use(0);
		age();
		rudp_conn_write(pair.conn[0], "a", 1, pair.now_ns);
		pair_collect(&pair);
		for (unsigned i = 0; (datagram = pair_take(&pair)); i++) {
			if (i != lost)
				pair_deliver(&pair, datagram);
			free(datagram);
			pair_collect(&pair);
		}
		pair_run(&pair, 5 * RUDP_NS_PER_S);
		use(0);
		use(1);
		pair_run(&pair, RUDP_NS_PER_S);
		expect_exchanges(1);
	}
}

/* A fifth of all packets is lost, others are duplicated or late by up to a second. */
Test(key_exchange, survives_a_bad_path)
{
	uint64_t prng = 1;

	for (unsigned round = 1; round <= 30; round++) {
		struct pair_datagram *late = NULL, *datagram;

		age();
		for (unsigned i = 0; i < 40; i++) {
			rudp_conn_write(pair.conn[i % 2], "ab", 2, pair.now_ns);
			pair_collect(&pair);
			while ((datagram = pair_take(&pair))) {
				prng = prng * UINT64_C(6364136223846793005) + 1442695040888963407u;
				if (!late && prng >> 61 == 7) {
					late = datagram;
					continue;
				}
				if ((prng >> 32) % 5 != 0)
					pair_deliver(&pair, datagram);
				if ((prng >> 40) % 7 == 0)
					pair_deliver(&pair, datagram);
				free(datagram);
			}
			if (late && i % 5 == 4) {
				pair_deliver(&pair, late);
				free(late);
				late = NULL;
			}
			pair_wait(&pair, 200 * RUDP_NS_PER_MS);
		}
		free(late);
		pair_run(&pair, 10 * RUDP_NS_PER_S);
		expect_exchanges(round);
		cr_assert(zero(u64, forged_packets()));
	}
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 1200));
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 1200));
}

/* Each allocation of libcrypto fails in turn: the exchange continues with a later packet. */
Test(key_exchange, survives_a_lack_of_memory)
{
	unsigned nth = 0, all;

	do {
		teardown();
		setup();
		use(0);
		age();
		crypto_faults_arm(++nth);
		rudp_conn_write(pair.conn[0], "a", 1, pair.now_ns);
		pair_run(&pair, 5 * RUDP_NS_PER_S);
		all = crypto_faults_count();
		crypto_faults_arm(0);
		use(0);
		use(1);
		use(0);
		pair_run(&pair, 5 * RUDP_NS_PER_S);
		expect_exchanges(1);
	} while (nth < all);
	cr_assert(ge(uint, nth, 10));
}

/* Packets sealed before the exchange arrive after it. */
Test(key_exchange, leaves_late_packets_readable)
{
	struct pair_datagram *late[2];

	use(0);
	for (int side = 0; side < 2; side++) {
		rudp_conn_write(pair.conn[side], "late", 4, pair.now_ns);
		pair_collect(&pair);
		late[side] = pair_take(&pair);
	}
	age();
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_settle(&pair);
	expect_exchanges(1);
	for (int side = 0; side < 2; side++)
		pair_deliver_as(&pair, late[side], RUDP_VERDICT_OK);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 4));
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 5));
}

/* The listener updates its keys while the share is in flight. */
Test(key_exchange, waits_for_an_update_that_crosses_it)
{
	struct pair_datagram *share;

	use(0);
	use(1);
	age();
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	share = pair_take(&pair);
	cr_assert(ne(ptr, pair.conn[0]->exchange, NULL));
	pair.conn[1]->keys_from_ns -= RUDP_KEY_DUE_NS;
	rudp_conn_write(pair.conn[1], "y", 1, pair.now_ns);
	pair_collect(&pair);
	cr_assert(rudp_keys_is_unanswered(&pair.conn[1]->keys));
	pair_deliver_as(&pair, share, RUDP_VERDICT_OK);
	cr_assert(not(pair.conn[1]->keys.fresh != NULL));
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	expect_exchanges(1);
	cr_assert(eq(u32, pair.conn[0]->keys.updates, 4));
	cr_assert(eq(u32, pair.conn[1]->keys.updates, 4));
}

Test(key_exchange, goes_on_at_another_address)
{
	use(0);
	age();
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	rudp_addr_parse(&pair.addr[0], "10.0.0.9:50000");
	pair_drop(&pair);
	rudp_conn_rebind(pair.conn[0], &pair.addr[0], &pair.addr[0], pair.now_ns);
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	use(0);
	use(1);
	expect_exchanges(1);
	cr_assert(eq(u64, pair_stats(&pair, 1).path_changes, 1));
}

Test(key_exchange, is_not_requested_from_a_peer_without_support)
{
	pair.conn[0]->peer_takes_key_shares = false;
	use_for(HOUR_NS + 600 * RUDP_NS_PER_S);
	expect_exchanges(0);
	cr_assert(ge(u32, pair.conn[0]->keys.updates, 40));
}

/* Every public key that gives an all-zero secret is of low order, for example zero. */
Test(key_exchange, refuses_a_key_that_leads_to_no_secret)
{
	static const uint8_t zero_key[RUDP_KEY_SHARE_BYTES];

	pair_run(&pair, RUDP_KEY_EXCHANGE_LEAST_NS);
	cr_assert(eq(int, say_share(0, FAR_NUMBER, 1, zero_key), RUDP_VERDICT_OK));
	pair_collect(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_RESET_SENT));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), EPROTO));
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_BAD_KEY_SHARE), 1));
	cr_assert(not(pair.conn[1]->keys.fresh != NULL));
}

Test(key_exchange, refuses_an_answer_that_leads_to_no_secret)
{
	static const uint8_t zero_key[RUDP_KEY_SHARE_BYTES];

	use(0);
	age();
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	cr_assert(eq(int, say_share(1, FAR_NUMBER, 1, zero_key), RUDP_VERDICT_OK));
	pair_collect(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_RESET_SENT));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EPROTO));
}

Test(key_exchange, refuses_an_unrequested_answer)
{
	struct rudp_x25519 key;

	make_share(&key);
	cr_assert(eq(int, say_share(1, FAR_NUMBER, 1, key.public_key), RUDP_VERDICT_BAD_KEY_SHARE));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_RESET_SENT));
	rudp_x25519_fini(&key);
}

Test(key_exchange, refuses_a_second_one_before_the_first_is_over)
{
	struct rudp_x25519 key;

	make_share(&key);
	pair_run(&pair, RUDP_KEY_EXCHANGE_LEAST_NS);
	cr_assert(eq(int, say_share(0, FAR_NUMBER, 1, key.public_key), RUDP_VERDICT_OK));
	cr_assert(eq(int, say_share(0, FAR_NUMBER + 1, 2, key.public_key),
		     RUDP_VERDICT_BAD_KEY_SHARE));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_RESET_SENT));
	rudp_x25519_fini(&key);
}

Test(key_exchange, takes_no_share_of_number_zero)
{
	struct rudp_x25519 key;

	make_share(&key);
	cr_assert(eq(int, say_share(0, FAR_NUMBER, 0, key.public_key), RUDP_VERDICT_BAD_FRAME));
	rudp_x25519_fini(&key);
}

/*
 * However often a peer asks, X25519 is computed once a minute. The requesting packet costs no more
 * than others.
 */
Test(key_exchange, is_answered_once_in_a_while)
{
	static const uint8_t ping = RUDP_FRAME_PING;
	struct rudp_conn *server = pair.conn[1];
	struct rudp_x25519 key;
	uint64_t before = rudp_conn_work_total(server);

	make_share(&key);
	for (unsigned i = 0; i < 100; i++)
		cr_assert(
			eq(int, say_share(0, FAR_NUMBER + i, 1, key.public_key), RUDP_VERDICT_OK));
	cr_assert(eq(u64, rudp_conn_work_total(server) - before, UINT64_C(100) * RUDP_WORK_FRAME));
	pair_collect(&pair);
	cr_assert(all(not(server->keys.fresh != NULL), not(server->exchange->is_mixed)));
	pair.now_ns += RUDP_KEY_EXCHANGE_LEAST_NS;
	before = rudp_conn_work_total(server);
	cr_assert(eq(int, pair_say(&pair, 0, FAR_NUMBER + 100, &ping, 1), RUDP_VERDICT_OK));
	pair_collect(&pair);
	cr_assert(all(server->keys.fresh != NULL, server->exchange->is_mixed));
	cr_assert(eq(u64, rudp_conn_work_total(server) - before,
		     UINT64_C(1) * RUDP_WORK_EXCHANGE + RUDP_WORK_FRAME));
	cr_assert(eq(u64, server->work.debt, RUDP_WORK_EXCHANGE));
	for (unsigned i = 101; i < 200; i++)
		say_share(0, FAR_NUMBER + i, 1, key.public_key);
	pair_collect(&pair);
	cr_assert(le(u64, server->work.debt, RUDP_WORK_EXCHANGE));
	rudp_x25519_fini(&key);
}

/* A peer with a debt of work gets the answer only when the debt is lower. */
Test(key_exchange, is_not_answered_to_a_peer_that_owes_work)
{
	static const uint8_t ping = RUDP_FRAME_PING;
	struct rudp_conn *server = pair.conn[1];
	struct rudp_x25519 key;

	make_share(&key);
	pair_run(&pair, RUDP_KEY_EXCHANGE_LEAST_NS);
	say_share(0, FAR_NUMBER, 1, key.public_key);
	server->work.debt = 2 * RUDP_WORK_DEBT_MAX;
	server->work.debt_at_ns = pair.now_ns;
	pair_collect(&pair);
	cr_assert(not(server->keys.fresh != NULL));
	pair.now_ns += 2 * RUDP_NS_PER_S;
	pair_say(&pair, 0, FAR_NUMBER + 1, &ping, 1);
	pair_collect(&pair);
	cr_assert(server->keys.fresh != NULL);
	rudp_x25519_fini(&key);
}

/* Duplicates of its shares that arrive after the exchange, each in a packet of its own. */
Test(key_exchange, ignores_copies_of_old_shares)
{
	struct rudp_x25519 key;

	make_share(&key);
	use(0);
	age();
	use(0);
	pair_settle(&pair);
	expect_exchanges(1);
	for (int side = 0; side < 2; side++)
		cr_assert(eq(int, say_share(side, FAR_NUMBER, 1, key.public_key), RUDP_VERDICT_OK));
	expect_exchanges(1);
	rudp_x25519_fini(&key);
}

/*
 * The initiator requests an exchange and never updates: the listener's keys are used until their
 * limit.
 */
Test(key_exchange, leaves_no_private_key_in_memory)
{
	uint8_t private_key[RUDP_X25519_BYTES];
	size_t len = sizeof private_key;

	age();
	rudp_conn_write(pair.conn[0], "key", 3, pair.now_ns);
	pair_collect(&pair);
	cr_assert(ne(ptr, pair.conn[0]->exchange, NULL));
	cr_assert(eq(
		int,
		EVP_PKEY_get_raw_private_key(pair.conn[0]->exchange->own.pair, private_key, &len),
		1));
	freed_memory_watch(private_key, len);
	pair_settle(&pair);
	expect_exchanges(1);
	cr_assert(zero(uint, freed_memory_with_secret()));
}

static bool has_mixed(int side)
{
	return pair.conn[side]->exchange && pair.conn[side]->exchange->is_mixed;
}

static bool has(const struct rudp_keys *keys, const uint8_t secret[RUDP_KEY_BYTES])
{
	return memmem(keys, sizeof *keys, secret, RUDP_KEY_BYTES) != NULL;
}

Test(key_exchange, leaves_no_secret_in_memory)
{
	uint8_t secret[RUDP_KEY_BYTES];

	age();
	rudp_conn_write(pair.conn[0], "key", 3, pair.now_ns);
	for (int i = 0; i < 10 && !has_mixed(1); i++)
		pair_travel(&pair, RUDP_NS_PER_MS);
	cr_assert(has_mixed(1));
	memcpy(secret, pair.conn[1]->exchange->secret, sizeof secret);
	freed_memory_watch(secret, sizeof secret);
	pair_settle(&pair);
	expect_exchanges(1);
	cr_assert(zero(uint, freed_memory_with_secret()));
	for (int side = 0; side < 2; side++)
		cr_assert(not(has(&pair.conn[side]->keys, secret)));
}

Test(key_exchange, of_a_peer_that_never_ends_it_spends_the_keys)
{
	struct rudp_x25519 key;

	make_share(&key);
	pair_run(&pair, RUDP_KEY_EXCHANGE_LEAST_NS);
	say_share(0, FAR_NUMBER, 1, key.public_key);
	pair_collect(&pair);
	pair_drop(&pair);
	pair.conn[1]->keys.sent_under_key = RUDP_KEY_PACKETS_MAX;
	rudp_conn_write(pair.conn[1], "x", 1, pair.now_ns);
	pair_collect(&pair);
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), EPROTO));
	rudp_x25519_fini(&key);
}
