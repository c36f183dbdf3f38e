/* SPDX-License-Identifier: MIT */
/*
 * Functions that only later versions of libc have, tested with a libc that has them and with one
 * that does not.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "support.h"

#define COMMAND_BYTES 8192

/*
 * Python looks the functions up at run time, like a program that must also work with an older libc.
 */
static const char program[] =
	"import ctypes\n"
	"libc = ctypes.CDLL(None)\n"
	"listed = lambda *texts: (ctypes.c_char_p * (len(texts) + 1))(*texts, None)\n"
	"for name in \"pidfd_spawn\", \"pidfd_spawnp\":\n"
	"    fd = ctypes.c_int(-1)\n"
	"    rc = getattr(libc, name)(ctypes.byref(fd), b\"/nowhere/at/all\", None, None,\n"
	"                             listed(b\"first\"), listed(b\"KEPT=1\"))\n"
	"    print(rc, fd.value, flush=True)\n";

static void run_with(const char *further, char output[OUTPUT_BYTES_MAX])
{
	char command[COMMAND_BYTES];

	/* Only this setting is compared: the others depend on who runs the tests. */
	snprintf(command, sizeof command,
		 "env -u RUDP_POLICY -u RUDP_POLICY_FILE RUDP_CC=cubic LD_PRELOAD='%s%s%s' "
		 "python3 -c '%s' 2>&1",
		 in_build("librudp_shim.so"), *further ? ":" : "", further, program);
	cr_assert(zero(int, run(command, output)), "%s", output);
}

Test(later_libc, pidfd_spawn_hands_the_shim_on, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX], further[COMMAND_BYTES], expected[OUTPUT_BYTES_MAX];
	char shim[COMMAND_BYTES];

	snprintf(further, sizeof further, "%s", in_build("tests/later_libc.so"));
	snprintf(shim, sizeof shim, "%s", in_build("librudp_shim.so"));
	run_with(further, output);
	snprintf(expected, sizeof expected,
		 "pidfd_spawn /nowhere/at/all first KEPT=1 RUDP_CC=cubic LD_PRELOAD=%s\n0 77\n"
		 "pidfd_spawnp /nowhere/at/all first KEPT=1 RUDP_CC=cubic LD_PRELOAD=%s\n0 78\n",
		 shim, shim);
	cr_assert(eq(str, output, expected));
}

/* A libc without these functions must look to a program like a kernel without the system call. */
Test(later_libc, pidfd_spawn_fails_as_it_should_without, .disabled = SANITIZED)
{
	bool has = dlsym(RTLD_DEFAULT, "pidfd_spawn") != NULL;
	char output[OUTPUT_BYTES_MAX], expected[64];

	run_with("", output);
	snprintf(expected, sizeof expected, "%d -1\n%d -1\n", has ? ENOENT : ENOSYS,
		 has ? ENOENT : ENOSYS);
	cr_assert(eq(str, output, expected));
}
