/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/control/private_dir.h"

#define SOMEBODY 12345 /* has no capability, so the modes of files count */

static char session[] = "/tmp/rudp-test-XXXXXX";

/* The session's directory of a user without rights, who is the caller from now on. */
static uid_t enter_session(void)
{
	uid_t uid = geteuid() == 0 ? SOMEBODY : geteuid();

	cr_assert(ne(ptr, mkdtemp(session), NULL));
	cr_assert(zero(int, chown(session, uid, (gid_t)-1)));
	cr_assert(zero(int, setenv("XDG_RUNTIME_DIR", session, 1)));
	cr_assert(zero(int, setresuid(uid, uid, uid)));
	return uid;
}

static void leave_session(const char *dir)
{
	cr_assert(zero(int, rmdir(dir)));
	cr_assert(zero(int, rmdir(session)));
}

/* The umask of the program that starts the first engine must not change where later ones listen. */
Test(private_dir, is_usable_whatever_the_umask)
{
	static const mode_t masks[] = {0777, 0300, 0400, 022};
	char dir[RUDP_RUN_DIR_SIZE];
	uid_t uid = enter_session();

	for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		struct stat status;

		umask(masks[i]);
		cr_assert(rudp_private_dir_make(uid, dir), "umask %o", masks[i]);
		cr_assert(zero(int, strncmp(dir, session, strlen(session))), "%s", dir);
		cr_assert(zero(int, stat(dir, &status)));
		cr_assert(eq(uint, status.st_mode & 0777, 0700));
		if (i + 1 < sizeof masks / sizeof masks[0])
			cr_assert(zero(int, rmdir(dir)));
	}
	leave_session(dir);
}

/* As a program with such a umask could leave it before. */
Test(private_dir, without_rights_is_repaired)
{
	char dir[RUDP_RUN_DIR_SIZE];
	uid_t uid = enter_session();

	snprintf(dir, sizeof dir, "%s/rudp", session);
	cr_assert(zero(int, mkdir(dir, 0)));
	cr_assert(rudp_private_dir_make(uid, dir));
	cr_assert(zero(int, strncmp(dir, session, strlen(session))), "%s", dir);
	leave_session(dir);
}

static socklen_t path_in(const char *dir, const char *file, struct sockaddr_un *un)
{
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(un->sun_path, sizeof un->sun_path, "%s/%s", dir, file);
	return sizeof *un;
}

static int unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(ge(int, fd, 0));
	return fd;
}

/* As a stopped engine does. Another open file has a lock of its own, also in the same process. */
Test(private_dir, is_usable_while_another_process_keeps_its_lock, .timeout = 60)
{
	char dir[RUDP_RUN_DIR_SIZE];
	struct sockaddr_un old, un;
	uid_t uid = enter_session();
	int holder, left_behind = unix_socket(), listener = unix_socket(), bound = unix_socket();

	cr_assert(rudp_private_dir_make(uid, dir));
	cr_assert(zero(int,
		       bind(left_behind, (struct sockaddr *)&old, path_in(dir, "rudp1x", &old))));
	close(left_behind);
	holder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(zero(int, flock(holder, LOCK_EX)));
	rudp_private_dir_clean(dir);
	cr_assert(zero(int, access(old.sun_path, F_OK)), "a file was removed without the lock");
	cr_assert(zero(
		int, rudp_private_dir_listen(dir, listener, &un, path_in(dir, "rudp1y", &un), 5)));
	rudp_private_dir_remove(listener, rudp_private_dir_inode(listener));
	cr_assert(ge(int, rudp_private_dir_bind(dir, bound, &un, path_in(dir, "rudp1z", &un)), 0));
	close(holder);
	rudp_private_dir_clean(dir);
	leave_session(dir);
}
