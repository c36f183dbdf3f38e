#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# History of Apollonion with a real server, its database and nc as the client: who was there reads what was said, who
# was not does not; after a restart and after kill -9 as before; a disk that is full stops history and not the talk.
#
#     a: nc ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6667

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		metrics = $TMP/metrics
		[listen]
		plain = $PORT
		plain-passwords = yes
		[accounts]
		file = $DISK/db
		tries = 1000
		[history]
		enabled = yes
				answer = 50
		[flood]
		burst = off
	EOT
}

# come_in NAME [ACCOUNT]: as that nick, and logged in to that account.
come_in() {
	talk launch_plain "$1" nc "$B4" "$PORT"
	say "$1" "CAP REQ :sasl draft/chathistory draft/read-marker batch server-time message-tags"
	say "$1" "NICK $1"
	say "$1" "USER $1 0 * :$1"
	if [ $# -gt 1 ]; then
		say "$1" "AUTHENTICATE PLAIN"
		hears "$1" '^(@\S+ )?AUTHENTICATE \+'
		say "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$2" "a password" | base64 -w 0)"
		hears "$1" ' 903 '
	fi
	say "$1" "CAP END"
	hears "$1" " 001 $1 "
}

ROUND=0

# asks NAME QUESTION: into ANSWER, the texts of the messages in their order.
asks() {
	local name=$1
	shift
	ROUND=$((ROUND + 1))
	local before
	before=$(wc -l <"$TMP/$name.out")
	say "$name" "CHATHISTORY $*"
	say "$name" "PING :round$ROUND"
	hears "$name" "PONG .*round$ROUND"
	wait_until 20 "$name is answered" answered "$name" "$before"
	ANSWER=$(tail -n "+$((before + 1))" "$TMP/$name.out" | tr -d '\r' |
		sed -nE 's/.* (PRIVMSG|NOTICE) \S+ :(.*)/\2/p' | paste -sd' ')
	REFUSAL=$(tail -n "+$((before + 1))" "$TMP/$name.out" | grep -oE 'INVALID_TARGET|MESSAGE_ERROR' || true)
}

answered() {
	tail -n "+$(($2 + 1))" "$TMP/$1.out" | grep -E 'BATCH -|CHATHISTORY: |FAIL CHATHISTORY' >/dev/null
}

finds() {
	local name=$1 expected=$2
	shift 2
	asks "$name" "$@"
	expect_eq "$ANSWER" "$expected" "what $name is answered to $*"
}

is_refused() {
	local name=$1
	shift
	asks "$name" "$@"
	expect_eq "$REFUSAL" INVALID_TARGET "what $name is answered to $*"
}

counter() {
	printf 'GET /\r\n\r\n' | on b timeout $((5 * PATIENCE)) nc -UN "$TMP/metrics" | sed -nE "s/^apollonion_history_$1_total //p"
}

is_kept() {
	[ "$(counter kept)" -ge "$1" ]
}

has_lost() {
	[ "$(counter lost)" -gt 0 ]
}

talking() {
	section "who was there reads it"
	come_in dan dan
	come_in eve eve
	come_in guest
	say dan "JOIN #room"
	hears dan ' 366 '
	say dan "PRIVMSG #room :one"
	say dan "PING :one"
	hears dan 'PONG .*one'
	say eve "JOIN #room"
	hears eve ' 366 '
	say guest "JOIN #room"
	hears guest ' 366 '
	say dan "PRIVMSG #room :two"
	hears eve 'PRIVMSG #room :two'
	say eve "NOTICE #room :three"
	hears dan 'NOTICE #room :three'
	say guest "PART #room"
	hears dan 'PART #room'
	say dan "PRIVMSG #room :four"
	say eve "PRIVMSG dan :private"
	hears dan 'PRIVMSG dan :private'
	finds dan "one two three four" "LATEST #room * 10"
	finds dan "three four" "LATEST #room * 2"
	finds eve "two three four" "LATEST #room * 10"
	is_refused guest "LATEST #room * 10"
	finds dan private "LATEST eve * 10"
	say dan "MARKREAD #room timestamp=2024-01-02T03:04:05.678Z"
	hears dan 'MARKREAD #room timestamp=2024-01-02T03:04:05.678Z'
	is_refused guest "LATEST dan * 10"
	leave dan eve guest
	ok "each reads what it has heard"
}

