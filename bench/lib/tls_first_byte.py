#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tls_first_byte.py HOST PORT COUNT: as `fetch run`, of fresh TLS 1.3 connections without resumption."""
import json
import socket
import ssl
import statistics
import struct
import sys
import time

REQUEST_BYTES, RESPONSE_BYTES = 200, 1000


def one(context, address):
    start = time.monotonic()
    with socket.create_connection(address) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain) as tls:
            tls.sendall(struct.pack("=Q", RESPONSE_BYTES).ljust(REQUEST_BYTES, b"\0"))
            tls.recv(1)
            return (time.monotonic() - start) * 1e3


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = (sys.argv[1], int(sys.argv[2]))
    samples = [one(context, address) for _ in range(int(sys.argv[3]))]
    print(json.dumps({"connections": len(samples), "first_connection_ms": samples[0],
                      "first_byte_ms": {"p50": statistics.median(samples[1:]), "max": max(samples[1:])}}))


if __name__ == "__main__":
    main()
