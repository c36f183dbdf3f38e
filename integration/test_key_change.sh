#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A key is replaced, removed and put back while a server runs, without a restart; keys of a directory
# take each other's place without a connection that fails, and one is revoked with its connections.
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

# An answer of two parts, of which one comes before the key changes and one after it. The server has the
# settings as they are; so has the client, but with the keys of $1, if any.
begin_long_answer() {
	make_file www/long 100000
	base64 "$TMP/www/long" >"$TMP/lines"
	rm -f "$TMP/go-on" "$TMP/long.out" # of the answer before
	launch half b nc.openbsd -lN 9000 < <(in_two_parts "$TMP/lines" 500)
	wait_listening b 9000
	[ -z "${1:-}" ] || SETTINGS=("RUDP_KEY_FILE=$TMP/$1")
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
	wait_until 5 "a line in the log" grep -q "no new connections" "$TMP/engine-b.log"
	mv "$TMP/away" "$TMP/key"
	wait_until 5 "the server to serve again" asks old
	chmod 644 "$TMP/key"
	wait_until 5 "a key that others may read to be refused" is_refused old
	chmod 600 "$TMP/key"
	wait_until 5 "the server to serve again" asks old
	ok "refused as long as it was away, or not private"
}

# key_in DIRECTORY NAME KEY [LINE...]: the key of that file in a directory of keys, whole at once.
key_in() {
	local directory=$TMP/$1 name=$2
	(umask 077 && mkdir -p "$directory" && cat "$TMP/$3" - >"$directory/.next") < <(printf '\n%s' "${@:4}")
	mv "$directory/.next" "$directory/$name"
}

# lists SIDE PATTERN: a line of `rudp key list' on this side.
lists() {
	on "$1" "$BUILD/rudp" key list | grep -E "$2" >/dev/null
}

fingerprint() {
	"$BUILD/rudp" keygen --check "$TMP/$1" | sed -n 's/.* fingerprint //p'
}

# Connections all the time, each a new one; a failure is a line in $TMP/failed.
connect_on() {
	until [ -e "$TMP/enough" ]; do
		curl_a 5 --fail -o "$TMP/asked-on" "$URL/page" || echo failed >>"$TMP/failed"
		echo asked >>"$TMP/asked-times"
	done
}

rotated() {
	section "another key while connections begin all the time"
	local old new asker
	make_key first
	make_key second
	old=$(fingerprint first) new=$(fingerprint second)
	key_in keys-a 1 first
	key_in keys-b 1 first
	SETTINGS=("RUDP_KEY_FILE=$TMP/keys-b")
	start_nginx
	SETTINGS=("RUDP_KEY_FILE=$TMP/keys-a")
	rm -f "$TMP/enough" "$TMP/failed"
	connect_on &
	asker=$!
	wait_until 10 "a first connection" test -s "$TMP/asked-times"
	local from
	from=$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)
	key_in keys-b 2 second "not-before $from"
	# Not before it can be accepted: on a loaded machine, side a could be the first to have read its file.
	wait_until 10 "side b to know the new key" lists b "^$new +(not yet valid|sent) "
	key_in keys-a 2 second "not-before $from"
	wait_until 10 "side a to send the new key" lists a "^$new +sent "
	wait_until 10 "side b to send the new key" lists b "^$new +sent "
	on b "$BUILD/rudp" key list --json >"$TMP/keys.json"
	python3 -c 'import json, sys
keys = {k["fingerprint"]: k for k in json.load(open(sys.argv[1]))["keys"]}
sent = keys[sys.argv[2]]
sys.exit(sent["state"] != "sent" or sent["not_before"] != sys.argv[3] or sent["not_after"] is not None or
	sent["file"] != sys.argv[4] or not sent["engine_pid"])' \
		"$TMP/keys.json" "$new" "$from" "$TMP/keys-b/2" || fail "key list --json: $(cat "$TMP/keys.json")"
	lists b "^$old +accepted " || fail "side b does not take the old key any more"
	key_in keys-a 1 first "not-after $(date -u +%Y-%m-%dT%H:%M:%SZ)"
	rm "$TMP/keys-b/1"
	wait_until 10 "side a to let the old key go" lists a "^$old +expired "
	: >"$TMP/asked-times"
	wait_until 10 "a connection with the new key alone" test -s "$TMP/asked-times"
	touch "$TMP/enough"
	wait "$asker"
	[ ! -e "$TMP/failed" ] || fail "$(wc -l <"$TMP/failed") connections failed"
	SETTINGS=("RUDP_KEY_FILE=$TMP/first")
	wait_until 5 "the server to refuse the old key" is_refused first
	ok "no connection failed, and the old key is refused"
}

refused() {
	section "a file that is wrong beside one that is right"
	SETTINGS=("RUDP_KEY_FILE=$TMP/keys-a")
	key_in keys-b 3 first "not-before tomorrow"
	wait_until 5 "a line in the log" grep -q "keys-b/3:2:12: not a valid time; expected" "$TMP/engine-b.log"
	fetch 10 page
	rm "$TMP/keys-b/3"
	ok "named in the log, and the other key serves"
}

# The confined engine may read the old directory alone: its supervisor opens the new one.
swapped() {
	section "another directory in the place of the first"
	make_key third
	key_in next-b 1 third
	mv "$TMP/keys-b" "$TMP/past-b"
	mv "$TMP/next-b" "$TMP/keys-b"
	wait_until 5 "the server to take the key of the new directory" asks third
	is_refused second || fail "a key of the old directory is still good"
	mv "$TMP/keys-b" "$TMP/gone-b"
	mv "$TMP/past-b" "$TMP/keys-b"
	wait_until 5 "the server to serve with the old directory" asks second
	ok "its key is taken, and that of the old one refused"
}

revoked() {
	section "a key is revoked"
	local new
	new=$(fingerprint second)
	SETTINGS=("RUDP_KEY_FILE=$TMP/keys-b")
	begin_long_answer keys-a
	SETTINGS=()
	lists b "^$new +sent .* [1-9][0-9]* +$TMP/keys-b/2\$" || fail "no connection is counted for the key"
	on b "$BUILD/rudp" key revoke "$new" >"$TMP/revoked" || fail "rudp key revoke: exit $?"
	expect_match "$TMP/revoked" "^$new: revoked, [1-9][0-9]* connections were reset$" "what revoke says"
	wait_until 5 "the connection to end at side a" has_ended long
	wait_until 5 "the connection to end at side b" has_ended half
	touch "$TMP/go-on"
	expect_match "$TMP/engine-b.log" "the key $new is revoked: its [0-9]+ connections are reset" "the log"
	lists b "^$new +revoked .* 0 +$TMP/keys-b/2\$" || fail "the key is not listed as revoked"
	lists b "^ended with their keys: [1-9]" || fail "what ended is not counted"
	grep -qx revoked "$TMP/keys-b/2" || fail "its file does not say so"
	SETTINGS=("RUDP_KEY_FILE=$TMP/keys-a")
	! curl_a 5 --fail -o "$TMP/asked" "$URL/page" || fail "a revoked key is still good"
	ok "its connections ended at both sides, and nobody can connect with it"
}

if [ -n "$PLAIN" ]; then
	echo "skipped: kernel TCP has no key"
	exit 77
fi
if ! engine_outlives; then
	echo "skipped: the workers of nginx have another user than the key file (engine/loop/key_watch.h)"
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
rotated
refused
swapped
revoked
stop_server nginx
link_down
