/* SPDX-License-Identifier: MIT */
/* Every option that programs use: its default in each state, setting it, lengths, pointers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/option.h"
#include "behaviour/setup.h"

CHECK(defaults_of_a_fresh_socket)
{
	int fd = fresh(AF_INET, 0);
	say_options(fd, socket_options);
	say_options(fd, tcp_options);
	say_options(fd, ip_options);
}

CHECK(defaults_of_a_fresh_ipv6_socket)
{
	int fd = fresh(AF_INET6, 0);
	say_options(fd, socket_options);
	say_options(fd, tcp_options);
	say_options(fd, ip_options);
	say_options(fd, ipv6_options);
}

CHECK(defaults_of_a_bound_socket)
{
	struct sockaddr_storage addr;
	int fd = refusing(AF_INET, &addr);
	say_options(fd, socket_options);
	say_options(fd, tcp_options);
	say_options(fd, ip_options);
}

CHECK(defaults_of_a_listener)
{
	struct trio trio = make_trio(AF_INET);
	say_options(trio.listening, socket_options);
	say_options(trio.listening, tcp_options);
	say_options(trio.listening, ip_options);
}

CHECK(defaults_of_a_connected_socket)
{
	struct trio trio = make_trio(AF_INET);
	say_options(trio.client, socket_options);
	say_options(trio.client, tcp_options);
	say_options(trio.client, ip_options);
}

CHECK(defaults_of_an_accepted_socket)
{
	struct trio trio = make_trio(AF_INET);
	say_options(trio.server, socket_options);
	say_options(trio.server, tcp_options);
	say_options(trio.server, ip_options);
}

CHECK(defaults_of_ipv6_connections)
{
	struct trio trio = make_trio(AF_INET6);
	say_options(trio.listening, ipv6_options);
	say_options(trio.client, ipv6_options);
	say_options(trio.server, ipv6_options);
}

CHECK(options_of_ipv6_on_an_ipv4_socket)
{
	int fd = fresh(AF_INET, 0);
	say_options(fd, ipv6_options);
	for (const struct option *option = ipv6_options; option->name; option++)
		set_and_say("set", fd, option, option->sample);
}

static const struct option *next_settable(const struct option *option)
{
	while (option->name && option->refused)
		option++;
	return option;
}

#define EACH_SETTABLE(option, options)                                                             \
	for (const struct option *option = next_settable(options); option->name;                   \
	     option = next_settable(option + 1))

static void set_each(int family, const struct option *options)
{
	EACH_SETTABLE(option, options)
	{
		int fd = fresh(family, 0);
		set_and_say("set", fd, option, option->sample);
		set_and_say("set", fd, option, 0);
		set_and_say("set", fd, option, -1);
		close(fd);
	}
}

CHECK(setting_options_of_sockets)
{
	set_each(AF_INET, socket_options);
}

CHECK(setting_options_of_tcp)
{
	set_each(AF_INET, tcp_options);
}

CHECK(setting_options_of_ip)
{
	set_each(AF_INET, ip_options);
}

CHECK(setting_options_of_ipv6)
{
	set_each(AF_INET6, ipv6_options);
}

static void set_on(int fd, const struct option *options)
{
	EACH_SETTABLE(option, options)
	set_and_say("set", fd, option, option->sample);
}

CHECK(setting_options_of_a_connection)
{
	set_on(make_trio(AF_INET).client, socket_options);
	set_on(make_trio(AF_INET).client, tcp_options);
	set_on(make_trio(AF_INET).client, ip_options);
}

CHECK(setting_options_of_an_accepted_socket)
{
	set_on(make_trio(AF_INET).server, socket_options);
	set_on(make_trio(AF_INET).server, tcp_options);
	set_on(make_trio(AF_INET).server, ip_options);
}

CHECK(setting_options_of_an_ipv6_connection)
{
	struct trio trio = make_trio(AF_INET6);
	set_on(trio.client, ipv6_options);
	set_on(trio.listening, ipv6_options);
}

/* A listener for each option, because some options prevent connections. */
static void set_then_accept(int family, const struct option *options)
{
	EACH_SETTABLE(option, options)
	{
		struct sockaddr_storage addr;
		int listening = listener(family, &addr), client = fresh(family, 0);
		set_and_say("listener", listening, option, option->sample);
		must(connect_to(client, &addr) == 0, option->name);
		put(client, "x"); /* with TCP_DEFER_ACCEPT, accept waits for data */
		int server = accept(listening, NULL, NULL);
		must(server >= 0, "accept");
		say_option("  accepted", server, option);
		close(client);
		close(server);
		close(listening);
	}
}

