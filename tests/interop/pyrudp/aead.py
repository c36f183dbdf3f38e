# SPDX-License-Identifier: MIT
"""The two suites: sealing, opening, the next key (Noise revision 34 sections 4.2 and 12); HMAC-SHA256."""
import hmac as _hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

AES_GCM, CHACHA = 1, 2
NONCE_MAX = (1 << 64) - 1
_CIPHERS = {AES_GCM: (AESGCM, "big"), CHACHA: (ChaCha20Poly1305, "little")}


class NotAuthentic(Exception):
    """The tag does not belong to the bytes under this key."""


class Cipher:
    def __init__(self, suite, key):
        make, self.order = _CIPHERS[suite]
        self.suite, self.key, self.aead = suite, key, make(key)

    def nonce(self, number):
        return bytes(4) + number.to_bytes(8, self.order)

    def seal(self, number, associated, plaintext):
        return self.aead.encrypt(self.nonce(number), plaintext, associated)

    def open(self, number, associated, sealed):
        try:
            return self.aead.decrypt(self.nonce(number), sealed, associated)
        except InvalidTag:
            raise NotAuthentic from None

    def rekey(self):
        return self.seal(NONCE_MAX, b"", bytes(32))[:32]


def hmac(key, data):
    return _hmac.digest(key, data, "sha256")
