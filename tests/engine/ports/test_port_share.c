/* SPDX-License-Identifier: MIT */
/* Engines in threads share a UDP port with each other, but not with other sockets. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/names.h"
#include "engine/loop/engine.h"
#include "engine/control/control.h"
#include "engine/loop/deferred_close.h"
#include "engine/ports/port_share.h"

#define ENGINES 3
#define DATAGRAMS 60

static struct rudp_engine engines[ENGINES];
static struct rudp_udp *udps[ENGINES];
static struct rudp_addr place;

/* Finds a free port. */
static void setup(void)
{
	static struct rudp_settings settings;
	struct rudp_addr any;
	socklen_t len = sizeof place.in4;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(zero(int, rudp_addr_parse(&any, "127.0.0.1:0")));
	cr_assert(zero(int, bind(fd, &any.sa, rudp_addr_len(&any))));
	place = any;
	cr_assert(zero(int, getsockname(fd, &place.sa, &len)));
	close(fd);
	for (int i = 0; i < ENGINES; i++)
		cr_assert(zero(int, rudp_engine_init(&engines[i], &settings)));
}

static void teardown(void)
{
	for (int i = 0; i < ENGINES; i++)
		rudp_engine_fini(&engines[i]);
}

TestSuite(share, .init = setup, .fini = teardown);

static int open_in(int number)
{
	const struct rudp_udp_options options = {0};

	return rudp_port_share_open_udp(&engines[number], &place, &options, &udps[number]);
}

/* A program's own socket, which allows sharing. */
static int bind_other_program(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	cr_assert(zero(int, bind(fd, &place.sa, rudp_addr_len(&place))));
	return fd;
}

static int count_of(int fd)
{
	char byte;
	int count = 0;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) == 1)
		count++;
	return count;
}

static void send_from_many_ports(void)
{
	for (int i = 0; i < DATAGRAMS; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		cr_assert(eq(int, (int)sendto(fd, "x", 1, 0, &place.sa, rudp_addr_len(&place)), 1));
		close(fd);
	}
}

Test(share, engines_in_workers_share_a_port)
{
	int counts[ENGINES];

	for (int i = 0; i < ENGINES; i++)
		cr_assert(zero(int, open_in(i)), "engine %d", i);
	send_from_many_ports();
	for (int i = 0; i < ENGINES; i++) {
		counts[i] = count_of(udps[i]->fd);
		cr_assert(ge(int, counts[i], 1));
	}
	cr_assert(eq(int, counts[0] + counts[1] + counts[2], DATAGRAMS));
}

Test(share, a_port_of_another_program_is_not_shared)
{
	int stranger = bind_other_program();

	cr_assert(eq(int, open_in(0), -EADDRINUSE));
	cr_assert(eq(int, open_in(1), -EADDRINUSE));
	send_from_many_ports();
	cr_assert(eq(int, count_of(stranger), DATAGRAMS));
	close(stranger);
	cr_assert(zero(int, open_in(0)));
}

/* It does not matter which engine was first: the others find each other by their shares. */
Test(share, a_worker_can_join_after_the_first_has_left)
{
	cr_assert(zero(int, open_in(0)));
	cr_assert(zero(int, open_in(1)));
	rudp_udp_close(&engines[0], udps[0]);
	cr_assert(zero(int, open_in(2)));
	rudp_udp_close(&engines[1], udps[1]);
	cr_assert(zero(int, open_in(0)));
}

Test(share, the_port_is_free_after_all_have_left)
{
	int stranger;

	cr_assert(zero(int, open_in(0)));
	cr_assert(zero(int, open_in(1)));
	rudp_udp_close(&engines[0], udps[0]);
	rudp_udp_close(&engines[1], udps[1]);
	stranger = bind_other_program();
	cr_assert(eq(int, open_in(2), -EADDRINUSE));
	close(stranger);
}

static bool pass_on(const char *text, unsigned number)
{
	uint8_t data[16];
	struct rudp_datagram datagram = {.socket = udps[0],
					 .local = place,
					 .remote = place,
					 .data = data,
					 .len = strlen(text)};

	memcpy(data, text, datagram.len);
	return rudp_port_share_pass_on(udps[0], &datagram, number);
}

static uint64_t unparsable(int number)
{
	return rudp_endpoint_verdicts(engines[number].ep)->count[RUDP_VERDICT_BAD_TYPE];
}

Test(share, a_datagram_is_passed_to_the_engine_with_its_number)
{
	cr_assert(zero(int, open_in(0)));
	cr_assert(zero(int, open_in(1)));
	cr_assert(ne(int, rudp_port_share_number(udps[0]), rudp_port_share_number(udps[1])));
	cr_assert(pass_on("no packet", (unsigned)rudp_port_share_number(udps[1])));
	rudp_port_share_on_event(&engines[1], udps[1]);
	cr_assert(eq(u64, unparsable(1), 1));
	cr_assert(not(pass_on("no packet", RUDP_PORT_SHARES_MAX - 1)));
	rudp_udp_close(&engines[1], udps[1]);
	cr_assert(not(pass_on("no packet", 1)));
}

static socklen_t name_of_first(struct sockaddr_un *un)
{
	const struct rudp_name name = {.kind = RUDP_NAME_PORT_SHARE,
				       .uid = geteuid(),
				       .port = rudp_addr_port(&place),
				       .share = (uint16_t)rudp_port_share_number(udps[0])};

	return rudp_name_write(&name, un);
}