CHECK(accepted_sockets_inherit_options_of_sockets)
{
	set_then_accept(AF_INET, socket_options);
}

CHECK(accepted_sockets_inherit_options_of_tcp)
{
	set_then_accept(AF_INET, tcp_options);
}

CHECK(accepted_sockets_inherit_options_of_ip)
{
	set_then_accept(AF_INET, ip_options);
}

CHECK(accepted_sockets_inherit_options_of_ipv6)
{
	set_then_accept(AF_INET6, ipv6_options);
}

static void connect_after_setting(int family, const struct option *options)
{
	EACH_SETTABLE(option, options)
	{
		struct sockaddr_storage addr;
		int listening = listener(family, &addr), client = fresh(family, 0);
		setsockopt(client, option->level, option->number, &option->sample,
			   sizeof(option->sample));
		say_option("before", client, option);
		say_result("  connect", connect_to(client, &addr));
		say_option("  connected", client, option);
		close(client);
		close(listening);
	}
}

CHECK(a_connection_keeps_options_of_sockets)
{
	connect_after_setting(AF_INET, socket_options);
}

CHECK(a_connection_keeps_options_of_tcp)
{
	connect_after_setting(AF_INET, tcp_options);
}

CHECK(a_connection_keeps_options_of_ip)
{
	connect_after_setting(AF_INET, ip_options);
}

CHECK(a_connection_keeps_options_of_ipv6)
{
	connect_after_setting(AF_INET6, ipv6_options);
}

static void with_lengths(int fd, const struct option *options)
{
	static const socklen_t lengths[] = {0, 1, 3, 5, 8, (socklen_t)-1};
	EACH_SETTABLE(option, options)
	{
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			char what[64], value[64] = {1};
			socklen_t len = lengths[i];
			snprintf(what, sizeof(what), "get %s, %d bytes", option->name, (int)len);
			long rc = getsockopt(fd, option->level, option->number, value, &len);
			if (say_result(what, rc) == 0)
				say("  length %d", (int)len);
			len = lengths[i];
			snprintf(what, sizeof(what), "set %s, %d bytes", option->name, (int)len);
			memset(value, 0, sizeof(value));
			say_result(what, setsockopt(fd, option->level, option->number, value, len));
		}
	}
}

CHECK(lengths_of_options_of_sockets)
{
	with_lengths(fresh(AF_INET, 0), socket_options);
}

CHECK(lengths_of_options_of_tcp)
{
	with_lengths(fresh(AF_INET, 0), tcp_options);
}

CHECK(lengths_of_options_of_ip)
{
	with_lengths(fresh(AF_INET, 0), ip_options);
}

CHECK(lengths_of_options_of_ipv6)
{
	with_lengths(fresh(AF_INET6, 0), ipv6_options);
}

CHECK(lengths_of_options_of_a_connection)
{
	struct trio trio = make_trio(AF_INET);
	with_lengths(trio.client, socket_options);
	with_lengths(trio.client, tcp_options);
}

static void with_pointers(int fd, const struct option *options)
{
	char value[64];
	socklen_t len, *bad = forbidden();
	for (const struct option *option = options; option->name; option++) {
		int level = option->level, number = option->number;
		say("%s", option->name);
		len = sizeof(int);
		say_result("  get to NULL", getsockopt(fd, level, number, NULL, &len));
		len = sizeof(int);
		say_result("  get to nowhere", getsockopt(fd, level, number, bad, &len));
		say_result("  no length", getsockopt(fd, level, number, value, NULL));
		say_result("  length nowhere", getsockopt(fd, level, number, value, bad));
		say_result("  set NULL", setsockopt(fd, level, number, NULL, sizeof(int)));
		say_result("  set from nowhere", setsockopt(fd, level, number, bad, sizeof(int)));
		say_result("  set NULL of 0", setsockopt(fd, level, number, NULL, 0));
	}
}

CHECK(pointers_of_options_of_sockets)
{
	with_pointers(fresh(AF_INET, 0), socket_options);
}

CHECK(pointers_of_options_of_tcp)
{
	with_pointers(fresh(AF_INET, 0), tcp_options);
}

CHECK(pointers_of_options_of_a_connection)
{
	struct trio trio = make_trio(AF_INET);
	with_pointers(trio.client, socket_options);
	with_pointers(trio.client, tcp_options);
	with_pointers(trio.client, ip_options);
}

static void switch_on_refused(int family, const struct option *options)
{
	for (const struct option *option = options; option->name; option++) {
		if (option->refused)
			set_and_say("set", fresh(family, 0), option, option->sample);
	}
}

