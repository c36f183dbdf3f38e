/* SPDX-License-Identifier: MIT */
/* The engine's UDP sockets, over loopback. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/loop/engine.h"
#include "engine/udp/udp.h"

#define WAIT_MS 30000

static struct rudp_engine engine;
static struct rudp_udp *udp;

static struct rudp_addr address(const char *text)
{
	struct rudp_addr a;

	cr_assert(zero(int, rudp_addr_parse(&a, text)));
	return a;
}

static void setup(void)
{
	static struct rudp_settings settings;
	struct rudp_addr any = {.family = AF_INET};
	struct rudp_udp_options options = {0};

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	cr_assert(zero(int, rudp_udp_open(&engine, &any, &options, &udp)));
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(udp, .init = setup, .fini = teardown);

/* Opens a plain socket on 127.0.0.1 and stores its address in *self. */
static int open_plain(struct rudp_addr *self)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof self->in4;

	*self = address("127.0.0.1:0");
	cr_assert(zero(int, bind(fd, &self->sa, sizeof self->in4)));
	cr_assert(zero(int, getsockname(fd, &self->sa, &len)));
	return fd;
}

static ssize_t receive(int fd, uint8_t *data, size_t size, struct rudp_addr *from)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	socklen_t len = sizeof from->in4;

	cr_assert(eq(int, poll(&one, 1, WAIT_MS), 1));
	return recvfrom(fd, data, size, 0, &from->sa, &len);
}

static void send_train(size_t len, size_t segment_bytes)
{
	static uint8_t data[8000];
	struct rudp_addr self, from;
	struct rudp_train train = {.data = data, .len = len, .segment_bytes = segment_bytes};
	int fd = open_plain(&self);
	size_t sent = 0;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7);
	train.local = address("127.0.0.3:0");
	train.remote = self;
	rudp_udp_send(&engine, udp, &train);
	while (sent < len) {
		uint8_t got[8000];
		ssize_t n = receive(fd, got, sizeof got, &from);
		size_t want = len - sent < segment_bytes ? len - sent : segment_bytes;

		cr_assert(eq(sz, (size_t)n, want));
		cr_assert(zero(int, memcmp(got, data + sent, want)));
		cr_assert(eq(u32, ntohl(from.in4.sin_addr.s_addr), 0x7f000003));
		cr_assert(eq(u16, rudp_addr_port(&from), rudp_addr_port(&udp->local)));
		sent += want;
	}
	close(fd);
}

Test(udp, a_train_arrives_as_datagrams_from_the_requested_source)
{
	send_train(3500, 1000);
}

Test(udp, without_segmentation_offload_the_same_datagrams_arrive)
{
	udp->gso = false;
	send_train(3500, 1000);
}

Test(udp, a_single_datagram_needs_no_segmentation)
{
	send_train(700, 1200);
}

Test(udp, a_datagram_has_its_destination_address)
{
	struct rudp_addr self, to = address("127.0.0.2:0"), from;
	struct rudp_train train = {.data = engine.train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};
	uint8_t packet[100] = {RUDP_PACKET_DATA << 4, 1, 2, 3}, got[2000];
	int fd = open_plain(&self);
	struct pollfd one = {.fd = udp->fd, .events = POLLIN};

	/*
	 * Data of an unknown connection is answered by a RESET, from the address to which it was
	 * sent.
	 */
	rudp_addr_set_port(&to, rudp_addr_port(&udp->local));
	cr_assert(eq(int, (int)sendto(fd, packet, sizeof packet, 0, &to.sa, sizeof to.in4),
		     (int)sizeof packet));
	cr_assert(eq(int, poll(&one, 1, WAIT_MS), 1));
	rudp_udp_receive(&engine, udp);
	cr_assert(rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns));
	cr_assert(eq(ptr, train.socket, udp));
	cr_assert(rudp_addr_equal(&train.local, &to));
	cr_assert(rudp_addr_equal(&train.remote, &self));
	rudp_udp_send(&engine, udp, &train);
	cr_assert(ge(int, (int)receive(fd, got, sizeof got, &from), 1));
	cr_assert(rudp_addr_equal(&from, &to));
	close(fd);
}

