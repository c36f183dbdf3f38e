# SPDX-License-Identifier: MIT
"""Binds a port for UDP and for TCP, in either order, and greets one client of each.

usage: both.py PORT [tcp-first] [reuse-port]
"""
import socket
import sys

where = ("127.0.0.1", int(sys.argv[1]))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
share = "reuse-port" in sys.argv
if share:
    datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if "tcp-first" not in sys.argv:
    datagrams.bind(where)
server = socket.create_server(where, reuse_port=share)
if "tcp-first" in sys.argv:
    datagrams.bind(where)
connection, _ = server.accept()
connection.sendall(b"hello\n")
connection.close()
if share:  # the program gets every datagram, from any sender (not the queries of engines)
    for number in range(40):
        caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        caller.sendto(b"number %d" % number, where)
        caller.close()
    missing = set(b"number %d" % number for number in range(40))
    datagrams.settimeout(40)
    while missing:
        missing.discard(datagrams.recv(2000))
    datagrams.settimeout(None)
print("waiting", flush=True)
# A client under the shim has also sent a SYN of rudp to this port.
text, caller = b"?", None
while text != b"\n":
    text, caller = datagrams.recvfrom(2000)
datagrams.sendto(b"hello\n", caller)
