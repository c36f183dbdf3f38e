/* SPDX-License-Identifier: MIT */
/* How many bytes are queued at each place, and when readers and writers wake. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static int queued(int fd, unsigned long request)
{
	int bytes = -1;
	must(ioctl(fd, request, &bytes) == 0, "ioctl");
	return bytes;
}

CHECK(fionread_counts_unread_bytes)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say("at first %d", queued(server, FIONREAD));
	put(client, "hello");
	wait_unread(server, 5);
	say("then %d, by SIOCINQ %d", queued(server, FIONREAD), queued(server, SIOCINQ));
	swallow(server, 2);
	say("after two %d", queued(server, FIONREAD));
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say("half closed %d", queued(server, FIONREAD));
	swallow(server, 3);
	say("all read %d", queued(server, FIONREAD));
	say("sender %d", queued(client, FIONREAD));
}

CHECK(fionread_without_a_connection)
{
	int fd = fresh(AF_INET, 0), bytes = -1;
	int listening = listener(AF_INET, NULL);
	say_result("fresh", ioctl(fd, FIONREAD, &bytes));
	say("bytes %d", bytes);
	say_result("fresh OUTQ", ioctl(fd, SIOCOUTQ, &bytes));
	say("bytes %d", bytes);
	say_result("fresh OUTQNSD", ioctl(fd, SIOCOUTQNSD, &bytes));
	say("bytes %d", bytes);
	say_result("listener", ioctl(listening, FIONREAD, &bytes));
	say_result("listener OUTQ", ioctl(listening, SIOCOUTQ, &bytes));
	say_result("listener OUTQNSD", ioctl(listening, SIOCOUTQNSD, &bytes));
	say_result("bad pointer", ioctl(fd, FIONREAD, forbidden()));
	say_result("bad pointer OUTQ", ioctl(fd, SIOCOUTQ, forbidden()));
}

CHECK(outq_reaches_zero_when_all_is_acknowledged)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say("at first %d", queued(client, SIOCOUTQ));
	put(client, "some bytes");
	wait_acknowledged(client);
	say("acknowledged %d, unsent %d", queued(client, SIOCOUTQ), queued(client, SIOCOUTQNSD));
	wait_unread(server, 10);
	say("the peer has %d", queued(server, FIONREAD));
}

CHECK(outq_is_what_the_peer_has_not_taken)
{
	int client, server;
	static char block[65536];
	long sent = 0, n;
	connected_pair(AF_INET, &client, &server);
	while ((n = send(client, block, sizeof(block), MSG_DONTWAIT)) > 0)
		sent += n;
	int out = queued(client, SIOCOUTQ), unsent = queued(client, SIOCOUTQNSD);
	say("not more than was sent: %d", out <= sent);
	say("unsent is part of it: %d", unsent <= out);
	swallow(server, (size_t)sent);
	wait_acknowledged(client);
	say("unsent %d", queued(client, SIOCOUTQNSD));
}

CHECK(outq_after_the_end)
{
	int client, server, bytes = -1;
	connected_pair(AF_INET, &client, &server);
	put(client, "last");
	shutdown(client, SHUT_WR);
	wait_unread(server, 4);
	wait_acknowledged(client);
	say("after half close %d", queued(client, SIOCOUTQ));
	close(server);
	wait_for(client, POLLRDHUP);
	say_result("after all", ioctl(client, SIOCOUTQ, &bytes));
	say("bytes %d", bytes);
}

CHECK(interfaces_are_asked_through_the_socket)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	struct ifreq request = {0}, many[16];
	struct ifconf list = {.ifc_len = sizeof(many), .ifc_req = many};
	strcpy(request.ifr_name, "lo");
	say_result("SIOCGIFINDEX", ioctl(client, SIOCGIFINDEX, &request));
	say("is lo: %d", request.ifr_ifindex == (int)if_nametoindex("lo"));
	say_result("SIOCGIFADDR", ioctl(client, SIOCGIFADDR, &request));
	say("address %#x", ntohl(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr));
	say_result("SIOCGIFFLAGS", ioctl(client, SIOCGIFFLAGS, &request));
	say("up %d, loopback %d", (request.ifr_flags & IFF_UP) != 0,
	    (request.ifr_flags & IFF_LOOPBACK) != 0);
	say_result("SIOCGIFMTU", ioctl(client, SIOCGIFMTU, &request));
	say("mtu %d", request.ifr_mtu);
	say_result("SIOCGIFHWADDR", ioctl(client, SIOCGIFHWADDR, &request));
	say_result("SIOCGIFCONF", ioctl(client, SIOCGIFCONF, &list));
	say("interfaces %zu, first %s", (size_t)list.ifc_len / sizeof(many[0]), many[0].ifr_name);
	strcpy(request.ifr_name, "nosuch0");
	say_result("no such", ioctl(client, SIOCGIFINDEX, &request));
	say_result("SIOCADDRT", ioctl(client, SIOCADDRT, &(struct rtentry){0}));
	say_result("bad pointer", ioctl(client, SIOCGIFINDEX, forbidden()));
	say("if_nametoindex %d", if_nametoindex("lo") > 0);
}

CHECK(requests_that_sockets_do_not_know)
{
	int client, server, number = 1;
	connected_pair(AF_INET, &client, &server);
	say_result("TCGETS", ioctl(client, 0x5401, &number));
	say_result("FIOCLEX", ioctl(client, FIOCLEX));
	say("close on exec %d", fcntl(client, F_GETFD));
	say_result("FIONCLEX", ioctl(client, FIONCLEX));
	say_result("SIOCGSTAMP", ioctl(client, 0x8906, forbidden()));
	say_result("unknown of sockets", ioctl(client, 0x89f5, &number));
	say_result("unknown", ioctl(client, 0x1234, &number));
	say_result("SIOCSPGRP", ioctl(client, SIOCSPGRP, &(int){0}));
	say_result("SIOCGPGRP", ioctl(client, SIOCGPGRP, &number));
	say("owner %d", number);
}

CHECK(fionbio_makes_a_socket_non_blocking)
{
	int client, server, on = 1, off = 0;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("on", ioctl(server, FIONBIO, &on));
	say("O_NONBLOCK %d", (fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
	say_result("recv", recv(server, &byte, 1, 0));
	say_result("off", ioctl(server, FIONBIO, &off));
	say("O_NONBLOCK %d", (fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
}

CHECK(status_flags_of_a_socket)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say("client %#x", (unsigned)fcntl(client, F_GETFL));
	say_result("set", fcntl(client, F_SETFL, O_NONBLOCK | O_APPEND | O_ASYNC));
	say("client %#x", (unsigned)fcntl(client, F_GETFL));
	say("server %#x", (unsigned)fcntl(server, F_GETFL));
	say_result("O_DIRECT", fcntl(client, F_SETFL, O_DIRECT));
	say_result("F_GETPIPE_SZ", fcntl(client, F_GETPIPE_SZ));
	say_result("F_GETLEASE", fcntl(client, F_GETLEASE));
}

CHECK(rcvlowat_holds_poll_back)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	set_option(server, SOL_SOCKET, SO_RCVLOWAT, 5);
	put(client, "abc");
	wait_acknowledged(client);
	wait_unread(server, 3);
	say_poll("three of five", server);
	put(client, "def");
	wait_unread(server, 6);
	wait_for(server, POLLIN);
	say_poll("six of five", server);
	say_bytes("recv", server);
}

CHECK(rcvlowat_holds_a_blocking_reader_back)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	set_option(server, SOL_SOCKET, SO_RCVLOWAT, 6);
	put(client, "abc");
	wait_unread(server, 3);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		say_bytes("recv", server);
		_exit(0);
	}
	wait_in_syscall_or_through(child, SYS_recvfrom);
	put(client, "defghi");
	reap(child);
}

CHECK(rcvlowat_and_end_of_file)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	set_option(server, SOL_SOCKET, SO_RCVLOWAT, 100);
	put(client, "abc");
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_poll("poll", server);
	say_bytes("recv", server);
	say_bytes("recv", server);
}

CHECK(rcvlowat_lowered_again)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	set_option(server, SOL_SOCKET, SO_RCVLOWAT, 10);
	put(client, "abc");
	wait_unread(server, 3);
	say_poll("of ten", server);
	set_option(server, SOL_SOCKET, SO_RCVLOWAT, 2);
	wait_for(server, POLLIN);
	say_bytes("recv", server);
}

CHECK(a_reader_times_out)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	set_timeout(server, SO_RCVTIMEO, 50);
	say_result("recv", recv(server, &byte, 1, 0));
	say_result("read", read(server, &byte, 1));
	say_result("recv PEEK", recv(server, &byte, 1, MSG_PEEK));
	say_result("client is not touched", recv(client, &byte, 1, MSG_DONTWAIT));
	put(client, "x");
	say_bytes("recv", server);
}

CHECK(select_and_poll_agree)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	for (int i = 0; i < 3; i++) {
		fd_set read_set, write_set, except_set;
		FD_ZERO(&read_set);
		FD_ZERO(&write_set);
		FD_ZERO(&except_set);
		FD_SET(server, &read_set);
		FD_SET(server, &write_set);
		FD_SET(server, &except_set);
		say_result("select", select(server + 1, &read_set, &write_set, &except_set,
					    &(struct timeval){0, 0}));
		say("read %d, write %d, except %d", FD_ISSET(server, &read_set) != 0,
		    FD_ISSET(server, &write_set) != 0, FD_ISSET(server, &except_set) != 0);
		if (i == 0) {
			put(client, "x");
			wait_unread(server, 1);
		} else if (i == 1) {
			swallow(server, 1);
			shutdown(client, SHUT_WR);
			wait_for(server, POLLRDHUP);
		}
	}
}
