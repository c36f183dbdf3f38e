/* SPDX-License-Identifier: MIT */
/* bind(): which addresses can be bound at the same time, and what getsockname returns. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static long say_bind(const char *what, int fd, const char *ip, uint16_t port)
{
	struct sockaddr_storage addr;
	address(&addr, ip, port);
	return say_result(what, bind_to(fd, &addr));
}

static void say_own(const char *what, int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	memset(&name, 0, sizeof(name));
	must(getsockname(fd, (struct sockaddr *)&name, &len) == 0, "getsockname");
	say_address(what, &name, len);
}

CHECK(getsockname_before_and_after_everything)
{
	struct sockaddr_storage addr, before, after;
	socklen_t len = sizeof(addr);
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_own("fresh", fd);
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&after, &len));
	say_bind("bind", fd, "127.0.0.1", 0);
	say_own("bound", fd);
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&after, &len));
	name_of(fd, &before);
	must(connect_to(fd, &addr) == 0, "connect");
	say_own("connected", fd);
	name_of(fd, &after);
	say("the same name: %d", same_address(&before, &after));
	fd = fresh(AF_INET6, 0);
	say_own("fresh IPv6", fd);
	say_bind("bind", fd, "::", 0);
	say_own("bound IPv6", fd);
	must(listen(fd, 1) == 0, "listen");
	say_own("listening IPv6", fd);
}

CHECK(getsockname_with_short_buffers_and_wrong_pointers)
{
	static const socklen_t sizes[] = {0, 1, 2, 8, 16, 17, 128};
	struct sockaddr_storage addr;
	int fd = listener(AF_INET, &addr);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sockaddr_storage name;
		socklen_t len = sizes[i];
		say_result("getsockname", getsockname(fd, (struct sockaddr *)&name, &len));
		say("room for %u: length %u", sizes[i], len);
	}
	socklen_t len = sizeof(addr), negative = (socklen_t)-1;
	say_result("NULL address", getsockname(fd, NULL, &len));
	say_result("NULL length", getsockname(fd, (struct sockaddr *)&addr, NULL));
	say_result("address 1", getsockname(fd, (struct sockaddr *)1, &len));
	say_result("negative", getsockname(fd, (struct sockaddr *)&addr, &negative));
	len = 0;
	say_result("NULL address, no room", getsockname(fd, NULL, &len));
}

CHECK(getpeername_with_short_buffers_and_wrong_pointers)
{
	struct sockaddr_storage name;
	int client, server;
	connected_pair(AF_INET6, &client, &server);
	for (socklen_t size = 0; size <= 32; size += 8) {
		socklen_t len = size;
		say_result("getpeername", getpeername(client, (struct sockaddr *)&name, &len));
		say("room for %u: length %u", size, len);
	}
	socklen_t len = sizeof(name), negative = (socklen_t)-5;
	say_result("NULL address", getpeername(client, NULL, &len));
	say_result("NULL length", getpeername(client, (struct sockaddr *)&name, NULL));
	say_result("negative", getpeername(client, (struct sockaddr *)&name, &negative));
	say_result("not connected, wrong pointers",
		   getpeername(fresh(AF_INET, 0), (void *)1, (void *)1));
}

CHECK(bind_with_wrong_arguments)
{
	struct sockaddr_storage addr;
	static const socklen_t lengths[] = {0, 1, 2, 15, 17, 128, 129, (socklen_t)-1};
	address(&addr, "127.0.0.1", 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int fd = fresh(AF_INET, 0);
		say("length %d", (int)lengths[i]);
		say_result("bind", bind(fd, (struct sockaddr *)&addr, lengths[i]));
		close(fd);
	}
	int fd = fresh(AF_INET, 0);
	say_result("NULL", bind(fd, NULL, 16));
	say_result("address 1", bind(fd, (struct sockaddr *)1, 16));
	address(&addr, "::1", 0);
	say_result("IPv6 on IPv4", bind_to(fd, &addr));
	address(&addr, "127.0.0.1", 0);
	say_result("IPv4 on IPv6", bind_to(fresh(AF_INET6, 0), &addr));
	addr.ss_family = AF_UNSPEC;
	say_result("AF_UNSPEC, an address", bind(fd, (struct sockaddr *)&addr, 16));
	address(&addr, "0.0.0.0", 0);
	addr.ss_family = AF_UNSPEC;
	say_result("AF_UNSPEC, any address", bind(fd, (struct sockaddr *)&addr, 16));
	addr.ss_family = 99;
	say_result("family 99", bind(fresh(AF_INET, 0), (struct sockaddr *)&addr, 16));
	say_result("closed", bind(-1, (struct sockaddr *)&addr, 16));
}

CHECK(bind_twice_is_einval)
{
	struct sockaddr_storage addr;
	int client, server;
	int fd = fresh(AF_INET, 0);
	say_bind("first", fd, "127.0.0.1", 0);
	say_bind("second", fd, "127.0.0.1", 0);
	say_bind("listener", listener(AF_INET, &addr), "127.0.0.1", 0);
	connected_pair(AF_INET, &client, &server);
	say_bind("connected", client, "127.0.0.1", 0);
	say_bind("accepted", server, "127.0.0.1", 0);
}

CHECK(bind_to_what_is_not_an_own_address)
{
	int fd = fresh(AF_INET, 0);
	say_bind("192.0.2.77", fd, "192.0.2.77", 0);
	say_bind("broadcast", fd, "255.255.255.255", 0);
	say_bind("multicast", fd, "224.0.0.1", 0);
	say_bind("192.0.2.1 is", fd, "192.0.2.1", 0);
	fd = fresh(AF_INET6, 0);
	say_bind("2001:db8::77", fd, "2001:db8::77", 0);
	say_bind("multicast", fd, "ff02::1", 0);
	say_bind("mapped 192.0.2.77", fd, "::ffff:192.0.2.77", 0);
	say_bind("2001:db8::1 is", fd, "2001:db8::1", 0);
	fd = fresh(AF_INET, 0);
	set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
	say_bind("192.0.2.77 with IP_FREEBIND", fd, "192.0.2.77", 0);
}

/* The addresses that can be bound beside a bound or listening socket. */
static void beside(bool listening, bool reuse)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, 0);
	if (reuse)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	address(&addr, "127.0.0.1", 0);
	must(bind_to(fd, &addr) == 0, "bind");
	name_of(fd, &addr);
	if (listening)
		must(listen(fd, 1) == 0, "listen");
	uint16_t port = port_of(&addr);
	say_bind("without SO_REUSEADDR", fresh(AF_INET, 0), "127.0.0.1", port);
	int other = fresh(AF_INET, 0);
	set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
	if (say_bind("with SO_REUSEADDR", other, "127.0.0.1", port) == 0)
		say_result("listen", listen(other, 1));
	close(other);
	other = fresh(AF_INET, 0);
	set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
	if (say_bind("any address with SO_REUSEADDR", other, "0.0.0.0", port) == 0)
		say_result("listen", listen(other, 1));
	close(other);
	say_bind("any address", fresh(AF_INET, 0), "0.0.0.0", port);
	say_bind("127.0.0.2", fresh(AF_INET, 0), "127.0.0.2", port);
	say_bind("IPv6 loopback", fresh(AF_INET6, 0), "::1", port);
	say_bind("dual stack", fresh(AF_INET6, 0), "::", port);
	other = fresh(AF_INET6, 0);
	set_option(other, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	say_bind("IPv6 only", other, "::", port);
}

