# SPDX-License-Identifier: MIT
"""told.py HOST PORT FILE: sends the file, half closes, and reads to the end; prints the name of the error that ended
this, or "none"."""
import errno
import socket
import sys

host, port, path = sys.argv[1:]
try:
    with socket.create_connection((host, int(port))) as stream, open(path, "rb") as file:
        stream.sendall(file.read())
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(65536):
            pass
    print("none")
except OSError as fault:
    print(errno.errorcode[fault.errno])
