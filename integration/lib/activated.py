# SPDX-License-Identifier: MIT
"""A service that was started with its listening socket. It answers each line of a client with the client's
address.

usage: activated.py [--poll]

With --poll it waits for events on the socket before any other call on it.
"""
import os
import select
import socket
import sys

server = None
if "--poll" in sys.argv:
    poll = select.epoll()
    poll.register(3, select.EPOLLIN)
    poll.poll()
server = socket.socket(fileno=3)
print("blocking" if os.get_blocking(3) else "not blocking", "at", server.getsockname()[1], flush=True)
server.setblocking(True)
while True:
    connection, address = server.accept()
    with connection, connection.makefile("rwb") as stream:
        stream.write(stream.readline().strip() + b" " + address[0].encode() + b"\n")
