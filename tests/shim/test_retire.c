/* SPDX-License-Identifier: MIT */
/* An engine is asked to end while a program runs. The program then uses another engine. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "support.h"

/* RUDP_MEMORY gives this test an engine of its own. */
static const char program[] =
	"import glob, os, signal, socket, subprocess, sys\n"
	"def engines():\n"
	"    found = set()\n"
	"    for directory in glob.glob('/proc/[0-9]*'):\n"
	"        try:\n"
	"            if (open(directory + '/comm').read() == 'rudp-engine\\n' and\n"
	"                ('RUDP_MEMORY=' + os.environ['RUDP_MEMORY']).encode() in\n"
	"                open(directory + '/environ', 'rb').read().split(b'\\0')):\n"
	"                found.add(int(directory[6:]))\n"
	"        except OSError:\n"
	"            pass\n"
	"    return found\n"
	"def talk(name, s):\n"
	"    try:\n"
	"        s.connect(server.getsockname())\n"
	"        peer = server.accept()[0]\n"
	"        s.sendall(b'word')\n"
	"        print(name, peer.recv(4).decode())\n"
	"        return peer\n"
	"    except OSError as e:\n"
	"        print(name, e)\n"
	"def answer(s, peer):\n"
	"    peer.sendall(b'word')\n"
	"    return s.recv(4).decode()\n"
	"server = socket.create_server(('127.0.0.1', 0))\n"
	"before, fresh, after = socket.socket(), socket.socket(), None\n"
	"peer = talk('before', before)\n"
	"first = engines()\n"
	"for pid in first:\n"
	"    os.kill(pid, signal.SIGTERM)\n"
	"    while 'ShdPnd:\\t0000000000000000' not in open('/proc/%d/status' % pid).read():\n"
	"        pass\n"
	"before.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)\n" /* the signal was handled */
	"talk('fresh', fresh)\n"
	"after = socket.socket()\n"
	"talk('after', after)\n"
	"try:\n"
	"    socket.create_server(('127.0.0.1', 0)); socket.socket().listen(); print('listens')\n"
	"except OSError as e:\n"
	"    print('listens', e)\n"
	"child = 'import socket, sys; socket.create_connection((\"127.0.0.1\", "
	"int(sys.argv[1])))'\n"
	"print('child', subprocess.call([sys.executable, '-c', child, "
	"str(server.getsockname()[1])]))\n"
	"print('still', answer(before, peer), len(first), len(engines() - first))\n";

static const char wanted[] = "before word\n"
			     "fresh word\n"
			     "after word\n"
			     "listens\n"
			     "child 0\n"
			     "still word 1 1\n";

Test(retire, programs_begin_anew_with_another_engine, .timeout = 120)
{
	expect_of_program(program, "", wanted);
}

/* A program started by a program of the engine finds the engine through its environment. */
Test(retire, who_is_led_to_it_by_the_environment_looks_for_another, .timeout = 120)
{
	setenv("PROGRAM_OF_CHILD", program, 1);
	expect_of_program("import os, sys, subprocess\n"
			  "program = os.environ.pop('PROGRAM_OF_CHILD')\n"
			  "import socket; socket.socket()\n"
			  "sys.exit(subprocess.call([sys.executable, '-c', program]))\n",
			  "", wanted);
}
