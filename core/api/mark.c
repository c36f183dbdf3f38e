/* SPDX-License-Identifier: MIT */
#include "api/mark.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "api/raw_syscall.h"
#include "api/mark_lock.h"

#define MAGIC_SHIFT 48
#define FLAGS_MASK UINT64_C(0xffff)
#define STORED_MAGIC UINT32_C(0x72756470)
#define STORED_LEN_MAX (RUDP_STORED_OPTIONS_MAX + 2) /* the magic first, the return last */
#define LOAD (BPF_LD | BPF_IMM)
#define RETURN (BPF_RET | BPF_K)
#define CONGESTION_OPTIONS (RUDP_CONGESTION_BYTES / 4)
#define NESTED_MAX 8

_Static_assert(sizeof(long) == 8, "the kernel keeps SO_MAX_PACING_RATE in an unsigned long");

/* An option's level is stored as its position in this list, counted from 1. */
static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6};
#define LEVEL_COUNT (sizeof levels / sizeof levels[0])

int rudp_mark_get(int fd)
{
	uint64_t word = 0;
	socklen_t len = sizeof word;

	if (rudp_raw_getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, &len) < 0)
		return -1;
	/*
	 * All bits between magic and flags are 0, so a program's own rate hardly ever looks like a
	 * mark.
	 */
	if (len != sizeof word || (word & ~FLAGS_MASK) != RUDP_MARK_MAGIC << MAGIC_SHIFT)
		return -1;
	return (int)(word & FLAGS_MASK);
}

int rudp_mark_set(int fd, unsigned flags)
{
	uint64_t word = RUDP_MARK_MAGIC << MAGIC_SHIFT | (flags & FLAGS_MASK);

	return rudp_raw_setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, sizeof word);
}

static int change_locked(int fd, unsigned set, unsigned clear)
{
	int flags = rudp_mark_get(fd);
	unsigned changed = ((unsigned)flags & ~clear) | set;

	if (flags < 0)
		return -EINVAL;
	return changed == (unsigned)flags ? 0 : rudp_mark_set(fd, changed);
}

static uint8_t level_code(int level)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++)
		if (levels[i] == level)
			return (uint8_t)(i + 1);
	return 0;
}

/* Returns false if the filter is not one of ours. */
static bool stored_decode(struct rudp_stored_options *stored, const struct sock_filter *code,
			  size_t count)
{
	if (count < 2 || code[0].code != LOAD || code[0].k != STORED_MAGIC)
		return false;
	for (size_t i = 1; i < count - 1; i++) {
		if (code[i].code != LOAD || code[i].jt < 1 || code[i].jt > LEVEL_COUNT)
			return false;
		stored->options[stored->count++] = (struct rudp_option){
			.level = levels[code[i].jt - 1],
			.option = code[i].jf,
			.value = code[i].k,
		};
	}
	return true;
}

int rudp_stored_options_get(int fd, struct rudp_stored_options *stored)
{
	/* Zeroed for valgrind, which takes the returned length for a number of bytes. */
	struct sock_filter code[STORED_LEN_MAX] = {0};
	/* Counted in instructions, in and out; socket(7) does not say so. */
	socklen_t count = STORED_LEN_MAX;
	int flags = rudp_mark_get(fd);
	int rc;

	stored->count = 0;
	if (flags < 0 || !(flags & RUDP_MARK_STORED_OPTIONS))
		return 0;
	rc = rudp_raw_getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &count);
	if (rc < 0)
		return rc;
	if (!stored_decode(stored, code, count))
		stored->count = 0;
	return 0;
}

static int write_locked(int fd, const struct rudp_stored_options *stored)
{
	struct sock_filter code[STORED_LEN_MAX];
	struct sock_fprog program = {.len = (unsigned short)(stored->count + 2), .filter = code};
	int rc;

	if (rudp_mark_get(fd) < 0)
		return -EINVAL;
	code[0] = (struct sock_filter){.code = LOAD, .k = STORED_MAGIC};
	for (int i = 0; i < stored->count; i++)
		code[i + 1] = (struct sock_filter){
			.code = LOAD,
			.jt = level_code(stored->options[i].level),
			.jf = (uint8_t)stored->options[i].option,
			.k = stored->options[i].value,
		};
	code[stored->count + 1] = (struct sock_filter){.code = RETURN, .k = UINT32_MAX};
	rc = rudp_raw_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
	return rc < 0 ? rc : change_locked(fd, RUDP_MARK_STORED_OPTIONS, 0);
}

static struct rudp_option *stored_place(struct rudp_stored_options *stored, int level, int option)
{
	for (int i = 0; i < stored->count; i++)
		if (stored->options[i].level == level && stored->options[i].option == option)
			return &stored->options[i];
	if (stored->count == RUDP_STORED_OPTIONS_MAX)
		return NULL;
	return &stored->options[stored->count++];
}

static int put_all_locked(int fd, const struct rudp_option *options, size_t count)
{
	struct rudp_stored_options stored;
	int rc = rudp_stored_options_get(fd, &stored);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		struct rudp_option *place;

		if (!level_code(options[i].level) || options[i].option < 0 ||
		    options[i].option > UINT8_MAX)
			return -EINVAL;
		place = stored_place(&stored, options[i].level, options[i].option);
		if (!place)
			return -ENOSPC;
		*place = options[i];
	}
	return write_locked(fd, &stored);
}

