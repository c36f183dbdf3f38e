/* SPDX-License-Identifier: MIT */
/* The effects of options: values that the kernel changes, names, structures, and behaviour. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/option.h"
#include "behaviour/setup.h"

/* include/net/tcp_states.h */
static const char *const states[] = {"none",       "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
				     "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
				     "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0, "TCP_INFO");
	return info;
}

static void say_state(const char *what, int fd)
{
	unsigned state = info_of(fd).tcpi_state;
	say("%s: %s", what, state < sizeof(states) / sizeof(states[0]) ? states[state] : "?");
}

struct expected {
	int fd;
	unsigned state;
};

static bool is_in_state(void *argument)
{
	const struct expected *expected = argument;
	return info_of(expected->fd).tcpi_state == expected->state;
}

static void wait_state(int fd, unsigned state)
{
	struct expected expected = {fd, state};
	wait_true(is_in_state, &expected);
}

CHECK(tcp_info_names_the_state)
{
	struct sockaddr_storage addr;
	struct trio trio = make_trio(AF_INET);
	int fd = fresh(AF_INET, 0), connecting = fresh(AF_INET, SOCK_NONBLOCK);
	say_state("fresh", fd);
	say_state("listener", trio.listening);
	wait_state(trio.server, TCP_ESTABLISHED);
	say_state("client", trio.client);
	say_state("server", trio.server);
	silent(AF_INET, &addr);
	say_result("connect", connect_to(connecting, &addr));
	say_state("connecting", connecting);
	say_state("bound", refusing(AF_INET, &addr));
}

CHECK(tcp_info_names_the_state_of_an_active_close)
{
	struct trio trio = make_trio(AF_INET);
	shutdown(trio.client, SHUT_WR);
	wait_for(trio.server, POLLRDHUP);
	wait_state(trio.client, TCP_FIN_WAIT2);
	say_state("client", trio.client);
	say_state("server", trio.server);
	shutdown(trio.server, SHUT_WR);
	wait_for(trio.client, POLLRDHUP);
	wait_state(trio.client, TCP_CLOSE);
	wait_state(trio.server, TCP_CLOSE);
}

CHECK(tcp_info_fits_the_room)
{
	struct trio trio = make_trio(AF_INET);
	static const socklen_t rooms[] = {0, 1, 8, 92, 104, 192};
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		unsigned char bytes[512];
		socklen_t len = rooms[i];
		memset(bytes, 0x5a, sizeof(bytes));
		say_result("get", getsockopt(trio.client, IPPROTO_TCP, TCP_INFO, bytes, &len));
		say("length %u, the byte behind %#x", (unsigned)len, bytes[rooms[i]]);
	}
	unsigned char bytes[1024];
	socklen_t len = sizeof(bytes);
	say_result("get", getsockopt(trio.client, IPPROTO_TCP, TCP_INFO, bytes, &len));
	say("at least what the headers know: %d", len >= sizeof(struct tcp_info));
}

CHECK(tcp_info_counts_what_was_carried)
{
	static unsigned char data[100000];
	struct trio trio = make_trio(AF_INET);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		put_bytes(trio.client, data, sizeof(data));
		_exit(0);
	}
	swallow(trio.server, sizeof(data));
	reap(child);
	wait_acknowledged(trio.client);
	struct tcp_info client = info_of(trio.client), server = info_of(trio.server);
	say("rtt known: %d, cwnd: %d, mss: %d, pmtu: %d", client.tcpi_rtt > 0,
	    client.tcpi_snd_cwnd > 0, client.tcpi_snd_mss > 500, client.tcpi_pmtu > 500);
	say("unacked %u, time-out known: %d", client.tcpi_unacked, client.tcpi_rto > 0);
	say("rcv_mss known: %d, rcv_space: %d", server.tcpi_rcv_mss > 0, server.tcpi_rcv_space > 0);
}

CHECK(tcp_info_of_a_listener_shows_its_queue)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);
	struct tcp_info info = info_of(listening);
	say("waiting %u of %u", info.tcpi_unacked, info.tcpi_sacked);
	for (int i = 0; i < 3; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	wait_for(listening, POLLIN);
}

