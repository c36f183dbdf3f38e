#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Datagrams grow to what the path carries, and shrink with the interface. What rudp ss shows is looked
# at while the connection stands.
#
#     a: parcels.py send ──── linkem of some MTU ──── b: parcels.py serve
#
# Takes 35 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "$PLAIN" ]; then
	echo "skipped: kernel TCP has its own way to the MTU"
	exit 77
fi
PORT=7400
PARCEL=2000000
WAIT_S=60

# The sender has said so, and so often.
has_said() {
	[ "$(grep -c "$1" "$TMP/sender.out")" -ge "$2" ]
}

# begin ADDRESS: a connection that waits for sizes.
begin() {
	ARRIVED=0
	mkfifo "$TMP/sizes-$((++CONNECTIONS))"
	exec {SIZES}<>"$TMP/sizes-$CONNECTIONS"
	launch sender a python3 "$HERE/lib/parcels.py" send "$1" "$PORT" <&"$SIZES"
	wait_until "$WAIT_S" "a connection" has_said connected 1
}

end() {
	exec {SIZES}>&-
	stop sender
}

parcel() {
	echo "$PARCEL" >&"$SIZES"
	ARRIVED=$((ARRIVED + 1))
	wait_until "$WAIT_S" "$PARCEL bytes to arrive" has_said arrived "$ARRIVED"
}

size_now() {
	on a "$BUILD/rudp" ss --json | python3 -c 'import json, sys
print(max(c.get("datagram_bytes") or 0 for c in json.load(sys.stdin)))'
}

# expect_size BYTES WHAT: after a parcel, and perhaps another one if chance took some probes.
expect_size() {
	local tries start
	start=$(now_ms)
	for tries in 1 2 3; do
		parcel
		[ "$(size_now)" != "$1" ] || break
	done
	expect_eq "$(size_now)" "$1" "datagrams with $2"
	ok "$2: datagrams of $1 bytes (parcels: $tries, $(($(now_ms) - start)) ms)"
}

CONNECTIONS=0
launch server b python3 "$HERE/lib/parcels.py" serve "$PORT"
wait_listening b "$PORT"

section "the interface's MTU"
link_up --delay 5ms --rate 100M --mtu 1500
begin "$B4"
expect_size 1472 "an MTU of 1500"
expect_eq "$(count ab.drops.path_mtu)" 0 "packets too big for the path"
end
begin "$B6"
expect_size 1452 "an MTU of 1500, IPv6"
end
link_up --delay 5ms --rate 100M --mtu 1400
begin "$B4"
expect_size 1372 "an MTU of 1400"
end
link_up --delay 5ms --rate 200M --mtu 9000
begin "$B4"
expect_size 8972 "an MTU of 9000"

section "the interface shrinks under a connection"
device=$(on a ip -o -4 addr show to "$A4" | awk '{ print $2 }')
on a ip link set "$device" mtu 1500
expect_size 1472 "an MTU of 9000 that is now 1500"
end

section "the path carries less than the interface, and does not say so"
link_up --delay 5ms --rate 100M --path-mtu 1420
begin "$B4"
expect_size 1392 "a path of 1420"
expect_between 1 "$(count ab.drops.path_mtu)" 6 "probes too big for the path"
end
link_up --delay 5ms --rate 100M --path-mtu 1250
begin "$B4"
expect_size 1200 "a path of 1250"
expect_between 1 "$(count ab.drops.path_mtu)" 24 "probes too big for the path"
end
stop server
prove_udp 2000000
link_down

section "loopback"
launch server a python3 "$HERE/lib/parcels.py" serve "$PORT"
wait_listening a "$PORT"
PARCEL=20000000
begin 127.0.0.1
expect_size 65507 "loopback"
end
begin ::1
expect_size 65488 "loopback, IPv6"
end
