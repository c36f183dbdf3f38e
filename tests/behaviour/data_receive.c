/* SPDX-License-Identifier: MIT */
/* Flags, lengths and pointers of receiving. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

CHECK(peek_leaves_the_data)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	put(client, "hello");
	wait_unread(server, 5);
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK));
	say_data("peek", data, recv(server, data, 2, MSG_PEEK));
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT));
	say_data("recv", data, recv(server, data, 2, 0));
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK));
	say_poll("poll", server);
	say_data("recv", data, recv(server, data, sizeof(data), 0));
	say_result("peek of nothing", recv(server, data, 1, MSG_PEEK | MSG_DONTWAIT));
}

CHECK(peek_sees_what_several_sends_brought)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	put(client, "abc");
	wait_unread(server, 3);
	put(client, "def");
	wait_unread(server, 6);
	put(client, "ghi");
	wait_unread(server, 9);
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK));
	say_data("peek 5", data, recv(server, data, 5, MSG_PEEK));
	say_data("recv 4", data, recv(server, data, 4, 0));
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK));
	say_data("recv", data, recv(server, data, sizeof(data), 0));
}

CHECK(peek_at_end_of_file)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	put(client, "x");
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK));
	say_data("recv", data, recv(server, data, sizeof(data), 0));
	say_data("peek", data, recv(server, data, sizeof(data), MSG_PEEK));
	say_data("recv", data, recv(server, data, sizeof(data), 0));
}

struct late {
	int fd;
	pid_t reader;
	const char *text;
	bool then_close;
};

/* Sends when the reader sleeps. */
static void *send_late(void *argument)
{
	struct late *late = argument;
	wait_in_syscall(getpid(), late->reader, SYS_recvfrom);
	put(late->fd, late->text);
	if (late->then_close)
		shutdown(late->fd, SHUT_WR);
	return NULL;
}

CHECK(waitall_waits_for_all)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	put(client, "first ");
	wait_unread(server, 6);
	struct late late = {client, gettid(), "second", false};
	pthread_t thread = spawn(send_late, &late);
	say_data("recv", data, recv(server, data, 12, MSG_WAITALL));
	finish(thread);
}

CHECK(waitall_ends_with_end_of_file)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	put(client, "first ");
	wait_unread(server, 6);
	struct late late = {client, gettid(), "end", true};
	pthread_t thread = spawn(send_late, &late);
	say_data("recv", data, recv(server, data, 16, MSG_WAITALL));
	finish(thread);
	say_data("recv again", data, recv(server, data, 16, MSG_WAITALL));
}

static void *signal_late(void *argument)
{
	struct late *late = argument;
	wait_in_syscall(getpid(), late->reader, SYS_recvfrom);
	syscall(SYS_tgkill, getpid(), late->reader, SIGUSR1);
	return NULL;
}

CHECK(waitall_interrupted_gives_what_there_is)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	put(client, "part");
	wait_unread(server, 4);
	count_signal(SIGUSR1);
	struct late late = {client, gettid(), NULL, false};
	pthread_t thread = spawn(signal_late, &late);
	say_data("recv", data, recv(server, data, 16, MSG_WAITALL));
	finish(thread);
	thread = spawn(signal_late, &late);
	say_data("recv of nothing", data, recv(server, data, 16, MSG_WAITALL));
	finish(thread);
	say("signals %d", signal_count());
}

CHECK(waitall_without_waiting)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	say_data("DONTWAIT", data, recv(server, data, 16, MSG_WAITALL | MSG_DONTWAIT));
	put(client, "part");
	wait_unread(server, 4);
	say_data("DONTWAIT", data, recv(server, data, 16, MSG_WAITALL | MSG_DONTWAIT));
	put(client, "part");
	wait_unread(server, 4);
	set_blocking(server, false);
	say_data("non-blocking", data, recv(server, data, 16, MSG_WAITALL));
}

CHECK(waitall_with_a_time_out_gives_what_there_is)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	set_timeout(server, SO_RCVTIMEO, 100);
	put(client, "part");
	wait_unread(server, 4);
	say_data("recv", data, recv(server, data, 16, MSG_WAITALL));
	say_data("recv", data, recv(server, data, 16, MSG_WAITALL));
}