Test(udp, a_dual_stack_socket_reports_ipv4_as_ipv4)
{
	struct rudp_addr any = {.family = AF_INET6}, self, to = address("127.0.0.1:0");
	struct rudp_udp_options options = {0};
	struct rudp_train train = {.data = engine.train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};
	uint8_t packet[100] = {RUDP_PACKET_DATA << 4}, got[2000];
	struct rudp_udp *dual;
	int fd = open_plain(&self);
	struct pollfd one = {.events = POLLIN};

	cr_assert(zero(int, rudp_udp_open(&engine, &any, &options, &dual)));
	rudp_addr_set_port(&to, rudp_addr_port(&dual->local));
	sendto(fd, packet, sizeof packet, 0, &to.sa, sizeof to.in4);
	one.fd = dual->fd;
	cr_assert(eq(int, poll(&one, 1, WAIT_MS), 1));
	rudp_udp_receive(&engine, dual);
	cr_assert(rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns));
	cr_assert(rudp_addr_equal(&train.local, &to));
	cr_assert(rudp_addr_equal(&train.remote, &self));
	rudp_udp_send(&engine, dual, &train);
	cr_assert(ge(int, (int)receive(fd, got, sizeof got, &any), 1));
	close(fd);
}

Test(udp, a_refused_connection_attempt_fails_at_once)
{
	struct rudp_addr self;
	struct rudp_udp *connected;
	struct rudp_udp_route no_route_options = {0};
	struct rudp_conn *conn;
	struct rudp_train train = {.data = engine.train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};
	struct pollfd one = {.events = 0};
	int fd = open_plain(&self), error;

	close(fd);
	cr_assert(
		zero(int, rudp_udp_open_connected(&engine, &self, &no_route_options, &connected)));
	conn = rudp_endpoint_connect(engine.ep, connected, &connected->local, &self,
				     rudp_addr_port(&self), NULL, engine.now_at_ns, &error);
	rudp_conn_set_user(conn, &engine);
	cr_assert(rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns));
	rudp_udp_send(&engine, connected, &train);
	one.fd = connected->fd;
	cr_assert(eq(int, poll(&one, 1, WAIT_MS), 1));
	rudp_udp_receive_errors(&engine, connected);
	cr_assert(eq(int, rudp_conn_error(conn), ECONNREFUSED));
	rudp_conn_close(conn, engine.now_at_ns);
}

Test(udp, the_route_limits_the_datagram_size)
{
	const struct rudp_udp_route no_route_options = {0};
	struct rudp_addr four = address("127.0.0.1:9"), six = address("[::1]:9");
	struct rudp_udp *connected;

	/* The MTU of loopback is 65536, but the kernel limits it to the maximum of IP. */
	cr_assert(eq(u32, rudp_udp_datagram_max(&engine, udp, &four), 65507));
	cr_assert(ge(u32, rudp_udp_datagram_max(&engine, udp, &six), 65487));
	cr_assert(
		zero(int, rudp_udp_open_connected(&engine, &four, &no_route_options, &connected)));
	cr_assert(eq(u32, rudp_udp_datagram_max(&engine, connected, &four), 65507));
}

Test(udp, without_a_route_the_datagram_size_is_unknown)
{
	struct rudp_addr nowhere = address("[fe80::1]:9"); /* link-local, without its interface */

	cr_assert(zero(u32, rudp_udp_datagram_max(&engine, udp, &nowhere)));
}

static void enter_network_of_its_own(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	cr_assert(zero(int, unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET)));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert(zero(int, ioctl(fd, SIOCSIFFLAGS, &lo)));
	close(fd);
}

static uint16_t internet_sum(const void *bytes, size_t len)
{
	const uint16_t *word = bytes;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A forged "fragmentation needed" of an attacker who knows both ports but has seen no packet. */
static void forge_too_big(const struct rudp_addr *from, const struct rudp_addr *to, uint16_t mtu)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} forged = {
		.icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED},
		.ip = {.version = 4,
		       .ihl = 5,
		       .tot_len = htons(1500),
		       .ttl = 64,
		       .frag_off = htons(IP_DF),
		       .protocol = IPPROTO_UDP,
		       .saddr = from->in4.sin_addr.s_addr,
		       .daddr = to->in4.sin_addr.s_addr},
		.udp = {.source = from->in4.sin_port, .dest = to->in4.sin_port, .len = htons(1480)},
	};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	forged.icmp.un.frag.mtu = htons(mtu);
	forged.icmp.checksum = internet_sum(&forged, sizeof forged);
	cr_assert(eq(sz,
		     (size_t)sendto(fd, &forged, sizeof forged, 0, &from->sa, rudp_addr_len(from)),
		     sizeof forged));
	close(fd);
}