static void say_congestion(const char *what, int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	if (say_result(what, getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len)) == 0)
		say("  length %u, a name: %d", (unsigned)len, name[0] != 0);
}

static bool is_listed(const char *name)
{
	char names[256] = "";
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "r");
	must(file && fgets(names, sizeof(names), file), "congestion controls");
	fclose(file);
	return strstr(names, name) != NULL;
}

CHECK(the_congestion_control_has_a_name)
{
	struct trio trio = make_trio(AF_INET);
	int fd = fresh(AF_INET, 0);
	char name[16] = "", before[16] = "";
	socklen_t len = sizeof(before);
	must(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, before, &len) == 0, "TCP_CONGESTION");
	say("the default is one of those listed: %d", is_listed(before));
	say_congestion("fresh", fd);
	say_congestion("listener", trio.listening);
	say_congestion("client", trio.client);
	say_congestion("server", trio.server);
	len = 3;
	say_result("little room", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	say("length %u, so far the same: %d", (unsigned)len, memcmp(name, before, 3) == 0);
}

CHECK(the_congestion_control_may_be_chosen)
{
	struct trio trio = make_trio(AF_INET);
	int fds[] = {fresh(AF_INET, 0), trio.listening, trio.client, trio.server};
	for (size_t i = 0; i < 4; i++) {
		char name[16] = "";
		socklen_t len = sizeof(name);
		say_result("cubic", setsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
		say_result("get", getsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, name, &len));
		say("%s", name);
		say_result("with its zero",
			   setsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, "cubic", 6));
		say_result("unknown", setsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6));
		say_result("empty", setsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, "", 0));
		say_result("too long", setsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION,
						  "a_name_that_is_too_long", 23));
		len = sizeof(name);
		must(getsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0, "get");
		say("still %s", name);
	}
}

