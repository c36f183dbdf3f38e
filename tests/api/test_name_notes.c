/* SPDX-License-Identifier: MIT */
/* The names under which a program has found an address. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "api/name_notes.h"

TestSuite(name_notes);

#define ANSWER_MAX 100
#define TEXT_SIZE 256

static struct rudp_addr addr_of(const char *host)
{
	struct rudp_addr addr;
	char text[RUDP_ADDR_TEXT_SIZE];

	snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:80" : "%s:80", host);
	cr_assert(zero(int, rudp_addr_parse(&addr, text)), "%s", host);
	return addr;
}

/* The answer has these addresses. */
static void note_all(const char *name, const struct rudp_addr *addrs, unsigned count)
{
	static struct addrinfo answer[ANSWER_MAX];

	for (unsigned i = 0; i < count; i++)
		answer[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&addrs[i].sa,
					      .ai_addrlen = rudp_addr_len(&addrs[i]),
					      .ai_next = i + 1 < count ? &answer[i + 1] : NULL};
	rudp_name_notes_add(name, answer);
}

static void note(const char *name, const char *host)
{
	struct rudp_addr addr = addr_of(host);

	note_all(name, &addr, 1);
}

/* The names of an address, with blanks between them. */
static const char *names_of(const char *host)
{
	static char text[TEXT_SIZE];
	struct rudp_addr addr = addr_of(host);
	size_t bytes = rudp_name_notes_find(&addr, text, sizeof text);

	for (size_t i = 0; i + 1 < bytes; i++)
		if (!text[i])
			text[i] = ' ';
	return bytes ? text : "";
}

#define EXPECT(host, names) cr_assert(eq(str, (char *)names_of(host), (char *)(names)))

Test(name_notes, an_address_has_the_names_that_were_resolved_to_it)
{
	struct rudp_addr both[] = {addr_of("192.0.2.1"), addr_of("2001:db8::1")};

	EXPECT("192.0.2.1", "");
	note_all("Server.example", both, 2);
	note("other", "192.0.2.1");
	EXPECT("192.0.2.1", "other Server.example");
	EXPECT("::ffff:192.0.2.1", "other Server.example");
	EXPECT("2001:db8::1", "Server.example");
	EXPECT("192.0.2.2", "");
	note("SERVER.example", "192.0.2.1");
	EXPECT("192.0.2.1", "Server.example other");
}

Test(name_notes, an_answer_does_not_replace_an_older_one)
{
	note("server", "192.0.2.1");
	note("server", "192.0.2.2");
	EXPECT("192.0.2.1", "server");
	EXPECT("192.0.2.2", "server");
}

Test(name_notes, addresses_and_texts_that_cannot_be_names_are_not_noted)
{
	char text[RUDP_NAME_LEN_MAX + 3];

	note("192.0.2.1", "192.0.2.1");
	note("0x7f.1", "127.0.0.1");
	note("2001:db8::1", "2001:db8::1");
	note("fe80::1%lo", "fe80::1");
	note("", "192.0.2.1");
	note(".", "192.0.2.1");
	memset(text, 'a', sizeof text);
	text[RUDP_NAME_LEN_MAX + 1] = 0;
	note(text, "192.0.2.1");
	text[RUDP_NAME_LEN_MAX] = '.';
	note(text, "192.0.2.2");
	text[RUDP_NAME_LEN_MAX] = 0;
	EXPECT("192.0.2.1", "");
	EXPECT("127.0.0.1", "");
	EXPECT("2001:db8::1", "");
	EXPECT("fe80::1", "");
	EXPECT("192.0.2.2", text);
	note("server.example.", "192.0.2.3");
	EXPECT("192.0.2.3", "server.example");
}

Test(name_notes, the_oldest_note_is_lost_first)
{
	char name[16];

	note("used", "192.0.2.1");
	note("unused", "192.0.2.1");
	for (unsigned i = 0; i < RUDP_NAME_NOTES - 2; i++) {
		snprintf(name, sizeof name, "name%u", i);
		note(name, "192.0.2.2");
	}
	EXPECT("192.0.2.1", "unused used");
	note("used", "192.0.2.1");
	note("one-more", "192.0.2.3");
	EXPECT("192.0.2.1", "used");
}

