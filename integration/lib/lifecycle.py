# SPDX-License-Identifier: MIT
"""Checks how connections on one host start and end, compared with TCP. Each check is a function with its expected
result. lifecycle.py NAME... runs the named checks, or all. Every line of the output must say ok."""
import contextlib
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CHECKS = {}
WAIT_S = 60  # on a loaded machine
ONE_BYTE_WRITES = 100000
LAST_WRITE_BYTES = 10 << 20


def check(*expected):
    def add(function):
        CHECKS[function.__name__] = (function, expected)
        return function

    return add


def outcome(call, *arguments):
    """Returns the value of a call, or the name of its errno."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def listener(port=0, backlog=64):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(backlog)
    return s


def pair():
    server = listener()
    caller = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    server.close()
    for s in (caller, accepted):
        s.settimeout(WAIT_S)
    return caller, accepted


def free_port():
    s = listener()
    port = s.getsockname()[1]
    s.close()
    return port


def wait_for(s, events):
    """Waits until poll reports one of these events, or an end (which poll always reports)."""
    watch = select.poll()
    watch.register(s, events)
    if not watch.poll(WAIT_S * 1000):
        raise TimeoutError(f"poll never showed {events:#x}")


def linger_zero(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@check("ECONNRESET", b"")
def unread_data_makes_a_close_a_reset():
    caller, accepted = pair()
    caller.send(b"never read")
    wait_for(accepted, select.POLLIN)
    accepted.close()
    return outcome(caller.recv, 10), outcome(caller.recv, 10)


@check("ECONNRESET", "ECONNRESET")
def linger_zero_is_a_reset():
    caller, accepted = pair()
    linger_zero(accepted)
    accepted.close()
    other, accepted = pair()
    linger_zero(other)
    other.close()
    return outcome(caller.recv, 10), outcome(accepted.recv, 10)


@check(b"question", b"", b"answer", b"")
def half_close_by_the_caller():
    caller, accepted = pair()
    caller.send(b"question")
    caller.shutdown(socket.SHUT_WR)
    asked = accepted.recv(20), accepted.recv(20)
    accepted.send(b"answer")
    accepted.close()
    return *asked, caller.recv(20), caller.recv(20)


@check(b"greeting", b"", b"thanks", b"")
def half_close_by_the_listener():
    caller, accepted = pair()
    accepted.send(b"greeting")
    accepted.shutdown(socket.SHUT_WR)
    got = caller.recv(20), caller.recv(20)
    caller.send(b"thanks")
    caller.close()
    return *got, accepted.recv(20), accepted.recv(20)


@check(b"", b"", "EPIPE")
def shut_both_ways_reads_an_end():
    caller, accepted = pair()
    caller.shutdown(socket.SHUT_RDWR)
    return outcome(accepted.recv, 1), outcome(caller.recv, 1), outcome(caller.send, b"x")


@check(b"", 1, "EPIPE", b"")
def writing_to_one_who_has_closed():
    caller, accepted = pair()
    accepted.close()
    first = outcome(caller.recv, 1), outcome(caller.send, b"x")
    wait_for(caller, 0)
    return *first, outcome(caller.send, b"x"), outcome(caller.recv, 1)


@check(0, "ECONNRESET", "ENOTCONN")
def dissolving_is_a_reset():
    caller, accepted = pair()
    unspecified = bytes(16)
    rc = ctypes.CDLL(None).connect(caller.fileno(), unspecified, len(unspecified))
    return rc, outcome(accepted.recv, 1), outcome(caller.getpeername)


def one_byte_writes(writer, reader):
    want = bytes(i % 251 for i in range(ONE_BYTE_WRITES))

    def write():
        for i in range(ONE_BYTE_WRITES):
            writer.send(want[i : i + 1])
        writer.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(10)  # nothing has been read yet
    got = b""
    while piece := reader.recv(65536):
        got += piece
    return got == want


@check(True, True)
def many_one_byte_writes_with_nobody_reading():
    caller, accepted = pair()
    return one_byte_writes(caller, accepted), one_byte_writes(accepted, caller)


@check("ECONNREFUSED", "ECONNREFUSED", None, b"hello")
def a_refused_socket_can_try_again():
    s, port = socket.socket(), free_port()
    s.settimeout(None)
    refused = [outcome(s.connect, ("127.0.0.1", port)) for _ in range(2)]
    server = listener(port)
    at_last = outcome(s.connect, server.getsockname())
    accepted, _ = server.accept()
    s.send(b"hello")
    return *refused, at_last, accepted.recv(10)


@check(errno.EINPROGRESS, errno.ECONNREFUSED, 0, errno.EINPROGRESS, 0)
def a_refused_nonblocking_socket_can_try_again():
    s, port = socket.socket(), free_port()
    s.setblocking(False)
    begun = s.connect_ex(("127.0.0.1", port))
    wait_for(s, select.POLLOUT)
    errors = [s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for _ in range(2)]
    server = listener(port)
    s.connect_ex(server.getsockname())  # ECONNABORTED: takes note of the failure
    again = s.connect_ex(server.getsockname())
    wait_for(s, select.POLLOUT)
    return begun, *errors, again, s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@check(1)
def exactly_one_edge_tells_of_the_connection():
    counts = set()
    for _ in range(300):  # without a connect gate, one in ten thousand sees a second edge
        s, server, edges = socket.socket(), listener(), select.epoll()
        s.setblocking(False)
        edges.register(s, select.EPOLLOUT | select.EPOLLET)
        edges.poll(0.01)
        s.connect_ex(server.getsockname())
        count = len(edges.poll(WAIT_S))
        deadline = time.monotonic() + 0.01
        while time.monotonic() < deadline:
            count += len(edges.poll(0.005))
        counts.add(count)
    return tuple(counts)


@check("ECHILD", True)
def no_child_and_no_descriptor_is_left():
    before = len(os.listdir("/proc/self/fd"))
    caller, accepted = pair()
    child = outcome(os.waitpid, -1, os.WNOHANG)
    caller.close()
    accepted.close()
    return child, len(os.listdir("/proc/self/fd")) == before


@check(100)
def several_processes_accept_from_one_listener():
    server = listener()
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            while True:
                s, _ = server.accept()
                s.send(b"x")
                s.close()
        children.append(pid)
    served = 0
    for _ in range(100):
        s = socket.create_connection(server.getsockname(), WAIT_S)
        served += (s.recv(5), s.recv(5)) == (b"x", b"")
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return (served,)


def drain(s):
    """Reads to the end. Returns the number of bytes and how the connection ended."""
    total = 0
    while True:
        piece = outcome(s.recv, 1 << 20)
        if not isinstance(piece, bytes) or not piece:
            return total, piece
        total += len(piece)


def child_with_connection(work):
    """Starts a process that runs work on one end of a connection. Returns its pid and the other end."""
    server = listener()
    pid = os.fork()
    if pid == 0:
        s = socket.create_connection(server.getsockname())
        server.close()
        work(s)
        os._exit(0)
    s, _ = server.accept()
    server.close()
    s.settimeout(WAIT_S)
    return pid, s


def busy_receiver(s):
    while s.recv(65536):
        pass


@check(True)
def a_sender_learns_at_once_that_its_busy_receiver_was_killed():
    told = 0
    for _ in range(15):
        pid, s = child_with_connection(busy_receiver)
        threading.Timer(0.15, os.kill, (pid, signal.SIGKILL)).start()
        block, start = bytes(65536), time.monotonic()
        try:
            while time.monotonic() - start < WAIT_S:
                s.send(block)
        except OSError as error:
            told += error.errno in (errno.EPIPE, errno.ECONNRESET)
        os.waitpid(pid, 0)
    return (told == 15,)


def write_and(end):
    def work(s):
        s.sendall(bytes(LAST_WRITE_BYTES))
        end()

    return work


@check(*[(LAST_WRITE_BYTES, b"")] * 4)
def what_was_written_arrives_however_the_writer_ends():
    results = []
    for end in (
        lambda: os._exit(3),
        os.abort,
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
    ):
        pid, s = child_with_connection(write_and(end))
        results.append(drain(s))
        os.waitpid(pid, 0)
    return tuple(results)


def engines():
    ours = os.readlink("/proc/self/ns/net")
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/comm", encoding="ascii", errors="replace") as comm:
                if comm.read().strip() == "rudp-engine" and os.readlink(f"/proc/{name}/ns/net") == ours:
                    yield int(name)
        except OSError:
            pass


def descriptors(pid):
    """Returns the number of open descriptors of a process, or 0 if it has ended. An engine that continued after its
    program's end exits when it is no longer needed."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        return 0


