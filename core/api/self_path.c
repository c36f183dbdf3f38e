/* SPDX-License-Identifier: MIT */
#include "api/self_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "api/child.h"
#include "api/raw_syscall.h"

#define CHUNK_BYTES 512
#define PATH_FIELD 5 /* address permissions offset device inode path */
#define DELETED " (deleted)"

static char path[RUDP_SELF_PATH_SIZE];
static atomic_bool known;

/*
 * State of one pass over /proc/self/maps, character by character, because a line may have any
 * length.
 */
struct scan {
	uintptr_t target, from, to;
	int field;
	bool in_space, second_half;
	size_t len;
	char text[RUDP_SELF_PATH_SIZE];
	int result;
};

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void line_start(struct scan *s)
{
	s->from = s->to = 0;
	s->field = 0;
	s->in_space = s->second_half = false;
	s->len = 0;
}

static void take_character(struct scan *s, char c)
{
	if (s->field < PATH_FIELD && c == ' ') {
		s->in_space = true;
		return;
	}
	if (s->in_space) {
		s->in_space = false;
		s->field++;
	}
	if (s->field == PATH_FIELD) {
		if (s->len < sizeof s->text)
			s->text[s->len++] = c;
	} else if (s->field == 0 && c == '-') {
		s->second_half = true;
	} else if (s->field == 0) {
		uintptr_t *bound = s->second_half ? &s->to : &s->from;

		*bound = *bound << 4 | hex_value(c);
	}
}

static bool line_is_ours(const struct scan *s)
{
	return s->from <= s->target && s->target < s->to && s->len > 0 && s->len < sizeof s->text &&
	       s->text[0] == '/';
}

static bool scan_chunk(struct scan *s, const char *chunk, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (chunk[i] != '\n') {
			take_character(s, chunk[i]);
			continue;
		}
		if (line_is_ours(s))
			return true;
		line_start(s);
	}
	return false;
}

static int find(struct scan *s)
{
	char chunk[CHUNK_BYTES];
	int fd = (int)rudp_raw_syscall(SYS_openat, AT_FDCWD, (long)"/proc/self/maps",
				       O_RDONLY | O_CLOEXEC, 0, 0, 0);
	bool found = false;
	long n;

	if (fd < 0)
		return fd;
	line_start(s);
	while (!found) {
		n = rudp_raw_syscall(SYS_read, fd, (long)chunk, sizeof chunk, 0, 0, 0);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		found = scan_chunk(s, chunk, (size_t)n);
	}
	rudp_raw_close(fd);
	return found ? 0 : -ENOENT;
}

/* The child has a descriptor table of its own, because the program's may be full. */
static int find_in_child(void *argument)
{
	struct scan *s = argument;

	rudp_raw_close(0);
	s->result = find(s);
	rudp_raw_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
	return 0;
}

/*
 * The kernel marks a file that was replaced since it was loaded, as by an upgrade. LD_PRELOAD is
 * divided at spaces, so the mark would be the name of another library.
 */
static size_t length_without_mark(const char *text, size_t len)
{
	size_t mark = strlen(DELETED);

	return len > mark && memcmp(text + len - mark, DELETED, mark) == 0 ? len - mark : len;
}

const char *rudp_self_path(void)
{
	struct scan s = {.target = (uintptr_t)rudp_self_path};

	if (atomic_load_explicit(&known, memory_order_acquire))
		return path;
	s.result = find(&s);
	if (s.result == -EMFILE)
		rudp_child_run(find_in_child, &s);
	if (s.result < 0)
		return NULL;
	/* Threads that come here at the same time write the same bytes. */
	memcpy(path, s.text, length_without_mark(s.text, s.len));
	atomic_store_explicit(&known, true, memory_order_release);
	return path;
}