CHECK(names_beside_a_bound_socket)
{
	beside(false, false);
}

CHECK(names_beside_a_bound_socket_with_reuseaddr)
{
	beside(false, true);
}

CHECK(names_beside_a_listener)
{
	beside(true, false);
}

CHECK(names_beside_a_listener_with_reuseaddr)
{
	beside(true, true);
}

CHECK(names_beside_a_dual_stack_listener)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET6, 0);
	address(&addr, "::", 0);
	must(bind_to(fd, &addr) == 0 && listen(fd, 5) == 0, "listener");
	name_of(fd, &addr);
	uint16_t port = port_of(&addr);
	say_bind("0.0.0.0", fresh(AF_INET, 0), "0.0.0.0", port);
	say_bind("127.0.0.1", fresh(AF_INET, 0), "127.0.0.1", port);
	say_bind("::1", fresh(AF_INET6, 0), "::1", port);
	say_bind("::", fresh(AF_INET6, 0), "::", port);
}

CHECK(one_port_for_ipv4_and_for_ipv6_only)
{
	struct sockaddr_storage addr;
	int four = fresh(AF_INET, 0), six = fresh(AF_INET6, 0);
	address(&addr, "0.0.0.0", 0);
	must(bind_to(four, &addr) == 0 && listen(four, 5) == 0, "listener");
	name_of(four, &addr);
	uint16_t port = port_of(&addr);
	set_option(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	say_bind("IPv6 only", six, "::", port);
	say_result("listen", listen(six, 5));
	address(&addr, "127.0.0.1", port);
	say_result("IPv4", connect_to(fresh(AF_INET, 0), &addr));
	wait_for(four, POLLIN);
	address(&addr, "::1", port);
	say_result("IPv6", connect_to(fresh(AF_INET6, 0), &addr));
	wait_for(six, POLLIN);
	must(fcntl(four, F_SETFL, O_NONBLOCK) == 0 && fcntl(six, F_SETFL, O_NONBLOCK) == 0,
	     "F_SETFL");
	say("IPv4: %d", accept(four, NULL, NULL) >= 0);
	say("IPv4 again: %d", accept(four, NULL, NULL) >= 0);
	say("IPv6: %d", accept(six, NULL, NULL) >= 0);
	say("IPv6 again: %d", accept(six, NULL, NULL) >= 0);
}

CHECK(dual_stack_listener_shows_mapped_names)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	int server = fresh(AF_INET6, 0);
	address(&addr, "::", 0);
	must(bind_to(server, &addr) == 0 && listen(server, 5) == 0, "listener");
	name_of(server, &addr);
	uint16_t port = port_of(&addr);
	address(&addr, "127.0.0.1", port);
	must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	int fd = accept(server, (struct sockaddr *)&name, &len);
	say_address("accept", &name, len);
	say_own("own", fd);
	peer_of(fd, &name);
	say_address("peer", &name, address_len(&name));
	address(&addr, "::1", port);
	len = sizeof(name);
	must(connect_to(fresh(AF_INET6, 0), &addr) == 0, "connect");
	fd = accept(server, (struct sockaddr *)&name, &len);
	say_address("accept", &name, len);
	say_own("own", fd);
}

