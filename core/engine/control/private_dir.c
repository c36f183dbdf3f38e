/* SPDX-License-Identifier: MIT */
#include "engine/control/private_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define FILE_PREFIX "rudp1"
#define OWN_FDS "/proc/thread-self/fd" /* an engine in a thread has its own descriptor table */

static const char *fd_prefix = OWN_FDS "/";

/* The umask of an earlier program may have taken the owner's rights from the directory. */
static bool is_usable(const char *dir)
{
	return access(dir, R_OK | W_OK | X_OK) == 0 ||
	       (chmod(dir, S_IRWXU) == 0 && access(dir, R_OK | W_OK | X_OK) == 0);
}

bool rudp_private_dir_make(uint32_t uid, char dir[RUDP_RUN_DIR_SIZE])
{
	for (unsigned i = 0; i < RUDP_RUN_DIR_PLACES; i++) {
		if (!rudp_run_dir_place(i, uid, dir) ||
		    (mkdir(dir, S_IRWXU) < 0 && errno != EEXIST))
			continue;
		if (rudp_run_dir_is_private(dir, uid) && is_usable(dir))
			return true;
	}
	dir[0] = 0;
	return false;
}

/*
 * Another process has kept the lock for too long, such as an engine that is stopped. Until the lock
 * was free once, nothing waits for it again.
 */
static atomic_bool is_kept;

/* Returns 0, -EWOULDBLOCK: another process keeps the lock, or -errno. */
static int wait_for_lock(int fd)
{
	const int64_t end_at_ns = rudp_clock_now_ns() + RUDP_PRIVATE_DIR_LOCK_NS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (is_kept || rudp_clock_now_ns() >= end_at_ns) {
			is_kept = true;
			return -EWOULDBLOCK;
		}
		(void)poll(NULL, 0, 1);
	}
	is_kept = false;
	return 0;
}

static int open_dir(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * Opens and locks the directory; close() unlocks it. If another process keeps the lock, the
 * directory is not locked. Returns -errno on failure.
 */
static int lock(const char *dir)
{
	int fd = open_dir(dir);
	int rc;

	if (fd < 0)
		return -errno;
	rc = wait_for_lock(fd);
	if (rc == 0 || rc == -EWOULDBLOCK)
		return fd;
	close(fd);
	return rc;
}

/*
 * Connects with the wrong socket type: a socket that is open answers EPROTOTYPE and is not
 * disturbed; one without holder answers ECONNREFUSED.
 */
static bool is_left_behind(const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)un, len) < 0 &&
		       errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

static void remove_if_left_behind(const char *dir, const char *file)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int len = snprintf(un.sun_path, sizeof un.sun_path, "%s/%s", dir, file);

	if (len > 0 && len < (int)sizeof un.sun_path && is_left_behind(&un, sizeof un))
		(void)unlink(un.sun_path);
}

void rudp_private_dir_clean(const char *dir)
{
	int lock_fd = open_dir(dir);
	DIR *entries = lock_fd >= 0 && wait_for_lock(lock_fd) == 0 ? opendir(dir) : NULL;
	const struct dirent *entry;

	for (int i = 0; entries && i < RUDP_PRIVATE_DIR_CLEAN_MAX && (entry = readdir(entries));
	     i++)
		if (strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
			remove_if_left_behind(dir, entry->d_name);
	if (entries)
		closedir(entries);
	if (lock_fd >= 0)
		close(lock_fd);
}

static int bind_or_replace(int fd, const struct sockaddr_un *un, socklen_t len)
{
	if (bind(fd, (const struct sockaddr *)un, len) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!is_left_behind(un, len))
		return -EADDRINUSE;
	if (unlink(un->sun_path) < 0 || bind(fd, (const struct sockaddr *)un, len) < 0)
		return -errno;
	return 0;
}

int rudp_private_dir_listen(const char *dir, int fd, const struct sockaddr_un *un, socklen_t len,
			    int backlog)
{
	int lock_fd = lock(dir);
	int rc;

	if (lock_fd < 0)
		return lock_fd;
	rc = bind_or_replace(fd, un, len);
	if (rc == 0 && listen(fd, backlog) < 0)
		rc = -errno;
	close(lock_fd);
	return rc;
}

static bool path_of(int fd, struct sockaddr_un *un)
{
	socklen_t len = sizeof *un - 1;

	*un = (struct sockaddr_un){0};
	return getsockname(fd, (struct sockaddr *)un, &len) == 0 && un->sun_path[0];
}

uint64_t rudp_private_dir_inode(int fd)
{
	struct sockaddr_un un;
	struct stat status;

	return path_of(fd, &un) && lstat(un.sun_path, &status) == 0 ? status.st_ino : 0;
}

void rudp_private_dir_remove(int fd, uint64_t inode)
{
	struct sockaddr_un un;

	if (rudp_private_dir_inode(fd) == inode && path_of(fd, &un))
		(void)unlink(un.sun_path);
}

/*
 * If the descriptor table is full, open() fails at first. Closing the lock frees a number, so the
 * second try succeeds.
 */
static int bind_and_hide(int fd, const struct sockaddr_un *un, socklen_t len, int lock_fd)
{
	int path_fd;

	if (bind(fd, (const struct sockaddr *)un, len) < 0) {
		int rc = -errno;

		close(lock_fd);
		return rc;
	}
	path_fd = open(un->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	close(lock_fd);
	if (path_fd < 0)
		path_fd = open(un->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	(void)unlink(un->sun_path);
	return path_fd < 0 ? -EOWNERDEAD : path_fd;
}

int rudp_private_dir_bind(const char *dir, int fd, const struct sockaddr_un *un, socklen_t len)
{
	int lock_fd;

	if (access(OWN_FDS, X_OK) < 0)
		return -errno;
	lock_fd = lock(dir);
	if (lock_fd < 0)
		return lock_fd;
	return bind_and_hide(fd, un, len, lock_fd);
}

void rudp_private_dir_enter_descriptors(void)
{
	fd_prefix = chdir(OWN_FDS) == 0 ? "" : OWN_FDS "/";
}

socklen_t rudp_private_dir_address(int path_fd, struct sockaddr_un *un)
{
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(un->sun_path, sizeof un->sun_path, "%s%d", fd_prefix, path_fd);
	return sizeof *un;
}

bool rudp_private_dir_is_open(int path_fd, int probe_fd)
{
	struct sockaddr_un un;
	socklen_t len = rudp_private_dir_address(path_fd, &un);

	return connect(probe_fd, (struct sockaddr *)&un, len) == 0 || errno != ECONNREFUSED;
}
