/* SPDX-License-Identifier: MIT */
/* The message of a CONNECT: after the request come names and early data. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/control.h"
#include "engine/running_engine.h"

TestSuite(connect_message, .init = engine_start, .fini = engine_end, .timeout = 300);

/* A CONNECT with so many bytes of names and of early data, as it says, and so many that it has. */
static int fault_of_connect(int32_t names, int32_t early, size_t bytes, char last_of_names)
{
	struct {
		struct rudp_control_request request;
		char more[RUDP_CONTROL_MORE_MAX + 1];
	} message = {.request = request_of(RUDP_CONTROL_CONNECT)};
	int fd = fresh(), to = channel(), error;

	message.request.addr.family = AF_UNSPEC; /* if the form is right, this is what is wrong */
	message.request.level = names;
	message.request.number = early;
	memset(message.more, 'a', sizeof message.more);
	if (names > 0 && (size_t)names <= sizeof message.more)
		message.more[names - 1] = last_of_names;
	send_raw(to, &message, sizeof message.request + bytes, &fd, 1);
	error = answer(to).error;
	close(to);
	close(fd);
	return error;
}

Test(connect_message, names_and_early_data_of_a_connect_have_the_sizes_that_it_says)
{
	cr_assert(eq(int, fault_of_connect(0, 0, 0, 0), EAFNOSUPPORT));
	cr_assert(eq(int, fault_of_connect(7, 0, 7, 0), EAFNOSUPPORT));
	cr_assert(eq(int, fault_of_connect(7, 9, 16, 0), EAFNOSUPPORT));
	cr_assert(eq(int,
		     fault_of_connect(RUDP_CONTROL_NAMES_MAX, RUDP_CONTROL_EARLY_MAX,
				      RUDP_CONTROL_MORE_MAX, 0),
		     EAFNOSUPPORT));
	cr_assert(eq(int, fault_of_connect(7, 0, 7, 'a'), EPROTO));
	cr_assert(eq(int, fault_of_connect(7, 9, 15, 0), EPROTO));
	cr_assert(eq(int, fault_of_connect(7, 9, 17, 0), EPROTO));
	cr_assert(eq(int, fault_of_connect(-1, 9, 8, 0), EPROTO));
	cr_assert(eq(int, fault_of_connect(9, -1, 8, 0), EPROTO));
	cr_assert(eq(int,
		     fault_of_connect(RUDP_CONTROL_NAMES_MAX + 1, 0, RUDP_CONTROL_NAMES_MAX + 1, 0),
		     EPROTO));
	cr_assert(eq(int,
		     fault_of_connect(0, RUDP_CONTROL_EARLY_MAX + 1, RUDP_CONTROL_EARLY_MAX + 1, 0),
		     EPROTO));
	cr_assert(eq(int, fault_of_connect(INT32_MAX, INT32_MAX, 0, 0), EPROTO));
}

static unsigned apps_listed(void)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_LIST);
	struct rudp_control_reply reply;
	unsigned count = 0;

	while ((reply = ask(&request, -1)).id) {
		request.id = reply.id;
		count++;
	}
	return count;
}

/* It sends another request, or half of one, while its first is not answered. */
static void breaks_protocol_while_it_waits(const struct rudp_addr *silent, size_t len)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_CONNECT);
	int fd = fresh(), to = channel();

	request.addr = *silent;
	send_raw(to, &request, sizeof request, &fd, 1);
	wait_until_the_engine_sleeps();
	cr_assert(eq(uint, apps_listed(), 1));
	request = request_of(RUDP_CONTROL_LIST);
	send_raw(to, &request, len, NULL, 0);
	cr_assert(eq(int, answer(to).error, EPROTO));
	cr_assert(zero(uint, apps_listed()));
	close(to);
	close(fd);
}

/* A kernel TCP listener that answers no SYN more: its queue of one is full. */
static int full_listener(struct rudp_addr *address, int *waiting)
{
	int fd = kernel_listener(address);
	struct pollfd one = {.fd = fd, .events = POLLIN};

	cr_assert(zero(int, listen(fd, 0)));
	*waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(zero(int, connect(*waiting, &address->sa, sizeof address->in4)));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000), 1));
	return fd;
}

Test(connect_message, the_attempt_ends_if_its_caller_breaks_the_protocol)
{
	struct rudp_addr silent;
	int waiting, fd = full_listener(&silent, &waiting);

	breaks_protocol_while_it_waits(&silent, sizeof(struct rudp_control_request));
	breaks_protocol_while_it_waits(&silent, 7);
	close(waiting);
	close(fd);
}
