/* SPDX-License-Identifier: MIT */
/* Flags, lengths and pointers of sending. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

CHECK(sending_no_bytes)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "", 0, 0));
	say_result("send NULL", send(client, NULL, 0, 0));
	say_result("write", write(client, "", 0));
	say_result("write NULL", write(client, NULL, 0));
	put(client, "x");
	wait_unread(server, 1);
	say_bytes("recv", server);
}

CHECK(sendto_a_name_on_a_connection)
{
	int client, server;
	struct sockaddr_storage addr;
	connected_pair(AF_INET, &client, &server);
	address(&addr, "192.0.2.55", 9);
	const struct sockaddr *name = (struct sockaddr *)&addr;
	say_result("sendto", sendto(client, "a", 1, 0, name, address_len(&addr)));
	say_result("short name", sendto(client, "b", 1, 0, name, 1));
	addr.ss_family = AF_UNIX;
	say_result("other family", sendto(client, "c", 1, 0, name, address_len(&addr)));
	say_result("bad length", sendto(client, "d", 1, 0, name, (socklen_t)-1));
	say_result("too long", sendto(client, "d", 1, 0, name, sizeof(addr) + 1));
	say_result("bad pointer", sendto(client, "d", 1, 0, forbidden(), 16));
	say_result("NULL with a length", sendto(client, "e", 1, 0, NULL, 16));
	wait_unread(server, 4);
	say_bytes("recv", server);
}

CHECK(sendmsg_with_a_name_on_a_connection)
{
	int client, server;
	struct sockaddr_storage addr;
	struct iovec iov[] = {{"ab", 2}, {"cd", 2}};
	struct msghdr message = {.msg_name = &addr, .msg_iov = iov, .msg_iovlen = 2};
	connected_pair(AF_INET, &client, &server);
	address(&addr, "192.0.2.55", 9);
	message.msg_namelen = address_len(&addr);
	say_result("sendmsg", sendmsg(client, &message, 0));
	message.msg_namelen = 0;
	say_result("name of no length", sendmsg(client, &message, 0));
	message.msg_namelen = 16;
	message.msg_name = forbidden();
	say_result("bad name", sendmsg(client, &message, 0));
	wait_unread(server, 8);
	say_bytes("recv", server);
}

CHECK(sendto_a_name_without_a_connection)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	const struct sockaddr *name = (struct sockaddr *)&addr;
	say_result("sendto", sendto(fd, "a", 1, MSG_NOSIGNAL, name, address_len(&addr)));
	say_result("listener", sendto(listening, "a", 1, MSG_NOSIGNAL, name, address_len(&addr)));
}

CHECK(sendmsg_with_control_messages)
{
	int client, server;
	union {
		char bytes[64];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {"ab", 2};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = CMSG_SPACE(sizeof(int))};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	connected_pair(AF_INET, &client, &server);
	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
				   .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS};
	say_result("descriptors", sendmsg(client, &message, MSG_NOSIGNAL));
	header->cmsg_level = IPPROTO_IP;
	header->cmsg_type = 1;
	say_result("of another level", sendmsg(client, &message, MSG_NOSIGNAL));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_len = 1;
	say_result("of a bad length", sendmsg(client, &message, MSG_NOSIGNAL));
	message.msg_controllen = 0;
	say_result("of no length", sendmsg(client, &message, MSG_NOSIGNAL));
}

CHECK(sendmmsg_sends_in_order)
{
	int client, server;
	struct iovec iov[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
	struct mmsghdr messages[3] = {0};
	struct sockaddr_storage addr;
	address(&addr, "192.0.2.55", 9);
	for (int i = 0; i < 3; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	connected_pair(AF_INET, &client, &server);
	say_result("sendmmsg", sendmmsg(client, messages, 3, 0));
	say("lengths %u %u %u", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
	say_result("none", sendmmsg(client, messages, 0, 0));
	wait_unread(server, 13);
	say_bytes("recv", server);
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_name = &addr;
		messages[i].msg_hdr.msg_namelen = address_len(&addr);
	}
	say_result("with names", sendmmsg(client, messages, 3, 0));
	wait_unread(server, 13);
	say_bytes("recv", server);
}

CHECK(sendmmsg_stops_at_the_first_bad_one)
{
	int client, server;
	struct iovec iov[] = {{"one", 3}, {forbidden(), 4}};
	struct mmsghdr messages[2] = {0};
	for (int i = 0; i < 2; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	connected_pair(AF_INET, &client, &server);
	say_result("sendmmsg", sendmmsg(client, messages, 2, 0));
	say_result("only the bad one", sendmmsg(client, messages + 1, 1, 0));
	wait_unread(server, 3);
	say_bytes("recv", server);
}

CHECK(sending_from_bad_pointers)
{
	int client, server;
	char *bad = forbidden();
	struct iovec iov = {bad, 4};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, bad, 4, 0));
	say_result("send NULL", send(client, NULL, 4, 0));
	say_result("write", write(client, bad, 4));
	say_result("writev", writev(client, &iov, 1));
	say_result("sendmsg", sendmsg(client, &message, 0));
	say_result("message", sendmsg(client, (struct msghdr *)bad, 0));
	message.msg_iov = (struct iovec *)bad;
	say_result("vector", sendmsg(client, &message, 0));
	say_result("vector of writev", writev(client, (struct iovec *)bad, 1));
	say_poll("poll", client);
	put(client, "fine");
	wait_unread(server, 4);
	say_bytes("recv", server);
}

static volatile int minus_one = -1;

CHECK(vectors_of_1024_pieces)
{
	int client, server;
	static struct iovec out[1025], in[1025];
	static unsigned char sent[1025], got[1025];
	fill_pattern(sent, sizeof(sent), 0);
	for (int i = 0; i < 1025; i++) {
		out[i] = (struct iovec){sent + i, 1};
		in[i] = (struct iovec){got + i, 1};
	}
	connected_pair(AF_INET, &client, &server);
	say_result("writev 1025", writev(client, out, 1025));
	say_result("writev 1024", writev(client, out, 1024));
	wait_unread(server, 1024);
	say_result("readv 1024", readv(server, in, 1024));
	say("as sent: %d", is_pattern(got, 1024, 0));
	struct msghdr message = {.msg_iov = out, .msg_iovlen = 1025};
	say_result("sendmsg 1025", sendmsg(client, &message, 0));
	message.msg_iovlen = 1024;
	say_result("sendmsg 1024", sendmsg(client, &message, 0));
	wait_unread(server, 1024);
	message = (struct msghdr){.msg_iov = in, .msg_iovlen = 1024};
	say_result("recvmsg 1024", recvmsg(server, &message, 0));
	say("as sent: %d", is_pattern(got, 1024, 0));
	say_result("writev -1", writev(client, out, minus_one));
	say_result("writev 0", writev(client, out, 0));
	out[1].iov_len = (size_t)-1;
	say_result("writev of a negative length", writev(client, out, 2));
}

CHECK(flags_of_sending)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("DONTWAIT", send(client, "a", 1, MSG_DONTWAIT));
	say_result("EOR", send(client, "b", 1, MSG_EOR));
	say_result("CONFIRM", send(client, "c", 1, MSG_CONFIRM));
	say_result("DONTROUTE", send(client, "d", 1, MSG_DONTROUTE));
	say_result("MORE", send(client, "e", 1, MSG_MORE));
	say_result("last", send(client, "f", 1, 0));
	wait_unread(server, 6);
	say_bytes("recv", server);
	say_result("ZEROCOPY", send(client, "g", 1, MSG_ZEROCOPY));
	wait_unread(server, 1);
	say_bytes("recv", server);
}

CHECK(more_holds_bytes_back)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("MORE", send(client, "a", 1, MSG_MORE));
	set_timeout(server, SO_RCVTIMEO, 50);
	say_result("within 50 ms", recv(server, &byte, 1, 0));
	say_result("the end of it", send(client, "b", 1, 0));
	wait_for(server, POLLIN);
}

CHECK(more_goes_out_at_the_end)
{
	int client, server;
	char data[8];
	connected_pair(AF_INET, &client, &server);
	say_result("MORE", send(client, "abc", 3, MSG_MORE));
	say_result("shutdown", shutdown(client, SHUT_WR));
	say_data("recv", data, recv(server, data, 3, MSG_WAITALL));
	say_data("recv", data, recv(server, data, 3, MSG_WAITALL));
}

CHECK(dup_shares_the_stream_in_order)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	int copy = dup(client);
	must(copy >= 0, "dup");
	for (int i = 0; i < 5; i++) {
		put(client, "a");
		put(copy, "b");
	}
	close(client);
	put(copy, "c");
	wait_unread(server, 11);
	say_data("recv", data, recv(server, data, sizeof(data), 0));
	close(copy);
	wait_for(server, POLLRDHUP);
	say_data("recv", data, recv(server, data, sizeof(data), 0));
}

/* Writes until the socket takes no more. Returns the number of bytes. */
static size_t fill(int fd)
{
	static char block[4096];
	size_t sent = 0, len = sizeof(block);
	while (len > 0) {
		ssize_t n = send(fd, block, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else
			len = len > 1; /* there may still be room for a single byte */
	}
	return sent;
}

/*
 * Also fills the room that becomes free when bytes move on to the peer: full means that the peer's
 * buffers are full. A kernel TCP's peer may open its window late, and the sender learns of it by
 * timers (delayed ACK 40 ms, persist 200 ms and more). So the connection counts as full when
 * nothing was taken for a second.
 */
static size_t fill_to_the_brim(int fd)
{
	size_t sent = 0;
	for (int quiet = 0; quiet < 100; quiet++) {
		size_t more = fill(fd);
		if (more > 0)
			quiet = 0;
		sent += more;
		poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10);
	}
	return sent;
}

