/* SPDX-License-Identifier: MIT */
#include "differences/options.h"
#include "differences/model.h"

#include <netinet/tcp.h>
#include <string.h>

#define OPTION(level, name)                                                                        \
	{                                                                                          \
		level, name, #name                                                                 \
	}

/*
 * Options whose values depend on traffic or time (TCP_INFO, TCP_MAXSEG) are not among them, nor is
 * SO_PRIORITY, which IP_TOS sets (librudp_shim(7)).
 */
static const struct {
	int level, name;
	const char *text;
} options[] = {
	OPTION(SOL_SOCKET, SO_ERROR),
	OPTION(SOL_SOCKET, SO_TYPE),
	OPTION(SOL_SOCKET, SO_DOMAIN),
	OPTION(SOL_SOCKET, SO_PROTOCOL),
	OPTION(SOL_SOCKET, SO_ACCEPTCONN),
	OPTION(SOL_SOCKET, SO_REUSEADDR),
	OPTION(SOL_SOCKET, SO_REUSEPORT),
	OPTION(SOL_SOCKET, SO_KEEPALIVE),
	OPTION(SOL_SOCKET, SO_LINGER),
	OPTION(SOL_SOCKET, SO_OOBINLINE),
	OPTION(SOL_SOCKET, SO_BROADCAST),
	OPTION(SOL_SOCKET, SO_DONTROUTE),
	OPTION(SOL_SOCKET, SO_MARK),
	OPTION(SOL_SOCKET, SO_RCVTIMEO),
	OPTION(SOL_SOCKET, SO_SNDTIMEO),
	OPTION(SOL_SOCKET, SO_PASSCRED),
	OPTION(SOL_SOCKET, SO_PEERCRED),
	OPTION(SOL_SOCKET, SO_RCVLOWAT),
	OPTION(SOL_SOCKET, SO_SNDLOWAT),
	OPTION(SOL_SOCKET, SO_PEEK_OFF),
	OPTION(SOL_SOCKET, 77),
	OPTION(IPPROTO_IP, IP_TOS),
	OPTION(IPPROTO_IP, IP_TTL),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
	OPTION(IPPROTO_IP, IP_RECVERR),
	OPTION(IPPROTO_IP, IP_FREEBIND),
	OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS),
	OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	OPTION(IPPROTO_TCP, TCP_NODELAY),
	OPTION(IPPROTO_TCP, TCP_CORK),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT),
	OPTION(IPPROTO_TCP, TCP_SYNCNT),
	OPTION(IPPROTO_TCP, TCP_LINGER2),
	OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
	OPTION(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS),
	OPTION(IPPROTO_TCP, TCP_SAVE_SYN),
	OPTION(IPPROTO_TCP, 99),
	OPTION(IPPROTO_UDP, 1),
	OPTION(77, 1),
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

void step_getsockopt(const struct step *step)
{
	static const int lengths[] = {4, 4, 4, 16, 8, 3, 1, 0, -1, 64};
	unsigned char value[64];
	unsigned index = step->z % 3 ? step->x % OPTIONS : 0; /* SO_ERROR often */
	bool bad = step->z % 37 == 0;
	/* TCP takes the error although it cannot store it. */
	if (bad && options[index].name == SO_ERROR)
		return;
	socklen_t length = (socklen_t)lengths[step->y % 10];
	memset(value, 0x55, sizeof(value));
	int result = getsockopt(model->fds[step->slot], options[index].level, options[index].name,
				bad ? (unsigned char *)8 : value, step->z % 41 ? &length : NULL);
	say("%s size %d", options[index].text, lengths[step->y % 10]);
	say_result(result);
	if (bad)
		return;
	if (options[index].name == SO_PEERCRED && options[index].level == SOL_SOCKET)
		memset(value, value[0] ? 1 : 0, 4);
	say(" length %d:", (int)length);
	for (int i = 0; i < 16; i++)
		say(" %x", value[i]);
}

void step_setsockopt(const struct step *step)
{
	static const int lengths[] = {4, 4, 4, 4, 16, 8, 1, 0, -1, 64};
	static const int values[] = {1, 1, 0, 0, 5, -1, 300, 0x7fffffff};
	int value[16] = {values[step->z % 8], values[step->z / 8 % 8]};
	unsigned index = step->x % OPTIONS;
	int level = options[index].level, name = options[index].name;
	socklen_t length = (socklen_t)lengths[step->y % 10];
	struct end *end = model_end(step->slot);
	/* TCP permits it again without a port, see librudp_shim(7). */
	if (end && (end->made || end->was_listener) && level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		return;
	/* librudp_shim(7): bind() takes a port at once. */
	if (level == IPPROTO_IP && name == IP_BIND_ADDRESS_NO_PORT)
		return;
	/* librudp_shim(7): connections that wait for accept() get it, too. */
	if (end && end->listening && model_has_waiting(step->slot))
		return;
	/* See librudp_shim(7) for the first two; receive would wait for the third. */
	if (level == SOL_SOCKET &&
	    (name == SO_RCVLOWAT || name == SO_PEEK_OFF || name == SO_PASSCRED))
		return;
	if (level == SOL_SOCKET && name == SO_LINGER)
		value[1] = 0;
	if (level == IPPROTO_TCP && name == TCP_DEFER_ACCEPT)
		value[0] = 0;
	int result = setsockopt(model->fds[step->slot], level, name,
				step->z % 37 ? value : (int *)8, length);
	say("%s %d %d length %d", options[index].text, value[0], value[1], (int)length);
	say_result(result);
	if (result == 0 && level == SOL_SOCKET && name == SO_LINGER && end)
		end->linger_off = value[0] != 0;
}
