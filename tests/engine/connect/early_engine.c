/* SPDX-License-Identifier: MIT */
#include "early_engine.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/control_client.h"
#include "api/mark.h"
#include "engine/config/policy.h"
#include "engine/loop/engine.h"
#include "engine/loop/loop.h"
#include "engine/running_engine.h"

struct early_engine early_engine;
const char *early_policy_path;

static struct rudp_policy *policy_of(const char *text)
{
	char error[RUDP_POLICY_TEXT_SIZE];
	struct rudp_policy *policy = rudp_policy_new();

	if (!policy || !rudp_policy_parse(policy, true, text, strlen(text), "test", error))
		_exit(1);
	return policy;
}

static char *only_the_file(const char *name)
{
	return strcmp(name, "RUDP_POLICY_FILE") == 0 ? (char *)early_policy_path : NULL;
}

void early_write_policy(const char *text)
{
	int fd = open(early_policy_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

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
	early_engine.nonce = engine.nonce;
	memcpy(early_engine.token, engine.token, sizeof early_engine.token);
	if (write(ready, &early_engine, sizeof early_engine) < 0)
		_exit(1);
	rudp_engine_run(&engine);
	_exit(0);
}

void early_start(const char *policy)
{
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	engine_pid = fork();
	if (engine_pid == 0)
		run_engine(ends[1], policy);
	cr_assert(eq(int, (int)read(ends[0], &early_engine, sizeof early_engine),
		     (int)sizeof early_engine));
	close(ends[0]);
	close(ends[1]);
}

void early_end(void)
{
	if (engine_pid > 0)
		kill(engine_pid, SIGKILL);
}

int early_begin(struct rudp_control_request request, const void *bytes, size_t len, int fd)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec iov[] = {{&request, sizeof request}, {(void *)bytes, len}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	struct timeval limit = {WAIT_S, 0};
	struct rudp_control_call call;
	int to;

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
	memcpy(request.token, early_engine.token, sizeof request.token);
	rudp_control_begin(&call, &early_engine.nonce, RUDP_CONTROL_HELLO, -1);
	to = rudp_control_open(&call);
	cr_assert(ge(int, to, 0));
	setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(eq(sz, (size_t)sendmsg(to, &message, MSG_NOSIGNAL), sizeof request + len));
	return to;
}

struct rudp_control_reply early_ask(struct rudp_control_request request, const void *bytes,
				    size_t len, int fd)
{
	struct rudp_control_reply reply = {0};
	int to = early_begin(request, bytes, len, fd);

	cr_assert(eq(sz, (size_t)recv(to, &reply, sizeof reply, 0), sizeof reply));
	close(to);
	return reply;
}

int early_listener(uint32_t early_max, struct rudp_addr *local)
{
	struct rudp_control_request request = {.operation = RUDP_CONTROL_BIND};
	int fd = fresh();

	request.addr.in4 = (struct sockaddr_in){.sin_family = AF_INET,
						.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*local = early_ask(request, "", 0, fd).local;
	request = (struct rudp_control_request){.operation = RUDP_CONTROL_LISTEN, .number = 8};
	if (early_max > 0)
		cr_assert(zero(int, rudp_stored_options_put(fd, &(struct rudp_option){IPPROTO_TCP,
										      TCP_FASTOPEN,
										      early_max})));
	cr_assert(zero(int, early_ask(request, "", 0, fd).error));
	return fd;
}

struct rudp_control_reply early_connect(int fd, const struct rudp_addr *addr, uint32_t flags,
					const void *bytes, size_t len)
{
	const struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT,
						     .flags = flags,
						     .number = (int32_t)len,
						     .addr = *addr};

	return early_ask(request, bytes, len, fd);
}

int early_accept(int from)
{
	struct timeval limit = {WAIT_S, 0};
	int fd = accept(from, NULL, NULL);

	cr_assert(ge(int, fd, 0));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(eq(int, (int)send(fd, &early_engine.nonce, sizeof early_engine.nonce, 0),
		     (int)sizeof early_engine.nonce));
	return fd;
}

void early_expect_text(int fd, const char *text)
{
	char got[64] = "";

	cr_assert(eq(int, (int)recv(fd, got, strlen(text), MSG_WAITALL), (int)strlen(text)));
	cr_assert(eq(str, got, (char *)text));
}

struct rudp_control_info early_info(uint64_t id)
{
	return early_ask((struct rudp_control_request){.operation = RUDP_CONTROL_INFO, .id = id},
			 "", 0, -1)
		.info;
}

void early_meet(int from, const struct rudp_addr *local)
{
	int active = fresh(), passive;

	cr_assert(zero(int, early_connect(active, local, 0, "", 0).error));
	passive = early_accept(from);
	cr_assert(eq(int, (int)send(active, "question", 8, 0), 8));
	early_expect_text(passive, "question");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	early_expect_text(active, "answer");
	cr_assert(eq(int, (int)send(active, "again", 5, 0), 5));
	early_expect_text(passive, "again");
	close(active);
	close(passive);
}
