# SPDX-License-Identifier: MIT
"""Connects COUNT times in a row and prints how long each took, in whole milliseconds, or its errno.

usage: connect_time.py HOST PORT COUNT [WARM_UP_PORT]

With WARM_UP_PORT a first connection, which is not counted, goes there (it may be refused): whatever is
started by a first connection has started then.
"""
import errno
import socket
import sys
import time

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if len(sys.argv) > 4:
    try:
        socket.create_connection((host, int(sys.argv[4])), 10).close()
    except OSError:
        pass
for _ in range(count):
    start = time.monotonic()
    try:
        socket.create_connection((host, port)).close()
        print(round((time.monotonic() - start) * 1000))
    except OSError as error:
        print(round((time.monotonic() - start) * 1000), errno.errorcode[error.errno])
