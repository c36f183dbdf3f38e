/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "api/run_dir.h"

#define ROUNDS 5000

static struct rudp_addr some_addr(void)
{
	struct rudp_addr a;

	memset(&a, 0, sizeof a);
	if (rand() % 2) {
		a.in4.sin_family = AF_INET;
		a.in4.sin_port = (in_port_t)rand();
		a.in4.sin_addr.s_addr = (in_addr_t)rand();
		return a;
	}
	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = (in_port_t)rand();
	a.in6.sin6_scope_id = (uint32_t)rand() << 1;
	a.in6.sin6_addr.s6_addr[0] = 0x20;
	for (size_t i = 1; i < 16; i++)
		a.in6.sin6_addr.s6_addr[i] = (uint8_t)rand();
	return a;
}

static struct rudp_name some_name(enum rudp_name_kind kind)
{
	struct rudp_name name;

	memset(&name, 0, sizeof name);
	name.kind = kind;
	if (kind == RUDP_NAME_WELL_KNOWN) {
		name.uid = (uint32_t)rand() << (rand() % 2);
		name.settings = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		return name;
	}
	if (kind == RUDP_NAME_PORT_SHARE) {
		name.uid = (uint32_t)rand() << (rand() % 2);
		name.port = (uint16_t)rand();
		name.share = (uint16_t)rand();
		return name;
	}
	for (size_t i = 0; i < RUDP_NONCE_BYTES; i++)
		name.nonce.bytes[i] = (uint8_t)rand();
	if (kind == RUDP_NAME_CONTROL || kind == RUDP_NAME_JOIN)
		return name;
	name.id = (uint64_t)rand() << 33 ^ (uint64_t)rand();
	name.local = some_addr();
	if (kind == RUDP_NAME_CONNECTION)
		name.remote = some_addr();
	return name;
}

static enum rudp_name_kind parse_text(struct rudp_name *name, const char *text)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(text);

	memcpy(un.sun_path + 1, text, len);
	return rudp_name_parse(name, &un,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));
}

Test(names, those_in_a_directory_survive_a_round_trip)
{
	static const enum rudp_name_kind kinds[] = {RUDP_NAME_BOUND, RUDP_NAME_CONTROL,
						    RUDP_NAME_WELL_KNOWN};

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct rudp_name before = some_name(kinds[round % 3]), after;
		struct sockaddr_un un;
		socklen_t len;

		if (before.kind != RUDP_NAME_BOUND)
			before.network = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		len = rudp_name_write_path(&before, "/run/user/4294967295/rudp", &un);
		cr_assert(ne(uint, len, 0));
		cr_assert(eq(int, un.sun_path[0], '/'));
		cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len), (int)before.kind));
		cr_assert(zero(int, memcmp(&after, &before, sizeof after)));
		/* The kernel may or may not count the final 0. */
		cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len - 1), (int)before.kind));
		cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len - 2), RUDP_NAME_NONE));
	}
}

Test(names, a_directory_that_is_too_long_is_refused)
{
	const struct rudp_name name = {.kind = RUDP_NAME_BOUND};
	char dir[RUDP_RUN_DIR_SIZE + 1];
	struct sockaddr_un un;

	memset(dir, 'd', sizeof dir);
	dir[0] = '/';
	dir[RUDP_RUN_DIR_SIZE] = 0;
	cr_assert(zero(uint, rudp_name_write_path(&name, dir, &un)));
	dir[RUDP_RUN_DIR_SIZE - 1] = 0;
	cr_assert(eq(uint, rudp_name_write_path(&name, dir, &un), sizeof un));
}

Test(names, every_kind_survives_a_round_trip)
{
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		enum rudp_name_kind kind = RUDP_NAME_CONNECTION + (enum rudp_name_kind)(round % 4);
		struct rudp_name before = some_name(kind), after;
		struct sockaddr_un un;
		socklen_t len = rudp_name_write(&before, &un);

		cr_assert(le(u32, len, sizeof un));
		cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len), (int)kind));
		cr_assert(eq(int, memcmp(&before, &after, sizeof before), 0));
	}
}

Test(names, are_printable_and_of_the_stated_length)
{
	srand(2);
	for (int round = 0; round < ROUNDS; round++) {
		struct rudp_name name =
			some_name(round % 2 ? RUDP_NAME_CONNECTION : RUDP_NAME_BOUND);
		struct sockaddr_un un;
		socklen_t len = rudp_name_write(&name, &un);
		size_t chars = len - offsetof(struct sockaddr_un, sun_path) - 1;

		cr_assert(eq(sz, chars, 6 + 22 + 11 + 30 + 30));
		for (size_t i = 1; i <= chars; i++) {
			cr_assert(lt(chr, ' ', un.sun_path[i]));
			cr_assert(lt(chr, un.sun_path[i], 127));
		}
	}
}

Test(names, any_changed_character_is_another_name_or_none)
{
	srand(3);
	for (int round = 0; round < ROUNDS; round++) {
		struct rudp_name before = some_name(RUDP_NAME_CONNECTION), after;
		struct sockaddr_un un;
		socklen_t len = rudp_name_write(&before, &un);
		size_t at = 1 + (size_t)rand() % (len - offsetof(struct sockaddr_un, sun_path) - 1);

		un.sun_path[at] = (char)(un.sun_path[at] ^ (1 + rand() % 127));
		rudp_name_parse(&after, &un, len);
		cr_assert(ne(int, memcmp(&before, &after, sizeof before), 0));
	}
}

