#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many clients in one channel. All of them talk, and check that each hears every line once and in order.

    chatters.py HOST PORT[,PORT...] CLIENTS READY_FILE

Writes READY_FILE when all are in the channel, talks until SIGTERM, then waits until every client has heard
the last line of every other. Lines are sent in two pieces, and some clients do not read for a while, so that
there are always incomplete lines and full buffers. Exit code 0: nothing was lost, doubled or out of order,
and no message id came twice.

Several ports are those of the nodes of a network, which the clients use in turn. Then clients hear themselves, too,
and say the next line when the last one has come back. All must hear all lines in the same order. A node that is cut
off refuses lines; these are said again.
"""

import random
import re
import selectors
import signal
import socket
import sys
import time

PACE_S = 0.005  # between two lines, all clients together
LAZY_S = 0.3  # a lazy client does not read for this time
PATIENCE_S = 60
SAID = re.compile(rb"(?:@(\S+) )?:c(\d+)!\S+ PRIVMSG #crowd :(\d+|end)\r\n")
NEWS = re.compile(rb"\S+ NOTICE c\d+ :This server is (cut off from|connected to) its network.*\r\n")
REFUSED = re.compile(rb"\S+ NOTICE c\d+ :.*cut off from its network; try again later\r\n")


class Client:
    def __init__(self, address, number, clients, is_networked):
        self.socket = socket.socket()
        if number % 20 == 0:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(address)
        self.number = number
        self.heard = b""
        self.next = [0] * clients
        self.ended = 0
        self.said = 0
        self.ids = set()
        self.rest = None
        self.lazy_until = 0.0
        self.is_networked = is_networked
        self.waiting = None  # in a network: what has not come back yet
        self.order = []
        if is_networked:
            self.say("CAP REQ :message-tags echo-message")
        elif number == 0:
            self.say("CAP REQ :message-tags")
        self.say(f"NICK c{number}")
        self.say(f"USER c{number} 0 * :c")
        if is_networked or number == 0:
            self.say("CAP END")
        self.wait_for(b" 001 ")
        self.say("JOIN #crowd")
        self.wait_for(b" 366 ")
        self.heard = b""
        self.socket.setblocking(False)

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def wait_for(self, word):
        while word not in self.heard:
            piece = self.socket.recv(65536)
            if not piece:
                sys.exit(f"c{self.number} was closed: {self.heard[-200:]!r}")
            self.heard += piece

    def begin_line(self, text):
        line = f"PRIVMSG #crowd :{text}\r\n".encode()
        cut = random.randrange(1, len(line))
        self.socket.sendall(line[:cut])
        self.rest = line[cut:]
        self.said += 1
        self.waiting = text if self.is_networked else None

    def end_line(self):
        if self.rest:
            self.socket.sendall(self.rest)
        self.rest = None

    def read(self):
        try:
            piece = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        if not piece:
            sys.exit(f"c{self.number} was closed: {self.heard[-200:]!r}")
        lines = (self.heard + piece).splitlines(keepends=True)
        self.heard = b"" if lines[-1].endswith(b"\n") else lines.pop()
        for line in lines:
            self.hear(line)

    def hear(self, line):
        if line.startswith(b"PING "):
            self.socket.sendall(b"PONG" + line[4:])
            return
        said = SAID.fullmatch(line)
        if self.waiting and REFUSED.fullmatch(line):
            self.say(f"PRIVMSG #crowd :{self.waiting}")
            return
        if self.is_networked and NEWS.fullmatch(line):
            return
        if not said:
            if b" JOIN " not in line and b" MODE " not in line:
                sys.exit(f"c{self.number} heard {line!r}")
            return
        who, what = int(said[2]), said[3]
        if self.is_networked:
            self.order.append(said[0])
        if who == self.number:
            self.waiting = None
        if said[1]:
            if said[1] in self.ids:
                sys.exit(f"{said[1]!r} came twice")
            self.ids.add(said[1])
        if what == b"end":
            self.ended += 1
            self.next[who] = -1 if self.next[who] == 0 else -self.next[who]
        elif int(what) != self.next[who]:
            sys.exit(f"c{self.number} heard {int(what)} of c{who} in place of {self.next[who]}")
        else:
            self.next[who] += 1


def main():
    ports = [int(port) for port in sys.argv[2].split(",")]
    count = int(sys.argv[3])
    is_networked = len(ports) > 1
    clients = [Client((sys.argv[1], ports[i % len(ports)]), i, count, is_networked) for i in range(count)]
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    with open(sys.argv[4], "w", encoding="ascii") as ready:
        ready.write("ready\n")
    speaking = None
    next_at = time.monotonic()
    while not stop:
        now = time.monotonic()
        for key, _ in selector.select(max(0, next_at - now)):
            if key.data.lazy_until <= now:
                key.data.read()
        if now < next_at:
            continue
        next_at = now + PACE_S
        if speaking:
            speaking.end_line()
        speaking = random.choice(clients)
        if speaking.waiting:
            speaking = None
        else:
            speaking.begin_line(str(speaking.said))
        random.choice(clients).lazy_until = now + LAZY_S
    if speaking:
        speaking.end_line()
    talking = list(clients)
    last_words = count if is_networked else count - 1
    give_up_at = time.monotonic() + PATIENCE_S
    while any(client.ended < last_words for client in clients):
        if time.monotonic() > give_up_at:
            sys.exit(f"missing: {sum(last_words - client.ended for client in clients)} last words")
        for client in [client for client in talking if not client.waiting]:
            client.begin_line("end")
            client.end_line()
            talking.remove(client)
        for key, _ in selector.select(1):
            key.data.read()
    if any(client.order != clients[0].order for client in clients):
        sys.exit("not all have heard the same in the same order")
    said = sum(client.said - 1 for client in clients)
    print(f"{said} lines of {count} clients, each heard once by all the others")


main()
