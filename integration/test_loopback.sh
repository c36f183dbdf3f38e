#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The one test that needs no namespaces, for machines that do not allow any.
#
#     curl, nc ──── this machine's loopback ──── nginx, nc
#
# shellcheck disable=SC2034
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

udp_datagrams() {
	awk '/^Udp: [0-9]/ {v4 = $5} END {print v4}' /proc/net/snmp
}

# No socket of kernel TCP, in any state, has to do with the port.
no_tcp_here() {
	[ -n "$PLAIN" ] || expect_eq "$(ss -Htan "sport = :$PORT or dport = :$PORT")" "" "TCP sockets of the port"
}

mkfifo "$TMP/silence"
exec 8<>"$TMP/silence"
make_page page 30000000
make_page small 100
datagrams=$(udp_datagrams)

section "nc"
launch server b nc.openbsd -N -l 127.0.0.1 "$PORT" <"$TMP/silence" 8<&-
wait_listening b "$PORT"
no_tcp_here
launch client a nc.openbsd -N "$B4" "$PORT" <"$TMP/www/page" 8<&-
finish client 20
expect_eq "$STATUS" 0 "exit code of the caller"
finish server 10
expect_same "$TMP/www/page" "$TMP/server.out" "nc"
no_tcp_here
ok "$(stat -c %s "$TMP/server.out") bytes"
wait_not_listening b "$PORT"

section "curl and nginx"
start_nginx
fetch 20 page
FROM=$URL6 fetch 20 page
fetch 5 small
launch curl a curl -sS --limit-rate 20M -o "$TMP/part" "$URL/page"
wait_until 10 "the transfer to be under way" has_bytes "$TMP/part" 1000000
no_tcp_here
finish curl 20
expect_eq "$STATUS" 0 "curl's exit code"
stop_server nginx
if [ -z "$PLAIN" ]; then
	# Not fewer than with datagrams of 64 KiB.
	expect_between 1000 $(($(udp_datagrams) - datagrams)) 1000000000 "UDP datagrams sent meanwhile"
	ok "proof: no TCP socket, and $(($(udp_datagrams) - datagrams)) UDP datagrams"
fi
