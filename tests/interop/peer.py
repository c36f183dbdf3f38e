#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program that speaks rudp by this implementation, for tests with real programs under the shim:

    peer.py call HOST PORT FILE [OPTION...]   sends the file, closes its half, and must get the same bytes back
    peer.py echo PORT [OPTION...]             sends back what comes, until it is killed

Each connection that has ended is one line of JSON on standard output: what happened in it. `call` exits with 1 unless
all bytes came back, in connections of the kinds that it was asked for.
"""
import argparse
import base64
import json
import pathlib
import sys
import time

from pyrudp import frames, packets
from pyrudp.noise import private_key
from pyrudp.settings import Settings
from pyrudp.sockets import Host

KINDS = {packets.NOISE: "fresh", packets.NK: "nk", packets.IK: "ik", packets.NX: "nx", packets.XX: "xx",
         packets.RESUME: "resumed", packets.RESUME_DH: "resumed-dh"}
FULL = {name: kind for kind, name in KINDS.items() if kind not in (packets.RESUME, packets.RESUME_DH)}
CHUNK = 65536
BUFFERED_MOST = 4 * CHUNK
TRIES = 5


def shown(key):
    return base64.b64encode(key).decode() if key else None


def read_identity(path):
    """The private key in a file of the form of rudp_keys(5)."""
    words = path.read_text().split()
    if len(words) != 2 or words[0] != "rudp-x25519-private":
        sys.exit(f"{path}: expected rudp-x25519-private BASE64")
    return private_key(base64.b64decode(words[1], validate=True))


def report(connection, **more):
    keys, recovery, stream = connection.keys, connection.recovery, connection.receive_stream
    listener, initiator = connection.proven or (None, None)
    facts = {
        "kind": KINDS[connection.kind], "early": connection.early_taken, "error": connection.error,
        "received": stream.complete_to(), "acknowledged": connection.send.acked_up_to(),
        "losses": recovery.losses, "spurious": recovery.spurious, "ptos": recovery.ptos,
        "repaired": stream.repaired, "arrived": connection.arrived_frames, "moves": connection.moves,
        "id_changes": connection.ids.changes, "old_id_moves": connection.ids.moves_with_old_id,
        "reset_packets": connection.reset_packets, "validated": connection.path.is_validated, "cookies": connection.cookies,
        "key_updates": keys.updates if keys else 0, "fresh_keys": keys.fresh_updates if keys else 0,
        "failures": keys.failures if keys else 0, "fault": str(connection.fault) if connection.fault else None,
        "suite": connection.suite, "refusal": connection.refusal, "listener": shown(listener),
        "initiator": shown(initiator), "binding": connection.binding.hex() if connection.binding else None,
    }
    print(json.dumps(facts | more), flush=True)


def settings_of(options):
    psks = [bytes.fromhex(options.key.read_text().strip())] if options.key else [bytes(32)]
    static = read_identity(options.identity) if options.identity else None
    return Settings(suite=options.suite, psks=psks, static=static, listener=options.listener,
                    authorized=set(options.authorized) if options.authorized else None, takes_early=options.early, update_after=options.update_after,
                    exchanges_keys=options.fresh_keys, requires_cookies=options.cookies)


def call_once(host, options, content):
    """Calls and moves the content both ways. Returns the connection, which has ended, and whether all came back."""
    early = content if host.endpoint.settings.takes_early else b""
    connection = host.connect((options.host, options.port), early, options.target)
    if not early:
        connection.write(content)
    connection.finish()
    back, moved = bytearray(), False
    while connection.state != "CLOSED":
        host.run_once()
        back += connection.read()
        if options.move_after and len(back) >= options.move_after and not moved:
            host.move()
            moved = True
    same = bytes(back) == content
    report(connection, same=same)
    return connection, same


def is_of_kind(connection, wanted):
    if wanted == "early":
        return connection.early_taken > 0
    return KINDS[connection.kind] == wanted and connection.early_taken == 0


def call_of_kind(host, options, content, wanted):
    """Where the link loses what a handshake of this kind needs, it becomes one of another kind: it is tried again."""
    settings = host.endpoint.settings
    settings.takes_early = wanted == "early"
    settings.resumes_by = packets.RESUME_DH if wanted == "resumed-dh" else packets.RESUME
    for _ in range(TRIES):
        if wanted in FULL:
            settings.kind = FULL[wanted]
            host.endpoint.known_listeners.clear()
        connection, same = call_once(host, options, content)
        if not same or connection.error:
            return False
        if is_of_kind(connection, wanted):
            return True
    return False


def leave_half_open(host, options):
    """As many SYNs as the option says, of initiators that never continue. The socket stays open: a closed port would
    be reported to the listener."""
    silent = Host(host.endpoint.settings)
    for _ in range(options.half_open):
        silent.endpoint.connect((options.host, options.port), time.monotonic())
        silent.flush()
        silent.endpoint.connections.clear()
    return silent


def call(options):
    host = Host(settings_of(options))
    content = options.file.read_bytes()
    silent = leave_half_open(host, options)
    done = True
    for kind in options.kinds.split(","):
        if options.step and not sys.stdin.readline():
            break
        done = call_of_kind(host, options, content, kind) and done
    silent.socket.close()
    return done


def serve_one(one, options):
    while one.receive_stream.readable() and one.send.end() - one.send.acked_up_to() < BUFFERED_MOST:
        one.write(one.read(CHUNK))
    if one.at_eof():
        one.finish()
    if options.reset_after and one.receive_stream.complete_to() >= options.reset_after:
        one.reset(frames.APPLICATION, time.monotonic())


def forget_one(host, one):
    """As if this endpoint had been restarted."""
    host.endpoint.forget(one)
    one.state, one.error = "CLOSED", "forgotten"


def echo(options):
    host = Host(settings_of(options), ("", options.port))
    host.endpoint.listens_on.add(options.port)
    print("listening", flush=True)
    while True:
        host.run_once()
        for one in list(host.endpoint.accepted):
            if one.state != "CLOSED":
                serve_one(one, options)
            if options.forget_after and one.receive_stream.complete_to() >= options.forget_after:
                forget_one(host, one)
            if one.state == "CLOSED":
                host.endpoint.accepted.remove(one)
                report(one)
        host.flush()


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    caller = commands.add_parser("call")
    caller.add_argument("host")
    caller.add_argument("port", type=int)
    caller.add_argument("file", type=pathlib.Path)
    caller.add_argument("--kinds", default="fresh", help="one connection of each: fresh,nk,ik,nx,xx,resumed,early,resumed-dh")
    caller.add_argument("--listener", type=base64.b64decode, help="the static key that the listener must have, for nk, ik")
    caller.add_argument("--step", action="store_true", help="read a line of standard input before each of them")
    caller.add_argument("--target", type=int, help="the target port, if it differs from the UDP port")
    caller.add_argument("--move-after", type=int, help="continue from another port after so many bytes")
    caller.add_argument("--half-open", type=int, default=0, help="so many initiators before that never continue")
    caller.set_defaults(run=call, authorized=None)
    listener = commands.add_parser("echo")
    listener.add_argument("port", type=int)
    listener.add_argument("--reset-after", type=int, help="reset each connection after so many bytes")
    listener.add_argument("--forget-after", type=int, help="forget each connection after so many bytes")
    listener.add_argument("--authorized", type=base64.b64decode, action="append",
                          help="static key of an initiator that is served; others are not")
    listener.set_defaults(run=echo, listener=None)
    for each in (caller, listener):
        each.add_argument("--key", type=pathlib.Path, help="file with the pre-shared key")
        each.add_argument("--identity", type=pathlib.Path, help="file with the static key, as `rudp key new` makes it")
        each.add_argument("--suite", type=int, default=1)
        each.add_argument("--early", action="store_true", help="accept early data")
        each.add_argument("--cookies", action="store_true", help="require a cookie of each initiator")
        each.add_argument("--update-after", type=int, help="update the key after so many packets")
        each.add_argument("--fresh-keys", action="store_true", help="exchange fresh keys at once")
    options = parser.parse_args()
    sys.exit(0 if options.run(options) else 1)


if __name__ == "__main__":
    main()
