/* SPDX-License-Identifier: MIT */
/* Half close in both directions, and what is seen at each step. */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

/* Both directions are shut down, and both ends know it. */
static void end_both(int client, int server)
{
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	shutdown(server, SHUT_WR);
	wait_for(client, POLLHUP);
	wait_for(server, POLLHUP);
}

CHECK(shut_wr_is_end_of_file_at_the_peer)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_poll("client before", client);
	say_poll("server before", server);
	say_result("shutdown", shutdown(client, SHUT_WR));
	wait_for(server, POLLRDHUP);
	say_poll("client", client);
	say_poll("server", server);
	say_result("server recv", recv(server, &byte, 1, 0));
	say_result("server recv again", recv(server, &byte, 1, MSG_DONTWAIT));
	say_poll("server after recv", server);
	say_error("server", server);
}

CHECK(shut_wr_by_the_server_is_end_of_file_at_the_client)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("shutdown", shutdown(server, SHUT_WR));
	wait_for(client, POLLRDHUP);
	say_poll("client", client);
	say_poll("server", server);
	say_result("client recv", recv(client, &byte, 1, 0));
	put(client, "still");
	wait_unread(server, 5);
	say_bytes("server recv", server);
}

CHECK(data_goes_on_after_the_peer_has_half_closed)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "request");
	say_result("shutdown", shutdown(client, SHUT_WR));
	wait_for(server, POLLRDHUP);
	say_bytes("server recv", server);
	say_bytes("server recv", server);
	put(server, "answer");
	wait_for(client, POLLIN);
	say_bytes("client recv", client);
	say_poll("client", client);
	say_result("close", close(server));
	wait_for(client, POLLRDHUP);
	say_bytes("client recv", client);
	wait_for(client, POLLHUP);
	say_poll("client at the end", client);
	say_error("client", client);
}

CHECK(both_half_closes_make_a_hang_up_on_both_sides)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("client shutdown", shutdown(client, SHUT_WR));
	wait_for(server, POLLRDHUP);
	say_result("server shutdown", shutdown(server, SHUT_WR));
	wait_for(client, POLLRDHUP);
	wait_for(client, POLLHUP);
	wait_for(server, POLLHUP);
	say_poll("client", client);
	say_poll("server", server);
	say_bytes("client recv", client);
	say_bytes("server recv", server);
	say_error("client", client);
	say_error("server", server);
}

CHECK(shut_wr_may_be_repeated)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("first", shutdown(client, SHUT_WR));
	say_result("second", shutdown(client, SHUT_WR));
	wait_for(server, POLLRDHUP);
	say_result("third", shutdown(client, SHUT_WR));
	say_poll("client", client);
}

CHECK(shut_rd_may_be_repeated)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("first", shutdown(client, SHUT_RD));
	say_result("second", shutdown(client, SHUT_RD));
	say_poll("client", client);
	say_poll("server", server);
}

CHECK(shut_rdwr_may_be_repeated)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("first", shutdown(client, SHUT_RDWR));
	wait_for(server, POLLRDHUP);
	say_result("second", shutdown(client, SHUT_RDWR));
	say_poll("client", client);
}

CHECK(shutdown_after_both_ends_are_over_is_not_connected)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	end_both(client, server);
	wait_acknowledged(server);
	say_result("client shutdown", shutdown(client, SHUT_WR));
	say_result("client shutdown RD", shutdown(client, SHUT_RD));
}

/* Nothing waits for the peer's end to arrive. */
CHECK(shutdown_right_after_both_ends_are_over_is_not_connected)
{
	int client, server, count = 0;
	for (int i = 0; i < 50; i++) {
		connected_pair(AF_INET, &client, &server);
		must(shutdown(client, SHUT_WR) == 0, "shutdown");
		wait_for(server, POLLRDHUP);
		close(server);
		count += shutdown(client, i % 2 ? SHUT_RD : SHUT_RDWR) < 0 && errno == ENOTCONN;
		close(client);
	}
	say("not connected: %d", count);
}

CHECK(shutdown_checks_how)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("3", shutdown(client, 3));
	say_result("-1", shutdown(client, -1));
	int fd = fresh(AF_INET, 0);
	say_result("fresh RD", shutdown(fd, SHUT_RD));
	say_result("fresh WR", shutdown(fd, SHUT_WR));
	say_result("fresh RDWR", shutdown(fd, SHUT_RDWR));
	say_result("fresh 3", shutdown(fd, 3));
	say_poll("fresh afterwards", fd);
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);
	say_result("a fresh one still connects after shutdown", connect_to(fd, &addr));
	say_result("and is accepted", accept(listening, NULL, NULL) >= 0);
}

