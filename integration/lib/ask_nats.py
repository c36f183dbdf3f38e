#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ask_nats.py [ADDRESS:]PORT SUBJECT: asks a NATS server, on the loopback or there, and prints the answer."""

import socket
import sys


def main():
    server, subject = sys.argv[1:]
    address, _, port = server.rpartition(":")
    with socket.create_connection((address or "127.0.0.1", int(port)), timeout=40) as sock:
        lines = sock.makefile("rb")
        lines.readline()  # INFO
        sock.sendall(b"CONNECT {\"verbose\":false}\r\nSUB answer 1\r\nPUB %s answer 0\r\n\r\n" % subject.encode())
        while True:
            words = lines.readline().split()
            if not words or words[0] == b"-ERR":
                sys.exit(1)
            if words[0] == b"PING":
                sock.sendall(b"PONG\r\n")
            if words[0] == b"MSG":
                print(lines.read(int(words[-1])).decode())
                return


main()
