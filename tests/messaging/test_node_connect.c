/* SPDX-License-Identifier: MIT */
/* rudpmsg_connect over unix_transport.h: how long it waits, what it returns, and which
 * connections remain. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#include "messaging/node_private.h"
#include "messaging/unix_transport.h"

#define PORT 1
#define ATTEMPTS_FAILED 3
#define SPAN_NS (20 * RUDP_NS_PER_MS)

static struct rudpmsg_node *alpha, *beta;
static rudpmsg_conn_id to_beta;
static atomic_uint attempts;
static int (*unix_connect)(int fd, const struct sockaddr *address, socklen_t length);

static struct rudpmsg_node *open_node(const char *name, int64_t backoff_ns, int64_t give_up_ns)
{
	const struct rudpmsg_options options = {.transport = RUDPMSG_TRANSPORT_TCP,
						.backoff_first_ns = backoff_ns,
						.backoff_max_ns = backoff_ns,
						.give_up_ns = give_up_ns};
	struct rudpmsg_node *node;

	cr_assert(eq(int, rudpmsg_node_open(&node, name, &options, NULL), 0));
	node->transport = &unix_transport;
	return node;
}

static void open_alpha_and_beta(void)
{
	unix_connect = unix_transport.connect;
	alpha = open_node("alpha", RUDP_NS_PER_MS, 0);
	beta = open_node("beta", RUDP_NS_PER_MS, 0);
}

static void free_alpha_and_beta(void)
{
	rudpmsg_node_free(alpha);
	rudpmsg_node_free(beta);
	unix_transport.connect = unix_connect;
}

TestSuite(node_connect, .init = open_alpha_and_beta, .fini = free_alpha_and_beta, .timeout = 300);

static int connect_to_beta(const char *name, int64_t timeout_ns)
{
	return rudpmsg_connect(alpha, "127.0.0.1", PORT, name, timeout_ns, &to_beta);
}

/* Beta listens once some attempts have failed. */
static int connect_when_beta_is_late(int fd, const struct sockaddr *address, socklen_t length)
{
	if (++attempts == ATTEMPTS_FAILED + 1 && rudpmsg_listen(beta, "127.0.0.1", PORT) < 0)
		abort();
	return unix_connect(fd, address, length);
}

Test(node_connect, a_peer_that_comes_later_is_waited_for)
{
	unix_transport.connect = connect_when_beta_is_late;
	cr_expect(eq(int, connect_to_beta("beta", RUDPMSG_FOREVER), 0));
	cr_expect(lt(u32, ATTEMPTS_FAILED, attempts));
	cr_expect(eq(int, rudpmsg_conn_error(alpha, to_beta), 0));
}

Test(node_connect, a_peer_without_a_name_that_comes_later_is_waited_for)
{
	char name[RUDPMSG_NAME_MAX + 1];

	unix_transport.connect = connect_when_beta_is_late;
	cr_expect(eq(int, connect_to_beta(NULL, RUDPMSG_FOREVER), 0));
	cr_expect(lt(u32, ATTEMPTS_FAILED, attempts));
	cr_assert(eq(int, rudpmsg_conn_name(alpha, to_beta, name), 0));
	cr_expect(eq(str, name, "beta"));
}

Test(node_connect, with_a_name_attempts_continue_after_the_timeout)
{
	struct rudpmsg_event event;
	rudpmsg_conn_id found;

	cr_expect(eq(int, connect_to_beta("beta", 0), -EINPROGRESS));
	while (rudpmsg_conn_error(alpha, to_beta) == -EINPROGRESS)
		sched_yield();
	cr_expect(eq(int, connect_to_beta("beta", SPAN_NS), -EINPROGRESS));
	cr_assert(eq(int, rudpmsg_conn_find(alpha, "beta", &found), 0));
	cr_expect(eq(u64, found, to_beta));
	cr_expect(eq(int, rudpmsg_conn_error(alpha, to_beta), -ECONNREFUSED));
	cr_assert(eq(int, rudpmsg_listen(beta, "127.0.0.1", PORT), 0));
	cr_assert(eq(int, rudpmsg_event_wait(alpha, RUDPMSG_FOREVER, &event), 0));
	cr_expect(eq(int, (int)event.kind, RUDPMSG_EVENT_CONNECTED));
	cr_expect(eq(u64, event.conn, to_beta));
}

