# SPDX-License-Identifier: MIT
# Opens short connections, one after the other, each with one request and one answer:
#
#     short.py serve ADDRESS PORT        until it is killed
#     short.py call ADDRESS PORT COUNT   exit code 1 if one failed
import socket
import sys


def serve(address):
    listener = socket.create_server(address, backlog=100)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100))


def call(address, count):
    for number in range(count):
        question = b"%d" % number
        with socket.create_connection(address, timeout=160) as connection:
            connection.sendall(question)
            answer = connection.recv(100)
            if answer != question or connection.recv(1) != b"":
                sys.exit(f"connection {number}: {answer!r}")


address = (sys.argv[2], int(sys.argv[3]))
if sys.argv[1] == "serve":
    serve(address)
else:
    call(address, int(sys.argv[4]))
