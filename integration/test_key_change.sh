#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A key is replaced, removed and put back while a server runs, which nobody restarts.
#
#     a: curl ──── linkem: 5 ms ──── b: nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# asks KEY: a page with this key file on side a.
asks() {
	local SETTINGS=("RUDP_KEY_FILE=$TMP/$1")
	curl_a 5 --fail -o "$TMP/asked" "$URL/page"
}

is_refused() {
	! asks "$1"
}

# An answer of two parts, of which one comes before the key changes and one after it.
begin_long_answer() {
	make_file www/long 100000
	base64 "$TMP/www/long" >"$TMP/lines"
	rm -f "$TMP/go-on"
	launch half b nc.openbsd -lN 9000 < <(in_two_parts "$TMP/lines" 500)
	wait_listening b 9000
	launch long a nc.openbsd "$B4" 9000 </dev/null
	wait_until 5 "the first part of a long answer" test -s "$TMP/long.out"
}

replaced() {
	section "another key in the place of the first"
	cp -p "$TMP/key" "$TMP/old"
	make_key new
	asks old || fail "a copy of the key is not taken"
	is_refused new || fail "a key that nobody had set was taken"
	begin_long_answer
	cp -p "$TMP/new" "$TMP/key.next"
	mv "$TMP/key.next" "$TMP/key"
	wait_until 5 "the server to take the new key" asks new
	is_refused old || fail "the old key is still good"
	wait_until 5 "side a to take the new key" asks key
	fetch 10 page
	has_ended long && fail "the long answer was over before its second part"
	touch "$TMP/go-on"
	wait "${PID[long]}" || fail "nc of the long answer: exit $?"
	expect_same "$TMP/lines" "$TMP/long.out" "the long answer"
	ok "new connections need the new key; one that stood went on"
}

rewritten() {
	section "another key in the same file"
	cat "$TMP/old" >"$TMP/key"
	wait_until 5 "the server to take the key" asks old
	is_refused new || fail "the key before is still good"
	ok "taken, too"
}

removed() {
	section "no key any more"
	mv "$TMP/key" "$TMP/away"
	wait_until 5 "the server to refuse" is_refused old
	wait_until 5 "a line in the log" grep -q "no connection can begin" "$TMP/engine-b.log"
	mv "$TMP/away" "$TMP/key"
	wait_until 5 "the server to serve again" asks old
	chmod 644 "$TMP/key"
	wait_until 5 "a key that others may read to be refused" is_refused old
	chmod 600 "$TMP/key"
	wait_until 5 "the server to serve again" asks old
	ok "refused as long as it was away, or not private"
}

if [ -n "$PLAIN" ]; then
	echo "skipped: kernel TCP has no key"
	exit 77
fi
if ! engine_outlives; then
	echo "skipped: an engine in a thread keeps its first key (engine/key_watch.h)"
	exit 77
fi
link_up --delay 5ms
make_page page 1000
start_nginx
fetch 10 page
replaced
rewritten
removed
stop_server nginx
link_down
