/* SPDX-License-Identifier: MIT */
/* An engine is killed while servers listen. Its successor continues their listeners. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

#define PROGRAM_BYTES 16384

/* RUDP_MEMORY gives each test an engine of its own. */
static const char common[] =
	"import glob, os, resource, select, signal, socket, subprocess, sys, threading\n"
	"mark = ('RUDP_MEMORY=' + os.environ['RUDP_MEMORY']).encode()\n"
	"def all_called(*names):\n"
	"    for directory in glob.glob('/proc/[0-9]*'):\n"
	"        try:\n"
	"            if (open(directory + '/comm').read()[:-1] in names and\n"
	"                mark in open(directory + '/environ', 'rb').read().split(b'\\0')):\n"
	"                yield int(directory[6:])\n"
	"        except OSError:\n"
	"            pass\n"
	"def only(name):\n"
	"    [pid] = all_called(name)\n"
	"    return pid\n"
	"def lives(pid):\n"
	"    try:\n"
	"        return open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()[0] not in "
	"'ZX'\n"
	"    except OSError:\n"
	"        return False\n"
	"def kill(pid):\n"
	"    os.kill(pid, signal.SIGKILL)\n"
	"    while lives(pid):\n"
	"        pass\n"
	/* The connection is reset only when the descriptors of the dead engine are closed. */
	"def kill_engine(*connections):\n"
	"    kill(only('rudp-engine'))\n"
	"    for s in connections:\n"
	"        try:\n"
	"            print('not reset:', s.recv(100))\n"
	"        except ConnectionResetError:\n"
	"            pass\n"
	"def listen(host='127.0.0.1', family=socket.AF_INET, port=0):\n"
	"    s = socket.socket(family)\n"
	"    s.bind((host, port))\n"
	"    s.listen(5)\n"
	"    return s\n"
	"def call(server):\n"
	"    s = socket.socket(server.family)\n"
	"    s.connect(server.getsockname())\n"
	"    return s\n"
	"def say(name, client, peer):\n"
	"    client.sendall(b'word')\n"
	"    same = peer.getpeername() == client.getsockname()\n"
	"    print(name, peer.recv(4).decode(), 'from', 'him' if same else 'somebody')\n"
	"    return client, peer\n"
	"def talk(name, server):\n"
	"    client = call(server)\n"
	"    return say(name, client, server.accept()[0])\n"
	/* A peer without rudp. */
	"plain = dict(os.environ, RUDP_DISABLE='1')\n"
	"plain_client = '''import socket, sys\n"
	"s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
	"s.sendall(b'word'); print(s.recv(5).decode()); sys.exit()'''\n"
	"def call_plainly(server):\n"
	"    host, port = server.getsockname()[:2]\n"
	"    return subprocess.Popen([sys.executable, '-c', plain_client, host, str(port)],\n"
	"                            env=plain, stdout=subprocess.PIPE, "
	"stderr=subprocess.DEVNULL)\n"
	"def answer(name, server, client):\n"
	"    peer = server.accept()[0]\n"
	"    word = peer.recv(4)\n"
	"    peer.sendall(b'reply')\n"
	"    print(name, word.decode(), client.communicate()[0].decode().strip())\n"
	"def talk_plainly(name, server):\n"
	"    answer(name, server, call_plainly(server))\n";

/* Runs the program under the shim, with more settings if there are any. */
static void expect(const char *program, const char *settings, const char *wanted)
{
	char text[PROGRAM_BYTES];

	snprintf(text, sizeof text, "%s%s", common, program);
	expect_of_program(text, settings, wanted);
}

TestSuite(supervisor, .timeout = 120);

Test(supervisor, listeners_accept_again_each_time_their_engine_is_killed)
{
	expect("servers = [listen(), listen(), listen('::1', socket.AF_INET6)]\n"
	       "pairs = [talk('before', s) for s in servers]\n"
	       "for i in range(3):\n"
	       "    kill_engine(*[client for client, peer in pairs])\n"
	       "    pairs = [talk('after', s) for s in servers]\n"
	       "    talk_plainly('plain', servers[i])\n"
	       "print(len(list(all_called('rudp-engine'))), "
	       "len(list(all_called('rudp-supervisor'))))\n",
	       "",
	       "before word from him\nbefore word from him\nbefore word from him\n"
	       "after word from him\nafter word from him\nafter word from him\nplain word reply\n"
	       "after word from him\nafter word from him\nafter word from him\nplain word reply\n"
	       "after word from him\nafter word from him\nafter word from him\nplain word reply\n"
	       "1 1\n");
}