CHECK(v6only_listener_refuses_ipv4)
{
	struct sockaddr_storage addr;
	int server = fresh(AF_INET6, 0);
	set_option(server, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	address(&addr, "::", 0);
	must(bind_to(server, &addr) == 0 && listen(server, 5) == 0, "listener");
	name_of(server, &addr);
	uint16_t port = port_of(&addr);
	address(&addr, "127.0.0.1", port);
	say_result("IPv4", connect_to(fresh(AF_INET, 0), &addr));
	address(&addr, "::1", port);
	say_result("IPv6", connect_to(fresh(AF_INET6, 0), &addr));
	int off = 0;
	say_result("V6ONLY after bind",
		   setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)));
	server = fresh(AF_INET6, 0);
	set_option(server, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	say_bind("mapped on V6ONLY", server, "::ffff:127.0.0.1", 0);
}

CHECK(ipv6_socket_bound_to_a_mapped_address)
{
	struct sockaddr_storage addr, name;
	int server = fresh(AF_INET6, 0);
	address(&addr, "::ffff:127.0.0.1", 0);
	must(bind_to(server, &addr) == 0 && listen(server, 5) == 0, "listener");
	say_own("listener", server);
	name_of(server, &addr);
	uint16_t port = port_of(&addr);
	address(&addr, "127.0.0.1", port);
	say_result("IPv4", connect_to(fresh(AF_INET, 0), &addr));
	int fd = accept(server, NULL, NULL);
	say_own("own", fd);
	peer_of(fd, &name);
	say_address("peer", &name, address_len(&name));
	address(&addr, "::1", port);
	say_result("IPv6", connect_to(fresh(AF_INET6, 0), &addr));
}

