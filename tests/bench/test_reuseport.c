/* SPDX-License-Identifier: MIT */
/* What the design of several engines takes for granted of the kernel (docs/decisions). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/random.h"
#include "bench/steer.h"
#include "group.h"
#include "proto/wire/packet.h"

#define ENGINES 4
#define SEED 22
#define TRAIN_DATAGRAMS 8
#define TRAIN_SEGMENT_BYTES 1200
#define ERROR_WITHIN_MS 5000
#define HOSTS 32

static size_t write_data(uint8_t *out, const struct group *group, struct random *random,
			 unsigned engine)
{
	rudp_packet_write_short_data(out, false,
				     steer_id(&group->steer, random_next(random), engine), 7);
	return TRAIN_SEGMENT_BYTES;
}

static void set(int fd, int level, int option, int value)
{
	cr_assert(eq(int, setsockopt(fd, level, option, &value, sizeof value), 0));
}

/* The program runs once for all datagrams of a train. */
static void check_train(bool coalesced)
{
	static uint8_t train[TRAIN_DATAGRAMS * TRAIN_SEGMENT_BYTES];
	struct random random = {SEED};
	struct group group;
	int speaker = group_speaker("127.0.0.1");
	unsigned left = TRAIN_DATAGRAMS;

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	for (unsigned i = 0; i < ENGINES && coalesced; i++)
		set(group.fds[i], IPPROTO_UDP, UDP_GRO, 1);
	for (size_t at = 0; at < sizeof train; at += TRAIN_SEGMENT_BYTES)
		write_data(train + at, &group, &random, 3);
	set(speaker, IPPROTO_UDP, UDP_SEGMENT, TRAIN_SEGMENT_BYTES);
	group_send(&group, speaker, train, sizeof train);
	left = coalesced ? 1 : TRAIN_DATAGRAMS;
	while (left-- > 0)
		cr_expect(eq(uint, group_receiver(&group), 3));
	group_close(&group);
	close(speaker);
}

Test(reuseport, a_train_stays_together)
{
	check_train(true);
	check_train(false);
}

Test(reuseport, the_last_socket_takes_the_place_of_one_that_closes)
{
	struct random random = {SEED};
	uint8_t bytes[TRAIN_SEGMENT_BYTES] = {0};
	struct group group;
	int speaker = group_speaker("127.0.0.1"), closed;

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	closed = group.fds[1];
	group.fds[1] = dup(group.fds[0]);
	close(closed);
	write_data(bytes, &group, &random, 1);
	cr_expect(eq(uint, group_steered(&group, speaker, bytes, sizeof bytes), ENGINES - 1));
	group_close(&group);
	close(speaker);
}

/* An engine that is killed keeps its place while its supervisor has the socket. */
Test(reuseport, a_socket_keeps_its_place_while_somebody_has_it)
{
	struct random random = {SEED};
	uint8_t bytes[TRAIN_SEGMENT_BYTES] = {0};
	struct group group;
	int speaker = group_speaker("127.0.0.1"), kept;

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	kept = dup(group.fds[1]);
	close(group.fds[1]);
	group.fds[1] = kept;
	for (unsigned engine = 0; engine < ENGINES; engine++) {
		write_data(bytes, &group, &random, engine);
		cr_expect(eq(uint, group_steered(&group, speaker, bytes, sizeof bytes), engine));
	}
	group_close(&group);
	close(speaker);
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	cr_assert(ge(int, fd, 0));
	return fd;
}

static int bind_to(int fd, const struct rudp_addr *addr)
{
	return bind(fd, &addr->sa, rudp_addr_len(addr)) < 0 ? -errno : 0;
}

/*
 * As engine/ports/port_share.c takes a port: alone, so that another program's socket is found, and
 * then shared. The kernel takes the program only when there is a group, that is, behind the second
 * socket.
 */