/* A change of the mark's flags, or of stored options if option_count is not 0. */
struct change {
	int fd;
	unsigned set, clear;
	struct rudp_option options[CONGESTION_OPTIONS];
	size_t option_count;
};

/* Changes by handlers that have interrupted the change that is being made, oldest first. */
static struct {
	atomic_uint count;
	struct change changes[NESTED_MAX];
} nested;

static int apply(const struct change *change)
{
	if (change->option_count > 0)
		return put_all_locked(change->fd, change->options, change->option_count);
	return change_locked(change->fd, change->set, change->clear);
}

/*
 * Noted before it is applied, so that a change by a handler that interrupts this one is noted after
 * it.
 */
static void note_nested(const struct change *change)
{
	unsigned place = atomic_fetch_add(&nested.count, 1);

	if (place < NESTED_MAX)
		nested.changes[place] = *change;
}

static void begin(struct rudp_mark_lock *lock, const struct change *change)
{
	rudp_mark_lock_take(lock);
	if (!rudp_mark_lock_is_nested(lock))
		atomic_store(&nested.count, 0);
	else if (change)
		note_nested(change);
}

/* A handler may have changed this socket between our read and our write. Make its changes again. */
static void end(struct rudp_mark_lock *lock, int fd)
{
	if (!rudp_mark_lock_is_nested(lock))
		for (unsigned i = 0; i < atomic_load(&nested.count) && i < NESTED_MAX; i++)
			if (nested.changes[i].fd == fd)
				(void)apply(&nested.changes[i]);
	rudp_mark_lock_release(lock);
}

static int make(const struct change *change)
{
	struct rudp_mark_lock lock;
	int rc;

	begin(&lock, change);
	rc = apply(change);
	end(&lock, change->fd);
	return rc;
}

int rudp_mark_change(int fd, unsigned set, unsigned clear)
{
	return make(&(struct change){.fd = fd, .set = set, .clear = clear});
}

int rudp_stored_options_write(int fd, const struct rudp_stored_options *stored)
{
	struct rudp_mark_lock lock;
	int rc;

	begin(&lock, NULL);
	rc = write_locked(fd, stored);
	end(&lock, fd);
	return rc;
}

int rudp_stored_options_put(int fd, const struct rudp_option *option)
{
	return make(&(struct change){.fd = fd, .options = {*option}, .option_count = 1});
}

bool rudp_stored_options_find(const struct rudp_stored_options *stored, int level, int option,
			      uint32_t *value)
{
	for (int i = 0; i < stored->count; i++)
		if (stored->options[i].level == level && stored->options[i].option == option) {
			*value = stored->options[i].value;
			return true;
		}
	return false;
}

int rudp_stored_options_put_congestion(int fd, const char *name)
{
	struct change change = {.fd = fd, .option_count = CONGESTION_OPTIONS};
	size_t len = strnlen(name, RUDP_CONGESTION_BYTES);

	if (len == RUDP_CONGESTION_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < CONGESTION_OPTIONS; i++) {
		uint32_t value = 0;

		for (size_t j = 0; j < 4 && i * 4 + j < len; j++)
			value |= (uint32_t)(uint8_t)name[i * 4 + j] << (8 * j);
		change.options[i] = (struct rudp_option){
			IPPROTO_TCP, RUDP_STORED_OPTIONS_CONGESTION + (int)i, value};
	}
	return make(&change);
}

bool rudp_stored_options_find_congestion(const struct rudp_stored_options *stored,
					 char name[RUDP_CONGESTION_BYTES])
{
	for (int i = 0; i < RUDP_CONGESTION_BYTES / 4; i++) {
		uint32_t value;

		if (!rudp_stored_options_find(stored, IPPROTO_TCP,
					      RUDP_STORED_OPTIONS_CONGESTION + i, &value))
			return false;
		for (int j = 0; j < 4; j++)
			name[i * 4 + j] = (char)(value >> (8 * j));
	}
	name[RUDP_CONGESTION_BYTES - 1] = 0;
	return true;
}

int rudp_socket_sndbuf(uint64_t asked_bytes)
{
	uint64_t half_bytes = asked_bytes / 2;

	if (asked_bytes == 0 || half_bytes > RUDP_SOCKET_SNDBUF_BYTES)
		return RUDP_SOCKET_SNDBUF_BYTES;
	return half_bytes < RUDP_SOCKET_SNDBUF_LEAST_BYTES ? RUDP_SOCKET_SNDBUF_LEAST_BYTES
							   : (int)half_bytes;
}

int rudp_stored_options_sndbuf(const struct rudp_stored_options *stored)
{
	uint32_t asked;

	if (!rudp_stored_options_find(stored, SOL_SOCKET, SO_SNDBUF, &asked))
		return RUDP_SOCKET_SNDBUF_BYTES;
	return rudp_socket_sndbuf(asked > 0 ? asked : 1);
}
