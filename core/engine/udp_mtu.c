/* SPDX-License-Identifier: MIT */
/* What our own interfaces say of the size of datagrams; the rest of the path the protocol finds out. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/udp.h"

#define IPV4_UDP_BYTES 28
#define IPV6_UDP_BYTES 48

uint32_t rudp_udp_payload_of(sa_family_t family, uint32_t mtu)
{
	uint32_t header_bytes = family == AF_INET ? IPV4_UDP_BYTES : IPV6_UDP_BYTES;

	return mtu > header_bytes ? mtu - header_bytes : 0;
}

/* The MTU of the route of a connected socket; 0: not known. */
static uint32_t route_mtu(int fd, sa_family_t family)
{
	int mtu = 0;
	socklen_t len = sizeof mtu;
	int rc = family == AF_INET ? getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len)
				   : getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &len);

	return rc == 0 && mtu > 0 ? (uint32_t)mtu : 0;
}

/* Of a socket that speaks to many only another one, connected for the purpose, can tell. */
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
	uint32_t mtu = udp->connected ? route_mtu(udp->fd, remote->family)
				      : route_mtu_towards(remote);

	(void)engine;
	return rudp_udp_payload_of(remote->family, mtu);
}
