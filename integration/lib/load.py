# SPDX-License-Identifier: MIT
# Fetches a URL repeatedly, each time over a new connection, in several threads, until SIGTERM:
#
#     load.py URL FILE THREADS
#
# Each answer must be 200 with the bytes of FILE. Prints one line for each request, "ok" or the
# error; exit code 1 if there was an error.
import os
import signal
import sys
import threading
import urllib.request

URL, FILE, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])
wanted = open(FILE, "rb").read()
enough = threading.Event()
faults = []


def say(line):
    os.write(1, (line + "\n").encode())


def fetch():
    with urllib.request.urlopen(URL, timeout=160) as answer:
        body = answer.read()
    if body != wanted:
        raise ValueError(f"{len(body)} bytes of {len(wanted)}, or other ones")


def work():
    while not enough.is_set():
        try:
            fetch()
            say("ok")
        except Exception as fault:
            faults.append(fault)
            say(f"{type(fault).__name__}: {fault}")


signal.signal(signal.SIGTERM, lambda *_: enough.set())
threads = [threading.Thread(target=work) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(1 if faults else 0)
