# SPDX-License-Identifier: MIT
"""thread_server.py PORT [DIRECTORY]: with an engine in its own thread, a server listens, changes its umask and working
directory, and its root directory to DIRECTORY if that is given. Then it answers each connection with the peer's
address.
"""
import os
import socket
import sys

os.umask(0o777)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", int(sys.argv[1])))
listener.listen()
os.chdir("/")
if len(sys.argv) > 2:
    os.chroot(sys.argv[2])
print("listens", flush=True)
while True:
    connection, peer = listener.accept()
    with connection:
        connection.sendall(f"{peer[0]}\n".encode())
