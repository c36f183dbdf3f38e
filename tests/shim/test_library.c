/* SPDX-License-Identifier: MIT */
/* The shim as a file: its exported names, its libraries, and that loading it does nothing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#define COMMAND_BYTES 8192

/* The command is: before, the quoted path of the shim, after. */
static int run_about_shim(const char *before, const char *after, char output[OUTPUT_BYTES_MAX])
{
	char command[COMMAND_BYTES];

	snprintf(command, sizeof command, "%s'%s'%s", before, in_build("librudp_shim.so"), after);
	return run(command, output);
}

static const char interposed[] =
	"_Exit __connect __read __read_chk __recv_chk __recvfrom_chk __send _exit "
	"accept accept4 bind bindresvport "
	"connect daemon dlopen execl execle execlp execv execve execveat execvp execvpe fexecve "
	"getaddrinfo getpeername getsockname getsockopt ioctl listen pidfd_spawn pidfd_spawnp "
	"popen "
	"posix_spawn posix_spawnp "
	"prctl read readv recv recvfrom recvmmsg recvmsg send sendmmsg sendmsg sendto setsockopt "
	"shutdown socket splice syscall system ";

Test(library, exports_the_interposed_names_and_nothing_else)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int,
		     run_about_shim("nm -D --defined-only ",
				    " | awk '{print $3}' | "
				    "LC_ALL=C sort | tr '\\n' ' '",
				    output),
		     0));
	cr_assert(eq(str, output, (char *)interposed));
}

Test(library, needs_libc_alone, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int,
		     run_about_shim("readelf -d ",
				    " | grep NEEDED | "
				    "sed 's/.*\\[\\(.*\\)\\]/\\1/'",
				    output),
		     0));
	cr_assert(eq(str, output, "libc.so.6\n"));
}

Test(library, has_no_thread_local_memory, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	run_about_shim("readelf -lW ", " | grep -c TLS", output);
	cr_assert(eq(str, output, "0\n"));
}

Test(library, has_one_constructor, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	/* 8 bytes for each constructor: the compiler's frame_dummy, and that of load.c. */
	run_about_shim("readelf -SW ", " | awk '/init_array/ {print $6}'", output);
	cr_assert(eq(str, output, "000010\n"));
}

Test(library, loads_silently_and_leaves_the_exit_code, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int, run_about_shim("LD_PRELOAD=", " /bin/true 2>&1", output), 0));
	cr_assert(eq(str, output, ""));
	cr_assert(eq(int, run_about_shim("LD_PRELOAD=", " /bin/false 2>&1", output), 1));
	cr_assert(eq(str, output, ""));
	cr_assert(eq(int,
		     run_about_shim("LD_BIND_NOW=1 LD_PRELOAD=", " sh -c 'exit 7' 2>&1", output),
		     7));
	cr_assert(eq(str, output, ""));
}

/*
 * The program's allocator calls prctl under its lock, so a look-up in that call must not allocate.
 */
Test(library, looks_nothing_up_that_would_allocate_in_an_allocator, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX], program[COMMAND_BYTES / 2];

	snprintf(program, sizeof program, " '%s' 2>&1", in_build("tests/own_malloc"));
	cr_assert(eq(int, run_about_shim("LD_PRELOAD=", program, output), 0));
	cr_assert(eq(str, output, ""));
}

Test(library, comes_back_after_a_program_has_dropped_its_environment, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int, run_about_shim("LD_PRELOAD=", " env -i /usr/bin/env", output), 0));
	cr_assert(ne(ptr, strstr(output, "LD_PRELOAD=/"), NULL));
}

Test(library, keeps_the_settings_that_a_program_has_dropped, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int,
		     run_about_shim("RUDP_KEY_FILE=/key RUDP_CC=cubic LD_PRELOAD=",
				    " env -i RUDP_CC=bbr /usr/bin/env", output),
		     0));
	cr_assert(ne(ptr, strstr(output, "RUDP_KEY_FILE=/key\n"), NULL));
	cr_assert(ne(ptr, strstr(output, "RUDP_CC=bbr\n"), NULL));
	cr_assert(eq(ptr, strstr(output, "RUDP_CC=cubic"), NULL));
}

Test(library, stands_in_front_of_what_is_preloaded_already, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(
		int,
		run_about_shim("LD_PRELOAD=", " env -i LD_PRELOAD=libc.so.6 /usr/bin/env", output),
		0));
	cr_assert(ne(ptr, strstr(output, "librudp_shim.so:libc.so.6\n"), NULL));
}

/* An upgrade replaces the file of the shim while programs run. */
Test(library, is_loaded_again_after_its_file_was_replaced, .disabled = SANITIZED)
{
	char command[COMMAND_BYTES], output[OUTPUT_BYTES_MAX];

	snprintf(command, sizeof command,
		 "d=$(mktemp -d /tmp/rudp-shim.XXXXXX) && cp '%s' $d/shim.so && "
		 "cp $d/shim.so $d/new && cd $d && LD_PRELOAD=$d/shim.so python3 -c '"
		 "import os; os.rename(\"new\", \"shim.so\"); "
		 "os.execve(\"/usr/bin/env\", [\"env\"], {})' 2>&1; rm -r $d",
		 in_build("librudp_shim.so"));
	cr_assert(eq(int, run(command, output), 0));
	cr_assert(eq(ptr, strstr(output, "ERROR"), NULL));
	cr_assert(ne(ptr, strstr(output, "/shim.so\n"), NULL));
}

