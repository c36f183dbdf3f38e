# SPDX-License-Identifier: MIT
"""Starts a program as a service manager does: with a listening socket as descriptor 3.

usage: activate.py HOST PORT LD_PRELOAD PROGRAM ARGUMENT...
"""
import os
import socket
import sys

server = socket.create_server((sys.argv[1], int(sys.argv[2])))
if server.fileno() != 3:
    os.dup2(server.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LD_PRELOAD=sys.argv[3])
os.execvp(sys.argv[4], sys.argv[4:])