/*
 * If the program closes its listener, the port must be free as soon as it would be without a
 * successor.
 */
Test(supervisor, a_port_is_free_when_its_listener_is_closed_under_a_successor)
{
	expect("server, other = listen(), listen()\n"
	       "client, peer = talk('before', server)\n"
	       "name = server.getsockname()\n"
	       "kill_engine(client)\n"
	       "talk('after', other)\n"
	       "server.close()\n"
	       "talk('new', listen(*name[:1], port=name[1]))\n",
	       "", "before word from him\nafter word from him\nnew word from him\n");
}

Test(supervisor, who_waits_in_accept_or_with_epoll_hears_of_the_next_client)
{
	expect("server, watched = listen(), listen()\n"
	       "client, peer = talk('before', server)\n"
	       "watched.setblocking(False)\n"
	       "epoll = select.epoll()\n"
	       "epoll.register(watched, select.EPOLLIN | select.EPOLLET)\n"
	       "taken = []\n"
	       "waiter = threading.Thread(target=lambda: taken.append(server.accept()[0]))\n"
	       "waiter.start()\n"
	       "kill_engine(client)\n"
	       "client, second = call(server), call(watched)\n"
	       "waiter.join()\n"
	       "say('accept', client, taken[0])\n"
	       "while epoll.poll() != [(watched.fileno(), select.EPOLLIN)]:\n"
	       "    pass\n"
	       "peer = watched.accept()[0]\n"
	       "peer.setblocking(True)\n"
	       "say('epoll', second, peer)\n",
	       "", "before word from him\naccept word from him\nepoll word from him\n");
}

Test(supervisor, all_processes_that_share_a_listener_accept_again)
{
	expect("server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "def serve():\n"
	       "    while True:\n"
	       "        s = server.accept()[0]\n"
	       "        s.sendall(b'%d' % os.getpid())\n"
	       "children = set()\n"
	       "for i in range(3):\n"
	       "    pid = os.fork()\n"
	       "    if pid == 0:\n"
	       "        serve()\n"
	       "    children.add(pid)\n"
	       "kill_engine(client)\n"
	       "seen = set()\n"
	       "while seen != children:\n"
	       "    seen.add(int(call(server).recv(20)))\n"
	       "print('all')\n"
	       "for pid in children:\n"
	       "    os.kill(pid, signal.SIGKILL)\n",
	       "", "before word from him\nall\n");
}

Test(supervisor, a_server_that_has_become_another_user_accepts_again)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	expect("server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "pid = os.fork()\n"
	       "if pid == 0:\n"
	       "    os.setresuid(65534, 65534, 65534)\n"
	       "    for i in range(2):\n"
	       "        s = server.accept()[0]\n"
	       "        s.sendall(b'%d' % os.getuid())\n"
	       "    os._exit(0)\n"
	       "kill_engine(client)\n"
	       "print(call(server).recv(20).decode(), call(server).recv(20).decode())\n"
	       "os.waitpid(pid, 0)\n",
	       "", "before word from him\n65534 65534\n");
}

/* The filter allows accept, but kills the program for the other calls, such as socket(). */
Test(supervisor, a_server_under_a_filter_that_kills_accepts_again)
{
	expect("import ctypes, struct\n"
	       "server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "number = {'x86_64': 41, 'aarch64': 198}[os.uname().machine]\n"
	       "code = ctypes.create_string_buffer(struct.pack('=' + 4 * 'HBBI', 0x20, 0, 0, 0,\n"
	       "    0x15, 0, 1, number, 0x06, 0, 0, 0x80000000, 0x06, 0, 0, 0x7fff0000))\n"
	       "program = struct.pack('@HP', 4, ctypes.addressof(code))\n"
	       "def serve():\n"
	       "    libc = ctypes.CDLL(None)\n"
	       "    libc.prctl(38, 1, 0, 0, 0)\n"
	       "    if libc.prctl(22, 2, program, 0, 0) == 0:\n"
	       "        for i in range(2):\n"
	       "            server.accept()[0].sendall(b'served')\n"
	       "    try:\n"
	       "        socket.socket()\n"
	       "    finally:\n"
	       "        os._exit(0)\n"
	       "pid = os.fork()\n"
	       "if pid == 0:\n"
	       "    serve()\n"
	       "kill_engine(client)\n"
	       "print(call(server).recv(20).decode(), call(server).recv(20).decode())\n"
	       "print('killed by', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n",
	       "", "before word from him\nserved served\nkilled by -31\n");
}

