# SPDX-License-Identifier: MIT
"""users.py PORT UID: a server of root, a worker that it forks and a program that it executes, both as another
user. Each of the three answers one connection at PORT, in this order. A line of input starts the program. The worker
then listens on PORT + 1 and the program on PORT + 2, until the end of the input. Lines like "worker listens" report
the progress.
"""
import os
import socket
import sys

PROGRAM = "--program"
PYTHON = "/usr/bin/python3"  # one that every user may execute


def answer_one(listener, name):
    connection, peer = listener.accept()
    with connection:
        connection.sendall(f"{name} {connection.getpeername()[0]}\n".encode())
    print(name, "answered", peer[0], flush=True)


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen()
    return listener


def be_worker(listener, port):
    answer_one(listener, "worker")
    own = listen(port)
    print("worker listens", flush=True)
    sys.stdin.read()
    own.close()


def be_program(fd, port):
    for name in sorted(os.environ):
        if name.startswith("RUDP_"):
            print("program has", name, flush=True)
    answer_one(socket.socket(fileno=fd), "program")
    own = listen(port)
    print("program listens", flush=True)
    sys.stdin.read()
    own.close()


def in_child(uid, function, *arguments):
    pid = os.fork()
    if pid == 0:
        os.setgid(uid)
        os.setuid(uid)
        function(*arguments)
        os._exit(0)
    return pid


def execute(listener, port):
    os.set_inheritable(listener.fileno(), True)
    words = [PYTHON, __file__, str(port), "0", PROGRAM, str(listener.fileno())]
    # Like sshd, it passes on nothing of its own environment.
    os.execve(PYTHON, words, {"PATH": os.environ["PATH"]})


def main():
    port, uid = int(sys.argv[1]), int(sys.argv[2])
    if PROGRAM in sys.argv:
        be_program(int(sys.argv[4]), port)
        return
    listener = listen(port)
    print("server listens", flush=True)
    answer_one(listener, "server")
    children = [in_child(uid, be_worker, listener, port + 1)]
    # The next connection is the worker's, the one after that the program's.
    sys.stdin.readline()
    children.append(in_child(uid, execute, listener, port + 2))
    for pid in children:
        os.waitpid(pid, 0)


main()