again() {
	section "$1"
	come_in dan dan
	come_in eve eve
	come_in fay fay
	finds dan "one two three four" "LATEST #room * 10"
	finds eve "two three four" "LATEST #room * 10"
	finds eve private "LATEST dan * 10"
	is_refused fay "LATEST #room * 10"
	say dan "JOIN #room"
	hears dan 'MARKREAD #room timestamp=2024-01-02T03:04:05.678Z'
	say fay "JOIN #room"
	hears fay 'MARKREAD #room \*'
	finds fay "" "LATEST eve * 10"
	leave dan eve fay
	ok "$1 each reads what it has heard"
}

# Of a registered channel: what was said since an operator made it public, and nothing of before.
public() {
	section "public history"
	come_in dan dan
	say dan "JOIN #open"
	hears dan ' 366 dan #open '
	say dan "CS REGISTER #open"
	hears dan 'NOTICE dan :#open is registered'
	say dan "PRIVMSG #open :before"
	say dan "MODE #open +H"
	hears dan ' MODE #open \+H'
	say dan "PRIVMSG #open :first"
	say dan "PRIVMSG #open :second"
	come_in guest
	is_refused guest "LATEST #open * 10"
	is_public guest
	leave dan guest
	ok "a guest who has joined reads it"
	end_server
	serve
	come_in fay fay
	is_public fay
	send USR2 server
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	come_in guest
	is_public guest
	finds fay "first second" "LATEST #open * 10"
	leave fay guest
	end_server
	serve
	ok "also after a restart, and a hand-over"
}

is_public() {
	say "$1" "JOIN #open"
	hears "$1" " 366 $1 #open "
	finds "$1" "first second" "LATEST #open * 10"
}

# Killed when all is written: what was counted as kept is there.
killed() {
	come_in dan dan
	say dan "JOIN #kill"
	hears dan ' 366 '
	local i
	for i in $(seq 100); do say dan "PRIVMSG #kill :k$i"; done
	say dan "PING :all"
	hears dan 'PONG .*all'
	wait_until 10 "all is written" is_kept 100
	send KILL server
	finish server 10
	drop dan
	serve
	come_in dan dan
	finds dan "k98 k99 k100" "LATEST #kill * 3"
	leave dan
	again "after kill -9"
}

# The file may not grow any more: the talk continues, and history says so.
full_disk() {
	section "a full disk"
	come_in dan dan
	come_in eve eve
	say dan "JOIN #full"
	hears dan ' 366 '
	say eve "JOIN #full"
	hears eve ' 366 '
	dd if=/dev/zero of="$DISK/ballast" bs=4096 2>/dev/null || true
	local i
	for i in $(seq 400); do say dan "PRIVMSG #full :$(printf 'x%.0s' {1..400})$i"; done
	hears eve 'x400'
	wait_until 20 "it is in the log" grep -q 'history not written' "$TMP/server.err"
	wait_until 10 "a count of what is lost" has_lost
	rm "$DISK/ballast"
	for i in $(seq 5); do say dan "PRIVMSG #full :y$i"; done
	hears eve 'y5'
	finds eve "y4 y5" "LATEST #full * 2"
	grep -q 'history written again' "$TMP/server.err" || fail "it does not say that it writes again"
	leave dan eve
	ok "on a full disk the talk continues, and history when there is room again"
}

DISK=$TMP/disk
mkdir "$DISK"
mount -t tmpfs -o size=4m tmpfs "$DISK"
write_config
link_up --delay 1ms
for name in dan eve fay; do
	"$BUILD/apollonion" --config "$TMP/conf" --add-account "$name" <<<"a password"
done
serve
talking
again "beside it"
end_server
serve
again "after a restart"
public
killed
full_disk
end_server
link_down