CHECK(privileged_port_wants_a_privilege)
{
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		must(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
		say_bind("port 81", fresh(AF_INET, 0), "127.0.0.1", 81);
		say_bind("port 1023", fresh(AF_INET6, 0), "::1", 1023);
		say_bind("port 1024", fresh(AF_INET, 0), "127.0.0.1", 1024);
		struct sockaddr_in in = {.sin_family = AF_INET};
		say_result("bindresvport", bindresvport(fresh(AF_INET, 0), &in));
		_exit(0);
	}
	reap(child);
	say_bind("port 82 as root", fresh(AF_INET, 0), "127.0.0.1", 82);
}

CHECK(privilege_that_was_dropped_after_the_first_socket)
{
	fresh(AF_INET, 0);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		fresh(AF_INET, 0);
		int early = fresh(AF_INET, 0);
		must(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
		say_bind("port 83", early, "127.0.0.1", 83);
		say_bind("port 2003", early, "127.0.0.1", 2003);
		say_result("listen", listen(early, 1));
		_exit(0);
	}
	reap(child);
}

CHECK(bindresvport_takes_a_reserved_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_storage name;
	int fd = fresh(AF_INET, 0);
	say_result("bindresvport", bindresvport(fd, &in));
	name_of(fd, &name);
	say("512 to 1023: %d", port_of(&name) >= 512 && port_of(&name) <= 1023);
	say("told: %d", ntohs(in.sin_port) == port_of(&name));
	fd = fresh(AF_INET, 0);
	say_result("without an address", bindresvport(fd, NULL));
	name_of(fd, &name);
	say("512 to 1023: %d", port_of(&name) >= 512 && port_of(&name) <= 1023);
	in.sin_family = AF_INET6;
	say_result("another family", bindresvport(fresh(AF_INET, 0), &in));
}

CHECK(bind_before_connect_gives_the_source)
{
	struct sockaddr_storage addr, bound, seen;
	socklen_t len = sizeof(seen);
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	address(&bound, "127.0.0.9", 2004);
	must(bind_to(fd, &bound) == 0, "bind");
	say_result("connect", connect_to(fd, &addr));
	must(accept(server, (struct sockaddr *)&seen, &len) >= 0, "accept");
	say("the server sees it: %d", same_address(&bound, &seen));
	name_of(fd, &seen);
	say("so does the client: %d", same_address(&bound, &seen));
}

CHECK(bind_to_any_before_connect_gives_the_port)
{
	struct sockaddr_storage addr, seen;
	socklen_t len = sizeof(seen);
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_bind("bind", fd, "0.0.0.0", 2005);
	say_result("connect", connect_to(fd, &addr));
	must(accept(server, (struct sockaddr *)&seen, &len) >= 0, "accept");
	say_address("the server sees", &seen, len);
	say("port: %d", port_of(&seen));
	say_own("own", fd);
}

CHECK(bind_address_no_port)
{
	struct sockaddr_storage addr, seen;
	int value = 1;
	socklen_t len = sizeof(seen);
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("option",
		   setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &value, sizeof(value)));
	say_bind("bind", fd, "127.0.0.7", 0);
	say_own("bound", fd);
	say_result("connect", connect_to(fd, &addr));
	must(accept(server, (struct sockaddr *)&seen, &len) >= 0, "accept");
	say_address("the server sees", &seen, len);
	say_own("connected", fd);
}

