#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cluster_faults.py BUILD [FAULTS [SEED]]: three nodes of Apollonion over three NATS servers, with random faults.

Nodes and NATS servers are killed, paused, restarted and cut off, and nodes are handed over to other processes, while
clients at all nodes talk, some over TCP, and some with converse, which goes from node to node. At the end the
recorded sessions and the files of the nodes are checked:

  history       all files have the same messages, presences and read markers
  order         each session hears msgids in increasing order
  completeness  what a session has heard, echoes included, is in history, and without gaps. There is one exception: a node can
                read a wrong copy of the stream until it notices that and ends its clients (docs/conversation.md). How many
                sessions ended so, and how many echoed messages they had that the network does not have, is printed.
  nicks         no two sessions had the same nick at the same time
  receipts      never more have received a message than were asked; without faults all have
  converse      each reader has got each line once and in order: with an account, and with an identity instead
  hand-overs    without other faults they succeed, and no client is disconnected

    harness ──── 10.8.I.0/24 ──── node nI, nats-server sI ──── bridge 10.9.0.0/24     (namespaces of their own)

Needs root, nats-server and Python 3.11. The directory with logs and configurations stays if a check fails.
"""

import asyncio
import base64
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from lib.converse import Converse, environment, make_identity

NODES = (1, 2, 3)
CLIENTS = 2  # at each node
NICKS = ["ann", "bob", "cat", "dog", "eel", "fox", "gnu"]
ACCOUNT, PASSWORD = "keeper", "sesame-sesame"
SENDER, LISTENER, GUEST = "sam", "tess", "gil"  # converse; the guest has an identity, and no account
CAPS = "sasl message-tags echo-message draft/read-marker apollonion/receipts"
NODE_TIMEOUT_S = 10
WRONG_S = 20 + 16  # a node notices within 20 s that it reads a wrong copy; a fault lasts up to 16 s
LIVE_S = 120  # after a fault all nodes must be one network again within that
HERE = Path(__file__).resolve().parent


class Failure(Exception):
    """A check has failed."""


def run(*words):
    subprocess.run(words, check=True)


# ---- hosts and processes ----


class Host:
    """A network namespace with a NATS server and a node."""

    def __init__(self, number, directory, build):
        self.number, self.directory, self.build = number, directory, build
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self.processes, self.log_begins = {}, {}
        wait_for(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        self.connect("bus", f"10.9.0.{number}/24")
        run("ip", "link", "set", f"bus{number}", "master", "bridge")
        self.connect("cli", f"10.8.{number}.1/24")
        run("ip", "address", "add", f"10.8.{number}.2/24", "dev", f"cli{number}")
        self.inside("ip", "link", "set", "lo", "up")
        self.write_configurations()

    def inside(self, *words):
        run("nsenter", "-t", str(self.holder.pid), "-n", *words)

    def connect(self, name, address):
        here = f"{name}{self.number}"
        run("ip", "link", "add", here, "type", "veth", "peer", "name", name, "netns", str(self.holder.pid))
        run("ip", "link", "set", here, "up")
        self.inside("ip", "address", "add", address, "dev", name)
        self.inside("ip", "link", "set", name, "up")

    def write_configurations(self):
        routes = ", ".join(f'"nats://10.9.0.{i}:6222"' for i in NODES)
        servers = ",".join(f"nats://10.9.0.{i}:4222" for i in (self.number, *(i for i in NODES if i != self.number)))
        (self.directory / f"s{self.number}.conf").write_text(
            f"server_name: s{self.number}\nlisten: 10.9.0.{self.number}:4222\n"
            f'jetstream {{ store_dir: "{self.directory}/store{self.number}" }}\n'
            f"cluster {{ name: test, listen: 10.9.0.{self.number}:6222, no_advertise: true, routes: [ {routes} ] }}\n"
        )
        (self.directory / f"n{self.number}.conf").write_text(
            "[server]\nname = irc.test\nnetwork = Test\nworkers = 1\n"
            f"[listen]\nplain = 10.8.{self.number}.1:6667\nplain-passwords = yes\n"
            "[limits]\nclients = 100\n[flood]\nburst = off\n[cloak]\nenabled = no\n"
            f"[accounts]\nfile = {self.directory}/n{self.number}.db\ntries = 100000\n"
            "[history]\nenabled = yes\nmessages = 1000000\n"  # each node removes more in its own time
            f"[peers]\nport = 6680\nkey = {self.directory}/key\nid = n{self.number}\n"
            f"[cluster]\nservers = {servers}\nnode = n{self.number}\n"
            f"node-timeout = {NODE_TIMEOUT_S}s\n"
        )

    def start(self, kind):
        program = ["nats-server", "-c"] if kind == "s" else [f"{self.build}/apollonion", "--config"]
        log = open(self.directory / f"{kind}{self.number}.log", "ab")
        self.log_begins[kind] = log.tell()
        self.processes[kind] = subprocess.Popen(
            ["nsenter", "-t", str(self.holder.pid), "-n", *program, str(self.directory / f"{kind}{self.number}.conf")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=environment(self.directory, self.build, f"n{self.number}"),
        )
        log.close()

    def log(self, kind):
        """What the process has logged, with all that took over from it."""
        with open(self.directory / f"{kind}{self.number}.log", encoding="utf-8") as log:
            log.seek(self.log_begins[kind])
            return log.read()

    def signal(self, kind, number):
        """To the process that serves. After a hand-over the first one is there as long as that."""
        served = re.findall(r" taken over pid=(\d+) ", self.log(kind))
        if not served:
            self.processes[kind].send_signal(number)
        elif self.processes[kind].poll() is None:
            os.kill(int(served[-1]), number)

    def hand_over(self):
        """Returns whether another process serves now."""
        wait_for(lambda: " serving name=" in self.log("n"))  # the signal ends a program that is just starting
        before = self.log("n")

        def count(words):
            return self.log("n").count(words) - before.count(words)

        self.signal("n", signal.SIGUSR2)
        wait_for(lambda: count(" not handed over ") or count(" taken over "), 90)
        if count(" not handed over "):
            return False
        wait_for(lambda: count(" acting as proxy ") or count(" ended\n"), 60)
        return True

    def end(self, kind, number):
        self.signal(kind, number)
        try:
            self.processes[kind].wait(30)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{kind}{self.number} does not end") from error

    def set_link(self, state):
        run("ip", "link", "set", f"bus{self.number}", state)

    def close(self):
        if "n" in self.processes:
            self.signal("n", signal.SIGKILL)  # the process that serves may be a later one
        for process in (*self.processes.values(), self.holder):
            if process.poll() is None:
                process.kill()
                process.wait()


def wait_for(condition, limit_s=30):
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise Failure("waited in vain")
        time.sleep(0.01)


# ---- clients ----


class Session:
    """What one connection has seen under one nick. heard: when, and (position, run, text)."""

    def __init__(self, client):
        self.node, self.client = client.node, client.name
        self.nick = None
        self.heard, self.receipts = [], []
        self.is_member = False
        self.is_lost = False  # its node has said that it has lost its network
        self.is_cut = False  # its node was killed or paused, or it has ended
        self.right = 0  # so many of heard are in history


def parse(line):
    tags, prefix = {}, ""
    if line.startswith("@"):
        head, line = line[1:].split(" ", 1)
        tags = dict(tag.partition("=")[::2] for tag in head.split(";"))
    if line.startswith(":"):
        prefix, line = line[1:].split(" ", 1)
    line, colon, last = line.partition(" :")
    return tags, prefix.split("!")[0], line.split() + ([last] if colon else [])


class Client:
    """Connects to its node again and again, and says a numbered message now and then."""

    def __init__(self, world, node, number):
        self.world, self.node, self.name = world, node, f"c{node}{number}"
        self.random = random.Random(f"{world.seed} {self.name}")
        self.count = self.first = 0
        self.sessions = []
        self.writer = None

    def say(self, line):
        self.writer.write(line.encode() + b"\r\n")

    async def talk(self):
        while True:
            await asyncio.sleep(self.random.uniform(0.05, 0.4))
            session = self.sessions[-1]
            if session.is_member and not self.world.is_quiet:
                self.count += 1
                self.say(f"PRIVMSG #a :{self.name} {self.count}")
                if self.random.random() < 0.02:
                    self.say("NICK " + self.random.choice(NICKS))
                if self.random.random() < 0.05:
                    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
                    self.say(f"MARKREAD #a timestamp={stamp}")

    async def run(self):
        while True:
            try:
                await self.connect()
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                pass
            if self.writer:
                self.writer.close()
                self.writer = None
            await asyncio.sleep(0.3)

    async def connect(self):
        reader, self.writer = await asyncio.wait_for(asyncio.open_connection(f"10.8.{self.node}.1", 6667), 3)
        self.first = len(self.sessions)
        self.sessions.append(Session(self))
        self.say(f"CAP REQ :{CAPS}")
        if self.random.random() < 0.5:
            self.say("AUTHENTICATE PLAIN")
            self.say("AUTHENTICATE " + base64.b64encode(f"\0{ACCOUNT}\0{PASSWORD}".encode()).decode())
        self.say("NICK " + self.random.choice(NICKS))
        self.say("USER u 0 * :r")
        self.say("CAP END")
        talking = asyncio.create_task(self.talk())
        try:
            while True:
                # A node that was paused or killed says nothing; PING makes sure that it is noticed.
                line = await asyncio.wait_for(reader.readline(), 40)
                if not line:
                    for one in self.sessions[self.first:]:
                        one.is_cut = not one.is_lost
                    return
                self.hear(line.decode(errors="replace").rstrip("\r\n"))
        finally:
            talking.cancel()

    def hear(self, line):
        tags, source, words = parse(line)
        session = self.sessions[-1]
        if words[0] == "PING":
            self.say("PONG :" + words[-1])
        elif words[0] == "001":
            session.nick = words[1]
            self.say("JOIN #a")
        elif words[0] == "433" and not session.nick:
            self.say("NICK " + self.random.choice(NICKS))
        elif words[0] == "NICK" and source == session.nick:
            # The old nick is free from here on: another session record continues with the new one.
            follower = Session(self)
            follower.nick, follower.is_member = words[1], session.is_member
            self.sessions.append(follower)
        elif words[0] == "366":
            session.is_member = True
        elif words[0] == "PRIVMSG" and words[1] == "#a":
            run_id, position = tags["msgid"].split("-")
            session.heard.append((time.monotonic(), (int(position, 16), int(run_id, 16), words[2])))
        elif words[0] == "ERROR":
            # The session records before a change of nick belong to the same connection.
            for one in self.sessions[self.first:]:
                one.is_lost = "lost its network" in words[-1]
        elif words[0] == "RECEIPT":
            session.receipts.append(words)


# ---- the world ----


class World:
    def __init__(self, build, seed, directory):
        self.seed, self.directory, self.build = seed, directory, build
        self.random = random.Random(seed)
        self.is_quiet = False
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for name in (*(f"n{i}" for i in NODES), GUEST):
            make_identity(directory, build, name)
        (directory / "key").touch(mode=0o600)
        (directory / "key").write_text(os.urandom(32).hex())
        (directory / "password").write_text(PASSWORD)
        self.hosts = {i: Host(i, directory, build) for i in NODES}
        self.clients = [Client(self, i, k) for i in NODES for k in range(CLIENTS)]
        self.sender, self.listeners, self.said = None, [], 0  # of #b
        self.faults = []
        self.is_calm = False
        self.wrong_ends = self.lost_echoes = self.hand_overs = self.refused = 0

    def members(self):
        return [c for c in self.clients if c.writer and c.sessions and c.sessions[-1].is_member]

    async def become_one(self):
        """Waits until all clients have heard one new message of each."""
        end = time.monotonic() + LIVE_S
        said = self.said
        while time.monotonic() < end:
            begun = {c: c.count for c in self.clients}
            if len(self.members()) == len(self.clients):
                for _ in range(40):
                    await asyncio.sleep(0.1)
                    new = [{t for _, (_, _, t) in c.sessions[-1].heard[-400:]} for c in self.clients]
                    if all(any(f"{c.name} {n}" in texts for n in range(begun[c] + 1, c.count + 1))
                           for c in self.clients for texts in new) and self.have_heard(said + 1):
                        return
            await asyncio.sleep(0.2)
        raise Failure(f"the nodes are not one network after {LIVE_S} s: " + self.story())

    def story(self):
        return " / ".join(self.faults[-5:])

    async def register(self, account, more=(), until="SUCCESS|ACCOUNT_EXISTS"):
        client = Client(self, 1, 9)
        while True:
            try:
                reader, client.writer = await asyncio.open_connection("10.8.1.1", 6667)
                for line in (f"NICK {account}", "USER u 0 * :r", "CAP REQ draft/account-registration", "CAP END",
                             f"REGISTER * * {PASSWORD}", *more):
                    client.say(line)
                while line := (await asyncio.wait_for(reader.readline(), 10)).decode():
                    if re.search(until, line):
                        client.writer.close()
                        return
                    if line.startswith("PING"):
                        client.say("PONG :x")
            except (OSError, asyncio.TimeoutError):
                pass
            await asyncio.sleep(0.5)

    # ---- converse ----

    @staticmethod
    def nodes(first):
        """In the order in which a client tries them."""
        return [f"n{i}@10.8.{i}.1" for i in (*range(first, len(NODES) + 1), *range(1, first))]

    async def start_converse(self):
        """#b is registered: so it, and the absence of the listeners, does not end when it has no member."""
        await self.register(ACCOUNT, ("JOIN #b", "CS REGISTER #b"), "#b is registered")
        for account in (SENDER, LISTENER):
            await self.register(account)
        named = ("--password", str(self.directory / "password"))
        self.listeners = [
            Converse(self.directory, self.build, LISTENER, self.nodes(1), "--tail", "#b", *named),
            Converse(self.directory, self.build, GUEST, self.nodes(2), "--tail", "#b"),
        ]
        self.sender = Converse(self.directory, self.build, SENDER, self.nodes(3), "--send", "#b", "--timeout", "400",
                               *named)

    async def talk(self):
        pauses = random.Random(f"{self.seed} {SENDER}")
        while not self.is_quiet:
            await asyncio.sleep(pauses.uniform(0.05, 0.4))
            self.said += 1
            self.sender.say(str(self.said))

    def have_heard(self, number):
        return all(one.heard()[-1:] >= [number] for one in self.listeners)

    async def end_converse(self):
        self.sender.process.stdin.close()
        await until(lambda: self.sender.process.poll() is not None, "the end of the sender", LIVE_S)
        # 3: it is unknown whether a session that was left at a dead node has the line.
        if self.sender.process.poll() not in (0, 3):
            raise Failure(f"exit code of the sender: {self.sender.process.poll()}")
        await until(lambda: self.have_heard(self.said), "the last line of the sender", LIVE_S)

    def check_converse(self):
        """A listener's first line may be any of those before the first fault."""
        for one in self.listeners:
            heard = one.heard()
            missing, extra = Counter(range(heard[0], self.said + 1)), Counter(heard)
            missing, extra = missing - extra, extra - missing
            if missing or extra or heard != sorted(heard):
                raise Failure(f"{one.name} lacks {list(missing)}, has {list(extra)} again; order {heard == sorted(heard)}")

    # ---- faults ----

    async def fault(self):
        kind = self.random.choice(("kill n", "kill s", "pause n", "pause s", "restart n", "cut off ") + 2 * ("hand over n",))
        host = self.hosts[self.random.choice(NODES)]
        span_s = self.random.uniform(0.5, 6) if self.random.random() < 0.7 else self.random.uniform(8, 16)
        text = f"{kind}{host.number} for {span_s:.1f} s"
        process = kind[-1]
        self.faults.append(text)
        if kind.startswith("hand"):
            await self.hand_over(host)
        elif kind.startswith("cut"):
            host.set_link("down")
        elif kind.startswith("pause"):
            host.signal(process, signal.SIGSTOP)
        else:
            await asyncio.to_thread(host.end, process, signal.SIGKILL if kind.startswith("kill") else signal.SIGTERM)
        await asyncio.sleep(span_s)
        if kind.startswith("cut"):
            host.set_link("up")
        elif kind.startswith("pause"):
            host.signal(process, signal.SIGCONT)
        elif not kind.startswith("hand"):
            host.start(process)
        return text

    async def hand_over(self, host):
        connections = {c: (c.first, c.writer) for c in self.clients}
        if await asyncio.to_thread(host.hand_over):
            self.hand_overs += 1
        elif self.is_calm:
            raise Failure(f"n{host.number} was not handed over")
        else:
            self.refused += 1
        if self.is_calm and connections != {c: (c.first, c.writer) for c in self.clients}:
            raise Failure(f"a client was disconnected when n{host.number} was handed over")

    async def run(self, count):
        for host in self.hosts.values():
            host.start("s")
        for host in self.hosts.values():
            host.start("n")
        await self.start_converse()
        talk = asyncio.create_task(self.talk())
        tasks = [talk, *(asyncio.create_task(client.run()) for client in self.clients)]
        try:
            await self.become_one()
            for i in range(count):
                began = time.monotonic()
                text = await self.fault()
                self.is_calm = self.random.random() < 0.7
                if self.is_calm:
                    await self.become_one()
                print(f"{i + 1}: {text}; {time.monotonic() - began:.0f} s", flush=True)
            await self.become_one()
            self.is_quiet = True
            await talk
            await self.end_converse()
            await self.settle()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(self):
        """Without faults receipts are complete. Then nothing is said any more, and the files become equal."""
        await asyncio.sleep(2)
        client = self.clients[0]
        before = len(client.sessions[-1].receipts)
        client.say("PRIVMSG #a :the last one")
        await until(lambda: any(words[-1] == "final" or words[-2] == "final"
                                for words in client.sessions[-1].receipts[before:]), "a final receipt")
        last = [w for w in client.sessions[-1].receipts[before:] if "final" in w[-2:]][-1]
        if last[3] != last[4]:
            raise Failure(f"a receipt without faults: {last}")
        await until(lambda: len({self.rows(i) for i in NODES}) == 1, "equal files", 60)

    def rows(self, number):
        return subprocess.run(
            [sys.executable, str(HERE / "lib/history_rows.py"), str(self.directory / f"n{number}.db")],
            check=True, capture_output=True, text=True,
        ).stdout

    def close(self):
        for process in (*self.listeners, *filter(None, [self.sender]), *self.hosts.values()):
            process.close()

    # ---- checks ----

    def sessions(self):
        return [session for client in self.clients for session in client.sessions]

    def check(self):
        said = self.history()
        for session in self.sessions():
            self.check_session(session, said)
        self.check_nicks()
        self.check_converse()
        for session in self.sessions():
            for words in session.receipts:
                if words[3] != "*" and int(words[3]) > int(words[4]):
                    raise Failure(f"receipts: {words}")

    def history(self):
        database = sqlite3.connect(self.directory / "n1.db")
        return list(database.execute("SELECT position, run, text FROM messages JOIN buffers ON buffers.id = buffer WHERE name = '#a' ORDER BY position"))

    def check_session(self, session, said):
        """What it heard must be a part of history without gaps, apart from an end that a wrong copy of the stream explains."""
        heard = [message for _, message in session.heard]
        if heard != sorted(heard):
            raise Failure(f"order at n{session.node}: {heard}")
        known = set(said)
        session.right = next((i for i, message in enumerate(heard) if message not in known), len(heard))
        right = heard[:session.right]
        if right and right != [m for m in said if right[0] <= m <= right[-1]]:
            missing = [m for m in said if right[0] <= m <= right[-1] and m not in right]
            raise Failure(f"completeness: a session at n{session.node} has not heard {missing[:5]}")
        if session.right < len(heard):
            self.check_wrong_end(session)

    def check_wrong_end(self, session):
        first_at, first = session.heard[session.right]
        last_at, _ = session.heard[-1]
        if not session.is_lost and not session.is_cut:
            raise Failure(f"history lacks {first}, and n{session.node} has not ended the session that heard it")
        if last_at - first_at > WRONG_S:
            raise Failure(f"n{session.node} went on for {last_at - first_at:.0f} s after {first}")
        echoed = sum(text.split()[0] == session.client for _, (_, _, text) in session.heard[session.right:])
        self.wrong_ends += 1
        self.lost_echoes += echoed

    def check_nicks(self):
        """In the order of the log: a node may deliver a message late, when its sender has lost the nick already."""
        spans = []
        for session in self.sessions():
            own = [m[:2] for _, m in session.heard[:session.right] if m[2].split()[0] == session.client]
            if own:
                spans.append((session.nick, own[0], own[-1], session.node))
        spans.sort()
        for before, after in zip(spans, spans[1:]):
            if before[0] == after[0] and after[1] < before[2]:
                raise Failure(f"nicks: {before} and {after}")


async def until(condition, what, limit_s=30):
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"waited in vain for {what}")
        await asyncio.sleep(0.2)


def main():
    if os.environ.get("CLUSTER_FAULTS_INSIDE") is None:
        os.environ["CLUSTER_FAULTS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])
    build = str(Path(sys.argv[1]).resolve())
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 32)
    directory = Path(tempfile.mkdtemp(prefix="apollonion-faults."))
    print(f"seed {seed}, {count} faults, {directory}", flush=True)
    world = World(build, seed, directory)
    try:
        asyncio.run(world.run(count))
        world.check()
    except Failure as failure:
        print(f"FAIL seed {seed}: {failure}\nlast faults: {world.story()}\nlogs: {directory}")
        sys.exit(1)
    finally:
        world.close()
    messages = len({m for session in world.sessions() for _, m in session.heard})
    print(f"ok: {count} faults, {messages} messages, {len(world.sessions())} sessions, {world.said} lines of converse;\n"
          f"{world.wrong_ends} sessions were ended by nodes that had read a wrong copy of the stream, "
          f"with {world.lost_echoes} echoed messages that the network does not have;\n"
          f"{world.hand_overs} hand-overs, {world.refused} refused because of other faults")
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
