/* SPDX-License-Identifier: MIT */
/*
 * What an engine records for a successor, and what the successor does with it: two engines with one
 * table of descriptors.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"
#include "engine/failover/failover_state.h"
#include "engine/loop/loop.h"
#include "engine/ports/listener.h"
#include "engine/ports/port.h"
#include "engine/ports/udp_port_release.h"
#include "engine/running_engine.h"

#define HASH 0x6b65657074657374

static struct rudp_engine first, second;
static struct rudp_failover_state *failover;
static int program_fd; /* socket of the last listener */

static void setup(void)
{
	static struct rudp_settings settings;

	failover = rudp_failover_state_new();
	cr_assert(ne(ptr, failover, NULL));
	cr_assert(zero(int, rudp_engine_init_supervised(&first, &settings, failover)));
	cr_assert(zero(int, rudp_engine_publish(&first, HASH + (uint64_t)getpid())));
	rudp_failover_begin(&first);
}

static struct rudp_binding *bind_at(const char *address, unsigned flags)
{
	struct rudp_binding *binding;
	struct rudp_addr addr;

	program_fd = fresh();
	cr_assert(zero(int, rudp_addr_parse(&addr, address)));
	cr_assert(zero(int, rudp_binding_new(&first, program_fd, flags, &addr, (uint32_t)getpid(),
					     &binding)));
	return binding;
}

static struct rudp_binding *listen_at(const char *address, unsigned flags)
{
	struct rudp_binding *binding = bind_at(address, flags);
	const struct rudp_call call = {.held_fd = program_fd};

	cr_assert(zero(int, rudp_listener_start(&first, binding, &call, 5)));
	return binding;
}

/* The first engine is killed: only failover is left of its memory. */
static void start_successor(void)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init_supervised(&second, &settings, failover)));
	cr_assert(eq(int, second.succeeds, 1));
}

