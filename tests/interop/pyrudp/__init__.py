# SPDX-License-Identifier: MIT
"""A second implementation of the rudp protocol, written from docs/protocol.md alone."""
