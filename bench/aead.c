/* SPDX-License-Identifier: MIT */
/*
 * The cost of sealing and opening one packet by library, cipher and length: nanoseconds of CPU
 * time, the minimum of several runs, since other work on the machine can only add time. Frames and
 * stream bytes are two pieces, as in a packet.
 *
 *     make build/bench/aead && build/bench/aead
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/config/aead_choice.h"

enum { LENGTH_MAX = 65507, HEAD_BYTES = 8, RUNS = 9, BYTES_PER_RUN = 8 << 20, COUNT_MAX = 8000 };

struct packet {
	struct rudp_aead sealer, opener;
	uint8_t aad[13], plain[LENGTH_MAX];
	uint8_t sealed[LENGTH_MAX + RUDP_AEAD_TAG_BYTES], opened[LENGTH_MAX];
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void seal(struct packet *packet, size_t len, uint64_t counter)
{
	struct iovec in[2] = {{packet->plain, HEAD_BYTES},
			      {packet->plain + HEAD_BYTES, len - HEAD_BYTES}};

	rudp_aead_seal(&packet->sealer, counter, packet->aad, sizeof packet->aad, in, 2,
		       packet->sealed);
}

static void open_it(struct packet *packet, size_t len)
{
	if (rudp_aead_open(&packet->opener, 0, packet->aad, sizeof packet->aad, packet->sealed,
			   len + RUDP_AEAD_TAG_BYTES, packet->opened))
		return;
	fputs("aead: what was sealed does not open\n", stderr);
	exit(1);
}

/* Runs are short, so that some of them are not disturbed by other processes. */
static void measure(struct packet *packet, size_t len, double *seal_ns, double *open_ns)
{
	size_t count = BYTES_PER_RUN / len < COUNT_MAX ? BYTES_PER_RUN / len : COUNT_MAX;

	*seal_ns = *open_ns = 1e18;
	for (int run = 0; run < RUNS; run++) {
		double start = cpu_ns(), sealed, opened;

		for (size_t i = 0; i < count; i++)
			seal(packet, len, i + 1);
		sealed = cpu_ns();
		seal(packet, len, 0);
		opened = cpu_ns();
		for (size_t i = 0; i < count; i++)
			open_it(packet, len);
		opened = cpu_ns() - opened;
		if ((sealed - start) / (double)count < *seal_ns)
			*seal_ns = (sealed - start) / (double)count;
		if (opened / (double)count < *open_ns)
			*open_ns = opened / (double)count;
	}
}

static void report(const char *cipher_name, enum rudp_cipher cipher)
{
	static const size_t lengths[] = {64, 1200, 1452, 8952, LENGTH_MAX};
	static const uint8_t key[RUDP_KEY_BYTES] = {1};
	static struct packet packet;

	if (rudp_aead_init(&packet.sealer, cipher, true, key) < 0 ||
	    rudp_aead_init(&packet.opener, cipher, false, key) < 0)
		exit(1);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		double seal_ns, open_ns;

		measure(&packet, lengths[i], &seal_ns, &open_ns);
		printf("| %s | %s | %zu | %.0f | %.0f |\n",
		       rudp_aead_kind_text(rudp_aead_used()->kind), cipher_name, lengths[i],
		       seal_ns, open_ns);
	}
	rudp_aead_fini(&packet.sealer);
	rudp_aead_fini(&packet.opener);
}

int main(void)
{
	static const enum rudp_aead_kind kinds[] = {RUDP_AEAD_LIBCRYPTO, RUDP_AEAD_IPSEC_MB};

	puts("| library | cipher | bytes | seal, ns | open, ns |\n| --- | --- | --- | --- | --- |");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		rudp_aead_choose(kinds[i]);
		if (rudp_aead_used()->kind != kinds[i])
			continue;
		report("AES-256-GCM", RUDP_CIPHER_AES_256_GCM);
		report("ChaCha20-Poly1305", RUDP_CIPHER_CHACHA20_POLY1305);
	}
	return 0;
}
