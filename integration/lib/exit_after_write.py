# SPDX-License-Identifier: MIT
"""Connects, writes a whole file, and exits immediately without closing the connection.

usage: exit_after_write.py HOST PORT FILE
"""
import os
import socket
import sys

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
with open(sys.argv[3], "rb") as source:
    connection.sendall(source.read())
os._exit(0)
