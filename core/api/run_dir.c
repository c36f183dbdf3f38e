/* SPDX-License-Identifier: MIT */
#include "api/run_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "api/environment.h"
#include "api/raw_syscall.h"
#include "base/split_mix.h"

#define OVERFLOW_UID 65534 /* the default of kernel.overflowuid, which is hardly ever changed */
#define ALL_USERS_MAPPED "         0          0 4294967295"

#define NETWORK "/proc/thread-self/ns/net"
#define USERS "/proc/thread-self/ns/user"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* since Linux 5.14 */
#endif

static bool lstat_of(const char *path, struct stat *status)
{
	return rudp_raw_syscall(SYS_newfstatat, AT_FDCWD, (long)path, (long)status,
				AT_SYMLINK_NOFOLLOW, 0, 0) == 0 &&
	       S_ISDIR(status->st_mode);
}

/* A user who may rename entries of the parent directory could replace ours. */
static bool is_safe_parent(const char *dir, uint32_t uid)
{
	struct stat status;

	return lstat_of(dir, &status) && (status.st_uid == uid || status.st_uid == 0) &&
	       (!(status.st_mode & (S_IWGRP | S_IWOTH)) || status.st_mode & S_ISVTX);
}

/* In the initial user namespace every user is mapped to itself. */
static bool maps_all_users(void)
{
	char text[sizeof ALL_USERS_MAPPED - 1];
	long fd = rudp_raw_syscall(SYS_openat, AT_FDCWD, (long)"/proc/self/uid_map",
				   O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long n;

	if (fd < 0)
		return false;
	n = rudp_raw_syscall(SYS_read, fd, (long)text, sizeof text, 0, 0, 0);
	rudp_raw_close((int)fd);
	return n == (long)sizeof text && memcmp(text, ALL_USERS_MAPPED, sizeof text) == 0;
}

static bool fits(int len)
{
	return len > 0 && len < RUDP_RUN_DIR_SIZE;
}

static bool session_place(uint32_t uid, char *dir)
{
	const char *given = rudp_environment_get("XDG_RUNTIME_DIR");

	return given && given[0] == '/' && is_safe_parent(given, uid) &&
	       fits(snprintf(dir, RUDP_RUN_DIR_SIZE, "%s/rudp", given));
}

bool rudp_run_dir_place(unsigned number, uint32_t uid, char dir[RUDP_RUN_DIR_SIZE])
{
	if (uid == OVERFLOW_UID && !maps_all_users())
		return false;
	switch (number) {
	case 0:
		return session_place(uid, dir);
	case 1:
		return uid == 0 ? fits(snprintf(dir, RUDP_RUN_DIR_SIZE, "/run/rudp"))
				: fits(snprintf(dir, RUDP_RUN_DIR_SIZE, "/run/user/%u/rudp", uid));
	case 2:
		return fits(snprintf(dir, RUDP_RUN_DIR_SIZE, "/tmp/rudp-%u", uid));
	case 3:
		return fits(snprintf(dir, RUDP_RUN_DIR_SIZE, "/dev/shm/rudp-%u", uid));
	default:
		return false;
	}
}

bool rudp_run_dir_is_private(const char *dir, uint32_t uid)
{
	struct stat status;

	return lstat_of(dir, &status) && status.st_uid == uid &&
	       !(status.st_mode & (S_IRWXG | S_IRWXO));
}

/* Returns 0 without /proc. */
static uint64_t number_of(const char *namespace)
{
	struct stat status;

	if (rudp_raw_syscall(SYS_newfstatat, AT_FDCWD, (long)namespace, (long)&status, 0, 0, 0) ==
	    0)
		return status.st_ino;
	return 0;
}

static uint64_t network_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	if (rudp_raw_getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0)
		return cookie;
	return number_of(NETWORK);
}

/* Differs between containers, also if they share a user namespace. */
static uint64_t container_number(void)
{
	struct stat root = {0};
	uint64_t number = number_of(USERS) << 32;

	(void)lstat_of("/", &root);
	number ^= root.st_dev;
	number = rudp_split_mix(&number) ^ root.st_ino;
	return rudp_split_mix(&number);
}

void rudp_run_dir_place_name(struct rudp_name *name, int fd)
{
	name->network = network_of(fd);
	if (name->kind == RUDP_NAME_WELL_KNOWN)
		name->network ^= container_number();
}
