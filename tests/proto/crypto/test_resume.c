/* SPDX-License-Identifier: MIT */
/* The cryptography of docs/protocol.md section 6.7, without tables or connections. */
#include "proto/crypto/resume.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "crypto_faults.h"

#define PAYLOAD_BYTES 300
#define MESSAGE_MAX_BYTES 600
#define FAULTS_MAX 1000
#define ID UINT64_C(0x0102030405060708)

/* Both ends of one handshake. */
struct meeting {
	struct rudp_resume initiator, listener;
	struct rudp_resume_keys initiator_keys, listener_keys;
	uint8_t secret[RUDP_RESUME_SECRET_BYTES];
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];
	uint8_t header[RUDP_SYNACK_HEADER_BYTES];
	uint8_t random[RUDP_RESUME_FRESH_BYTES];
	uint8_t payload[PAYLOAD_BYTES], received[MESSAGE_MAX_BYTES];
	uint8_t syn[MESSAGE_MAX_BYTES], synack[MESSAGE_MAX_BYTES];
	int syn_len, synack_len;
};

static void start(struct rudp_resume *resume, bool with_dh, uint8_t key_byte)
{
	uint8_t private_key[RUDP_X25519_BYTES];
	struct rudp_x25519 ephemeral;

	rudp_resume_init(resume, RUDP_CIPHER_AES_256_GCM, with_dh);
	if (!with_dh)
		return;
	memset(private_key, key_byte, sizeof private_key);
	cr_assert(eq(int, rudp_x25519_init(&ephemeral, private_key), 0));
	rudp_resume_give_key(resume, &ephemeral);
	cr_assert(eq(ptr, ephemeral.pair, NULL));
}

static void meeting_init(struct meeting *m, bool with_dh)
{
	memset(m, 0, sizeof *m);
	memset(m->secret, 7, sizeof m->secret);
	memset(m->random, 9, sizeof m->random);
	memset(m->payload, 5, sizeof m->payload);
	rudp_packet_write_prologue(m->prologue, 1, with_dh ? 3 : 1, 42, 443);
	rudp_packet_write_synack(m->header, 1, with_dh ? 3 : 1, 42);
	start(&m->initiator, with_dh, 1);
	start(&m->listener, with_dh, 2);
}

static void meeting_fini(struct meeting *m)
{
	rudp_resume_fini(&m->initiator);
	rudp_resume_fini(&m->listener);
}

static int write_syn(struct meeting *m)
{
	m->syn_len = rudp_resume_write_syn(&m->initiator, m->secret, m->prologue, ID, 77,
					   m->payload, sizeof m->payload, m->syn);
	return m->syn_len;
}

static int read_syn(struct meeting *m)
{
	return rudp_resume_read_syn(&m->listener, m->secret, m->prologue, m->syn,
				    (size_t)m->syn_len, m->received);
}

static int write_synack(struct meeting *m)
{
	m->synack_len = rudp_resume_write_synack(&m->listener, m->header, m->random, m->payload,
						 100, m->synack, &m->listener_keys);
	return m->synack_len;
}

