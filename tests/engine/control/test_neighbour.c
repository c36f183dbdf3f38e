/* SPDX-License-Identifier: MIT */
/*
 * Another user of the host, who has no right to the engine, sends the most expensive messages. The
 * owner's requests are answered at once, and no descriptor stays open in the engine.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/mark.h"
#include "engine/control/control.h"
#include "engine/loop/deferred_close.h"
#include "engine/running_engine.h"

#define NOBODY 65534
#define FDS_MAX 253  /* SCM_MAX_FD */
#define WANTED_MAX 2 /* descriptors that an operation may want */
#define MESSAGES 80
#define KEPT_MAX 16 /* sockets that the engine makes in advance, and its probes */

static void setup(void)
{
	struct rlimit limit;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	engine_start();
}

TestSuite(neighbour, .init = setup, .fini = engine_end, .timeout = 120);

/* Like send_raw(), with as many descriptors as one message can have. */
static bool send_many(int to, const struct rudp_control_request *request, const int *fds,
		      size_t count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(FDS_MAX * sizeof(int))] = {0};
	struct iovec iov = {(void *)request, sizeof *request};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

static struct rudp_control_request without_token(enum rudp_control_operation operation)
{
	struct rudp_control_request request = request_of(operation);

	memset(request.token, 0, sizeof request.token);
	return request;
}

/*
 * If the closing threads are faster than the receiving one, that one closes last. The descriptor
 * that blocks is the first of those that no operation wants, so that the threads have time to be
 * faster.
 */
Test(neighbour, a_message_with_many_descriptors_does_not_block)
{
	static const enum rudp_control_operation operations[] = {RUDP_CONTROL_SHUTDOWN,
								 RUDP_CONTROL_BIND};

	for (int i = 0; i < 8; i++) {
		struct rudp_control_request request = without_token(operations[i % 2]);
		int fds[FDS_MAX], to = channel_of_other_user();

		for (int j = 0; j < FDS_MAX; j++)
			fds[j] = j == WANTED_MAX ? wrapped(lingering()) : eventfd(0, 0);
		/* The engine gets the last copy of each. */
		cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
		cr_assert(send_many(to, &request, fds, FDS_MAX));
		for (int j = 0; j < FDS_MAX; j++)
			close(fds[j]);
		close(to);
		cr_assert(zero(int, kill(engine_pid, SIGCONT)));
		expect_a_prompt_answer();
	}
}

static unsigned descriptors_of_engine(void)
{
	unsigned count = 0;
	char path[32];
	DIR *entries;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)engine_pid);
	entries = opendir(path);
	cr_assert(ne(ptr, entries, NULL));
	while (readdir(entries))
		count++;
	closedir(entries);
	return count;
}

static void wait_for_descriptors(unsigned at_most)
{
	for (int ms = 0; descriptors_of_engine() > at_most; ms += 10) {
		cr_assert(lt(int, ms, 3 * WAIT_S * 1000), "%u descriptors",
			  descriptors_of_engine());
		poll(NULL, 0, 10);
	}
}

/* More descriptors than threads, and each blocks one thread. */
static void hold_threads_up(void)
{
	struct rudp_control_request request = without_token(RUDP_CONTROL_SHUTDOWN);

	for (unsigned i = 0; i < RUDP_DEFERRED_CLOSE_THREADS + 4; i++) {
		int to = channel_of_other_user(), fd = lingering();

		cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
		send_raw(to, &request, sizeof request, &fd, 1);
		close(fd);
		close(to);
		cr_assert(zero(int, kill(engine_pid, SIGCONT)));
		expect_a_prompt_answer();
	}
}

static void flood(void)
{
	struct rudp_control_request request = without_token(RUDP_CONTROL_SHUTDOWN);
	int fds[FDS_MAX];

	for (int i = 0; i < FDS_MAX; i++)
		fds[i] = eventfd(0, 0);
	for (int i = 0; i < MESSAGES; i++) {
		int to = channel_of_other_user();

		(void)send_many(to, &request, fds, FDS_MAX);
		close(to);
		if (i % 16 == 0)
			expect_a_prompt_answer();
	}
	for (int i = 0; i < FDS_MAX; i++)
		close(fds[i]);
}

