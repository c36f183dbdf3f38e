#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Options whose effect is visible on the wire, or when the path fails.

    options.py serve PORT       accepts and keeps all connections; the first byte says what to do
    options.py tos HOST PORT    sets the type of service, before connect and after accept
    options.py device HOST PORT DEVICE SECONDS
    options.py dead HOST PORT READY   ends when every connection has reported the failed path
    options.py watch DEVICE HOST FILE  writes the types of service of packets from and to HOST
"""
import errno
import select
import socket
import struct
import sys
import threading
import time

KEEPALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
             (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3))
OUTPUT = threading.Lock()
PATIENCE_MS = 100000  # for a connection that must report an error


def say(text):
    with OUTPUT:
        print(text, flush=True)


def name(error):
    return errno.errorcode[error] if error else "0"


def outcome(connection, what, start=None, patience_ms=PATIENCE_MS):
    """Waits for the end of a connection. Returns the result of the read."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    start = start or time.monotonic()
    if not poll.poll(patience_ms):
        say(f"{what}: alive")
        return
    took = time.monotonic() - start
    try:
        connection.recv(1)
        say(f"{what}: end of file")
    except OSError as e:
        say(f"{what}: {name(e.errno)} {int(took * 1000)}")


def handle(connection):
    order = connection.recv(1)
    if order == b"t":
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)
    if order == b"k":
        connection.send(b"k")
        outcome(connection, "keep-alive of the listener")
        return
    connection.send(order)
    connection.recv(1)


def serve(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in KEEPALIVE:
        listener.setsockopt(*option)
    listener.bind(("", int(port)))
    listener.listen()
    while True:
        threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()


def connect(host, port, order, before=(), after=()):
    connection = socket.socket()
    for option in before:
        connection.setsockopt(*option)
    connection.connect((host, int(port)))
    for option in after:
        connection.setsockopt(*option)
    connection.send(order)
    connection.recv(1)
    return connection


def tos(host, port):
    connect(host, port, b"t", before=((socket.IPPROTO_IP, socket.IP_TOS, 0x48),)).close()
    connect(host, port, b"x", after=((socket.IPPROTO_IP, socket.IP_TOS, 0x68),)).close()


def device(host, port, wanted, patience_s):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, wanted.encode())
    connection.settimeout(float(patience_s))
    try:
        connection.connect((host, int(port)))
        print("connected")
    except OSError:
        print("not connected")


def dead(host, port, ready):
    kept = {
        "keep-alive before connect": connect(host, port, b"x", before=KEEPALIVE),
        "keep-alive after connect": connect(host, port, b"x", after=KEEPALIVE),
        "nothing asked for": connect(host, port, b"x"),
        "listener": connect(host, port, b"k"),
    }
    writer = connect(host, port, b"x", before=((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000),))
    with open(ready, "w", encoding="ascii"):
        pass
    sys.stdin.readline()  # the path is dead now
    start = time.monotonic()
    writer.send(b"y")
    kept["user time-out"] = writer
    threads = [threading.Thread(target=outcome, args=(c, w, start)) for w, c in kept.items()
               if w not in ("listener", "nothing asked for")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # This connection must still be open after the others, however long they took.
    outcome(kept["nothing asked for"], "nothing asked for", patience_ms=0)


def watch(link, host, path):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL: outgoing ones, too
    packets.bind((link, 3))
    with open(path, "w", encoding="ascii") as file:
        while True:
            packet = packets.recv(65536)
            source, target = (socket.inet_ntoa(packet[at:at + 4]) for at in (12, 16))
            if packet[0] >> 4 == 4 and packet[9] in (6, 17) and host in (source, target):
                kind = "from" if source == host else "to"
                print(kind, struct.unpack_from("B", packet, 1)[0] & 0xFC, file=file, flush=True)


if __name__ == "__main__":
    {"serve": serve, "tos": tos, "device": device, "dead": dead, "watch": watch}[sys.argv[1]](*sys.argv[2:])
