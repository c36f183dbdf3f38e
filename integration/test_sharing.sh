#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two downloads from one host: the one that begins later soon has as much of the link as the first.
#
#     a: curl, curl ──── linkem: 40 ms, 30 Mbit/s ──── b: python3 -m http.server
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP's flows know nothing of each other"; exit 77; }

# download NAME: on its way.
download() {
	launch "$1" a curl -sS --fail --max-time $((60 * PATIENCE)) -o "$TMP/$1.got" "$URL/big"
	wait_until 10 "$1 to begin" has_bytes "$TMP/$1.got" 500000
}

# The server's end of both says that they share.
do_share() {
	on b "$BUILD/rudp" ss -nH state established "sport = :8080" >"$TMP/ss"
	[ "$(grep -c ' sharing:2' "$TMP/ss")" -eq 2 ]
}

bytes_of() {
	stat -c %s "$TMP/$1.got"
}

# Both have got on by so many bytes since.
has_gone_on() {
	[ $(($(bytes_of first) - FIRST)) -ge "$1" ] && [ $(($(bytes_of second) - SECOND)) -ge "$1" ]
}

make_page big 60000000
link_up --delay 20ms --rate 30M --seed 21
start_python ::
download first
wait_until 10 "the first to have the link" has_bytes "$TMP/first.got" 6000000
download second
wait_until 20 "both to share" do_share
ok "rudp ss shows that both share"
FIRST=$(bytes_of first)
SECOND=$(bytes_of second)
wait_until 30 "both to go on" has_gone_on 4000000
FIRST=$(($(bytes_of first) - FIRST))
SECOND=$(($(bytes_of second) - SECOND))
if [ "$FIRST" -gt $((SECOND * 3 / 2)) ] || [ "$SECOND" -gt $((FIRST * 3 / 2)) ]; then
	fail "the first has got $FIRST bytes, and the second $SECOND"
fi
ok "meanwhile the first has got $FIRST bytes, and the second $SECOND"
stop first
wait_until 10 "the second to be alone" sh -c \
	"! ip netns exec '$NS_B' '$BUILD/rudp' ss -nH state established 'sport = :8080' | grep -q sharing:"
ok "and is alone once the first has ended"
stop second
prove_udp 10000000
link_down
