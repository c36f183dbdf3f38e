#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The first contact that asks: `rudp run' asks on its terminal, and `rudp key ask' anywhere else, whether the key of
# an unknown host is the right one, while the connection waits.
#
#     a: curl, python3 ──── linkem: 5 ms ──── b: nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no identities"; exit 77; }
[ -z "${SANITIZER_RUNTIME:-}" ] || { echo "skipped: rudp run does not preload a sanitizer's runtime"; exit 77; }

ASKS="set first-contact ask"
HOST_LINE=
WHO=

# begin NAME COMMAND...: `rudp run' on a terminal of its own; what is written to descriptor 8 is typed there.
begin() {
	local SETTINGS name=$1
	shift
	rm -f "$TMP/typed"
	mkfifo "$TMP/typed"
	exec 8<>"$TMP/typed"
	is_person "$WHO" "$ASKS"
	launch_native "$name" a script -qefc "$BUILD/rudp run $*" /dev/null <"$TMP/typed" 8>&-
}

types() {
	printf '%s\r' "$1" >&8
}

# The terminal has shown so many questions, or requests to answer again.
has_asked() {
	[ "$(grep -so "the owner says: " "$TMP/$1.out" | wc -l)" -ge "$2" ]
}

# waits_for_answer COUNT: so many connections do.
waits_for_answer() {
	local SETTINGS settings
	is_person "$WHO" "$ASKS"
	mapfile -t settings < <(engine_settings_of a)
	[ "$(on a env "${settings[@]}" "$BUILD/rudp" ss -a | grep -c "waits for 'rudp key ask'")" = "$1" ]
}

# Engines in threads of two programs store the same line twice.
known() {
	cut -d' ' -f1-3 "$TMP/$WHO/rudp/known_hosts" | sort -u
}

# Each knows no host, and has an engine of its own.
is_now() {
	WHO=$1
	person "$WHO"
	put "$WHO" known_hosts </dev/null
	rm -f "$TMP/curl.out"
}

serve() {
	local SETTINGS
	is_person "$1"
	start_nginx
}

# ask NAME ANSWERS: `rudp key ask' with this input.
ask() {
	local SETTINGS
	is_person "$WHO" "$ASKS"
	launch_native "$1" a "$BUILD/rudp" key ask <"$2"
}

on_the_terminal() {
	section "rudp run asks on its terminal"
	is_now alice
	begin yes curl -sS -o "$TMP/curl.out" "$URL/page"
	wait_until 20 "the question" has_asked yes 1
	expect_match "$TMP/yes.out" "rudp: curl .* connects to $B4:8080, which is not known here" "the question"
	while read -r fingerprint; do
		expect_match "$TMP/yes.out" "^ *$fingerprint" "the question"
	done < <(tail -n 3 "$TMP/server.new" | sed 's/[+]/[+]/g')
	wait_until 5 "the connection to wait" waits_for_answer 1
	types perhaps
	wait_until 5 "the question to be repeated" has_asked yes 2
	types yes
	finish yes 20
	expect_eq "$STATUS" 0 "exit code of curl"
	expect_same "$TMP/www/page" "$TMP/curl.out" "page"
	expect_eq "$(known)" "$HOST_LINE" "the known hosts"
	expect_match "$TMP/$WHO/rudp/known_hosts" " first contact 20[0-9-]*T[0-9:]*Z$" "the line"
	ok "yes: the connection continues, and the host is known"
	begin again curl -sS -o "$TMP/curl.out" "$URL/page"
	finish again 20
	expect_eq "$STATUS" 0 "exit code of curl"
	! has_asked again 1 || fail "a known host is asked about"
	ok "a known host is not asked about"
}

refused() {
	section "an answer that is no"
	is_now bob
	begin no curl -sS -o "$TMP/curl.out" "$URL/page"
	wait_until 20 "the question" has_asked no 1
	types no
	finish no 20
	expect_eq "$STATUS" 7 "exit code of curl"
	[ ! -e "$TMP/curl.out" ] || fail "curl has got something"
	expect_eq "$(known)" "" "the known hosts"
	ok "the connection is refused, and nothing is stored"
}

# One program waits in connect(), another one polls.
elsewhere() {
	local SETTINGS
	section "rudp key ask"
	is_now carol
	is_person "$WHO" "$ASKS"
	launch polls a curl -sS -o "$TMP/curl.out" "$URL/page"
	launch waits a python3 -c "import socket
s = socket.create_connection(('$B4', 8080))
s.sendall(b'HEAD /page HTTP/1.0\r\n\r\n')
print(s.getsockname()[1] != 0, s.recv(12))"
	wait_until 20 "both connections to wait" waits_for_answer 2
	if has_ended polls || has_ended waits; then
		fail "a program does not wait"
	fi
	tail -n 2 "$TMP/server.new" >"$TMP/answers"
	ask asked "$TMP/answers"
	finish polls 20
	expect_eq "$STATUS" 0 "exit code of curl"
	finish waits 20
	expect_eq "$(cat "$TMP/waits.out")" "True b'HTTP/1.1 200'" "what python got"
	wait_until 5 "rudp key ask to say so" grep -q "The host is known now" "$TMP/asked.out"
	stop asked
	expect_eq "$(known)" "$HOST_LINE" "the known hosts"
	ok "the fingerprint as the answer: both connections of the host go on, and it is stored once"
}

has_ended_waiting() {
	waits_for_answer 0
}

changes() {
	local SETTINGS
	section "what changes while the connection waits"
	is_now dave
	is_person "$WHO" "$ASKS"
	launch killed a curl -sS -o "$TMP/curl.out" "$URL/page"
	wait_until 20 "the connection to wait" waits_for_answer 1
	send KILL killed
	wait_until 10 "the connection to end with its program" has_ended_waiting
	reap killed
	ok "a program that ends: nobody is asked about it"
	begin swapped curl -sS -o "$TMP/curl.out" "$URL/page"
	wait_until 20 "the question" has_asked swapped 1
	stop_server nginx
	serve mallory
	types yes
	finish swapped 20
	expect_eq "$STATUS" 7 "exit code of curl"
	[ ! -e "$TMP/curl.out" ] || fail "another host has taken the place of the accepted one"
	expect_eq "$(known)" "$HOST_LINE" "the known hosts"
	ok "another host in its place: refused, as the accepted key is demanded"
}

link_up --delay 5
PORT=8080
set_urls
make_page page 20000
for name in server mallory; do
	person "$name"
done
HOST_LINE="$B4:8080 $(public_key server)"
serve server
on_the_terminal
refused
elsewhere
changes
stop_server nginx
