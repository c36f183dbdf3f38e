/* SPDX-License-Identifier: MIT */
/* connect() with wrong arguments, and to addresses with a special meaning. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

CHECK(connect_with_wrong_lengths)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	static const socklen_t lengths[] = {0, 1, 2, 4, 8, 15, 128, 129, (socklen_t)-1};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int fd = fresh(AF_INET, 0);
		say("length %d", (int)lengths[i]);
		say_result("connect", connect(fd, (struct sockaddr *)&addr, lengths[i]));
		say_poll("after", fd);
		close(fd);
	}
}

CHECK(connect_with_wrong_lengths_over_ipv6)
{
	struct sockaddr_storage addr;
	listener(AF_INET6, &addr);
	static const socklen_t lengths[] = {0, 2, 16, 23, 24, 27, 28, 128, 129};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int fd = fresh(AF_INET6, 0);
		say("length %d", (int)lengths[i]);
		say_result("connect", connect(fd, (struct sockaddr *)&addr, lengths[i]));
		close(fd);
	}
}

CHECK(connect_with_wrong_pointers)
{
	struct sockaddr_storage addr;
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("NULL", connect(fd, NULL, sizeof(struct sockaddr_in)));
	say_result("NULL, length 0", connect(fd, NULL, 0));
	say_result("address 1", connect(fd, (struct sockaddr *)1, sizeof(struct sockaddr_in)));
	must(munmap(page + 4096, 4096) == 0, "munmap");
	memcpy(page + 4096 - 8, &addr, 8);
	say_result("half of it is mapped",
		   connect(fd, (struct sockaddr *)(page + 4096 - 8), sizeof(struct sockaddr_in)));
	memcpy(page + 4096 - 16, &addr, 16);
	say_result("just mapped",
		   connect(fd, (struct sockaddr *)(page + 4096 - 16), sizeof(struct sockaddr_in)));
}

CHECK(connect_with_a_wrong_family)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	static const int families[] = {AF_UNIX, AF_INET6, AF_NETLINK, 77, 65535};
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		int fd = fresh(AF_INET, 0);
		addr.ss_family = (sa_family_t)families[i];
		say("family %d", families[i]);
		say_result("connect", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
		say_poll("after", fd);
		close(fd);
	}
}

CHECK(connect_with_a_wrong_family_over_ipv6)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET6, 0);
	say_result("an IPv4 address", connect_to(fd, &addr));
	addr.ss_family = AF_UNIX;
	say_result("a path", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
}

CHECK(connect_to_a_path_does_not_reach_an_unix_socket)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "\0rudp-behaviour-path"};
	int local = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(local, (struct sockaddr *)&path, 24) == 0, "bind to a path");
	must(listen(local, 1) == 0, "a local listener");
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect(fd, (struct sockaddr *)&path, 24));
	say_result("bind", bind(fd, (struct sockaddr *)&path, 24));
}

CHECK(connect_on_what_is_no_socket)
{
	struct sockaddr_storage addr;
	int pipes[2];
	listener(AF_INET, &addr);
	must(pipe(pipes) == 0, "pipe");
	int closed = dup(pipes[0]);
	close(closed);
	say_result("closed", connect_to(closed, &addr));
	say_result("negative", connect_to(-1, &addr));
	say_result("pipe", connect_to(pipes[0], &addr));
	say_result("a file", connect_to(open("/dev/null", O_RDWR), &addr));
	say_result("O_PATH", connect_to(open("/dev/null", O_PATH), &addr));
}

CHECK(connect_to_port_zero)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, 0);
	address(&addr, "127.0.0.1", 0);
	say_result("IPv4", connect_to(fd, &addr));
	fd = fresh(AF_INET6, 0);
	address(&addr, "::1", 0);
	say_result("IPv6", connect_to(fd, &addr));
}

CHECK(connect_to_any_address_means_the_bound_ipv4_address)
{
	static const char *const bound[] = {"127.0.0.2", "::ffff:127.0.0.2", "::ffff:0.0.0.0"};
	static const char *const to[] = {"0.0.0.0", "::ffff:0.0.0.0", "::"};
	struct sockaddr_storage addr, own;
	int listening = fresh(AF_INET, 0);
	address(&own, "0.0.0.0", 0);
	say_result("bind", bind_to(listening, &own));
	say_result("listen", listen(listening, 16));
	name_of(listening, &own);
	uint16_t port = port_of(&own);
	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		for (size_t j = i > 0; j < (i > 0 ? 3 : 1); j++) {
			address(&own, bound[i], 0);
			int fd = fresh(own.ss_family, 0);
			say_result(bound[i], bind_to(fd, &own));
			address(&addr, to[j], port);
			say_result(to[j], connect_to(fd, &addr));
			peer_of(fd, &addr);
			say_address("peer", &addr, address_len(&addr));
			close(fd);
		}
	}
}

CHECK(connect_to_any_address_means_loopback)
{
	struct sockaddr_storage addr, peer;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	((struct sockaddr_in *)&addr)->sin_addr.s_addr = INADDR_ANY;
	say_result("0.0.0.0", connect_to(fd, &addr));
	peer_of(fd, &peer);
	say_address("peer", &peer, address_len(&peer));
	name_of(fd, &peer);
	say_address("own", &peer, address_len(&peer));
	listener(AF_INET6, &addr);
	fd = fresh(AF_INET6, 0);
	((struct sockaddr_in6 *)&addr)->sin6_addr = in6addr_any;
	say_result("::", connect_to(fd, &addr));
	peer_of(fd, &peer);
	say_address("peer", &peer, address_len(&peer));
	name_of(fd, &peer);
	say_address("own", &peer, address_len(&peer));
}

CHECK(connect_to_another_loopback_address)
{
	struct sockaddr_storage addr, peer, name;
	int server = fresh(AF_INET, 0);
	address(&addr, "127.5.5.5", 0);
	must(bind_to(server, &addr) == 0 && listen(server, 1) == 0, "listener");
	name_of(server, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	peer_of(fd, &peer);
	say_address("peer", &peer, address_len(&peer));
	name_of(fd, &name);
	say_address("own", &name, address_len(&name));
	set_port(&addr, port_of(&addr));
	((struct sockaddr_in *)&addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = fresh(AF_INET, 0);
	say_result("the same port at 127.0.0.1", connect_to(fd, &addr));
}

CHECK(connect_to_an_own_address_of_the_machine)
{
	struct sockaddr_storage addr, name;
	int server = fresh(AF_INET, 0);
	address(&addr, "0.0.0.0", 0);
	must(bind_to(server, &addr) == 0 && listen(server, 1) == 0, "listener");
	name_of(server, &addr);
	uint16_t port = port_of(&addr);
	address(&addr, "192.0.2.1", port);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	name_of(fd, &name);
	say_address("own", &name, address_len(&name));
	int accepted = accept(server, NULL, NULL);
	name_of(accepted, &name);
	say_address("accepted", &name, address_len(&name));
	peer_of(accepted, &name);
	say_address("its peer", &name, address_len(&name));
}

CHECK(mapped_address_on_an_ipv6_socket)
{
	struct sockaddr_storage addr, name;
	int server = listener(AF_INET, &addr);
	uint16_t port = port_of(&addr);
	int fd = fresh(AF_INET6, 0);
	address(&addr, "::ffff:127.0.0.1", port);
	say_result("connect", connect_to(fd, &addr));
	peer_of(fd, &name);
	say_address("peer", &name, address_len(&name));
	name_of(fd, &name);
	say_address("own", &name, address_len(&name));
	int accepted = accept(server, NULL, NULL);
	peer_of(accepted, &name);
	say_address("peer of the accepted", &name, address_len(&name));
}

CHECK(mapped_address_on_a_v6only_socket)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	uint16_t port = port_of(&addr);
	int fd = fresh(AF_INET6, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	address(&addr, "::ffff:127.0.0.1", port);
	say_result("connect", connect_to(fd, &addr));
	say_poll("after", fd);
}

CHECK(mapped_address_that_refuses)
{
	struct sockaddr_storage addr;
	refusing(AF_INET, &addr);
	uint16_t port = port_of(&addr);
	int fd = fresh(AF_INET6, 0);
	address(&addr, "::ffff:127.0.0.1", port);
	say_result("connect", connect_to(fd, &addr));
	say_error("SO_ERROR", fd);
}

CHECK(scope_ids_of_link_local_addresses)
{
	struct sockaddr_storage addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	listener(AF_INET6, &addr);
	address(&addr, "fe80::1234", 80);
	int fd = fresh(AF_INET6, 0);
	say_result("link-local without scope", connect_to(fd, &addr));
	in6->sin6_scope_id = 9999;
	fd = fresh(AF_INET6, 0);
	say_result("link-local, no such interface", connect_to(fd, &addr));
	fd = fresh(AF_INET6, 0);
	say_result("bind, no such interface", bind_to(fd, &addr));
	in6->sin6_scope_id = 0;
	fd = fresh(AF_INET6, 0);
	say_result("bind without scope", bind_to(fd, &addr));
}

CHECK(scope_id_of_loopback_is_not_kept)
{
	struct sockaddr_storage addr, name;
	listener(AF_INET6, &addr);
	((struct sockaddr_in6 *)&addr)->sin6_scope_id = if_nametoindex("lo");
	((struct sockaddr_in6 *)&addr)->sin6_flowinfo = htonl(5);
	int fd = fresh(AF_INET6, 0);
	say_result("connect", connect_to(fd, &addr));
	peer_of(fd, &name);
	say("scope %u, flow %u", ((struct sockaddr_in6 *)&name)->sin6_scope_id,
	    ntohl(((struct sockaddr_in6 *)&name)->sin6_flowinfo));
}

CHECK(connect_to_itself)
{
	struct sockaddr_storage addr, name;
	int fd = fresh(AF_INET, 0);
	address(&addr, "127.0.0.1", 0);
	must(bind_to(fd, &addr) == 0, "bind");
	name_of(fd, &addr);
	if (say_result("connect", connect_to(fd, &addr)) < 0)
		return;
	peer_of(fd, &name);
	say("peer is itself: %d", same_address(&name, &addr));
	must(send(fd, "echo", 4, 0) == 4, "send");
	say_bytes("recv", fd);
}

CHECK(connect_to_the_own_listener_in_one_thread)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fds[20];
	for (int i = 0; i < 20; i++) {
		fds[i] = fresh(AF_INET, 0);
		must(connect_to(fds[i], &addr) == 0, "connect");
	}
	for (int i = 0; i < 20; i++) {
		int accepted = accept(server, NULL, NULL);
		must(accepted >= 0, "accept");
		char byte = (char)i;
		must(send(fds[i], &byte, 1, 0) == 1, "send");
		must(recv(accepted, &byte, 1, 0) == 1, "recv");
		if (byte != i)
			say("connection %d is %d in the queue", i, byte);
	}
	say("in order");
}
