/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/series.h"
#include "../../integration/linkem/impairments.h"
#include "sample.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

static struct linkem_conf conf;
static struct link link_under_test;

static void prepare(void)
{
	memset(&conf, 0, sizeof conf);
	conf.mtu_bytes = 1500;
	conf.direction[DIRECTION_AB] = conf.direction[DIRECTION_BA] = impairments_none;
	conf.direction[DIRECTION_AB].rate_bps = 12000000;
	conf.direction[DIRECTION_AB].queue = (struct queue_conf){QUEUE_UNIT_PACKETS, 100};
	conf.settled_to_ns = UINT64_MAX;
	link_init(&link_under_test, &conf);
}

static void submit(uint64_t now_ns)
{
	struct sample sample = sample_make(4, IPPROTO_UDP, 5000, 80, 1472);

	link_submit(&link_under_test, DIRECTION_AB, now_ns, sample.data, sample.size);
}

/* Ten full packets at once are ten milliseconds of queue; the row after five sees the peak, too. */
Test(series, rows_tell_filling_peak_and_bytes)
{
	char path[] = "/tmp/linkem-series.XXXXXX", text[512] = "";
	struct series series;
	FILE *in;

	close(mkstemp(path));
	prepare();
	conf.series_path = path;
	conf.series_interval_ns = 5 * MS;
	cr_assert(eq(int, series_open(&series, &conf), 0));
	cr_assert(eq(u64, series_next_at(&series, &link_under_test), LINE_NEVER));
	for (int i = 0; i < 10; i++)
		submit(100 * MS);
	cr_assert(eq(u64, series_next_at(&series, &link_under_test), 100 * MS));
	series_write(&series, &link_under_test, 100 * MS);
	cr_assert(eq(u64, series_next_at(&series, &link_under_test), 105 * MS));
	submit(104 * MS);
	series_write(&series, &link_under_test, 105 * MS);
	series_close(&series);
	in = fopen(path, "r");
	cr_assert(ge(sz, fread(text, 1, sizeof text - 1, in), 1));
	fclose(in);
	unlink(path);
	cr_assert(eq(str, text,
		     "ms,ab_queue_us,ab_queue_peak_us,ab_sent,ab_delivered,ab_drops,"
		     "ba_queue_us,ba_queue_peak_us,ba_sent,ba_delivered,ba_drops\n"
		     "0,10000,10000,15000,0,0,0,0,0,0,0\n"
		     "5,6000,7000,16500,0,0,0,0,0,0,0\n"));
	link_fini(&link_under_test);
}

Test(series, without_a_file_nothing_is_ever_due)
{
	struct series series;

	prepare();
	cr_assert(eq(int, series_open(&series, &conf), 0));
	submit(0);
	cr_assert(eq(u64, series_next_at(&series, &link_under_test), LINE_NEVER));
	series_write(&series, &link_under_test, UINT64_MAX - 1);
	series_close(&series);
	conf.series_path = "/nowhere/at/all";
	cr_assert(eq(int, series_open(&series, &conf), -ENOENT));
	link_fini(&link_under_test);
}

Test(series, settled_delay_is_that_of_the_window_alone)
{
	const struct direction_stats *stats = &link_under_test.lane[DIRECTION_AB].stats;

	prepare();
	conf.settled_from_ns = 10 * MS;
	conf.settled_to_ns = 20 * MS;
	submit(1000 * MS);
	submit(1000 * MS);
	submit(1010 * MS);
	submit(1020 * MS);
	free(link_take(&link_under_test, DIRECTION_AB, 1021 * MS));
	cr_assert(eq(u64, stats->queue_delay.count, 4));
	cr_assert(eq(u64, stats->queue_delay_settled.count, 1));
	cr_assert(eq(u64, stats->queue_delay_settled.max_ns, MS));
	link_fini(&link_under_test);
}
