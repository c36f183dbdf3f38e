/* SPDX-License-Identifier: MIT */
/*
 * An engine whose policy lets data travel with the SYN, and what programs ask of it: bytes behind a
 * CONNECT, a CONNECT that waits for them, a listener that wants them.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/control.h"
#include "api/mark.h"
#include "engine/engine.h"
#include "engine/loop.h"
#include "engine/policy.h"
#include "proto/conn.h"

#define WAIT_S 30

struct shared {
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
};

static struct shared engine_of;
static pid_t engine_pid;

static struct rudp_policy *policy_of(const char *text)
{
	char error[RUDP_POLICY_TEXT_SIZE];
	struct rudp_policy *policy = rudp_policy_new();

	if (!policy || !rudp_policy_parse(policy, true, text, strlen(text), "test", error))
		_exit(1);
	return policy;
}

/* Set: the policy is that of this file. */
static const char *policy_path;

static char *only_the_file(const char *name)
{
	return strcmp(name, "RUDP_POLICY_FILE") == 0 ? (char *)policy_path : NULL;
}

static void write_policy(const char *text)
{
	int fd = open(policy_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert(eq(int, (int)write(fd, text, strlen(text)), (int)strlen(text)));
	close(fd);
}

static struct rudp_policy *policy_of_file(void)
{
	char error[RUDP_POLICY_TEXT_SIZE];

	return rudp_policy_load(only_the_file, error);
}

static void run_engine(int ready, const char *policy)
{
	static struct rudp_engine engine;
	static struct rudp_settings settings;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	settings.policy = policy ? policy_of(policy) : policy_of_file();
	if (rudp_engine_init(&engine, &settings) < 0)
		_exit(1);
	engine.stays = true;
	engine_of.nonce = engine.nonce;
	memcpy(engine_of.token, engine.token, sizeof engine_of.token);
	if (write(ready, &engine_of, sizeof engine_of) < 0)
		_exit(1);
	rudp_engine_run(&engine);
	_exit(0);
}

static void start(const char *policy)
{
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	engine_pid = fork();
	if (engine_pid == 0)
		run_engine(ends[1], policy);
	cr_assert(eq(int, (int)read(ends[0], &engine_of, sizeof engine_of), (int)sizeof engine_of));
	close(ends[0]);
	close(ends[1]);
}

static void teardown(void)
{
	if (engine_pid > 0)
		kill(engine_pid, SIGKILL);
}

TestSuite(open_fast, .fini = teardown, .timeout = 300);

/* One call, with len bytes behind the request; its channel. */
static int begin(struct rudp_control_request request, const void *bytes, size_t len, int fd)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = engine_of.nonce};
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec iov[] = {{&request, sizeof request}, {(void *)bytes, len}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	struct timeval limit = {WAIT_S, 0};
	struct sockaddr_un un;
	socklen_t un_len = rudp_name_write(&name, &un);
	int to = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		message.msg_control = control;
		message.msg_controllen = sizeof control;
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
	}
	request.version = RUDP_CONTROL_VERSION;
	memcpy(request.token, engine_of.token, sizeof request.token);
	setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(zero(int, connect(to, (struct sockaddr *)&un, un_len)));
	cr_assert(eq(sz, (size_t)sendmsg(to, &message, MSG_NOSIGNAL), sizeof request + len));
	return to;
}

static struct rudp_control_reply ask(struct rudp_control_request request, const void *bytes,
				     size_t len, int fd)
{
	struct rudp_control_reply reply = {0};
	int to = begin(request, bytes, len, fd);

	cr_assert(eq(sz, (size_t)recv(to, &reply, sizeof reply, 0), sizeof reply));
	close(to);
	return reply;
}

static int fresh(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {WAIT_S, 0};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(zero(int, rudp_mark_set(fd, 0)));
	return fd;
}

