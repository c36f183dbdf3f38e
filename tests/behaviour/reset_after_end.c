/* SPDX-License-Identifier: MIT */
/* A reset by a peer that has ended its direction before, and a reset after this end has done so. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static const struct linger at_once = {.l_onoff = 1};

/* The client gets the answer and the end of file; the server ends with unread bytes. */
static int client_of_a_server_that_answers_and_resets(void)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(server, "answer");
	shutdown(server, SHUT_WR);
	wait_for(client, POLLRDHUP);
	put(client, "more");
	wait_unread(server, 4);
	close(server);
	wait_for(client, POLLERR);
	return client;
}

CHECK(who_reads_after_end_and_reset_finds_the_end)
{
	int client = client_of_a_server_that_answers_and_resets();

	say_bytes("recv", client);
	say_bytes("recv", client);
	say_bytes("recv", client);
	say_result("send", send(client, "x", 1, MSG_NOSIGNAL));
}

CHECK(stdio_after_end_and_reset)
{
	char line[8];
	FILE *file = fdopen(client_of_a_server_that_answers_and_resets(), "r");

	must(file != NULL, "fdopen");
	must(fgets(line, sizeof line, file) != NULL, "fgets");
	say("%s, end %d, error %d", line, feof(file) != 0, ferror(file) != 0);
	say("more %d, end %d, error %d", fgetc(file), feof(file) != 0, ferror(file) != 0);
}

CHECK(every_way_of_reading_after_end_and_reset_finds_the_end)
{
	char bytes[8];
	struct iovec iov = {bytes, sizeof bytes};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int fd[7], ends[2];

	for (int i = 0; i < 7; i++) {
		fd[i] = client_of_a_server_that_answers_and_resets();
		swallow(fd[i], 6);
	}
	say_result("read", read(fd[0], bytes, sizeof bytes));
	say_result("readv", readv(fd[1], &iov, 1));
	say_result("recvfrom", recvfrom(fd[2], bytes, sizeof bytes, 0, (void *)&addr, &len));
	say_result("recvmsg", recvmsg(fd[3], &message.msg_hdr, 0));
	say_result("recvmmsg", recvmmsg(fd[4], &message, 1, 0, NULL));
	say("length %u", message.msg_len);
	say_result("recv of all", recv(fd[5], bytes, sizeof bytes, MSG_WAITALL));
	must(pipe(ends) == 0, "pipe");
	say_result("splice", splice(fd[6], NULL, ends[1], NULL, sizeof bytes, 0));
}

CHECK(the_end_after_a_reset_leaves_errno_alone)
{
	char bytes[8];
	struct iovec iov = {bytes, sizeof bytes};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int fd[6], seen[6];
	ssize_t rc[6];

	for (int i = 0; i < 6; i++) {
		fd[i] = client_of_a_server_that_answers_and_resets();
		swallow(fd[i], 6);
	}
	for (int i = 0; i < 6; i++) {
		errno = EXDEV; /* an errno that none of the calls gives */
		/* clang-format off */
		switch (i) {
		case 0: rc[i] = read(fd[i], bytes, sizeof bytes); break;
		case 1: rc[i] = readv(fd[i], &iov, 1); break;
		case 2: rc[i] = recv(fd[i], bytes, sizeof bytes, 0); break;
		case 3: rc[i] = recvfrom(fd[i], bytes, sizeof bytes, 0, NULL, NULL); break;
		case 4: rc[i] = recvmsg(fd[i], &message, 0); break;
		default: rc[i] = recv(fd[i], bytes, sizeof bytes, MSG_WAITALL); break;
		}
		/* clang-format on */
		seen[i] = errno;
	}
	for (int i = 0; i < 6; i++)
		say("%d: %zd, errno %s", i, rc[i], strerrorname_np(seen[i]));
}

CHECK(a_message_after_end_and_reset_is_left_as_at_the_end)
{
	static const int flags[] = {0, MSG_WAITALL, MSG_TRUNC, MSG_CMSG_CLOEXEC};

	for (int i = 0; i < 4; i++) {
		char bytes[8], control[64];
		struct iovec iov = {bytes, sizeof bytes};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof control,
					 .msg_flags = MSG_CTRUNC};
		int client = client_of_a_server_that_answers_and_resets();

		swallow(client, 6);
		say_result("recvmsg", recvmsg(client, &message, flags[i]));
		say("control %zu, flags %x", message.msg_controllen, message.msg_flags);
	}
}

static int client_of_a_server_that_has_reset(void)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(client, "unread");
	wait_unread(server, 6);
	close(server);
	wait_for(client, POLLERR);
	return client;
}

