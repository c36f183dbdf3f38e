#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A server whose engine is a thread of its process. If it cannot change its user or its root directory, only the engine
# can connect to its listener, as with an engine process. If it can, its connections work after a change, too.
#
#     a: nc ──── linkem: 5 ms ──── b: lib/thread_server.py
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root "another user"
USER_B=$(worker_user)
[ "$USER_B" != root ] || { echo "skipped: there is no other user here"; exit 77; }
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no engines"; exit 77; }
as_user=(setpriv --reuid "$USER_B" --regid "$(id -g "$USER_B")" --clear-groups)
"${as_user[@]}" test -r "$BUILD/librudp_engine.so" ||
	{ echo "skipped: $USER_B cannot reach $BUILD/librudp_engine.so"; exit 77; }

# serve COMMAND...: starts the server and asks it twice.
serve() {
	local i
	SETTINGS=(RUDP_ENGINE=thread RUDP_KEY_FILE="$TMP/key-of-server")
	launch server b "$@"
	SETTINGS=()
	wait_until 10 "the server" grep -q listens "$TMP/server.out"
	for i in 1 2; do
		expect_eq "$(under a nc.openbsd -w $((10 * PATIENCE)) "$B4" "$PORT" </dev/null)" "$A4" "answer $i"
	done
}

# Prints what each listener of a program on b does if another process connects to its name: "refused" or "dropped".
listeners() {
	on b python3 - <<-'END'
		import socket
		for line in open("/proc/net/unix"):
		    words = line.split()
		    name = words[-1]
		    if words[3] != "00010000" or "rudp1b" not in name:
		        continue
		    client = socket.socket(socket.AF_UNIX)
		    client.settimeout(80)
		    try:
		        client.connect("\0" + name[1:] if name.startswith("@") else name)
		        print("served" if client.recv(1) else "dropped")
		    except ConnectionResetError:
		        print("dropped")
		    except OSError as error:
		        print("refused" if not name.startswith("@") else error)
	END
}

link_up --delay 5ms
chmod 711 "$TMP"
install -m 600 -o "$USER_B" "$TMP/key" "$TMP/key-of-server"
section "a server that keeps its user and root directory"
serve "${as_user[@]}" /usr/bin/python3 "$HERE/lib/thread_server.py" "$PORT"
expect_eq "$(listeners)" refused "a connection of another process"
expect_eq "$(under a nc.openbsd -w $((10 * PATIENCE)) "$B4" "$PORT" </dev/null)" "$A4" "the answer after that"
ok "only the engine connects to its listener"
stop server

section "a server that changes its root directory"
chown root "$TMP/key-of-server"
mkdir "$TMP/root"
serve /usr/bin/python3 "$HERE/lib/thread_server.py" "$PORT" "$TMP/root"
expect_eq "$(listeners)" dropped "a connection of another process"
expect_eq "$(under a nc.openbsd -w $((10 * PATIENCE)) "$B4" "$PORT" </dev/null)" "$A4" "the answer after that"
ok "its engine finds its listener, and accept drops others"
stop server
link_down
