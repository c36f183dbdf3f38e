/* SPDX-License-Identifier: MIT */
/* UDP: socket buffers, offloads, IPv6, firewall. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"
#include "engine/udp/udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define SEGMENT_BYTES 1000
#define SEGMENTS 3
#define WAIT_MS 1000

/* With CAP_NET_ADMIN an engine is not limited; in a namespace the sysctl file may not exist. */
static void check_buffer(struct rudp_report *report, const char *name, const char *check,
			 int option, int force)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int want = RUDP_UDP_BUFFER_BYTES, have = 0;
	socklen_t len = sizeof have;
	char remedy[128];

	if (fd < 0 ||
	    (setsockopt(fd, SOL_SOCKET, force, &want, sizeof want) < 0 &&
	     setsockopt(fd, SOL_SOCKET, option, &want, sizeof want) < 0) ||
	    getsockopt(fd, SOL_SOCKET, option, &have, &len) < 0) {
		rudp_report_add(report, RUDP_DOCTOR_FAIL, check, NULL,
				"no UDP socket can be made: %s", strerror(errno));
	} else if (have / 2 >= want) { /* the kernel doubles the size for its own overhead */
		rudp_report_add(report, RUDP_DOCTOR_OK, check, NULL, "UDP sockets get %d bytes",
				have / 2);
	} else {
		snprintf(remedy, sizeof remedy, "sysctl -w net.core.%s=%d   # as root", name, want);
		rudp_report_add(report, RUDP_DOCTOR_WARN, check, remedy,
				"UDP sockets get %d bytes, and engines want %d: fast "
				"transfers lose packets on this host",
				have / 2, want);
	}
	if (fd >= 0)
		close(fd);
}

static int open_pair(int *receiver)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof addr;
	int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sender >= 0 && *receiver >= 0 &&
	    bind(*receiver, (struct sockaddr *)&addr, sizeof addr) == 0 &&
	    getsockname(*receiver, (struct sockaddr *)&addr, &len) == 0 &&
	    connect(sender, (struct sockaddr *)&addr, len) == 0)
		return sender;
	if (sender >= 0)
		close(sender);
	if (*receiver >= 0)
		close(*receiver);
	return -1;
}

static const char *try_send(int sender, int receiver)
{
	char bytes[SEGMENT_BYTES * SEGMENTS] = "";
	struct pollfd poll_in = {.fd = receiver, .events = POLLIN};
	int segment = SEGMENT_BYTES, on = 1;
	ssize_t n;

	if (setsockopt(sender, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
		return "the kernel has no UDP_SEGMENT (it needs Linux 4.18)";
	if (setsockopt(receiver, IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0)
		return "the kernel has no UDP_GRO (it needs Linux 5.0)";
	if (send(sender, bytes, sizeof bytes, 0) != sizeof bytes)
		return "sending several datagrams at once is refused";
	if (poll(&poll_in, 1, WAIT_MS) != 1)
		return "datagrams sent over loopback do not arrive: perhaps a firewall drops them";
	n = recv(receiver, bytes, sizeof bytes, MSG_DONTWAIT);
	return n == sizeof bytes ? NULL : "datagrams sent in one call arrive one by one";
}

/* Sends several datagrams in one call over loopback. Returns NULL, or why that does not work. */
static const char *try_offload(void)
{
	const char *fault;
	int receiver, sender = open_pair(&receiver);

	if (sender < 0)
		return "no UDP over IPv4 loopback";
	fault = try_send(sender, receiver);
	close(sender);
	close(receiver);
	return fault;
}

static void check_offload(struct rudp_report *report)
{
	const char *fault = try_offload();

	if (fault)
		rudp_report_add(report, RUDP_DOCTOR_WARN, "udp-offload", NULL,
				"%s; rudp works without it, but much slower", fault);
	else
		rudp_report_add(report, RUDP_DOCTOR_OK, "udp-offload", NULL,
				"UDP_SEGMENT and UDP_GRO work over loopback");
}

static void check_ipv6(struct rudp_report *report)
{
	struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0;

	rudp_report_add(report, ok ? RUDP_DOCTOR_OK : RUDP_DOCTOR_NOTE, "ipv6", NULL,
			ok ? "IPv6 works" : "no IPv6 on this host, so rudp has none either");
	if (fd >= 0)
		close(fd);
}

bool rudp_doctor_find_program(const char *name, char path[RUDP_PROGRAM_PATH_SIZE])
{
	static const char *const directories[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};

	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
		snprintf(path, RUDP_PROGRAM_PATH_SIZE, "%s/%s", directories[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static bool is_program(const char *name)
{
	char path[RUDP_PROGRAM_PATH_SIZE];

	return rudp_doctor_find_program(name, path);
}

/* There are too many kinds of rules to read them all here. But what a server needs can be told. */
static void check_firewall(struct rudp_report *report)
{
	const char *remedy = NULL;

	if (is_program("ufw"))
		remedy = "ufw allow PORT/udp";
	else if (is_program("firewall-cmd"))
		remedy = "firewall-cmd --add-port=PORT/udp";
	else if (is_program("nft"))
		remedy = "nft add rule inet filter input udp dport PORT accept";
	else if (is_program("iptables"))
		remedy = "iptables -I INPUT -p udp --dport PORT -j ACCEPT";
	if (remedy)
		rudp_report_add(report, RUDP_DOCTOR_NOTE, "firewall", remedy,
				"clients reach a server at the UDP port with the number of its TCP "
				"port; a firewall on this host must allow it:");
	else
		rudp_report_add(
			report, RUDP_DOCTOR_OK, "firewall", NULL,
			"no firewall is installed here; firewalls on the path must allow UDP");
}

void rudp_doctor_network(struct rudp_report *report)
{
	check_buffer(report, "rmem_max", "receive-buffer", SO_RCVBUF, SO_RCVBUFFORCE);
	check_buffer(report, "wmem_max", "send-buffer", SO_SNDBUF, SO_SNDBUFFORCE);
	check_offload(report);
	check_ipv6(report);
	check_firewall(report);
}
