# SPDX-License-Identifier: MIT
"""The numbers of docs/protocol.md: examples of sections 4 and 5, and appendix A."""
import pathlib
import re
import unittest

from pyrudp import fec, frames, packets, params, resume
from pyrudp.aead import AES_GCM, Cipher, hmac
from pyrudp.noise import Handshake, private_key, public_bytes, x25519
from pyrudp.protect import Protection, fresh_secret

INITIATOR_ID, LISTENER_ID = 0x0102030405060708, 0x1112131415161718
ASSOCIATION_ID, COUNTER = 0x2122232425262728, 5
APPENDIX = re.split(r"^## Appendix A.*$", (pathlib.Path(__file__).resolve().parents[2] / "docs/protocol.md")
                    .read_text(), flags=re.M)[1]
# Every run of hexadecimal digits of the appendix, so that what is expected stands in one place.
NUMBERS = [bytes.fromhex(digits) for digits in re.findall(r"^    (?:[0-9a-f]+ ?)+", APPENDIX, flags=re.M)]


def own(number, token):
    return params.Params(number, 524288, 65507, 25000, token * 16)


PARAMS_I, PARAMS_L = own(INITIATOR_ID, b"\xaa"), own(LISTENER_ID, b"\xbb")


def syn(flags, message_of):
    """The SYN whose message message_of(prologue, payload) returns, of 1200 bytes."""
    empty = packets.Syn(AES_GCM, flags, INITIATOR_ID, 80, b"", b"")
    room = packets.SYN_MIN - packets.SYN_HEADER - 8 - packets.MESSAGE_MIN[flags]
    payload = params.encode(PARAMS_I, in_syn=True).ljust(room, b"\0")
    return packets.encode_syn(empty._replace(message=message_of(empty.prologue(), payload)))


class Vectors(unittest.TestCase):
    def has(self, *pieces):
        """Each piece is printed in the appendix: whole, or in lines."""
        text = b"".join(NUMBERS)
        for piece in pieces:
            self.assertIn(piece, text, piece.hex())

    def noise(self):
        ends = []

        def write(prologue, payload):
            ends.extend((Handshake("NNpsk0", AES_GCM, True, prologue, bytes(32), ephemeral=private_key(b"\x11" * 32)),
                         Handshake("NNpsk0", AES_GCM, False, prologue, bytes(32),
                                   ephemeral=private_key(b"\x22" * 32))))
            return ends[0].write(payload)
        data = syn(packets.NOISE, write)
        ends[1].read(packets.decode(data).message)
        header = packets.synack_header(AES_GCM, packets.NOISE, INITIATOR_ID)
        message = ends[1].write(params.encode(PARAMS_L, in_syn=False))
        self.assertEqual(params.decode(ends[0].read(message), in_syn=False), PARAMS_L)
        return ends, data, header + message

    def test_noise(self):
        ends, data, synack = self.noise()
        self.assertEqual((len(data), len(synack)), (1200, 106))
        self.has(data[:112], data[-24:], synack)
        for end in ends:
            self.has(b"".join(end.split()))
        self.has(b"".join(resume.secrets_of_noise(ends[1])))

    def test_data(self):
        ends, _, _ = self.noise()
        keys = Protection(AES_GCM, *ends[0].split())
        content = [frames.Ack(((0, 0),), 0), frames.Stream(0, b"hello", False)]
        plain = b"".join(map(frames.encode, content))
        sealed = keys.seal(1, False, frames.SpareId(0, LISTENER_ID, bytes(16), 0), plain)
        self.has(plain + sealed)
        self.assertEqual(frames.decode(plain), content)
        other = Protection(AES_GCM, *reversed(ends[0].split()))
        self.assertEqual(other.open(packets.decode(sealed), 1, 0, 0)[:2], (1, plain))

    def test_spare_id(self):
        ends, _, _ = self.noise()
        keys = Protection(AES_GCM, *ends[0].split())
        spare = frames.SpareId(1, 0x3132333435363738, b"\xcc" * 16, 0xfffffffe)
        self.has(frames.encode(spare))
        self.assertEqual(frames.decode(frames.encode(spare)), [spare])
        plain = frames.encode(frames.Ping())
        sealed = keys.seal(5, False, spare, plain)
        self.has(plain + sealed)
        other = Protection(AES_GCM, *reversed(ends[0].split()))
        self.assertEqual(other.open(packets.decode(sealed), 1, 0, 0, spare.offset)[:2], (5, plain))

    def test_fresh_keys(self):
        ends, _, _ = self.noise()
        one, two = private_key(b"\x33" * 32), private_key(b"\x44" * 32)
        secret = fresh_secret(x25519(one, public_bytes(two)), public_bytes(one), public_bytes(two))
        keys = [hmac(Cipher(AES_GCM, key).rekey(), secret) for key in ends[0].split()]
        self.has(*(frames.encode(frames.KeyShare(1, public_bytes(key))) for key in (one, two)))
        self.has(secret + b"".join(keys))

    def resumed(self, flags, secret, first=None, second=None):
        ends = []

        def write(prologue, payload):
            ends.extend(resume.Resumption(AES_GCM, flags, prologue, secret, ASSOCIATION_ID, COUNTER, key)
                        for key in (first, second))
            return ends[0].write_syn(payload)
        data = syn(flags, write)
        ends[1].read_syn(packets.decode(data).message)
        header = packets.synack_header(AES_GCM, flags, INITIATOR_ID)
        message = ends[1].write_synack(header, b"\x55" * 32, params.encode(PARAMS_L, in_syn=False))
        self.assertEqual(params.decode(ends[0].read_synack(header, message), in_syn=False), PARAMS_L)
        size = packets.SYN_HEADER + 16 + (32 if first else 0) + 32
        self.has(data[:size], data[-24:], header + message)
        for end in ends:
            self.has(b"".join(end.split()))
        return ends

    def test_resumption(self):
        self.resumed(packets.RESUME, resume.secrets_of_noise(self.noise()[0][0])[0])

    def test_resumption_with_dh(self):
        lasting = resume.secrets_of_noise(self.noise()[0][0])[1]
        ends = self.resumed(packets.RESUME_DH, lasting, private_key(b"\x33" * 32), private_key(b"\x44" * 32))
        for end in ends:
            self.has(b"".join(end.secrets()))

    def test_ack_example(self):
        ack = frames.Ack(((8, 10), (5, 5), (1, 2)), 70)
        self.assertEqual(frames.encode(ack), bytes.fromhex("020a40460202010001 01"))
        self.assertEqual(frames.decode(frames.encode(ack)), [ack])

    def test_params_example(self):
        encoded = params.encode(own(0xfedcba9876543210, b"\xcc"), in_syn=True)
        self.assertTrue(encoded.startswith(bytes.fromhex(
            "0108fedcba9876543210 020480080000 03048000ffe3 0404800061a8 0510")))

    def test_repair_example(self):
        self.assertEqual([[fec.factor(row, i) for i in range(3)] for row in (0, 1)],
                         [[0x1b, 0x54, 0xa1], [0x54, 0x1b, 0x1d]])
        self.assertEqual([fec.symbol_of(row, [b"\x61", b"\x62", b"\x63"]) for row in (0, 1)], [b"\xc4", b"\xee"])


if __name__ == "__main__":
    unittest.main()