CHECK(shut_rd_ends_reading_on_this_side)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("shutdown", shutdown(client, SHUT_RD));
	say_poll("client", client);
	say_result("recv", recv(client, &byte, 1, 0));
	say_result("recv DONTWAIT", recv(client, &byte, 1, MSG_DONTWAIT));
	put(client, "out");
	wait_for(server, POLLIN);
	say_poll("server", server);
	say_bytes("server recv", server);
	say_result("server send", send(server, "in", 2, MSG_NOSIGNAL));
	wait_acknowledged(server);
	say_poll("server after send", server);
	say_error("server", server);
}

CHECK(shut_rd_keeps_what_had_arrived)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(server, "early");
	wait_unread(client, 5);
	say_result("shutdown", shutdown(client, SHUT_RD));
	say_poll("client", client);
	say_bytes("recv", client);
	say_bytes("recv", client);
}

CHECK(shut_rd_leaves_a_blocked_sender_alive)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("shutdown", shutdown(server, SHUT_RD));
	put(client, "one");
	put(client, "two");
	say_result("client shutdown", shutdown(client, SHUT_WR));
	put(server, "answer");
	wait_for(client, POLLIN);
	say_bytes("client recv", client);
}

CHECK(shut_rdwr_seen_on_both_sides)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("shutdown", shutdown(client, SHUT_RDWR));
	wait_for(server, POLLRDHUP);
	say_poll("client", client);
	say_poll("server", server);
	say_result("client recv", recv(client, &byte, 1, 0));
	say_result("client send", send(client, "x", 1, MSG_NOSIGNAL));
	say_result("server recv", recv(server, &byte, 1, 0));
	say_result("close", close(server));
	wait_for(client, POLLHUP);
	say_poll("client at the end", client);
	say_error("client", client);
}

CHECK(shut_rdwr_delivers_what_was_sent)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "last words");
	say_result("shutdown", shutdown(client, SHUT_RDWR));
	wait_for(server, POLLRDHUP);
	say_bytes("server recv", server);
	say_bytes("server recv", server);
}

CHECK(shutdown_wakes_a_blocked_reader_of_the_same_socket)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		say_result("recv", recv(client, &byte, 1, 0));
		_exit(0);
	}
	wait_in_syscall(child, child, SYS_recvfrom);
	must(shutdown(client, SHUT_RD) == 0, "shutdown");
	reap(child);
}

static void say_sent(const char *what, long rc)
{
	say_result(what, rc);
	say("signals %d", signal_count());
}

CHECK(sending_after_shut_wr_breaks_the_pipe)
{
	int client, server;
	struct iovec iov = {"x", 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	connected_pair(AF_INET, &client, &server);
	shutdown(client, SHUT_WR);
	count_signal(SIGPIPE);
	say_sent("send NOSIGNAL", send(client, "x", 1, MSG_NOSIGNAL));
	say_sent("send", send(client, "x", 1, 0));
	say_sent("write", write(client, "x", 1));
	say_sent("writev", writev(client, &iov, 1));
	say_sent("sendmsg", sendmsg(client, &message, 0));
	say_sent("sendto", sendto(client, "x", 1, MSG_NOSIGNAL, NULL, 0));
	say_result("send nothing", send(client, "", 0, MSG_NOSIGNAL));
	say_result("write nothing", write(client, "", 0));
	say_error("error", client);
}

CHECK(sendfile_after_shut_wr_breaks_the_pipe)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int file = pattern_file(100);
	shutdown(client, SHUT_WR);
	count_signal(SIGPIPE);
	say_result("sendfile", sendfile(client, file, NULL, 100));
	say("signals %d, offset of the file %ld", signal_count(), (long)lseek(file, 0, SEEK_CUR));
}

CHECK(sigpipe_kills_by_default)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	shutdown(client, SHUT_WR);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		say_result("write", write(client, "x", 1));
		_exit(0);
	}
	reap(child);
}

CHECK(an_unconnected_socket_carries_no_data)
{
	int fd = fresh(AF_INET, 0);
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	count_signal(SIGPIPE);
	say_result("recv", recv(fd, &byte, 1, 0));
	say_result("recv PEEK", recv(fd, &byte, 1, MSG_PEEK));
	say_result("recvmsg", recvmsg(fd, &message, 0));
	say_result("read", read(fd, &byte, 1));
	say_result("readv", readv(fd, &iov, 1));
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_result("sendmsg", sendmsg(fd, &message, MSG_NOSIGNAL));
	say("signals %d", signal_count());
	say_result("send with a signal", send(fd, "x", 1, 0));
	say_result("write", write(fd, "x", 1));
	say_result("writev", writev(fd, &iov, 1));
	say("signals %d", signal_count());
}