/*
 * The supervisor is stopped, so the dead engine is not replaced until the supervisor continues.
 * Callers wait meanwhile: a plain TCP client in the kernel's queue, a program in the queue of the
 * engine's control listener.
 */
Test(supervisor, what_happens_while_there_is_no_engine_is_made_up_for)
{
	expect("server, closed = listen(), listen()\n"
	       "client, peer = talk('before', server)\n"
	       "name = closed.getsockname()\n"
	       "supervisor = only('rudp-supervisor')\n"
	       "os.kill(supervisor, signal.SIGSTOP)\n"
	       "os.kill(only('rudp-engine'), signal.SIGKILL)\n"
	       "while list(all_called('rudp-engine')):\n"
	       "    pass\n"
	       "closed.close()\n"
	       "plainly = call_plainly(server)\n"
	       "callers = []\n"
	       "caller = threading.Thread(target=lambda: callers.append(call(server)))\n"
	       "caller.start()\n"
	       "os.kill(supervisor, signal.SIGCONT)\n"
	       "peers = {}\n"
	       "for i in range(2):\n"
	       "    peer, where = server.accept()\n"
	       "    peers[where] = peer\n"
	       "caller.join()\n"
	       "say('caller', callers[0], peers.pop(callers[0].getsockname()))\n"
	       "[peer] = peers.values()\n"
	       "print('plain', peer.recv(4).decode()); peer.sendall(b'reply')\n"
	       "print(plainly.communicate()[0].decode().strip())\n"
	       "bind = '''import socket, sys\n"
	       "socket.socket().bind((sys.argv[1], int(sys.argv[2])))'''\n"
	       "print('free', subprocess.call([sys.executable, '-c', bind, name[0], "
	       "str(name[1])],\n"
	       "                              env=plain))\n"
	       "print(len(list(all_called('rudp-engine'))))\n",
	       "", "before word from him\ncaller word from him\nplain word\nreply\nfree 0\n1\n");
}

/* Both listeners use one UDP socket. */
Test(supervisor, listeners_with_one_udp_port_keep_it)
{
	char settings[64];

	snprintf(settings, sizeof settings, "RUDP_POLICY='any use rudp; set udp-port %u'",
		 20000 + (unsigned)getpid() % 10000);
	expect("servers = [listen(), listen()]\n"
	       "pairs = [talk('before', s) for s in servers]\n"
	       "kill_engine(*[client for client, peer in pairs])\n"
	       "for s in servers:\n"
	       "    talk('after', s)\n",
	       settings,
	       "before word from him\nbefore word from him\nafter word from him\nafter word from "
	       "him\n");
}

Test(supervisor, a_listener_for_plain_tcp_alone_goes_on)
{
	expect("server = listen()\n"
	       "talk_plainly('before', server)\n"
	       "kill(only('rudp-engine'))\n"
	       "talk_plainly('after', server)\n",
	       "RUDP_POLICY='listen use tcp'", "before word reply\nafter word reply\n");
}

Test(supervisor, a_listener_for_rudp_alone_goes_on_and_lets_no_other_in)
{
	expect("server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "kill_engine(client)\n"
	       "talk('after', server)\n"
	       "print('plain', call_plainly(server).wait())\n",
	       "RUDP_POLICY='any use rudp'",
	       "before word from him\nafter word from him\nplain 1\n");
}

/*
 * The listener comes from a service manager. Only an engine that serves it can accept a rudp
 * client.
 */
Test(supervisor, a_listener_that_was_handed_over_goes_on)
{
	expect("if os.environ['RUDP_DISABLE']:\n"
	       "    made = listen()\n"
	       "    os.dup2(os.dup(made.detach()), 3, inheritable=True)\n"
	       "    os.environ.update(RUDP_DISABLE='', LISTEN_FDS='1', "
	       "LISTEN_PID=str(os.getpid()))\n"
	       "    os.execv(sys.executable, [sys.executable, '-c', os.environ['PROGRAM']])\n"
	       "server = socket.socket(fileno=3)\n"
	       "client, peer = talk('before', server)\n"
	       "kill_engine(client)\n"
	       "talk('after', server)\n",
	       "RUDP_DISABLE=1 RUDP_POLICY='any use rudp'",
	       "before word from him\nafter word from him\n");
}