CHECK(two_sources_of_one_name_to_two_destinations)
{
	struct sockaddr_storage one, two, name;
	listener(AF_INET, &one);
	listener(AF_INET, &two);
	int fd = fresh(AF_INET, 0), other = fresh(AF_INET, 0), third = fresh(AF_INET, 0);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(third, SOL_SOCKET, SO_REUSEADDR, 1);
	address(&name, "127.0.0.1", 2006);
	say_result("bind", bind_to(fd, &name));
	say_result("connect", connect_to(fd, &one));
	say_result("bind", bind_to(other, &name));
	say_result("connect elsewhere", connect_to(other, &two));
	say_result("bind", bind_to(third, &name));
	say_result("connect to the same", connect_to(third, &one));
}

CHECK(every_live_connection_has_a_name_of_its_own)
{
	enum { COUNT = 200 };
	static struct sockaddr_storage names[COUNT];
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int alike = 0;
	for (int i = 0; i < COUNT; i++) {
		socklen_t len = sizeof(names[i]);
		memset(&names[i], 0, sizeof(names[i]));
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
		must(accept(server, (struct sockaddr *)&names[i], &len) >= 0, "accept");
		for (int k = 0; k < i; k++)
			alike += same_address(&names[i], &names[k]);
	}
	say("alike: %d", alike);
}

CHECK(rebind_after_close_with_live_connections)
{
	struct sockaddr_storage addr;
	int server = fresh(AF_INET, 0);
	set_option(server, SOL_SOCKET, SO_REUSEADDR, 1);
	address(&addr, "127.0.0.1", 2007);
	must(bind_to(server, &addr) == 0 && listen(server, 5) == 0, "listener");
	int fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	close(server);
	say_bind("without SO_REUSEADDR", fresh(AF_INET, 0), "127.0.0.1", 2007);
	server = fresh(AF_INET, 0);
	set_option(server, SOL_SOCKET, SO_REUSEADDR, 1);
	say_bind("with SO_REUSEADDR", server, "127.0.0.1", 2007);
	say_result("listen", listen(server, 5));
	must(send(fd, "old", 3, 0) == 3, "send");
	say_bytes("the old connection", accepted);
	int other = fresh(AF_INET, 0);
	say_result("connect", connect_to(other, &addr));
	accepted = accept(server, NULL, NULL);
	must(send(other, "new", 3, 0) == 3, "send");
	say_bytes("the new connection", accepted);
}

CHECK(rebind_after_close_without_connections)
{
	for (int i = 0; i < 10; i++) {
		struct sockaddr_storage addr;
		int server = fresh(AF_INET, 0);
		address(&addr, "127.0.0.1", 2008);
		must(bind_to(server, &addr) == 0, "bind");
		must(listen(server, 5) == 0, "listen");
		close(server);
	}
	say("ten times");
}

/* The engine may close its UDP socket while the program's bind fails because of it. */
CHECK(udp_socket_after_close_of_a_tcp_socket)
{
	int refused = 0;

	for (int i = 0; i < 3000; i++) {
		struct sockaddr_storage addr;
		int tcp = fresh(AF_INET, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);

		address(&addr, "127.0.0.1", 2009);
		must(bind_to(tcp, &addr) == 0, "bind");
		close(tcp);
		for (volatile int spin = i % 64 * 300; spin > 0; spin--)
			;
		refused += bind_to(udp, &addr) < 0;
		close(udp);
	}
	say("refused: %d", refused);
}

/* A server that restarts binds TCP and UDP. Its last connection has ended a moment ago. */
CHECK(udp_socket_after_the_end_of_a_connection)
{
	struct sockaddr_storage addr;
	int tcp = listener(AF_INET, &addr), udp = socket(AF_INET, SOCK_DGRAM, 0);
	int client = fresh(AF_INET, 0), server;

	must(connect_to(client, &addr) == 0, "connect");
	server = accept(tcp, NULL, NULL);
	must(shutdown(server, SHUT_WR) == 0, "shutdown");
	say_bytes("client", client);
	close(client);
	say_bytes("server", server);
	close(server);
	close(tcp);
	say_result("bind", bind_to(udp, &addr));
}

CHECK(bound_socket_does_not_answer)
{
	struct sockaddr_storage addr;
	int fd = refusing(AF_INET, &addr);
	say_poll("bound", fd);
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
	say_result("listen", listen(fd, 1));
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
}