/* Some programs check only errno. */
#define MARKED 4711

static void say_errno(const char *what, long rc)
{
	int now = errno;
	say("%s: %ld, errno %s", what, rc, now == MARKED ? "as it was" : strerrorname_np(now));
	errno = MARKED;
}

CHECK(calls_that_succeed_leave_errno_alone)
{
	int client, server;
	char data[16];
	struct iovec iov = {"named", 5};
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = 9};
	struct mmsghdr message = {.msg_hdr = {.msg_name = &name,
					      .msg_namelen = sizeof(name),
					      .msg_iov = &iov,
					      .msg_iovlen = 1}};
	connected_pair(AF_INET, &client, &server);
	set_timeout(server, SO_RCVTIMEO, 20);
	errno = MARKED;
	say_errno("sendmsg", sendmsg(client, &message.msg_hdr, 0));
	say_errno("sendmmsg", sendmmsg(client, &message, 1, 0));
	say_errno("sendto", sendto(client, "to", 2, 0, (struct sockaddr *)&name, sizeof(name)));
	wait_unread(server, 12);
	errno = MARKED;
	say_errno("WAITALL", recv(server, data, 16, MSG_PEEK | MSG_WAITALL));
	say_errno("WAITALL", recv(server, data, 10, MSG_WAITALL));
	say_errno("WAITALL DONTWAIT", recv(server, data, 1, MSG_WAITALL | MSG_DONTWAIT));
	say_errno("TRUNC WAITALL", recv(server, NULL, 16, MSG_TRUNC | MSG_WAITALL));
}

static void on_broken_pipe(int number)
{
	(void)number;
	errno = MARKED;
}

CHECK(a_handler_does_not_change_the_errno_of_a_broken_pipe)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	signal(SIGPIPE, on_broken_pipe);
	say_result("send", send(fd, "x", 1, 0));
}

/* The implementations sleep in different system calls, so the bytes are sent one by one. */
static void *send_parts(void *argument)
{
	struct late *late = argument;
	for (const char *next = late->text; *next; next++)
		put_bytes(late->fd, next, 1);
	if (late->then_close)
		shutdown(late->fd, SHUT_WR);
	return NULL;
}

CHECK(peek_and_waitall_wait_and_leave_the_data)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	struct late late = {client, 0, "twelve bytes", false};
	pthread_t thread = spawn(send_parts, &late);
	say_data("peek", data, recv(server, data, 12, MSG_PEEK | MSG_WAITALL));
	finish(thread);
	say_data("peek", data, recv(server, data, 6, MSG_PEEK | MSG_WAITALL));
	say_data("peek", data, recv(server, data, 16, MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT));
	say_data("recv", data, recv(server, data, 16, 0));
}

CHECK(peek_and_waitall_end_with_end_of_file)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	struct late late = {client, 0, "short", true};
	pthread_t thread = spawn(send_parts, &late);
	say_data("peek", data, recv(server, data, 12, MSG_PEEK | MSG_WAITALL));
	finish(thread);
	say_data("recv", data, recv(server, data, 16, 0));
	say_data("peek", data, recv(server, data, 12, MSG_PEEK | MSG_WAITALL));
}

CHECK(peek_and_waitall_keep_to_the_time_out)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	set_timeout(server, SO_RCVTIMEO, 100);
	say_data("nothing", data, recv(server, data, 12, MSG_PEEK | MSG_WAITALL));
	put(client, "part");
	wait_unread(server, 4);
	say_data("a part", data, recv(server, data, 12, MSG_PEEK | MSG_WAITALL));
	say_data("recv", data, recv(server, data, 12, 0));
}

CHECK(dontwait_says_again)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("recv", recv(server, &byte, 1, MSG_DONTWAIT));
	set_blocking(server, false);
	say_result("recv", recv(server, &byte, 1, 0));
	say_result("read", read(server, &byte, 1));
	say_result("client recv", recv(client, &byte, 1, MSG_DONTWAIT));
}

