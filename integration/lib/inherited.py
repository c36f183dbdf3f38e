# SPDX-License-Identifier: MIT
# A server on an inherited listener: the given descriptor, or as systemd passes it (LISTEN_FDS). It
# serves COUNT clients: it sends back all bytes that it gets, and then their digest.
#
#     inherited.py DESCRIPTOR COUNT
import hashlib
import os
import socket
import sys

descriptor, count = int(sys.argv[1]), int(sys.argv[2])
if descriptor == 3 and os.environ.get("LISTEN_FDS") != "1":
    sys.exit("not one descriptor was handed over")
listener = socket.socket(fileno=descriptor)
if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
    sys.exit("it does not listen")
for _ in range(count):
    connection, caller = listener.accept()
    with connection:
        digest = hashlib.sha256()
        while piece := connection.recv(30000):
            digest.update(piece)
        connection.sendall(f"{digest.hexdigest()} {caller[0]} {connection.getsockname()[0]}\n".encode())
