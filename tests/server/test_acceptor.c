/* SPDX-License-Identifier: MIT */
/* The acceptor: admitted, waiting and refused connections. The workers are mailboxes that the test
 * empties. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/server/acceptor_private.h"

#define WORKERS 2
#define CALLERS 8
#define S RUDP_NS_PER_S

static struct apo_config config;
static struct apo_worker workers[WORKERS]; /* only their mailboxes are initialized */
static struct apo_acceptor acceptor;
static int epoll_fd, callers[CALLERS];
static int64_t now_ns;

static void begin(void)
{
	unsigned i;

	config = (struct apo_config){
		.references = 1000, /* never freed */
		.listen_count = 1,
		.model.clients_max = 2,
		.waiting_max = 2,
		.waiting_ns = 10 * S,
		.per_address_max = 100,
		.connects_max = 1000,
		.connects_ns = S,
	};
	cr_assert(eq(int, rudp_addr_parse(&config.listens[0].address, "127.0.0.1:0"), 0));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < WORKERS; i++)
		cr_assert(eq(int, apo_mailbox_init(&workers[i].box), 0));
	now_ns = 100 * S;
	cr_assert(eq(int, apo_acceptor_open(&acceptor, epoll_fd, workers, WORKERS, &config, false),
		     0));
}

/* The next connection that a worker was given, in the order of the workers; NULL: none. The caller
 * owns it. */
static struct apo_adopt *given(void)
{
	static struct apo_mail *waiting;
	struct apo_mail *taken;
	unsigned i;

	for (i = 0; i < WORKERS && !waiting; i++)
		waiting = apo_mailbox_take(&workers[i].box);
	taken = waiting;
	waiting = waiting ? waiting->next : NULL;
	return (struct apo_adopt *)taken;
}

static void let_go(struct apo_adopt *adopt)
{
	struct apo_note note = {.ip_entry = adopt->ip_entry, .was_refused = adopt->refusal != NULL};

	apo_acceptor_on_gone(&acceptor, &note);
	close(adopt->fd);
	free(adopt);
}

static void end(void)
{
	struct apo_adopt *adopt;
	unsigned i;

	while ((adopt = given()))
		let_go(adopt);
	apo_acceptor_fini(&acceptor);
	for (i = 0; i < CALLERS; i++)
		if (callers[i] > 0)
			close(callers[i]);
	memset(callers, 0, sizeof callers);
	for (i = 0; i < WORKERS; i++)
		apo_mailbox_fini(&workers[i].box);
	close(epoll_fd);
}

TestSuite(acceptor, .init = begin, .fini = end, .timeout = 120);

/* Handles one event of epoll. There must be one to come: a connection, or its end, may need longer
 * than the call that begins it. */
static void serve(void)
{
	struct epoll_event events[16];
	struct apo_event_source *source;
	int count = epoll_wait(epoll_fd, events, 16, -1), i;

	for (i = 0; i < count; i++) {
		source = events[i].data.ptr;
		apo_acceptor_on_source(&acceptor, source, now_ns);
	}
}

static void call(unsigned i)
{
	struct sockaddr_in to;
	socklen_t len = sizeof to;

	callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(eq(int,
		     getsockname(acceptor.listeners[0]->source.fd, (struct sockaddr *)&to, &len),
		     0));
	cr_assert(eq(int, connect(callers[i], (struct sockaddr *)&to, len), 0));
	serve();
}

/* The first count callers connect and are admitted. */
static void let_in(struct apo_adopt **inside, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		call(i);
		inside[i] = given();
	}
}

static void is_given(const char *refusal)
{
	struct apo_adopt *adopt = given();

	cr_assert(ne(ptr, adopt, NULL));
	if (refusal)
		cr_assert(eq(str, (char *)adopt->refusal, (char *)refusal));
	else
		cr_assert(eq(ptr, (void *)adopt->refusal, NULL));
	let_go(adopt);
}

