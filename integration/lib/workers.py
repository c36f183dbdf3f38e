# SPDX-License-Identifier: MIT
"""Two listeners share a port (SO_REUSEPORT). One leaves, and who calls at once must be served.

usage: workers.py serve HOST PORT             one leaves at SIGUSR1
       workers.py call HOST PORT PID OUTPUT   sends it, waits for the word of it in OUTPUT, calls 60 times
"""
import os
import signal
import socket
import sys

where = (sys.argv[2], int(sys.argv[3]))


def serve():
    workers = [socket.create_server(where, reuse_port=True, backlog=100) for _ in range(2)]
    signal.signal(signal.SIGUSR1, lambda *_: (workers.pop().close(), print("left", flush=True)))
    print("ready", flush=True)
    while len(workers) == 2:
        signal.pause()
    while True:
        connection, _ = workers[0].accept()
        connection.sendall(connection.recv(100))
        connection.close()


def call(pid, output):
    os.kill(pid, signal.SIGUSR1)
    while "left" not in open(output).read():
        pass
    for number in range(60):
        question = b"%d" % number
        with socket.create_connection(where, timeout=160) as connection:
            connection.sendall(question)
            answer = connection.recv(100)
            if answer != question:
                sys.exit(f"call {number}: {answer!r}")


if sys.argv[1] == "serve":
    serve()
else:
    call(int(sys.argv[4]), sys.argv[5])
