#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A server of root forks a worker and executes a program, both as another user. The worker keeps the
# engine of root. The program, as a login that sshd starts, has an engine of its own, and neither the
# token nor the key of root.
#
#     a: nc ──── linkem: 5 ms ──── b: lib/users.py
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root "another user"
USER_B=$(worker_user)
[ "$USER_B" != root ] || { echo "skipped: there is no other user here"; exit 77; }
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no engines"; exit 77; }
engine_outlives || { echo "skipped: an engine in a thread ends with exec"; exit 77; }
UID_B=$(id -u "$USER_B")
as_user=(setpriv --reuid "$USER_B" --regid "$(id -g "$USER_B")" --clear-groups)
"${as_user[@]}" test -x "$BUILD/rudp-engine" ||
	{ echo "skipped: $USER_B cannot reach $BUILD/rudp-engine"; exit 77; }

# ask NAME: the answer of that one.
ask() {
	expect_eq "$(under a nc.openbsd -w $((10 * PATIENCE)) "$B4" "$PORT" </dev/null)" "$1 $A4" "the answer of the $1"
}

says() {
	grep -q "^$1\$" "$TMP/server.out"
}

# root_has PORT: root's engine has a listener there.
root_has() {
	grep -q "listens on .*:$1 " "$TMP/engine-b.log"
}

# user_has PORT: so has one of the other user, who sees no other engines.
user_has() {
	on b "${as_user[@]}" "$BUILD/rudp" ss -nlH 2>/dev/null | grep "[:.]$1 " >/dev/null
}

section "three ends of one listener"
link_up --delay 5ms
mkfifo "$TMP/words"
exec 9<>"$TMP/words"
launch server b /usr/bin/python3 "$HERE/lib/users.py" "$PORT" "$UID_B" <"$TMP/words" 9<&-
wait_until 10 "the server" says "server listens"
ask server
ask worker
wait_until 10 "the worker's listener" says "worker listens"
echo next >&9
ask program
wait_until 10 "the program's listener" says "program listens"
ok "the server, a forked worker and an executed program answer connections of one listener"

section "whose engine"
root_has "$PORT" || fail "root's engine has not the server's listener"
root_has $((PORT + 1)) || fail "root's engine has not the listener of the worker"
user_has $((PORT + 2)) || fail "$USER_B's engine has not the listener of the program"
if root_has $((PORT + 2)); then fail "root's engine has the listener of the program"; fi
if user_has $((PORT + 1)); then fail "$USER_B's engine has the listener of the worker"; fi
for name in NONCE TOKEN SETTINGS KEY_FILE; do
	if says "program has RUDP_$name"; then fail "the program has RUDP_$name of root"; fi
done
says "program has RUDP_LOG" || fail "the program has lost RUDP_LOG"
ok "the worker has root's engine; the program has one of its user, and neither token nor key of root's"
exec 9>&-
stop server
link_down