Test(acceptor, connections_are_given_to_the_workers_in_turn)
{
	struct apo_mail *mail;
	unsigned i;

	call(0);
	call(1);
	for (i = 0; i < WORKERS; i++) {
		mail = apo_mailbox_take(&workers[i].box);
		cr_assert(ne(ptr, mail, NULL));
		cr_assert(eq(ptr, mail->next, NULL));
		let_go((struct apo_adopt *)mail);
	}
	cr_assert(eq(uint, acceptor.active_count, 0));
	cr_assert(eq(u64, acceptor.counters.accepted, 2));
}

Test(acceptor, connections_without_a_place_wait_in_order)
{
	struct apo_adopt *first, *second, *third;

	call(0);
	call(1);
	first = given();
	second = given();
	call(2);
	call(3);
	cr_assert(eq(ptr, given(), NULL));
	cr_assert(eq(uint, acceptor.waiting_count, 2));
	let_go(first);
	third = given();
	cr_assert(ne(ptr, third, NULL));
	cr_assert(eq(ptr, (void *)third->refusal, NULL));
	cr_assert(eq(uint, acceptor.waiting_count, 1));
	/* A new caller queues behind the waiting ones. */
	call(4);
	cr_assert(eq(ptr, given(), NULL));
	let_go(second);
	let_go(third);
	is_given(NULL);
	is_given(NULL);
	cr_assert(eq(u64, acceptor.counters.waited, 3));
}

Test(acceptor, a_full_waiting_queue_refuses_connections)
{
	struct apo_adopt *inside[2];
	unsigned i;

	let_in(inside, 2);
	call(2);
	call(3);
	call(4);
	is_given("The server is full");
	cr_assert(eq(u64, acceptor.counters.refused_full, 1));
	cr_assert(eq(uint, acceptor.refusals_count, 0));
	for (i = 0; i < 2; i++)
		let_go(inside[i]);
	is_given(NULL);
	is_given(NULL);
}

Test(acceptor, waiting_has_a_time_limit)
{
	struct apo_adopt *inside[2];
	unsigned i;

	let_in(inside, 2);
	call(2);
	cr_assert(eq(i64, apo_acceptor_next_at_ns(&acceptor), now_ns + 10 * S));
	now_ns += S;
	call(3);
	apo_acceptor_on_time(&acceptor, now_ns + 9 * S - 1);
	cr_assert(eq(ptr, given(), NULL));
	apo_acceptor_on_time(&acceptor, now_ns + 9 * S);
	is_given("The server is full");
	cr_assert(eq(uint, acceptor.waiting_count, 1));
	cr_assert(eq(i64, apo_acceptor_next_at_ns(&acceptor), now_ns + 10 * S));
	cr_assert(eq(u64, acceptor.counters.refused_waited, 1));
	for (i = 0; i < 2; i++)
		let_go(inside[i]);
	is_given(NULL);
}

Test(acceptor, a_closed_connection_leaves_the_waiting_queue)
{
	struct apo_adopt *inside[2];
	unsigned i;

	let_in(inside, 2);
	call(2);
	call(3);
	close(callers[2]);
	callers[2] = 0;
	serve();
	cr_assert(eq(uint, acceptor.waiting_count, 1));
	call(4);
	cr_assert(eq(uint, acceptor.waiting_count, 2));
	for (i = 0; i < 2; i++)
		let_go(inside[i]);
	is_given(NULL);
	is_given(NULL);
}

Test(acceptor, limits_of_an_address_have_their_own_reasons)
{
	struct apo_adopt *inside;

	config.per_address_max = 1;
	call(0);
	inside = given();
	call(1);
	is_given("Too many connections from your address");
	let_go(inside);
	config.per_address_max = 100;
	config.connects_max = 2;
	now_ns += 10 * S;
	call(2);
	call(3);
	is_given(NULL);
	is_given(NULL);
	call(4);
	is_given("Your address connects too often, wait a while");
	cr_assert(eq(u64, acceptor.counters.refused_address, 1));
	cr_assert(eq(u64, acceptor.counters.refused_pace, 1));
}

