#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What another user of the host can delay: bench/neighbour.py [BUILD [ATTACK...]] (as root).

In a network namespace of its own, user 12345 has an engine, a program that calls it again and again, and a
connection over it. User 12346 attacks. For each attack: the time of the victim's calls and of its exchanges, and of
the first socket of programs that start an engine, in milliseconds. The victim's programs have real-time priority, so
other load of the machine counts little. "burner" attacks nothing and only uses processors: the difference from it is
what an attack does. The attacks whose names begin with "own_" are of programs of the victim, to which nothing is
promised.
"""
import array
import ctypes
import json
import mmap
import os
import pathlib
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

VICTIM, ATTACKER = 12345, 12346
SECONDS, STARTS = 5, 10
SPARE = 8  # descriptors that an engine keeps for its next connections
REQUEST = b"\1\0\4\0".ljust(136, b"\0")  # a request with a token that is wrong
PROCESSES = 2
HALF_REQUESTS = 3000
OWN_CALLERS, OWN_CALLERS_STAY_S = 18000, 12
PYTHON = "/usr/bin/python3"  # one that every user may execute


def control_names():
    """The abstract names at which engines listen for calls."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return ["\0" + word[1:] for word in (line.split()[-1] for line in lines) if word.startswith("@rudp1e")]


def own_names():
    """The paths at which the victim's engines listen for calls, which other users cannot reach."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return [word for word in (line.split()[-1] for line in lines) if "/rudp/rudp1e" in word]


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


def if_there(make):
    """What make returns, in a list; none where the kernel lacks it or denies it."""
    try:
        return [make()]
    except (OSError, AttributeError):
        return []


def made_by(number, *arguments):
    """A descriptor of a system call for which Python has no function."""
    fd = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return fd


def algorithm():
    """A socket of AF_ALG in the middle of an operation."""
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as parent:
        parent.bind(("hash", "sha256"))
        operation = parent.accept()[0]
    operation.send(bytes(1000), socket.MSG_MORE)
    return operation


def full_pty():
    _main, side = os.openpty()
    os.set_blocking(_main, False)
    try:
        while True:
            os.write(_main, bytes(4096))
    except BlockingIOError:
        return side


def watching():
    """An epoll instance that watches much."""
    watcher, one = select.epoll(), os.eventfd(0)
    copies = [os.dup(one) for _ in range(500)]
    for fd in copies:
        watcher.register(fd)
    fd = os.dup(watcher.fileno())
    for other in [one, *copies]:
        os.close(other)
    return fd


def enter_namespaces(flags):
    """As anybody may: with all capabilities there."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    libc.prctl(4, 1)  # PR_SET_DUMPABLE, which the change of the user has cleared: uid_map is root's otherwise
    if libc.unshare(0x10000000 | flags) < 0:  # CLONE_NEWUSER
        raise OSError(ctypes.get_errno(), "unshare")
    for file, content in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        pathlib.Path("/proc/self", file).write_text(content)


def foreign_sockets():
    """Sockets that only root may make, of a network namespace that ends with them."""
    one, other = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        enter_namespaces(0x40000000)  # CLONE_NEWNET
        fds = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300), socket.socket(socket.AF_INET, socket.SOCK_RAW, 6),
               socket.socket(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)]
        socket.send_fds(one, [b"x"], [s.fileno() for s in fds])
        os._exit(0)
    os.waitpid(pid, 0)
    one.close()
    fds = socket.recv_fds(other, 1, 10)[1]
    other.close()
    return fds


def rare_kinds():
    def kinds():
        parameters = ctypes.create_string_buffer(120)
        owners = [owner for make in (
            lambda: made_by(425, 8, parameters),                                             # io_uring_setup
            lambda: made_by(323, os.O_CLOEXEC | 1),                                          # userfaultfd
            lambda: made_by(321, 0, ctypes.create_string_buffer(struct.pack("<4I", 2, 4, 8, 1000).ljust(72, b"\0")), 72),
            lambda: made_by(253), lambda: made_by(300, 0, 0), lambda: made_by(283, 1, 0),    # inotify, fanotify, timerfd
            lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132),                  # SCTP
            lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP),
            algorithm, full_pty, watching, lambda: os.open("/proc/self/mem", os.O_RDONLY),
            lambda: os.open("/proc/self/ns/net", os.O_RDONLY), lambda: os.open("/dev/ptmx", os.O_RDWR)) for owner in if_there(make)]
        return owners + [fd for fds in if_there(foreign_sockets) for fd in fds]
    each_call(kinds)


