# SPDX-License-Identifier: MIT
"""Connects, writes a whole file and is gone in the same instant, without closing anything.

usage: exit_after_write.py HOST PORT FILE
"""
import os
import socket
import sys

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
with open(sys.argv[3], "rb") as source:
    connection.sendall(source.read())
os._exit(0)