static unsigned listener_count(void)
{
	unsigned count = 0;

	for (struct rudp_list *link = second.control_listeners.next;
	     link != &second.control_listeners; link = link->next)
		count++;
	return count;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_noted(int fd)
{
	static int fds[RUDP_FAILOVER_FDS_MAX];
	size_t count = rudp_failover_fds(failover, fds);

	for (size_t i = 0; i < count; i++)
		if (fds[i] == fd)
			return true;
	return false;
}

TestSuite(failover, .init = setup, .timeout = 60);

Test(failover, a_successor_has_the_names_of_its_predecessor_and_its_control_listeners)
{
	cr_assert(zero(int, first.succeeds));
	start_successor();
	cr_assert(zero(int, memcmp(&second.nonce, &first.nonce, sizeof second.nonce)));
	cr_assert(zero(int, memcmp(second.token, first.token, sizeof second.token)));
	cr_assert(eq(uint, listener_count(), RUDP_CONTROL_LISTENER_KINDS));
	cr_assert(eq(int, rudp_control_listener_well_known(&second)->fd,
		     rudp_control_listener_well_known(&first)->fd));
}

Test(failover, a_successor_does_not_take_a_name_that_was_given_up)
{
	int fd = rudp_control_listener_well_known(&first)->fd;

	cr_assert(eq(int, is_noted(fd), 1));
	rudp_engine_unpublish(&first);
	cr_assert(zero(int, is_noted(fd)));
	start_successor();
	cr_assert(eq(uint, listener_count(), RUDP_CONTROL_LISTENER_KINDS - 1));
	cr_assert(zero(ptr, rudp_control_listener_well_known(&second)));
}

Test(failover, a_successor_serves_the_listeners_under_their_ids)
{
	struct rudp_binding *a = listen_at("127.0.0.1:0", 0), *b = listen_at("127.0.0.1:0", 0);
	struct rudp_binding *again;

	start_successor();
	cr_assert(eq(uint, second.binding_count, 2));
	again = rudp_binding_find(&second, a->id);
	cr_assert(ne(ptr, again, NULL));
	cr_assert(ne(ptr, again, a));
	cr_assert(eq(int, again->tcp_fd, a->tcp_fd));
	cr_assert(eq(int, again->port->udp->fd, a->port->udp->fd));
	cr_assert(eq(int, rudp_addr_equal(&again->local, &a->local), 1));
	cr_assert(eq(u64, again->cookie, a->cookie));
	cr_assert(eq(int, again->backlog, 5));
	cr_assert(eq(int, again->tcp_listening, 1));
	cr_assert(ne(ptr, again->port->listener, NULL));
	cr_assert(ne(ptr, again->port, rudp_binding_find(&second, b->id)->port));
	cr_assert(eq(ptr, rudp_binding_of(&second, program_fd), rudp_binding_find(&second, b->id)));
}

Test(failover, a_socket_that_does_not_listen_has_no_record)
{
	struct rudp_binding *binding = bind_at("127.0.0.1:0", 0);

	cr_assert(zero(uint, rudp_failover_count(failover)));
	start_successor();
	cr_assert(zero(ptr, rudp_binding_find(&second, binding->id)));
}

Test(failover, a_closed_or_stopped_listener_loses_its_record_before_its_descriptors_close)
{
	struct rudp_binding *closed = listen_at("127.0.0.1:0", 0);
	struct rudp_binding *stopped = listen_at("127.0.0.1:0", 0);
	int closed_fd = closed->tcp_fd, stopped_fd = stopped->tcp_fd;

	cr_assert(eq(uint, rudp_failover_count(failover), 2));
	rudp_binding_close(&first, closed);
	cr_assert(eq(uint, rudp_failover_count(failover), 1));
	cr_assert(zero(int, is_noted(closed_fd)));
	rudp_listener_stop(&first, stopped);
	cr_assert(zero(uint, rudp_failover_count(failover)));
	cr_assert(zero(int, is_noted(stopped_fd)));
	cr_assert(eq(int, is_open(stopped_fd), 1));
}

static int bind_other(int type, const struct rudp_addr *addr)
{
	int fd = socket(AF_INET, type, 0);
	int rc = bind(fd, &addr->sa, rudp_addr_len(addr)) < 0 ? errno : 0;

	close(fd);
	return rc;
}

Test(failover, a_port_closed_while_no_engine_ran_is_free_at_once)
{
	struct rudp_binding *binding = listen_at("127.0.0.1:0", 0);
	const struct rudp_addr local = binding->local;

	close(program_fd);
	cr_assert(eq(int, bind_other(SOCK_STREAM, &local), EADDRINUSE));
	cr_assert(eq(int, bind_other(SOCK_DGRAM, &local), EADDRINUSE));
	start_successor();
	cr_assert(zero(uint, second.binding_count));
	cr_assert(zero(uint, rudp_failover_count(failover)));
	rudp_udp_close_orphans(&second);
	cr_assert(zero(int, bind_other(SOCK_STREAM, &local)));
	cr_assert(zero(int, bind_other(SOCK_DGRAM, &local)));
}

Test(failover, listeners_of_one_port_share_it_again)
{
	struct rudp_binding *a = listen_at("127.0.0.1:0", RUDP_MARK_REUSEPORT), *b;
	char address[RUDP_ADDR_TEXT_SIZE];

	b = listen_at(rudp_addr_format(&a->local, address), RUDP_MARK_REUSEPORT);
	cr_assert(eq(ptr, a->port, b->port));
	start_successor();
	cr_assert(eq(uint, second.binding_count, 2));
	cr_assert(eq(ptr, rudp_binding_find(&second, a->id)->port,
		     rudp_binding_find(&second, b->id)->port));
	cr_assert(eq(uint, rudp_binding_find(&second, a->id)->port->udp->owners, 1));
}

Test(failover, a_successor_knows_later_changes_of_a_listener)
{
	struct rudp_binding *binding = listen_at("127.0.0.1:0", 0);

	binding->options.conn.keepalive = true;
	rudp_listener_on_options(&first, binding);
	start_successor();
	cr_assert(eq(int, rudp_binding_find(&second, binding->id)->options.conn.keepalive, 1));
}

Test(failover, a_successor_does_not_take_a_udp_port_that_was_given_up)
{
	struct rudp_binding *binding = listen_at("127.0.0.1:0", 0), *again;
	int before = binding->port->udp->fd;

	cr_assert(zero(int, rudp_udp_port_release(&first, &binding->local)));
	cr_assert(zero(int, is_noted(before)));
	cr_assert(eq(int, is_noted(binding->port->udp->fd), 1));
	start_successor();
	again = rudp_binding_find(&second, binding->id);
	cr_assert(eq(int, rudp_port_is_hidden(&second, again->port), 1));
	cr_assert(zero(ptr, again->port->listener));
	cr_assert(eq(int, again->tcp_listening, 1));
}

/* A program that asks about a connection of the dead engine must not get the data of another
 * one. */
Test(failover, new_objects_of_a_successor_have_other_ids)
{
	uint64_t before = rudp_slots_add(&first.slots, RUDP_KIND_APP, &first), after;

	start_successor();
	for (int i = 0; i < 100; i++) {
		after = rudp_slots_add(&second.slots, RUDP_KIND_APP, &second);
		cr_assert(ne(u64, after, before));
		if ((uint32_t)after == (uint32_t)before)
			return;
	}
	cr_assert(lt(int, 100, 0), "no slot of the same number");
}

Test(failover, without_room_a_listener_has_no_record_and_a_freed_one_is_used)
{
	struct rudp_binding *record = listen_at("127.0.0.1:0", 0), *left_out;

	for (unsigned i = 0; i < RUDP_FAILOVER_LISTENERS_MAX; i++)
		failover->records[i].is_valid = true;
	failover->used_max = RUDP_FAILOVER_LISTENERS_MAX;
	left_out = listen_at("127.0.0.1:0", 0);
	cr_assert(zero(uint, left_out->failover_index));
	cr_assert(zero(int, is_noted(left_out->tcp_fd)));
	rudp_listener_stop(&first, left_out);
	rudp_binding_close(&first, record);
	cr_assert(eq(uint, rudp_failover_count(failover), RUDP_FAILOVER_LISTENERS_MAX - 1));
	cr_assert(eq(uint, listen_at("127.0.0.1:0", 0)->failover_index, 1));
}

Test(failover, descriptors_are_listed_in_order_and_once)
{
	static int fds[RUDP_FAILOVER_FDS_MAX];
	struct rudp_binding *a = listen_at("127.0.0.1:0", RUDP_MARK_REUSEPORT);
	char address[RUDP_ADDR_TEXT_SIZE];
	size_t count;

	listen_at(rudp_addr_format(&a->local, address), RUDP_MARK_REUSEPORT);
	count = rudp_failover_fds(failover, fds);
	/*
	 * Control listeners, and two listeners: each has a TCP socket and a path; both share one
	 * UDP socket.
	 */
	cr_assert(eq(sz, count, RUDP_CONTROL_LISTENER_KINDS + 2 * 2 + 1));
	for (size_t i = 1; i < count; i++)
		cr_assert(lt(int, fds[i - 1], fds[i]));
}

Test(failover, an_engine_that_is_asked_to_end_has_no_successor)
{
	cr_assert(zero(int, failover->is_over));
	rudp_engine_retire(&first);
	cr_assert(eq(int, failover->is_over, 1));
}

/* The engine may have crashed because it wrote to a wrong address. */
static void spoil_and_start_successor(void (*spoil)(struct rudp_failover_record *record))
{
	struct rudp_binding *bad = listen_at("127.0.0.1:0", 0), *good = listen_at("127.0.0.1:0", 0);

	spoil(&failover->records[bad->failover_index - 1]);
	start_successor();
	cr_assert(eq(uint, second.binding_count, 1));
	cr_assert(eq(uint, rudp_failover_count(failover), 1));
	cr_assert(ne(ptr, rudp_binding_find(&second, good->id), NULL));
}

static void half_written(struct rudp_failover_record *record)
{
	record->is_valid = false;
}

static void no_tcp(struct rudp_failover_record *record)
{
	record->binding.tcp_fd = -1;
}

static void closed_tcp(struct rudp_failover_record *record)
{
	close(record->binding.tcp_fd);
}

static void tcp_is_udp(struct rudp_failover_record *record)
{
	record->binding.tcp_fd = record->udp_fd;
}

static void udp_is_tcp(struct rudp_failover_record *record)
{
	record->udp_fd = record->binding.tcp_fd;
}

static void udp_is_no_socket(struct rudp_failover_record *record)
{
	record->udp_fd = first.spare_fd;
}

static void other_address(struct rudp_failover_record *record)
{
	rudp_addr_set_port(&record->binding.local, 1);
}

static void no_listener(struct rudp_failover_record *record)
{
	record->binding.listening = false;
}

static void no_id(struct rudp_failover_record *record)
{
	record->binding.id = 0;
}

static void id_of_another_kind(struct rudp_failover_record *record)
{
	record->binding.id ^= (uint64_t)(RUDP_KIND_BINDING ^ RUDP_KIND_APP) << 32;
}

static void id_beyond_all(struct rudp_failover_record *record)
{
	record->binding.id |= UINT32_MAX;
}

static void twice_the_same(struct rudp_failover_record *record)
{
	record->binding = record[1].binding;
	record->udp_fd = record[1].udp_fd;
}

static void too_many(struct rudp_failover_record *record)
{
	record->is_valid = false;
	failover->used_max = UINT32_MAX;
}

#define SPOILED(how)                                                                               \
	Test(failover, a_record_that_is_spoiled_harms_no_other_##how)                              \
	{                                                                                          \
		spoil_and_start_successor(how);                                                    \
	}
SPOILED(half_written)
SPOILED(no_tcp)
SPOILED(closed_tcp)
SPOILED(tcp_is_udp)
SPOILED(udp_is_tcp)
SPOILED(udp_is_no_socket)
SPOILED(other_address)
SPOILED(no_listener)
SPOILED(no_id)
SPOILED(id_of_another_kind)
SPOILED(id_beyond_all)
SPOILED(twice_the_same)
SPOILED(too_many)