Test(neighbour, descriptors_that_block_are_few_and_closed_in_the_end)
{
	unsigned before = descriptors_of_engine();

	hold_threads_up();
	flood();
	expect_a_prompt_answer();
	cr_assert(le(uint, descriptors_of_engine(),
		     before + RUDP_DEFERRED_CLOSE_MAX + FDS_MAX + 2 * RUDP_UNAUTHENTICATED_MAX));
	/* A lingering close blocks for WAIT_S; after that nothing may be left of it. */
	wait_for_descriptors(before + KEPT_MAX);
	expect_a_prompt_answer();
}

/* A page whose first access blocks for ever. NULL: the kernel does not support that. */
static void *endless_page(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0)
		return NULL;
	range.range.start = (uint64_t)(uintptr_t)page;
	range.range.len = 4096;
	return ioctl(fd, UFFDIO_REGISTER, &range) < 0 ? NULL : page;
}

/* Sends from a page that is never provided: the kernel waits for it with the socket locked. */
static void hold_lock(int fd)
{
	void *page = endless_page();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (page)
		(void)send(fd, page, 4096, MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(1);
}

/* Whether a call that takes the socket's lock blocks. In a child process, which may then be
 * killed. */
static bool is_locked(int fd)
{
	int status, ends[2];
	struct pollfd one = {.events = POLLIN};
	pid_t child;

	cr_assert(zero(int, pipe(ends)));
	child = fork();
	if (child == 0) {
		struct sockaddr_in addr;
		socklen_t len = sizeof addr;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = getpeername(fd, (struct sockaddr *)&addr, &len);
		_exit(write(ends[1], &status, 1) != 1);
	}
	one.fd = ends[0];
	return poll(&one, 1, 1000) == 0;
}

Test(neighbour, a_socket_whose_lock_is_held_does_not_block)
{
	struct rudp_control_request request = without_token(RUDP_CONTROL_SHUTDOWN);
	int fd = connected_tcp(), status, to;
	pid_t holder = fork();

	if (holder == 0)
		hold_lock(fd);
	while (!is_locked(fd))
		if (waitpid(holder, &status, WNOHANG) == holder)
			cr_skip_test("needs userfaultfd");
	for (int i = 0; i < 2; i++) {
		to = channel_of_other_user();
		send_raw(to, &request, sizeof request, &fd, 1);
		expect_a_prompt_answer();
		close(to);
	}
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}

Test(neighbour, the_uid_of_the_engine_alone_proves_nothing_at_the_open_listener)
{
	struct rudp_control_request request = without_token(RUDP_CONTROL_HELLO);
	int to = open_channel();

	send_raw(to, &request, sizeof request, NULL, 0);
	cr_assert(eq(int, answer(to).error, EACCES));
	close(to);
	request = request_of(RUDP_CONTROL_HELLO);
	to = open_channel();
	send_raw(to, &request, sizeof request, NULL, 0);
	cr_assert(zero(int, answer(to).error));
	close(to);
}

/* Callers that fill the queue can only use the abstract name. */
Test(neighbour, a_full_queue_at_the_open_listener_delays_no_call_of_the_owner)
{
	int callers[2 * RUDP_CONTROL_LISTENER_BACKLOG], count = 0, own;
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = nonce};
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&name, &un);
	bool in = true;

	expect_a_prompt_answer();
	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	while (in && count < 2 * RUDP_CONTROL_LISTENER_BACKLOG) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

		in = connect(fd, (struct sockaddr *)&un, len) == 0;
		callers[count++] = fd;
	}
	cr_assert(not(in), "the queue ends");
	own = channel(); /* there is room, although the engine accepts no caller */
	cr_assert(zero(int, kill(engine_pid, SIGCONT)));
	expect_a_prompt_answer();
	close(own);
	for (int i = 0; i < count; i++)
		close(callers[i]);
}

static bool may_connect_as(uid_t uid, const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	bool connects;

	cr_assert(zero(int, setresuid(uid, uid, 0)));
	connects = connect(fd, (const struct sockaddr *)un, len) == 0;
	cr_assert(zero(int, setresuid(0, 0, 0)));
	close(fd);
	return connects;
}

