/* SPDX-License-Identifier: MIT */
/*
 * mark - how a socket of ours is told from the program's own AF_UNIX sockets, and where options wait.
 *
 * mark  SO_MAX_PACING_RATE is a 64-bit value that any user may set on any socket, that AF_UNIX
 *       ignores, and that dup, fork, exec and SCM_RIGHTS carry: 16 bits of magic and our flags.
 * stored options that AF_UNIX does not know wait in a classic BPF program (SO_ATTACH_FILTER, read back
 *       by SO_GET_FILTER; never run on AF_UNIX stream sockets): one load-immediate instruction each,
 *       k = value, jt = level code, jf = option; the first instruction is a magic constant, the last
 *       returns -1. At most RUDP_STORED_OPTIONS_MAX options.
 *
 * getsockopt and setsockopt go to the kernel directly (raw_syscall.h), past any interposed name.
 * No allocation.
 * Threads  any; async-signal-safe. Changes by threads and signal handlers of one process come one
 *          after the other, and no handler waits for what it has interrupted: a change that it makes in
 *          the midst of one is made again behind it. Of two processes that change one socket at once,
 *          one may be lost.
 */
#ifndef RUDP_API_MARK_H
#define RUDP_API_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define RUDP_MARK_MAGIC UINT64_C(0x7264) /* "rd", top 16 bits */

enum rudp_mark_flag {
	RUDP_MARK_IPV6 = 1 << 0, /* made as AF_INET6 */
	RUDP_MARK_V6ONLY = 1 << 1,
	RUDP_MARK_NODELAY = 1 << 2,
	RUDP_MARK_REUSEPORT = 1 << 3,
	RUDP_MARK_STORED_OPTIONS = 1 << 4, /* options are stored */
	RUDP_MARK_ACCEPTED = 1 << 5,       /* came from accept */
	RUDP_MARK_SHUT_RD = 1 << 6,
	RUDP_MARK_LISTENING = 1 << 7,
	RUDP_MARK_NATIVE = 1 << 8,  /* an option that AF_UNIX keeps itself was set: accept copies */
	RUDP_MARK_PENDING = 1 << 9, /* connect has begun and not yet told its result */
	RUDP_MARK_ABORTED = 1 << 10, /* the program gave its connection up: ECONNRESET, once */
	RUDP_MARK_REUSEADDR =
		1 << 11,         /* such an option, too, which every server sets, so by itself */
	RUDP_MARK_INQ = 1 << 12, /* TCP_INQ: recvmsg says how much more there is */
};

#define RUDP_STORED_OPTIONS_MAX 48

/* The name given to TCP_CONGESTION lies in four options of level IPPROTO_TCP from this number on, four
 * characters each, the first in the lowest byte, zeros at the end. */
#define RUDP_STORED_OPTIONS_CONGESTION 240
#define RUDP_CONGESTION_BYTES 16

struct rudp_option {
	int level;   /* SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6 */
	int option;
	uint32_t value;
};

struct rudp_stored_options {
	struct rudp_option options[RUDP_STORED_OPTIONS_MAX];
	int count;
};

/* flags >= 0 if fd is marked as ours, -1 if not (errno untouched). */
int rudp_mark_get(int fd);
/* Of a socket that nobody else has yet: 0 or -errno. */
int rudp_mark_set(int fd, unsigned flags);
/* Of any other: 0, -EINVAL (not marked), -errno. */
int rudp_mark_change(int fd, unsigned set, unsigned clear);

/* 0 or -errno; an unmarked or empty one gives count 0. */
int rudp_stored_options_get(int fd, struct rudp_stored_options *stored);
/* Adds or replaces one option: 0, -ENOSPC, -EINVAL (a level or number that fits no
 * instruction), -errno. Sets RUDP_MARK_STORED_OPTIONS in the mark. */
int rudp_stored_options_put(int fd, const struct rudp_option *option);
/* false: not in it. */
bool rudp_stored_options_find(const struct rudp_stored_options *stored, int level, int option,
			      uint32_t *value);

/*
 * SO_SNDBUF of the AF_UNIX socket in the program, which the kernel doubles: half of the SO_SNDBUF that
 * the program asked for (0: it did not), because the connection's own send buffer has the other half. No
 * more than any user may ask for. No less than leaves room for a byte that the engine leaves unread:
 * AF_UNIX counts the whole kernel buffer around it (37,120 bytes at most, on Linux 6.18), and is
 * writable while no more than a quarter is in use.
 */
#define RUDP_SOCKET_SNDBUF_BYTES 212992
#define RUDP_SOCKET_SNDBUF_LEAST_BYTES 77824
int rudp_socket_sndbuf(uint64_t asked_bytes);
/* The same, of the SO_SNDBUF in the stored options. */
int rudp_stored_options_sndbuf(const struct rudp_stored_options *stored);

/* Puts all stored options on another socket of ours at once: 0 or -errno. */
int rudp_stored_options_write(int fd, const struct rudp_stored_options *stored);
/* name ends with a 0 within 16 bytes; false: none was set. */
int rudp_stored_options_put_congestion(int fd, const char *name);
bool rudp_stored_options_find_congestion(const struct rudp_stored_options *stored,
					 char name[RUDP_CONGESTION_BYTES]);

#endif
