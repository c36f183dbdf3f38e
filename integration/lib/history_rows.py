#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what the file of a node has of history and read markers, without the numbers that differ between files."""
import sqlite3
import sys

QUERIES = (
    "SELECT position, run, time_ms, is_notice, source, target, messages.account, tags, text, name "
    "FROM messages JOIN buffers ON buffers.id = buffer ORDER BY position",
    "SELECT name, account_a, account_b, count FROM buffers ORDER BY name",
    "SELECT id, account, channel, first, last FROM presence ORDER BY id",
    "SELECT account, target, time_ms FROM markers ORDER BY account, target",
)

database = sqlite3.connect(sys.argv[1])
for query in QUERIES:
    for row in database.execute(query):
        print(row)
