/* SPDX-License-Identifier: MIT */
#include "engine/app/options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "api/mark.h"
#include "api/raw_syscall.h"
#include "base/time.h"

#define SYN_TIMEOUT_FIRST_S 1 /* TCP_SYNCNT n allows 1 + 2 + 4 + ... seconds, n + 1 terms */
#define SYN_COUNT_MAX 16

static int64_t syn_count_ns(unsigned count)
{
	if (count > SYN_COUNT_MAX)
		count = SYN_COUNT_MAX;
	return (((int64_t)SYN_TIMEOUT_FIRST_S << (count + 1)) - 1) * RUDP_NS_PER_S;
}

/* Options with a number, whose meaning is that of tcp(7). The protocol ignores zero and less. */
static void set_number(struct rudp_conn_options *conn, int option, uint32_t value)
{
	switch (option) {
	case TCP_KEEPIDLE:
		conn->keepalive_idle_ns = (int64_t)value * RUDP_NS_PER_S;
		break;
	case TCP_KEEPINTVL:
		conn->keepalive_interval_ns = (int64_t)value * RUDP_NS_PER_S;
		break;
	case TCP_KEEPCNT:
		conn->keepalive_probes = value;
		break;
	case TCP_USER_TIMEOUT:
		conn->user_timeout_ns = (int64_t)value * RUDP_NS_PER_MS;
		break;
	case TCP_SYNCNT:
		conn->connect_timeout_ns = syn_count_ns(value);
		break;
	default:
		break;
	}
}

static void read_native(struct rudp_sock_options *options, int fd)
{
	struct linger linger = {0};
	socklen_t len = sizeof linger;

	if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0)
		options->reset_on_close = linger.l_onoff && linger.l_linger == 0;
	options->conn.keepalive = rudp_raw_option(fd, SOL_SOCKET, SO_KEEPALIVE) > 0;
	options->reuse_address = rudp_raw_option(fd, SOL_SOCKET, SO_REUSEADDR) > 0;
}

/* As in TCP, 0 means the smallest buffer, not the default size. */
static uint64_t buffer_bytes(uint32_t value)
{
	return value > 0 ? value : 1;
}

static void apply_option(struct rudp_sock_options *options, const struct rudp_option *entry)
{
	switch (entry->level) {
	case IPPROTO_TCP:
		if (entry->option == TCP_FASTOPEN)
			options->early_max = entry->value < SOMAXCONN ? entry->value : SOMAXCONN;
		else
			set_number(&options->conn, entry->option, entry->value);
		break;
	case IPPROTO_IP:
		if (entry->option == IP_TOS)
			options->conn.tos = (uint8_t)entry->value;
		break;
	case IPPROTO_IPV6: /* -1 is the default */
		if (entry->option == IPV6_TCLASS && entry->value <= UINT8_MAX)
			options->conn.tclass = (uint8_t)entry->value;
		break;
	case SOL_SOCKET:
		if (entry->option == SO_BINDTOIFINDEX)
			options->route.device = (int)entry->value;
		else if (entry->option == SO_MARK)
			options->route.mark = entry->value;
		else if (entry->option == SO_SNDBUF)
			options->conn.send_max_bytes = buffer_bytes(entry->value);
		else if (entry->option == SO_RCVBUF)
			options->conn.receive_max_bytes = buffer_bytes(entry->value);
		else if (entry->option == SO_MAX_PACING_RATE) /* UINT32_MAX: no limit */
			options->conn.pacing_bytes_per_s_max =
				entry->value == UINT32_MAX ? 0 : entry->value;
		break;
	default:
		break;
	}
}

void rudp_sock_options_read(struct rudp_sock_options *options, int fd, int mark_flags,
			    const struct rudp_settings *settings)
{
	struct rudp_stored_options stored;
	char name[RUDP_CONGESTION_BYTES];
	uint32_t freebind = 0;

	*options = (struct rudp_sock_options){0};
	options->conn.connect_timeout_ns = settings->connect_timeout_ns;
	/* Without these flags the options have their defaults, so the system calls are spared. */
	if (mark_flags < 0 || mark_flags & (RUDP_MARK_NATIVE | RUDP_MARK_REUSEADDR))
		read_native(options, fd);
	if (mark_flags < 0 || !(mark_flags & RUDP_MARK_STORED_OPTIONS) ||
	    rudp_stored_options_get(fd, &stored) < 0)
		return;
	for (int i = 0; i < stored.count; i++)
		apply_option(options, &stored.options[i]);
	options->freebind =
		(rudp_stored_options_find(&stored, IPPROTO_IP, IP_FREEBIND, &freebind) &&
		 freebind) ||
		(rudp_stored_options_find(&stored, IPPROTO_IPV6, IPV6_FREEBIND, &freebind) &&
		 freebind);
	options->cc_is_limited = rudp_stored_options_find_congestion(&stored, name);
	if (options->cc_is_limited)
		options->conn.cc = rudp_cc_find(name);
}

static int set_congestion(struct rudp_sock_options *options, const void *value, size_t len)
{
	char name[RUDP_CONGESTION_BYTES] = "";
	const struct rudp_cc_ops *cc;

	memcpy(name, value, len < sizeof name - 1 ? len : sizeof name - 1);
	cc = rudp_cc_find(name);
	if (!cc)
		return -ENOENT;
	options->conn.cc = cc;
	return 0;
}

static int set_linger(struct rudp_sock_options *options, const void *value, size_t len)
{
	struct linger linger;

	if (len < sizeof linger)
		return -EINVAL;
	memcpy(&linger, value, sizeof linger);
	options->reset_on_close = linger.l_onoff && linger.l_linger == 0;
	return 0;
}

int rudp_sock_options_set(struct rudp_sock_options *options, int level, int option,
			  const void *value, size_t len)
{
	int number;

	if (level == IPPROTO_TCP && option == TCP_CONGESTION)
		return set_congestion(options, value, len);
	/* Device and mark stay as they are: the right to set them was checked at connect. */
	if (level == SOL_SOCKET && (option == SO_MARK || option == SO_BINDTOIFINDEX))
		return 0;
	if (level == SOL_SOCKET && option == SO_LINGER)
		return set_linger(options, value, len);
	if (len < sizeof number)
		return -EINVAL;
	memcpy(&number, value, sizeof number);
	if (level == SOL_SOCKET && option == SO_KEEPALIVE)
		options->conn.keepalive = number != 0;
	else if (number >= 0 || level == SOL_SOCKET)
		apply_option(options, &(struct rudp_option){level, option, (uint32_t)number});
	return 0;
}