/* Workers with one listener each, on one port. */
Test(supervisor, listeners_of_one_port_go_on_sharing_it)
{
	expect("def worker(port):\n"
	       "    s = socket.socket()\n"
	       "    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
	       "    s.bind(('127.0.0.1', port))\n"
	       "    s.listen()\n"
	       "    return s\n"
	       "first = worker(0)\n"
	       "second = worker(first.getsockname()[1])\n"
	       "def hear(count):\n"
	       "    clients, peers, heard = [], [], set()\n"
	       "    while len(heard) < count:\n"
	       "        clients.append(call(first))\n"
	       "        ready = select.select([first, second], [], [])[0]\n"
	       "        for s in ready:\n"
	       "            peers.append(s.accept()[0])\n"
	       "            heard.add(s)\n"
	       "    return clients, peers\n"
	       "clients, peers = hear(2)\n"
	       "kill_engine(clients[0])\n"
	       "hear(2)\n"
	       "print('both')\n",
	       "", "both\n");
}

/* The engine continues. If it is killed too, nothing replaces it. */
Test(supervisor, an_engine_without_its_supervisor_serves_on)
{
	expect("server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "kill(only('rudp-supervisor'))\n"
	       "say('on', client, peer)\n"
	       "talk('on', server)\n"
	       "engine = only('rudp-engine')\n"
	       "kill(engine)\n"
	       "talk('new', listen())\n"
	       "print(only('rudp-engine') != engine)\n",
	       "",
	       "before word from him\non word from him\non word from him\nnew word from "
	       "him\nTrue\n");
}

/* If something kills every engine at once, restarts must not use up the processor. */
Test(supervisor, gives_up_an_engine_that_is_killed_again_and_again)
{
	expect("server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "deaths = 0\n"
	       "while list(all_called('rudp-engine', 'rudp-supervisor')):\n"
	       "    for pid in filter(lives, all_called('rudp-engine')):\n"
	       "        kill(pid)\n"
	       "        deaths += 1\n"
	       "print(deaths)\n"
	       "talk('new', listen())\n",
	       "", "before word from him\n5\nnew word from him\n");
}

/*
 * A process that dies closes its sockets after it has lost its memory, and so its name in /proc.
 * Until then it can be called, but never answers. Here the test has the dead engine's socket.
 */
Test(supervisor, another_engine_serves_a_socket_whose_call_is_reset)
{
	/* The engine may close a descriptor meanwhile. */
	expect("def inode(path):\n"
	       "    try:\n"
	       "        return os.stat(path).st_ino\n"
	       "    except OSError:\n"
	       "        return None\n"
	       "def path_of_calls(pid):\n"
	       "    own = [inode(path) for path in glob.glob('/proc/%d/fd/*' % pid)]\n"
	       "    for words in map(str.split, open('/proc/net/unix').readlines()[1:]):\n"
	       "        if len(words) == 8 and '/rudp1e' in words[7] and int(words[6]) in own:\n"
	       "            return words[7]\n"
	       "talk('before', listen())\n"
	       "path = path_of_calls(only('rudp-engine'))\n"
	       "kill(only('rudp-supervisor'))\n"
	       "kill(only('rudp-engine'))\n"
	       "os.unlink(path)\n"
	       "dead = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
	       "dead.bind(path)\n"
	       "dead.listen(1)\n"
	       "def die():\n"
	       "    select.select([dead], [], [])\n"
	       "    dead.close()\n"
	       "threading.Thread(target=die).start()\n"
	       "talk('new', listen())\n",
	       "", "before word from him\nnew word from him\n");
}

/*
 * A request to end that is sent to the supervisor is for the engine, which first delivers its data.
 */
Test(supervisor, passes_on_that_it_shall_end)
{
	expect("server = listen()\n"
	       "client, peer = talk('before', server)\n"
	       "engine, supervisor = only('rudp-engine'), only('rudp-supervisor')\n"
	       "os.kill(supervisor, signal.SIGTERM)\n"
	       "say('on', client, peer)\n"
	       "client.close(); peer.close()\n"
	       "while lives(engine) or lives(supervisor):\n"
	       "    pass\n"
	       "talk('new', listen())\n",
	       "", "before word from him\non word from him\nnew word from him\n");
}
