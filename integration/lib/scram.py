#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of a chat server that logs in by SASL SCRAM-SHA-256, written from RFC 5802 and RFC 7677.

Usage   scram.py HOST PORT NICK ACCOUNT PASSWORD

The connection is TLS, with any certificate. The program prints "salt SALT", "iterations N", and at the end
"logged in", if the server has accepted the login and has proven that it knows the password, or "refused" and the
numeric. After a login it waits for the end of its standard input.
"""
import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import sys


class Client:
    def __init__(self, host, port):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection((host, int(port)), timeout=20))
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def send(self, text):
        self.say("AUTHENTICATE " + base64.b64encode(text.encode()).decode())

    def hears(self, *words):
        """The next line that has one of the words as its command."""
        for line in self.lines:
            parts = line.rstrip("\r\n").split(" ")
            if parts[0].startswith(":"):
                del parts[0]
            if parts[0] == "PING":
                self.say("PONG " + parts[1])
            if parts[0] in words:
                return parts
        sys.exit("the connection has ended")

    def challenge(self):
        """The server's next message; None if it refuses the login."""
        parts = self.hears("AUTHENTICATE", "904", "908")
        if parts[0] != "AUTHENTICATE":
            print("refused", parts[0], flush=True)
            sys.exit(1)
        return "" if parts[1] == "+" else base64.b64decode(parts[1]).decode()


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def log_in(client, account, password):
    client.say("AUTHENTICATE SCRAM-SHA-256")
    client.challenge()
    nonce = secrets.token_hex(12)
    first = f"n={account},r={nonce}"
    client.send("n,," + first)
    challenge = client.challenge()
    values = dict(part.split("=", 1) for part in challenge.split(","))
    assert values["r"].startswith(nonce) and len(values["r"]) > len(nonce)
    print("salt", values["s"])
    print("iterations", values["i"], flush=True)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(values["s"]),
                                 int(values["i"]))
    key = digest(salted, "Client Key")
    final = "c=biws,r=" + values["r"]
    message = ",".join((first, challenge, final))
    signature = digest(hashlib.sha256(key).digest(), message)
    proof = bytes(a ^ b for a, b in zip(key, signature))
    client.send(final + ",p=" + base64.b64encode(proof).decode())
    expected = digest(digest(salted, "Server Key"), message)
    assert client.challenge() == "v=" + base64.b64encode(expected).decode()
    client.say("AUTHENTICATE +")
    client.hears("903")


def main(host, port, nick, account, password):
    client = Client(host, port)
    client.say("CAP LS 302")
    client.say("NICK " + nick)
    client.say("USER x 0 * :x")
    client.say("CAP REQ sasl")
    log_in(client, account, password)
    client.say("CAP END")
    client.hears("001")
    print("logged in", flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
