/* SPDX-License-Identifier: MIT */
/* Another user can bind the well-known name of a user's engine first. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

#define COMMAND_BYTES 8192

/* SQUATTER selects what the other user does. RUDP_MEMORY gives this test an engine of its own. */
static const char program[] =
	"import glob, os, signal, socket, subprocess, sys\n"
	"probe = '''import os, socket\n"
	"s = socket.socket(); number = str(os.fstat(s.fileno()).st_ino)\n"
	"print('ours', any(number in line.split() for line in open('/proc/net/unix')))'''\n"
	"environment = dict(os.environ, LD_PRELOAD=os.environ['SHIM'])\n"
	"def run():\n"
	"    subprocess.call([sys.executable, '-c', probe], env=environment)\n"
	"def engines():\n"
	"    for directory in glob.glob('/proc/[0-9]*'):\n"
	"        try:\n"
	"            if (open(directory + '/comm').read() == 'rudp-engine\\n' and\n"
	"                ('RUDP_MEMORY=' + os.environ['RUDP_MEMORY']).encode() in\n"
	"                open(directory + '/environ', 'rb').read().split(b'\\0')):\n"
	"                yield int(directory[6:]), open(directory + "
	"'/cmdline').read().split('\\0')[1]\n"
	"        except OSError:\n"
	"            pass\n"
	"run()\n"
	"sys.stdout.flush()\n"
	"[(pid, settings)] = engines()\n"
	"os.kill(pid, signal.SIGKILL)\n"
	"name = '\\0rudp1w%d-%s' % (os.getuid(), settings)\n"
	"squatter = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
	"os.setresuid(65534, 65534, 0)\n"
	"while True:\n"
	"    try:\n"
	"        squatter.bind(name)\n"
	"        break\n"
	"    except OSError:\n"
	"        pass\n"
	"waiting = []\n"
	"if os.environ['SQUATTER'] != 'deaf':\n"
	"    squatter.listen(1)\n"
	"while os.environ['SQUATTER'] == 'full':\n"
	"    waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))\n"
	"    waiting[-1].setblocking(False)\n"
	"    if waiting[-1].connect_ex(name) != 0:\n"
	"        break\n"
	"os.setresuid(0, 0, 0)\n"
	"run()\n";

static void squat(const char *how)
{
	static char output[OUTPUT_BYTES_MAX];
	char command[COMMAND_BYTES];

	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	let_engine_be_read();
	setenv("PROGRAM", program, 1);
	snprintf(command, sizeof command,
		 "SQUATTER=%s RUDP_MEMORY=%u SHIM='%s' python3 -c \"$PROGRAM\" </dev/null 2>&1",
		 how, 67108864u + (unsigned)getpid(), preload());
	cr_assert(eq(int, run(command, output), 0), "%s", output);
	cr_assert(eq(str, output, "ours True\nours True\n"));
}

Test(name_taken, by_one_who_listens, .timeout = 120)
{
	squat("listens");
}

Test(name_taken, by_one_to_whom_nobody_comes, .timeout = 120)
{
	squat("deaf");
}

Test(name_taken, by_one_who_lets_nobody_in, .timeout = 120)
{
	squat("full");
}
