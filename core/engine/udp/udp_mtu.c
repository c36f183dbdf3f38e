/* SPDX-License-Identifier: MIT */
/* Reads the MTU of local interfaces and routes. The protocol itself measures the rest of the
 * path. */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/udp/udp.h"

#define IPV4_UDP_BYTES 28
#define IPV6_UDP_BYTES 48
#define COMMON_MTU 1500

uint32_t rudp_udp_payload_of(sa_family_t family, uint32_t mtu)
{
	uint32_t header_bytes = family == AF_INET ? IPV4_UDP_BYTES : IPV6_UDP_BYTES;

	return mtu > header_bytes ? mtu - header_bytes : 0;
}

static bool has_address(const struct ifaddrs *interface, const struct rudp_addr *addr)
{
	struct rudp_addr own;

	return interface->ifa_addr && interface->ifa_addr->sa_family == addr->family &&
	       rudp_addr_from_sockaddr(&own, interface->ifa_addr, rudp_addr_len(addr)) == 0 &&
	       rudp_addr_same_host(&own, addr);
}

static uint32_t mtu_of(int fd, const char *interface)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	return ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0
		       ? (uint32_t)request.ifr_mtu
		       : 0;
}

/* The MTU of the interface that has the source address of a connected socket; 0: not known. */
static uint32_t interface_mtu(int fd)
{
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	struct rudp_addr local;
	struct ifaddrs *all;
	uint32_t mtu = 0;

	if (getsockname(fd, (struct sockaddr *)&name, &len) < 0 ||
	    rudp_addr_from_sockaddr(&local, (struct sockaddr *)&name, len) < 0 ||
	    getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *one = all; one && mtu == 0; one = one->ifa_next)
		if (has_address(one, &local))
			mtu = mtu_of(fd, one->ifa_name);
	freeifaddrs(all);
	return mtu;
}

/*
 * The MTU of the route of a connected socket; 0: not known. An attacker who knows two ports can
 * lower the kernel's value by ICMP, for ten minutes. So a small value is ignored if the interface
 * has a larger MTU.
 */
static uint32_t route_mtu(int fd, sa_family_t family)
{
	int mtu = 0;
	socklen_t len = sizeof mtu;
	int rc = family == AF_INET ? getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len)
				   : getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &len);
	uint32_t known = rc == 0 && mtu > 0 ? (uint32_t)mtu : 0;
	uint32_t own = known && known < COMMON_MTU ? interface_mtu(fd) : 0;

	return own > known ? own : known;
}

/* An unconnected socket does not know the route, so this connects another one. */
static uint32_t route_mtu_towards(const struct rudp_addr *remote)
{
	int fd = socket(remote->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mtu = 0;

	if (fd < 0)
		return 0;
	if (connect(fd, &remote->sa, rudp_addr_len(remote)) == 0)
		mtu = route_mtu(fd, remote->family);
	close(fd);
	return mtu;
}

uint32_t rudp_udp_datagram_max(void *engine, void *socket, const struct rudp_addr *remote)
{
	const struct rudp_udp *udp = socket;
	uint32_t mtu =
		udp->connected ? route_mtu(udp->fd, remote->family) : route_mtu_towards(remote);

	(void)engine;
	return rudp_udp_payload_of(remote->family, mtu);
}