Test(library, hands_no_engine_on_to_a_setuid_program, .disabled = SANITIZED)
{
	static const char before[] = "d=$(mktemp -d /tmp/rudp-shim.XXXXXX) && "
				     "cp /usr/bin/env $d/plain && "
				     "cp /usr/bin/env $d/raised && chmod u+s $d/raised && "
				     "RUDP_TOKEN=secret RUDP_NONCE=name LD_PRELOAD=";
	char output[OUTPUT_BYTES_MAX];

	cr_assert(
		eq(int, run_about_shim(before, " sh -c \"$d/raised; true\"; rm -r $d", output), 0));
	cr_assert(ne(ptr, strstr(output, "PWD="), NULL));
	cr_assert(eq(ptr, strstr(output, "RUDP_TOKEN"), NULL));
	cr_assert(eq(ptr, strstr(output, "RUDP_NONCE"), NULL));
	cr_assert(
		eq(int, run_about_shim(before, " sh -c \"$d/plain; true\"; rm -r $d", output), 0));
	cr_assert(ne(ptr, strstr(output, "RUDP_TOKEN=secret"), NULL));
}

static const char as_nobody[] = "python3 -c 'import os, sys; os.setuid(65534); ";

/* The first process gets the token from its environment, as if it had been executed by another. */
Test(library, hands_no_engine_on_after_a_change_of_user, .disabled = SANITIZED)
{
	static const char before[] = "RUDP_TOKEN=secret RUDP_NONCE=name RUDP_SETTINGS=0 "
				     "RUDP_KEY_FILE=/key RUDP_CC=cubic LD_PRELOAD=";
	static const char *const ways[] = {
		"os.execve(\"/usr/bin/env\", [\"env\"], {})'",
		"os.execve(\"/usr/bin/env\", [\"env\"], {\"RUDP_TOKEN\": \"secret\"})'",
		"os.posix_spawn(\"/usr/bin/env\", [\"env\"], {}); os.wait()'",
	};
	char output[OUTPUT_BYTES_MAX], after[256];

	if (geteuid() != 0)
		cr_skip_test("root alone can change its user");
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		snprintf(after, sizeof after, " %s%s 2>/dev/null", as_nobody, ways[i]);
		cr_assert(eq(int, run_about_shim(before, after, output), 0));
		cr_assert(ne(ptr, strstr(output, "RUDP_CC=cubic\n"), NULL), "way %zu", i);
		cr_assert(eq(ptr, strstr(output, "RUDP_TOKEN"), NULL), "way %zu", i);
		cr_assert(eq(ptr, strstr(output, "RUDP_KEY_FILE"), NULL), "way %zu", i);
	}
	/* If the program itself passes the name of the key file, it is kept. */
	snprintf(after, sizeof after, " %sos.system(\"env\")' 2>/dev/null", as_nobody);
	cr_assert(eq(int, run_about_shim(before, after, output), 0));
	cr_assert(eq(ptr, strstr(output, "RUDP_TOKEN"), NULL));
	cr_assert(eq(ptr, strstr(output, "RUDP_NONCE"), NULL));
	cr_assert(ne(ptr, strstr(output, "RUDP_KEY_FILE=/key\n"), NULL));
}

/* A variable name that a shell would take for a command. */
Test(library, commands_get_only_what_is_a_name_to_the_shell, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int,
		     run_about_shim("env 'RUDP_$(echo got it >&2)=x' LD_PRELOAD=",
				    " python3 -c 'import os; os.environ.clear(); "
				    "os.system(\"echo done\")' 2>&1",
				    output),
		     0));
	cr_assert(eq(str, output, "done\n"));
}

/*
 * An engine that is started by hand serves nobody and ends by itself. It needs settings of its own:
 * if an engine with these settings already runs, a second one ends at once.
 */
Test(library, an_engine_whose_log_may_not_grow_lives_on, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX], command[4096];

	snprintf(command, sizeof command,
		 "log=$(mktemp /tmp/rudp-shim.XXXXXX) && (ulimit -f 0 && "
		 "RUDP_POLICY_FILE=/dev/null RUDP_LOG=debug:$log "
		 "exec '%s' 11223344%08x 3>/dev/null); status=$?; rm $log; exit $status",
		 in_build("rudp-engine"), (unsigned)getpid());
	cr_assert(zero(int, run(command, output)));
}

/* The one byte means that the engine is ready. By then its key is in memory. */
Test(library, an_engine_that_crashes_leaves_no_memory_behind)
{
	char output[OUTPUT_BYTES_MAX], command[4096];

	snprintf(command, sizeof command,
		 "d=$(mktemp -d /tmp/rudp-shim.XXXXXX) && mkfifo $d/ready && "
		 "{ RUDP_POLICY_FILE=/dev/null '%s' 22334455%08x 3>$d/ready & } && "
		 "head -c 1 $d/ready && cat /proc/$!/coredump_filter && "
		 "kill -9 $! && { wait; rm -r $d; }",
		 in_build("rudp-engine"), (unsigned)getpid());
	cr_assert(zero(int, run(command, output)));
	cr_assert(eq(str, output + 1, "00000010\n"));
}

Test(library, is_handed_on_by_its_full_name, .disabled = SANITIZED)
{
	char output[OUTPUT_BYTES_MAX];

	cr_assert(eq(int,
		     run_about_shim("cd \"$(dirname ",
				    ")\" && LD_PRELOAD=./librudp_shim.so "
				    "sh -c 'cd / && /usr/bin/env' 2>&1",
				    output),
		     0));
	cr_assert(ne(ptr, strstr(output, "LD_PRELOAD=/"), NULL));
	cr_assert(eq(ptr, strstr(output, "./librudp_shim.so"), NULL));
	cr_assert(eq(ptr, strstr(output, "ERROR"), NULL));
}
