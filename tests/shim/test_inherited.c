/* SPDX-License-Identifier: MIT */
/* Limits and the like that an engine inherits from the program that starts it must not hurt
 * others. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/start_limits.h"
#include "support.h"

#define PROGRAM_BYTES 8192

/*
 * RUDP_MEMORY gives each test engines of its own. Without these two capabilities an engine of root
 * has no more rights than one of another user: CAP_SYS_NICE (23) and CAP_SYS_RESOURCE (24).
 */
static const char common[] =
	"import ctypes, glob, os, resource, signal, socket, subprocess, sys\n"
	"prctl = ctypes.CDLL(None).prctl\n"
	"def unprivileged():\n"
	"    prctl(24, 23, 0, 0, 0), prctl(24, 24, 0, 0, 0)\n" /* PR_CAPBSET_DROP */
	"mark = ('RUDP_MEMORY=' + os.environ['RUDP_MEMORY']).encode()\n"
	"def engines():\n"
	"    for directory in glob.glob('/proc/[0-9]*'):\n"
	"        try:\n"
	"            if (open(directory + '/comm').read() == 'rudp-engine\\n' and\n"
	"                mark in open(directory + '/environ', 'rb').read().split(b'\\0')):\n"
	"                yield directory\n"
	"        except OSError:\n"
	"            pass\n"
	/* A program that uses an engine until its standard input ends. */
	"listens = '''import socket, sys\n"
	"s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen()\n"
	"print(s.getsockname()[1], flush=True); sys.stdin.read()'''\n"
	"env = {k: v for k, v in os.environ.items() if k not in ('RUDP_NONCE', 'RUDP_TOKEN')}\n"
	"def start(limit):\n"
	"    def prepare():\n"
	"        unprivileged()\n"
	"        limit()\n"
	"    p = subprocess.Popen([sys.executable, '-c', listens], env=env, "
	"stdin=subprocess.PIPE,\n"
	"                         stdout=subprocess.PIPE, preexec_fn=prepare)\n"
	"    p.stdout.readline()\n"
	"    return p\n";

TestSuite(inherited, .timeout = 120);

static void expect(const char *program, const char *wanted)
{
	char text[PROGRAM_BYTES];
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (geteuid() != 0 && (limit.rlim_max < RUDP_FILES_FEW || getpriority(PRIO_PROCESS, 0) > 0))
		cr_skip_test("the limits of this test are small themselves");
	snprintf(text, sizeof text, "%s%s", common, program);
	expect_of_program(text, "", wanted);
}

/* With sanitizers, programs need more than the small limits. */
Test(inherited, an_engine_with_few_descriptors_serves_only_programs_with_as_few,
     .disabled = SANITIZED)
{
	expect("few = lambda n: lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))\n"
	       "first = [start(few(64))]\n"
	       "print('64:', len(list(engines())))\n"
	       "first.append(start(few(64)))\n"
	       "print('64 again:', len(list(engines())))\n"
	       "first.append(start(few(100)))\n"
	       "print('100:', len(list(engines())))\n"
	       "server = socket.create_server(('127.0.0.1', 0), backlog=300)\n"
	       "clients = [socket.create_connection(server.getsockname()) for i in range(150)]\n"
	       "print('no limit:', len(list(engines())), len(clients))\n"
	       "first.append(start(few(70)))\n"
	       "print('70, beside one without:', len(list(engines())))\n",
	       "64: 1\n64 again: 1\n100: 2\nno limit: 3 150\n70, beside one without: 3\n");
}

Test(inherited, an_engine_that_may_be_killed_or_starved_serves_no_others, .disabled = SANITIZED)
{
	expect("def limit(kind, n):\n"
	       "    return lambda: resource.setrlimit(kind, (n, n))\n"
	       "ways = [limit(resource.RLIMIT_CPU, 1000), limit(resource.RLIMIT_AS, 1 << 34),\n"
	       "        limit(resource.RLIMIT_DATA, 1 << 34), lambda: os.nice(19),\n"
	       "        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))]\n"
	       "kept = []\n"
	       "for way in ways:\n"
	       "    kept.append(start(way))\n"
	       "    print(len(list(engines())))\n"
	       "kept.append(start(lambda: None))\n"
	       "print(len(list(engines())))\n"
	       "kept += [start(way) for way in ways]\n"
	       "print(len(list(engines())))\n",
	       "1\n2\n3\n4\n5\n6\n6\n");
}

Test(inherited, small_soft_limits_do_not_keep_an_engine_from_starting, .disabled = SANITIZED)
{
	expect("kinds = [(resource.RLIMIT_STACK, 256 << 10), (resource.RLIMIT_NOFILE, 20),\n"
	       "         (resource.RLIMIT_AS, 64 << 20), (resource.RLIMIT_FSIZE, 0)]\n"
	       "def limit():\n"
	       "    for kind, n in kinds:\n"
	       "        resource.setrlimit(kind, (n, resource.getrlimit(kind)[1]))\n"
	       "kept = start(limit)\n"
	       "[engine] = engines()\n"
	       "lines = open(engine + '/limits').read().splitlines()\n"
	       "for name in 'Max open files', 'Max address space', 'Max file size':\n"
	       "    [line] = [line[26:].split() for line in lines if line.startswith(name)]\n"
	       "    print(name, line[0] == line[1])\n",
	       "Max open files True\nMax address space True\nMax file size True\n");
}

Test(inherited, priority_processors_and_the_like_are_those_of_other_programs, .disabled = SANITIZED)
{
	expect("def limit():\n"
	       "    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
	       "    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))\n"
	       "    prctl(29, 10**9, 0, 0, 0)\n" /* PR_SET_TIMERSLACK */
	       "    os.umask(0o777)\n"
	       "    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
	       "    open('/proc/self/oom_score_adj', 'w').write('500')\n"
	       "before = open('/proc/self/oom_score_adj').read()\n"
	       "kept = start(limit)\n"
	       "[engine] = engines()\n"
	       "pid = int(engine[6:])\n"
	       "status = dict(l.split(':', 1) for l in open(engine + '/status'))\n"
	       "print('processors', os.sched_getaffinity(pid) == os.sched_getaffinity(1))\n"
	       "print('class', os.sched_getscheduler(pid) == os.SCHED_OTHER)\n"
	       "print('umask', status['Umask'].strip())\n"
	       "print('blocked', bin(int(status['SigBlk'], 16)).count('1') < 10)\n"
	       "score = open(engine + '/oom_score_adj').read()\n"
	       "print('killed first', score != '0\\n' and before == '0\\n')\n"
	       "try:\n"
	       "    slack = open(engine + '/timerslack_ns').read()\n"
	       "except OSError:\n"
	       "    slack = '50000\\n'\n" /* only root may read it */
	       "print('timer slack', slack.strip())\n",
	       "processors True\nclass True\numask 0077\nblocked True\nkilled first False\n"
	       "timer slack 50000\n");
}
