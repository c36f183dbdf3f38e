# SPDX-License-Identifier: MIT
"""One end of one connection. It does one thing and reports what it saw.

usage: ends.py listen|call HOST PORT THING [FILE]

    send FILE      sends FILE, closes its sending direction, reads to the end
    answer FILE    reads to the end, then sends FILE and closes
    reset          reads one byte, then closes with a reset
    look           reads until the connection ends
    flood          sends until the buffers are full, reports how many bytes were acknowledged, resets
    late           writes until a write fails, then reads the data that had arrived before
    urgent         sends "before", an urgent "!", "after"
    urgent_look    reads, with the urgent byte as part of the stream (SO_OOBINLINE)

Prints the peer's address, the number of bytes received, their SHA-256, and how the connection ended.
"""
import fcntl
import hashlib
import select
import socket
import struct
import sys
import termios

role, host, port, thing = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


def meet():
    if role == "call":
        return socket.create_connection((host, port), 80)
    server = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    print("listening", flush=True)
    connection, _ = server.accept()
    server.close()
    return connection


def read_all(connection):
    digest, count = hashlib.sha256(), 0
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return count, digest.hexdigest(), "reset"
        if not piece:
            return count, digest.hexdigest(), "end"
        digest.update(piece)
        count += len(piece)


def send_file(connection):
    with open(sys.argv[5], "rb") as source:
        connection.sendall(source.read())


def urgent_look(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    connection.setblocking(False)
    poll, seen, text = select.poll(), False, b""
    poll.register(connection, select.POLLIN | select.POLLPRI)
    while not text.endswith(b"after"):
        for _, bits in poll.poll():
            seen = seen or bool(bits & select.POLLPRI)
        try:
            piece = connection.recv(100)
        except BlockingIOError:
            continue
        if not piece:
            break
        text += piece
    print("urgent seen" if seen else "nothing urgent", text.decode())


def flood(connection):
    sent = 0
    connection.setblocking(False)
    while select.select([], [connection], [], 0.5)[1]:
        sent += connection.send(bytes(65536))
    queued = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]
    print("acknowledged", sent - queued)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def late(connection):
    try:
        while not select.select([], [], [connection], 0.01)[2]:
            connection.send(b"x")
    except OSError:
        print("got", *read_all(connection))


connection = meet()
connection.settimeout(160)
print("peer", connection.getpeername()[0], flush=True)
if thing == "send":
    send_file(connection)
    connection.shutdown(socket.SHUT_WR)
    print(*read_all(connection))
elif thing == "answer":
    print(*read_all(connection))
    send_file(connection)
elif thing == "reset":
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
elif thing == "look":
    connection.sendall(b"x")
    print(*read_all(connection))
elif thing == "flood":
    flood(connection)
elif thing == "late":
    late(connection)
elif thing == "urgent":
    connection.sendall(b"before")
    connection.send(b"!", socket.MSG_OOB)
    connection.sendall(b"after")
    connection.recv(1)
elif thing == "urgent_look":
    urgent_look(connection)
connection.close()
