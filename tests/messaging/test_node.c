/* SPDX-License-Identifier: MIT */
/*
 * A node over unix_transport.h with a sendmsg that notes whose it is: who writes to a stream, the
 * sender's own thread or the loop, and what happens meanwhile; and on how many addresses it
 * listens.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "messaging/hub_private.h"
#include "messaging/node_private.h"
#include "messaging/unix_transport.h"

#define MESSAGES 300
#define LONG_BYTES (900 * 1000)            /* more than a socket takes at once */
#define FOR_EVER_NS (3600 * RUDP_NS_PER_S) /* no timer fires during the test */

static pthread_t sender;
static atomic_uint by_sender, by_others;
static struct rudpmsg_node *alpha, *beta;
static rudpmsg_conn_id to_beta;
static void (*at_ack)(void); /* called while a thread writes an ACK */

static bool is_ack(const struct msghdr *message)
{
	const uint8_t *frame = message->msg_iov[0].iov_base;

	return message->msg_iov[0].iov_len == RUDPMSG_MESSAGE_HEAD_BYTES &&
	       frame[RUDPMSG_FRAME_HEAD_BYTES - 1] == RUDPMSG_FRAME_ACK;
}

static ssize_t counted_sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (at_ack && is_ack(message))
		at_ack();
	atomic_fetch_add(pthread_equal(pthread_self(), sender) ? &by_sender : &by_others, 1);
	return sendmsg(fd, message, flags);
}

static struct rudpmsg_node *open_node(const char *name)
{
	const struct rudpmsg_options options = {.transport = RUDPMSG_TRANSPORT_TCP,
						.handshake_timeout_ns = FOR_EVER_NS};
	struct rudpmsg_node *node;

	cr_assert(eq(int, rudpmsg_node_open(&node, name, &options, NULL), 0));
	unix_transport.sendmsg = counted_sendmsg;
	node->transport = &unix_transport;
	return node;
}

static void open_both(void)
{
	sender = pthread_self();
	alpha = open_node("alpha");
	beta = open_node("beta");
	cr_assert(eq(int, rudpmsg_listen(beta, "127.0.0.1", 1), 0));
	cr_assert(eq(int, rudpmsg_connect(alpha, "127.0.0.1", 1, "beta", RUDPMSG_FOREVER, &to_beta),
		     0));
	by_sender = by_others = 0;
}

static void free_both(void)
{
	rudpmsg_node_free(alpha);
	rudpmsg_node_free(beta);
}

static void send_and_receive(const void *bytes, size_t length)
{
	struct rudpmsg_message message;

	cr_assert(eq(int, rudpmsg_send(alpha, to_beta, bytes, length, RUDPMSG_FOREVER, NULL), 0));
	cr_assert(eq(int, rudpmsg_receive(beta, 0, RUDPMSG_FOREVER, &message), 0));
	cr_assert(eq(sz, message.length, length));
	cr_assert(eq(int, memcmp(message.bytes, bytes, length), 0));
	rudpmsg_done(beta, &message);
}

/* Longer than the time after which the sender's thread writes a message itself. */
static void pause_a_little(void)
{
	const struct timespec span = {0, 4 * RUDPMSG_WRITE_PAUSE_NS};

	nanosleep(&span, NULL);
}

Test(node, single_messages_are_written_by_the_sending_thread, .timeout = 300)
{
	unsigned i;

	open_both();
	/* Repeated until it has happened often enough: on a busy machine the loop may fall
	 * asleep late. */
	for (i = 0; by_sender < MESSAGES / 4; i++) {
		pause_a_little();
		send_and_receive(&i, sizeof i);
	}
	free_both();
}

Test(node, many_messages_are_combined_by_the_loop, .timeout = 300)
{
	rudpmsg_message_id last = 0;
	unsigned i, count = 100 * MESSAGES;

	open_both();
	for (i = 0; i < count; i++)
		cr_assert(eq(int,
			     rudpmsg_submit(alpha, to_beta, &i, sizeof i, RUDPMSG_FOREVER, &last),
			     0));
	cr_assert(eq(int, rudpmsg_wait(alpha, to_beta, last, RUDPMSG_FOREVER), 0));
	cr_expect(lt(u32, by_sender, count / 4));
	free_both();
}

Test(node, the_loop_writes_the_rest_of_a_partial_write, .timeout = 300)
{
	static uint8_t bytes[LONG_BYTES];
	unsigned i;

	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	open_both();
	/* At least so many, and until both threads have written. */
	for (i = 0; i < MESSAGES / 10 || by_sender == 0 || by_others == 0; i++) {
		pause_a_little();
		send_and_receive(bytes, sizeof bytes - i);
	}
	free_both();
}

Test(node, the_number_of_listeners_is_limited, .timeout = 300)
{
	uint16_t port;

	alpha = open_node("alpha");
	for (port = 1; port <= RUDPMSG_LISTENERS_MAX; port++)
		cr_assert(eq(int, rudpmsg_listen(alpha, "127.0.0.1", port), 0));
	cr_expect(eq(int, rudpmsg_listen(alpha, "127.0.0.1", port), -EMFILE));
	/* The refused port is free for others, and the last accepted one answers. */
	beta = open_node("beta");
	cr_expect(eq(int, rudpmsg_listen(beta, "127.0.0.1", port), 0));
	cr_expect(eq(int,
		     rudpmsg_connect(beta, "127.0.0.1", RUDPMSG_LISTENERS_MAX, "alpha",
				     RUDPMSG_FOREVER, &to_beta),
		     0));
	free_both();
}

/* ---- every address ---- */

