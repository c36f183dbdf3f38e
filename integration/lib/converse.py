# SPDX-License-Identifier: MIT
"""converse as a process of a test, with an engine and an identity of its own."""
import os
import subprocess


def environment(directory, build, name):
    """The variables of a program that has the identity of this name."""
    return os.environ | {
        "RUDP_ENGINE_PATH": f"{build}/rudp-engine", "RUDP_LOG": f"warn:{directory}/engine-{name}.log", "RUDP_KEY_FILE": "",
        "RUDP_IDENTITY": "", "RUDP_POLICY": "set first-contact take", "XDG_CONFIG_HOME": f"{directory}/{name}",
    }


def make_identity(directory, build, name):
    (directory / name).mkdir(mode=0o700)
    subprocess.run([f"{build}/rudp", "key", "new"], check=True, stdout=subprocess.DEVNULL,
                   env=environment(directory, build, name))


class Converse:
    """A process that knows several servers, ID@HOST, and begins at the first of them. Its files are in the directory."""

    def __init__(self, directory, build, name, servers, *options):
        servers = [word for server in servers for word in ("--server", server)]
        self.name, self.out = name, directory / f"{name}.out"
        with open(self.out, "wb") as out, open(directory / f"{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                [f"{build}/converse", "--id", name, "--key", f"{directory}/key", *servers, *options],
                stdin=subprocess.PIPE, stdout=out, stderr=log, env=environment(directory, build, name),
            )

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def heard(self):
        """The lines that --tail has printed: numbers."""
        return [int(line.split("\t")[2]) for line in self.out.read_text(encoding="utf-8").splitlines()]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
