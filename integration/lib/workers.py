# SPDX-License-Identifier: MIT
"""Eight listeners share a port (SO_REUSEPORT). They leave one after another, and new clients must still be served.

usage: workers.py serve HOST PORT             one listener leaves at each SIGUSR1
       workers.py call HOST PORT PID OUTPUT   sends it, waits for its report in OUTPUT, calls 24 times; 7 times

Four clients call at once, so that a handshake is in progress whenever the socket of a leaving listener stops.
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
