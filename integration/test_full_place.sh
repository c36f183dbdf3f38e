#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The file system of the private directory is full: no inode, or no block. Engines start, and carry connections.
#
#     python ──── this machine's loopback ──── the same python
#
# shellcheck disable=SC2034
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root "a file system of its own"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no engines"; exit 77; }

cat >"$TMP/exchange.py" <<'END'
import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    client = socket.create_connection(listener.getsockname())
    peer = listener.accept()[0]
    client.sendall(b"question")
    peer.sendall(peer.recv(8) and b"answer")
    print(client.recv(6).decode())
END

# exchange NAME FILL: in a file system of 64 KB and eight inodes that the command FILL has filled.
exchange() {
	# shellcheck disable=SC2016 # the shell inside expands them
	on a env "RUDP_LOG=info:$TMP/$1.log" unshare --mount sh -c '
		mount -t tmpfs -o size=64k,nr_inodes=8,mode=700 none "$XDG_RUNTIME_DIR" && cd "$XDG_RUNTIME_DIR" || exit 99
		no_inode() { while true >"file$((number += 1))"; do :; done 2>/dev/null; }
		no_block() { cat /dev/zero >file; } 2>/dev/null
		eval "$1"
		shift
		cd /
		exec "$@"' sh "$2" "$BUILD/rudp" run python3 "$TMP/exchange.py" >"$TMP/$1.out" 2>"$TMP/$1.err" ||
		fail "$1: exit code $?: $(cat "$TMP/$1.err")"
	expect_eq "$(cat "$TMP/$1.out")" answer "$1: what the client got"
	expect_match "$TMP/$1.log" "is connected to .* over rudp" "$1: what carried it"
	ok "$1: an engine carried the connection"
}

exchange "a directory that cannot be made" no_inode
exchange "a directory without room for names" "mkdir -m 700 rudp; no_inode"
exchange "no block" no_block