/* A program may accept without libc (io_uring): then the shim's accept checks nothing. */
Test(neighbour, nobody_but_the_engine_connects_to_a_programs_listener)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	struct sockaddr_un un = {0};
	socklen_t len = sizeof un;
	struct rudp_name name;
	struct rudp_addr address;
	int fd = fresh(), client;

	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	cr_assert(zero(int, ask(&request, fd).error));
	request = request_of(RUDP_CONTROL_LISTEN);
	request.number = 5;
	address = ask(&request, fd).local;
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)&un, &len)));
	cr_assert(eq(int, (int)rudp_name_parse(&name, &un, len), RUDP_NAME_BOUND));
	cr_assert(not(may_connect_as(NOBODY, &un, len)));
	cr_assert(not(may_connect_as(0, &un, len)));
	len = rudp_name_write(&name, &un);
	cr_assert(not(may_connect_as(NOBODY, &un, len)), "nor by an abstract name");
	client = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(zero(int, connect(client, &address.sa, rudp_addr_len(&address))));
	cr_assert(ge(int, accept(fd, NULL, NULL), 0));
}

/* Lets the engine connect fd over kernel TCP for the program at the other end of to. Returns the
 * id. */
static uint64_t connect_by_tcp(int fd, int to)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_CONNECT);
	struct rudp_control_reply reply;
	struct pollfd one = {.fd = fd, .events = POLLOUT};
	int listener = kernel_listener(&request.addr);

	request.flags = RUDP_CONTROL_NONBLOCKING;
	send_raw(to, &request, sizeof request, &fd, 1);
	reply = answer(to);
	cr_assert(eq(int, reply.error, EINPROGRESS));
	cr_assert(ge(int, accept(listener, NULL, NULL), 0));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000), 1));
	close(listener);
	close(to);
	return reply.id;
}

/* The type of a socket is part of its abstract name, so another user can bind that of a
 * connection. */
Test(neighbour, the_name_of_a_connection_proves_nothing)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_INFO);
	int fd = fresh(), forged = socket(AF_UNIX, SOCK_SEQPACKET, 0), to;
	struct rudp_name control = {.kind = RUDP_NAME_CONTROL, .nonce = nonce};
	struct sockaddr_un un;
	socklen_t len = sizeof un;

	request.id = connect_by_tcp(fd, channel());
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)&un, &len)));
	cr_assert(eq(int, (int)rudp_name_parse(&(struct rudp_name){0}, &un, len),
		     RUDP_NAME_CONNECTION));
	cr_assert(zero(int, setresuid(NOBODY, NOBODY, 0)));
	cr_assert(zero(int, bind(forged, (struct sockaddr *)&un, len)));
	len = rudp_name_write(&control, &un);
	cr_assert(zero(int, connect(forged, (struct sockaddr *)&un, len)));
	cr_assert(zero(int, setresuid(0, 0, 0)));
	cr_assert(zero(int, ask(&request, -1).error));
	request = without_token(RUDP_CONTROL_SHUTDOWN);
	request.number = SHUT_RDWR;
	to = channel_of_other_user();
	send_raw(to, &request, sizeof request, &forged, 1);
	cr_assert(eq(int, answer(to).error, EACCES));
	close(to);
	to = channel_of_other_user();
	send_raw(to, &request, sizeof request, &fd, 1);
	cr_assert(zero(int, answer(to).error), "the connection itself does");
	close(to);
}

/* The path of its socket was removed: the engine probes it through a descriptor of the file. */
Test(neighbour, a_listener_that_was_closed_gives_its_port_back)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	int fd = fresh();

	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	request.addr = ask(&request, fd).local;
	cr_assert(eq(int, ask(&request, fresh()).error, EADDRINUSE));
	close(fd);
	cr_assert(zero(int, ask(&request, fresh()).error));
}

/* Binds a socket that may share its port. */
static struct rudp_control_reply bind_sharing(const char *host, uint16_t port)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	int fd = fresh(), on = 1;

	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)));
	cr_assert(zero(int, rudp_mark_set(fd, RUDP_MARK_REUSEADDR)));
	cr_assert(zero(int, rudp_addr_parse(&request.addr, host)));
	rudp_addr_set_port(&request.addr, port);
	return ask(&request, fd);
}