CHECK(a_bound_socket_carries_no_data)
{
	struct sockaddr_storage addr;
	char byte;
	int fd = refusing(AF_INET, &addr);
	say_result("recv", recv(fd, &byte, 1, 0));
	say_result("read", read(fd, &byte, 1));
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_result("shutdown", shutdown(fd, SHUT_WR));
}

CHECK(a_listener_carries_no_data)
{
	int fd = listener(AF_INET, NULL);
	char byte;
	say_result("recv", recv(fd, &byte, 1, 0));
	say_result("recv DONTWAIT", recv(fd, &byte, 1, MSG_DONTWAIT));
	say_result("read", read(fd, &byte, 1));
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_poll("poll", fd);
}

static uint32_t next_events(int epoll, int wait_ms)
{
	struct epoll_event event = {0};
	int n = epoll_wait(epoll, &event, 1, wait_ms);
	must(n >= 0, "epoll_wait");
	return n == 1 ? event.events : 0;
}

static int watch(int fd, uint32_t events)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = events};
	must(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
	return epoll;
}

CHECK(level_triggered_events_of_a_half_close)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int epoll = watch(server, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	say_events("idle", next_events(epoll, 0));
	put(client, "x");
	wait_for(server, POLLIN);
	say_events("data", next_events(epoll, 0));
	say_events("data again", next_events(epoll, 0));
	say_bytes("recv", server);
	say_events("read", next_events(epoll, 0));
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_events("half closed", next_events(epoll, 0));
	shutdown(server, SHUT_WR);
	wait_for(server, POLLHUP);
	say_events("closed", next_events(epoll, 0));
}

CHECK(edge_triggered_events_of_a_half_close)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int epoll = watch(server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	say_events("idle", next_events(epoll, 0));
	say_events("idle again", next_events(epoll, 0));
	put(client, "x");
	say_events("data", next_events(epoll, -1));
	say_events("data again", next_events(epoll, 0));
	say_bytes("recv", server);
	say_events("read", next_events(epoll, 0));
	shutdown(client, SHUT_WR);
	say_events("half closed", next_events(epoll, -1));
	say_events("half closed again", next_events(epoll, 0));
	say_bytes("recv", server);
	say_events("end of file read", next_events(epoll, 0));
}

CHECK(one_shot_events_come_once)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int epoll = watch(server, EPOLLIN | EPOLLONESHOT);
	put(client, "x");
	say_events("data", next_events(epoll, -1));
	put(client, "y");
	wait_unread(server, 2);
	say_events("more data", next_events(epoll, 0));
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
	say_result("mod", epoll_ctl(epoll, EPOLL_CTL_MOD, server, &event));
	say_events("armed again", next_events(epoll, 0));
}

CHECK(edge_triggered_new_data_is_a_new_edge)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int epoll = watch(server, EPOLLIN | EPOLLET);
	for (int i = 0; i < 5; i++) {
		put(client, "abc");
		say_events("data", next_events(epoll, -1));
		say_events("and no more", next_events(epoll, 0));
		wait_unread(server, i * 3 + 3);
	}
	say_bytes("recv", server);
}

CHECK(epoll_needs_no_asking_for_hang_up)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int epoll = watch(server, 0);
	put(client, "x");
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_events("half closed", next_events(epoll, 0));
	shutdown(server, SHUT_WR);
	wait_for(server, POLLHUP);
	say_events("closed", next_events(epoll, 0));
}

CHECK(shut_rdwr_leaves_the_peer_a_name)
{
	struct sockaddr_storage addr, peer;
	int client, server;
	connected_pair(AF_INET, &client, &server);
	peer_of(client, &addr);
	say_result("shutdown", shutdown(client, SHUT_RDWR));
	wait_for(server, POLLRDHUP);
	peer_of(client, &peer);
	say("the same peer: %d", same_address(&addr, &peer));
	say_result("connect", connect_to(client, &addr));
}

CHECK(shut_rdwr_behind_a_later_connect_that_nobody_asked_about)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	int server = accept(listening, NULL, NULL);
	must(server >= 0, "accept");
	wait_for(fd, POLLOUT);
	say_result("shutdown", shutdown(fd, SHUT_RDWR));
	wait_for(server, POLLRDHUP);
	say_result("connect again", connect_to(fd, &addr));
	say_poll("after", fd);
}

CHECK(the_end_of_file_shows_before_unread_bytes_are_read)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	shutdown(client, SHUT_WR);
	must(send(server, "unread", 6, 0) == 6, "send");
	shutdown(server, SHUT_WR);
	wait_for(client, POLLHUP);
	say_poll("both directions have ended", client);
	say_bytes("recv", client);
	say_bytes("recv again", client);
	say_poll("all is read", client);
}
