# SPDX-License-Identifier: MIT
"""tls_upload.py HOST PORT CERTIFICATE FILE: sends the file over TLS, then closes its sending direction, first of TLS and
then of the connection; reads until the other side has done the same."""
import socket
import ssl
import sys

host, port, certificate, path = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
with context.wrap_socket(socket.create_connection((host, int(port)), 10), server_hostname=host) as tls:
    with open(path, "rb") as file:
        tls.sendall(file.read())
    plain = tls.unwrap()
    plain.shutdown(socket.SHUT_WR)
    while plain.recv(65536):
        pass
