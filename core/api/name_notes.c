/* SPDX-License-Identifier: MIT */
#include "api/name_notes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>

#include "api/control.h"
#include "api/mark_lock.h"

struct note {
	struct rudp_addr_key host;
	time_t at_s;
	char name[RUDP_NAME_LEN_MAX + 1]; /* empty: no note */
};

/* A ring. Changed and read under the lock of the marks, which copes with signals and fork. */
static struct note notes[RUDP_NAME_NOTES];
static unsigned newest;
static atomic_bool is_used; /* programs that resolve no name take no lock */

/* The clock also runs while the machine sleeps, and cannot be set. */
static time_t now_s(void)
{
	struct timespec now = {.tv_sec = 0};

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static bool is_address(const char *name)
{
	struct in6_addr in6;
	struct in_addr in4;

	/* A zone (%eth0) is only possible after an IPv6 address, and a name has no colon. */
	return strchr(name, ':') || inet_aton(name, &in4) || inet_pton(AF_INET6, name, &in6) == 1;
}

/* false: there is nothing to note. */
static bool copy_name(char copy[RUDP_NAME_LEN_MAX + 1], const char *name)
{
	size_t len = strnlen(name, RUDP_NAME_LEN_MAX + 2);

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > RUDP_NAME_LEN_MAX)
		return false;
	memcpy(copy, name, len);
	copy[len] = 0;
	return !is_address(copy);
}

static bool is_equal(const struct rudp_addr_key *a, const struct rudp_addr_key *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* The program resolves the same names again and again: such a note only becomes younger. */
static void move_to_front(unsigned at)
{
	struct note note = notes[at];

	while (at != newest) {
		unsigned next = (at + 1) % RUDP_NAME_NOTES;

		notes[at] = notes[next];
		at = next;
	}
	notes[newest] = note;
}

static void add(const char *name, const struct rudp_addr_key *host, time_t at_s)
{
	for (unsigned i = 0; i < RUDP_NAME_NOTES; i++)
		if (strcasecmp(notes[i].name, name) == 0 && is_equal(&notes[i].host, host)) {
			move_to_front(i);
			notes[newest].at_s = at_s;
			return;
		}
	newest = (newest + 1) % RUDP_NAME_NOTES;
	notes[newest].host = *host;
	notes[newest].at_s = at_s;
	strcpy(notes[newest].name, name);
}

void rudp_name_notes_add(const char *name, const struct addrinfo *answer)
{
	struct rudp_addr_key hosts[RUDP_NAME_ANSWER_MAX];
	char copy[RUDP_NAME_LEN_MAX + 1];
	struct rudp_mark_lock lock;
	time_t at_s = now_s();
	unsigned count = 0;

	if (!copy_name(copy, name))
		return;
	for (; answer && count < RUDP_NAME_ANSWER_MAX; answer = answer->ai_next) {
		struct rudp_addr addr;

		if (rudp_addr_from_sockaddr(&addr, answer->ai_addr, answer->ai_addrlen) < 0)
			continue;
		hosts[count] = rudp_addr_key_of_host(&addr);
		count += count == 0 || !is_equal(&hosts[count], &hosts[count - 1]);
	}
	rudp_mark_lock_take(&lock);
	/* The program tries the first address first: it becomes the newest note. */
	while (count > 0)
		add(copy, &hosts[--count], at_s);
	rudp_mark_lock_release(&lock);
	atomic_store(&is_used, true);
}

/* *left_out: size had no room for all. */
static size_t find(const struct rudp_addr *addr, char *text, size_t size, bool *left_out)
{
	struct rudp_addr_key host = rudp_addr_key_of_host(addr);
	struct rudp_mark_lock lock;
	time_t since_s;
	size_t bytes = 0;

	*left_out = false;
	if (!atomic_load(&is_used))
		return 0;
	since_s = now_s() - RUDP_NAME_NOTE_S;
	rudp_mark_lock_take(&lock);
	for (unsigned i = 0; i < RUDP_NAME_NOTES; i++) {
		const struct note *note = &notes[(newest + RUDP_NAME_NOTES - i) % RUDP_NAME_NOTES];
		size_t len = strlen(note->name) + 1;

		if (len == 1 || note->at_s < since_s || !is_equal(&note->host, &host))
			continue;
		if (len > size - bytes) {
			*left_out = true;
			continue;
		}
		memcpy(text + bytes, note->name, len);
		bytes += len;
	}
	rudp_mark_lock_release(&lock);
	return bytes;
}

size_t rudp_name_notes_find(const struct rudp_addr *addr, char *text, size_t size)
{
	bool left_out;

	return find(addr, text, size, &left_out);
}

/* Maps memory for many names. */
static ssize_t get_many(const struct rudp_addr *addr, struct rudp_found_names *found)
{
	int saved = errno;
	char *mapped = mmap(NULL, RUDP_CONTROL_NAMES_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t bytes;

	errno = saved;
	if (mapped == MAP_FAILED)
		return -ENOMEM;
	bytes = rudp_name_notes_find(addr, mapped, RUDP_CONTROL_NAMES_MAX);
	found->text = mapped;
	if (bytes <= RUDP_NAMES_FEW) { /* some have become too old meanwhile */
		memcpy(found->few, mapped, bytes);
		found->text = found->few;
		munmap(mapped, RUDP_CONTROL_NAMES_MAX);
	}
	return (ssize_t)bytes;
}

ssize_t rudp_name_notes_get(const struct rudp_addr *addr, struct rudp_found_names *found)
{
	bool left_out;
	size_t bytes = find(addr, found->few, sizeof found->few, &left_out);

	found->text = found->few;
	return left_out ? get_many(addr, found) : (ssize_t)bytes;
}

void rudp_name_notes_put(char *text, size_t bytes)
{
	if (text && bytes > RUDP_NAMES_FEW)
		munmap(text, RUDP_CONTROL_NAMES_MAX);
}
