#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Transfers over one lasting connection: parcels.py serve PORT | parcels.py send HOST PORT

The sender reads sizes from its standard input, one a line, sends so many bytes, and prints "arrived" when
the server has received and compared them all."""
import socket
import struct
import sys

PATTERN = bytes(range(251)) * 4096


def content(size):
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def serve(port):
    listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        stream = listener.accept()[0].makefile("rwb")
        while head := stream.read(8):
            size = struct.unpack("!Q", head)[0]
            if stream.read(size) != content(size):
                sys.exit("not what was sent")
            stream.write(b"k")
            stream.flush()


def send(host, port):
    connection = socket.create_connection((host, port))
    print("connected", flush=True)
    for line in sys.stdin:
        size = int(line)
        connection.sendall(struct.pack("!Q", size) + content(size))
        if connection.recv(1) != b"k":
            sys.exit("no receipt")
        print("arrived", flush=True)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    send(sys.argv[2], int(sys.argv[3]))
