/* SPDX-License-Identifier: MIT */
#include "engine/confine/proc_read.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/config/config_open.h"
#include "engine/config/policy.h"
#include "engine/config/settings.h"

static const char *const files[] = {
#define FILE_NAME(name, file) file,
	RUDP_PROC_FILES(FILE_NAME)
#undef FILE_NAME
};

static struct rudp_proc_question *supervisor_question;
static int64_t paused_until_ns;
static bool
	owes_descriptor; /* a request to open a file timed out; its descriptor may still arrive */

/* Reads at most size - 1 bytes, without the supervisor's help. */
static ssize_t read_proc(uint32_t pid, unsigned file, char *text, size_t size)
{
	char path[48];
	ssize_t len;

	snprintf(path, sizeof path, "/proc/%u/%s", pid, files[file]);
	if (file != RUDP_PROC_EXE)
		return rudp_read_text(path, text, size);
	len = readlink(path, text, size - 1);
	return len < 0 ? -errno : len;
}

static void wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool wait_for_answer(struct rudp_proc_question *question, uint32_t number, int64_t wait_ns)
{
	int64_t until_ns = rudp_clock_now_ns() + wait_ns;
	int64_t left_ns = wait_ns;
	uint32_t seen;

	while ((seen = atomic_load(&question->answered)) != number && left_ns > 0) {
		const struct timespec timeout = {0, left_ns};

		syscall(SYS_futex, &question->answered, FUTEX_WAIT, seen, &timeout, NULL, 0);
		left_ns = until_ns - rudp_clock_now_ns();
	}
	return seen == number;
}

/*
 * false: the supervisor cannot be asked now. While it still works on an earlier question, a new one
 * would be mixed up with it.
 */
static bool may_ask(struct rudp_proc_question *question)
{
	bool is_answered = atomic_load(&question->answered) == atomic_load(&question->asked);

	if (owes_descriptor && is_answered) {
		owes_descriptor = false;
		if (question->len >= 0)
			close(question->len);
	}
	return question->wake_fd && is_answered && rudp_clock_now_ns() >= paused_until_ns;
}

/* Returns the supervisor's answer, or -ETIMEDOUT. */
static int32_t put_question(struct rudp_proc_question *question, int64_t wait_ns)
{
	static const uint64_t one = 1;
	uint32_t number = atomic_load(&question->asked) + 1;

	atomic_store(&question->asked, number);
	if (write(question->wake_fd, &one, sizeof one) == sizeof one &&
	    wait_for_answer(question, number, wait_ns))
		return question->len;
	paused_until_ns = rudp_clock_now_ns() + RUDP_PROC_READ_PAUSE_NS;
	return -ETIMEDOUT;
}

static ssize_t ask(struct rudp_proc_question *question, uint32_t pid, unsigned file, char *text,
		   size_t size)
{
	ssize_t len;

	if (!may_ask(question))
		return -EACCES;
	question->pid = pid;
	question->file = file;
	len = put_question(question, RUDP_PROC_READ_WAIT_NS);
	if (len > (ssize_t)size)
		len = (ssize_t)size;
	if (len > 0)
		memcpy(text, question->text, (size_t)len);
	return len;
}

ssize_t rudp_proc_read(uint32_t pid, enum rudp_proc_file file, char *text, size_t size)
{
	ssize_t len = read_proc(pid, file, text, size);

	/* ENOENT: with hidepid (proc(5)) /proc hides processes that this one may not inspect. */
	if (supervisor_question && (len == -EACCES || len == -EPERM || len == -ENOENT))
		len = ask(supervisor_question, pid, file, text, size - 1);
	text[len > 0 ? len : 0] = 0;
	return len;
}

static int ask_to_open(const char *path, bool append)
{
	struct rudp_proc_question *question = supervisor_question;
	int fd;

	if (strlen(path) >= sizeof question->text)
		return -ENAMETOOLONG;
	if (!may_ask(question))
		return -ETIMEDOUT;
	strcpy(question->text, path);
	question->file = append ? RUDP_PROC_OPEN_APPEND : RUDP_PROC_OPEN_READ;
	fd = put_question(question, RUDP_PROC_OPEN_WAIT_NS);
	owes_descriptor = fd == -ETIMEDOUT;
	return fd;
}

void rudp_proc_read_via(struct rudp_proc_question *question)
{
	supervisor_question = question;
	rudp_config_open_by(question ? ask_to_open : NULL);
	paused_until_ns = 0;
}

static bool is_entry_of(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return len && strncmp(path, directory, len) == 0 && path[len] == '/' &&
	       !strchr(path + len + 1, '/') && strcmp(path + len + 1, "..") != 0;
}

static bool is_configured(const struct rudp_settings *settings, const char *path, bool append)
{
	enum rudp_identity_file file;
	const char *policy;

	if (rudp_identity_files_has(&settings->identities, path, &file))
		return !append || file == RUDP_FILE_KNOWN_HOSTS;
	if (append)
		return false;
	for (unsigned i = 0; (policy = rudp_policy_file_path(settings->policy, i)) != NULL; i++)
		if (strcmp(path, policy) == 0)
			return true;
	return settings->keys.path[0] &&
	       (strcmp(path, settings->keys.path) == 0 || is_entry_of(path, settings->keys.path));
}

/* Checks a copy of the path: the engine could change the shared text in between. */
static int open_configured(const struct rudp_proc_question *question,
			   struct rudp_settings *settings, bool append)
{
	char path[RUDP_PROC_READ_BYTES];
	int fd;

	memcpy(path, question->text, sizeof path);
	path[sizeof path - 1] = 0;
	if (!is_configured(settings, path, append))
		rudp_settings_refresh(settings, rudp_clock_now_ns());
	if (!is_configured(settings, path, append))
		return -EACCES;
	fd = append ? rudp_config_open_append(path) : rudp_config_open(path);
	return fd < 0 ? -errno : fd;
}

void rudp_proc_read_answer(struct rudp_proc_question *question, struct rudp_settings *settings)
{
	uint32_t number = atomic_load(&question->asked), file = question->file;
	ssize_t len;

	if (number == atomic_load(&question->answered))
		return;
	if (file < RUDP_PROC_COUNT)
		len = read_proc(question->pid, file, question->text, sizeof question->text);
	else
		len = open_configured(question, settings, file == RUDP_PROC_OPEN_APPEND);
	question->len = (int32_t)len;
	atomic_store(&question->answered, number);
	wake(&question->answered);
}
