/* SPDX-License-Identifier: MIT */
/* The TOS of a connected socket: in a control message, or set on the socket when it repeats. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop/engine.h"
#include "engine/udp/udp.h"

#define WAIT_MS 30000
#define ECT 2
#define DSCP 0x28

static struct rudp_engine engine;
static struct rudp_udp *udp;
static int peer = -1;

static void setup(void)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
}

static void teardown(void)
{
	if (peer >= 0)
		close(peer);
	rudp_engine_fini(&engine);
}

TestSuite(udp_tos, .init = setup, .fini = teardown);

/* Opens a plain socket there that receives the TOS, and connects ours to it. */
static void connect_to(const char *there)
{
	const int on = 1;
	struct rudp_udp_route route = {0};
	struct rudp_addr self;
	socklen_t len = sizeof self.in6;

	cr_assert(zero(int, rudp_addr_parse(&self, there)));
	peer = socket(self.family, SOCK_DGRAM, 0);
	setsockopt(peer, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
	if (self.family == AF_INET6)
		setsockopt(peer, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
	cr_assert(zero(int, bind(peer, &self.sa, rudp_addr_len(&self))));
	cr_assert(zero(int, getsockname(peer, &self.sa, &len)));
	cr_assert(zero(int, rudp_udp_open_connected(&engine, &self, &route, &udp)));
}

static int told(struct msghdr *message)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);
	int value = 0;

	cr_assert(not(zero(ptr, cmsg)));
	/* IP_TOS is one byte, IPV6_TCLASS an int. */
	memcpy(&value, CMSG_DATA(cmsg), cmsg->cmsg_type == IP_TOS ? 1 : sizeof value);
	return value;
}

/* Sends one datagram with this TOS; returns the TOS with which it arrives. */
static int comes_with(uint8_t tos)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	uint8_t data[100] = {1, 2, 3}, got[sizeof data];
	struct iovec iov = {got, sizeof got};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	struct rudp_train train = {.data = data,
				   .len = sizeof data,
				   .segment_bytes = sizeof data,
				   .local = udp->local,
				   .remote = udp->remote,
				   .tos = tos};
	struct pollfd one = {.fd = peer, .events = POLLIN};

	rudp_udp_send(&engine, udp, &train);
	cr_assert(eq(int, poll(&one, 1, WAIT_MS), 1));
	cr_assert(eq(sz, (size_t)recvmsg(peer, &message, 0), sizeof data));
	cr_assert(zero(int, memcmp(data, got, sizeof data)));
	return told(&message);
}

static void send_changing(void)
{
	static const uint8_t phases[] = {ECT, 0, DSCP | ECT, ECT, 0};

	for (size_t i = 0; i < sizeof phases; i++)
		for (int n = 0; n < 2 * RUDP_UDP_TOS_REPEATED + 3; n++)
			cr_assert(eq(int, comes_with(phases[i]), phases[i]));
	for (int n = 0; n < 3 * RUDP_UDP_TOS_REPEATED; n++)
		cr_assert(eq(int, comes_with(n % 2 ? ECT : 0), n % 2 ? ECT : 0));
}

Test(udp_tos, every_datagram_has_its_own_tos)
{
	connect_to("127.0.0.1:0");
	send_changing();
}

Test(udp_tos, every_datagram_has_its_own_tos_over_ipv6)
{
	connect_to("[::1]:0");
	send_changing();
}

Test(udp_tos, a_repeated_tos_becomes_the_sockets)
{
	int tos = 0;
	socklen_t len = sizeof tos;

	connect_to("127.0.0.1:0");
	for (int n = 0; n < RUDP_UDP_TOS_REPEATED; n++)
		comes_with(ECT);
	cr_assert(zero(u8, udp->tos), "most connections are short");
	comes_with(ECT);
	cr_assert(eq(u8, udp->tos, ECT));
	cr_assert(zero(int, getsockopt(udp->fd, IPPROTO_IP, IP_TOS, &tos, &len)));
	cr_assert(eq(int, tos, ECT));
}

Test(udp_tos, alternating_tos_values_stay_in_control_messages)
{
	connect_to("127.0.0.1:0");
	for (int n = 0; n < 4 * RUDP_UDP_TOS_REPEATED; n++)
		comes_with(n % 2 ? ECT : DSCP | ECT);
	cr_assert(zero(u8, udp->tos));
}

Test(udp_tos, after_a_refusal_the_tos_is_not_set)
{
	connect_to("127.0.0.1:0");
	udp->no_tos = true;
	for (int n = 0; n < 2 * RUDP_UDP_TOS_REPEATED; n++)
		cr_assert(zero(int, comes_with(ECT)));
	cr_assert(zero(u8, udp->tos));
}
