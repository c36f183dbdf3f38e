#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What another user of the host can delay: bench/neighbour.py [BUILD] (as root).

In a network namespace of its own, user 12345 has an engine, a program that calls it again and again, and a
connection over it. User 12346 attacks. For each attack: the time of the victim's calls and of its exchanges, and of
the first socket of programs that start an engine, in milliseconds. The victim's programs have real-time priority, so
other load of the machine counts little. "burner" attacks nothing and only uses processors: the difference from it is
what an attack does.
"""
import array
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

VICTIM, ATTACKER = 12345, 12346
SECONDS, STARTS = 5, 10
REQUEST = b"\1\0\4\0".ljust(136, b"\0")  # a request with a token that is wrong
PROCESSES = 2
PYTHON = "/usr/bin/python3"  # one that every user may execute


def control_names():
    """The abstract names at which engines listen for calls."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return ["\0" + word[1:] for word in (line.split()[-1] for line in lines) if word.startswith("@rudp1e")]


def call(name):
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller.settimeout(0.01)
    try:
        caller.connect(name)
    except OSError:
        caller.close()
        return None
    return caller


def send(caller, fds):
    try:
        caller.sendmsg([REQUEST], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
    except OSError:
        pass


def lingering():
    """A kernel TCP socket whose close blocks, as its peer reads nothing."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client = socket.create_connection(listener.getsockname())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\x3c\0\0\0")
    client.setblocking(False)
    try:
        while True:
            client.send(bytes(1 << 16))
    except BlockingIOError:
        return client, listener


def wrapped(fds):
    """A socket with an unread message that contains the descriptors."""
    inner, outer = socket.socketpair()
    try:
        socket.send_fds(outer, [b"x"], fds)
    except OSError:
        pass  # the kernel limits how many a user may have on the way
    outer.close()
    return inner


def each_call(fds_of, keep=False):
    """Calls each engine again and again, with the descriptors that fds_of returns."""
    kept = []
    while True:
        for name in control_names():
            caller = call(name)
            if not caller:
                continue
            owners = fds_of()
            send(caller, [owner if isinstance(owner, int) else owner.fileno() for owner in owners])
            kept += [caller] if keep else []
            del kept[:-900]
            for owner in owners:
                if isinstance(owner, int):
                    os.close(owner)
                else:
                    owner.close()
            if not keep:
                caller.close()


def descriptors():
    blocking, _listener = lingering()
    each_call(lambda: [wrapped([blocking.fileno()])] + [os.eventfd(0) for _ in range(250)])


def chains():
    """Sockets in sockets in sockets: closing the first closes all."""
    def chain():
        link = wrapped([os.eventfd(0)])
        for _ in range(3):
            outer = wrapped([link.fileno()])
            link.close()
            link = outer
        return [link]
    each_call(chain)


def odd_kinds():
    def kinds():
        return [os.pidfd_open(os.getpid()), os.memfd_create("x"), os.open("/dev/zero", os.O_RDONLY),
                os.open("/", os.O_PATH | os.O_CLOEXEC), *os.pipe(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)]
    each_call(kinds)


def short_callers():
    while True:
        for name in control_names():
            caller = call(name)
            if caller:
                caller.close()


def silent_callers():
    """Callers that stay and say nothing: a full queue at the name."""
    callers = []
    while True:
        for name in control_names():
            callers.append(call(name))
        del callers[:-900]


def stopped_callers():
    """Callers that are stopped or killed in the middle of a call."""
    while True:
        pid = os.fork()
        if pid == 0:
            for name in control_names():
                caller = call(name)
                if caller:
                    send(caller, [0])
            os.kill(os.getpid(), signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def signals():
    while True:
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    os.kill(int(entry), signal.SIGSTOP)
                except PermissionError:
                    pass


def names():
    """Takes all names that it sees in the directories of the victim and beside them."""
    for place in (f"/tmp/rudp-{VICTIM}", f"/dev/shm/rudp-{VICTIM}"):
        try:
            os.mkdir(place, 0o777)
        except OSError:
            pass
    while True:
        for name in control_names():
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                try:
                    taken = socket.socket(socket.AF_UNIX, kind)
                    taken.bind(name)
                except OSError:
                    pass


def burner():
    while True:
        control_names()


def nobody():
    signal.pause()


ATTACKS = [nobody, burner, descriptors, chains, odd_kinds, short_callers, silent_callers, stopped_callers, signals, names]


def prefer(pid, flags=0):
    os.sched_setscheduler(pid, os.SCHED_RR | flags, os.sched_param(1))


def prefer_engines():
    """Not the threads that close descriptors of others: they may wait, and must not compete with the engine."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and pathlib.Path("/proc", entry, "comm").read_text() == "rudp-engine\n":
            prefer(int(entry), os.SCHED_RESET_ON_FORK)


def as_victim():
    """Before all other programs of the machine: what remains is time for which the engine waits, not the scheduler."""
    prefer(0)
    as_user(VICTIM)


def as_user(uid):
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def probe():
    """The victim: calls of its engine, and exchanges over a connection."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client = socket.create_connection(listener.getsockname())
    server = listener.accept()[0]
    print("ready", flush=True)
    sys.stdin.readline()
    calls, exchanges = [], []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        begin = time.perf_counter()
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
        calls.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        client.send(b"x")
        server.recv(1)
        server.send(b"x")
        client.recv(1)
        exchanges.append(time.perf_counter() - begin)
        time.sleep(0.0005)
    print(json.dumps({"calls": calls, "exchanges": exchanges}))


def first_socket():
    begin = time.perf_counter()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
    print(time.perf_counter() - begin)


def victim(build, home, what, **more):
    env = {"PATH": os.environ["PATH"], "HOME": home, "XDG_RUNTIME_DIR": home, "LD_PRELOAD": f"{build}/librudp_shim.so",
           **more}
    return subprocess.Popen([PYTHON, __file__, what], env=env, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True,
                            preexec_fn=as_victim)


def attackers(attack):
    pids = []
    for _ in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            as_user(ATTACKER)
            sys.stderr = open(os.devnull, "w")
            try:
                attack()
            except BaseException as error:
                os.write(1, f"{attack.__name__}: {error!r}\n".encode())
            os._exit(1)
        pids.append(pid)
    return pids


def figures(seconds):
    seconds = sorted(seconds)
    at = lambda share: seconds[min(len(seconds) - 1, int(share * len(seconds)))] * 1000
    return f"{at(0.5):8.2f} {at(0.99):8.2f} {seconds[-1] * 1000:8.2f}"


def measure(build, home, attack, number):
    program = victim(build, home, "probe")
    program.stdout.readline()
    prefer_engines()
    pids = attackers(attack)
    said = json.loads(program.communicate("go\n")[0])
    # Each of these settings has an engine of its own.
    starts = [float(victim(build, home, "first", RUDP_CONNECT_TIMEOUT=str(100 + STARTS * number + i)).communicate()[0])
              for i in range(STARTS)]
    died = [pid for pid in pids if os.waitpid(pid, os.WNOHANG)[0]]
    for pid in set(pids) - set(died):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(f"{attack.__name__:16}{figures(said['calls'])} |{figures(said['exchanges'])} |{figures(starts)}"
          + (f"  {len(died)} attackers ended" if died else ""), flush=True)


def main():
    if sys.argv[1:] == ["probe"]:
        return probe()
    if sys.argv[1:] == ["first"]:
        return first_socket()
    if os.environ.get("NEIGHBOUR_INSIDE") != "1":
        os.execvpe("unshare", ["unshare", "-n", "-p", "-f", "--mount-proc", "--kill-child", PYTHON] + sys.argv,
                   dict(os.environ, NEIGHBOUR_INSIDE="1"))
    build = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve())
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(f"{os.uname().release}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; p50, p99, max in ms\n"
          f"{'attack':16}{'call of the engine':^26} |{'exchange':^26} |{'first socket':^26}")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as home:
        os.chown(home, VICTIM, VICTIM)
        for number, attack in enumerate(ATTACKS):
            measure(build, home, attack, number)


main()
