#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# memcached, whose threads share what one of them accepts: many connections at the same time.
#
#     a: python ──── linkem ──── b: memcached
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
PORT=11211

# ask TEXT: what the server says to these lines.
ask() {
	under a timeout $((10 * PATIENCE)) nc.openbsd -N "$B4" "$PORT" <<<"$1"$'\r'
}

# store_and_fetch HOST CONNECTIONS
store_and_fetch() {
	local said
	said=$(under a timeout $((40 * PATIENCE)) python3 "$HERE/lib/memcached.py" "$1" "$PORT" "$2" 2>&1) || fail "$said"
	ok "$1: $said"
}

no_connection_is_left() {
	ask stats | tr -d '\r' | grep -x "STAT curr_connections 2" >/dev/null
}

section "4 ms"
link_up --delay 2ms
launch server b memcached -p "$PORT" -u "$(id -un)" -t 4 -c 1000 -m 200 -l "$B4,$B6"
wait_listening b "$PORT"
store_and_fetch "$B4" 300
store_and_fetch "$B6" 50
expect_match <(ask stats) "STAT total_connections 3[0-9][0-9]" "connections that the server has counted"
wait_until 10 "the server to see all connections closed" no_connection_is_left
prove_udp 15000000

section "20 ms, 2 % loss both ways"
link_up --delay 10ms --loss 2% --seed 4
store_and_fetch "$B4" 100
stop server
wait_not_listening b "$PORT"
prove_udp 4000000
link_down
