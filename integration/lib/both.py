# SPDX-License-Identifier: MIT
"""Takes a port for UDP and for TCP, in this order or the other, and greets one caller of each.

usage: both.py PORT [tcp-first]
"""
import socket
import sys

where = ("127.0.0.1", int(sys.argv[1]))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if "tcp-first" not in sys.argv:
    datagrams.bind(where)
server = socket.create_server(where)
if "tcp-first" in sys.argv:
    datagrams.bind(where)
connection, _ = server.accept()
connection.sendall(b"hello\n")
connection.close()
print("waiting", flush=True)
# A caller under the shim has asked here, too, whether rudp is spoken.
text, caller = b"?", None
while text != b"\n":
    text, caller = datagrams.recvfrom(2000)
datagrams.sendto(b"hello\n", caller)
