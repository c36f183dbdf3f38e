/* SPDX-License-Identifier: MIT */
/*
 * Programs that close all descriptors they do not know. New connections work, and kept ones stay
 * open.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/traffic.h"

#define KEPT_CLIENT 50
#define KEPT_SERVER 51
#define FIRST_CLOSED 52

static void by_closefrom(void)
{
	closefrom(FIRST_CLOSED);
}

static void by_close_range(void)
{
	close_range(FIRST_CLOSED, ~0u, 0);
}

static void by_raw_close_range(void)
{
	syscall(SYS_close_range, FIRST_CLOSED, ~0u, 0);
}

static void by_close_range_unshared(void)
{
	close_range(FIRST_CLOSED, ~0u, CLOSE_RANGE_UNSHARE);
}

static void by_loop(void)
{
	long end = sysconf(_SC_OPEN_MAX);

	for (int fd = FIRST_CLOSED; fd < (end < 4096 ? end : 4096); fd++)
		close(fd);
}

static void by_walk(void)
{
	int found[256], count = 0;
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	must(directory != NULL, "opendir");
	while ((entry = readdir(directory)) && count < 256)
		found[count++] = atoi(entry->d_name);
	closedir(directory);
	for (int i = 0; i < count; i++)
		if (found[i] >= FIRST_CLOSED)
			close(found[i]);
}

static void close_everything(void (*how)(void))
{
	int client, server, doomed[2];
	char byte = 0;

	connected_pair(AF_INET, &client, &server);
	connected_pair(AF_INET, &doomed[0], &doomed[1]);
	must(dup2(client, KEPT_CLIENT) > 0 && dup2(server, KEPT_SERVER) > 0, "dup2");
	close(client);
	close(server);
	must(dup2(doomed[0], 60) == 60 && dup2(doomed[1], 45) == 45, "dup2");
	close(doomed[0]);
	close(doomed[1]);
	must(dup2(RESULT_FD, 48) == 48, "dup2");
	how();
	must(dup2(48, RESULT_FD) >= 0, "dup2");
	say_rest("peer of the closed one", 45);
	must(write(KEPT_CLIENT, "y", 1) == 1 && read(KEPT_SERVER, &byte, 1) == 1, "kept");
	say("the kept one passes %c", byte);
	say_new_connection("a new connection");
}

CHECK(closefrom_spares_what_was_kept)
{
	close_everything(by_closefrom);
}

CHECK(close_range_spares_what_was_kept)
{
	close_everything(by_close_range);
}

CHECK(raw_close_range_spares_what_was_kept)
{
	close_everything(by_raw_close_range);
}

CHECK(close_range_unshared_spares_what_was_kept)
{
	close_everything(by_close_range_unshared);
}

CHECK(a_closing_loop_spares_what_was_kept)
{
	close_everything(by_loop);
}

CHECK(a_walk_through_proc_spares_what_was_kept)
{
	close_everything(by_walk);
}

CHECK(everything_closed_from_zero_leaves_a_new_connection)
{
	say_new_connection("before");
	for (int fd = 0; fd < 1024; fd++)
		if (fd != RESULT_FD)
			close(fd);
	say_new_connection("a new connection");
}
