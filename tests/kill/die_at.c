/* SPDX-License-Identifier: MIT */
/*
 * die_at - kills the program that it is loaded into (LD_PRELOAD), like kill -9, at its step number
 * DIE_AT. A step is a call that writes to a file or descriptor, waits for the disk, or talks to a
 * peer. Every second call that writes has written half of its bytes by then. Without DIE_AT the
 * steps are counted, and the count is written to the file DIE_COUNT.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long steps;
static long fatal;
static const char *count_path;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("DIE_AT");

	fatal = text ? atol(text) : 0;
	count_path = getenv("DIE_COUNT");
}

__attribute__((destructor)) static void end(void)
{
	FILE *file = count_path ? fopen(count_path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "%ld\n", atomic_load(&steps));
	fclose(file);
}

/* Is this the last step? */
static int is_last(void)
{
	return atomic_fetch_add(&steps, 1) + 1 == fatal;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

#define EXPORT __attribute__((visibility("default")))

EXPORT ssize_t write(int fd, const void *bytes, size_t length)
{
	if (is_last())
		die();
	return REAL(write)(fd, bytes, length);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	if (is_last()) {
		if (fatal % 2)
			(void)!REAL(pwrite)(fd, bytes, length / 2, offset);
		die();
	}
	return REAL(pwrite)(fd, bytes, length, offset);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (is_last()) {
		if (fatal % 2)
			(void)!REAL(write)(fd, iov[0].iov_base, iov[0].iov_len / 2);
		die();
	}
	return REAL(writev)(fd, iov, count);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (is_last()) {
		if (fatal % 2 && message->msg_iovlen > 0)
			(void)!REAL(send)(fd, message->msg_iov[0].iov_base,
					  message->msg_iov[0].iov_len / 2, flags);
		die();
	}
	return REAL(sendmsg)(fd, message, flags);
}

EXPORT ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
	if (is_last())
		die();
	return REAL(recv)(fd, bytes, length, flags);
}

EXPORT int fdatasync(int fd)
{
	if (is_last())
		die();
	return REAL(fdatasync)(fd);
}

EXPORT int fsync(int fd)
{
	if (is_last())
		die();
	return REAL(fsync)(fd);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t length)
{
	if (is_last())
		die();
	return REAL(fallocate)(fd, mode, offset, length);
}