/* One that wants so many connections with early data at once. */
static int listener(uint32_t early_max, struct rudp_addr *local)
{
	struct rudp_control_request request = {.operation = RUDP_CONTROL_BIND};
	int fd = fresh();

	request.addr.in4 = (struct sockaddr_in){.sin_family = AF_INET,
						.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*local = ask(request, "", 0, fd).local;
	request = (struct rudp_control_request){.operation = RUDP_CONTROL_LISTEN, .number = 8};
	if (early_max > 0)
		cr_assert(zero(int, rudp_bag_put(fd, &(struct rudp_option){
							     IPPROTO_TCP, TCP_FASTOPEN, early_max})));
	cr_assert(zero(int, ask(request, "", 0, fd).error));
	return fd;
}

static struct rudp_control_reply connect_with(int fd, const struct rudp_addr *addr, uint32_t flags,
					      const void *bytes, size_t len)
{
	const struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT,
						     .flags = flags,
						     .number = (int32_t)len,
						     .addr = *addr};

	return ask(request, bytes, len, fd);
}

static int accept_one(int from)
{
	struct timeval limit = {WAIT_S, 0};
	int fd = accept(from, NULL, NULL);

	cr_assert(ge(int, fd, 0));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(eq(int, (int)send(fd, &engine_of.nonce, sizeof engine_of.nonce, 0),
		     (int)sizeof engine_of.nonce));
	return fd;
}

static void expect_text(int fd, const char *text)
{
	char got[64] = "";

	cr_assert(eq(int, (int)recv(fd, got, strlen(text), MSG_WAITALL), (int)strlen(text)));
	cr_assert(eq(str, got, (char *)text));
}

static struct rudp_control_info info_of(uint64_t id)
{
	return ask((struct rudp_control_request){.operation = RUDP_CONTROL_INFO, .id = id}, "", 0, -1)
		.info;
}

/* Something goes to and fro: from then on both know that the association is kept. */
static void meet(int from, const struct rudp_addr *local)
{
	int active = fresh(), passive;

	cr_assert(zero(int, connect_with(active, local, 0, "", 0).error));
	passive = accept_one(from);
	cr_assert(eq(int, (int)send(active, "question", 8, 0), 8));
	expect_text(passive, "question");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	expect_text(active, "answer");
	cr_assert(eq(int, (int)send(active, "again", 5, 0), 5));
	expect_text(passive, "again");
	close(active);
	close(passive);
}

static void expect_early(int from, const struct rudp_addr *local, uint16_t bytes)
{
	int active = fresh(), passive;
	struct rudp_control_reply reply =
		connect_with(active, local, RUDP_CONTROL_NONBLOCKING, "first", 5);

	cr_assert(eq(int, reply.error, EINPROGRESS));
	cr_assert(eq(u32, reply.early_bytes, bytes ? 5 : 0));
	passive = accept_one(from);
	if (bytes)
		expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	expect_text(active, "answer");
	cr_assert(eq(u16, info_of(reply.id).early_bytes, bytes));
	close(active);
	close(passive);
}

Test(open_fast, bytes_behind_a_connect_are_counted)
{
	static const uint8_t bytes[RUDP_CONTROL_EARLY_MAX + 1];
	struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT, .number = 5};
	struct rudp_control_request hello = {.operation = RUDP_CONTROL_HELLO};
	int fd = fresh();

	start("any use rudp; set early on");
	cr_assert(eq(int, ask(request, bytes, 4, fd).error, EPROTO));
	cr_assert(eq(int, ask(request, bytes, 6, fd).error, EPROTO));
	cr_assert(eq(int, ask(request, bytes, 0, fd).error, EPROTO));
	request.number = -1;
	cr_assert(eq(int, ask(request, bytes, 0, fd).error, EPROTO));
	request.number = RUDP_CONTROL_EARLY_MAX + 1;
	cr_assert(eq(int, ask(request, bytes, RUDP_CONTROL_EARLY_MAX + 1, fd).error, EPROTO));
	cr_assert(eq(int, ask(hello, bytes, 1, -1).error, EPROTO));
	hello.number = 1;
	cr_assert(eq(int, ask(hello, bytes, 1, -1).error, EPROTO));
	cr_assert(zero(int, ask(hello, bytes, 0, -1).error));
}