Test(acceptor, a_higher_limit_admits_waiting_clients_at_once)
{
	struct apo_adopt *inside[2];
	struct apo_config wider;
	unsigned i;

	let_in(inside, 2);
	call(2);
	call(3);
	wider = config;
	wider.model.clients_max = 3;
	apo_acceptor_configure(&acceptor, &wider);
	is_given(NULL); /* after that one has gone, too, the next is admitted */
	is_given(NULL);
	for (i = 0; i < 2; i++)
		let_go(inside[i]);
	apo_acceptor_configure(&acceptor, &config);
}

Test(acceptor, a_listener_that_is_in_both_configurations_stays)
{
	struct apo_config other = config;
	int fd = acceptor.listeners[0]->source.fd;

	other.listen_count = 2;
	cr_assert(eq(int, rudp_addr_parse(&other.listens[1].address, "127.0.0.2:0"), 0));
	apo_acceptor_configure(&acceptor, &other);
	cr_assert(eq(uint, acceptor.listener_count, 2));
	cr_assert(eq(int, acceptor.listeners[0]->source.fd, fd));
	apo_acceptor_configure(&acceptor, &config);
	cr_assert(eq(uint, acceptor.listener_count, 1));
	cr_assert(eq(int, acceptor.listeners[0]->source.fd, fd));
	call(0);
	is_given(NULL);
}

/* When the acceptor closes, waiting connections are told why, and none is admitted any more. */
Test(acceptor, closing_tells_waiting_connections)
{
	struct apo_adopt *inside[2];
	unsigned i;

	let_in(inside, 2);
	call(2);
	apo_acceptor_close(&acceptor, "The server is shutting down");
	is_given("The server is shutting down");
	cr_assert(eq(uint, acceptor.listener_count, 0));
	for (i = 0; i < 2; i++)
		let_go(inside[i]);
	cr_assert(eq(ptr, given(), NULL));
}

Test(acceptor, a_port_in_use_is_an_error_and_leaves_no_listener)
{
	struct apo_acceptor second;
	struct apo_config same = config;
	socklen_t len = sizeof same.listens[0].address.in4;

	cr_assert(
		eq(int,
		   getsockname(acceptor.listeners[0]->source.fd, &same.listens[0].address.sa, &len),
		   0));
	cr_assert(lt(int, apo_acceptor_open(&second, epoll_fd, workers, WORKERS, &same, false), 0));
	cr_assert(eq(uint, second.listener_count, 0));
}

/* ---- trusted proxies ---- */

#define HEADER "PROXY TCP4 192.0.2.7 198.51.100.1 56324 6667\r\n"

static void trust_loopback(void)
{
	cr_assert(apo_network_read(config.trusted_proxies, "127.0.0.0/8"));
	config.trusted_proxy_count = 1;
}

static void send_text(unsigned i, const char *text)
{
	cr_assert(eq(sz, (size_t)write(callers[i], text, strlen(text)), strlen(text)));
	serve();
}

/* The next connection is of that client, and its first bytes are these. */
static void is_client(const char *address, const char *first)
{
	struct apo_adopt *adopt = given();
	char text[RUDP_ADDR_TEXT_SIZE] = "";

	cr_assert(ne(ptr, adopt, NULL));
	cr_assert(eq(str, rudp_addr_format(&adopt->address, text), (char *)address));
	cr_assert(adopt->is_proxied);
	memset(text, 0, sizeof text);
	cr_assert(eq(sz, (size_t)read(adopt->fd, text, strlen(first)), strlen(first)));
	cr_assert(eq(str, (char *)text, (char *)first));
	let_go(adopt);
}

Test(acceptor, the_header_of_a_trusted_proxy_names_the_client)
{
	trust_loopback();
	call(0);
	cr_assert(eq(ptr, given(), NULL));
	send_text(0, "PROXY TCP4 192.0.2.7 ");
	cr_assert(eq(ptr, given(), NULL));
	send_text(0, "198.51.100.1 56324 6667\r\nNICK a\r\n");
	is_client("192.0.2.7:56324", "NICK a\r\n");
	cr_assert(eq(uint, acceptor.proxied_count, 0));
}

