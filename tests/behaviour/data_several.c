/* SPDX-License-Identifier: MIT */
/* recvmmsg with flags that AF_UNIX and TCP treat differently, and messages that cannot be read. */
#include "behaviour/data.h"
#include "behaviour/setup.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef TCP_INQ
#define TCP_INQ 36
#endif

#define COUNT 3
#define BYTES 4

struct several {
	char data[COUNT][BYTES + 1];
	struct iovec iov[COUNT];
	struct mmsghdr messages[COUNT];
};

static void prepare(struct several *several)
{
	memset(several, 0, sizeof(*several));
	for (int i = 0; i < COUNT; i++) {
		several->iov[i] = (struct iovec){several->data[i], BYTES};
		several->messages[i].msg_hdr.msg_iov = &several->iov[i];
		several->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static void take(const char *what, int fd, int flags, struct timespec *timeout)
{
	struct several several;
	long taken;

	prepare(&several);
	taken = say_result(what, recvmmsg(fd, several.messages, COUNT, flags, timeout));
	for (long i = 0; i < taken; i++)
		say("  %u '%s'", several.messages[i].msg_len, several.data[i]);
}

CHECK(recvmmsg_throws_bytes_away)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "0123456789");
	wait_unread(server, 10);
	take("TRUNC", server, MSG_TRUNC | MSG_DONTWAIT, NULL);
	take("again", server, MSG_TRUNC | MSG_DONTWAIT, NULL);
}

CHECK(recvmmsg_finds_the_error_queue_empty)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "0123");
	wait_unread(server, 4);
	take("ERRQUEUE", server, MSG_ERRQUEUE, NULL);
	take("then", server, MSG_DONTWAIT, NULL);
}

CHECK(recvmmsg_waits_for_all)
{
	struct timespec none = {0, 0}, long_time = {100, 0};
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "0123456789ab");
	wait_unread(server, 12);
	take("WAITALL, no time", server, MSG_WAITALL, &none);
	take("WAITALL, much time", server, MSG_WAITALL | MSG_WAITFORONE, &long_time);
	say("some of it is left: %d", long_time.tv_sec > 0 && long_time.tv_sec < 100);
	put(client, "cd");
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	take("at the end", server, MSG_WAITALL, NULL);
}

CHECK(recvmmsg_tells_a_reset_behind_the_bytes_first)
{
	struct linger at_once = {1, 0};
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "01");
	wait_unread(server, 2);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(client);
	wait_for(server, POLLHUP);
	take("WAITALL", server, MSG_WAITALL, NULL);
	take("again", server, MSG_WAITALL, NULL);
	take("and again", server, MSG_WAITALL, NULL);
}

CHECK(recvmmsg_asks_for_urgent_bytes)
{
	int client, server;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	take("fresh", fresh(AF_INET, 0), MSG_OOB, NULL);
	say_result("recvmsg, fresh", recvmsg(fresh(AF_INET, 0), &message, MSG_OOB));
	say_result("recvmsg of a listener", recvmsg(listener(AF_INET, NULL), &message, MSG_OOB));
	connected_pair(AF_INET, &client, &server);
	take("none", server, MSG_OOB, NULL);
	must(send(client, "u", 1, MSG_OOB) == 1, "send");
	wait_for(server, POLLPRI);
	take("one", server, MSG_OOB, NULL);
}

CHECK(recvmmsg_tells_how_much_more_there_is)
{
	union {
		char bytes[64];
		struct cmsghdr align;
	} control = {0};
	struct several several;
	struct cmsghdr *header;
	int client, server, more = -1;

	connected_pair(AF_INET, &client, &server);
	put(client, "0123456789");
	wait_unread(server, 10);
	set_option(server, IPPROTO_TCP, TCP_INQ, 1);
	prepare(&several);
	several.messages[1].msg_hdr.msg_control = control.bytes;
	several.messages[1].msg_hdr.msg_controllen = sizeof(control.bytes);
	say_result("recvmmsg", recvmmsg(server, several.messages, 2, 0, NULL));
	header = CMSG_FIRSTHDR(&several.messages[1].msg_hdr);
	if (header)
		memcpy(&more, CMSG_DATA(header), sizeof(more));
	say("control %zu, more %d", (size_t)several.messages[1].msg_hdr.msg_controllen, more);
}

CHECK(a_message_that_waits_for_all_says_how_much_more_there_is)
{
	static const int flags[] = {0, MSG_WAITALL, MSG_TRUNC, MSG_PEEK | MSG_WAITALL};
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "0123456789");
	wait_unread(server, 10);
	set_option(server, IPPROTO_TCP, TCP_INQ, 1);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		union {
			char bytes[64];
			struct cmsghdr align;
		} control = {0};
		char data[2];
		struct iovec iov = {data, sizeof(data)};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = control.bytes,
					 .msg_controllen = sizeof(control.bytes)};
		struct cmsghdr *header;
		int more = -1;

		say_result("recvmsg", recvmsg(server, &message, flags[i]));
		header = CMSG_FIRSTHDR(&message);
		if (header)
			memcpy(&more, CMSG_DATA(header), sizeof(more));
		say("control %zu, more %d", (size_t)message.msg_controllen, more);
	}
}

CHECK(messages_that_cannot_be_read)
{
	static const int flags[] = {0, MSG_WAITALL, MSG_TRUNC, MSG_ERRQUEUE,
				    MSG_PEEK | MSG_WAITALL};
	static struct iovec many[1025];
	char byte;
	struct iovec iov = {forbidden(), 1}, fine = {&byte, 1};
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "0");
	wait_unread(server, 1);
	for (size_t asked = 0; asked < 2; asked++) {
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			struct msghdr message = {.msg_iov = forbidden(), .msg_iovlen = 1};
			int all = flags[i] | MSG_DONTWAIT;

			say("flags %#x, TCP_INQ %zu", (unsigned)flags[i], asked);
			say_result("message", recvmsg(server, (struct msghdr *)forbidden(), all));
			say_result("no message", recvmsg(server, NULL, all));
			say_result("vector", recvmsg(server, &message, all));
			message.msg_iov = many;
			message.msg_iovlen = 1025;
			say_result("long vector", recvmsg(server, &message, all));
			if (!(flags[i] & MSG_TRUNC)) {
				message.msg_iov = &iov;
				message.msg_iovlen = 1;
				say_result("bytes", recvmsg(server, &message, all));
			}
			say_result("several",
				   recvmmsg(server, (struct mmsghdr *)forbidden(), 1, all, NULL));
		}
		set_option(server, IPPROTO_TCP, TCP_INQ, 1);
	}
	say_result("left", readv(server, &fine, 1));
}
