# SPDX-License-Identifier: MIT
# An echo client, and an echo server in each of the usual styles of Python programs:
#
#     echo.py serve STYLE ADDRESS PORT             until SIGTERM
#     echo.py call ADDRESS PORT CONNECTIONS BYTES  all connections at once, with asyncio; exit code 1 if
#                                                  one failed
#
# A client sends random bytes, closes its sending direction, and must get the same bytes and then
# end of file.
import asyncio
import hashlib
import multiprocessing
import os
import selectors
import signal
import socket
import socketserver
import sys

PIECE = 30000
WORKERS = 3
BACKLOG = 200


def listen(address):
    return socket.create_server(address, backlog=BACKLOG)


def echo_blocking(connection):
    with connection:
        while piece := connection.recv(PIECE):
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)


def serve_asyncio(address):
    async def echo(reader, writer):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        writer.close()
        await writer.wait_closed()

    async def main():
        server = await asyncio.start_server(echo, *address, backlog=BACKLOG)
        await server.serve_forever()

    asyncio.run(main())


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while piece := self.request.recv(PIECE):
            self.request.sendall(piece)


def serve_with(mixin, address):
    class Server(mixin, socketserver.TCPServer):
        request_queue_size = BACKLOG
        allow_reuse_address = True
        max_children = 200

    Server(address, Echo).serve_forever()


def serve_forking(address):
    serve_with(socketserver.ForkingMixIn, address)


def serve_threading(address):
    serve_with(socketserver.ThreadingMixIn, address)


class Selected:
    """One connection of the selectors' server. It waits only for the events that it can handle."""

    def __init__(self, selector, connection):
        self.selector, self.connection = selector, connection
        self.waiting, self.ended = b"", False
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, self)

    def on_event(self, events):
        if events & selectors.EVENT_READ:
            piece = self.connection.recv(PIECE)
            self.waiting += piece
            self.ended = not piece
        if self.waiting and events & selectors.EVENT_WRITE:
            self.waiting = self.waiting[self.connection.send(self.waiting):]
        self.go_on()

    def go_on(self):
        wanted = 0 if self.ended or len(self.waiting) > 4 * PIECE else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if self.waiting else 0
        if wanted:
            self.selector.modify(self.connection, wanted, self)
        else:
            self.selector.unregister(self.connection)
            self.connection.close()


def serve_selector(selector, address):
    listener = listen(address)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, events in selector.select():
            if key.data:
                key.data.on_event(events)
            else:
                Selected(selector, listener.accept()[0])


def serve_epoll(address):
    serve_selector(selectors.EpollSelector(), address)


def serve_select(address):
    serve_selector(selectors.SelectSelector(), address)


def accept_for_ever(listener):
    while True:
        echo_blocking(listener.accept()[0])


def run_workers(context, address):
    listener = listen(address)
    workers = [context.Process(target=accept_for_ever, args=(listener,), daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def serve_fork(address):
    run_workers(multiprocessing.get_context("fork"), address)


# The workers are new programs, which get the listener over an AF_UNIX socket.
def serve_spawn(address):
    run_workers(multiprocessing.get_context("spawn"), address)


def echo_what_comes(channel):
    while True:
        echo_blocking(channel.recv())


# One process accepts, and passes each connection to a worker.
def serve_passing(address):
    listener = listen(address)
    channels = []
    for _ in range(WORKERS):
        ours, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=echo_what_comes, args=(theirs,), daemon=True).start()
        channels.append(ours)
    while True:
        connection = listener.accept()[0]
        channels[0].send(connection)
        connection.close()
        channels.append(channels.pop(0))


async def call_once(address, size):
    content = os.urandom(size)
    digest = hashlib.sha256()
    reader, writer = await asyncio.open_connection(*address)

    async def send():
        for start in range(0, size, PIECE):
            writer.write(content[start:start + PIECE])
            await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    while piece := await reader.read(PIECE):
        digest.update(piece)
    await sending
    writer.close()
    await writer.wait_closed()
    return digest.digest() == hashlib.sha256(content).digest()


async def call(address, connections, size):
    results = await asyncio.gather(*(call_once(address, size) for _ in range(connections)), return_exceptions=True)
    faults = {repr(result) for result in results if result is not True}
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


def main():
    if sys.argv[1] == "serve":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        globals()["serve_" + sys.argv[2]]((sys.argv[3], int(sys.argv[4])))
    else:
        asyncio.run(call((sys.argv[2], int(sys.argv[3])), int(sys.argv[4]), int(sys.argv[5])))


if __name__ == "__main__":
    main()