CHECK(a_full_socket_says_again)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	size_t sent = fill_to_the_brim(client);
	say("something went in: %d", sent > 10000);
	say_poll("full", client);
	say_result("send", send(client, "x", 1, MSG_DONTWAIT));
	set_blocking(client, false);
	say_result("write", write(client, "x", 1));
	say_poll("peer", server);
}

CHECK(a_full_socket_becomes_writable_once_drained)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	size_t sent = fill_to_the_brim(client);
	say_poll("full", client);
	swallow(server, sent);
	wait_for(client, POLLOUT);
	say_poll("drained", client);
	say_result("send", send(client, "x", 1, MSG_DONTWAIT));
	say_bytes("recv", server);
	say_result("nothing left", recv(server, &sent, 1, MSG_DONTWAIT));
}

CHECK(a_full_socket_times_out)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	fill_to_the_brim(client);
	set_timeout(client, SO_SNDTIMEO, 100);
	say_result("send", send(client, "x", 1, 0));
	say_result("write", write(client, "x", 1));
}

static void *interrupt(void *argument)
{
	pid_t sender = *(pid_t *)argument;
	wait_in_syscall(getpid(), sender, SYS_sendto);
	syscall(SYS_tgkill, getpid(), sender, SIGUSR1);
	return NULL;
}

CHECK(a_blocked_send_is_interrupted)
{
	int client, server;
	pid_t self = gettid();
	connected_pair(AF_INET, &client, &server);
	fill_to_the_brim(client);
	count_signal(SIGUSR1);
	pthread_t thread = spawn(interrupt, &self);
	say_result("send", send(client, "x", 1, 0));
	finish(thread);
	say("signals %d", signal_count());
}

CHECK(a_large_blocking_send_goes_whole)
{
	int client, server;
	const size_t len = 8 << 20;
	unsigned char *data = malloc(len);
	must(data != NULL, "malloc");
	fill_pattern(data, len, 0);
	connected_pair(AF_INET, &client, &server);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		_exit(send(client, data, len, 0) == (ssize_t)len ? 0 : 1);
	}
	memset(data, 0, len);
	say_result("recv", recv(server, data, len, MSG_WAITALL));
	say("as sent: %d", is_pattern(data, len, 0));
	reap(child);
}