/* Waits until the kernel's path MTU has the wanted value; returns the last value. */
static int believed_mtu(const struct rudp_addr *to, int wanted)
{
	time_t limit = time(NULL) + WAIT_MS / 1000;
	socklen_t len = sizeof wanted;
	int mtu = 0, fd;

	while (mtu != wanted && time(NULL) < limit) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		cr_assert(zero(int, connect(fd, &to->sa, rudp_addr_len(to))));
		cr_assert(zero(int, getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len)));
		close(fd);
	}
	return mtu;
}

Test(udp, a_forged_icmp_does_not_lower_the_mtu_of_the_interface)
{
	const struct rudp_udp_route no_route_options = {0};
	struct rudp_addr to = address("127.0.0.1:9");
	struct rudp_udp *connected;

	enter_network_of_its_own();
	cr_assert(zero(int, rudp_udp_open_connected(&engine, &to, &no_route_options, &connected)));
	forge_too_big(&connected->local, &to, 700);
	cr_assert(eq(int, believed_mtu(&to, 700), 700), "the kernel has not believed it");
	cr_assert(ge(u32, rudp_udp_datagram_max(&engine, connected, &to), 65507));
	cr_assert(ge(u32, rudp_udp_datagram_max(&engine, udp, &to), 65507));
}

Test(udp, an_mtu_smaller_than_the_headers_leaves_no_payload)
{
	cr_assert(all(eq(u32, rudp_udp_payload_of(AF_INET, 1500), 1472),
		      eq(u32, rudp_udp_payload_of(AF_INET6, 1500), 1452),
		      zero(u32, rudp_udp_payload_of(AF_INET, 20)),
		      zero(u32, rudp_udp_payload_of(AF_INET6, 0))));
}

/* Larger than any interface's MTU. integration/test_mtu.sh tests that the connection adapts to
 * it. */
Test(udp, a_datagram_above_the_mtu_does_not_end_the_connection)
{
	static uint8_t data[RUDP_DATAGRAM_MAX_BYTES + 1000];
	const struct rudp_udp_route no_route_options = {0};
	struct rudp_addr self;
	struct rudp_udp *connected;
	struct rudp_conn *conn;
	struct rudp_conn_stats stats;
	int fd = open_plain(&self), error;
	struct rudp_train train = {
		.data = data, .len = sizeof data, .segment_bytes = sizeof data, .remote = self};

	cr_assert(
		zero(int, rudp_udp_open_connected(&engine, &self, &no_route_options, &connected)));
	conn = rudp_endpoint_connect(engine.ep, connected, &connected->local, &self,
				     rudp_addr_port(&self), NULL, engine.now_at_ns, &error);
	rudp_udp_send(&engine, connected, &train);
	cr_assert(zero(uint, connected->pending_count)); /* dropped: it does not wait */
	rudp_conn_stats(conn, &stats);
	cr_assert(eq(u32, stats.datagram_bytes, 1200));
	cr_assert(zero(int, rudp_conn_error(conn)));
	rudp_conn_close(conn, engine.now_at_ns);
	close(fd);
}

Test(udp, a_train_that_finds_the_queue_full_is_dropped_and_counted)
{
	static uint8_t data[100];
	const struct rudp_train train = {.data = data,
					 .len = sizeof data,
					 .segment_bytes = sizeof data,
					 .remote = udp->local};
	unsigned before = udp->pending_count;

	udp->pending_count = RUDP_UDP_PENDING_MAX;
	rudp_udp_send(&engine, udp, &train);
	cr_assert(eq(uint, udp->pending_count, RUDP_UDP_PENDING_MAX));
	udp->pending_count = before;
	cr_assert(eq(u64, engine.dropped_trains, 1));
}

Test(udp, an_orphan_is_closed_when_no_connection_uses_it)
{
	uint64_t id = udp->id;

	rudp_udp_close_orphans(&engine);
	cr_assert(eq(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP), udp));
	rudp_udp_release(&engine, udp);
	rudp_udp_close_orphans(&engine);
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)));
}

