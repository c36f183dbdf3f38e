# SPDX-License-Identifier: MIT
"""Two endpoints of this implementation, a bad link and a clock that does not wait: what the matrix with real programs
cannot reach, or not in its time."""
import heapq
import random
import unittest

from pyrudp import frames, packets
from pyrudp.aead import CHACHA
from pyrudp.endpoint import Endpoint
from pyrudp.noise import private_key, public_bytes
from pyrudp.settings import Settings

A, B = ("a", 1), ("b", 2)


class Link:
    def __init__(self, seed, loss=0.0, jitter_s=0.0, settings_a=None, settings_b=None):
        self.random, self.loss, self.jitter_s = random.Random(seed), loss, jitter_s
        self.now, self.queue, self.count = 1.0, [], 0
        self.a, self.b = Endpoint(settings_a or Settings(), 1), Endpoint(settings_b or Settings(), 2)
        self.b.listens_on.add(2)
        self.address_of_a = A

    def send(self, out, sender):
        for data, address in out:
            self.count += 1
            if self.random.random() >= self.loss:
                at = self.now + 0.02 + self.random.random() * self.jitter_s
                heapq.heappush(self.queue, (at, self.count, data, address, self.address_of_a if sender is self.a else B))

    def step(self):
        for end in (self.a, self.b):
            self.send(end.collect(self.now), end)
        times = [at for at in (self.a.deadline(), self.b.deadline()) if at is not None]
        times += [self.queue[0][0]] if self.queue else []
        if not times:
            return False
        self.now = max(self.now + 1e-6, min(times))
        while self.queue and self.queue[0][0] <= self.now:
            _, _, data, address, source = heapq.heappop(self.queue)
            end = self.b if address == B else self.a
            end.receive(data, source, 0, self.now)
        return True

    def connect(self, early=b""):
        return self.a.connect(B, self.now, early)


def echo(link):
    for one in link.b.accepted:
        one.write(one.read())
        if one.at_eof():
            one.finish()


def transfer(case, link, content, early=b""):
    """Sends the content, half closes, and gets the same back. Returns both connections."""
    one = link.connect(early)
    one.write(content[len(early):])
    one.finish()
    back = bytearray()
    for _ in range(200000):
        if not link.step():
            break
        echo(link)
        back += one.read()
        if link.b.accepted and one.state == "CLOSED":
            break
    case.assertIsNone(one.error)
    case.assertEqual(bytes(back), content)
    case.assertIsNone(link.b.accepted[-1].error)
    return one, link.b.accepted[-1]


