/* SPDX-License-Identifier: MIT */
/*
 * Messages from one program to another over the carrier that it is linked with: as many as
 * possible, or at an even rate, each with its sending time.
 */
#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plain.h"

enum {
	CONNECTIONS_MAX = 1000,
	SIZE_MAX_BYTES = 1 << 20,
	RATE_MAX = 1000000,
	SAMPLES_MAX = 1000000,
};

static double samples[SAMPLES_MAX];

void carrier_die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	exit(1);
}

static _Noreturn void serve(const char *port, uint64_t count)
{
	double begin_s = 0, begin_cpu_s = 0, sent_at_s;
	size_t size, sampled = 0;
	const void *bytes;

	carrier_listen(port);
	puts("listening");
	fflush(stdout);
	for (uint64_t i = 0; i < count; i++) {
		bytes = carrier_receive(&size);
		if (i == 0) {
			begin_s = now_s();
			begin_cpu_s = cpu_s();
		}
		memcpy(&sent_at_s, bytes, sizeof sent_at_s);
		if (sent_at_s > 0 && sampled < SAMPLES_MAX)
			samples[sampled++] = (now_s() - sent_at_s) * 1e6;
	}
	printf("{\"messages\": %llu, \"per_s\": %.1f, \"receiver_cpu_s\": %.6f, ",
	       (unsigned long long)count, (double)(count - 1) / (now_s() - begin_s),
	       cpu_s() - begin_cpu_s);
	print_quantiles("late_us", samples, sampled);
	puts("}");
	fflush(stdout);
	/* The last acknowledgements must still be written: the caller ends this program. */
	for (;;)
		pause();
}

/* rate 0: as fast as possible. */
static void run(char **argument, uint64_t rate)
{
	size_t size = count_from(argument[2], SIZE_MAX_BYTES);
	size_t connections = count_from(argument[3], CONNECTIONS_MAX);
	uint64_t count = count_from(argument[4], UINT32_MAX);
	uint8_t *bytes = calloc(1, size < sizeof(double) ? sizeof(double) : size);
	double begin_s, begin_cpu_s, sent_at_s;

	if (!bytes)
		die("memory");
	fill_random(bytes, size);
	memset(bytes, 0, sizeof sent_at_s);
	carrier_connect(argument[0], argument[1], connections);
	begin_s = now_s();
	begin_cpu_s = cpu_s();
	for (uint64_t i = 0; i < count; i++) {
		if (rate > 0) {
			sleep_until(begin_s + (double)i / (double)rate);
			sent_at_s = now_s();
			memcpy(bytes, &sent_at_s, sizeof sent_at_s);
		}
		carrier_send(i % connections, bytes, size);
	}
	carrier_finish();
	printf("{\"sender_s\": %.6f, \"sender_cpu_s\": %.6f}\n", now_s() - begin_s,
	       cpu_s() - begin_cpu_s);
	fflush(stdout);
	free(bytes);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"exchange-CARRIER serve PORT COUNT",
		"exchange-CARRIER send HOST PORT SIZE CONNECTIONS COUNT [A-SECOND]",
		NULL,
	};

	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], count_from(argv[3], UINT32_MAX));
	else if ((argc == 7 || argc == 8) && strcmp(argv[1], "send") == 0)
		run(argv + 2, argc == 8 ? count_from(argv[7], RATE_MAX) : 0);
	else
		usage(lines);
	return 0;
}