def descriptors_at_rest(pid):
    """Returns the number of descriptors once it has been the same ten times: no socket waits to be closed any more."""
    last, same = descriptors(pid), 0
    deadline = time.monotonic() + WAIT_S
    while same < 10 and time.monotonic() < deadline:
        time.sleep(0.1)
        now = descriptors(pid)
        last, same = now, same + 1 if now == last else 0
    return last


@check(True)
def many_short_connections_leave_nothing_in_the_engine():
    server = listener()

    def short_ones(count):
        for _ in range(count):
            caller = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
            caller.send(b"x")
            accepted.recv(1)
            caller.close()
            accepted.close()

    short_ones(100)
    before = {pid: descriptors_at_rest(pid) for pid in engines()}
    short_ones(1500)
    deadline = time.monotonic() + WAIT_S
    while any(descriptors(pid) > n + 4 for pid, n in before.items()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return (all(descriptors(pid) <= n + 4 for pid, n in before.items()),)


@check("ECONNRESET", "ECONNRESET", b"anew")
def both_ends_learn_that_the_engine_was_killed():
    caller, accepted = pair()
    for pid in engines():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ends = outcome(caller.recv, 1), outcome(accepted.recv, 1)
    caller, accepted = pair()
    caller.send(b"anew")
    return *ends, accepted.recv(10)


@check("hello\n", "hello\n")
def a_pipe_of_the_program_ends_with_it():
    """A command substitution like $(curl ...) must end, also if the program has started the engine."""
    program = (
        "import os, socket\n"
        "server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()\n"
        "s = socket.create_connection(server.getsockname())\n"
        "print('hello')\n"
    )
    results = []
    for settings in ({}, {"RUDP_CONNECT_TIMEOUT": "17.5"}):
        done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **settings}, timeout=WAIT_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        results.append(done.stdout)
    return tuple(results)


@check(b"x", b"", True, 1)
def a_program_ends_though_its_peer_does_not_close():
    """Its bytes and its end have arrived: nothing is left to wait for, wherever the engine is."""
    server = listener()
    program = (
        "import socket\n"
        f"s = socket.create_connection({server.getsockname()})\n"
        "s.send(b'x')\n"
        "print('done', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        accepted, _ = server.accept()
        accepted.settimeout(WAIT_S)
        child.stdout.readline()
        start = time.monotonic()
        got = accepted.recv(10), accepted.recv(10)
        child.wait()
        return *got, time.monotonic() - start < 3, accepted.send(b"y")


def main(names):
    failed = 0
    for name in names or CHECKS:
        function, expected = CHECKS[name]
        signal.alarm(8 * WAIT_S)
        result = function()
        signal.alarm(0)
        right = tuple(result) == expected
        failed += not right
        print(f"{'ok' if right else 'FAIL'}: {name}" + ("" if right else f": {result}, not {expected}"),
              flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