Test(name_notes, of_a_long_answer_the_first_addresses_are_kept)
{
	struct rudp_addr addrs[ANSWER_MAX];
	char host[16];

	for (unsigned i = 0; i < ANSWER_MAX; i++) {
		snprintf(host, sizeof host, "10.0.0.%u", i);
		addrs[i] = addr_of(host);
	}
	for (unsigned i = 0; i < RUDP_NAME_NOTES - RUDP_NAME_ANSWER_MAX; i++) {
		snprintf(host, sizeof host, "name%u", i);
		note(host, "192.0.2.2");
	}
	note_all("server", addrs, ANSWER_MAX);
	EXPECT("10.0.0.0", "server");
	EXPECT("10.0.0.63", "server");
	EXPECT("10.0.0.64", "");
}

Test(name_notes, names_without_room_are_left_out_whole)
{
	struct rudp_addr addr = addr_of("192.0.2.1");
	char text[8] = "";

	note("abc", "192.0.2.1");
	note("too-long", "192.0.2.1");
	note("def", "192.0.2.1");
	cr_assert(eq(sz, rudp_name_notes_find(&addr, text, sizeof text), 8));
	cr_assert(zero(int, memcmp(text, "def\0abc", 8)));
	cr_assert(eq(sz, rudp_name_notes_find(&addr, text, 7), 4));
	cr_assert(zero(sz, rudp_name_notes_find(&addr, text, 0)));
}

Test(name_notes, few_names_need_no_memory_of_their_own)
{
	struct rudp_addr addr = addr_of("192.0.2.1"), other = addr_of("192.0.2.2");
	struct rudp_found_names found;

	cr_assert(zero(int, (int)rudp_name_notes_get(&addr, &found)));
	note("abc", "192.0.2.1");
	cr_assert(zero(int, (int)rudp_name_notes_get(&other, &found)));
	rudp_name_notes_put(found.text, 0);
	cr_assert(eq(int, (int)rudp_name_notes_get(&addr, &found), 4));
	cr_assert(eq(ptr, found.text, found.few));
	cr_assert(eq(str, found.text, "abc"));
	rudp_name_notes_put(found.text, 4);
}

Test(name_notes, many_names_are_all_found)
{
	struct rudp_addr addr = addr_of("192.0.2.1");
	struct rudp_found_names found;
	char name[16];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "name-%03u", i);
		note(name, "192.0.2.1");
	}
	cr_assert(eq(int, (int)rudp_name_notes_get(&addr, &found), 900));
	cr_assert(ne(ptr, found.text, found.few));
	cr_assert(eq(str, found.text, "name-099"));
	cr_assert(eq(str, found.text + 99 * 9, "name-000"));
	rudp_name_notes_put(found.text, 900);
}

static void note_in_handler(int number)
{
	(void)number;
	names_of("192.0.2.1");
	note("handler", "192.0.2.1");
}

static void *note_often(void *argument)
{
	char name[32];

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "name%u-%p", i % 50, argument);
		note(name, "192.0.2.1");
	}
	return NULL;
}

/* Each name is whole, though threads and a handler write at once. */
Test(name_notes, threads_and_handlers_may_note_at_once)
{
	struct itimerval interval = {.it_interval = {.tv_usec = 500}, .it_value = {.tv_usec = 500}};
	struct rudp_addr addr = addr_of("192.0.2.1");
	char text[4096];
	pthread_t thread;

	signal(SIGALRM, note_in_handler);
	cr_assert(zero(int, pthread_create(&thread, NULL, note_often, NULL)));
	cr_assert(zero(int, setitimer(ITIMER_REAL, &interval, NULL)));
	for (unsigned i = 0; i < 2000; i++) {
		size_t bytes = rudp_name_notes_find(&addr, text, sizeof text);

		for (const char *name = text; name < text + bytes; name += strlen(name) + 1)
			cr_assert(strncmp(name, "name", 4) == 0 || strcmp(name, "handler") == 0,
				  "%s", name);
	}
	interval.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &interval, NULL);
	pthread_join(thread, NULL);
}
