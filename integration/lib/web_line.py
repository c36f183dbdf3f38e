#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of IRC over WebSocket, line by line: each line of standard input becomes a message, each message a
line of standard output. "* code reason" is printed for the server's close frame, "* end" for the end of the
stream; the program ends then.

    web_line.py [--tls] [--binary] [--origin ORIGIN] HOST PORT

Lines of input with a meaning of their own: "/ping TEXT", "/fragments TEXT" (each byte in a frame), "/huge N" (a
message of N bytes), "/bytes HEX" (a message with these bytes), "/close".
"""

import argparse
import base64
import os
import selectors
import socket
import ssl
import struct
import sys

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(first, payload):
    mask = os.urandom(4)
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", first, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class Client:
    def __init__(self, options):
        self.opcode = BINARY if options.binary else TEXT
        self.stream = socket.create_connection((options.host, options.port))
        if options.tls:
            context = ssl._create_unverified_context()
            self.stream = context.wrap_socket(self.stream, server_hostname="irc.test")
        self.read = b""
        self.handshake(options)

    def handshake(self, options):
        head = [
            "GET / HTTP/1.1",
            f"Host: [{options.host}]:{options.port}" if ":" in options.host else f"Host: {options.host}:{options.port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol: " + ("binary" if options.binary else "text") + ".ircv3.net",
        ]
        if options.origin:
            head.append("Origin: " + options.origin)
        self.stream.sendall("\r\n".join(head + ["", ""]).encode())
        while b"\r\n\r\n" not in self.read:
            more = self.stream.recv(4096)
            if not more:
                break
            self.read += more
        answer, _, self.read = self.read.partition(b"\r\n\r\n")
        status = answer.split(b" ")[1] if b" " in answer else b"none"
        print("* status", status.decode(), flush=True)
        if status != b"101":
            sys.exit(1)

    def send(self, first, payload):
        try:
            self.stream.sendall(frame(first, payload))
        except ConnectionError:
            pass  # what the server has sent before is still to be read

    def say(self, line):
        word, _, rest = line.partition(b" ")
        if word == b"/ping":
            self.send(0x80 | PING, rest)
        elif word == b"/fragments":
            self.send(self.opcode, rest[:1])
            for i in range(1, len(rest)):
                self.send(0, rest[i : i + 1])
            self.send(0x80, b"")
        elif word == b"/huge":
            self.send(0x80 | self.opcode, b"x" * int(rest))
        elif word == b"/bytes":
            self.send(0x80 | self.opcode, bytes.fromhex(rest.decode()))
        elif word == b"/close":
            self.send(0x80 | CLOSE, struct.pack("!H", 1000))
        else:
            self.send(0x80 | self.opcode, line)

    def on_frame(self, opcode, payload):
        if opcode in (TEXT, BINARY):
            assert opcode == self.opcode and b"\n" not in payload
            sys.stdout.buffer.write(payload + b"\n")
        elif opcode == PONG:
            sys.stdout.buffer.write(b"* pong " + payload + b"\n")
        elif opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else 1005
            sys.stdout.buffer.write(b"* close %d %s\n" % (code, payload[2:]))
        sys.stdout.buffer.flush()

    def take_frames(self):
        while len(self.read) >= 2:
            first, length = self.read[0], self.read[1]
            at = 2
            assert first & 0x80 and length < 128
            if length == 126:
                if len(self.read) < 4:
                    return
                length, at = struct.unpack("!H", self.read[2:4])[0], 4
            if len(self.read) < at + length:
                return
            payload, self.read = self.read[at : at + length], self.read[at + length :]
            self.on_frame(first & 0x0F, payload)

    def on_readable(self):
        """Returns False at the end."""
        try:
            more = self.stream.recv(65536)
        except ConnectionError:
            more = b""
        self.read += more
        while isinstance(self.stream, ssl.SSLSocket) and self.stream.pending():
            self.read += self.stream.recv(65536)
        self.take_frames()
        return bool(more)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--binary", action="store_true")
    parser.add_argument("--origin")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    client = Client(parser.parse_args())
    client.take_frames()
    waits = selectors.DefaultSelector()
    waits.register(client.stream, selectors.EVENT_READ)
    waits.register(0, selectors.EVENT_READ)
    kept = b""
    while True:
        for key, _ in waits.select():
            if key.fileobj == 0:
                more = os.read(0, 65536)
                if not more:
                    return
                kept += more
                while b"\n" in kept:
                    line, _, kept = kept.partition(b"\n")
                    client.say(line.rstrip(b"\r"))
            elif not client.on_readable():
                print("* end", flush=True)
                return


main()
