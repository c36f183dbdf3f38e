/* SPDX-License-Identifier: MIT */
/*
 * Without a private directory a program's socket has an abstract name. Every user can read it, and
 * it is free once that socket is closed. Another user who takes it before the engine has noticed
 * gets neither the program's connections nor its rights.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/running_engine.h"

#define NOBODY 65534

static struct rudp_addr address;
static int squatter;

static void be(uid_t uid)
{
	cr_assert(zero(int, setresuid(uid, uid, 0)));
}

static void stop_engine(void)
{
	int status;

	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	cr_assert(eq(int, waitpid(engine_pid, &status, WUNTRACED), engine_pid));
}

/* Takes the name before the engine can see that it is free. */
static void squat(void)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	struct timeval limit = {WAIT_S, 0};
	struct sockaddr_un name;
	socklen_t len = sizeof name;
	int fd = fresh();

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	cr_assert(zero(int, ask(&request, fd).error));
	request = request_of(RUDP_CONTROL_LISTEN);
	request.number = 5;
	address = ask(&request, fd).local;
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)&name, &len)));
	stop_engine();
	close(fd);
	be(NOBODY);
	squatter = fresh();
	setsockopt(squatter, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(zero(int, bind(squatter, (struct sockaddr *)&name, len)));
	cr_assert(zero(int, listen(squatter, 5)));
	be(0);
	cr_assert(zero(int, kill(engine_pid, SIGCONT)));
}

static void setup(void)
{
	engine_start_without_dir();
	squat();
}

TestSuite(squatter, .init = setup, .fini = engine_end, .timeout = 60);

Test(squatter, gets_no_data_of_the_program)
{
	struct timeval limit = {WAIT_S, 0};
	char word[16];
	int client = socket(AF_INET, SOCK_STREAM, 0), taken;

	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(zero(int, connect(client, &address.sa, rudp_addr_len(&address))));
	(void)send(client, "secret", 6, MSG_NOSIGNAL); /* it may have been reset already */
	taken = accept(squatter, NULL, NULL);
	cr_assert(ge(int, taken, 0));
	cr_assert(le(int, (int)recv(taken, word, sizeof word, 0), 0));
	cr_assert(le(int, (int)recv(client, word, sizeof word, 0), 0));
	/* The port is free again. */
	close(client);
	wait_until_the_engine_sleeps();
	client = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(eq(int, connect(client, &address.sa, rudp_addr_len(&address)), -1));
	cr_assert(eq(int, errno, ECONNREFUSED));
}

Test(squatter, has_no_right_to_the_engine)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_LISTEN);
	int to = channel_of_other_user();

	memset(request.token, 0, sizeof request.token);
	send_raw(to, &request, sizeof request, &squatter, 1);
	cr_assert(eq(int, answer(to).error, EACCES));
	request.operation = RUDP_CONTROL_CONNECT;
	request.addr = address;
	to = channel_of_other_user();
	send_raw(to, &request, sizeof request, &squatter, 1);
	cr_assert(eq(int, answer(to).error, EACCES));
}

static void wants_the_port(void)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);

	request.addr = address;
	cr_assert(zero(int, ask(&request, fresh()).error));
}

Test(squatter, does_not_keep_the_port)
{
	wants_the_port();
}

Test(squatter, does_not_keep_the_port_without_listening)
{
	shutdown(squatter, SHUT_RDWR);
	wants_the_port();
}

/* The program's own socket has the rights, and a socket accepted from it does not. */
Test(squatter, is_distinguished_from_the_program)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	int fd = fresh();

	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	request.addr = ask(&request, fd).local;
	for (int i = 0; i < 20; i++)
		cr_assert(eq(int, ask(&request, fresh()).error, EADDRINUSE));
	close(fd);
	cr_assert(zero(int, ask(&request, fresh()).error));
}

/* ---- names that are taken before the engine uses them ---- */

#define SLOTS 64u
#define GENERATIONS 8u

TestSuite(squatter_ahead, .init = engine_start_without_dir, .fini = engine_end, .timeout = 60);

/* Binds the names that a counter would give next, for all slots that the engine may use. */
static void take_the_next(const struct rudp_name *last)
{
	struct rudp_name name = *last;
	struct sockaddr_un un;

	for (uint64_t slot = 0; slot < SLOTS; slot++)
		for (uint64_t i = 1; i <= GENERATIONS; i++) {
			socklen_t len;

			name.id =
				((last->id >> 40) + i) << 40 | (last->id >> 32 & 0xff) << 32 | slot;
			len = rudp_name_write(&name, &un);
			cr_assert(zero(int, bind(socket(AF_UNIX, SOCK_STREAM, 0),
						 (struct sockaddr *)&un, len)));
		}
}

Test(squatter_ahead, does_not_guess_the_next_name)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	struct sockaddr_un un;
	socklen_t len = sizeof un;
	struct rudp_name name;
	int fd = fresh();

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	request.addr = ask(&request, fd).local;
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)&un, &len)));
	cr_assert(eq(int, (int)rudp_name_parse(&name, &un, len), RUDP_NAME_BOUND));
	close(fd);
	be(NOBODY);
	take_the_next(&name);
	be(0);
	for (unsigned i = 0; i < GENERATIONS; i++) {
		fd = fresh();
		cr_expect(zero(int, ask(&request, fd).error));
		close(fd);
	}
}