def large_files():
    """Files without a name, whose close frees much memory, or blocks of a disk."""
    def kinds():
        memory = os.memfd_create("x")
        os.posix_fallocate(memory, 0, 64 << 20)
        os.truncate(memory, 1 << 62)
        with tempfile.TemporaryFile() as file:
            for at in range(2000):
                os.pwrite(file.fileno(), b"x", at << 13)
            return [memory, os.dup(file.fileno())]
    each_call(kinds)


def credentials():
    """Requests with credentials, of this process and of others, where it may."""
    engines = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    enter_namespaces(0)
    while True:
        for name in control_names():
            caller = call(name)
            if not caller:
                continue
            for pid in [os.getpid(), *engines]:
                try:
                    caller.sendmsg([REQUEST], [(socket.SOL_SOCKET, 2, struct.pack("<3I", pid, VICTIM, 0)),  # SCM_CREDENTIALS
                                               (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("<i", 0))])
                except OSError:
                    send(caller, [0])
            caller.close()


def deaf_callers():
    """Callers that send requests and read no answer, stopped before, within and after that."""
    for many in (0, 1, 1000):
        pid = os.fork()
        if pid:
            continue
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        callers = [caller for caller in (call(name) for name in control_names() * 50) if caller]
        for caller in callers:
            caller.setblocking(False)
            for _ in range(many):
                send(caller, [0])
        os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        time.sleep(1)


def raise_limit():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def send_part(caller):
    try:
        caller.send(REQUEST[:50])
    except OSError:
        pass  # the engine has closed the call


def half_requests(names=control_names):
    """Callers that stay after no request or a part of one, many at a time, which close together."""
    raise_limit()
    while True:
        callers = []
        while len(callers) < HALF_REQUESTS:
            for name in names():
                caller = call(name)
                if caller and len(callers) % 2:
                    send_part(caller)
                callers.append(caller)
        time.sleep(0.1)


def own_half_requests():
    half_requests(own_names)


