# SPDX-License-Identifier: MIT
"""Many connections: one short one after the other, or all at once.

many.py serve-short PORT             takes a byte and gives it back, then closes; until SIGTERM
many.py short ADDRESS PORT COUNT
many.py serve-held PORT COUNT        answers nobody before all COUNT are there
many.py held ADDRESS PORT COUNT      each says its number and must hear it again
"""
import socket
import sys

BACKLOG = 1024
NUMBER_BYTES = 4


def receive(connection, count):
    got = b""
    while len(got) < count:
        piece = connection.recv(count - len(got))
        if not piece:
            sys.exit(f"end of the stream after {len(got)} of {count} bytes")
        got += piece
    return got


def expect_end(connection):
    if connection.recv(1):
        sys.exit("bytes behind the last one")


def serve_short(port):
    listener = socket.create_server(("", port), backlog=BACKLOG)
    while True:
        connection, _ = listener.accept()
        connection.sendall(receive(connection, 1))
        connection.close()


def short(address, port, count):
    for i in range(count):
        byte = bytes([i % 256])
        with socket.create_connection((address, port)) as connection:
            connection.sendall(byte)
            if receive(connection, 1) != byte:
                sys.exit(f"connection {i} got another byte")
            expect_end(connection)


def serve_held(port, count):
    listener = socket.create_server(("", port), backlog=BACKLOG)
    accepted = [listener.accept() for _ in range(count)]
    if len({address for _, address in accepted}) != count:
        sys.exit("two living connections have the same peer address")
    for connection, _ in accepted:
        connection.sendall(receive(connection, NUMBER_BYTES))
        connection.close()


def held(address, port, count):
    connections = [socket.create_connection((address, port)) for _ in range(count)]
    for number, connection in enumerate(connections):
        connection.sendall(number.to_bytes(NUMBER_BYTES, "big"))
    for number, connection in enumerate(connections):
        if int.from_bytes(receive(connection, NUMBER_BYTES), "big") != number:
            sys.exit(f"connection {number} got another number")
        expect_end(connection)
        connection.close()


def main(verb, *arguments):
    actions = {"serve-short": serve_short, "short": short, "serve-held": serve_held, "held": held}
    actions[verb](*(int(word) if word.isdigit() else word for word in arguments))


main(*sys.argv[1:])
