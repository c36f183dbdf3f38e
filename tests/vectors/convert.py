#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the test vectors of Wycheproof that fit the program, one case a line (README.md).

    convert.py TESTVECTORS_DIRECTORY       which holds aes_gcm_test.json and so on
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = """\
# Test vectors of Project Wycheproof, https://github.com/google/wycheproof, {name}.json,
# generator {version}. Copyright Google LLC, Apache License 2.0 (LICENSE in this folder).
# Made by tests/vectors/convert.py; columns: {columns}. "-" is an empty string.
"""


def write(to, columns, source, rows):
    with open(os.path.join(HERE, to + ".txt"), "w", encoding="ascii") as out:
        out.write(SOURCE.format(name=source["name"], version=source["generatorVersion"], columns=columns))
        for row in rows:
            out.write(" ".join(str(field) or "-" for field in row) + "\n")


def read(directory, name):
    with open(os.path.join(directory, name + ".json"), encoding="utf-8") as text:
        return json.load(text) | {"name": name}


def aead(directory, name, to):
    """Keys of 32 bytes, nonces of 12, tags of 16: the only sizes that there are in the program."""
    source = read(directory, name)
    groups = [g for g in source["testGroups"] if (g["keySize"], g["ivSize"], g["tagSize"]) == (256, 96, 128)]
    rows = [[test["tcId"], test["result"]] + [test[field] for field in ("key", "iv", "aad", "msg", "ct", "tag")]
            for group in groups for test in group["tests"]]
    write(to, "case, result, key, nonce, associated data, message, ciphertext, tag", source, rows)


def x25519(directory):
    """Public keys on the twist and such that are not canonical are taken (RFC 7748 section 5); a shared
    secret of zeros is refused (section 6.1)."""
    source = read(directory, "x25519_test")
    rows = [[test["tcId"], "zero" if "ZeroSharedSecret" in test["flags"] else "valid"]
            + [test[field] for field in ("private", "public", "shared")]
            for group in source["testGroups"] for test in group["tests"]]
    assert all(test["result"] != "invalid" for group in source["testGroups"] for test in group["tests"])
    write("x25519", "case, result, private key, public key, shared secret", source, rows)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    aead(sys.argv[1], "aes_gcm_test", "aes_256_gcm")
    aead(sys.argv[1], "chacha20_poly1305_test", "chacha20_poly1305")
    x25519(sys.argv[1])


main()
