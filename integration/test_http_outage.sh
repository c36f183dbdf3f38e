#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A transfer continues after a blackout of 3 s, and while a NAT keeps changing the caller's port and
# address.
#
#     a: curl ── NAT ── linkem: 20 ms, 20 Mbit/s, dark for a while ──── b: nginx
#
# Takes 25 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

make_page page 5000000
BASE=(--delay 10ms --rate 20M --seed 21)

section "3 s of blackout in both directions"
link_up "${BASE[@]}" --blackout 0.8s,3s
start_nginx
fetch 30 page
# 2 s of sending and 3 s of darkness; no more than a second and a half until the next try (kernel TCP
# has waited longer and longer).
[ -n "$PLAIN" ] || expect_took 4500 8000 "through the blackout"
stop_server nginx
expect_between 1 "$(count '*.drops.blackout')" 1000000 "packets lost in the blackout"
prove_udp 5000000

section "what the caller sends is lost for 2 s"
link_up "${BASE[@]}" --ab-blackout 0.8s,2s
start_nginx
fetch 30 page
stop_server nginx
prove_udp 5000000

section "source port changes twice, and so does the address"
link_up "${BASE[@]}" --rebind 500ms,1200ms --rebind-range 10.77.0.100,5
start_nginx
fetch 30 page
# The server cannot know the new port: it is the caller who must notice the silence, and soon.
expect_took 2000 6000 "with two rebindings"
fetch 30 page
if [ -z "$PLAIN" ]; then
	expect_between 1 "$(count ab.translated)" 1000000 "packets translated by the NAT"
	expect_eq "$(link_sum rebinds)" 2 "rebindings"
fi
stop_server nginx
prove_udp 10000000

section "rebinding every 300 ms while uploading over IPv6"
link_up "${BASE[@]}" --rebind-every 300ms
start_nginx
curl_a 40 --fail -T "$TMP/www/page" "$URL6/upload/copy" || fail "upload: curl's exit $?"
expect_same "$TMP/www/page" "$TMP/www/upload/copy" "upload"
ok "upload"
stop_server nginx
[ -n "$PLAIN" ] || expect_between 1 "$(count ab.translated)" 1000000 "packets translated by the NAT"
prove_udp 5000000
link_down
