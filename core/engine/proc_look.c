/* SPDX-License-Identifier: MIT */
#include "engine/proc_look.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const files[] = {
#define FILE_NAME(name, file) file,
	RUDP_PROC_FILES(FILE_NAME)
#undef FILE_NAME
};

static struct rudp_proc_question *via;
static int64_t silent_until_ns;

void rudp_proc_look_via(struct rudp_proc_question *question)
{
	via = question;
	silent_until_ns = 0;
}

static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, size);
	if (len < 0)
		len = -errno;
	close(fd);
	return len;
}

/* By this process itself. */
static ssize_t look(uint32_t pid, unsigned file, char *text, size_t size)
{
	char path[48];
	ssize_t len;

	snprintf(path, sizeof path, "/proc/%u/%s", pid, files[file]);
	if (file != RUDP_PROC_EXE)
		return read_file(path, text, size);
	len = readlink(path, text, size);
	return len < 0 ? -errno : len;
}

static void wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool wait_for_answer(struct rudp_proc_question *question, uint32_t number)
{
	int64_t until_ns = rudp_clock_now_ns(&rudp_clock_monotonic) + RUDP_PROC_LOOK_WAIT_NS;
	int64_t left_ns = RUDP_PROC_LOOK_WAIT_NS;
	uint32_t seen;

	while ((seen = atomic_load(&question->answered)) != number && left_ns > 0) {
		const struct timespec timeout = {0, left_ns};

		syscall(SYS_futex, &question->answered, FUTEX_WAIT, seen, &timeout, NULL, 0);
		left_ns = until_ns - rudp_clock_now_ns(&rudp_clock_monotonic);
	}
	return seen == number;
}

static ssize_t ask(struct rudp_proc_question *question, uint32_t pid, unsigned file, char *text,
		   size_t size)
{
	static const uint64_t one = 1;
	uint32_t number = atomic_load(&question->asked) + 1;
	int64_t now_ns = rudp_clock_now_ns(&rudp_clock_monotonic);
	ssize_t len;

	if (!question->wake_fd || now_ns < silent_until_ns)
		return -EACCES;
	question->pid = pid;
	question->file = file;
	atomic_store(&question->asked, number);
	if (write(question->wake_fd, &one, sizeof one) < 0 || !wait_for_answer(question, number)) {
		silent_until_ns = now_ns + RUDP_PROC_LOOK_PAUSE_NS;
		return -ETIMEDOUT;
	}
	len = question->len;
	if (len > (ssize_t)size)
		len = (ssize_t)size;
	if (len > 0)
		memcpy(text, question->text, (size_t)len);
	return len;
}

ssize_t rudp_proc_look(uint32_t pid, enum rudp_proc_file file, char *text, size_t size)
{
	ssize_t len = look(pid, file, text, size - 1);

	/* ENOENT: /proc may hide the programs that a process may not look into (hidepid, proc(5)). */
	if (via && (len == -EACCES || len == -EPERM || len == -ENOENT))
		len = ask(via, pid, file, text, size - 1);
	text[len > 0 ? len : 0] = 0;
	return len;
}

void rudp_proc_look_answer(struct rudp_proc_question *question)
{
	uint32_t number = atomic_load(&question->asked);
	ssize_t len = -EINVAL;

	if (number == atomic_load(&question->answered))
		return;
	if (question->file < RUDP_PROC_COUNT)
		len = look(question->pid, question->file, question->text, sizeof question->text);
	question->len = (int32_t)len;
	atomic_store(&question->answered, number);
	wake(&question->answered);
}
