/* SPDX-License-Identifier: MIT */
#include "engine/control/caller_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/config/config_open.h"
#include "engine/confine/proc_read.h"

#define STATUS_BYTES 512 /* enough to reach the Uid line */
#define USERS_BYTES 256
#define MOUNTS_BYTES 32768   /* the line of the root directory is one of the first */
#define AUXILIARY_BYTES 1024 /* twice what the kernel provides today */

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* since Linux 6.5 */
#endif
#ifndef PIDFD_GET_USER_NAMESPACE
#define PIDFD_GET_USER_NAMESPACE _IO(0xff, 9) /* since Linux 6.11 */
#endif

/*
 * A pidfd of the process that connected, even if its pid was reused. -1: it has ended, or the
 * kernel is too old (*is_known: false).
 */
static int open_process(const struct rudp_call *call, bool *is_known)
{
	int fd = -1;
	socklen_t len = sizeof fd;
	int rc = getsockopt(call->fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &len);

	*is_known = rc == 0 || errno != ENOPROTOOPT;
	if (rc < 0)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static bool has_ended(int process)
{
	struct pollfd one = {.fd = process, .events = POLLIN};

	return poll(&one, 1, 0) != 0;
}

/* Compares uid_map, which every process may read of every other. */
static bool has_uid_map(uint32_t pid, const char *ours)
{
	char theirs[USERS_BYTES];

	return rudp_proc_read(pid, RUDP_PROC_UID_MAP, theirs, sizeof theirs) >= 0 &&
	       strcmp(theirs, ours) == 0;
}

/* The inode number of the user namespace; 0: the kernel does not tell. */
static uint64_t user_namespace_of(int process)
{
	int fd = ioctl(process, PIDFD_GET_USER_NAMESPACE, 0);
	struct stat status;
	uint64_t number = fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;

	if (fd >= 0)
		close(fd);
	return number;
}

static uint64_t own_user_namespace(void)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	uint64_t number = self >= 0 ? user_namespace_of(self) : 0;

	if (self >= 0)
		close(self);
	return number;
}

/* otherwise: the result if the kernel does not tell and the maps cannot be compared. */
static bool is_in_our_user_namespace(const struct rudp_call *call, int process, bool otherwise)
{
	uint64_t ours = process >= 0 ? own_user_namespace() : 0;
	uint64_t theirs = ours ? user_namespace_of(process) : 0;
	char users[USERS_BYTES];

	if (theirs)
		return theirs == ours;
	if (!call->pid || rudp_read_text("/proc/self/uid_map", users, sizeof users) < 0)
		return !ours && otherwise;
	return has_uid_map(call->pid, users) && (process < 0 || !has_ended(process));
}

/* The directory that a process sees as "/": a device, and a directory there. */
struct root {
	char device[32], directory[512];
};

/*
 * Reads the root directory from a mountinfo file (proc(5)), which every process may read of every
 * other, even of one that is not dumpable. Returns false if its first MOUNTS_BYTES do not contain
 * it.
 */
static bool read_root(const char *path, struct root *root)
{
	FILE *file = fopen(path, "re");
	char line[4096], point[3];
	size_t bytes = 0;
	bool is_found = false;

	while (file && !is_found && bytes < MOUNTS_BYTES && fgets(line, sizeof line, file)) {
		bytes += strlen(line);
		is_found = sscanf(line, "%*u %*u %31s %511s %2s", root->device, root->directory,
				  point) == 3 &&
			   strcmp(point, "/") == 0;
	}
	if (file)
		(void)fclose(file);
	return is_found;
}

/*
 * true, too, without /proc. A sandbox with a mount namespace of its own has the root directory of
 * its host, as most services of systemd do. A container has another.
 */
static bool has_our_root(const struct rudp_call *call, int process)
{
	struct root ours, theirs;
	char path[48];

	if (!read_root("/proc/thread-self/mountinfo", &ours))
		return true;
	snprintf(path, sizeof path, "/proc/%u/mountinfo", call->pid);
	return call->pid && read_root(path, &theirs) && strcmp(ours.device, theirs.device) == 0 &&
	       strcmp(ours.directory, theirs.directory) == 0 &&
	       (process < 0 || !has_ended(process));
}

bool rudp_caller_shares_container(const struct rudp_call *call)
{
	bool is_known;
	int process = open_process(call, &is_known);
	bool is_shared = (process >= 0 || !is_known) &&
			 is_in_our_user_namespace(call, process, true) &&
			 has_our_root(call, process);

	if (process >= 0)
		close(process);
	return is_shared;
}

/* The process still has the uid of the call: it has not executed a set-user-ID program since. */
static bool has_same_user(const struct rudp_call *call)
{
	char text[STATUS_BYTES];
	const char *line;
	uint32_t effective;

	if (rudp_proc_read(call->pid, RUDP_PROC_STATUS, text, sizeof text) < 0)
		return false;
	line = strstr(text, "\nUid:");
	return line && sscanf(line, "\nUid: %*u %" SCNu32, &effective) == 1 &&
	       effective == call->uid;
}

/* The auxiliary vector, which the kernel gives a program when it is executed (getauxval(3)). */
struct auxiliary {
	char bytes[AUXILIARY_BYTES];
	ssize_t len;
};

static void read_auxiliary(struct auxiliary *vector, uint32_t pid)
{
	vector->len = rudp_proc_read(pid, RUDP_PROC_AUXV, vector->bytes, sizeof vector->bytes);
}

static bool was_executed_with_more_rights(const struct auxiliary *vector)
{
	ElfW(auxv_t) entry;

	for (ssize_t i = 0; i + (ssize_t)sizeof entry <= vector->len; i += (ssize_t)sizeof entry) {
		memcpy(&entry, vector->bytes + i, sizeof entry);
		if (entry.a_type == AT_SECURE)
			return entry.a_un.a_val != 0;
	}
	return true; /* not known */
}

/* The vector has addresses that differ in each execution (address space layout randomization). */
static bool is_same_program(const struct auxiliary *a, const struct auxiliary *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, (size_t)a->len) == 0;
}

static bool has_capability_now(uint32_t pid, unsigned capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, (int)pid};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &header, sets) == 0 &&
	       sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

/* The vector is read before and after the capability, to be sure that both belong to one
 * program. */
static bool has_without_execution(const struct rudp_call *call, unsigned capability)
{
	struct auxiliary before, after;

	if (call->uid == 0 || call->pid == (uint32_t)getpid())
		return has_capability_now(call->pid, capability);
	read_auxiliary(&before, call->pid);
	if (was_executed_with_more_rights(&before) || !has_capability_now(call->pid, capability))
		return false;
	read_auxiliary(&after, call->pid);
	return is_same_program(&before, &after);
}

bool rudp_caller_has_capability(const struct rudp_call *call, unsigned capability)
{
	bool is_known, has;
	int process = open_process(call, &is_known);

	has = call->pid && (process >= 0 || !is_known) && has_without_execution(call, capability) &&
	      is_in_our_user_namespace(call, process, false) && has_same_user(call) &&
	      (process < 0 || !has_ended(process));
	if (process >= 0)
		close(process);
	return has;
}