class Pair(unittest.TestCase):
    def test_transfers_over_bad_links(self):
        for seed in range(6):
            link = Link(seed, loss=0.05, jitter_s=0.01, settings_a=Settings(suite=1 + seed % 2))
            one, other = transfer(self, link, random.Random(seed).randbytes(200000))
            self.assertGreater(one.recovery.losses, 0)

    def test_repair_symbols_recover_losses(self):
        repaired = 0
        for seed in range(4):
            link = Link(seed, loss=0.03, settings_a=Settings(flight_packets=200))
            _, other = transfer(self, link, random.Random(seed).randbytes(100000))
            repaired += other.receive_stream.repaired
        self.assertGreater(repaired, 0)

    def test_resumes_and_takes_early_data_once(self):
        link = Link(1, settings_a=Settings(takes_early=True), settings_b=Settings(takes_early=True))
        transfer(self, link, b"first")
        one, other = transfer(self, link, b"second with early data", b"second with early")
        self.assertEqual((one.kind, one.early_taken, other.early_taken), (packets.RESUME, 17, 17))

    def test_resumes_with_dh_and_gets_another_association(self):
        link = Link(1, settings_a=Settings(resumes_by=packets.RESUME_DH))
        transfer(self, link, b"first")
        before = link.a.known_listeners[B]
        one, _ = transfer(self, link, b"second")
        self.assertEqual(one.kind, packets.RESUME_DH)
        self.assertIsNot(link.a.known_listeners[B], before)

    def test_starts_again_without_a_forgotten_association(self):
        link = Link(1, settings_a=Settings(takes_early=True), settings_b=Settings(takes_early=True))
        transfer(self, link, b"first")
        link.b.associations.clear()
        one, _ = transfer(self, link, b"second", b"second")
        self.assertEqual((one.kind, one.early_taken), (packets.NOISE, 0))

    def test_cookies(self):
        link = Link(1, settings_b=Settings(requires_cookies=True))
        one, _ = transfer(self, link, b"content")
        self.assertEqual(one.cookies, 1)

    def test_key_updates_and_fresh_keys(self):
        for seed in range(3):
            link = Link(seed, loss=0.03, jitter_s=0.01, settings_a=Settings(update_after=40, exchanges_keys=True, suite=CHACHA),
                        settings_b=Settings(update_after=30))
            one, other = transfer(self, link, random.Random(seed).randbytes(300000))
            self.assertGreater(one.keys.updates, 3)
            self.assertEqual((one.keys.fresh_updates, other.keys.fresh_updates), (1, 1))
            self.assertEqual(one.keys.failures + other.keys.failures, 0)

    def test_another_address(self):
        link = Link(1)
        one = link.connect()
        content = random.Random(1).randbytes(300000)
        one.write(content)
        one.finish()
        back = bytearray()
        while link.step() and one.state != "CLOSED":
            echo(link)
            back += one.read()
            if len(back) > 100000:
                link.address_of_a = ("c", 3)
        self.assertEqual(bytes(back), content)
        self.assertEqual((link.b.accepted[0].moves, link.b.accepted[0].path.is_validated), (1, True))
        self.assertEqual((one.ids.changes, link.b.accepted[0].ids.changes), (0, 0))

    def moves(self, link):
        """The initiator moves three times. Returns both connections, and all ids by the initiator's address."""
        one, content = link.connect(), random.Random(1).randbytes(400000)
        one.write(content)
        one.finish()
        back, seen, steps = bytearray(), {}, [100000, 200000, 300000]
        while link.step() and one.state != "CLOSED":
            echo(link)
            back += one.read()
            for _, _, data, address, source in link.queue:
                packet = packets.decode(data)
                if isinstance(packet, packets.Data):
                    here = source if address == B else address
                    seen.setdefault(here, set()).add(packet.to_id & 0xffffffff)
            if steps and len(back) > steps[0]:
                link.address_of_a = ("c", steps.pop(0))
                one.on_own_move(link.now)
        self.assertEqual(bytes(back), content)
        return one, link.b.accepted[0], list(seen.values())

    def test_other_ids_on_known_new_paths(self):
        one, other, (first, *others) = self.moves(Link(1, loss=0.01))
        self.assertEqual((one.ids.changes, other.ids.changes, one.ids.moves_with_old_id), (3, 3, 0))
        self.assertEqual([len(ids) for ids in (first, *others)], [2, 2, 2, 2])
        self.assertEqual(len(first.union(*others)), 8)

    def test_a_peer_without_other_ids(self):
        one, other, _ = self.moves(Link(1, settings_b=Settings(spare_ids=False)))
        self.assertEqual((one.ids.changes, other.ids.changes, one.ids.moves_with_old_id), (0, 0, 3))

    def test_spare_ids_out_of_turn(self):
        for number in (2, 3):
            link = Link(1)
            one = link.connect(b"content")
            while link.step() and not one.ids.spare:
                pass
            one.ids.spare = one.ids.spare._replace(number=number)
            one.wants.add("spare")
            while link.step() and one.state != "CLOSED":
                pass
            self.assertEqual(one.error, "EPROTO")

    def refusal(self, settings_a=None, port=None, psk=None):
        link = Link(1, settings_a=settings_a, settings_b=Settings(psks=[psk or bytes(32)]))
        one = link.a.connect(B, link.now, port=port)
        while link.step() and one.state != "CLOSED":
            pass
        return one.error

    def test_refusals(self):
        self.assertEqual(self.refusal(port=77), "ECONNREFUSED")
        self.assertEqual(self.refusal(psk=b"k" * 32), "EKEYREJECTED")

    def test_static_keys(self):
        listener, initiator = private_key(), private_key()
        for kind in (packets.NK, packets.IK, packets.NX, packets.XX):
            for psk in (bytes(32), b"k" * 32):
                one = Settings(psks=[psk], kind=kind, static=initiator, listener=public_bytes(listener))
                other = Settings(psks=[psk], static=listener)
                link = Link(kind, loss=0.05, jitter_s=0.01, settings_a=one, settings_b=other)
                ours, theirs = transfer(self, link, random.Random(kind).randbytes(50000))
                self.assertEqual((ours.kind, theirs.kind), (kind, kind))
                self.assertEqual(ours.proven, theirs.proven)
                self.assertEqual(ours.proven.listener, public_bytes(listener))
                self.assertEqual(ours.proven.initiator, public_bytes(initiator) if kind & packets.OWN_KEY else None)

    def test_associations_carry_the_keys(self):
        keys = {"static": private_key(), "listener": None}
        listener = private_key()
        link = Link(1, settings_a=Settings(kind=packets.XX, takes_early=True, **keys),
                    settings_b=Settings(static=listener, takes_early=True))
        first, _ = transfer(self, link, b"first")
        one, other = transfer(self, link, b"second", b"second")
        self.assertEqual((one.kind, one.early_taken), (packets.RESUME, 6))
        self.assertEqual((one.proven, other.proven), (first.proven, first.proven))
        # A full handshake would prove something else.
        link.a.settings.kind = packets.NX
        self.assertEqual(transfer(self, link, b"third")[0].kind, packets.NX)
        link.a.settings.kind, link.a.settings.listener = packets.IK, public_bytes(private_key())
        other = link.connect()
        self.assertEqual(other.kind, packets.IK)

    def test_withdrawn_rights_end_associations(self):
        initiator, listener = private_key(), private_key()
        link = Link(1, settings_a=Settings(kind=packets.IK, static=initiator, listener=public_bytes(listener)),
                    settings_b=Settings(static=listener, authorized={public_bytes(initiator)}))
        transfer(self, link, b"first")
        link.b.settings.authorized = set()
        one = link.connect()
        while link.step() and one.state != "CLOSED":
            pass
        self.assertEqual((one.kind, one.error, one.refusal), (packets.RESUME, "EACCES", packets.NOT_AUTHORIZED))
        self.assertEqual(len(link.b.accepted), 1)

    def first_contact(self, authorized, identity=lambda proof: proof):
        """A connection of kind XX whose IDENTITY may be another one."""
        initiator = private_key()
        link = Link(1, settings_a=Settings(kind=packets.XX, static=initiator),
                    settings_b=Settings(static=private_key(), authorized=authorized))
        one = link.connect(b"content")
        while link.step() and one.state == "SYN_SENT":
            pass
        one.proof = identity(one.proof)
        if not one.proof:
            one.wants.discard("identity")
        return link, one

    def test_the_program_waits_for_the_identity(self):
        link, one = self.first_contact(None, lambda proof: None)
        for _ in range(20):
            link.step()
        other = next(iter(link.b.connections.values()))
        self.assertEqual((other.receive_stream.complete_to(), link.b.accepted), (7, []))
        self.assertEqual(link.b.associations, {})
        while link.step() and other.state != "CLOSED":
            pass
        self.assertEqual((other.error, link.b.accepted), ("ETIMEDOUT", []))
        # Time advances to the next timer of the other end.
        self.assertLess(link.now, 128 + link.a.settings.keepalive_s)

    def test_identities_that_are_not_accepted(self):
        for authorized, identity, error in ((set(), lambda proof: proof, "EACCES"),
                                            (None, lambda proof: proof[:-1] + bytes([proof[-1] ^ 1]), "EPROTO"),
                                            (None, lambda proof: bytes(64), "EPROTO")):
            link, one = self.first_contact(authorized, identity)
            while link.step() and one.state != "CLOSED":
                pass
            self.assertEqual((one.error, link.b.accepted, link.b.associations), (error, [], {}))

    def test_identity_belongs_to_first_contact_only(self):
        link = Link(1)
        one = link.connect(b"content")
        one.proof = bytes(64)
        one.wants.add("identity")
        while link.step() and one.state != "CLOSED":
            pass
        self.assertEqual(one.error, "EPROTO")

    def refusal_of_key(self, kind, known, settings_b):
        link = Link(1, settings_a=Settings(kind=kind, static=private_key(), listener=known), settings_b=settings_b)
        one = link.connect()
        while link.step() and one.state != "CLOSED":
            pass
        self.assertEqual((link.b.accepted, one.error), ([], "EACCES"))
        return one.refusal

    def test_refusals_of_static_keys(self):
        listener = private_key()
        public, other = public_bytes(listener), public_bytes(private_key())
        for kind in (packets.NK, packets.IK):
            self.assertEqual(self.refusal_of_key(kind, other, Settings(static=listener)), packets.OTHER_KEY)
            self.assertEqual(self.refusal_of_key(kind, public, Settings()), packets.OTHER_KEY)
        for kind in (packets.NOISE, packets.NK, packets.IK, packets.NX):
            strict = Settings(static=listener, authorized={other})
            self.assertEqual(self.refusal_of_key(kind, public, strict), packets.NOT_AUTHORIZED)

    def test_reset_frame_and_reset_packet(self):
        link = Link(1)
        one = link.connect(b"x")
        while link.step() and not link.b.accepted:
            pass
        for _ in range(6):
            link.step()
        link.b.accepted[0].reset(frames.APPLICATION, link.now)
        while link.step() and one.state != "CLOSED":
            pass
        self.assertEqual(one.error, "ECONNRESET")
        two = link.connect(b"x")
        while link.step() and len(link.b.accepted) < 2:
            pass
        for _ in range(6):
            link.step()
        link.b.connections.clear()
        link.b.short_ids.clear()
        two.write(b"more")
        while link.step() and two.state != "CLOSED":
            pass
        self.assertEqual((two.error, two.reset_packets), ("ECONNRESET", 1))

    def test_an_unanswered_attempt_ends(self):
        link = Link(1, loss=1)
        one = link.connect()
        while link.step() and one.state != "CLOSED":
            pass
        self.assertEqual(one.error, "ETIMEDOUT")
        self.assertGreater(link.now, 127)


if __name__ == "__main__":
    unittest.main()