def own_silent_callers():
    """Callers that send no request, nearly as many as the engine has descriptors. It closes them after 10 s."""
    raise_limit()
    name = own_names()[0]
    while True:
        callers = [call(name) for _ in range(OWN_CALLERS // PROCESSES)]
        time.sleep(OWN_CALLERS_STAY_S)
        del callers


own_silent_callers.seconds = OWN_CALLERS_STAY_S + 3


def own_requests():
    """Whole requests in as many calls as possible: CATCH_UP, LIST, HELLO."""
    while True:
        for name in own_names():
            callers = [caller for caller in (call(name) for _ in range(200)) if caller]
            for number, caller in enumerate(callers):
                operation = (18, 11, 0)[number % 3]
                try:
                    caller.send(struct.pack("<HH", 1, operation).ljust(len(REQUEST), b"\0"))
                except OSError:
                    pass


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


def answer_until_opened(device):
    """A file system (FUSE) with one file, /x, that answers nothing more when the file is open."""
    while True:
        try:
            request = os.read(device, 1 << 17)
        except FileNotFoundError:
            continue  # the request was interrupted
        operation, unique, node = struct.unpack_from("<4xIQQ", request)
        node = 2 if operation == 1 else node
        attributes = struct.pack("<6Q10I", node, 1 << 20, *[0] * 7, 0o40777 if node == 1 else 0o100666, 1, *[0] * 5)
        answer = {1: struct.pack("<4Q2I", node, 0, 100, 100, 0, 0) + attributes,                     # LOOKUP
                  3: struct.pack("<Q2I", 100, 0, 0) + attributes,                                    # GETATTR
                  14: struct.pack("<Q2I", 1, 0, 0),                                                  # OPEN
                  26: struct.pack("<4I2H2I", 7, 31, 1 << 16, 0, 12, 8, 1 << 16, 1).ljust(64, b"\0")}  # INIT
        if operation in answer:
            os.write(device, struct.pack("<IiQ", 16 + len(answer[operation]), 0, unique) + answer[operation])


def with_stuck_file(attack):
    """Runs attack(path) in a child. The file system must live in another process, which alone can end it."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = tempfile.mkdtemp()
    enter_namespaces(0x20000)  # CLONE_NEWNS
    device = os.open("/mnt/fuse", os.O_RDWR | os.O_CLOEXEC)
    if libc.mount(b"x", place.encode(), b"fuse", 0, f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()) < 0:
        raise OSError(ctypes.get_errno(), "mount")
    if os.fork() == 0:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        os.close(device)
        attack(place + "/x")
    answer_until_opened(device)


def each_call_again(fds):
    while True:
        for name in control_names():
            caller = call(name)
            if caller:
                send(caller, fds)
                caller.close()


def stuck_files():
    """Files whose close() hangs until the file system ends."""
    with_stuck_file(lambda path: each_call_again([os.open(path, os.O_RDWR)] * 3))


def hold_locks(path):
    """The locks of a TCP and of a Unix socket are held by calls that wait for a page of a stuck file."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    stuck = os.open(path, os.O_RDWR)
    page = ctypes.c_void_p(libc.mmap(None, 1 << 20, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, stuck,
                                     ctypes.c_long(0)))
    tcp, listener = lingering()
    one, other = socket.socketpair()
    other.send(b"x")
    fresh = socket.create_connection(listener.getsockname())
    threading.Thread(target=lambda: libc.send(fresh.fileno(), page, 1000, 0)).start()
    threading.Thread(target=lambda: libc.recv(one.fileno(), page, 1000, 0)).start()
    each_call_again([fresh.fileno(), one.fileno(), tcp.fileno()])


def held_locks():
    with_stuck_file(hold_locks)


def burner():
    while True:
        control_names()


def nobody():
    signal.pause()


ATTACKS = [nobody, burner, descriptors, chains, odd_kinds, rare_kinds, large_files, credentials, deaf_callers, stuck_files, held_locks, half_requests,
           short_callers, silent_callers, stopped_callers, signals, names, own_half_requests, own_silent_callers,
           own_requests]


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
    seconds = sys.stdin.readline()
    calls, exchanges = [], []
    end = time.monotonic() + float(seconds)
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
    print(json.dumps({"calls": calls, "exchanges": exchanges}), flush=True)
    sys.stdin.read()


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
            as_user(VICTIM if attack.__name__.startswith("own_") else ATTACKER)
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


def descriptors_of_engines():
    found = {}
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and pathlib.Path("/proc", entry, "comm").read_text() == "rudp-engine\n":
                found[entry] = len(os.listdir(f"/proc/{entry}/fd"))
        except OSError:
            pass
    return found


def kept_since(before):
    """Descriptors that engines still have when the attackers are gone. The probe's own come and go."""
    for _ in range(20):
        now = descriptors_of_engines()
        more = max((now.get(pid, 0) - count for pid, count in before.items()), default=0)
        if more <= SPARE:
            return ""
        time.sleep(0.1)
    return f"  {more} descriptors kept"


def measure(build, home, attack, number):
    program = victim(build, home, "probe")
    program.stdout.readline()
    prefer_engines()
    before = descriptors_of_engines()
    pids = attackers(attack)
    program.stdin.write(f"{getattr(attack, 'seconds', SECONDS)}\n")
    program.stdin.flush()
    said = json.loads(program.stdout.readline())
    # Each of these settings has an engine of its own.
    starts = [float(victim(build, home, "first", RUDP_CONNECT_TIMEOUT=str(100 + STARTS * number + i)).communicate()[0])
              for i in range(STARTS)]
    died = [pid for pid in pids if os.waitpid(pid, os.WNOHANG)[0]]
    for pid in set(pids) - set(died):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(f"{attack.__name__:16}{figures(said['calls'])} |{figures(said['exchanges'])} |{figures(starts)}"
          + (f"  {len(died)} attackers ended" if died else "") + kept_since(before), flush=True)
    program.communicate()


def make_fuse_device():
    """One that everybody may open, as /dev/fuse where fusermount is installed. The mount ends with the namespace."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
    os.mknod("/mnt/fuse", 0o20666, os.makedev(10, 229))
    os.chmod("/mnt/fuse", 0o666)


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
    make_fuse_device()
    print(f"{os.uname().release}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; p50, p99, max in ms\n"
          f"{'attack':16}{'call of the engine':^26} |{'exchange':^26} |{'first socket':^26}")
    chosen = set(sys.argv[2:])
    with tempfile.TemporaryDirectory(dir="/dev/shm") as home:
        os.chown(home, VICTIM, VICTIM)
        for number, attack in enumerate(ATTACKS):
            if not chosen or attack.__name__ in chosen:
                measure(build, home, attack, number)


main()