CHECK(a_chosen_congestion_control_is_inherited)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	char name[16] = "";
	socklen_t len = sizeof(name);
	say_result("set", setsockopt(listening, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	must(connect_to(client, &addr) == 0, "connect");
	int server = accept(listening, NULL, NULL);
	say_result("get", getsockopt(server, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	say("%s", name);
}

CHECK(buffers_are_doubled_and_have_limits)
{
	static const int sizes[] = {1, 1000, 5000, 100000, 200000, 100000000, -1, 0};
	int fd = fresh(AF_INET, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		say("%d", sizes[i]);
		set_option(fd, SOL_SOCKET, SO_SNDBUF, sizes[i]);
		set_option(fd, SOL_SOCKET, SO_RCVBUF, sizes[i]);
		say("  send %d", option_value(fd, SOL_SOCKET, SO_SNDBUF));
		say("  receive %d", option_value(fd, SOL_SOCKET, SO_RCVBUF));
	}
}

CHECK(set_buffers_stay_over_connect_and_accept)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	set_option(listening, SOL_SOCKET, SO_RCVBUF, 60000);
	set_option(listening, SOL_SOCKET, SO_SNDBUF, 70000);
	set_option(client, SOL_SOCKET, SO_RCVBUF, 80000);
	set_option(client, SOL_SOCKET, SO_SNDBUF, 90000);
	must(connect_to(client, &addr) == 0, "connect");
	int server = accept(listening, NULL, NULL);
	say("client %d %d", option_value(client, SOL_SOCKET, SO_RCVBUF),
	    option_value(client, SOL_SOCKET, SO_SNDBUF));
	say("server %d %d", option_value(server, SOL_SOCKET, SO_RCVBUF),
	    option_value(server, SOL_SOCKET, SO_SNDBUF));
}

CHECK(small_buffers_carry_much)
{
	struct sockaddr_storage addr;
	static unsigned char data[300000];
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	set_option(listening, SOL_SOCKET, SO_RCVBUF, 4096);
	set_option(client, SOL_SOCKET, SO_SNDBUF, 4096);
	must(connect_to(client, &addr) == 0, "connect");
	int server = accept(listening, NULL, NULL);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		fill_pattern(data, sizeof(data), 0);
		put_bytes(client, data, sizeof(data));
		_exit(0);
	}
	say_result("recv", recv(server, data, sizeof(data), MSG_WAITALL));
	say("as sent: %d", is_pattern(data, sizeof(data), 0));
	reap(child);
}

CHECK(linger_is_kept)
{
	struct trio trio = make_trio(AF_INET);
	struct linger linger = {1, 7}, got = {0};
	socklen_t len = sizeof(got);
	say_result("set", setsockopt(trio.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	say_result("get", getsockopt(trio.client, SOL_SOCKET, SO_LINGER, &got, &len));
	say("%d %d, length %u", got.l_onoff, got.l_linger, (unsigned)len);
	linger = (struct linger){5, -1};
	say_result("odd", setsockopt(trio.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	must(getsockopt(trio.client, SOL_SOCKET, SO_LINGER, &got, &len) == 0, "get");
	say("%d %d", got.l_onoff, got.l_linger);
	linger = (struct linger){0, 0};
	say_result("off", setsockopt(trio.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

CHECK(linger_of_no_time_resets)
{
	struct trio trio = make_trio(AF_INET);
	struct linger linger = {1, 0};
	char byte;
	must(setsockopt(trio.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0,
	     "linger");
	say_result("close", close(trio.client));
	wait_for(trio.server, POLLHUP);
	say_poll("server", trio.server);
	say_result("recv", recv(trio.server, &byte, 1, 0));
	say_result("recv", recv(trio.server, &byte, 1, 0));
}

CHECK(linger_of_no_time_is_inherited)
{
	struct sockaddr_storage addr;
	struct linger linger = {1, 0};
	char byte;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	must(setsockopt(listening, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0, "linger");
	must(connect_to(client, &addr) == 0, "connect");
	int server = accept(listening, NULL, NULL);
	say_result("close", close(server));
	wait_for(client, POLLHUP);
	say_result("recv", recv(client, &byte, 1, 0));
}

CHECK(linger_of_some_time_delivers)
{
	struct trio trio = make_trio(AF_INET);
	struct linger linger = {1, 5};
	must(setsockopt(trio.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0,
	     "linger");
	put(trio.client, "last words");
	say_result("close", close(trio.client));
	wait_for(trio.server, POLLRDHUP);
	say_bytes("recv", trio.server);
	say_bytes("recv", trio.server);
}

CHECK(time_outs_are_kept_to_the_microsecond)
{
	static const struct timeval times[] = {{0, 0},       {1, 500000}, {0, 1},
					       {0, 1000000}, {-1, 0},     {1000000000, 0}};
	struct trio trio = make_trio(AF_INET);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct timeval got = {-7, -7};
		socklen_t len = sizeof(got);
		say_result("set", setsockopt(trio.client, SOL_SOCKET, SO_RCVTIMEO, &times[i],
					     sizeof(times[i])));
		must(getsockopt(trio.client, SOL_SOCKET, SO_RCVTIMEO, &got, &len) == 0, "get");
		say("  %lds %ldus, length %u", (long)got.tv_sec, (long)got.tv_usec, (unsigned)len);
	}
}

CHECK(a_peer_over_tcp_has_no_credentials)
{
	struct trio trio = make_trio(AF_INET);
	struct ucred peer = {1, 1, 1};
	socklen_t len = sizeof(peer);
	say_result("SO_PEERCRED", getsockopt(trio.client, SOL_SOCKET, SO_PEERCRED, &peer, &len));
	say("%d %d %d, length %u", peer.pid, (int)peer.uid, (int)peer.gid, (unsigned)len);
	say_result("of the server", getsockopt(trio.server, SOL_SOCKET, SO_PEERCRED, &peer, &len));
	say("%d %d %d", peer.pid, (int)peer.uid, (int)peer.gid);
}

CHECK(deferred_accept_waits_for_data)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	set_option(listening, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
	must(connect_to(client, &addr) == 0, "connect");
	struct pollfd entry = {.fd = listening, .events = POLLIN};
	say_result("poll before data", poll(&entry, 1, 100));
	put(client, "x");
	wait_for(listening, POLLIN);
	int server = accept(listening, NULL, NULL);
	say("accepted %d", server >= 0);
	wait_for(server, POLLIN);
	say_bytes("recv", server);
}

CHECK(fast_open_connects_with_the_first_write)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	const struct sockaddr *name = (struct sockaddr *)&addr;
	say_result("listener",
		   setsockopt(listening, IPPROTO_TCP, TCP_FASTOPEN, &(int){5}, sizeof(int)));
	say_result("sendto", sendto(client, "first", 5, MSG_FASTOPEN, name, address_len(&addr)));
	int server = accept(listening, NULL, NULL);
	wait_unread(server, 5);
	say_bytes("recv", server);
	say_result("again", sendto(client, "more", 4, MSG_FASTOPEN, name, address_len(&addr)));
	int other = fresh(AF_INET, 0);
	say_result("without a name", send(other, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL));
}

CHECK(fast_open_connect_succeeds_at_once)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0);
	set_option(client, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	say_result("connect", connect_to(client, &addr));
	put(client, "data");
	int server = accept(listening, NULL, NULL);
	wait_unread(server, 4);
	say_bytes("recv", server);
}

CHECK(keep_alive_values_are_checked)
{
	static const int numbers[] = {TCP_KEEPIDLE, TCP_KEEPINTVL,    TCP_KEEPCNT,
				      TCP_SYNCNT,   TCP_USER_TIMEOUT, TCP_LINGER2};
	static const int values[] = {0, 1, 127, 128, 32767, 32768, -1};
	struct trio trio = make_trio(AF_INET);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			struct option option = {IPPROTO_TCP, numbers[i], "option", false, false, 0};
			say("number %d", numbers[i]);
			set_and_say("set", trio.client, &option, values[j]);
		}
	}
}

CHECK(a_pacing_limit_is_the_programs_own)
{
	struct trio trio = make_trio(AF_INET);
	int fds[] = {fresh(AF_INET, 0), trio.client, trio.server, trio.listening};
	for (size_t i = 0; i < 4; i++) {
		unsigned long wide = 0;
		unsigned narrow = 0;
		socklen_t len = sizeof(wide);
		say_result("get", getsockopt(fds[i], SOL_SOCKET, SO_MAX_PACING_RATE, &wide, &len));
		say("%lx, length %u", wide, (unsigned)len);
		wide = 12345678;
		say_result("set",
			   setsockopt(fds[i], SOL_SOCKET, SO_MAX_PACING_RATE, &wide, sizeof(wide)));
		len = sizeof(narrow);
		say_result("get",
			   getsockopt(fds[i], SOL_SOCKET, SO_MAX_PACING_RATE, &narrow, &len));
		say("%u, length %u", narrow, (unsigned)len);
	}
}

/* 1 MB/s; the first window may be sent at once. */
static void send_paced(struct trio trio)
{
	static unsigned char data[2000000];
	long start = ms_now();
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		put_bytes(trio.client, data, sizeof(data));
		_exit(0);
	}
	swallow(trio.server, sizeof(data));
	say("took 500 ms and more: %d", ms_now() - start >= 500);
	reap(child);
}

CHECK(a_pacing_limit_is_kept)
{
	struct trio trio = make_trio(AF_INET);
	set_option(trio.client, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
	send_paced(trio);
}

CHECK(a_pacing_limit_set_early_is_kept)
{
	struct sockaddr_storage addr;
	struct trio trio = {.listening = listener(AF_INET, &addr), .client = fresh(AF_INET, 0)};
	set_option(trio.client, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
	must(connect_to(trio.client, &addr) == 0, "connect");
	trio.server = accept(trio.listening, NULL, NULL);
	send_paced(trio);
}

static void say_more(const char *what, int fd, size_t room)
{
	union {
		char bytes[64];
		struct cmsghdr align;
	} control = {0};
	char data[2];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = room};
	say_result(what, recvmsg(fd, &message, MSG_DONTWAIT));
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int more = -1;
	if (header && header->cmsg_len == CMSG_LEN(sizeof(more)))
		memcpy(&more, CMSG_DATA(header), sizeof(more));
	say("  control %zu, flags %#x, level %d, type %d, more %d", (size_t)message.msg_controllen,
	    (unsigned)message.msg_flags, header ? header->cmsg_level : -1,
	    header ? header->cmsg_type : -1, more);
}

CHECK(recvmsg_tells_how_much_more_there_is)
{
	struct trio trio = make_trio(AF_INET);
	put(trio.client, "0123456789");
	wait_unread(trio.server, 10);
	say_more("not asked", trio.server, 64);
	set_option(trio.server, IPPROTO_TCP, TCP_INQ, 1);
	say_more("asked", trio.server, 64);
	say_more("just enough", trio.server, CMSG_SPACE(sizeof(int)));
	say_more("too little", trio.server, 8);
	say_more("the last", trio.server, 64);
	say_more("nothing", trio.server, 64);
	put(trio.client, "ab");
	shutdown(trio.client, SHUT_WR);
	wait_for(trio.server, POLLRDHUP);
	say_more("before the end", trio.server, 64);
	say_more("the end", trio.server, 64);
}

CHECK(the_mtu_of_a_connection_is_that_of_its_family)
{
	struct trio four = make_trio(AF_INET), six = make_trio(AF_INET6);
	int mtu;
	socklen_t len = sizeof(mtu);
	say_result("IP_MTU", getsockopt(four.client, IPPROTO_IP, IP_MTU, &mtu, &len));
	say_result("IPV6_MTU", getsockopt(four.client, IPPROTO_IPV6, IPV6_MTU, &mtu, &len));
	say_result("IPV6_MTU of IPv6", getsockopt(six.client, IPPROTO_IPV6, IPV6_MTU, &mtu, &len));
}

CHECK(a_filter_may_be_taken_off)
{
	struct trio trio = make_trio(AF_INET);
	int nothing = 0;
	set_option(trio.client, IPPROTO_TCP, TCP_KEEPIDLE, 55);
	say_result("detach", setsockopt(trio.client, SOL_SOCKET, SO_DETACH_FILTER, &nothing,
					sizeof(nothing)));
	say("kept %d", option_value(trio.client, IPPROTO_TCP, TCP_KEEPIDLE));
	set_option(trio.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 7000);
	say("kept %d %d", option_value(trio.client, IPPROTO_TCP, TCP_KEEPIDLE),
	    option_value(trio.client, IPPROTO_TCP, TCP_USER_TIMEOUT));
}

/* A millisecond is over before a delayed acknowledgement comes. */
CHECK(a_short_tcp_user_timeout_does_not_end_a_connection_that_is_answered)
{
	struct trio trio = make_trio(AF_INET);
	set_option(trio.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 1);
	say_result("send", send(trio.client, "x", 1, 0));
	wait_for(trio.server, POLLIN);
	poll(NULL, 0, 300);
	say_poll("client", trio.client);
	say_error("SO_ERROR", trio.client);
	say_result("send", send(trio.server, "y", 1, 0));
	say_bytes("recv", trio.client);
}

CHECK(devices_have_names_and_numbers)
{
	int fd = fresh(AF_INET, 0);
	char name[16] = "";
	socklen_t len = sizeof(name);
	say_result("get", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	say("length %u", (unsigned)len);
	say_result("set", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	len = sizeof(name);
	say_result("get", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	say("%s, length %u, number %d", name, (unsigned)len,
	    option_value(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
	len = 2;
	say_result("little room", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	say_result("no such", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nosuch0", 8));
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);
	say_result("connect", connect_to(fd, &addr));
	say("accepted %d", accept(listening, NULL, NULL) >= 0);
	say_result("off", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
	len = sizeof(name);
	say_result("get", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	say("length %u", (unsigned)len);
}

CHECK(a_listener_on_a_device)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, 0), client = fresh(AF_INET, 0);
	say_result("set", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	address(&addr, "0.0.0.0", 0);
	say_result("bind", bind_to(fd, &addr));
	say_result("listen", listen(fd, 5));
	name_of(fd, &addr);
	say_result("connect", connect_to(client, &addr));
	say("accepted %d", accept(fd, NULL, NULL) >= 0);
}
