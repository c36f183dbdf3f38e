/* SPDX-License-Identifier: MIT */
#include "engine/udp/udp_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BYTES 4096
#define ALL_STATES UINT32_MAX
#define HEADER_BYTES sizeof(struct nlattr)
#define ALIGNMENT ((size_t)NLA_ALIGNTO)

struct diag_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

void rudp_udp_owner_mark(int fd)
{
	int on = 1, off = 0;

	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off);
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
}

/* "src" and "dst" are those of an arriving datagram: the address of the socket is the
 * destination. */
static void fill_request(struct diag_request *request, const struct rudp_addr *to)
{
	struct inet_diag_sockid *id = &request->body.id;

	*request = (struct diag_request){
		.header = {.nlmsg_len = sizeof *request,
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = (uint8_t)to->family,
			 .sdiag_protocol = IPPROTO_UDP,
			 .idiag_states = ALL_STATES,
			 .id = {.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};
	id->idiag_dport = htons(rudp_addr_port(to));
	if (to->family == AF_INET)
		memcpy(id->idiag_dst, &to->in4.sin_addr, sizeof to->in4.sin_addr);
	else
		memcpy(id->idiag_dst, &to->in6.sin6_addr, sizeof to->in6.sin6_addr);
	if (to->family == AF_INET6)
		id->idiag_if = to->in6.sin6_scope_id;
}

/* Returns the reply's length; negative: none. The kernel answers within send(): no wait is
 * needed. */
static ssize_t query(const struct diag_request *request, void *reply, size_t size)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (send(fd, request, sizeof *request, 0) == (ssize_t)sizeof *request)
		n = recv(fd, reply, size, 0);
	close(fd);
	return n;
}

static bool is_marked(const struct inet_diag_sockopt *options)
{
	return !options->mc_loop && !options->mc_all && options->bind_address_no_port;
}

/* false also if the reply does not tell. */
static bool is_other(const struct nlmsghdr *header)
{
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	const uint8_t *at = (const uint8_t *)(message + 1);
	size_t left;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof *message))
		return false;
	left = header->nlmsg_len - NLMSG_LENGTH(sizeof *message);
	while (left >= HEADER_BYTES) {
		const struct nlattr *attribute = (const struct nlattr *)at;
		size_t step = ((size_t)attribute->nla_len + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

		if (step < HEADER_BYTES || step > left)
			return false;
		if (attribute->nla_type == INET_DIAG_SOCKOPT)
			return !is_marked((const struct inet_diag_sockopt *)(at + HEADER_BYTES));
		at += step;
		left -= step;
	}
	return false;
}

bool rudp_udp_owner_is_other(const struct rudp_addr *to)
{
	_Alignas(struct nlmsghdr) uint8_t reply[REPLY_BYTES];
	const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
	struct diag_request request;
	ssize_t n;

	fill_request(&request, to);
	n = query(&request, reply, sizeof reply);
	return n >= (ssize_t)sizeof *header && header->nlmsg_len <= (size_t)n && is_other(header);
}
