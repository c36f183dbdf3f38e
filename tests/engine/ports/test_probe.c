/* SPDX-License-Identifier: MIT */
/* No event reports that a listener was closed: it is probed before a SYN for it is answered. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/config/policy.h"
#include "engine/ports/binding.h"
#include "engine/ports/listener.h"
#include "engine/running_engine.h"
#include "engine/udp/udp.h"
#include "proto/wire/packet.h"

static struct rudp_engine engine;
static struct rudp_addr fixed;
static struct rudp_udp *udp;
static uint64_t first_id, second_id;
static uint16_t first_port, second_port;

static uint16_t free_udp_port(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t len = sizeof name;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(zero(int, bind(fd, (struct sockaddr *)&name, len)));
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)&name, &len)));
	close(fd);
	return ntohs(name.sin_port);
}

/* A listener whose program's socket is closed already. */
static uint64_t closed_listener(uint16_t *port)
{
	struct rudp_call call = {.held_fd = fresh()};
	struct rudp_binding *binding;
	struct rudp_addr addr;

	cr_assert(zero(int, rudp_addr_parse(&addr, "127.0.0.1:0")));
	cr_assert(zero(int, rudp_binding_new(&engine, call.held_fd, 0, &addr, (uint32_t)getpid(),
					     &binding)));
	cr_assert(zero(int, rudp_listener_start(&engine, binding, &call, 5)));
	close(call.held_fd);
	*port = rudp_addr_port(&binding->local);
	return binding->id;
}

/* Both listeners share one UDP port. */
static void setup(void)
{
	static struct rudp_settings settings;
	char text[64], error[RUDP_POLICY_TEXT_SIZE];

	cr_assert(zero(int, rudp_addr_parse(&fixed, "127.0.0.1:0")));
	rudp_addr_set_port(&fixed, free_udp_port());
	snprintf(text, sizeof text, "set udp-port %u", rudp_addr_port(&fixed));
	settings.policy = rudp_policy_new();
	cr_assert(rudp_policy_parse(settings.policy, false, text, strlen(text), "test", error));
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	first_id = closed_listener(&first_port);
	second_id = closed_listener(&second_port);
	udp = rudp_udp_find(&engine, &fixed, false);
	cr_assert(ne(ptr, udp, NULL));
	udp->batch = RUDP_RECEIVE_BATCH;
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(probe, .init = setup, .fini = teardown);

static void write_syn(uint8_t *syn, uint16_t port)
{
	memset(syn, 0, RUDP_DATAGRAM_MIN_SYN_BYTES);
	rudp_packet_write_syn(syn, RUDP_SUITE_AES_256_GCM, 0, 1, port, NULL, 0);
}

/* In datagrams of segment bytes, which the kernel delivers together (UDP_SEGMENT, GRO). */
static void receive(const uint8_t *bytes, size_t len, int segment)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(zero(int, setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment)));
	cr_assert(eq(sz, (size_t)sendto(fd, bytes, len, 0, &fixed.sa, rudp_addr_len(&fixed)), len));
	close(fd);
	rudp_udp_receive(&engine, udp);
}

static bool is_there(uint64_t id)
{
	return rudp_binding_find(&engine, id) != NULL;
}

Test(probe, only_the_listener_of_the_syn_is_probed)
{
	uint8_t syn[RUDP_DATAGRAM_MIN_SYN_BYTES];

	write_syn(syn, first_port);
	receive(syn, sizeof syn, 0);
	cr_assert(not(is_there(first_id)));
	cr_assert(is_there(second_id));
	write_syn(syn, second_port);
	receive(syn, sizeof syn, 0);
	cr_assert(not(is_there(second_id)));
}

Test(probe, a_syn_behind_other_datagrams_is_seen_too)
{
	uint8_t train[2 * RUDP_DATAGRAM_MIN_SYN_BYTES] = {RUDP_PACKET_DATA << 4};

	write_syn(train + RUDP_DATAGRAM_MIN_SYN_BYTES, second_port);
	receive(train, sizeof train, RUDP_DATAGRAM_MIN_SYN_BYTES);
	cr_assert(not(is_there(second_id)));
}

Test(probe, a_datagram_that_is_no_syn_causes_no_probe)
{
	uint8_t syn[RUDP_DATAGRAM_MIN_SYN_BYTES];

	write_syn(syn, first_port);
	receive(syn, 64, 0);
	cr_assert(is_there(first_id));
	cr_assert(is_there(second_id));
}