CHECK(trunc_throws_the_bytes_away)
{
	int client, server;
	char data[16] = "untouched";
	connected_pair(AF_INET, &client, &server);
	put(client, "hello world");
	wait_unread(server, 11);
	say_result("recv", recv(server, data, 6, MSG_TRUNC));
	say_data("buffer", data, 9);
	say_data("recv", data, recv(server, data, sizeof(data), 0));
	put(client, "hello");
	wait_unread(server, 5);
	say_result("recv to NULL", recv(server, NULL, 100, MSG_TRUNC));
	say_result("recv", recv(server, data, 1, MSG_DONTWAIT));
	say_result("recv of nothing", recv(server, NULL, 10, MSG_TRUNC | MSG_DONTWAIT));
}

CHECK(trunc_with_recvmsg_and_peek)
{
	int client, server;
	char data[16] = "untouched";
	struct iovec iov = {data, 4};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	connected_pair(AF_INET, &client, &server);
	put(client, "hello world");
	wait_unread(server, 11);
	say_result("recvmsg", recvmsg(server, &message, MSG_TRUNC));
	say("flags %#x", (unsigned)message.msg_flags);
	say_result("peek", recv(server, data, 4, MSG_TRUNC | MSG_PEEK));
	say_result("peek more", recv(server, data, sizeof(data), MSG_TRUNC | MSG_PEEK));
	say_data("recv", data, recv(server, data, sizeof(data), 0));
}

CHECK(trunc_of_much_in_one_call)
{
	int client, server;
	static unsigned char data[150000];
	connected_pair(AF_INET, &client, &server);
	fill_pattern(data, sizeof(data), 0);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		put_bytes(client, data, sizeof(data));
		_exit(0);
	}
	say_result("recv", recv(server, NULL, 120000, MSG_TRUNC | MSG_WAITALL));
	memset(data, 0, sizeof(data));
	ssize_t n = recv(server, data, 30000, MSG_WAITALL);
	say_result("recv", n);
	say("as sent: %d", is_pattern(data, 30000, 120000));
}

CHECK(the_error_queue_is_empty)
{
	int client, server;
	char data[64];
	struct iovec iov = {data, sizeof(data)};
	char control[64];
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	connected_pair(AF_INET, &client, &server);
	say_result("recv", recv(server, data, 1, MSG_ERRQUEUE));
	say_result("recvmsg", recvmsg(server, &message, MSG_ERRQUEUE));
	put(client, "x");
	wait_unread(server, 1);
	say_result("recvmsg with data", recvmsg(server, &message, MSG_ERRQUEUE | MSG_DONTWAIT));
	int fd = fresh(AF_INET, 0);
	say_result("fresh", recv(fd, data, 1, MSG_ERRQUEUE));
	say_result("length 0", recv(server, data, 0, MSG_ERRQUEUE));
}

CHECK(receiving_no_bytes)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("read", read(server, &byte, 0));
	say_result("recv DONTWAIT", recv(server, &byte, 0, MSG_DONTWAIT));
	put(client, "x");
	wait_unread(server, 1);
	say_result("recv with data", recv(server, &byte, 0, 0));
	say_result("recv to NULL", recv(server, NULL, 0, 0));
	say_result("peek", recv(server, &byte, 0, MSG_PEEK));
	say_result("recv", recv(server, &byte, 1, 0));
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_result("at the end", recv(server, &byte, 0, 0));
}

CHECK(recvfrom_gives_no_address)
{
	int client, server;
	char byte;
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	connected_pair(AF_INET, &client, &server);
	put(client, "abcdef");
	wait_unread(server, 6);
	memset(&addr, 0x55, sizeof(addr));
	say_result("recvfrom", recvfrom(server, &byte, 1, 0, (struct sockaddr *)&addr, &len));
	say("length %u, family %#x", (unsigned)len, addr.ss_family);
	len = 0;
	say_result("no room", recvfrom(server, &byte, 1, 0, (struct sockaddr *)&addr, &len));
	say("length %u", (unsigned)len);
	len = sizeof(addr);
	say_result("no address", recvfrom(server, &byte, 1, 0, NULL, &len));
	say("length %u", (unsigned)len);
	say_result("no length", recvfrom(server, &byte, 1, 0, (struct sockaddr *)&addr, NULL));
	len = (socklen_t)-1;
	say_result("bad length", recvfrom(server, &byte, 1, 0, (struct sockaddr *)&addr, &len));
	wait_unread(server, 1);
	say_data("left", &byte, recv(server, &byte, 1, 0));
}

