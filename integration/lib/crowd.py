# SPDX-License-Identifier: MIT
# Many simultaneous connections that are mostly idle:
#
#     crowd.py serve ADDRESS PORT        echoes, until it is killed
#     crowd.py hold ADDRESS PORT COUNT   opens COUNT connections; for each line of its input, sends a
#                                        request over each of them; exits at the end of its input
import resource
import selectors
import socket
import sys

SIZE = 64


def serve(address):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(address, backlog=1000)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
            elif piece := key.fileobj.recv(SIZE):
                key.fileobj.sendall(piece)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def ask(connection, number):
    question = (b"%d." % number).ljust(SIZE, b"?")
    connection.sendall(question)
    answer = connection.recv(SIZE, socket.MSG_WAITALL)
    if answer != question:
        sys.exit(f"connection {number}: {answer!r}")


def hold(address, count):
    connections = [socket.create_connection(address, timeout=160) for _ in range(count)]
    while True:
        for number, connection in enumerate(connections):
            ask(connection, number)
        print("asked", flush=True)
        if not sys.stdin.readline():
            return


most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
where = (sys.argv[2], int(sys.argv[3]))
if sys.argv[1] == "serve":
    serve(where)
else:
    hold(where, int(sys.argv[4]))
