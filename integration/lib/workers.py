# SPDX-License-Identifier: MIT
"""Eight listeners share a port (SO_REUSEPORT). They leave one after another, and new clients must still be served.

usage: workers.py serve HOST PORT             one listener leaves at each SIGUSR1
       workers.py call HOST PORT PID OUTPUT   calls 16 times; then 7 times: sends it, waits for the report in
                                              OUTPUT, calls 24 times

The report is "left N": the listener has accepted N connections.
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
    accepted = dict.fromkeys(workers, 0)
    print("ready", flush=True)
    while True:
        for ready in select.select([told, *workers], [], [])[0]:
            if ready is told:
                told.recv(1)
                worker = workers.pop()
                worker.close()
                print("left", accepted[worker], flush=True)
                break
            connection, _ = ready.accept()
            accepted[ready] += 1
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
        list(callers.map(ask, range(2 * WORKERS)))
        for gone in range(1, WORKERS):
            os.kill(pid, signal.SIGUSR1)
            while open(output).read().count("left") < gone:
                pass
            list(callers.map(ask, range(24)))


if sys.argv[1] == "serve":
    serve()
else:
    call(int(sys.argv[4]), sys.argv[5])