CHECK(options_that_rudp_refuses)
{
	switch_on_refused(AF_INET, socket_options);
	switch_on_refused(AF_INET, tcp_options);
	switch_on_refused(AF_INET, ip_options);
	switch_on_refused(AF_INET6, ipv6_options);
}

static void say_mtu(const char *what, int fd, int level, int number)
{
	int mtu = -1;
	socklen_t len = sizeof(mtu);
	if (getsockopt(fd, level, number, &mtu, &len) == 0)
		say("%s: at least 576: %d", what, mtu >= 576);
	else
		say_result(what, -1);
}

CHECK(the_mtu_is_known_once_there_is_a_path)
{
	struct trio trio = make_trio(AF_INET), trio6 = make_trio(AF_INET6);
	say_mtu("fresh", fresh(AF_INET, 0), IPPROTO_IP, IP_MTU);
	say_mtu("listener", trio.listening, IPPROTO_IP, IP_MTU);
	say_mtu("client", trio.client, IPPROTO_IP, IP_MTU);
	say_mtu("server", trio.server, IPPROTO_IP, IP_MTU);
	say_mtu("fresh of IPv6", fresh(AF_INET6, 0), IPPROTO_IPV6, IPV6_MTU);
	say_mtu("client of IPv6", trio6.client, IPPROTO_IPV6, IPV6_MTU);
	say_mtu("server of IPv6", trio6.server, IPPROTO_IPV6, IPV6_MTU);
	int mtu = 1500;
	say_result("set", setsockopt(trio.client, IPPROTO_IP, IP_MTU, &mtu, sizeof(mtu)));
}

CHECK(the_name_of_the_peer_as_an_option)
{
	struct sockaddr_storage name, peer;
	socklen_t len = sizeof(struct sockaddr_in);
	struct trio trio = make_trio(AF_INET);
	peer_of(trio.client, &peer);
	memset(&name, 0, sizeof(name));
	say_result("get", getsockopt(trio.client, SOL_SOCKET, SO_PEERNAME, &name, &len));
	say("as getpeername has it: %d", same_address(&name, &peer));
	len = sizeof(name);
	say_result("too much room", getsockopt(trio.client, SOL_SOCKET, SO_PEERNAME, &name, &len));
	len = sizeof(name);
	say_result("listener", getsockopt(trio.listening, SOL_SOCKET, SO_PEERNAME, &name, &len));
}

CHECK(levels_that_a_socket_does_not_know)
{
	static const int levels[] = {2, 17, 58, 132, 136, 255, 263, 270, 282, 999, -1};
	int fd = fresh(AF_INET, 0);
	struct trio trio = make_trio(AF_INET);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct option option = {levels[i], 1, "1", false, false, 1};
		say("level %d", levels[i]);
		say_option("fresh", fd, &option);
		set_and_say("fresh", fd, &option, 1);
		say_option("connected", trio.client, &option);
		set_and_say("connected", trio.client, &option, 1);
	}
}

/* As a user without any capability. */
CHECK(options_that_want_privileges)
{
	static const struct option options[] = {
		{SOL_SOCKET, SO_MARK, "SO_MARK", false, false, 1},
		{SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY", false, false, 7},
		{SOL_SOCKET, SO_SNDBUFFORCE, "SO_SNDBUFFORCE", false, false, 100000},
		{SOL_SOCKET, SO_RCVBUFFORCE, "SO_RCVBUFFORCE", false, false, 100000},
		{SOL_SOCKET, SO_DEBUG, "SO_DEBUG", false, false, 1},
		{SOL_SOCKET, SO_BUSY_POLL, "SO_BUSY_POLL", false, false, 1000000},
		{SOL_SOCKET, SO_TXTIME, "SO_TXTIME", false, false, 1},
		{IPPROTO_TCP, TCP_REPAIR, "TCP_REPAIR", false, false, 1},
		{IPPROTO_IP, IP_TRANSPARENT, "IP_TRANSPARENT", false, false, 1},
		{IPPROTO_IP, IP_TOS, "IP_TOS", false, false, 0xb8},
		{IPPROTO_IP, IP_FREEBIND, "IP_FREEBIND", false, false, 1},
	};
	struct trio trio = make_trio(AF_INET);
	int fd = fresh(AF_INET, 0);
	must(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0,
	     "setresuid");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		set_and_say("fresh", fd, &options[i], options[i].sample);
		set_and_say("connected", trio.client, &options[i], options[i].sample);
	}
	say_result("fresh to lo", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	say_result("and off again", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 1));
}
