/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"

#define STEPS 3000

static int fresh(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert(ge(int, fd, 0));
	return fd;
}

static int marked(void)
{
	int fd = fresh();

	cr_assert(eq(int, rudp_mark_set(fd, 0), 0));
	return fd;
}

Test(mark, foreign_sockets_carry_none)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	errno = 77;
	cr_assert(eq(int, rudp_mark_get(fresh()), -1));
	cr_assert(eq(int, rudp_mark_get(tcp), -1));
	cr_assert(eq(int, rudp_mark_get(-1), -1));
	cr_assert(eq(int, rudp_mark_get(0), -1));
	cr_assert(eq(int, errno, 77));
}

Test(mark, survives_dup_and_keeps_every_flag)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		int fd = fresh(), copy;

		cr_assert(eq(int, rudp_mark_set(fd, flags), 0));
		copy = dup(fd);
		cr_assert(eq(int, rudp_mark_get(copy), (int)flags));
		close(fd);
		close(copy);
	}
}

Test(mark, a_rate_of_the_program_is_no_mark)
{
	static const uint64_t rates[] = {
		0, 1, 125000000, UINT64_MAX, UINT64_C(0x7264) << 32, UINT64_C(0x7264000000010000)};
	int fd = fresh();

	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rates[i], sizeof rates[i]);
		cr_assert(eq(int, rudp_mark_get(fd), -1));
	}
}

Test(mark, setting_it_on_no_socket_says_why)
{
	cr_assert(eq(int, rudp_mark_set(-1, 0), -EBADF));
}

Test(stored, is_empty_at_first)
{
	struct rudp_stored_options stored = {.count = 5};
	int fd = marked();

	cr_assert(eq(int, rudp_stored_options_get(fd, &stored), 0));
	cr_assert(eq(int, stored.count, 0));
	stored.count = 5;
	cr_assert(eq(int, rudp_stored_options_get(fresh(), &stored), 0));
	cr_assert(eq(int, stored.count, 0));
}

Test(stored, options_are_stored_only_in_a_marked_socket)
{
	struct rudp_option option = {IPPROTO_TCP, TCP_MAXSEG, 1};

	cr_assert(lt(int, rudp_stored_options_put(fresh(), &option), 0));
}

Test(stored, refuses_what_fits_no_instruction)
{
	struct rudp_option options[] = {
		{IPPROTO_TCP, 256, 1}, {IPPROTO_TCP, -1, 1}, {IPPROTO_UDP, 1, 1}};
	int fd = marked();

	for (size_t i = 0; i < 3; i++)
		cr_assert(eq(int, rudp_stored_options_put(fd, &options[i]), -EINVAL));
	cr_assert(eq(int, rudp_mark_get(fd), 0));
}

Test(stored, data_still_flows_beside_it)
{
	struct rudp_option option = {IPPROTO_TCP, TCP_KEEPIDLE, 5};
	int pair[2];
	char byte = 0;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0));
	cr_assert(eq(int, rudp_mark_set(pair[0], 0), 0));
	cr_assert(eq(int, rudp_stored_options_put(pair[0], &option), 0));
	cr_assert(eq(int, (int)send(pair[1], "x", 1, 0), 1));
	cr_assert(eq(int, (int)recv(pair[0], &byte, 1, MSG_DONTWAIT), 1));
	cr_assert(eq(chr, byte, 'x'));
}

static void put_in_model(struct rudp_stored_options *model, const struct rudp_option *option)
{
	for (int i = 0; i < model->count; i++)
		if (model->options[i].level == option->level &&
		    model->options[i].option == option->option) {
			model->options[i].value = option->value;
			return;
		}
	model->options[model->count++] = *option;
}

static int compare_with_model(int fd, const struct rudp_stored_options *model)
{
	struct rudp_stored_options stored;
	uint32_t value;

	if (rudp_stored_options_get(fd, &stored) != 0 || stored.count != model->count)
		return -1;
	for (int i = 0; i < model->count; i++)
		if (!rudp_stored_options_find(&stored, model->options[i].level,
					      model->options[i].option, &value) ||
		    value != model->options[i].value)
			return -1;
	return 0;
}

Test(stored, behaves_as_a_list_of_options)
{
	static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6};
	struct rudp_stored_options model = {.count = 0};
	int fd = marked();

	srand(1);
	for (int step = 0; step < STEPS; step++) {
		struct rudp_option option = {levels[rand() % 4], rand() % 14, (uint32_t)rand()};
		bool full = model.count == RUDP_STORED_OPTIONS_MAX;
		int rc = rudp_stored_options_put(fd, &option);

		if (rc == -ENOSPC) {
			uint32_t value;

			cr_assert(full);
			cr_assert(not(rudp_stored_options_find(&model, option.level, option.option,
							       &value)));
		} else {
			cr_assert(eq(int, rc, 0));
			put_in_model(&model, &option);
		}
		cr_assert(eq(int, compare_with_model(fd, &model), 0));
		if (step % 500 == 499) {
			close(fd);
			fd = marked();
			model.count = 0;
		}
	}
	cr_assert(eq(int, rudp_mark_get(fd) & ~RUDP_MARK_STORED_OPTIONS, 0));
}

Test(stored, is_copied_whole_to_another_socket)
{
	struct rudp_option option = {IPPROTO_TCP, TCP_KEEPIDLE, 5};
	struct rudp_stored_options stored;
	int from = marked(), to = marked();

	cr_assert(eq(int, rudp_stored_options_put(from, &option), 0));
	cr_assert(eq(int, rudp_stored_options_get(from, &stored), 0));
	cr_assert(eq(int, rudp_stored_options_write(to, &stored), 0));
	cr_assert(eq(int, compare_with_model(to, &stored), 0));
}

Test(stored, keeps_the_name_of_a_congestion_control)
{
	static const char *const names[] = {"bbr", "cubic", "", "fifteen-letters"};
	char name[RUDP_CONGESTION_BYTES];
	struct rudp_stored_options stored;
	int fd = marked();

	cr_assert(eq(int, rudp_stored_options_get(fd, &stored), 0));
	cr_assert(not(rudp_stored_options_find_congestion(&stored, name)));
	for (size_t i = 0; i < 4; i++) {
		cr_assert(eq(int, rudp_stored_options_put_congestion(fd, names[i]), 0));
		cr_assert(eq(int, rudp_stored_options_get(fd, &stored), 0));
		cr_assert(rudp_stored_options_find_congestion(&stored, name));
		cr_assert(eq(str, name, (char *)names[i]));
	}
	cr_assert(eq(int, rudp_stored_options_put_congestion(fd, "sixteen-letters!"), -EINVAL));
}