Test(acceptor, limits_count_the_clients_of_a_proxy_and_not_the_proxy)
{
	struct apo_adopt *inside[2];
	unsigned i;

	trust_loopback();
	config.per_address_max = 1;
	for (i = 0; i < 3; i++)
		call(i);
	send_text(0, HEADER);
	inside[0] = given();
	send_text(1, "PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n");
	inside[1] = given();
	cr_assert(eq(ptr, (void *)inside[1]->refusal, NULL));
	send_text(2, HEADER);
	is_given("Too many connections from your address");
	for (i = 0; i < 2; i++)
		let_go(inside[i]);
}

Test(acceptor, a_trusted_proxy_must_name_the_client)
{
	static const char *const beginnings[] = {"NICK a\r\n", "PROXY TCP4 x\r\n"};
	unsigned i;

	trust_loopback();
	for (i = 0; i < 2; i++) {
		call(i);
		send_text(i, beginnings[i]);
	}
	call(2);
	close(callers[2]);
	callers[2] = 0;
	serve();
	cr_assert(eq(ptr, given(), NULL));
	cr_assert(eq(u64, acceptor.counters.refused_proxied, 3));
	cr_assert(eq(uint, acceptor.proxied_count, 0));
}

Test(acceptor, the_header_of_a_proxy_has_a_time_limit)
{
	trust_loopback();
	call(0);
	cr_assert(
		eq(i64, apo_acceptor_next_at_ns(&acceptor), now_ns + APO_PROXY_HEADER_TIMEOUT_NS));
	apo_acceptor_on_time(&acceptor, now_ns + APO_PROXY_HEADER_TIMEOUT_NS - 1);
	cr_assert(eq(uint, acceptor.proxied_count, 1));
	apo_acceptor_on_time(&acceptor, now_ns + APO_PROXY_HEADER_TIMEOUT_NS);
	cr_assert(eq(uint, acceptor.proxied_count, 0));
	cr_assert(eq(u64, acceptor.counters.refused_proxied, 1));
}

Test(acceptor, checks_by_the_proxy_itself_have_its_address_and_no_limits)
{
	struct apo_adopt *adopt;
	unsigned i;

	trust_loopback();
	config.connects_max = 1;
	for (i = 0; i < 2; i++) {
		call(i);
		send_text(i, "PROXY UNKNOWN\r\n");
		adopt = given();
		cr_assert(ne(ptr, adopt, NULL));
		cr_assert(rudp_addr_is_loopback(&adopt->address));
		cr_assert(not(adopt->is_proxied));
		cr_assert(eq(ptr, (void *)adopt->refusal, NULL));
		let_go(adopt);
	}
}

Test(acceptor, from_other_addresses_a_header_is_input_like_any)
{
	struct apo_adopt *adopt;
	char first;

	cr_assert(apo_network_read(config.trusted_proxies, "192.0.2.0/24"));
	config.trusted_proxy_count = 1;
	call(0);
	adopt = given();
	cr_assert(ne(ptr, adopt, NULL));
	cr_assert(eq(sz, (size_t)write(callers[0], HEADER, 6), 6));
	cr_assert(rudp_addr_is_loopback(&adopt->address));
	cr_assert(eq(sz, (size_t)read(adopt->fd, &first, 1), 1));
	cr_assert(eq(chr, first, 'P'));
	let_go(adopt);
}

Test(acceptor, a_proxy_of_the_web_names_the_client_in_the_request)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n";

	trust_loopback();
	acceptor.listeners[0]->listen.is_web = true;
	call(0);
	send_text(0, request);
	cr_assert(eq(ptr, given(), NULL));
	send_text(0, "\r\n");
	is_client("192.0.2.7:0", request); /* the worker reads the whole of it */
	call(1);
	send_text(1, HEADER);
	is_client("192.0.2.7:56324", "");
	call(2);
	send_text(2, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	cr_assert(eq(ptr, given(), NULL));
	cr_assert(eq(u64, acceptor.counters.refused_proxied, 1));
	acceptor.listeners[0]->listen.is_web = false;
}
