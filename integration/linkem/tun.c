/* SPDX-License-Identifier: MIT */
#include "tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Large enough that packets are dropped by the emulated queue, never by the device. */
enum { DEVICE_QUEUE_PACKETS = 20000 };

static int failed(const struct side_conf *side, const char *step)
{
	int error = errno;

	fprintf(stderr, "linkem: %s (%s): %s: %s\n", side->device,
		side->netns[0] ? side->netns : "own namespace", step, strerror(error));
	return -error;
}

static struct ifreq request_for(const struct side_conf *side)
{
	struct ifreq request;

	memset(&request, 0, sizeof request);
	memcpy(request.ifr_name, side->device, sizeof request.ifr_name);
	return request;
}

static int create(const struct side_conf *side)
{
	struct ifreq request = request_for(side);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int result;

	if (fd < 0)
		return failed(side, "open /dev/net/tun");
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		result = failed(side, "create device");
		close(fd);
		return result;
	}
	return fd;
}

static int set_v4(const struct side_conf *side, int control)
{
	struct ifreq request = request_for(side);
	struct sockaddr_in *name = (struct sockaddr_in *)(void *)&request.ifr_addr;
	unsigned host_bits = 32 - side->v4_prefix_bits;

	name->sin_family = AF_INET;
	name->sin_addr = side->v4;
	if (ioctl(control, SIOCSIFADDR, &request) < 0)
		return failed(side, "set IPv4 address");
	name->sin_addr.s_addr = htonl((uint32_t)(UINT64_C(0xffffffff) << host_bits));
	if (ioctl(control, SIOCSIFNETMASK, &request) < 0)
		return failed(side, "set IPv4 prefix");
	return 0;
}

static int set_v6(const struct side_conf *side, int control)
{
	struct ifreq request = request_for(side);
	struct in6_ifreq address = {
		.ifr6_addr = side->v6,
		.ifr6_prefixlen = side->v6_prefix_bits,
	};
	int result = 0, control_v6;

	if (ioctl(control, SIOCGIFINDEX, &request) < 0)
		return failed(side, "find device");
	address.ifr6_ifindex = request.ifr_ifindex;
	control_v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control_v6 < 0)
		return failed(side, "IPv6 socket");
	if (ioctl(control_v6, SIOCSIFADDR, &address) < 0)
		result = failed(side, "set IPv6 address");
	close(control_v6);
	return result;
}

struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg info;
	char attributes[64];
};

static void add_number(struct link_request *request, unsigned short type, uint32_t value)
{
	size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
	struct rtattr attribute = {.rta_type = type, .rta_len = RTA_LENGTH(sizeof value)};

	memcpy((char *)request + at, &attribute, sizeof attribute);
	memcpy((char *)request + at + RTA_LENGTH(0), &value, sizeof value);
	request->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(sizeof value));
}

/* Sends a request and waits for the kernel's answer. */
static int ask_kernel(int netlink, const struct nlmsghdr *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[1024];
	} answer;

	if (send(netlink, request, request->nlmsg_len, 0) < 0 ||
	    recv(netlink, &answer, sizeof answer, 0) < (ssize_t)sizeof answer.header)
		return -errno;
	if (answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	errno = -answer.error.error;
	return answer.error.error;
}

/*
 * Sets MTU, queue length and up in one netlink request: SIOCSIFTXQLEN would need a capability over
 * the whole machine, which the root of a user namespace does not have.
 */
static int set_link(const struct side_conf *side, unsigned mtu_bytes, int control)
{
	struct ifreq name = request_for(side);
	struct link_request request = {
		.header = {.nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.info = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP},
	};
	int netlink, result;

	if (ioctl(control, SIOCGIFINDEX, &name) < 0)
		return failed(side, "find device");
	request.info.ifi_index = name.ifr_ifindex;
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.info);
	add_number(&request, IFLA_MTU, mtu_bytes);
	add_number(&request, IFLA_TXQLEN, DEVICE_QUEUE_PACKETS);
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink < 0)
		return failed(side, "netlink socket");
	result = ask_kernel(netlink, &request.header);
	if (result < 0)
		result = failed(side, "set MTU, queue and up");
	close(netlink);
	return result;
}

static int configure(const struct side_conf *side, unsigned mtu_bytes)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	if (control < 0)
		return failed(side, "IPv4 socket");
	result = set_link(side, mtu_bytes, control);
	if (!result && side->has_v4)
		result = set_v4(side, control);
	if (!result && side->has_v6)
		result = set_v6(side, control);
	close(control);
	return result;
}

static int create_configured(const struct side_conf *side, unsigned mtu_bytes)
{
	int fd = create(side);
	int result;

	if (fd < 0)
		return fd;
	result = configure(side, mtu_bytes);
	if (result < 0) {
		close(fd);
		return result;
	}
	return fd;
}

int tun_open(const struct side_conf *side, unsigned mtu_bytes)
{
	int own, target, result;

	if (!side->netns[0])
		return create_configured(side, mtu_bytes);
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return failed(side, "open own namespace");
	target = open(side->netns, O_RDONLY | O_CLOEXEC);
	if (target < 0) {
		result = failed(side, "open namespace");
		goto close_own;
	}
	if (setns(target, CLONE_NEWNET) < 0) {
		result = failed(side, "enter namespace");
		goto close_target;
	}
	result = create_configured(side, mtu_bytes);
	if (setns(own, CLONE_NEWNET) < 0) {
		if (result >= 0)
			close(result);
		result = failed(side, "leave namespace");
	}
close_target:
	close(target);
close_own:
	close(own);
	return result;
}
