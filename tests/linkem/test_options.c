/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/options.h"
#include "../../integration/linkem/link.h"
#include "../../integration/linkem/units.h"

#include <argp.h>
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#define SIDES "--a=ns:A,10.0.0.1/24", "--b=ns:B,10.0.0.2/24"
#define PARSE(conf, ...) parse(conf, (const char *[]){"linkem", SIDES, __VA_ARGS__, NULL})

static int parse(struct linkem_conf *conf, const char **argument)
{
	int count = 0;

	while (argument[count])
		count++;
	return options_parse(conf, count, (char **)argument, ARGP_SILENT);
}

Test(options, times_rates_and_probabilities_have_units)
{
	uint64_t value = 0;
	double share = 0;

	cr_assert(units_duration("20ms", &value));
	cr_assert(eq(u64, value, 20000000));
	cr_assert(units_duration("1.5s", &value));
	cr_assert(eq(u64, value, 1500000000));
	cr_assert(units_rate("2.5M", &value));
	cr_assert(eq(u64, value, 2500000));
	cr_assert(units_rate("1Gbit", &value));
	cr_assert(eq(u64, value, 1000000000));
	cr_assert(units_probability("2%", &share));
	cr_assert(epsilon_eq(dbl, share, 0.02, 1e-12));
	cr_assert(units_probability("1", &share));
	cr_assert(eq(dbl, share, 1));
}

Test(options, nonsense_is_no_number)
{
	static const char *const wrong[] = {"",
					    "-1ms",
					    "1x",
					    "ms",
					    "1.2.3s",
					    "inf",
					    "nan",
					    "0x10ms",
					    "1e5s",
					    " 1ms",
					    "99999999999999999999s"};
	uint64_t value = 42;
	double share = 42;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		cr_assert(not(units_duration(wrong[i], &value)), "%s", wrong[i]);
		cr_assert(not(units_rate(wrong[i], &value)), "%s", wrong[i]);
		cr_assert(not(units_probability(wrong[i], &share)), "%s", wrong[i]);
	}
	cr_assert(not(units_probability("101%", &share)));
	cr_assert(eq(u64, value, 42));
	cr_assert(eq(dbl, share, 42));
}

Test(options, sides_have_namespace_addresses_and_device)
{
	struct side_conf side = {0};
	char text[INET6_ADDRSTRLEN];

	cr_assert(
		zero(ptr, (void *)options_side(&side, "ns:left,10.1.2.3/24,fd00::5/64,dev=eth7")));
	cr_assert(eq(str, side.netns, "/run/netns/left"));
	cr_assert(eq(str, side.device, "eth7"));
	cr_assert(eq(str, (char *)inet_ntop(AF_INET, &side.v4, text, sizeof text), "10.1.2.3"));
	cr_assert(eq(uint, side.v4_prefix_bits, 24));
	cr_assert(eq(str, (char *)inet_ntop(AF_INET6, &side.v6, text, sizeof text), "fd00::5"));
	cr_assert(eq(uint, side.v6_prefix_bits, 64));
	cr_assert(zero(ptr, (void *)options_side(&side, "pid:12,10.0.0.1/8")));
	cr_assert(eq(str, side.netns, "/proc/12/ns/net"));
}

Test(options, bad_sides_are_refused)
{
	static const char *const wrong[] = {"",
					    "A",
					    "ns:",
					    "ns:../x,10.0.0.1/8",
					    "ns:A",
					    "ns:A,10.0.0.1",
					    "ns:A,10.0.0.1/33",
					    "ns:A,10.0.0/8",
					    "ns:A,fd00::1/129",
					    "ns:A,10.0.0.1/8,dev=",
					    "ns:A,10.0.0.1/8,dev=sixteenlettersxx"};
	struct side_conf side = {0};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		memset(&side, 0, sizeof side);
		cr_assert(not(zero(ptr, (void *)options_side(&side, wrong[i]))), "%s", wrong[i]);
	}
}

Test(options, both_sides_are_needed)
{
	struct linkem_conf conf;

	cr_assert(eq(int, parse(&conf, (const char *[]){"linkem", "--a=ns:A,10.0.0.1/24", NULL}),
		     EINVAL));
	cr_assert(eq(int, PARSE(&conf, "--mtu=1500"), 0));
}

Test(options, plain_name_means_both_directions_and_the_last_counts)
{
	struct linkem_conf conf;

	cr_assert(eq(int, PARSE(&conf, "--loss=1%", "--ab-loss=5%", "--delay", "7ms"), 0));
	cr_assert(epsilon_eq(dbl, conf.direction[DIRECTION_AB].loss, 0.05, 1e-12));
	cr_assert(epsilon_eq(dbl, conf.direction[DIRECTION_BA].loss, 0.01, 1e-12));
	cr_assert(eq(u64, conf.direction[DIRECTION_BA].delay_ns, 7000000));
	cr_assert(eq(int, PARSE(&conf, "--ba-loss=5%", "--loss=1%"), 0));
	cr_assert(epsilon_eq(dbl, conf.direction[DIRECTION_BA].loss, 0.01, 1e-12));
}

