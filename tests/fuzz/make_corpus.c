/* SPDX-License-Identifier: MIT */
/*
 * Writes the seeds of the fuzzers of the codec: one well-formed input of each kind, made by the
 * writers themselves, so that they follow when the format changes.
 *
 *	make_corpus tests/fuzz/corpus
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire/frame.h"

#define INPUT_MAX_BYTES 2048
#define ID UINT64_C(0x0123456789abcdef)

static const uint8_t filler[RUDP_COOKIE_MAX_BYTES] =
	"filler for cookies and tokens, any bytes will do";

static const char *corpus;

static void save(const char *fuzzer, const char *name, const uint8_t *bytes, size_t len)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s/%s", corpus, fuzzer, name);
	file = fopen(path, "wb");
	if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void make_packets(void)
{
	uint8_t bytes[INPUT_MAX_BYTES] = {0};
	size_t len;

	rudp_packet_write_syn(bytes, RUDP_SUITE_AES_256_GCM, 0, ID, 443, NULL, 0);
	save("packet", "syn", bytes, RUDP_DATAGRAM_MIN_SYN_BYTES);
	rudp_packet_write_syn(bytes, RUDP_SUITE_CHACHA20_POLY1305, 0, ID, 443, filler, 24);
	save("packet", "syn_with_cookie", bytes, RUDP_DATAGRAM_MIN_SYN_BYTES + 24);
	rudp_packet_write_syn(bytes, RUDP_SUITE_AES_256_GCM, RUDP_SYN_RESUME, ID, 443, NULL, 0);
	save("packet", "syn_resumed", bytes, RUDP_DATAGRAM_MIN_SYN_BYTES);
	rudp_packet_write_syn(bytes, RUDP_SUITE_AES_256_GCM, RUDP_SYN_RESUME | RUDP_SYN_DH, ID, 443,
			      NULL, 0);
	save("packet", "syn_resumed_with_dh", bytes, RUDP_DATAGRAM_MIN_SYN_BYTES);
	bytes[1] = RUDP_VERSION + 1;
	save("packet", "syn_of_another_version", bytes, RUDP_DATAGRAM_MIN_SYN_BYTES);
	len = rudp_packet_write_synack(bytes, RUDP_SUITE_AES_256_GCM, 0, ID);
	save("packet", "synack", bytes, len + 100);
	len = rudp_packet_write_cookie(bytes, ID, filler, 24);
	save("packet", "cookie", bytes, len);
	len = rudp_packet_write_data(bytes, false, ID, 7);
	save("packet", "data", bytes, len + RUDP_TAG_BYTES + 5);
	len = rudp_packet_write_data(bytes, true, ID, UINT32_MAX);
	save("packet", "data_of_the_other_phase", bytes, len + RUDP_TAG_BYTES);
	len = rudp_packet_write_short_data(bytes, false, ID, 7);
	save("packet", "data_with_a_short_id", bytes, len + RUDP_TAG_BYTES + 5);
	save("packet", "reset", bytes, rudp_packet_write_reset(bytes, ID, filler));
	save("packet", "refuse", bytes,
	     rudp_packet_write_refuse(bytes, ID, RUDP_REFUSAL_PORT_CLOSED));
}

/* count ranges that get wider and further apart downwards. */
static void write_ack(struct rudp_writer *w, uint32_t count, const uint64_t ecn[3])
{
	struct rudp_range ranges[RUDP_ACK_RANGES_MAX];
	struct rudp_range_set set = {.ranges = ranges, .count = count};
	uint64_t above = UINT64_C(1) << 20;

	for (uint32_t i = count; i > 0; i--) {
		ranges[i - 1].end = above;
		ranges[i - 1].start = above - 1 - (count - i) * 7;
		above = ranges[i - 1].start - 1 - (count - i) * 3;
	}
	rudp_frame_write_ack(w, &set, 12345 * RUDP_NS_PER_US, ecn);
}