CHECK(the_first_send_after_a_reset_brings_no_signal)
{
	struct iovec iov = {"x", 1};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int fd[4];

	count_signal(SIGPIPE);
	for (int i = 0; i < 4; i++)
		fd[i] = client_of_a_server_that_has_reset();
	say_result("send", send(fd[0], "x", 1, 0));
	say_result("sendto", sendto(fd[1], "x", 1, 0, NULL, 0));
	say_result("sendmsg", sendmsg(fd[2], &message.msg_hdr, 0));
	say_result("sendmmsg", sendmmsg(fd[3], &message, 1, 0));
	say("signals %d", signal_count());
	for (int i = 0; i < 4; i++)
		say_result("send again", send(fd[i], "x", 1, 0));
	say("signals %d", signal_count());
	say_result("send without", send(fd[0], "x", 1, MSG_NOSIGNAL));
	say("signals %d", signal_count());
}

CHECK(the_signal_of_a_broken_pipe_comes_from_other_sockets_too)
{
	int fd[2];

	count_signal(SIGPIPE);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
	close(fd[1]);
	say_result("send", send(fd[0], "x", 1, 0));
	say_result("send without", send(fd[0], "x", 1, MSG_NOSIGNAL));
	say("signals %d", signal_count());
	signal(SIGPIPE, SIG_IGN);
	say_result("send, ignored", send(fd[0], "x", 1, 0));
}

static void half_closed_pair(int *client, int *server)
{
	connected_pair(AF_INET, client, server);
	shutdown(*client, SHUT_WR);
	wait_for(*server, POLLRDHUP);
	put(*server, "half of it");
	wait_unread(*client, 10);
}

/* Otherwise a truncated answer would look complete. */
CHECK(a_close_that_resets_does_so_after_the_peers_end)
{
	int client, server;

	half_closed_pair(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(server);
	wait_for(client, POLLHUP);
	say_bytes("recv", client);
	say_bytes("recv", client);
	say_bytes("recv", client);
}

CHECK(a_close_that_resets_does_so_when_the_end_has_been_read)
{
	int client, server;

	half_closed_pair(&client, &server);
	say_bytes("server", server);
	say_bytes("recv", client);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(server);
	wait_for(client, POLLHUP);
	say_bytes("recv", client);
}

CHECK(an_end_of_ones_half_resets_nothing)
{
	int client, server;

	half_closed_pair(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	shutdown(server, SHUT_WR);
	say_bytes("recv", client);
	wait_for(client, POLLHUP);
	say_bytes("recv", client);
	say_error("client", client);
}

CHECK(shutting_both_ways_is_no_close_that_resets)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(server, "all of it");
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	shutdown(server, SHUT_RDWR);
	say_bytes("recv", client);
	say_bytes("recv", client);
	say_error("client", client);
}

CHECK(an_end_of_ones_half_before_the_option_resets_nothing)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	put(server, "all of it");
	shutdown(server, SHUT_WR);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	say_bytes("recv", client);
	say_bytes("recv", client);
	shutdown(client, SHUT_WR);
	wait_for(server, POLLHUP);
	wait_for(client, POLLHUP);
	say_error("client", client);
	say_error("server", server);
}

#define READERS 3
#define PIECE_BYTES 1000
#define PIECES 300

struct readers {
	int fd;
	atomic_int whole, others;
};

static void *read_pieces(void *argument)
{
	struct readers *readers = argument;
	char bytes[PIECE_BYTES];
	ssize_t n;

	while ((n = recv(readers->fd, bytes, sizeof bytes, MSG_WAITALL)) > 0)
		atomic_fetch_add(n == PIECE_BYTES ? &readers->whole : &readers->others, 1);
	return NULL;
}

/* Some pieces may be split: at the end each reader may have a part of one. */
CHECK(several_threads_that_want_all_get_all)
{
	char bytes[PIECE_BYTES / 10];
	struct readers readers = {0};
	pthread_t threads[READERS];
	int server;

	connected_pair(AF_INET, &readers.fd, &server);
	fill_pattern((unsigned char *)bytes, sizeof bytes, 0);
	for (int i = 0; i < READERS; i++)
		threads[i] = spawn(read_pieces, &readers);
	for (int i = 0; i < PIECES * 10; i++)
		put_bytes(server, bytes, sizeof bytes);
	close(server);
	for (int i = 0; i < READERS; i++)
		finish(threads[i]);
	say("cut short: %d", readers.others > 2 * READERS);
	say("whole: %d", readers.whole >= PIECES - READERS);
}
