#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The new process of an upgrade, which fails when it has received everything.

    successor.py GOOD_PROGRAM die|hang|SIGNAL ARGUMENT...   (the last one: the descriptor of the upgrade channel)

The good program is behind a second channel, and this process relays all messages, descriptors included. It does
not relay TAKEN: at that moment it dies, or stays silent for ever. Or it sends the old process a signal (as SIGHUP),
continues, and relays to the good program the signal that the old process sends to it.
"""

import array
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

TAKEN, GO = 4, 5
good, how, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
old = socket.socket(fileno=int(arguments[-1]))
old.setblocking(True)
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.set_inheritable(far.fileno(), True)
child = subprocess.Popen([good, *arguments[:-1], str(far.fileno())], close_fds=False)
far.close()


def relay(source, target):
    message, rights, _, _ = source.recvmsg(4096, socket.CMSG_SPACE(256 * 4))
    if not message:
        sys.exit(1)
    kind = struct.unpack("III", message[:12])[2]
    if kind == TAKEN and how in ("die", "hang"):
        child.kill()
        if how == "hang":
            time.sleep(1000)
        sys.exit(1)
    if kind == TAKEN:
        os.kill(os.getppid(), signal.Signals[how])
    fds = array.array("i")
    for _, _, data in rights:
        fds.frombytes(data)
    target.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else [])
    for fd in fds:
        os.close(fd)
    if kind == GO:
        came = signal.sigtimedwait([signal.SIGHUP, signal.SIGTERM], 30)
        child.send_signal(came.si_signo if came else signal.SIGKILL)
        sys.exit(0)


relay(near, old)  # HELLO


while True:
    for ready in select.select([old, near], [], [])[0]:
        relay(ready, near if ready is old else old)