Test(node_connect, without_a_name_the_timeout_returns_the_last_error)
{
	int64_t span_ns = SPAN_NS / 2, start_ns;
	int rc;

	do { /* on a busy machine no attempt may end in time */
		start_ns = rudp_clock_now_ns();
		rc = connect_to_beta(NULL, span_ns *= 2);
		cr_expect(ge(i64, rudp_clock_now_ns() - start_ns, span_ns));
	} while (rc == -ETIMEDOUT);
	cr_expect(eq(int, rc, -ECONNREFUSED));
	cr_expect(eq(u64, to_beta, 0));
	cr_expect(eq(int, connect_to_beta(NULL, 0), -ETIMEDOUT));
	cr_expect(eq(int, rudpmsg_conn_error(alpha, to_beta), -ENOENT));
}

static int connect_with_another_key(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)fd, (void)address, (void)length;
	errno = EKEYREJECTED;
	return -1;
}

Test(node_connect, a_permanent_error_is_returned_and_leaves_no_connection)
{
	rudpmsg_conn_id found;

	unix_transport.connect = connect_with_another_key;
	cr_expect(eq(int, connect_to_beta("beta", RUDPMSG_FOREVER), -EKEYREJECTED));
	cr_expect(eq(int, rudpmsg_conn_find(alpha, "beta", &found), -ENOENT));
	cr_expect(eq(int, connect_to_beta(NULL, RUDPMSG_FOREVER), -EKEYREJECTED));
}

Test(node_connect, a_permanent_error_does_not_fail_accepted_messages)
{
	rudpmsg_conn_id found;

	unix_transport.connect = connect_with_another_key;
	cr_assert(eq(int, connect_to_beta("beta", 0), -EINPROGRESS));
	cr_assert(eq(int, rudpmsg_send(alpha, to_beta, "x", 1, 0, NULL), 0));
	cr_expect(eq(int, connect_to_beta("beta", RUDPMSG_FOREVER), -EKEYREJECTED));
	cr_expect(eq(int, rudpmsg_conn_find(alpha, "beta", &found), 0));
}

Test(node_connect, connect_returns_when_the_connection_is_given_up)
{
	struct rudpmsg_node *gamma = open_node("gamma", RUDP_NS_PER_MS, SPAN_NS);

	cr_expect(eq(int,
		     rudpmsg_connect(gamma, "127.0.0.1", PORT, "beta", RUDPMSG_FOREVER, &to_beta),
		     -ETIMEDOUT));
	cr_expect(eq(int, rudpmsg_conn_error(gamma, to_beta), -ENOENT));
	rudpmsg_node_free(gamma);
}

/* The second program of that name does not dial again here, so it does not take the link back. */
Test(node_connect, a_node_learns_that_another_program_uses_its_name)
{
	struct rudpmsg_node *first = open_node("gamma", 3600 * RUDP_NS_PER_S, 0);
	struct rudpmsg_node *second = open_node("gamma", 3600 * RUDP_NS_PER_S, 0);
	rudpmsg_conn_id of_first, of_second;
	struct rudpmsg_event event;

	cr_assert(eq(int, rudpmsg_listen(beta, "127.0.0.1", PORT), 0));
	cr_assert(eq(int,
		     rudpmsg_connect(first, "127.0.0.1", PORT, "beta", RUDPMSG_FOREVER, &of_first),
		     0));
	cr_assert(
		eq(int,
		   rudpmsg_connect(second, "127.0.0.1", PORT, "beta", RUDPMSG_FOREVER, &of_second),
		   0));
	do
		cr_assert(eq(int, rudpmsg_event_wait(first, RUDPMSG_FOREVER, &event), 0));
	while (event.kind != RUDPMSG_EVENT_BROKEN);
	cr_expect(eq(int, event.reason, ESTALE));
	cr_expect(eq(int, rudpmsg_conn_error(first, of_first), -ESTALE));
	cr_expect(eq(int, rudpmsg_conn_error(second, of_second), 0));
	rudpmsg_node_free(first);
	rudpmsg_node_free(second);
}
