#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the measurements of rudp, kernel TCP and others, whose runs alternate. `make bench` calls this.

Results: BUILD/bench/raw.jsonl (one line a run), summary.json, tables.md and *.svg. The exit code is 1
if a bar is missed or a run of rudp failed, 2 if measuring was not possible, 130 after an interrupt."""
import argparse
import datetime
import glob
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "lib"))

import plan  # noqa: E402
from paths import PATHS, RANDOM, path_named  # noqa: E402

PROGRAMS = ["bulk", "chat", "crowd", "day", "events", "fetch", "messages", "pingpong"]
TOOLS = {"iperf": "iperf3", "redis": "redis-benchmark", "load": "hyperfine"}
CARRIERS = {"tls": "stunnel4", "kcptun-fast2": "kcptun-client", "kcptun-fast3": "kcptun-client",
            "apollonion-3": "nats-server", "ngircd": "ngircd", "inspircd": "inspircd", "mosquitto": "mosquitto"}
JOB_LIMIT_S = 240
END_LIMIT_S = 20
LOOK_S = 0.05


class Interrupted(Exception):
    pass


def note(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def give_up(text):
    note(text)
    sys.exit(2)


def known_path(name):
    if name not in PATHS and not RANDOM.fullmatch(name):
        raise argparse.ArgumentTypeError(f"no such path: {name}")
    return name


def seeds_from(text):
    """The list of numbers for a text like 1-20,37."""
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return [seed for part in ends for seed in range(part[0], part[-1] + 1)]


def options():
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="a selection of shorter runs: less than five minutes")
    parser.add_argument("--plain-only", action="store_true", help="without rudp, to check the measurements themselves")
    parser.add_argument("--only", action="append", default=[], choices=plan.names(), metavar="NAME",
                        help="one or more times: " + ", ".join(plan.names()))
    parser.add_argument("--path", action="append", default=[], type=known_path, metavar="PATH",
                        help="one or more times: wild-SEED, " + ", ".join(PATHS))
    parser.add_argument("--seeds", type=seeds_from, default=[], metavar="SEEDS",
                        help=f"seeds of the random paths, such as 1-20,37 (1-{plan.WILD_PATHS})")
    parser.add_argument("--variant", action="append", default=[], metavar="VARIANT",
                        help="one or more times: " + ", ".join(plan.ALL) + ", tcp, tls, rudp-two")
    parser.add_argument("--rounds", type=int, help="the number of rounds, instead of the plan's")
    parser.add_argument("--add", action="store_true", help="keep the earlier results of other measurements")
    parser.add_argument("--serial", action="store_true", help="never two runs at the same time")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE",
                        help="a setting for the programs under rudp: RUDP_...=...")
    parser.add_argument("--list", action="store_true", help="list the runs and estimate their time")
    return parser.parse_args()


def build_dir():
    return os.path.realpath(os.environ.get("BUILD", os.path.join(HERE, "..", "build")))


def need_tools(build, plain_only):
    for tool in ("ip", "ss", "nsenter"):
        if not shutil.which(tool):
            give_up(f"{tool} is missing (scripts/install-packages.sh bench installs it)")
    if not os.access("/dev/net/tun", os.W_OK):
        give_up("the emulated link needs /dev/net/tun (root, or mode 666)")
    for product in ["linkem", "tests/sim"] + ([] if plain_only else ["librudp_shim.so", "rudp-engine"]):
        if not os.path.exists(os.path.join(build, product)):
            give_up(f"{build}/{product} is missing (make bench builds it)")


def build_programs(out):
    os.makedirs(os.path.join(out, "bin"), exist_ok=True)
    os.makedirs(os.path.join(out, "tmp"), exist_ok=True)
    for program in PROGRAMS:
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o",
                        os.path.join(out, "bin", program), os.path.join(HERE, program + ".c"),
                        os.path.join(HERE, "plain.c")], check=True)


def build_linked(out, name, sources, libraries):
    """Builds a program that needs more libraries than libc. Returns whether this succeeded."""
    build = os.path.dirname(out)
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o",
                           os.path.join(out, "bin", name), "-I" + TOP, "-I" + os.path.join(TOP, "core"),
                           "-I" + os.path.join(TOP, "core/include"), "-I" + os.path.join(TOP, "messaging/include")]
                          + [os.path.join(HERE, source) for source in sources + ["plain.c"]]
                          + [library.replace("BUILD", build) for library in libraries + ["-pthread", "-ldl"]],
                          capture_output=True, text=True, check=False)
    return done.returncode == 0


def build_carriers(out, only):
    """Builds the programs for the measurements of messages."""
    ours = ["BUILD/librudpmsg.a", "BUILD/librudp.a", "-llmdb"]
    wanted = {f"exchange-{name}": (["exchange.c", f"exchange_{name}.c"], libraries)
              for name, libraries in {"rudpmsg": ours, "mosquitto": ["-lmosquitto"], "nng": ["-lnng"],
                                      "zeromq": ["-lzmq"]}.items()}
    wanted["idle_peers"] = (["idle_peers.c"], ours)
    for name, (sources, libraries) in wanted.items():
        if name.split("-")[0] in only and not build_linked(out, name, sources, libraries):
            note(f"{name} cannot be built (scripts/install-packages.sh bench installs what it needs)")


def offered_congestion_controls():
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as words:
        return words.read().split()


def possible(job, missing):
    """Returns whether this machine has what the job needs. Reports each missing thing once."""
    wanted = [TOOLS.get(job.measurement)] + [CARRIERS.get(v) for v in job.variant.split(":")]
    lacking = [tool for tool in wanted if tool and not shutil.which(tool)]
    lacking += [v for v in job.variant.split(":") if v.startswith("tcp-")
                and v.removeprefix("tcp-") not in offered_congestion_controls()]
    for tool in lacking:
        if tool not in missing:
            note(f"{tool} is missing: measurements that need it are left out")
            missing.add(tool)
    if job.measurement == "first_byte" and job.case == "fastopen" and job.variant not in ("tcp", plan.DEFAULT):
        return False
    return not lacking


def load_average():
    with open("/proc/loadavg") as text:
        return float(text.read().split()[0])


class Run:
    """One job that is running."""

    def __init__(self, job, out, settings):
        self.job = job
        self.log = os.path.join(out, "-".join([job.measurement, job.case, job.variant, str(job.round)])
                                .replace(":", "+") + ".log")
        self.load, self.started_at = load_average(), time.monotonic()
        env = {**os.environ, **plan.env_of(job), "BUILD": os.path.dirname(out), "BENCH_BIN": os.path.join(out, "bin"),
               "TMPDIR": os.path.join(out, "tmp"), "BENCH_SETTINGS": " ".join(settings)}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [os.path.join(HERE, "once.sh"), job.measurement, job.case, job.variant, str(job.round)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=env, text=True,
                start_new_session=True)

    def elapsed_s(self):
        return time.monotonic() - self.started_at

    def ended(self):
        if self.elapsed_s() > JOB_LIMIT_S:
            note(f"{self.log}: no end within {JOB_LIMIT_S} s")
            self.stop()
        return self.process.poll() is not None

    def stop(self):
        """Ends the run. once.sh cleans up after itself; if it does not end in time, this removes its namespaces."""
        self.process.terminate()
        try:
            self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for namespace in glob.glob(f"/run/netns/rudp{self.process.pid}[abh]*"):
            remove_namespace(os.path.basename(namespace))

    def result(self):
        """Returns None if the run failed. Its log is kept then."""
        text = self.process.stdout.read().strip()
        self.process.stdout.close()
        if self.process.returncode == 77:
            give_up(text)
        try:
            result = json.loads(text.splitlines()[-1]) if self.process.returncode == 0 else None
        except (ValueError, IndexError):
            result = None
        if result is None:
            note(f"{' '.join(self.job[:3])}, round {self.job.round}, failed: see {self.log}")
        else:
            os.unlink(self.log)
        return result

    def line(self):
        return {"measurement": self.job.measurement, "case": self.job.case, "variant": self.job.variant,
                "round": self.job.round, "date": datetime.datetime.now().isoformat(timespec="seconds"),
                "kernel": platform.release(), "load": self.load, "seconds": round(self.elapsed_s(), 1),
                "env": self.job.env, "path": self.path(), "result": self.result()}

    def path(self):
        """Returns the properties of a random path, because the report reads only these lines; else None."""
        return path_named(self.job.case)._asdict() if RANDOM.fullmatch(self.job.case) else None


def remove_namespace(name):
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout.split()
    for pid in pids:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    subprocess.run(["ip", "netns", "del", name], check=False)


def next_job(pending, room, idle):
    """Returns the first job of the next measurement that fits. If nothing runs, any job fits."""
    for job in pending:
        if job.measurement != pending[0].measurement:
            return None
        if idle or job.weight <= room + 1e-9:
            return job
    return None


def work_off(pending, out, raw, settings, serial):
    running, done, count = [], 0, len(pending)
    try:
        while pending or running:
            while pending:
                job = next_job(pending, 0 if serial else 1 - sum(r.job.weight for r in running), not running)
                if not job:
                    break
                pending.remove(job)
                running.append(Run(job, out, settings))
            for run in [r for r in running if r.ended()]:
                running.remove(run)
                raw.write(json.dumps(run.line()) + "\n")
                raw.flush()
                done += 1
                note(f"{done} of {count}: {' '.join(run.job[:3])}, round {run.job.round}")
            time.sleep(LOOK_S)
    finally:
        for run in running:
            run.stop()


def estimate_s(todo, serial):
    return sum(job.seconds * (1 if serial else job.weight) for job in todo)


def keep_others(path, todo):
    """Returns the earlier result lines of jobs that are not in todo."""
    again = {job[:3] for job in todo}
    if not os.path.exists(path):
        return []
    with open(path) as lines:
        return [line for line in lines
                if tuple(json.loads(line)[key] for key in ("measurement", "case", "variant")) not in again]


def on_signal(*_):
    raise Interrupted


def measure(todo, arguments, out):
    path = os.path.join(out, "raw.jsonl")
    kept = keep_others(path, todo) if arguments.add else []
    for name in os.listdir(out):
        if name.endswith(".log"):
            os.unlink(os.path.join(out, name))
    with open(path, "w") as raw:
        raw.writelines(kept)
        raw.flush()
        work_off(todo, out, raw, arguments.setting, arguments.serial)


def main():
    arguments = options()
    build = build_dir()
    out = os.path.join(build, "bench")
    need_tools(build, arguments.plain_only)
    os.environ["BENCH_SIM"] = os.path.join(build, "tests/sim")
    missing = set()
    todo = [job for job in plan.jobs(arguments.quick, arguments.only, arguments.path, arguments.variant,
                                     arguments.plain_only, arguments.rounds, arguments.seeds) if possible(job, missing)]
    note(f"{len(todo)} runs, about {estimate_s(todo, arguments.serial) / 60:.0f} minutes")
    if arguments.list:
        for job in todo:
            print(*job[:4])
        return 0
    build_programs(out)
    build_carriers(out, {job.measurement for job in todo})
    if load_average() > os.cpu_count() / 4:
        note(f"load average is {load_average()}: other work on this machine will affect the results")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        measure(todo, arguments, out)
    except Interrupted:
        note("interrupted; the results so far are in " + os.path.join(out, "raw.jsonl"))
        return 130
    subprocess.run([sys.executable, os.path.join(HERE, "plot.py"), out], check=True)
    return subprocess.run([sys.executable, os.path.join(HERE, "report.py"), out]
                          + (["--plain-only"] if arguments.plain_only else []), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