Test(share, datagrams_passed_on_by_another_user_are_dropped)
{
	struct sockaddr_un un;
	socklen_t len;
	pid_t child;
	int status;

	if (geteuid() != 0)
		cr_skip("only root can be somebody else");
	cr_assert(zero(int, open_in(0)));
	len = name_of_first(&un);
	child = fork();
	if (child == 0) {
		char bytes[400] = {0};
		int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

		_exit(setuid(65534) == 0 && sendto(fd, bytes, sizeof bytes, 0,
						   (struct sockaddr *)&un, len) == sizeof bytes
			      ? 0
			      : 1);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(zero(int, status));
	rudp_port_share_on_event(&engines[0], udps[0]);
	cr_assert(zero(u64, unparsable(0)));
}

#define FDS_MAX 253 /* SCM_MAX_FD */

/* Sends a datagram with count copies of the descriptor. */
static void send_copies_with(const char *text, int fd, size_t count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(FDS_MAX * sizeof(int))] = {0};
	struct iovec iov = {(void *)text, strlen(text)};
	struct sockaddr_un un;
	struct msghdr message = {.msg_name = &un,
				 .msg_namelen = name_of_first(&un),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	int to = socket(AF_UNIX, SOCK_DGRAM, 0);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof fd, &fd, sizeof fd);
	cr_assert(eq(long, sendmsg(to, &message, 0), strlen(text)));
	close(to);
}

static void send_copies(int fd, size_t count)
{
	send_copies_with("x", fd, count);
}

/* Sends a socket whose last close() blocks until its peer, which this returns, is closed. */
static int send_lingering_with(const char *text)
{
	static const struct linger linger = {1, 60};
	static const uint8_t bytes[65536];
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	int peer = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert(zero(int, bind(peer, (struct sockaddr *)&addr, len)));
	cr_assert(zero(int, listen(peer, 1)));
	cr_assert(zero(int, getsockname(peer, (struct sockaddr *)&addr, &len)));
	cr_assert(zero(int, connect(fd, (struct sockaddr *)&addr, len)));
	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger)));
	send_copies_with(text, fd, 1);
	close(fd);
	return peer;
}

static int send_lingering(void)
{
	return send_lingering_with("x");
}

static bool has_one_more(void)
{
	char byte;

	return recv(udps[0]->share_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Sends more than the closing threads can take at once, so that the rest is queued. */
static void fill_deferred_close(int peers[RUDP_DEFERRED_CLOSE_THREADS])
{
	int pair[2];

	for (int i = 0; i < RUDP_DEFERRED_CLOSE_THREADS; i++) {
		peers[i] = send_lingering();
		rudp_port_share_on_event(&engines[0], udps[0]);
		cr_assert(not(has_one_more()));
	}
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair)));
	send_copies(pair[0], FDS_MAX);
	rudp_port_share_on_event(&engines[0], udps[0]);
	cr_assert(not(has_one_more()));
	cr_assert(rudp_deferred_close_is_full());
	close(pair[0]);
	close(pair[1]);
}

static void release(const int peers[RUDP_DEFERRED_CLOSE_THREADS])
{
	for (int i = 0; i < RUDP_DEFERRED_CLOSE_THREADS; i++)
		close(peers[i]);
	while (rudp_deferred_close_is_full())
		usleep(1000);
}

/* If this thread had to wait for one of these closes, the test would run into its time limit. */
Test(share, received_descriptors_block_nothing_and_do_not_accumulate, .timeout = 30)
{
	int peers[RUDP_DEFERRED_CLOSE_THREADS];

	cr_assert(zero(int, open_in(0)));
	fill_deferred_close(peers);
	send_copies(STDERR_FILENO, 1);
	rudp_port_share_on_event(&engines[0], udps[0]);
	cr_assert(has_one_more());
	cr_assert(udps[0]->share_paused);
	release(peers);
	rudp_control_listeners_reopen(&engines[0]);
	cr_assert(not(udps[0]->share_paused));
	rudp_port_share_on_event(&engines[0], udps[0]);
	cr_assert(not(has_one_more()));
}

Test(share, unread_messages_do_not_block_the_close, .timeout = 30)
{
	int peer;

	cr_assert(zero(int, open_in(0)));
	peer = send_lingering();
	rudp_udp_close(&engines[0], udps[0]);
	close(peer);
}

Test(share, an_unread_empty_datagram_does_not_block_the_close, .timeout = 30)
{
	int peer;

	cr_assert(zero(int, open_in(0)));
	peer = send_lingering_with("");
	rudp_udp_close(&engines[0], udps[0]);
	close(peer);
}

Test(share, descriptors_without_free_number_stay_queued, .timeout = 30)
{
	struct rlimit limit, less;
	int peer;

	cr_assert(zero(int, open_in(0)));
	peer = send_lingering();
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	less = limit;
	less.rlim_cur = 0;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &less)));
	rudp_port_share_on_event(&engines[0], udps[0]);
	cr_assert(has_one_more());
	cr_assert(udps[0]->share_paused);
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	rudp_control_listeners_reopen(&engines[0]);
	rudp_port_share_on_event(&engines[0], udps[0]);
	cr_assert(not(has_one_more()));
	close(peer);
}
