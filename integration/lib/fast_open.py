# SPDX-License-Identifier: MIT
"""Requests that are to be sent with the SYN, and a server that allows this or not.

usage: fast_open.py serve PORT fastopen|plain
       fast_open.py ask HOST PORT COUNT connect|sendto|option

A request is a line with a unique id. The answer repeats it, after the number of times that the server has seen it.
ask prints one line for each request: the ms until connected (for connect alone), the ms until the first byte of
the answer, whether data was sent with the SYN (by TCP_INFO), how often the server saw it, and the ms until the
request was written.
"""
import collections
import os
import socket
import sys
import time

MSG_FASTOPEN = 0x20000000
TCP_FASTOPEN, TCP_FASTOPEN_CONNECT = 23, 30
SYN_DATA = 32
QUEUE = 64


def syn_data(stream):
    return 1 if stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & SYN_DATA else 0


def read_line(stream):
    text = b""
    while not text.endswith(b"\n"):
        more = stream.recv(4096)
        if not more:
            break
        text += more
    return text


def serve(port, how):
    seen = collections.Counter()
    listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=QUEUE)
    if how == "fastopen":
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, QUEUE)
    while True:
        stream, _ = listener.accept()
        with stream:
            request = read_line(stream)
            seen[request] += 1
            stream.sendall(b"%d %s" % (seen[request], request))


def send(stream, where, how, request):
    """Connects and sends the request. Returns the ms that connect took, if it is a separate call."""
    start = time.monotonic()
    if how == "sendto":
        assert stream.sendto(request, MSG_FASTOPEN, where) == len(request)
        return 0
    if how == "option":
        stream.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    stream.connect(where)
    connected = time.monotonic()
    stream.sendall(request)
    return (connected - start) * 1000


def ask(host, port, count, how):
    for i in range(count):
        request = b"%d-%d-%s\n" % (os.getpid(), i, how.encode())
        with socket.socket() as stream:
            start = time.monotonic()
            connect_ms = send(stream, (host, port), how, request)
            sent_ms = (time.monotonic() - start) * 1000
            first = stream.recv(1)
            first_ms = (time.monotonic() - start) * 1000
            answer = first + read_line(stream)
            times, repeated = answer.split(b" ", 1)
            assert repeated == request, answer
            print("%.1f %.1f %d %s %.1f" % (connect_ms, first_ms, syn_data(stream), times.decode(), sent_ms))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), sys.argv[3])
else:
    ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
