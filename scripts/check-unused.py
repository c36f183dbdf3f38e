#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists functions and variables of the sources that no product contains.

    check-unused.py BUILD PRODUCT...

BUILD is a build with -O0 -ffunction-sections -fdata-sections, linked with --gc-sections: the linker then leaves out
what nothing calls, and no function disappears because it is inlined. What only tests call is listed too.
scripts/unused.allowed has one exception a line: a pattern of names, then its reason.
"""
import fnmatch
import os
import subprocess
import sys

FOLDERS = ("core", "shim", "tools", "messaging", "conversation")
DEFINED_BY_ANYONE = "TtDdBbRr"
DEFINED_WITH_EXTERNAL_LINKAGE = "TDBR"
# Generated files, and files that are no part of a product.
LEFT_OUT = ("core/engine/confine/filter/",)


def symbols(path, kinds):
    listing = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in listing.splitlines())
    return {row[2] for row in rows if len(row) == 3 and row[1] in kinds}


def objects(build):
    for folder in FOLDERS:
        for parent, _, names in os.walk(os.path.join(build, "obj", folder)):
            for name in names:
                path = os.path.join(parent, name)
                source = os.path.relpath(path, os.path.join(build, "obj"))[:-2] + ".c"
                if name.endswith(".o") and os.path.exists(source) and not source.startswith(LEFT_OUT):
                    yield source, path


def allowed():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unused.allowed")
    with open(path, encoding="utf-8") as lines:
        return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def main(build, *products):
    used = set().union(*(symbols(product, DEFINED_BY_ANYONE) for product in products))
    patterns = allowed()
    found = []
    for source, path in sorted(objects(build)):
        for name in sorted(symbols(path, DEFINED_WITH_EXTERNAL_LINKAGE) - used):
            if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                found.append(f"{source}: {name}: no product uses it; scripts/unused.allowed takes exceptions")
    print("\n".join(found) if found else "unused: nothing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