static int read_synack(struct meeting *m)
{
	return rudp_resume_read_synack(&m->initiator, m->header, m->synack, (size_t)m->synack_len,
				       m->received, &m->initiator_keys);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

Test(resume, both_ends_come_to_the_same_keys)
{
	struct meeting m;

	for (int with_dh = 0; with_dh < 2; with_dh++) {
		meeting_init(&m, with_dh);
		cr_assert(eq(int, write_syn(&m),
			     (int)rudp_resume_syn_overhead_bytes(with_dh) + PAYLOAD_BYTES));
		cr_assert(eq(int, read_syn(&m), PAYLOAD_BYTES));
		cr_assert(eq(int, memcmp(m.received, m.payload, PAYLOAD_BYTES), 0));
		cr_assert(eq(int, write_synack(&m), RUDP_RESUME_SYNACK_OVERHEAD_BYTES + 100));
		cr_assert(eq(int, read_synack(&m), 100));
		cr_assert(eq(int,
			     memcmp(&m.initiator_keys, &m.listener_keys, sizeof m.listener_keys),
			     0));
		cr_assert(ne(int,
			     memcmp(m.initiator_keys.initiator, m.initiator_keys.listener,
				    RUDP_KEY_BYTES),
			     0));
		/* Without a new DH there is nothing that a new association could stand on. */
		cr_assert(eq(int,
			     is_zero((uint8_t *)&m.listener_keys.secrets,
				     sizeof m.listener_keys.secrets),
			     !with_dh));
		meeting_fini(&m);
	}
}

Test(resume, head_is_read_as_it_was_written)
{
	struct meeting m;
	uint64_t id, counter;

	meeting_init(&m, false);
	write_syn(&m);
	rudp_resume_read_head(m.syn, &id, &counter);
	cr_assert(all(eq(u64, id, ID), eq(u64, counter, 77)));
	meeting_fini(&m);
}

Test(resume, any_changed_byte_of_a_syn_is_noticed)
{
	struct meeting m;

	for (int with_dh = 0; with_dh < 2; with_dh++) {
		meeting_init(&m, with_dh);
		write_syn(&m);
		for (int i = 0; i < m.syn_len; i++) {
			m.syn[i] ^= 1;
			cr_assert(eq(int, read_syn(&m), -EBADMSG), "byte %d", i);
			m.syn[i] ^= 1;
		}
		for (size_t i = 0; i < sizeof m.prologue; i++) {
			m.prologue[i] ^= 1;
			cr_assert(eq(int, read_syn(&m), -EBADMSG), "header byte %zu", i);
			m.prologue[i] ^= 1;
		}
		m.secret[0] ^= 1;
		cr_assert(eq(int, read_syn(&m), -EBADMSG));
		m.secret[0] ^= 1;
		cr_assert(eq(int, read_syn(&m), PAYLOAD_BYTES));
		meeting_fini(&m);
	}
}

Test(resume, any_changed_byte_of_a_synack_is_noticed_and_spoils_nothing)
{
	struct meeting m;

	for (int with_dh = 0; with_dh < 2; with_dh++) {
		meeting_init(&m, with_dh);
		write_syn(&m);
		read_syn(&m);
		write_synack(&m);
		for (int i = 0; i < m.synack_len; i++) {
			m.synack[i] ^= 1;
			/* X25519 does not look at the top bit of a point; the tag does. */
			cr_assert(eq(int, read_synack(&m), -EBADMSG), "byte %d", i);
			m.synack[i] ^= 1;
		}
		for (size_t i = 0; i < sizeof m.header; i++) {
			m.header[i] ^= 1;
			cr_assert(eq(int, read_synack(&m), -EBADMSG), "header byte %zu", i);
			m.header[i] ^= 1;
		}
		cr_assert(eq(int, read_synack(&m), 100));
		cr_assert(eq(int,
			     memcmp(&m.initiator_keys, &m.listener_keys, sizeof m.listener_keys),
			     0));
		meeting_fini(&m);
	}
}

Test(resume, cut_messages_do_not_authenticate)
{
	struct meeting m;
	int whole;

	for (int with_dh = 0; with_dh < 2; with_dh++) {
		meeting_init(&m, with_dh);
		whole = write_syn(&m);
		for (m.syn_len = 0; m.syn_len < whole; m.syn_len++)
			cr_assert(eq(int, read_syn(&m), -EBADMSG));
		read_syn(&m);
		whole = write_synack(&m);
		for (m.synack_len = 0; m.synack_len < whole; m.synack_len++)
			cr_assert(eq(int, read_synack(&m), -EBADMSG));
		meeting_fini(&m);
	}
}

/* The counter alone makes the key another one, and so does the listener's share. */
Test(resume, no_two_handshakes_have_a_key_in_common)
{
	struct meeting one, other;

	meeting_init(&one, false);
	meeting_init(&other, false);
	write_syn(&one);
	rudp_resume_write_syn(&other.initiator, other.secret, other.prologue, ID, 78, other.payload,
			      sizeof other.payload, other.syn);
	cr_assert(
		ne(int,
		   memcmp(one.syn + RUDP_RESUME_HEAD_BYTES, other.syn + RUDP_RESUME_HEAD_BYTES, 32),
		   0));
	cr_assert(ne(int, memcmp(one.initiator.chain, other.initiator.chain, 32), 0));
	read_syn(&one);
	write_synack(&one);
	other.listener_keys = one.listener_keys;
	one.random[31] ^= 1;
	write_synack(&one);
	cr_assert(
		ne(int, memcmp(one.listener_keys.initiator, other.listener_keys.initiator, 32), 0));
	cr_assert(ne(int, memcmp(one.listener_keys.listener, other.listener_keys.listener, 32), 0));
	meeting_fini(&one);
	meeting_fini(&other);
}

Test(resume, a_weak_point_is_refused)
{
	struct meeting m;

	meeting_init(&m, true);
	write_syn(&m);
	read_syn(&m);
	memset(m.listener.peer_public, 0, sizeof m.listener.peer_public);
	cr_assert(eq(int, write_synack(&m), -EBADMSG));
	meeting_fini(&m);
}

static int whole_handshake(struct meeting *m)
{
	int rc = write_syn(m);

	if (rc >= 0)
		rc = read_syn(m);
	if (rc >= 0)
		rc = write_synack(m);
	return rc >= 0 ? read_synack(m) : rc;
}

/* Fails every allocation of a handshake in turn; how often that ended it. */
static unsigned fail_each(bool with_dh, bool count_blocks)
{
	unsigned failed = 0;

	for (unsigned nth = 1; nth < FAULTS_MAX; nth++) {
		long blocks = crypto_faults_blocks();
		struct meeting m;
		int rc;

		meeting_init(&m, with_dh);
		crypto_faults_arm(nth);
		rc = whole_handshake(&m);
		meeting_fini(&m);
		if (crypto_faults_count() < nth)
			return failed;
		cr_assert(rc == 100 || rc == -ENOMEM, "allocation %u: %d", nth, rc);
		failed += rc < 0;
		if (count_blocks)
			cr_assert(eq(long, crypto_faults_blocks(), blocks), "allocation %u", nth);
	}
	cr_fatal("a handshake allocates more than %d times", FAULTS_MAX);
}

/* The first round fills what libcrypto keeps for the thread; then, what is taken is given back. */
Test(resume, any_failed_allocation_ends_the_handshake_without_leak)
{
	cr_assert(eq(int, rudp_crypto_start(), 0)); /* it remembers its failure */
	for (int with_dh = 0; with_dh < 2; with_dh++) {
		cr_assert(ge(uint, fail_each(with_dh, false), 4));
		cr_assert(ge(uint, fail_each(with_dh, true), 4));
	}
	crypto_faults_arm(0);
}