static void make_acks(void)
{
	uint8_t bytes[INPUT_MAX_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	write_ack(&w, 1, NULL);
	save("frame", "ack", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	write_ack(&w, 5, (const uint64_t[]){1000, 0, 3});
	save("frame", "ack_ecn", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	write_ack(&w, RUDP_ACK_RANGES_MAX, NULL);
	save("frame", "ack_of_most_ranges", bytes, rudp_writer_len(&w));
}

static void make_frames(void)
{
	uint8_t bytes[INPUT_MAX_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	write_ack(&w, 3, NULL);
	rudp_frame_write_value(&w, RUDP_FRAME_WINDOW, 1 << 20);
	rudp_frame_write_stream_head(&w, 70000, 12, false);
	rudp_write_bytes(&w, "stream bytes", 12);
	save("frame", "packet_of_data", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_path(&w, false, filler);
	rudp_frame_write_path(&w, true, filler + 8);
	rudp_frame_write_ping(&w);
	rudp_write_zeros(&w, 20);
	save("frame", "packet_of_a_new_path", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_value(&w, RUDP_FRAME_BLOCKED, 524288);
	rudp_frame_write_value(&w, RUDP_FRAME_URGENT, 99);
	rudp_frame_write_stream_head(&w, 100, 0, true);
	rudp_frame_write_value(&w, RUDP_FRAME_RESET, RUDP_RESET_APPLICATION);
	save("frame", "packet_of_an_end", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_value(&w, RUDP_FRAME_WINDOW, 1 << 20);
	rudp_frame_write_repair_head(&w, 70000, RUDP_FEC_COUNT_MAX, RUDP_FEC_ROWS_MAX - 1);
	rudp_write_bytes(&w, "a sum of stream bytes", 21);
	save("frame", "packet_of_a_sum", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_key_share(&w, 1, filler);
	rudp_frame_write_ping(&w);
	save("frame", "packet_of_a_key_share", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_spare_id(
		&w, &(struct rudp_spare_id){.number = 1, .id = ID, .number_offset = 0xfedcba98});
	save("frame", "packet_of_a_spare_id", bytes, rudp_writer_len(&w));
}

static void make_params(void)
{
	struct rudp_params params = {
		.source_id = ID,
		.window_bytes = 512 << 10,
		.datagram_max_bytes = RUDP_DATAGRAM_MAX_BYTES,
		.ack_delay_max_ns = 25 * RUDP_NS_PER_MS,
	};
	uint8_t bytes[INPUT_MAX_BYTES] = {0};
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	memcpy(params.reset_token, filler, sizeof params.reset_token);
	rudp_params_write(&w, &params);
	save("params", "synack", bytes, rudp_writer_len(&w));
	save("params", "syn_with_padding", bytes, 300);
	rudp_write_varint(&w, 1000); /* a type of a later version */
	rudp_write_varint(&w, 2);
	rudp_write_u16(&w, 0xffff);
	save("params", "with_an_unknown_type", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.wants_association = true;
	rudp_params_write(&w, &params);
	save("params", "syn_that_wants_an_association", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.wants_association = false;
	params.association_id = ID;
	rudp_params_write(&w, &params);
	save("params", "synack_that_offers_one", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.association_id = 0;
	params.early = filler;
	params.early_bytes = 40;
	rudp_params_write(&w, &params);
	save("params", "syn_with_early_data", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.early_bytes = 0;
	params.early_taken_bytes = 40;
	rudp_params_write(&w, &params);
	save("params", "synack_that_has_taken_some", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.early_taken_bytes = 0;
	params.spent = (struct rudp_spent){.association_id = ID, .counter = 7};
	rudp_params_write(&w, &params);
	save("params", "syn_that_names_a_spent_one", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.spent.association_id = 0;
	params.takes_repairs = true;
	rudp_params_write(&w, &params);
	save("params", "syn_of_one_who_takes_repairs", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.takes_short_ids = true;
	rudp_params_write(&w, &params);
	save("params", "syn_of_one_who_takes_short_ids", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.takes_key_shares = true;
	rudp_params_write(&w, &params);
	save("params", "syn_of_one_who_takes_key_shares", bytes, rudp_writer_len(&w));
	w = rudp_writer(bytes, sizeof bytes);
	params.takes_spare_ids = true;
	rudp_params_write(&w, &params);
	save("params", "syn_with_spare_ids", bytes, rudp_writer_len(&w));
}

/* fuzz_resume.c: the kind, then what becomes of the SYN, then of the SYNACK. */
static void make_resumes(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[8];
	} inputs[] = {
		{"good", {0, 0, 0}},
		{"good_with_dh", {1, 0, 0}},
		{"good_chacha20", {7, 0, 0}},
		{"cut_syn", {0, 1, 20, 0}},
		{"cut_synack", {1, 0, 1, 40, 0}},
		{"changed_key_of_the_syn", {1, 3, 17, 0, 1}},
		{"changed_top_bit_of_the_share", {1, 0, 3, 31, 0, 0x80}},
		{"replaced_syn", {0, 2, 1, 2, 3, 4, 5, 6}},
	};

	for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
		save("resume", inputs[i].name, inputs[i].bytes, sizeof inputs[i].bytes);
}

/* fuzz_fec.c: how, then pieces of the stream (3), sums (0) and reads (6) of 4000 bytes with
 * holes. */
static void make_repairs(void)
{
	static const uint8_t steps[] = {
		3, 0, 0,   3,  231,        /* 1000 bytes from 0 on */
		3, 1, 19,  1,  243,        /* 500 from 1100 on */
		0, 0, 0,   39, 0,   99, 7, /* a sum of 40 symbols of 100 bytes from 0 on */
		6, 1, 244,                 /* 500 are read */
		3, 1, 169, 8,  251, /* 2300 from 1700 on; 1000 to 1100, 1600 to 1700 are missing */
		0, 0, 0,   39, 0,   99, 9,
	};
	static const char *const names[] = {"honest", "lying", "honest_with_history"};

	for (uint8_t how = 0; how < 3; how++) {
		uint8_t bytes[1 + sizeof steps] = {how};

		memcpy(bytes + 1, steps, sizeof steps);
		save("fec", names[how], bytes, sizeof bytes);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus DIRECTORY\n");
		return 2;
	}
	corpus = argv[1];
	make_packets();
	make_acks();
	make_frames();
	make_params();
	make_resumes();
	make_repairs();
	return 0;
}