CHECK(recvmsg_gives_no_address_and_no_control)
{
	int client, server;
	char data[8], control[64];
	struct sockaddr_storage addr;
	struct iovec iov = {data, sizeof(data)};
	struct msghdr message = {.msg_name = &addr,
				 .msg_namelen = sizeof(addr),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control),
				 .msg_flags = 0x77};
	connected_pair(AF_INET, &client, &server);
	put(client, "abc");
	wait_unread(server, 3);
	say_data("recvmsg", data, recvmsg(server, &message, 0));
	say("name %u, control %zu, flags %#x", (unsigned)message.msg_namelen,
	    (size_t)message.msg_controllen, (unsigned)message.msg_flags);
	message.msg_namelen = sizeof(addr);
	message.msg_controllen = sizeof(control);
	say_result("nothing there", recvmsg(server, &message, MSG_DONTWAIT));
	say("name %u, control %zu", (unsigned)message.msg_namelen, (size_t)message.msg_controllen);
	message.msg_namelen = (socklen_t)-1;
	put(client, "abc");
	wait_unread(server, 3);
	say_result("bad length of the name", recvmsg(server, &message, MSG_DONTWAIT));
}

CHECK(recvmsg_in_several_pieces)
{
	int client, server;
	char one[2], two[3], three[4];
	struct iovec iov[] = {{one, 2}, {two, 3}, {NULL, 0}, {three, 4}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 4};
	connected_pair(AF_INET, &client, &server);
	put(client, "aabbbcc");
	wait_unread(server, 7);
	say_result("recvmsg", recvmsg(server, &message, 0));
	say("%.2s %.3s %.2s", one, two, three);
}

CHECK(recvmmsg_takes_what_there_is)
{
	int client, server;
	char data[4][4];
	struct iovec iov[4];
	struct mmsghdr messages[4] = {0};
	struct sockaddr_storage addr;
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){data[i], 4};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	messages[1].msg_hdr.msg_name = &addr;
	messages[1].msg_hdr.msg_namelen = sizeof(addr);
	connected_pair(AF_INET, &client, &server);
	say_result("nothing", recvmmsg(server, messages, 4, MSG_DONTWAIT, NULL));
	put(client, "abcdefghij");
	wait_unread(server, 10);
	say_result("recvmmsg", recvmmsg(server, messages, 4, MSG_DONTWAIT, NULL));
	say("lengths %u %u %u, name %u", messages[0].msg_len, messages[1].msg_len,
	    messages[2].msg_len, (unsigned)messages[1].msg_hdr.msg_namelen);
	say("%.4s %.4s %.2s", data[0], data[1], data[2]);
	put(client, "abcde");
	wait_unread(server, 5);
	say_result("WAITFORONE", recvmmsg(server, messages, 4, MSG_WAITFORONE, NULL));
	say_result("no messages", recvmmsg(server, messages, 0, MSG_DONTWAIT, NULL));
	struct timespec none = {0, 0}, bad = {0, -1};
	put(client, "abcde");
	wait_unread(server, 5);
	say_result("with a time-out", recvmmsg(server, messages, 4, 0, &none));
	say_result("a bad time-out", recvmmsg(server, messages, 4, MSG_DONTWAIT, &bad));
	set_blocking(server, false);
	say_result("the rest", recvmmsg(server, messages, 4, 0, NULL));
}