Test(open_fast, the_first_bytes_go_with_the_syn_where_both_have_met)
{
	struct rudp_addr local;
	int from;

	start("any use rudp; set early on");
	from = listener(4, &local);
	expect_early(from, &local, 0); /* strangers: nothing was taken, the program sends it again */
	meet(from, &local);
	expect_early(from, &local, 5);
}

Test(open_fast, not_to_a_listener_that_has_not_asked)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh(), passive;

	start("any use rudp; set early on");
	from = listener(0, &local);
	meet(from, &local);
	/* The initiator cannot know: it has sent them, and sends them again. */
	reply = connect_with(active, &local, RUDP_CONTROL_NONBLOCKING, "first", 5);
	cr_assert(eq(u32, reply.early_bytes, 5));
	passive = accept_one(from);
	expect_text(passive, "first");
	cr_assert(zero(u16, info_of(reply.id).early_bytes));
	/* It asks while it listens. */
	ask((struct rudp_control_request){.operation = RUDP_CONTROL_SET,
					  .level = IPPROTO_TCP,
					  .option = TCP_FASTOPEN,
					  .number = 4,
					  .value = {3}},
	    "", 0, from);
	expect_early(from, &local, 5);
}

Test(open_fast, never_while_tcp_may_win_the_race)
{
	struct rudp_addr local;
	int from;

	start("listen use rudp; connect use auto; set early on");
	from = listener(4, &local);
	meet(from, &local);
	expect_early(from, &local, 0);
}

Test(open_fast, never_unless_the_policy_says_so)
{
	struct rudp_addr local;
	int from;

	start("any use rudp");
	from = listener(4, &local);
	meet(from, &local);
	expect_early(from, &local, 0);
}

/* One connection with five bytes for its SYN, between two engines: how many went with it. */
static uint16_t early_between(const struct shared *client, const struct shared *server, int from,
			      const struct rudp_addr *local)
{
	int active = fresh(), passive;
	struct rudp_control_reply reply;
	uint16_t early_bytes;
	char byte;

	engine_of = *client;
	reply = connect_with(active, local, 0, "first", 5);
	cr_assert(zero(int, reply.error));
	if (reply.early_bytes == 0)
		cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	engine_of = *server;
	passive = accept_one(from);
	expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	expect_text(active, "answer");
	engine_of = *client;
	early_bytes = info_of(reply.id).early_bytes;
	/* Whoever closes first keeps its socket for a while: the server, whose socket serves all.
	 * As many connections as there is time for would else take more descriptors than there are. */
	close(passive);
	cr_assert(zero(int, (int)recv(active, &byte, 1, 0)));
	close(active);
	return early_bytes;
}

/* Nobody calls listen or connect any more that would ask the policy for the server. */
Test(open_fast, a_server_hears_of_a_new_policy_by_the_connections_that_come)
{
	char path[] = "/tmp/rudp-open-fast.XXXXXX";
	time_t limit = time(NULL) + 4 * WAIT_S;
	struct shared client, server;
	struct rudp_addr local;
	int from;

	close(mkstemp(path));
	policy_path = path;
	write_policy("any use rudp; set early on");
	start(NULL);
	server = engine_of;
	from = listener(4, &local);
	start("any use rudp; set early on");
	client = engine_of;
	while (early_between(&client, &server, from, &local) == 0)
		cr_assert(lt(long, time(NULL), limit));
	write_policy("any use rudp");
	while (early_between(&client, &server, from, &local) != 0)
		cr_assert(lt(long, time(NULL), limit));
	unlink(path);
}