Test(reuseport, a_port_may_be_taken_alone_before_it_is_shared)
{
	struct random random = {SEED};
	uint8_t bytes[TRAIN_SEGMENT_BYTES] = {0};
	struct group group;
	int speaker = group_speaker("127.0.0.1"), foreign = open_socket();
	socklen_t len = sizeof group.addr;

	steer_init(&group.steer, ENGINES, (uint32_t)random_next(&random));
	cr_assert(eq(int, rudp_addr_parse(&group.addr, "127.0.0.1:0"), 0));
	for (unsigned i = 0; i < ENGINES; i++)
		group.fds[i] = open_socket();
	cr_assert(eq(int, bind_to(group.fds[0], &group.addr), 0));
	cr_assert(eq(int, getsockname(group.fds[0], &group.addr.sa, &len), 0));
	set(foreign, SOL_SOCKET, SO_REUSEPORT, 1);
	cr_expect(eq(int, bind_to(foreign, &group.addr), -EADDRINUSE));
	set(group.fds[0], SOL_SOCKET, SO_REUSEPORT, 1);
	cr_expect(eq(int, steer_attach(group.fds[0], &group.steer), -EINVAL));
	for (unsigned i = 1; i < ENGINES; i++) {
		set(group.fds[i], SOL_SOCKET, SO_REUSEPORT, 1);
		cr_assert(eq(int, bind_to(group.fds[i], &group.addr), 0));
		cr_assert(eq(int, steer_attach(group.fds[0], &group.steer), 0));
	}
	for (unsigned engine = 0; engine < ENGINES; engine++) {
		write_data(bytes, &group, &random, engine);
		cr_expect(eq(uint, group_steered(&group, speaker, bytes, sizeof bytes), engine));
	}
	close(foreign);
	close(speaker);
	group_close(&group);
}

/* The program returns indices of the first sockets only. */
Test(reuseport, a_foreign_socket_that_joins_gets_no_datagram)
{
	struct random random = {SEED};
	uint8_t bytes[TRAIN_SEGMENT_BYTES] = {0};
	struct group group;
	int speaker = group_speaker("127.0.0.1"), foreign = open_socket();

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	set(foreign, SOL_SOCKET, SO_REUSEPORT, 1);
	cr_assert(eq(int, bind_to(foreign, &group.addr), 0));
	for (unsigned n = 0; n < 16 * ENGINES; n++) {
		bytes[0] = (uint8_t)(n * 4);
		bytes[4] = bytes[8] = bytes[11] = (uint8_t)n;
		group_steered(&group, speaker, bytes, sizeof bytes);
	}
	cr_expect(eq(i64, recv(foreign, bytes, sizeof bytes, 0), -1));
	cr_expect(eq(int, errno, EAGAIN));
	close(foreign);
	close(speaker);
	group_close(&group);
}

/* A port of that host without a listener. */
static struct rudp_addr closed_port(const char *host)
{
	int fd = group_speaker(host);
	struct rudp_addr addr;
	socklen_t len = sizeof addr;

	cr_assert(eq(int, getsockname(fd, &addr.sa, &len), 0));
	close(fd);
	return addr;
}

/* Which socket hears that the port is closed to which this engine's has sent. */
static unsigned who_hears_error(const struct group *group, unsigned sender,
				const struct rudp_addr *to)
{
	struct pollfd polled[ENGINES];
	unsigned hearer = ENGINES;
	char control[512], byte = 0;
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};

	cr_assert(eq(i64, sendto(group->fds[sender], &byte, 1, 0, &to->sa, rudp_addr_len(to)), 1));
	for (unsigned i = 0; i < ENGINES; i++)
		polled[i] = (struct pollfd){.fd = group->fds[i]};
	cr_assert(eq(int, poll(polled, ENGINES, ERROR_WITHIN_MS), 1));
	for (unsigned i = 0; i < ENGINES; i++)
		if (polled[i].revents & POLLERR)
			hearer = i;
	cr_assert(ge(i64, recvmsg(group->fds[hearer], &message, MSG_ERRQUEUE), 0));
	return hearer;
}

/*
 * The kernel looks for the socket of an ICMP error without a datagram, so the program does not run:
 * it hashes the addresses, whichever socket has sent. Three of four errors come to a wrong engine.
 */
Test(reuseport, icmp_errors_go_by_addresses_and_not_to_the_sender)
{
	unsigned at_sender = 0;
	struct random random = {SEED};
	struct group group;
	char host[32];

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	for (unsigned i = 0; i < ENGINES; i++)
		set(group.fds[i], IPPROTO_IP, IP_RECVERR, 1);
	for (unsigned n = 0; n < HOSTS; n++) {
		struct rudp_addr to;
		unsigned hearer;

		snprintf(host, sizeof host, "127.2.%u.1", n);
		to = closed_port(host);
		hearer = who_hears_error(&group, n % ENGINES, &to);
		cr_expect(eq(uint, who_hears_error(&group, (n + 1) % ENGINES, &to), hearer));
		at_sender += hearer == n % ENGINES;
	}
	cr_expect(lt(uint, at_sender, HOSTS));
	group_close(&group);
}
