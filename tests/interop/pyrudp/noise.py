# SPDX-License-Identifier: MIT
"""The Noise protocol framework, revision 34, as far as handshakes of two messages and more need it (section 6.1).

A handshake pattern is a row of PATTERNS: pre-messages, then the tokens of each message in turn.
"""
import copy
import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .aead import AES_GCM, CHACHA, Cipher, hmac
from .wire import Malformed

# name: (what the initiator knows of the listener before, messages)
PATTERNS = {
    "NNpsk0": ((), (("psk", "e"), ("e", "ee"))),
    "NKpsk0": (("s",), (("psk", "e", "es"), ("e", "ee"))),
    "IKpsk0": (("s",), (("psk", "e", "es", "s", "ss"), ("e", "ee", "se"))),
    "NXpsk0": ((), (("psk", "e"), ("e", "ee", "s", "es"))),
    "XXpsk0": ((), (("psk", "e"), ("e", "ee", "s", "es"), ("s", "se"))),
}
SUITE_NAMES = {AES_GCM: "AESGCM", CHACHA: "ChaChaPoly"}
KEY = 32


def private_key(secret=None):
    return X25519PrivateKey.from_private_bytes(secret) if secret else X25519PrivateKey.generate()


def public_bytes(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519(private, public):
    """Raises Malformed if the result is all zero."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Malformed("a public key of low order") from None


class Symmetric:
    """Chaining key and hash of the handshake."""

    def __init__(self, name, suite):
        name = name.encode()
        self.h = name.ljust(KEY, b"\0") if len(name) <= KEY else hashlib.sha256(name).digest()
        self.ck, self.suite = self.h, suite
        self.cipher, self.number = None, 0

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def hkdf(self, data, count):
        temp, out = hmac(self.ck, data), [b""]
        for i in range(count):
            out.append(hmac(temp, out[-1] + bytes([i + 1])))
        return out[1:]

    def set_key(self, key):
        self.cipher, self.number = Cipher(self.suite, key), 0

    def mix_key(self, data):
        self.ck, key = self.hkdf(data, 2)
        self.set_key(key)

    def mix_key_and_hash(self, data):
        self.ck, mixed, key = self.hkdf(data, 3)
        self.mix_hash(mixed)
        self.set_key(key)

    def seal(self, plaintext):
        sealed = plaintext
        if self.cipher:
            sealed = self.cipher.seal(self.number, self.h, plaintext)
            self.number += 1
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed):
        plaintext = sealed
        if self.cipher:
            plaintext = self.cipher.open(self.number, self.h, sealed)
            self.number += 1
        self.mix_hash(sealed)
        return plaintext

    def split(self):
        return self.hkdf(b"", 2)


class Handshake:
    def __init__(self, pattern, suite, is_initiator, prologue, psk=None, static=None, remote_static=None,
                 ephemeral=None):
        known, self.messages = PATTERNS[pattern]
        self.is_initiator, self.psk = is_initiator, psk
        self.keys = {"e": ephemeral or private_key(), "s": static}
        self.remote = {"s": remote_static}
        self.has_psk = any("psk" in tokens for tokens in self.messages)
        self.next = 0
        self.symmetric = Symmetric(f"Noise_{pattern}_25519_{SUITE_NAMES[suite]}_SHA256", suite)
        self.symmetric.mix_hash(prologue)
        if known:
            self.symmetric.mix_hash(remote_static if is_initiator else public_bytes(static))

    def copy(self):
        """Before a message that may be false is read."""
        other = copy.copy(self)
        other.symmetric, other.remote = copy.copy(self.symmetric), dict(self.remote)
        return other

    def _agree(self, token):
        """The first letter is the initiator's key, the second the listener's."""
        own, other = token if self.is_initiator else token[::-1]
        self.symmetric.mix_key(x25519(self.keys[own], self.remote[other]))

    def _mix_ephemeral(self, public):
        self.symmetric.mix_hash(public)
        if self.has_psk:
            self.symmetric.mix_key(public)

    def write(self, payload):
        out = b""
        for token in self.messages[self.next]:
            if token == "psk":
                self.symmetric.mix_key_and_hash(self.psk)
            elif token == "e":
                public = public_bytes(self.keys["e"])
                self._mix_ephemeral(public)
                out += public
            elif token == "s":
                out += self.symmetric.seal(public_bytes(self.keys["s"]))
            else:
                self._agree(token)
        self.next += 1
        return out + self.symmetric.seal(payload)

    def read(self, message):
        """Raises NotAuthentic or Malformed; then the state is of no more use."""
        at = 0
        for token in self.messages[self.next]:
            if token == "psk":
                self.symmetric.mix_key_and_hash(self.psk)
            elif token == "e":
                self.remote["e"] = message[:KEY]
                at = KEY
                self._mix_ephemeral(self.remote["e"])
            elif token == "s":
                size = KEY + (16 if self.symmetric.cipher else 0)
                self.remote["s"] = self.symmetric.open(message[at:at + size])
                at += size
            else:
                self._agree(token)
        self.next += 1
        return self.symmetric.open(message[at:])

    def split(self):
        """The transport keys of the initiator and of the listener."""
        return tuple(self.symmetric.split())

