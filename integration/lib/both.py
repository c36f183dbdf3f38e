# SPDX-License-Identifier: MIT
"""both.py PORT: takes the port for UDP, then for TCP, and greets one caller."""
import socket
import sys

where = ("127.0.0.1", int(sys.argv[1]))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
    datagrams.bind(where)
    with socket.create_server(where) as server:
        connection, _ = server.accept()
        connection.sendall(b"hello\n")
        connection.close()