Test(open_fast, a_connect_may_wait_for_the_first_bytes)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	struct pollfd writable = {.events = POLLOUT | POLLHUP};
	int from, active = fresh(), passive;

	start("any use rudp; set early on");
	from = listener(4, &local);
	meet(from, &local);
	reply = connect_with(active, &local, RUDP_CONTROL_DEFER, "", 0); /* a blocking one, too */
	cr_assert(zero(int, reply.error));
	cr_assert(eq(u32, reply.flags, RUDP_CONTROL_DEFERRED));
	cr_assert(ne(u16, rudp_addr_port(&reply.local), 0));
	cr_assert(eq(int, info_of(reply.id).state, RUDP_STATE_SYN_SENT));
	cr_assert(zero(u64, info_of(reply.id).packets_sent));
	writable.fd = active;
	cr_assert(eq(int, poll(&writable, 1, 0), 1));
	cr_assert(eq(int, writable.revents, POLLOUT));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	passive = accept_one(from);
	expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	expect_text(active, "answer");
	cr_assert(eq(u16, info_of(reply.id).early_bytes, 5));
}

Test(open_fast, between_strangers_a_connect_does_not_wait)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh();

	start("any use rudp; set early on");
	from = listener(4, &local);
	reply = connect_with(active, &local, RUDP_CONTROL_DEFER | RUDP_CONTROL_NONBLOCKING, "", 0);
	cr_assert(eq(int, reply.error, EINPROGRESS));
	cr_assert(zero(u32, reply.flags));
	close(accept_one(from));
}

Test(open_fast, what_was_written_arrives_though_the_program_has_closed)
{
	struct rudp_addr local;
	int from, active, idle, passive;
	char byte;

	start("any use rudp; set early on");
	from = listener(4, &local);
	meet(from, &local);
	active = fresh(); /* not before: the engine would have a copy */
	idle = fresh();
	connect_with(idle, &local, RUDP_CONTROL_DEFER, "", 0);
	connect_with(active, &local, RUDP_CONTROL_DEFER, "", 0);
	close(idle); /* it was never there */
	cr_assert(eq(int, (int)send(active, "last words", 10, 0), 10));
	close(active);
	passive = accept_one(from);
	expect_text(passive, "last words");
	cr_assert(zero(int, (int)recv(passive, &byte, 1, 0)));
}

/* Two engines that have met; the listener's hears nothing until it is sent on. */
struct held {
	struct shared client, server;
	struct rudp_addr local;
	pid_t server_pid;
	int from;
};

static struct held hold(void)
{
	struct held held;

	start("any use rudp; set early on");
	held.server = engine_of;
	held.server_pid = engine_pid;
	held.from = listener(4, &held.local);
	start("any use rudp; set early on");
	held.client = engine_of;
	while (early_between(&held.client, &held.server, held.from, &held.local) == 0)
		;
	cr_assert(zero(int, kill(held.server_pid, SIGSTOP)));
	return held;
}

static void send_on(const struct held *held)
{
	/* The client's engine has seen all that was before. */
	ask((struct rudp_control_request){.operation = RUDP_CONTROL_HELLO}, "", 0, -1);
	cr_assert(zero(int, kill(held->server_pid, SIGCONT)));
	engine_of = held->server;
}

/* What stands behind the plug is part of it; the peer has the beginning already. */
Test(open_fast, nor_is_an_early_beginning_cut_short_by_a_close)
{
	struct held held = hold();
	int active = fresh(), passive;
	char byte;

	cr_assert(eq(u32,
		     connect_with(active, &held.local, RUDP_CONTROL_NONBLOCKING, "first", 5)
			     .early_bytes,
		     5));
	cr_assert(eq(int, (int)send(active, " and last", 9, 0), 9));
	close(active);
	send_on(&held);
	passive = accept_one(held.from);
	expect_text(passive, "first and last");
	cr_assert(zero(int, (int)recv(passive, &byte, 1, 0)));
}

/* The peer must not take the beginning for all there was. */
Test(open_fast, a_caller_that_dies_while_it_waits_resets_the_connection)
{
	struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT, .number = 5};
	struct held held = hold();
	int to, passive;
	char byte;

	request.addr = held.local;
	to = begin(request, "first", 5, fresh());
	ask((struct rudp_control_request){.operation = RUDP_CONTROL_HELLO}, "", 0, -1);
	close(to);
	send_on(&held);
	passive = accept_one(held.from);
	expect_text(passive, "first");
	cr_assert(eq(int, (int)recv(passive, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET));
}

