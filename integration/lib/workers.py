# SPDX-License-Identifier: MIT
"""Eight listeners share a port (SO_REUSEPORT). One after the other leaves, and who calls at once must be served.

usage: workers.py serve HOST PORT             one leaves at each SIGUSR1
       workers.py call HOST PORT PID OUTPUT   sends it, waits for the word of it in OUTPUT, calls 24 times; 7 times

Four call at once, so that a handshake is under way whenever a socket stops listening for the one that left.
"""
import os
import select
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

where = (sys.argv[2], int(sys.argv[3]))
WORKERS = 8


def serve():
    workers = [socket.create_server(where, reuse_port=True, backlog=100) for _ in range(WORKERS)]
    told, teller = socket.socketpair()
    teller.setblocking(False)
    signal.set_wakeup_fd(teller.fileno())
    signal.signal(signal.SIGUSR1, lambda *_: None)
    print("ready", flush=True)
    while True:
        for ready in select.select([told, *workers], [], [])[0]:
            if ready is told:
                told.recv(1)
                workers.pop().close()
                print("left", flush=True)
                break
            connection, _ = ready.accept()
            connection.sendall(connection.recv(100))
            connection.close()


def ask(number):
    question = b"%d" % number
    with socket.create_connection(where, timeout=160) as connection:
        connection.sendall(question)
        answer = connection.recv(100)
    if answer != question:
        sys.exit(f"call {number}: {answer!r}")


def call(pid, output):
    with ThreadPoolExecutor(4) as callers:
        for gone in range(1, WORKERS):
            os.kill(pid, signal.SIGUSR1)
            while open(output).read().count("left") < gone:
                pass
            list(callers.map(ask, range(24)))


if sys.argv[1] == "serve":
    serve()
else:
    call(int(sys.argv[4]), sys.argv[5])
