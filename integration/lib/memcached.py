# SPDX-License-Identifier: MIT
"""memcached.py HOST PORT CONNECTIONS: stores and fetches over all connections at the same time.

Each connection has its own keys. Values of many sizes are set, with several commands in one write, and must come
back unchanged over another connection."""
import random
import selectors
import socket
import sys

SIZES = (0, 1, 100, 1400, 20000, 500000)


def value_of(number, size):
    return random.Random(number).randbytes(size)


def sizes_of(number):
    return [SIZES[(number + i) % (len(SIZES) - (number % 50 != 0))] for i in range(4)]


class Client:
    """Sends one text and expects another. Never blocks."""

    def __init__(self, where, number):
        self.number = number
        self.socket = socket.socket(where[0])
        self.socket.setblocking(False)
        self.socket.connect_ex(where[4])
        self.give(b"", b"")

    def give(self, request, answer):
        self.request, self.answer, self.got = memoryview(request), answer, bytearray()

    def events(self):
        if self.request:
            return selectors.EVENT_READ | selectors.EVENT_WRITE
        return selectors.EVENT_READ if len(self.got) < len(self.answer) else 0

    def work(self, ready):
        if ready & selectors.EVENT_WRITE and self.request:
            self.request = self.request[self.socket.send(self.request):]
        if ready & selectors.EVENT_READ:
            more = self.socket.recv(65536)
            if not more:
                sys.exit(f"connection {self.number}: closed by the server")
            self.got += more
        if len(self.got) >= len(self.answer) and self.got != self.answer:
            sys.exit(f"connection {self.number}: {bytes(self.got[:80])!r}..., "
                     f"{len(self.got)} bytes: not what was stored")


def run(clients):
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, client.events(), client)
        while selector.get_map():
            ready = selector.select(20)
            if not ready:
                sys.exit(f"{len(selector.get_map())} connections wait in vain")
            for key, events in ready:
                key.data.work(events)
                if not key.data.events():
                    selector.unregister(key.fileobj)
                elif key.data.events() != key.events:
                    selector.modify(key.fileobj, key.data.events(), key.data)


def main(host, port, count):
    where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    clients = [Client(where, number) for number in range(count)]
    for client in clients:
        n = client.number
        client.give(b"".join(b"set %d-%d 0 0 %d\r\n%s\r\n" % (n, i, size, value_of(n * 10 + i, size))
                             for i, size in enumerate(sizes_of(n))), b"STORED\r\n" * 4)
    run(clients)
    for client in clients:
        n = (client.number + 1) % count
        client.give(b"get %s\r\n" % b" ".join(b"%d-%d" % (n, i) for i in range(4)),
                    b"".join(b"VALUE %d-%d 0 %d\r\n%s\r\n" % (n, i, size, value_of(n * 10 + i, size))
                             for i, size in enumerate(sizes_of(n))) + b"END\r\n")
    run(clients)
    print(f"{count} connections: {4 * count} values stored and fetched")


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
