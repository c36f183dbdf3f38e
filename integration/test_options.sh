#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Options that do something beyond this host: type of service, device, keep-alive, user time-out.
#
#     a: options.py ──── linkem: 10 ms, then dark ──── b: options.py serve
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

program=(python3 "$HERE/lib/options.py")

serve() {
	launch server b "${program[@]}" serve "$PORT"
	wait_listening b "$PORT"
}

seen() {
	grep -q "^$1\$" "$TMP/tos"
}

is_watching() {
	[ -e "$TMP/tos" ]
}

section "type of service"
link_up --delay 10ms
serve
launch_plain watcher a "${program[@]}" watch link0 "$B4" "$TMP/tos"
wait_until 5 "the watcher" is_watching
launch client a "${program[@]}" tos "$B4" "$PORT"
finish client 10
expect_eq "$STATUS" 0 "exit code of the client"
for what in "to $((0x48))" "from $((0xb8))" "to $((0x68))"; do
	wait_until 5 "$what" seen "$what"
	ok "$what"
done
stop watcher

section "device"
# device NAME SECONDS EXPECTED
device() {
	launch client a "${program[@]}" device "$B4" "$PORT" "$1" "$2"
	finish client 10
	expect_eq "$(cat "$TMP/client.out")" "$3" "$1"
}
device link0 60 connected
device lo 1.5 "not connected"

section "the path goes dead"
mkfifo "$TMP/orders"
exec 8<>"$TMP/orders"
launch client a "${program[@]}" dead "$B4" "$PORT" "$TMP/ready" <&8
is_ready() {
	[ -e "$TMP/ready" ]
}
wait_until 10 "connections" is_ready
kill -STOP "$LINK_PID" # nothing gets through any more, and nobody says so
echo dead >&8
finish client 20
expect_eq "$STATUS" 0 "exit code of the client"
for what in "keep-alive before connect" "keep-alive after connect" "user time-out"; do
	expect_match "$TMP/client.out" "$what: ETIMEDOUT" "$what"
	took=$(sed -n "s/^$what: ETIMEDOUT //p" "$TMP/client.out")
	# 1 s idle and 3 probes of 1 s; 2 s, and what is left of the last wait for an answer. Without any of
	# these options it is a quarter of an hour at least.
	expect_between 1500 "$took" 60000 "ms: $what"
done
expect_match "$TMP/client.out" "nothing asked for: alive" "a connection without them"
has_given_up() {
	grep -q "keep-alive of the listener: ETIMEDOUT" "$TMP/server.out"
}
wait_until 10 "keep-alive of the listener" has_given_up
ok "keep-alive of the listener: ETIMEDOUT"
kill -CONT "$LINK_PID"
link_down
