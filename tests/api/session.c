/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct rudp_nonce unused_nonce(void)
{
	struct rudp_nonce nonce;

	cr_assert(eq(long, getrandom(&nonce, sizeof nonce, 0), sizeof nonce));
	return nonce;
}

void make_run_dir(char dir[RUDP_RUN_DIR_SIZE])
{
	char session[] = "/tmp/rudp-XXXXXX";

	cr_assert(ne(ptr, mkdtemp(session), NULL));
	setenv("XDG_RUNTIME_DIR", session, 1);
	cr_assert(rudp_run_dir_place(0, geteuid(), dir));
	cr_assert(zero(int, mkdir(dir, 0700)));
}

void remove_run_dir(const char *dir, const struct sockaddr_un *un)
{
	unlink(un->sun_path);
	rmdir(dir);
	rmdir(getenv("XDG_RUNTIME_DIR"));
}