static int refused_family, refusal; /* what bind returns for that family */
static int (*bind_of_others)(int fd, const struct sockaddr *address, socklen_t length);

/* IPv6 sockets take no IPv4 connections, so both can have the same port. */
static int bind_by_family(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_in6 other = {.sin6_port = htons(1001)};

	if (address->sa_family == refused_family) {
		errno = refusal;
		return -1;
	}
	return bind_of_others(fd, address->sa_family == AF_INET ? address : (const void *)&other,
			      length);
}

/* Listens on port 1 of all addresses; bind fails for one family. */
static int listen_without(int family, int error)
{
	int rc;

	refused_family = family;
	refusal = error;
	bind_of_others = unix_transport.bind;
	unix_transport.bind = bind_by_family;
	rc = rudpmsg_listen(alpha, NULL, 1);
	unix_transport.bind = bind_of_others;
	return rc;
}

Test(node, a_port_in_use_on_one_address_fails_for_all)
{
	alpha = open_node("alpha");
	cr_expect(eq(int, listen_without(AF_INET, EADDRINUSE), -EADDRINUSE));
	cr_expect(eq(int, listen_without(AF_INET6, EADDRINUSE), -EADDRINUSE));
	cr_expect(eq(u32, alpha->listener_count, 0));
	/* No listener is left. */
	cr_expect(eq(int, listen_without(AF_UNSPEC, 0), 0));
	cr_expect(eq(u32, alpha->listener_count, 2));
	rudpmsg_node_free(alpha);
}

Test(node, an_unavailable_address_family_is_skipped)
{
	alpha = open_node("alpha");
	cr_expect(eq(int, listen_without(AF_INET6, EAFNOSUPPORT), 0));
	cr_expect(eq(u32, alpha->listener_count, 1));
	rudpmsg_node_free(alpha);
	alpha = open_node("alpha");
	cr_expect(eq(int, listen_without(AF_INET, EADDRNOTAVAIL), 0));
	cr_expect(eq(u32, alpha->listener_count, 1));
	rudpmsg_node_free(alpha);
}

/* ---- what happens while the loop writes an ACK ---- */

static atomic_uint acks_alone, acks_locked;

static void try_lock(void)
{
	if (pthread_mutex_trylock(&beta->lock) != 0) {
		acks_locked++;
		return;
	}
	pthread_mutex_unlock(&beta->lock);
	acks_alone++;
}

/* Otherwise the thread that the message wakes would wait for the lock, that is, sleep again. */
Test(node, an_ack_is_written_without_the_lock, .timeout = 300)
{
	rudpmsg_message_id id;
	unsigned i;

	open_both();
	at_ack = try_lock;
	for (i = 0; i < MESSAGES; i++) {
		cr_assert(eq(int, rudpmsg_send(alpha, to_beta, &i, sizeof i, 0, &id), 0));
		cr_assert(eq(int, rudpmsg_wait(alpha, to_beta, id, RUDPMSG_FOREVER), 0));
	}
	free_both();
	cr_expect(eq(u32, acks_alone, MESSAGES));
	cr_expect(eq(u32, acks_locked, 0));
}

/* Nothing else wakes the loop afterwards. */
static void ask_for_gamma(void)
{
	rudpmsg_conn_id conn;

	at_ack = NULL;
	pthread_mutex_lock(&beta->lock);
	rudp_timer_cancel(&beta->hub->wheel, &beta->hub->quiet.timer);
	pthread_mutex_unlock(&beta->lock);
	cr_assert(eq(int, rudpmsg_connect(beta, "127.0.0.1", 2, "gamma", 0, &conn), -EINPROGRESS));
}

Test(node, requests_during_the_write_of_an_ack_are_served, .timeout = 300)
{
	struct rudpmsg_node *gamma = open_node("gamma");
	struct rudpmsg_event event;

	cr_assert(eq(int, rudpmsg_listen(gamma, "127.0.0.1", 2), 0));
	open_both();
	at_ack = ask_for_gamma;
	cr_assert(eq(int, rudpmsg_send(alpha, to_beta, "x", 1, 0, NULL), 0));
	cr_assert(eq(int, rudpmsg_event_wait(gamma, RUDPMSG_FOREVER, &event), 0));
	cr_expect(eq(int, (int)event.kind, RUDPMSG_EVENT_CONNECTED));
	free_both();
	rudpmsg_node_free(gamma);
}

static void leave_alpha(void)
{
	rudpmsg_conn_id conn;

	at_ack = NULL;
	cr_assert(eq(int, rudpmsg_conn_find(beta, "alpha", &conn), 0));
	cr_assert(eq(int, rudpmsg_disconnect(beta, conn, false, 0), 0));
}

/* CLOSE comes complete after the ACK. */
Test(node, a_connection_may_be_removed_while_its_ack_is_written, .timeout = 300)
{
	struct rudpmsg_stats stats;
	struct rudpmsg_event event;

	open_both();
	at_ack = leave_alpha;
	cr_assert(eq(int, rudpmsg_send(alpha, to_beta, "x", 1, 0, NULL), 0));
	do
		cr_assert(eq(int, rudpmsg_event_wait(alpha, RUDPMSG_FOREVER, &event), 0));
	while (event.kind != RUDPMSG_EVENT_DISCONNECTED);
	cr_expect(eq(int, event.reason, ECONNABORTED));
	rudpmsg_stats(alpha, &stats, sizeof stats);
	cr_expect(eq(u64, stats.messages_acknowledged, 1));
	cr_expect(eq(u64, stats.frames_malformed, 0));
	free_both();
}