/* Binds to one address and to any, at one port. Another program may have the port of the first
 * address at another one: then the next port. */
static void bind_two(struct rudp_addr *one, struct rudp_addr *any)
{
	struct rudp_control_reply reply;

	for (int i = 0; i < 20; i++) {
		reply = bind_sharing("127.0.0.2:0", 0);
		cr_assert(zero(int, reply.error));
		*one = reply.local;
		reply = bind_sharing("0.0.0.0:0", rudp_addr_port(one));
		*any = reply.local;
		if (reply.error != EADDRINUSE)
			break;
	}
	cr_assert(zero(int, reply.error));
}

/* The engine's UDP sockets share the port with each other, and with nobody else: the last socket
 * that is bound there gets the datagrams. */
Test(neighbour, nobody_else_binds_the_udp_port_of_two_addresses)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	struct rudp_addr one, any;

	bind_two(&one, &any);
	cr_assert(zero(int, setresuid(NOBODY, NOBODY, 0)));
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)));
	cr_assert(eq(int, bind(fd, &any.sa, rudp_addr_len(&any)), -1));
	cr_assert(eq(int, errno, EADDRINUSE));
	cr_assert(eq(int, bind(fd, &one.sa, rudp_addr_len(&one)), -1));
	cr_assert(zero(int, setresuid(0, 0, 0)));
	close(fd);
}

static void read_names(const char *file, char names[256])
{
	char path[80];
	FILE *in;

	snprintf(path, sizeof path, "/proc/sys/net/ipv4/tcp_%s_congestion_control", file);
	in = fopen(path, "re");
	names[0] = 0;
	if (in && !fgets(names, 256, in))
		names[0] = 0;
	if (in)
		fclose(in);
	names[strcspn(names, "\n")] = 0;
}

/* An algorithm of this kernel that needs CAP_NET_ADMIN. */
static const char *restricted_congestion(void)
{
	static char available[256], allowed[256];
	char *rest = available, *name;

	read_names("available", available);
	read_names("allowed", allowed);
	while ((name = strsep(&rest, " ")))
		if (*name && !strstr(allowed, name))
			return name;
	cr_skip_test("this kernel restricts no congestion control");
	return NULL;
}

static struct rudp_control_info connected_with(const char *congestion, int to)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_INFO);
	int fd = fresh();

	cr_assert(zero(int, rudp_stored_options_put_congestion(fd, congestion)));
	request.id = connect_by_tcp(fd, to);
	return ask(&request, -1).info;
}

Test(neighbour, the_token_gives_no_congestion_control_that_the_kernel_denies)
{
	const char *name = restricted_congestion();

	cr_assert(ne(str, connected_with(name, channel_of_other_user()).cc_name, (char *)name));
	cr_assert(eq(str, connected_with(name, channel()).cc_name, (char *)name));
}

static int set_congestion(int fd, const char *name, int to)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_SET);
	int error;

	request.level = IPPROTO_TCP;
	request.option = TCP_CONGESTION;
	request.number = (int32_t)strlen(name) + 1;
	memcpy(request.value, name, strlen(name) + 1);
	send_raw(to, &request, sizeof request, &fd, 1);
	error = answer(to).error;
	close(to);
	return error;
}

Test(neighbour, nor_does_it_on_an_established_connection)
{
	const char *name = restricted_congestion();
	struct rudp_control_request request = request_of(RUDP_CONTROL_INFO);
	int fd = fresh();

	if (strcmp(name, "cubic") != 0 && strcmp(name, "bbr") != 0)
		cr_skip_test("rudp has no algorithm of that name");
	request.id = connect_by_tcp(fd, channel());
	cr_assert(eq(int, set_congestion(fd, name, channel_of_other_user()), EPERM));
	cr_assert(ne(str, ask(&request, -1).info.cc_name, (char *)name));
	cr_assert(zero(int, set_congestion(fd, name, channel())));
	cr_assert(eq(str, ask(&request, -1).info.cc_name, (char *)name));
}