Test(udp, a_socket_is_closed_when_its_connection_ends)
{
	const struct rudp_udp_route no_route_options = {0};
	struct rudp_addr self;
	struct rudp_train train = {.data = engine.train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};
	struct rudp_udp *connected;
	struct rudp_conn *conn;
	uint64_t id;
	int fd = open_plain(&self), error;

	cr_assert(
		zero(int, rudp_udp_open_connected(&engine, &self, &no_route_options, &connected)));
	id = connected->id;
	conn = rudp_endpoint_connect(engine.ep, connected, &connected->local, &self,
				     rudp_addr_port(&self), NULL, engine.now_at_ns, &error);
	rudp_udp_release(&engine, connected);
	rudp_udp_close_orphans(&engine);
	cr_assert(eq(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP), connected));
	cr_assert(rudp_endpoint_uses_socket(engine.ep, connected, RUDP_STATE_TIME_WAIT));
	rudp_conn_abandon(conn, engine.now_at_ns);
	while (rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns))
		;
	rudp_udp_close_orphans(&engine);
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)));
	close(fd);
}

/* Without checksums the kernel refuses UDP_SEGMENT with EINVAL, like a card without offload. */
Test(udp, a_refused_segmentation_falls_back_to_single_datagrams)
{
	int on = 1;

	cr_assert(udp->gso);
	cr_assert(zero(int, setsockopt(udp->fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on)));
	send_train(3500, 1000);
	cr_assert(not(udp->gso));
	send_train(3500, 1000);
	cr_assert(not(udp->gso));
}

/* The bytes in the socket's receive queue, as the kernel counts them. */
static uint32_t queued_at(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t len = sizeof memory;

	cr_assert(zero(int, getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len)));
	return memory[SK_MEMINFO_RMEM_ALLOC];
}

/*
 * Puts count datagrams into the socket's queue and returns how many turns it takes to receive them.
 * On a busy machine a datagram may arrive after the call that sends it has returned.
 */
static unsigned turns_for(unsigned count)
{
	struct rudp_addr self, to = address("127.0.0.1:0");
	int fd = open_plain(&self);
	unsigned turns = 0;

	rudp_addr_set_port(&to, rudp_addr_port(&udp->local));
	for (unsigned i = 0; i < count; i++) {
		uint32_t before = queued_at(udp->fd);

		cr_assert(eq(int, (int)sendto(fd, "?", 1, 0, &to.sa, sizeof to.in4), 1));
		while (queued_at(udp->fd) == before)
			sched_yield();
	}
	close(fd);
	while (recv(udp->fd, NULL, 0, MSG_PEEK | MSG_DONTWAIT) >= 0) {
		engine.turns++;
		turns++;
		rudp_udp_receive(&engine, udp);
	}
	engine.turns++; /* a turn that receives nothing */
	return turns;
}

Test(udp, single_datagrams_shrink_the_batch_to_one)
{
	for (int i = 0; i < 10; i++) {
		cr_assert(eq(u32, turns_for(1), 1));
		cr_assert(eq(u32, udp->batch, 1));
	}
}

Test(udp, many_waiting_datagrams_enlarge_the_batch)
{
	/* Batches of 1 and 1, then doubled each time up to the largest batch. */
	cr_assert(le(u32, turns_for(2 * RUDP_RECEIVE_BATCH), 8));
	cr_assert(le(u32, udp->batch, RUDP_RECEIVE_BATCH));
	cr_assert(ge(u32, udp->batch, RUDP_RECEIVE_BATCH / 2));
	for (int i = 0; i < 10; i++)
		turns_for(1);
	cr_assert(eq(u32, udp->batch, 1));
}

Test(udp, a_loopback_destination_is_found_among_own_sockets)
{
	struct rudp_addr there = address("127.0.0.1:0"), six = address("[::1]:0");
	struct rudp_addr elsewhere = address("192.0.2.1:0"), nobody = address("127.0.0.1:1");
	struct rudp_udp_route route = {0};
	struct rudp_udp *active;

	rudp_addr_set_port(&there, rudp_addr_port(&udp->local));
	rudp_addr_set_port(&elsewhere, rudp_addr_port(&udp->local));
	cr_assert(eq(ptr, rudp_udp_own_at(&engine, &there), udp));
	cr_assert(zero(ptr, rudp_udp_own_at(&engine, &elsewhere)));
	cr_assert(zero(ptr, rudp_udp_own_at(&engine, &nobody)));
	cr_assert(zero(int, rudp_udp_open_connected(&engine, &there, &route, &active)));
	cr_assert(eq(ptr, rudp_udp_own_at(&engine, &active->local), active));
	rudp_addr_set_port(&six, rudp_addr_port(&active->local));
	cr_assert(zero(ptr, rudp_udp_own_at(&engine, &six)));
	rudp_udp_release(&engine, active);
}
