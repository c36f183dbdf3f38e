#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# curl and nginx over links that lose, reorder, duplicate and damage.
#
#     a: curl ──── linkem: 20 ms, bad in many ways ──── b: nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

make_page page 3000000
make_page small 2000
mkdir -p "$TMP/www/upload"
BASE=(--delay 10ms --rate 50M)

# on_link WHAT OPTION...: the same three transfers on each bad link.
on_link() {
	section "$1"
	shift
	link_up "${BASE[@]}" "$@"
	start_nginx
	fetch 40 page
	curl_a 40 --fail -T "$TMP/www/page" "$URL/upload/copy" || fail "upload: curl's exit $?"
	expect_same "$TMP/www/page" "$TMP/www/upload/copy" "upload"
	ok "upload"
	for _ in {1..5}; do
		FROM=$URL6 fetch 20 small >/dev/null
	done
	ok "5 small ones over IPv6"
	stop_server nginx
	prove_udp 6000000
}

expect_spoilt() {
	local spoilt
	spoilt=$(count "$@")
	[ "$spoilt" -gt 10 ] || fail "the link has done too little harm: $spoilt ($*)"
	ok "the link has spoilt $spoilt packets"
}

on_link "5 % loss, reordering, duplicates" --loss 5% --reorder 2%,8ms --duplicate 2% --seed 11
expect_spoilt '*.drops.loss' '*.duplicated' '*.reordered'
on_link "loss in bursts of 8: 3 %" --burst-loss 3%,8p --seed 12
expect_spoilt '*.drops.burst'
on_link "heavy-tailed jitter that reorders" --jitter 5ms,pareto --seed 13
if [ -z "$PLAIN" ]; then
	# Over kernel TCP this would end in a damaged file: its checksum is all that it has.
	on_link "1 % damaged without a trace in the checksum" --corrupt 1%,undetected --seed 14
	expect_spoilt '*.corrupted'
	# Kernel TCP with its usual settings never gets through this one.
	on_link "a path that swallows packets over 1300 bytes" --path-mtu 1300 --seed 16
fi
on_link "1 % damaged, with broken checksum" --corrupt 1% --seed 15
expect_spoilt '*.corrupted'
link_down
