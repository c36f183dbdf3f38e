/* SPDX-License-Identifier: MIT */
/* Engines' UDP sockets and those of programs, as the kernel shows them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop/engine.h"
#include "engine/udp/udp.h"
#include "engine/udp/udp_owner.h"

static struct rudp_engine engine;

static void setup(void)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(udp_owner, .init = setup, .fini = teardown);

/* A program's, bound here; *place gets its address. */
static int open_program(const char *here, struct rudp_addr *place)
{
	socklen_t len = sizeof place->in6;
	int fd;

	cr_assert(zero(int, rudp_addr_parse(place, here)));
	fd = socket(place->family, SOCK_DGRAM, 0);
	cr_assert(zero(int, bind(fd, &place->sa, rudp_addr_len(place))));
	cr_assert(zero(int, getsockname(fd, &place->sa, &len)));
	return fd;
}

static bool is_other_at(const char *host, uint16_t port)
{
	struct rudp_addr to;

	cr_assert(zero(int, rudp_addr_parse(&to, host)));
	rudp_addr_set_port(&to, port);
	return rudp_udp_owner_is_other(&to);
}

Test(udp_owner, a_programs_socket_is_known)
{
	static const char *const places[] = {"127.0.0.1:0", "[::1]:0"};

	for (size_t i = 0; i < 2; i++) {
		struct rudp_addr place;
		int fd = open_program(places[i], &place);

		cr_assert(is_other_at(places[i], rudp_addr_port(&place)));
		close(fd);
		cr_assert(not(is_other_at(places[i], rudp_addr_port(&place))));
	}
}

Test(udp_owner, a_socket_of_all_addresses_is_found_by_each)
{
	struct rudp_addr place;
	int fd = open_program("[::]:0", &place);

	cr_assert(is_other_at("127.0.0.1:0", rudp_addr_port(&place)));
	cr_assert(is_other_at("[::1]:0", rudp_addr_port(&place)));
	close(fd);
}

Test(udp_owner, an_engines_socket_is_not_a_programs)
{
	static const char *const places[] = {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"};

	for (size_t i = 0; i < 3; i++) {
		const struct rudp_udp_options options = {0};
		struct rudp_addr place;
		struct rudp_udp *udp;

		cr_assert(zero(int, rudp_addr_parse(&place, places[i])));
		cr_assert(zero(int, rudp_udp_open(&engine, &place, &options, &udp)));
		cr_assert(not(is_other_at(i == 1 ? "[::1]:0" : "127.0.0.1:0",
					  rudp_addr_port(&udp->local))));
		rudp_udp_close(&engine, udp);
	}
}

/* Datagrams from elsewhere do not reach it. */
Test(udp_owner, a_connected_socket_is_not_in_the_way)
{
	struct rudp_addr place, peer;
	int fd = open_program("127.0.0.1:0", &place), peer_fd = open_program("127.0.0.1:0", &peer);

	cr_assert(zero(int, connect(fd, &peer.sa, rudp_addr_len(&peer))));
	cr_assert(not(rudp_udp_owner_is_other(&place)));
	close(fd);
	close(peer_fd);
}
