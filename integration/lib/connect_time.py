# SPDX-License-Identifier: MIT
"""Connects COUNT times in a row. Prints for each how long it took, in whole milliseconds, the same by the
tests' own clock (check.sh), and its errno.

usage: connect_time.py CLOCK HOST PORT COUNT WARM_UP_PORT

A first connection, which is not counted, goes to WARM_UP_PORT (it may be refused). So all that the first
connection of a process starts is running before the measurement.
"""
import errno
import os
import socket
import sys
import time

clock, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def now():
    return time.monotonic(), os.stat(clock).st_size


def since(start):
    end = now()
    return f"{round((end[0] - start[0]) * 1000)} {(end[1] - start[1]) * 10}"


try:
    socket.create_connection((host, int(sys.argv[5])), 60).close()
except OSError:
    pass
for _ in range(count):
    begun = now()
    try:
        socket.create_connection((host, port)).close()
        print(since(begun))
    except OSError as error:
        print(since(begun), errno.errorcode[error.errno])