Test(open_fast, nobody_listens_any_more)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh();
	char byte;

	start("any use rudp; set early on");
	from = listener(4, &local);
	meet(from, &local);
	close(from);
	reply = connect_with(active, &local, RUDP_CONTROL_DEFER, "", 0);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	cr_assert(eq(int, (int)recv(active, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET)); /* the kernel's; the engine knows better */
	reply = ask((struct rudp_control_request){.operation = RUDP_CONTROL_ERROR, .id = reply.id}, "",
		    0, -1);
	cr_assert(eq(int, reply.error, ECONNREFUSED));
}

/* A rule asks, no program does. */
#define BY_RULE "any use rudp early; set early on"

/* Writable before the peer has heard anything; what is written then travels with the SYN. */
static void expect_early_by_rule(int from, const struct rudp_addr *local, uint32_t flags)
{
	struct pollfd writable = {.events = POLLOUT | POLLHUP};
	struct rudp_control_reply reply;
	int passive;

	writable.fd = fresh();
	reply = connect_with(writable.fd, local, flags, "", 0);
	cr_assert(eq(int, reply.error, flags & RUDP_CONTROL_NONBLOCKING ? EINPROGRESS : 0));
	cr_assert(eq(int, poll(&writable, 1, 0), 1));
	cr_assert(eq(int, writable.revents, POLLOUT));
	cr_assert(eq(int, (int)send(writable.fd, "first", 5, 0), 5));
	passive = accept_one(from);
	expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	expect_text(writable.fd, "answer");
	cr_assert(eq(u16, info_of(reply.id).early_bytes, 5));
	close(writable.fd);
	close(passive);
}

Test(open_fast, by_a_rule_no_program_has_to_ask)
{
	struct rudp_addr local;
	int from;

	start(BY_RULE);
	from = listener(0, &local);
	meet(from, &local);
	expect_early_by_rule(from, &local, 0);
	expect_early_by_rule(from, &local, RUDP_CONTROL_NONBLOCKING);
}

Test(open_fast, a_rule_asks_and_the_setting_allows)
{
	struct rudp_control_reply reply;
	struct rudp_addr local;
	int from, active = fresh();

	start("any use rudp early");
	from = listener(0, &local);
	meet(from, &local);
	reply = connect_with(active, &local, 0, "", 0);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(int, info_of(reply.id).state, RUDP_STATE_ESTABLISHED));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	expect_text(accept_one(from), "first");
	cr_assert(zero(u16, info_of(reply.id).early_bytes));
}

/* The peer speaks first: nobody waits for somebody. */
Test(open_fast, by_a_rule_the_syn_leaves_without_bytes_too)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh(), passive;

	start(BY_RULE);
	from = listener(0, &local);
	meet(from, &local);
	reply = connect_with(active, &local, 0, "", 0);
	cr_assert(zero(int, reply.error));
	passive = accept_one(from);
	cr_assert(eq(int, (int)send(passive, "greeting", 8, 0), 8));
	expect_text(active, "greeting");
	cr_assert(eq(int, (int)send(active, "question", 8, 0), 8));
	expect_text(passive, "question");
	cr_assert(zero(u16, info_of(reply.id).early_bytes));
}

static int refused_by(const struct rudp_addr *local)
{
	int fd = fresh(), error = connect_with(fd, local, 0, "", 0).error;

	close(fd);
	return error;
}

/* Who has answered lately is taken at its word, once; who has not is asked. */
Test(open_fast, by_a_rule_only_a_port_that_has_answered_is_presumed_to_answer)
{
	struct rudp_addr local, closed;
	struct rudp_control_reply reply;
	int from, active = fresh();
	char byte;

	start(BY_RULE);
	close(listener(0, &closed));
	from = listener(0, &local);
	meet(from, &local);
	cr_assert(eq(int, refused_by(&closed), ECONNREFUSED)); /* of the same host */
	close(from);
	reply = connect_with(active, &local, 0, "", 0);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	cr_assert(eq(int, (int)recv(active, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET)); /* the kernel's; the engine knows better */
	cr_assert(eq(int, refused_by(&local), ECONNREFUSED));
}
