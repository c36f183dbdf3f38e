/* SPDX-License-Identifier: MIT */
/*
 * connect() to unreachable destinations: routes that forbid it, and routers and firewalls that
 * refuse.
 *
 * run.sh makes the devices "says" and "differs". A thread of the check answers for them. The
 * address selects the answer: A.B.U.T and ...::U:T answer UDP with U and TCP with T.
 */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUOTE_BYTES 48 /* of the packet that caused the answer: its headers and at least 8 bytes */
#define PACKET_BYTES_MAX 2048
#define ICMP6_CODES_LAST 6

/* The answers: none, an ICMP message, or a TCP reset. */
enum answer {
	SILENCE,
	UNREACHABLE, /* + code, 0 to 15 */
	TIME_EXCEEDED = 32,
	PARAMETER_PROBLEM,
	RESET,
};

struct packet {
	unsigned char bytes[PACKET_BYTES_MAX];
	size_t len;
};

static uint32_t sum_of(const void *data, size_t len)
{
	const unsigned char *at = data;
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static const unsigned char icmp4_types[] = {
	[TIME_EXCEEDED] = ICMP_TIME_EXCEEDED, [PARAMETER_PROBLEM] = ICMP_PARAMETERPROB};
static const unsigned char icmp6_types[] = {
	[TIME_EXCEEDED] = ICMP6_TIME_EXCEEDED, [PARAMETER_PROBLEM] = ICMP6_PARAM_PROB};

/* The segment with which a closed port answers a SYN. */
static void make_reset(struct tcphdr *out, const struct tcphdr *syn, uint32_t sum_of_names)
{
	*out = (struct tcphdr){.source = syn->dest,
			       .dest = syn->source,
			       .ack_seq = htonl(ntohl(syn->seq) + 1),
			       .doff = 5,
			       .rst = 1,
			       .ack = 1};
	out->check = fold(sum_of_names + IPPROTO_TCP + sizeof(*out) + sum_of(out, sizeof(*out)));
}

static size_t answer4(const struct packet *in, unsigned char *out)
{
	struct iphdr to, header = {.version = 4, .ihl = 5, .ttl = 64};
	unsigned char *body = out + sizeof(header);
	size_t len;
	memcpy(&to, in->bytes, sizeof(to));
	unsigned answer = (ntohl(to.daddr) >> (to.protocol == IPPROTO_UDP ? 8 : 0)) & 0xff;
	header.saddr = to.daddr;
	header.daddr = to.saddr;
	if (answer == SILENCE || (to.protocol != IPPROTO_UDP && to.protocol != IPPROTO_TCP))
		return 0;
	if (answer == RESET) {
		header.protocol = IPPROTO_TCP;
		len = sizeof(struct tcphdr);
		make_reset((struct tcphdr *)body, (const struct tcphdr *)(in->bytes + to.ihl * 4),
			   sum_of(&header.saddr, 8));
	} else {
		struct icmphdr icmp = {.type = ICMP_DEST_UNREACH};
		if (answer >= TIME_EXCEEDED)
			icmp.type = icmp4_types[answer];
		else
			icmp.code = (uint8_t)(answer - UNREACHABLE);
		header.protocol = IPPROTO_ICMP;
		len = sizeof(icmp) + QUOTE_BYTES;
		memcpy(body + sizeof(icmp), in->bytes, QUOTE_BYTES);
		memcpy(body, &icmp, sizeof(icmp));
		icmp.checksum = fold(sum_of(body, len));
		memcpy(body, &icmp, sizeof(icmp));
	}
	header.tot_len = htons((uint16_t)(sizeof(header) + len));
	header.check = fold(sum_of(&header, sizeof(header)));
	memcpy(out, &header, sizeof(header));
	return sizeof(header) + len;
}

static size_t answer6(const struct packet *in, unsigned char *out)
{
	struct ip6_hdr to, header = {.ip6_hlim = 64};
	unsigned char *body = out + sizeof(header);
	size_t len;
	memcpy(&to, in->bytes, sizeof(to));
	unsigned answer = to.ip6_dst.s6_addr[to.ip6_nxt == IPPROTO_UDP ? 13 : 15];
	header.ip6_flow = htonl(6u << 28);
	header.ip6_src = to.ip6_dst;
	header.ip6_dst = to.ip6_src;
	if (answer == SILENCE || (to.ip6_nxt != IPPROTO_UDP && to.ip6_nxt != IPPROTO_TCP))
		return 0;
	uint32_t sum = sum_of(&header.ip6_src, 32);
	if (answer == RESET) {
		header.ip6_nxt = IPPROTO_TCP;
		len = sizeof(struct tcphdr);
		make_reset((struct tcphdr *)body, (const struct tcphdr *)(in->bytes + sizeof(to)),
			   sum);
	} else {
		struct icmp6_hdr icmp = {.icmp6_type = ICMP6_DST_UNREACH};
		if (answer >= TIME_EXCEEDED)
			icmp.icmp6_type = icmp6_types[answer];
		else
			icmp.icmp6_code = (uint8_t)(answer - UNREACHABLE);
		header.ip6_nxt = IPPROTO_ICMPV6;
		len = sizeof(icmp) + QUOTE_BYTES;
		memcpy(body + sizeof(icmp), in->bytes, QUOTE_BYTES);
		memcpy(body, &icmp, sizeof(icmp));
		icmp.icmp6_cksum = fold(sum + IPPROTO_ICMPV6 + (uint32_t)len + sum_of(body, len));
		memcpy(body, &icmp, sizeof(icmp));
	}
	header.ip6_plen = htons((uint16_t)len);
	memcpy(out, &header, sizeof(header));
	return sizeof(header) + len;
}

/*
 * The answer comes only when the caller sleeps in connect, as over a real path. If it came while
 * the caller still holds the socket's lock, the kernel would store the reason and report it again
 * as SO_ERROR.
 */
static void *answer_all(void *argument)
{
	const int tun = *(const int *)argument;
	for (;;) {
		static struct packet in;
		static unsigned char out[PACKET_BYTES_MAX];
		ssize_t n = read(tun, in.bytes, sizeof(in.bytes));
		if (n < QUOTE_BYTES)
			continue;
		in.len = (size_t)n;
		size_t len = in.bytes[0] >> 4 == 4 ? answer4(&in, out) : answer6(&in, out);
		wait_in_syscall(getpid(), getpid(), ANY_SYSCALL);
		if (len > 0 && write(tun, out, len) != (ssize_t)len)
			say("the answer was not taken");
	}
	return NULL;
}

static int open_device(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	must(tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0, "the tun device");
	return tun;
}

struct router {
	const char *device, *network4, *network6;
};

static const struct router says = {"says", "198.18", "2001:db8:18"};
static const struct router differs = {"differs", "198.19", "2001:db8:19"};

static void begin_answering(const struct router *router)
{
	static int tun;
	tun = open_device(router->device);
	spawn(answer_all, &tun);
}

static void where(struct sockaddr_storage *addr, const struct router *router, int family, int udp,
		  int tcp)
{
	char text[64];
	if (family == AF_INET)
		snprintf(text, sizeof(text), "%s.%d.%d", router->network4, udp, tcp);
	else
		snprintf(text, sizeof(text), "%s::%x:%x", router->network6, udp, tcp);
	address(addr, text, 80);
}

/* Blocking and non-blocking connect; each ends within 1.5 seconds. */
static void try_both(const char *what, const struct sockaddr_storage *addr)
{
	char text[80];
	int fd = fresh(addr->ss_family, 0);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	snprintf(text, sizeof(text), "%s, connect", what);
	say_result(text, connect_to(fd, addr));
	say_error("SO_ERROR", fd);
	close(fd);
	fd = fresh(addr->ss_family, SOCK_NONBLOCK);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	snprintf(text, sizeof(text), "%s, later", what);
	if (say_result(text, connect_to(fd, addr)) == 0 || errno == EINPROGRESS) {
		wait_for(fd, POLLERR | POLLHUP | POLLOUT);
		say_poll("over", fd);
	}
	say_error("SO_ERROR", fd);
	close(fd);
}

static void try_answers(const struct router *router, int family, int udp, int tcp)
{
	struct sockaddr_storage addr;
	char what[64];
	where(&addr, router, family, udp, tcp);
	snprintf(what, sizeof(what), "UDP %d, TCP %d", udp, tcp);
	try_both(what, &addr);
}

static bool is_a_refusal(int code)
{
	return code != ICMP_FRAG_NEEDED; /* this code tells the path MTU */
}

CHECK(no_way_says_icmp)
{
	begin_answering(&says);
	for (int code = 0; code <= ICMP_PREC_CUTOFF; code++)
		if (is_a_refusal(code))
			try_answers(&says, AF_INET, UNREACHABLE + code, UNREACHABLE + code);
	try_answers(&says, AF_INET, TIME_EXCEEDED, TIME_EXCEEDED);
	try_answers(&says, AF_INET, PARAMETER_PROBLEM, PARAMETER_PROBLEM);
	for (int code = 0; code <= ICMP6_CODES_LAST; code++)
		try_answers(&says, AF_INET6, UNREACHABLE + code, UNREACHABLE + code);
	try_answers(&says, AF_INET6, TIME_EXCEEDED, TIME_EXCEEDED);
	try_answers(&says, AF_INET6, PARAMETER_PROBLEM, PARAMETER_PROBLEM);
}

/* Whatever is answered to UDP, only the answer to TCP counts. */
CHECK(a_firewall_with_different_answers_for_udp_and_tcp)
{
	begin_answering(&differs);
	for (int code = 0; code <= ICMP_PREC_CUTOFF; code++) {
		if (!is_a_refusal(code))
			continue;
		try_answers(&differs, AF_INET, SILENCE, UNREACHABLE + code);
		try_answers(&differs, AF_INET, UNREACHABLE + code, RESET);
	}
	try_answers(&differs, AF_INET, SILENCE, RESET);
	try_answers(&differs, AF_INET, UNREACHABLE + ICMP_PKT_FILTERED, SILENCE);
	try_answers(&differs, AF_INET, UNREACHABLE + ICMP_PORT_UNREACH, SILENCE);
	for (int code = 0; code <= ICMP6_CODES_LAST; code++) {
		try_answers(&differs, AF_INET6, SILENCE, UNREACHABLE + code);
		try_answers(&differs, AF_INET6, UNREACHABLE + code, RESET);
	}
	try_answers(&differs, AF_INET6, SILENCE, RESET);
	try_answers(&differs, AF_INET6, UNREACHABLE + ICMP6_DST_UNREACH_ADMIN, SILENCE);
}

CHECK(no_way_says_the_routing_table)
{
	static const char *const where_to[] = {"198.51.100.1",  "203.0.113.1",  "203.0.113.65",
					       "203.0.113.129", "3fff::1",      "2001:db8:1::1",
					       "2001:db8:2::1", "2001:db8:3::1"};
	for (size_t i = 0; i < sizeof(where_to) / sizeof(where_to[0]); i++) {
		struct sockaddr_storage addr;
		address(&addr, where_to[i], 80);
		try_both(where_to[i], &addr);
		struct sockaddr_storage own;
		address(&own, addr.ss_family == AF_INET ? "192.0.2.1" : "2001:db8::1", 0);
		int fd = fresh(addr.ss_family, 0);
		must(bind_to(fd, &own) == 0, "bind");
		say_result("bound", connect_to(fd, &addr));
		close(fd);
		address(&own, addr.ss_family == AF_INET ? "0.0.0.0" : "::", 0);
		fd = fresh(addr.ss_family, 0);
		must(bind_to(fd, &own) == 0, "bind");
		say_result("bound to any", connect_to(fd, &addr));
		close(fd);
	}
}

CHECK(no_way_since_the_neighbour_does_not_answer)
{
	struct sockaddr_storage addr;
	address(&addr, "203.0.113.226", 80);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	say_error("SO_ERROR", fd);
	address(&addr, "2001:db8:4::2", 80);
	fd = fresh(AF_INET6, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLERR | POLLHUP | POLLOUT);
	say_poll("over", fd);
	say_error("SO_ERROR", fd);
}

static void set_up(const char *device, bool up)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	must(ioctl(fd, SIOCGIFFLAGS, &request) == 0, "SIOCGIFFLAGS");
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	must(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "SIOCSIFFLAGS");
	close(fd);
}

/* Waits until the first SYN has come out of the device. */
static void wait_for_packet_to(int tun, const struct sockaddr_storage *addr)
{
	const struct in_addr *to = &((const struct sockaddr_in *)addr)->sin_addr;
	unsigned char packet[PACKET_BYTES_MAX];
	struct iphdr header;
	do {
		must(read(tun, packet, sizeof(packet)) > 0, "reading the device");
		memcpy(&header, packet, sizeof(header));
	} while (header.version != 4 || header.daddr != to->s_addr);
}

/*
 * The route disappears during the attempt. That does not end the attempt, but is the error when it
 * times out.
 */
CHECK(no_way_any_more_when_connect_gives_up)
{
	struct sockaddr_storage addr;
	int tun = open_device("vanishes");
	address(&addr, "203.0.113.194", 80);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000);
	say_result("connect", connect_to(fd, &addr));
	wait_for_packet_to(tun, &addr);
	set_up("vanishes", false);
	say_poll("meanwhile", fd);
	wait_for(fd, POLLERR | POLLHUP | POLLOUT);
	say_poll("over", fd);
	say_error("SO_ERROR", fd);
}
