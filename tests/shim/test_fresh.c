/* SPDX-License-Identifier: MIT */
/*
 * Compares a fresh socket under the shim with one of kernel TCP: the same program runs both ways.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define COMMAND_BYTES 8192

/* Each line is one observation. The outputs must be equal. */
static const char program[] =
	"import socket, select, errno, os, struct\n"
	"def attempt(f, *a):\n"
	"    try: return f(*a)\n"
	"    except OSError as e: return errno.errorcode[e.errno]\n"
	"os.close(0)\n"
	"for family in socket.AF_INET, socket.AF_INET6:\n"
	"    s = socket.socket(family, socket.SOCK_STREAM)\n"
	"    p = select.poll(); p.register(s, 0x21ff)\n"
	"    e = select.epoll(); e.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)\n"
	"    print(s.fileno(), [x[1] for x in p.poll(0)], [x[1] for x in e.poll(0)], "
	"len(e.poll(0)))\n"
	"    print(s.getsockname(), attempt(s.getpeername))\n"
	"    print(attempt(s.recv, 1), attempt(s.send, b'x', socket.MSG_NOSIGNAL))\n"
	"    print(attempt(s.shutdown, socket.SHUT_RDWR), attempt(s.accept))\n"
	"    for o in ('SO_TYPE', 'SO_DOMAIN', 'SO_PROTOCOL', 'SO_ACCEPTCONN', 'SO_ERROR',\n"
	"              'SO_REUSEADDR', 'SO_KEEPALIVE', 'SO_SNDBUF', 'SO_RCVBUF', 'SO_REUSEPORT'):\n"
	"        print(o, s.getsockopt(socket.SOL_SOCKET, getattr(socket, o)))\n"
	"    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))\n"
	"    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))\n"
	"    for o in range(1, 46):\n"
	"        if o in (11, 13, 24, 26): continue\n"
	"        print('TCP', o, attempt(s.getsockopt, socket.IPPROTO_TCP, o))\n"
	"    for o in range(1, 30):\n"
	"        print('IP', o, attempt(s.getsockopt, socket.IPPROTO_IP, o))\n"
	"    print(attempt(s.getsockopt, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))\n"
	"    print(attempt(s.getsockopt, 77, 1), attempt(s.setsockopt, 77, 1, 1))\n"
	"    for o, v in ((socket.TCP_NODELAY, 1), (socket.TCP_KEEPIDLE, 33), (socket.TCP_CORK, "
	"1),\n"
	"                 (socket.TCP_USER_TIMEOUT, 5000), (socket.TCP_KEEPIDLE, 0),\n"
	"                 (socket.TCP_MAXSEG, 1), (socket.TCP_MAXSEG, 1000)):\n"
	"        print(o, v, attempt(s.setsockopt, socket.IPPROTO_TCP, o, v),\n"
	"              s.getsockopt(socket.IPPROTO_TCP, o))\n"
	"    for o, v in ((socket.SO_SNDBUF, 20000), (socket.SO_RCVBUF, 20000),\n"
	"                 (socket.SO_REUSEPORT, 1),\n"
	"                 (socket.SO_KEEPALIVE, 1), (socket.SO_REUSEADDR, 1)):\n"
	"        print(o, v, attempt(s.setsockopt, socket.SOL_SOCKET, o, v),\n"
	"              s.getsockopt(socket.SOL_SOCKET, o))\n"
	"    print(attempt(s.setsockopt, socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'nonsense'))\n"
	"    print(attempt(s.setsockopt, socket.IPPROTO_IP, socket.IP_TOS, 16),\n"
	"          attempt(s.getsockopt, socket.IPPROTO_IP, socket.IP_TOS))\n"
	"    print(attempt(s.connect_ex, ('224.0.0.1', 80) if family == socket.AF_INET\n"
	"                  else ('ff02::1', 80)) != 0)\n"
	"import ctypes\n"
	"libc = ctypes.CDLL(None, use_errno=True)\n"
	"def raw(name, *a):\n"
	"    ctypes.set_errno(0)\n"
	"    return name, getattr(libc, name)(*a), errno.errorcode.get(ctypes.get_errno())\n"
	"s = socket.socket(); n = s.fileno(); bad = ctypes.c_void_p(1)\n"
	"ok = ctypes.create_string_buffer(b'\\2\\0' + bytes(126), 128)\n"
	"unix = ctypes.create_string_buffer(b'\\1\\0/' + bytes(125), 128)\n"
	"print(raw('connect', n, bad, 16), raw('connect', n, ok, 1), raw('connect', n, ok, -1))\n"
	"print(raw('connect', n, ok, 8), raw('connect', n, unix, 110), raw('connect', n, ok, "
	"500))\n"
	"print(raw('bind', n, bad, 16), raw('bind', n, ok, 1), raw('bind', n, unix, 110))\n"
	"print(raw('getsockname', n, bad, bad), raw('getpeername', n, bad, bad))\n"
	"for length in -1, 0, 3, 16, 100:\n"
	"    l = ctypes.c_int(length); b = ctypes.create_string_buffer(b'z' * 20, 20)\n"
	"    print(raw('getsockname', n, b, ctypes.byref(l)), l.value, b.raw)\n"
	"l = ctypes.c_int(16)\n"
	"print(raw('getsockname', n, bad, ctypes.byref(l)))\n"
	"print(raw('getsockopt', n, 1, 4, bad, bad), raw('getsockopt', n, 6, 1, bad, "
	"ctypes.byref(l)))\n"
	"print(raw('setsockopt', n, 6, 1, bad, 4), raw('setsockopt', n, 6, 1, ok, 2))\n"
	"print(raw('shutdown', n, 7), raw('listen', 99, 1), raw('accept4', n, None, None, 77))\n";

