/* SPDX-License-Identifier: MIT */
#include "running_engine.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/control_client.h"
#include "api/mark.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/loop/loop.h"

#define NOBODY 65534
#define TURN_MS 5000 /* far above a turn of the loop on a busy machine, far below WAIT_S */

struct rudp_nonce nonce;
uint8_t token[RUDP_TOKEN_BYTES];
pid_t engine_pid;

/* The settings that the engine of a test starts with. */
struct start {
	bool has_dir;
	const char *rules, *keys; /* NULL: none */
};

static void read_keys(struct rudp_settings *settings, const char *path)
{
	char text[RUDP_SETTINGS_TEXT_SIZE];

	cr_assert(zero(int, setenv("RUDP_KEY_FILE", path, 1)));
	cr_assert(eq(int, rudp_settings_load(settings, getenv, geteuid(), text), RUDP_SETTINGS_OK),
		  "%s", text);
}

static void run_engine(int ready, const struct start *as)
{
	static struct rudp_engine engine;
	static struct rudp_settings settings;
	char error[RUDP_POLICY_TEXT_SIZE];

	if (as->keys)
		read_keys(&settings, as->keys);
	if (as->rules) {
		settings.policy = rudp_policy_new();
		cr_assert(rudp_policy_parse(settings.policy, true, as->rules, strlen(as->rules),
					    "rules", error));
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (rudp_engine_init(&engine, &settings) < 0)
		_exit(1);
	engine.stays = true;
	if (!as->has_dir)
		engine.run_dir[0] = 0;
	rudp_join_open(&engine);
	if (write(ready, &engine.nonce, sizeof engine.nonce) < 0 ||
	    write(ready, engine.token, sizeof engine.token) < 0)
		_exit(1);
	rudp_engine_run(&engine);
	_exit(0);
}

static void start(struct start as)
{
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	engine_pid = fork();
	if (engine_pid == 0)
		run_engine(ends[1], &as);
	cr_assert(eq(int, (int)read(ends[0], &nonce, sizeof nonce), (int)sizeof nonce));
	cr_assert(eq(int, (int)read(ends[0], token, sizeof token), (int)sizeof token));
	close(ends[0]);
	close(ends[1]);
}

void engine_start(void)
{
	start((struct start){.has_dir = true});
}

void engine_start_with(const char *rules)
{
	start((struct start){.has_dir = true, .rules = rules});
}

void engine_start_with_keys(const char *path)
{
	start((struct start){.has_dir = true, .keys = path});
}

void engine_start_without_dir(void)
{
	start((struct start){0});
}

unsigned first_free_number(void)
{
	unsigned number = 0;
	char path[64], target[8];

	do
		snprintf(path, sizeof path, "/proc/%d/fd/%u", (int)engine_pid, number++);
	while (readlink(path, target, sizeof target) >= 0);
	return number - 1;
}

void wait_until_the_engine_sleeps(void)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)engine_pid);
	while (state != 'S') {
		file = fopen(path, "re");
		cr_assert(file != NULL);
		cr_assert(eq(int, fscanf(file, "%*d (%*[^)]) %c", &state), 1));
		fclose(file);
	}
}

void engine_end(void)
{
	kill(engine_pid, SIGKILL);
}

int channel(void)
{
	struct timeval limit = {WAIT_S, 0};
	struct rudp_control_call call;
	int fd;

	rudp_control_begin(&call, &nonce, RUDP_CONTROL_HELLO, -1);
	fd = rudp_control_open(&call);
	cr_assert(ge(int, fd, 0));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return fd;
}

int open_channel(void)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = nonce};
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&name, &un);
	struct timeval limit = {WAIT_S, 0};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(zero(int, connect(fd, (struct sockaddr *)&un, len)));
	return fd;
}

int channel_of_other_user(void)
{
	uid_t me = geteuid();
	int fd;

	cr_assert(zero(int, setresuid(NOBODY, NOBODY, me)));
	fd = open_channel();
	cr_assert(zero(int, setresuid(me, me, me)));
	return fd;
}

int kernel_listener(struct rudp_addr *address)
{
	socklen_t len = sizeof address->in4;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(zero(int, rudp_addr_parse(address, "127.0.0.1:0")));
	cr_assert(zero(int, bind(fd, &address->sa, len)));
	cr_assert(zero(int, listen(fd, 1)));
	cr_assert(zero(int, getsockname(fd, &address->sa, &len)));
	return fd;
}

int connected_tcp(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof addr;
	int peer = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(zero(int, bind(peer, (struct sockaddr *)&addr, len)));
	cr_assert(zero(int, listen(peer, 1)));
	cr_assert(zero(int, getsockname(peer, (struct sockaddr *)&addr, &len)));
	cr_assert(zero(int, connect(fd, (struct sockaddr *)&addr, len)));
	return fd;
}

int lingering(void)
{
	static const struct linger linger = {1, WAIT_S};
	static const uint8_t bytes[65536];
	int fd = connected_tcp();

	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger)));
	return fd;
}

bool send_raw_if_it_can(int to, const void *data, size_t len, const int *fds, size_t fd_count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(4 * sizeof(int))] = {0};
	struct iovec iov = {(void *)data, len};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_count > 0) {
		struct cmsghdr *cmsg;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)len;
}

void send_raw(int to, const void *data, size_t len, const int *fds, size_t fd_count)
{
	cr_assert(send_raw_if_it_can(to, data, len, fds, fd_count));
}

struct rudp_control_reply answer(int from)
{
	struct rudp_control_reply reply = {0};

	cr_assert(eq(sz, (size_t)recv(from, &reply, sizeof reply, 0), sizeof reply));
	cr_assert(eq(u16, reply.version, RUDP_CONTROL_VERSION));
	return reply;
}

struct rudp_control_request request_of(enum rudp_control_operation operation)
{
	struct rudp_control_request request = {.version = RUDP_CONTROL_VERSION,
					       .operation = (uint16_t)operation};

	memcpy(request.token, token, sizeof token);
	return request;
}

int wrapped(int fd)
{
	int ends[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, ends)));
	send_raw(ends[0], "x", 1, &fd, 1);
	close(ends[0]);
	close(fd);
	return ends[1];
}

void expect_a_prompt_answer(void)
{
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	struct pollfd one = {.fd = channel(), .events = POLLIN};

	send_raw(one.fd, &hello, sizeof hello, NULL, 0);
	cr_assert(eq(int, poll(&one, 1, TURN_MS), 1));
	cr_assert(zero(int, answer(one.fd).error));
	close(one.fd);
}

/* The second descriptor, if one is needed, is a kernel TCP listener. */
struct rudp_control_reply ask(const struct rudp_control_request *request, int fd)
{
	const int fds[2] = {fd, socket(AF_INET, SOCK_STREAM, 0)};
	int to = channel();
	struct rudp_control_reply reply;

	listen(fds[1], 1);
	send_raw(to, request, sizeof *request, fds,
		 fd < 0 ? 0 : (size_t)rudp_control_fds(request->operation));
	reply = answer(to);
	close(to);
	close(fds[1]);
	return reply;
}

int fresh(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {WAIT_S, 0};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(zero(int, rudp_mark_set(fd, 0)));
	return fd;
}