Test(options, every_impairment_is_understood)
{
	struct linkem_conf conf;
	const struct direction_conf *d = &conf.direction[DIRECTION_AB];

	cr_assert(eq(int,
		     PARSE(&conf, "--jitter=3ms,pareto,ordered", "--rate=10M", "--queue=100p",
			   "--reorder=1%,5ms", "--duplicate=0.5%", "--corrupt=1%,undetected",
			   "--blackout=1s,2s,10s", "--blackout=0,1s", "--drop=udp,icmp",
			   "--refuse=tcp", "--path-mtu=1300", "--burst-loss=1%,25%,90%,0.1%"),
		     0));
	cr_assert(d->jitter_pareto && d->jitter_ordered);
	cr_assert(eq(int, d->queue.unit, QUEUE_UNIT_PACKETS));
	cr_assert(eq(u64, d->reorder_ns, 5000000));
	cr_assert(d->corrupt_undetected);
	cr_assert(eq(sz, d->blackouts, 2));
	cr_assert(eq(u64, d->blackout[0].period_ns, 10000000000));
	cr_assert(eq(uint, d->drop_mask, 1u << PROTOCOL_UDP | 1u << PROTOCOL_ICMP));
	cr_assert(eq(uint, d->refuse_mask, 1u << PROTOCOL_TCP));
	cr_assert(eq(sz, d->path_mtu_bytes, 1300));
	cr_assert(epsilon_eq(dbl, d->burst.loss_good, 0.001, 1e-12));
}

Test(options, mistakes_are_refused)
{
	static const char *const wrong[] = {"--loss=2x",
					    "--queue=0",
					    "--queue=1x",
					    "--reorder=1%",
					    "--burst-loss=1%",
					    "--burst-loss=99%,1p",
					    "--jitter=1ms,wild",
					    "--corrupt=1%,loud",
					    "--drop=sctp",
					    "--mtu=100",
					    "--seed=x",
					    "--rebind=1s,x",
					    "--rebind-range=10.0.0.1",
					    "--cd-loss=1%",
					    "--blackout=1s",
					    "stray"};
	struct linkem_conf conf;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert(ne(int, PARSE(&conf, wrong[i]), 0), "%s", wrong[i]);
}

Test(options, queue_in_bdp_counts_both_delays_and_has_a_floor)
{
	struct linkem_conf conf;
	size_t bytes = 0, packets = 0;

	cr_assert(eq(int, PARSE(&conf, "--rate=50M", "--delay=20ms", "--queue=2bdp"), 0));
	link_queue_limits(&conf, DIRECTION_AB, &bytes, &packets);
	cr_assert(eq(sz, bytes, 500000));
	cr_assert(eq(sz, packets, SIZE_MAX));
	cr_assert(eq(int, PARSE(&conf, "--rate=50M"), 0));
	link_queue_limits(&conf, DIRECTION_AB, &bytes, &packets);
	cr_assert(eq(sz, bytes, 15000));
}

Test(options, rebinding_takes_times_and_a_range)
{
	struct linkem_conf conf;

	cr_assert(eq(
		int,
		PARSE(&conf, "--rebind=1s,3s", "--rebind-every=5s", "--rebind-range=10.0.0.100,5"),
		0));
	cr_assert(eq(sz, conf.nat.times, 2));
	cr_assert(eq(u64, conf.nat.at_ns[1], 3000000000));
	cr_assert(eq(u64, conf.nat.every_ns, 5000000000));
	cr_assert(eq(u32, conf.nat.v4_size, 5));
}

Test(options, what_to_record_has_times_and_a_file)
{
	struct linkem_conf conf;

	cr_assert(eq(int,
		     PARSE(&conf, "--series=20ms,/tmp/a,b", "--settled=2s,15s", "--mark=0.2bdp"),
		     0));
	cr_assert(eq(u64, conf.series_interval_ns, 20000000));
	cr_assert(eq(str, (char *)conf.series_path, "/tmp/a,b"));
	cr_assert(eq(u64, conf.settled_from_ns, 2000000000));
	cr_assert(eq(u64, conf.settled_to_ns, 15000000000));
	cr_assert(eq(dbl, conf.direction[DIRECTION_BA].mark.amount, 0.2));
	cr_assert(eq(int, PARSE(&conf, "--series=20ms"), EINVAL));
	cr_assert(eq(int, PARSE(&conf, "--series=0,/tmp/a"), EINVAL));
	cr_assert(eq(int, PARSE(&conf, "--settled=2s,2s"), EINVAL));
	cr_assert(eq(int, PARSE(&conf, "--mark=none"), EINVAL));
	cr_assert(eq(int, PARSE(&conf, "--nap=50us"), 0));
	cr_assert(eq(u64, conf.nap_ns, 50000));
	cr_assert(eq(int, PARSE(&conf, "--nap=1s"), EINVAL));
}
