# SPDX-License-Identifier: MIT
"""Each pattern of section 6.1 against published handshakes.

Source: the test vectors of flynn/noise (BSD), those for 25519, AESGCM and SHA256 with psk0, a prologue and payloads.
"""
import unittest

from pyrudp.aead import AES_GCM
from pyrudp.noise import PATTERNS, Handshake, private_key, public_bytes

STATIC_I, STATIC_L = bytes(range(32)), bytes(range(1, 33))
EPHEMERAL_I, EPHEMERAL_L = bytes(range(0x20, 0x40)), bytes(range(0x41, 0x61))
PSK, PROLOGUE = b"!verysecretverysecretverysecret!", b"notsecret"
# The sealed messages, whose payloads are test_msg_0, test_msg_1 ...
MESSAGES = {
    "NNpsk0": (
        "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254d2f8054fcaf80f347006e0fc25590a31"
        "fd33c4626fe59283ea40",
        "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466e21a3177614fce09f014af55e853ed6b"
        "88b0e4628e071b23e905"),
    "NKpsk0": (
        "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd16625485932c8c7615c82637987b6d15087242"
        "21d9ac49e27a147f5b20",
        "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466cce9cb21a513f9de326ccb24b4012111"
        "db3db7d41383ad139bf4"),
    "IKpsk0": (
        "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254694ead724bb690ad27ce3893ebd8394b"
        "455e44e362122cce141b66200c2ac5a340048ce6c8456ff4837c29fe67256f8117106241219f60be8d1ad5cce3624dd1"
        "2b08c8095b0abfe558a2",
        "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466f6bef292d60d7dd4c6d103923a164717"
        "d1f2c43d4a0be832d29f"),
    "NXpsk0": (
        "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254dc8c612be768de5f7f3d2d79705307fc"
        "af69908c306a29c5e2e2",
        "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484661aa7a9691509a04c46a6ce79f30fdbc3"
        "77a2158ca3967df0ea4b1bb18532ca87cd254354d4669c66db55d59ea0db0c57ef497397067bba94fb3a75d3a3b3804d"
        "73a62887f06cd31b17dc"),
    "XXpsk0": (
        "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662542dfece4dae76dc5ac85c1825d578f538"
        "1e8a6ca0ff8b782f9c86",
        "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466807dca8877a33959186ac0181ac963a7"
        "dd13a134ae4a2191da2bedd96911f7b103f1588855356691eb8e399bd3cfd5f486ae9e443b823f0d58ec04fb2ea6275d"
        "a3194a478e2d24af9a23",
        "099fd29f5cad05f9d2c9be076d04e80a092e181fa13a4e844386e360defdca4e8223254ae6ec8e2f94404c1b2cfbf633"
        "637ea8dea2acb6fd2e6cf013d5bcd43885c658750a9d5af5c7ec"),
}


class Published(unittest.TestCase):
    def ends(self, pattern):
        knows_listener = PATTERNS[pattern][0]
        listener = public_bytes(private_key(STATIC_L)) if knows_listener else None
        return (Handshake(pattern, AES_GCM, True, PROLOGUE, PSK, private_key(STATIC_I), listener,
                          private_key(EPHEMERAL_I)),
                Handshake(pattern, AES_GCM, False, PROLOGUE, PSK, private_key(STATIC_L), None,
                          private_key(EPHEMERAL_L)))

    def test_patterns(self):
        self.assertEqual(set(MESSAGES), set(PATTERNS))
        for pattern, messages in MESSAGES.items():
            ends = self.ends(pattern)
            for i, expected in enumerate(messages):
                payload = b"test_msg_%d" % i
                with self.subTest(pattern=pattern, message=i):
                    self.assertEqual(ends[i % 2].write(payload).hex(), expected)
                    self.assertEqual(ends[1 - i % 2].read(bytes.fromhex(expected)), payload)
            self.assertEqual(ends[0].split(), ends[1].split())


if __name__ == "__main__":
    unittest.main()