Test(names, shortened_and_lengthened_names_are_refused)
{
	for (int kind = RUDP_NAME_CONNECTION; kind <= RUDP_NAME_PORT_SHARE; kind++) {
		struct rudp_name before = some_name((enum rudp_name_kind)kind), after;
		struct sockaddr_un un;
		socklen_t len = rudp_name_write(&before, &un);

		for (socklen_t cut = 0; cut < len; cut++)
			cr_assert(eq(int, (int)rudp_name_parse(&after, &un, cut), RUDP_NAME_NONE));
		un.sun_path[len - offsetof(struct sockaddr_un, sun_path)] = 'A';
		cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len + 1), RUDP_NAME_NONE));
	}
}

Test(names, other_texts_are_no_names)
{
	/* clang-format off */
	static const char *const texts[] = {
		"", "rudp1", "rudp1x", "rudp1w", "rudp1w-0123456789abcdef", "/tmp/.X11-unix/X0",
		"rudp1w01-0123456789abcdef", "rudp1w4294967296-0123456789abcdef",
		"rudp1w7-0123456789abcdeF", "rudp1w7-0123456789abcde", "rudp1w7_0123456789abcdef",
		"rudp1eAAAAAAAAAAAAAAAAAAAAAB", "rudp2eAAAAAAAAAAAAAAAAAAAAAA",
		"rudp1e!AAAAAAAAAAAAAAAAAAAAA", "rudp1s0-0000000100000000",
		"rudp1s-0000000000500001",
	};
	/* clang-format on */
	struct rudp_name name;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cr_assert(eq(int, (int)parse_text(&name, texts[i]), RUDP_NAME_NONE), "%s",
			  texts[i]);
	cr_assert(
		eq(int, (int)parse_text(&name, "rudp1eAAAAAAAAAAAAAAAAAAAAAA"), RUDP_NAME_CONTROL));
	cr_assert(
		eq(int, (int)parse_text(&name, "rudp1w0-0123456789abcdef"), RUDP_NAME_WELL_KNOWN));
	cr_assert(
		eq(int, (int)parse_text(&name, "rudp1s0-0000000000500001"), RUDP_NAME_PORT_SHARE));
	cr_assert(eq(int, name.port, 80));
	cr_assert(eq(int, name.share, 1));
}

Test(names, path_and_unnamed_sockets_are_not_ours)
{
	struct rudp_name name;
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "rudp1eAAAAAAAAAAAAAAAAAAAAAA"};

	cr_assert(eq(int, (int)rudp_name_parse(&name, &un, sizeof un), RUDP_NAME_NONE));
	cr_assert(eq(int, (int)rudp_name_parse(&name, &un, sizeof un.sun_family), RUDP_NAME_NONE));
	un.sun_family = AF_INET;
	cr_assert(eq(int, (int)rudp_name_parse(&name, &un, sizeof un), RUDP_NAME_NONE));
}

Test(names, the_name_of_the_join_listener_is_a_relative_path)
{
	struct rudp_name before = some_name(RUDP_NAME_JOIN), after;
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&before, &un);

	cr_assert(eq(sz, (size_t)len,
		     offsetof(struct sockaddr_un, sun_path) + strlen(un.sun_path) + 1));
	cr_assert(zero(int, strncmp(un.sun_path, "rudp1j", 6)));
	cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len), RUDP_NAME_JOIN));
	cr_assert(zero(int, memcmp(&before, &after, sizeof before)));
	cr_assert(rudp_name_is_connection(&un, len));
	cr_assert(not(rudp_name_is_connection(&un, len - 1)));
	un.sun_path[5] = 'c';
	cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len), RUDP_NAME_NONE));
	cr_assert(not(rudp_name_is_connection(&un, len)));
	cr_assert(eq(int, (int)parse_text(&after, "rudp1jAAAAAAAAAAAAAAAAAAAAAA"), RUDP_NAME_NONE));
}

Test(names, bound_name_without_address_keeps_none)
{
	struct rudp_name before = {.kind = RUDP_NAME_BOUND, .id = 7}, after;
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&before, &un);

	cr_assert(eq(int, (int)rudp_name_parse(&after, &un, len), RUDP_NAME_NONE));
}

Test(names, nonce_text_survives_a_round_trip)
{
	srand(4);
	for (int round = 0; round < ROUNDS; round++) {
		struct rudp_name name = some_name(RUDP_NAME_CONTROL);
		struct rudp_nonce back;
		char text[23];

		rudp_nonce_write(&name.nonce, text);
		cr_assert(eq(sz, strlen(text), 22));
		cr_assert(rudp_nonce_parse(&back, text));
		cr_assert(eq(int, memcmp(&back, &name.nonce, sizeof back), 0));
	}
}

Test(names, malformed_nonce_leaves_the_old_one)
{
	struct rudp_nonce nonce = {.bytes = {9}}, same = nonce;

	cr_assert(not(rudp_nonce_parse(&nonce, "")));
	cr_assert(not(rudp_nonce_parse(&nonce, "AAAAAAAAAAAAAAAAAAAAA")));
	cr_assert(not(rudp_nonce_parse(&nonce, "AAAAAAAAAAAAAAAAAAAAAAA")));
	cr_assert(not(rudp_nonce_parse(&nonce, "AAAAAAAAAA+AAAAAAAAAAA")));
	cr_assert(not(rudp_nonce_parse(&nonce, "AAAAAAAAAAAAAAAAAAAAAB")));
	cr_assert(eq(int, memcmp(&nonce, &same, sizeof nonce), 0));
}
