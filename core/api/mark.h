/* SPDX-License-Identifier: MIT */
/*
 * mark - marks a descriptor as a rudp socket, and stores TCP options that AF_UNIX does not know.
 *
 * Both are kept in the kernel's socket, so that dup, fork, exec and SCM_RIGHTS carry them.
 *
 * Mark: 16 bits of magic and our flags, in SO_MAX_PACING_RATE. This is a 64-bit value that any user
 * may set on any socket and that AF_UNIX ignores.
 *
 * Stored options: a classic BPF program (SO_ATTACH_FILTER, read back with SO_GET_FILTER), which
 * AF_UNIX stream sockets never run. Each option is one load-immediate instruction: k = value, jt =
 * level code, jf = option. The first instruction is a magic constant, the last returns -1. At most
 * RUDP_STORED_OPTIONS_MAX options.
 *
 * getsockopt and setsockopt call the kernel directly (raw_syscall.h), not an interposed function.
 * No allocation.
 * Threads  any; async-signal-safe. Changes by threads and signal handlers of one process are made
 *          one after the other (mark_lock.h). A handler that interrupts a change does not wait: its
 *          own change is made at once, and made again after the interrupted one. If two processes
 *          change one socket at once, one change may be lost.
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
	RUDP_MARK_STORED_OPTIONS = 1 << 4, /* the socket has stored options */
	RUDP_MARK_ACCEPTED = 1 << 5,       /* accept returned it */
	RUDP_MARK_SHUT_RD = 1 << 6,
	RUDP_MARK_LISTENING = 1 << 7,
	RUDP_MARK_NATIVE = 1 << 8,     /* an option that AF_UNIX keeps was set: accept copies it */
	RUDP_MARK_PENDING = 1 << 9,    /* connect has begun and has not reported its result yet */
	RUDP_MARK_ABORTED = 1 << 10,   /* the program gave its connection up: ECONNRESET, once */
	RUDP_MARK_REUSEADDR = 1 << 11, /* as NATIVE, for the option that every server sets */
	RUDP_MARK_INQ = 1 << 12, /* TCP_INQ: recvmsg reports how many bytes are left to read */
	RUDP_MARK_AUTOBOUND = 1 << 13, /* listen() chose the port: the next use has another one */
};

#define RUDP_STORED_OPTIONS_MAX 48

/*
 * The algorithm name of TCP_CONGESTION is stored in four options of level IPPROTO_TCP from this
 * number on. Each holds four characters, the first in the lowest byte, with zeros at the end.
 */
#define RUDP_STORED_OPTIONS_CONGESTION 240
#define RUDP_CONGESTION_BYTES 16

struct rudp_option {
	int level; /* SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6 */
	int option;
	uint32_t value;
};

struct rudp_stored_options {
	struct rudp_option options[RUDP_STORED_OPTIONS_MAX];
	int count;
};

/* Returns flags >= 0 if fd is marked as a rudp socket, -1 if not (errno unchanged). */
int rudp_mark_get(int fd);
/* Sets the mark of a new socket that no other thread has yet. Returns 0 or -errno. */
int rudp_mark_set(int fd, unsigned flags);
/*
 * Sets and clears bits in the mark of any other socket. Returns 0, -EINVAL (not marked) or -errno.
 */
int rudp_mark_change(int fd, unsigned set, unsigned clear);

/* Reads all stored options. Returns 0 or -errno; without a mark or options, count is 0. */
int rudp_stored_options_get(int fd, struct rudp_stored_options *stored);
/*
 * Adds or replaces one option and sets RUDP_MARK_STORED_OPTIONS. Returns 0, -ENOSPC, -EINVAL (an
 * instruction cannot hold the level or number), or -errno.
 */
int rudp_stored_options_put(int fd, const struct rudp_option *option);
/* Returns false if the option is not stored. */
bool rudp_stored_options_find(const struct rudp_stored_options *stored, int level, int option,
			      uint32_t *value);

/*
 * Computes SO_SNDBUF for the program's AF_UNIX socket. It is half of the SO_SNDBUF that the program
 * asked for (0: it did not ask), because the connection's own send buffer has the other half. The
 * kernel doubles the value. It is at most what any user may ask for. It is at least large enough
 * that the socket stays writable while one byte that the engine has not read occupies it. AF_UNIX
 * counts the whole kernel buffer around such a byte (at most 37,120 bytes after a write, and 66,304
 * after a sendfile(), on Linux 6.18), and is writable while at most a quarter is in use.
 */
#define RUDP_SOCKET_SNDBUF_BYTES 212992
#define RUDP_SOCKET_SNDBUF_LEAST_BYTES 135168
int rudp_socket_sndbuf(uint64_t asked_bytes);
/* The same, for the SO_SNDBUF in the stored options. */
int rudp_stored_options_sndbuf(const struct rudp_stored_options *stored);

/* Writes all stored options to another rudp socket at once. Returns 0 or -errno. */
int rudp_stored_options_write(int fd, const struct rudp_stored_options *stored);
/* name has at most 15 characters and a final 0. find returns false if no name is stored. */
int rudp_stored_options_put_congestion(int fd, const char *name);
bool rudp_stored_options_find_congestion(const struct rudp_stored_options *stored,
					 char name[RUDP_CONGESTION_BYTES]);

#endif