static void run_program(const char *before, char output[OUTPUT_BYTES_MAX])
{
	char command[COMMAND_BYTES];

	snprintf(command, sizeof command, "%s python3 -c \"$PROGRAM\" </dev/null 2>&1", before);
	cr_assert(eq(int, run(command, output), 0), "%s", output);
}

static void compare(char *kernel, char *rudp)
{
	char *rest_kernel, *rest_rudp;
	char *a = strtok_r(kernel, "\n", &rest_kernel), *b = strtok_r(rudp, "\n", &rest_rudp);

	for (; a && b; a = strtok_r(NULL, "\n", &rest_kernel), b = strtok_r(NULL, "\n", &rest_rudp))
		cr_expect(eq(str, b, a));
	cr_assert(eq(ptr, a, b));
}

/* AddressSanitizer's wrappers would read the wrong pointers that this program passes on purpose. */
Test(fresh, socket_looks_like_one_of_kernel_tcp, .timeout = 120, .disabled = SANITIZED)
{
	static char kernel[OUTPUT_BYTES_MAX], rudp[OUTPUT_BYTES_MAX];
	char before[COMMAND_BYTES / 2];

	setenv("PROGRAM", program, 1);
	run_program("", kernel);
	snprintf(before, sizeof before, "LD_PRELOAD='%s'", preload());
	run_program(before, rudp);
	compare(kernel, rudp);
}

Test(fresh, socket_is_ours_when_there_is_an_engine, .timeout = 120)
{
	char output[OUTPUT_BYTES_MAX], command[COMMAND_BYTES];

	snprintf(command, sizeof command,
		 "LD_PRELOAD='%s' python3 -c 'import socket, os\n"
		 "s = socket.socket()\n"
		 "os.environ.pop(\"LD_PRELOAD\")\n"
		 "print(open(\"/proc/net/unix\").read().count(\"rudp1e\") > 0)'",
		 preload());
	cr_assert(eq(int, run(command, output), 0));
	cr_assert(eq(str, output, "True\n"));
}

Test(fresh, socket_is_left_alone_when_disabled, .timeout = 120)
{
	char output[OUTPUT_BYTES_MAX], command[COMMAND_BYTES];

	snprintf(command, sizeof command,
		 "RUDP_DISABLE=1 LD_PRELOAD='%s' python3 -c 'import socket, struct\n"
		 "s = socket.socket()\n"
		 "print(s.getsockopt(1, 47, 8) == b\"\\xff\" * 8)'",
		 preload());
	cr_assert(eq(int, run(command, output), 0));
	cr_assert(eq(str, output, "True\n"));
}
