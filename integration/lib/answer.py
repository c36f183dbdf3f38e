# SPDX-License-Identifier: MIT
"""A server for one client. It answers only after the client has closed its sending direction.

usage: answer.py PORT QUESTION-FILE ANSWER-FILE: stores the question, then sends the answer.
"""
import socket
import sys

port, question, answer = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with socket.create_server(("0.0.0.0", port)) as server:
    connection, _ = server.accept()
with connection:
    with open(question, "wb") as out:
        while data := connection.recv(65536):
            out.write(data)
    with open(answer, "rb") as source:
        connection.sendfile(source)