CHECK(receiving_to_bad_pointers)
{
	int client, server;
	char data[8], *bad = forbidden();
	struct iovec iov = {bad, 4};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	connected_pair(AF_INET, &client, &server);
	say_result("nothing there", recv(server, bad, 4, MSG_DONTWAIT));
	put(client, "abcd");
	wait_unread(server, 4);
	say_result("recv", recv(server, bad, 4, 0));
	say_result("recv to NULL", recv(server, NULL, 4, 0));
	say_result("read", read(server, bad, 4));
	say_result("peek", recv(server, bad, 4, MSG_PEEK));
	say_result("readv", readv(server, &iov, 1));
	say_result("recvmsg", recvmsg(server, &message, 0));
	say_result("message", recvmsg(server, (struct msghdr *)bad, 0));
	message.msg_iov = (struct iovec *)bad;
	say_result("vector", recvmsg(server, &message, 0));
	say_result("vector of readv", readv(server, (struct iovec *)bad, 1));
	say_result("PEEK and WAITALL", recv(server, bad, 4, MSG_PEEK | MSG_WAITALL));
	say_data("left", data, recv(server, data, sizeof(data), 0));
}

static volatile int minus_one = -1;

CHECK(receiving_with_bad_vectors)
{
	int client, server;
	static struct iovec iov[1025];
	static char data[2000];
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 1025};
	for (int i = 0; i < 1025; i++)
		iov[i] = (struct iovec){data + i, 1};
	connected_pair(AF_INET, &client, &server);
	put(client, "0123456789");
	wait_unread(server, 10);
	say_result("readv 1025", readv(server, iov, 1025));
	say_result("readv -1", readv(server, iov, minus_one));
	say_result("readv 0", readv(server, iov, 0));
	say_result("recvmsg 1025", recvmsg(server, &message, 0));
	iov[1].iov_len = (size_t)-1;
	say_result("readv of a negative length", readv(server, iov, 2));
	message.msg_iovlen = 2;
	say_result("recvmsg of a negative length", recvmsg(server, &message, 0));
	message.msg_iovlen = 0;
	say_result("recvmsg of no pieces", recvmsg(server, &message, MSG_DONTWAIT));
	say_result("length beyond all", recv(server, data, SIZE_MAX, 0));
}

CHECK(unknown_flags_of_receiving)
{
	int client, server;
	char data[8];
	connected_pair(AF_INET, &client, &server);
	put(client, "abcdefgh");
	wait_unread(server, 8);
	say_data("CMSG_CLOEXEC", data, recv(server, data, 1, MSG_CMSG_CLOEXEC));
	say_data("NOSIGNAL", data, recv(server, data, 1, MSG_NOSIGNAL));
	say_data("EOR", data, recv(server, data, 1, MSG_EOR));
	say_data("CONFIRM", data, recv(server, data, 1, MSG_CONFIRM));
	say_data("MORE", data, recv(server, data, 1, MSG_MORE));
	say_data("DONTROUTE", data, recv(server, data, 1, MSG_DONTROUTE));
}

CHECK(recvmsg_that_discards_sets_what_it_returns)
{
	struct sockaddr_storage addr;
	char data[8], control[64];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int server = listener(AF_INET, &addr), fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	must(send(fd, "abcd", 4, 0) == 4, "send");
	wait_for(accepted, POLLIN);
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	message.msg_flags = -1;
	say_result("recvmsg", recvmsg(accepted, &message, MSG_TRUNC));
	say("control %d, flags %d", (int)message.msg_controllen, message.msg_flags);
	close(fd);
	wait_for(accepted, POLLRDHUP);
	message.msg_controllen = sizeof(control);
	message.msg_flags = -1;
	say_result("at the end", recvmsg(accepted, &message, MSG_TRUNC));
	say("control %d, flags %d", (int)message.msg_controllen, message.msg_flags);
	say_result("again", recvmsg(accepted, &message, MSG_TRUNC | MSG_CMSG_CLOEXEC));
	say("flags %x", message.msg_flags);
}

CHECK(recvmsg_without_a_name_leaves_its_length)
{
	static const int flags[] = {0, MSG_TRUNC, MSG_WAITALL, MSG_PEEK | MSG_WAITALL};
	char data[4];
	struct iovec iov = {data, sizeof(data)};
	int client, server;
	connected_pair(AF_INET, &client, &server);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_namelen = 128};
		put(client, "abcd");
		wait_unread(server, 4);
		say_result("recvmsg", recvmsg(server, &message, flags[i]));
		say("length %d", (int)message.msg_namelen);
	}
}
