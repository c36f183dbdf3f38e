#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills a sender or a receiver with stores, restarts it, and checks what has arrived.

    kill_messages.py BUILD DIRECTORY PORT SECONDS [again]

Each round sends some numbers. One side dies: at its n-th step (tests/kill/die_at.c), or at a random moment.
Then it is restarted, and the round ends when the sender has nothing left and the receiver has written all.
Stores are kept from round to round. What must always hold:

- what rudpmsg_send has accepted arrives;
- each process of the receiver writes what it gets in order, without a gap, and nothing twice;
- the next process begins no later than where the previous one stopped, and repeats only the end of that.
"""
import os
import random
import signal
import subprocess
import sys
import time

BUILD, DIRECTORY, PORT, SECONDS = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
AGAIN = sys.argv[5:] == ["again"]
NUMBERS = 12  # in each round
PATIENCE = 120  # seconds, on a loaded machine
NAMED_LEAST, RANDOM_LEAST = 40, 5  # fewer deaths would show nothing


def fail(text):
    print("kill:", text, file=sys.stderr)
    sys.exit(1)


class Process:
    """A program whose output lines are numbers, in a file that survives the program."""

    count = 0

    def __init__(self, command, die_at=None, count_in=None):
        Process.count += 1
        self.path = f"{DIRECTORY}/out.{Process.count}"
        environment = dict(os.environ)
        if die_at or count_in:
            environment["LD_PRELOAD"] = f"{BUILD}/tests/die_at.so"
            environment["DIE_AT"] = str(die_at or 0)
            environment["DIE_COUNT"] = count_in or "/dev/null"
        with open(self.path, "wb") as out, open(f"{DIRECTORY}/err", "ab") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, env=environment)

    def lines(self):
        """Returns only complete lines: the last one may be incomplete if its writer was killed."""
        with open(self.path, encoding="ascii") as file:
            return [int(line) for line in file.read().split("\n")[:-1]]

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def is_alive(self):
        return self.process.poll() is None


class World:
    def __init__(self):
        self.next = 1
        self.accepted = set()
        self.known = []  # numbers that earlier receiver processes have received, in order
        self.receiver = None
        self.kills = self.again = 0

    def start_receiver(self, **options):
        self.receiver = Process([f"{BUILD}/rudpmsg", "receive", "--quiet", "--id", "beta",
                                 "--listen", f"127.0.0.1:{PORT}", "--store",
                                 f"{DIRECTORY}/beta"], **options)

    def end_receiver(self, how=signal.SIGKILL):
        self.receiver.kill(how)
        self.bury_receiver()

    def bury_receiver(self):
        self.known += self.check_receiver()
        self.receiver = None

    def check_receiver(self):
        """Returns the numbers that this receiver process was the first to receive."""
        lines = self.receiver.lines()
        if any(b <= a for a, b in zip(lines, lines[1:])):
            fail(f"not in order, or twice: {lines}")
        if not lines:
            return lines
        known = set(self.known)
        for number in self.accepted:
            if number < lines[0] and number not in known:
                fail(f"{number} was accepted and is left out: it begins with {lines[0]}")
        got = set(lines)
        for number in self.accepted:
            if lines[0] < number < lines[-1] and number not in got:
                fail(f"{number} was accepted and is left out in {lines}")
        again = [number for number in lines if number in known]
        new = [number for number in lines if number not in known]
        self.again = max(self.again, len(again))
        at = self.known.index(again[0]) if again else 0
        if again != self.known[at:at + len(again)] or (again and new and again[-1] != self.known[-1]):
            fail(f"{again} came again, then {new}, after {self.known[-20:]}")
        return new

    def start_sender(self, numbers, **options):
        first, self.next = self.next, self.next + numbers
        return Process([f"{BUILD}/tests/kill-sender", f"{DIRECTORY}/alpha", PORT, str(first),
                        str(first + numbers)], **options)

    def take_accepted(self, sender):
        self.accepted.update(sender.lines())

    def finish_sender(self, sender):
        try:
            code = sender.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            fail("the sender is stuck")
        self.take_accepted(sender)
        if code != 0:
            fail(f"the sender ends with {code}")

    def all_arrived(self):
        return self.accepted <= set(self.known) | set(self.receiver.lines())

    def settle(self):
        """Stops killing, and waits until everything has arrived."""
        if not self.receiver or not self.receiver.is_alive():
            if self.receiver:
                self.bury_receiver()
            self.start_receiver()
        self.finish_sender(self.start_sender(0))
        deadline = time.monotonic() + PATIENCE
        while not self.all_arrived():
            if time.monotonic() > deadline or not self.receiver.is_alive():
                fail("accepted, acknowledged, and not there: " +
                     str(sorted(self.accepted - set(self.known + self.receiver.lines()))[:20]))
            time.sleep(0.005)  # between two reads of a file
        self.check_receiver()


def await_end(process, otherwise):
    """Waits for the end of a process. It may have died at its step, or may not have reached it."""
    deadline = time.monotonic() + PATIENCE
    while process.is_alive() and not otherwise():
        if time.monotonic() > deadline:
            fail("nobody dies")
        time.sleep(0.002)
    return not process.is_alive()


def kill_sender(world, die_at, pause):
    if not world.receiver:
        world.start_receiver()
    sender = world.start_sender(NUMBERS, die_at=die_at)
    if die_at:
        sender.process.wait(PATIENCE)
    else:
        time.sleep(pause)
        sender.kill()
    world.kills += 1
    world.take_accepted(sender)


def kill_receiver(world, die_at, pause):
    if world.receiver:
        world.end_receiver()
    world.start_receiver(die_at=die_at)
    sender = world.start_sender(NUMBERS)
    if die_at:
        await_end(world.receiver, lambda: not sender.is_alive())
    else:
        time.sleep(pause)
    world.end_receiver()
    world.kills += 1
    world.start_receiver()
    world.finish_sender(sender)


def count_steps(world):
    """Counts the steps of each side in a round in which no process is killed."""
    paths = [f"{DIRECTORY}/steps.{side}" for side in ("alpha", "beta")]
    world.start_receiver(count_in=paths[1])
    world.finish_sender(world.start_sender(NUMBERS, count_in=paths[0]))
    world.settle()
    # The receiver is always killed and reports no count. It has at least as many steps.
    with open(paths[0], encoding="ascii") as file:
        steps = int(file.read())
    return steps, steps


def deaths(plan, chance):
    """All of them, and all over again in another order if there is time for that."""
    while True:
        yield from plan
        if not AGAIN:
            return
        chance.shuffle(plan)


def main():
    chance = random.Random(7)
    world = World()
    steps = count_steps(world)
    plan = [(side, at) for side in (0, 1) for at in range(1, steps[side] + 1)]
    chance.shuffle(plan)
    total = len(plan)
    plan += [(side, 0) for side in (0, 1)] * max(10, total // 4)
    if total + 20 < len(plan):
        chance.shuffle(plan)
    end = time.monotonic() + SECONDS
    named = at_random = 0
    for side, at in deaths(plan, chance):
        if time.monotonic() > end and named >= NAMED_LEAST and at_random >= RANDOM_LEAST:
            break
        (kill_receiver if side else kill_sender)(world, at, chance.random() * 0.08)
        world.settle()
        named += at > 0
        at_random += at == 0
    world.end_receiver()
    print(f"{world.kills} deaths: {named} at one of {total} steps, {at_random} at random moments; "
          f"{len(world.accepted)} messages accepted, all arrived, at most {world.again} again")
    if named < NAMED_LEAST or at_random < RANDOM_LEAST:
        fail("too few rounds to show anything")


main()
