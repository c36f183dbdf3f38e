#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Apollonion hands over to another process (SIGUSR2) while clients talk, over TCP and over rudp on a link
# that loses packets: no line is lost or doubled. And whatever is wrong with the other process, the one
# that serves continues.
#
#     a: clients that count, nc, openssl ──── linkem ──── b: apollonion, one after the other
#
# Takes 70 s.

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT= # lib.sh asks
export TCP_MEANT
PORT=6667 TLS_PORT=6697 PEERS_PORT=6700
PROGRAM=$TMP/apollonion # what lies there changes
LAST=                   # the process that serves

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		metrics = $TMP/metrics
		drain = 2s
		$1
		[listen]
		plain = $PORT
		plain-passwords = yes
		tls = $TLS_PORT
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		[limits]
		per-address = 5000
		connects = 100000
		send-queue = 64M
		[flood]
		burst = off
		[accounts]
		file = $TMP/db
		[history]
		enabled = yes
	EOT
}

serve() {
	rm -f "$TMP/server.err"
	"$1" server b env NOTIFY_SOCKET="$TMP/notify" "$PROGRAM" --config "$TMP/conf"
	LAST=${PID[server]}
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
}

# The one that serves now is not the one that was started.
end_server() {
	kill -TERM "$LAST"
	wait_until 20 "end of the server" is_gone "$LAST"
	! has_ended server || reap server
}

times() {
	grep -c -- "$1" "$TMP/server.err" || true
}

has_times() {
	[ "$(times "$1")" -ge "$2" ]
}

counter() {
	curl -s --unix-socket "$TMP/metrics" http://localhost/metrics | awk -v name="apollonion_$1" '$1 == name { print $2 }'
}

counter_is() {
	[ "$(counter "$1")" = "$2" ]
}

# The next process takes over, and the one before is gone.
hand_over() {
	local before=$LAST taken
	taken=$(times ' taken over ')
	kill -USR2 "$LAST"
	wait_until 60 "the next process has taken over" has_times ' taken over ' $((taken + 1))
	LAST=$(sed -n 's/.* taken over pid=\([0-9]*\) .*/\1/p' "$TMP/server.err" | tail -n 1)
	wait_until 20 "the one before is gone" is_gone "$before"
}

said_at_least() {
	[ "$(counter messages_total)" -ge "$1" ]
}

kept_at_least() {
	[ "$(counter history_kept_total)" -ge "$1" ]
}

more_is_said() {
	wait_until 60 "$1 lines more" said_at_least $(($(counter messages_total) + $1))
}

# crowd HOW CLIENTS: they talk through three hand-overs in a row.
crowd() {
	rm -f "$TMP/ready"
	"$1" crowd a python3 "$HERE/lib/chatters.py" "$B4" "$PORT" "$2" "$TMP/ready"
	wait_until 60 "the crowd is in" test -s "$TMP/ready"
	for _ in 1 2 3; do
		more_is_said 100
		hand_over
	done
	more_is_said 100
	send TERM crowd
	finish crowd 90
	[ "$STATUS" = 0 ] || fail "the crowd: $(cat "$TMP/crowd.err")"
	ok "$(cat "$TMP/crowd.out"), through three hand-overs"
}

# As systemd would be: who is the main process now.
manager_is_told() {
	wait_until 10 "READY=1 and then MAINPID=$LAST for the manager" \
		grep -qE "READY=1.*MAINPID=$LAST" "$TMP/manager.out"
	stop manager
	ok "the service manager is told the new process"
}

# member NAME: as that nick, and logged in to the account that is called so.
member() {
	talk launch_plain "$1" nc "$B4" "$PORT"
	say "$1" "CAP REQ :sasl draft/chathistory draft/read-marker batch"
	say "$1" "NICK $1"
	say "$1" "USER $1 0 * :$1"
	say "$1" "AUTHENTICATE PLAIN"
	hears "$1" '^AUTHENTICATE \+'
	say "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$1" "a password" | base64 -w 0)"
	hears "$1" ' 903 '
	say "$1" "CAP END"
	hears "$1" " 001 $1 "
}

# answer_of NAME BATCHES: the texts of the last batch, when there have been so many.
answer_of() {
	wait_until 20 "$1 is answered" has_batches "$1" "$2"
	tr -d '\r' <"$TMP/$1.out" | awk '/ BATCH \+/ { text = "" } / PRIVMSG #past / && /^@batch/ { text = text " " $NF }
		END { print text }' | tr -d ':'
}

has_batches() {
	[ "$(grep -c ' BATCH -' "$TMP/$1.out")" -ge "$2" ]
}

# Who was there when a line was said reads it in the next process; who was absent or had gone, as before.
with_history() {
	section "history continues"
	member mia
	member max
	member moe
	say mia "JOIN #past"
	hears mia ' 366 '
	say mia "PRIVMSG #past :one"
	say mia "PING :said-one"
	hears mia 'PONG .*said-one'
	say max "JOIN #past"
	hears max ' 366 '
	say moe "JOIN #past"
	hears moe ' 366 '
	say max "PRIVMSG #past :two"
	hears moe 'PRIVMSG #past :two'
	say moe "PART #past"
	hears moe ' PART #past'
	leave max # and is absent
	hears mia '^:max!\S+ QUIT '
	say mia "MARKREAD #past timestamp=2024-01-02T03:04:05.678Z"
	hears mia 'MARKREAD #past timestamp=2024-01-02T03:04:05.678Z'
	hand_over
	say mia "PRIVMSG #past :three"
	say mia "CHATHISTORY LATEST #past * 10"
	expect_eq "$(answer_of mia 1)" " one two three" "what mia has heard in both processes"
	say mia "MARKREAD #past"
	wait_until 20 "the marker of before" heard_twice mia 'MARKREAD #past timestamp=2024-01-02T03:04:05.678Z'
	rm -f "$TMP/max.out"
	member max
	say max "JOIN #past"
	hears max ' 366 '
	say max "CHATHISTORY LATEST #past * 10"
	expect_eq "$(answer_of max 1)" " two three" "what max has heard, or would have"
	say moe "CHATHISTORY LATEST #past * 10"
	expect_eq "$(answer_of moe 1)" " two" "what moe has heard"
	leave mia max moe
	ok "presences, absences and read markers are in the next process what they were"
}

heard_twice() {
	[ "$(tr -d '\r' <"$TMP/$1.out" | grep -c -- "$2")" -ge 2 ]
}

# What cannot be carried is told so, and so are the others.
with_tls() {
	section "TLS"
	register launch_plain alice
	register launch_plain oscar openssl s_client -quiet -connect "$B4:$TLS_PORT"
	hand_over
	hears oscar '^ERROR :Closing Link.*The server is being replaced; please connect again'
	hears alice '^:oscar!\S+ QUIT :Connection lost: the server was replaced'
	stop oscar
	register launch_plain olive openssl s_client -quiet -connect "$B4:$TLS_PORT"
	hears alice '^:olive!\S+ JOIN #hall'
	counter_is acceptor_take_overs_total 5 || fail "take_overs: $(counter acceptor_take_overs_total)"
	wait_until 10 "2 clients in the counters" counter_is clients 2
	leave olive
	ok "who comes over TLS is told to come again, and the others that it has gone"
}

# fails_with WORDS: nothing is handed over, and the same process continues.
fails_with() {
	local failed kept
	failed=$(times ' not handed over ')
	kill -USR2 "$LAST"
	wait_until 60 "it fails" has_times ' not handed over ' $((failed + 1))
	grep ' not handed over ' "$TMP/server.err" | tail -n 1 | grep -F -- "$1" >/dev/null ||
		fail "$(grep ' not handed over ' "$TMP/server.err" | tail -n 1), not $1"
	! is_gone "$LAST" || fail "the server has gone"
	round=$((round + 1))
	kept=$(counter history_kept_total)
	say alice "PING still-$round"
	hears alice "PONG irc.test :?still-$round"
	say alice "PRIVMSG #hall :round $round"
	hears bob "^:alice!\S+ PRIVMSG #hall :round $round"
	wait_until 10 "history is kept" kept_at_least $((kept + 1))
}

# What the other process does in place of serving, as a script.
successor() {
	cat >"$PROGRAM.new" <<-EOT
		#!/bin/bash
		$1
	EOT
	chmod +x "$PROGRAM.new"
	mv "$PROGRAM.new" "$PROGRAM"
}

faults() {
	section "what is wrong with the other process is of no consequence"
	round=0
	register launch_plain bob
	write_config "nonsense = 1"
	fails_with 'the configuration is wrong'
	write_config ""
	mv "$PROGRAM" "$PROGRAM.good"
	fails_with 'No such file or directory'
	successor 'exit 1'
	fails_with 'the new process has ended at once'
	# An older version does not know what it is asked for.
	successor 'exec /bin/false --take-over'
	fails_with 'the new process has ended at once'
	# It says something else.
	successor "printf x >&\$4; exec sleep 1000"
	fails_with 'Protocol error'
	# It understands, and dies with everything in hand; or never says that it has understood.
	successor "exec python3 '$HERE/lib/successor.py' '$PROGRAM.good' die \"\$@\""
	fails_with 'Broken pipe'
	successor "exec python3 '$HERE/lib/successor.py' '$PROGRAM.good' hang \"\$@\""
	fails_with 'Timer expired'
	counter_is acceptor_hand_overs_failed_total "$round" || fail "failed: $(counter acceptor_hand_overs_failed_total)"
	mv "$PROGRAM.good" "$PROGRAM"
	hand_over
	say alice "PRIVMSG #hall :at last"
	hears bob '^:alice!\S+ PRIVMSG #hall :at last'
	leave alice bob
	ok "$round times the old one went on, and then the new one did"
}

# The successor is silent, so nothing of this depends on how fast it is.
before_hello() {
	local silent
	section "signals before the other process has said anything"
	serve launch_plain
	register launch_plain alice
	mv "$PROGRAM" "$PROGRAM.good"
	successor 'exec sleep 1000'
	kill -USR2 "$LAST"
	wait_until 20 "the other process is there" has_times ' handing over ' 1
	silent=$(sed -n 's/.* handing over .* pid=\([0-9]*\)$/\1/p' "$TMP/server.err")
	kill -USR2 "$LAST"
	wait_until 20 "one at a time" has_times ' not handed over reason="another hand-over is in progress"' 1
	say alice "PING one-at-a-time"
	hears alice 'PONG irc.test :?one-at-a-time'
	! is_gone "$silent" || fail "the other process has been given up"
	kill -TERM "$LAST"
	hears alice '^ERROR :.*shutting down'
	finish server 20
	expect_eq "$STATUS" 0 "exit code of the server"
	has_times ' not handed over reason="the server ends"' 1 || fail "it has not been given up"
	is_gone "$silent" || fail "$silent is still there"
	drop alice
	mv "$PROGRAM.good" "$PROGRAM"
	ok "another SIGUSR2 changes nothing, and SIGTERM ends both"
}

descriptors_are() {
	[ "$(find "/proc/$LAST/fd" -mindepth 1 | wc -l)" = "$1" ]
}

# The last process has what the first one had.
ten_times() {
	local count
	section "ten hand-overs"
	serve launch_plain
	register launch_plain alice
	count=$(find "/proc/$LAST/fd" -mindepth 1 | wc -l)
	for _ in {1..10}; do
		hand_over
	done
	wait_until 10 "$count descriptors" descriptors_are "$count"
	say alice "PING ten-times"
	hears alice 'PONG irc.test :?ten-times'
	leave alice
	end_server
	ok "$count descriptors, before and after"
}

# As after a death of the one before between its last word and its end.
port_is_late() {
	section "somebody still has the port for peers"
	serve launch_native
	write_config "[peers]"$'\n'"port = $PEERS_PORT"$'\n'"key = $TMP/key"
	launch_plain holder b nc -l "$PEERS_PORT"
	PLAIN=1 wait_listening b "$PEERS_PORT"
	hand_over
	wait_until 20 "it waits" has_times " port of peers still in use port=$PEERS_PORT" 1
	stop holder
	wait_until 20 "it listens for peers" has_times " listening for peers port=$PEERS_PORT " 1
	end_server
	write_config ""
	ok "it listens as soon as it may"
}

is_said_after_taking_over() {
	awk -v words="$1" '/ taken over / { is_said = 0 } index($0, words) { is_said = 1 } END { exit !is_said }' "$TMP/server.err"
}

# Who sends the old one a signal while it stands still means the server.
signals_are_passed_on() {
	section "signals that come in the middle of it"
	serve launch_plain
	mv "$PROGRAM" "$PROGRAM.good"
	successor "exec python3 '$HERE/lib/successor.py' '$PROGRAM.good' SIGHUP \"\$@\""
	hand_over
	wait_until 20 "the next process has read its configuration" is_said_after_taking_over ' configuration read '
	mv "$PROGRAM.good" "$PROGRAM"
	end_server
	serve launch_plain
	mv "$PROGRAM" "$PROGRAM.good"
	successor "exec python3 '$HERE/lib/successor.py' '$PROGRAM.good' SIGTERM \"\$@\""
	hand_over
	wait_until 20 "the next process ends" is_gone "$LAST"
	is_said_after_taking_over ' ending reason="The server is shutting down"' || fail "it has not been told"
	mv "$PROGRAM.good" "$PROGRAM"
	ok "SIGHUP and SIGTERM reach the process that serves"
}

# hand_over_by PID: whichever process that is, the next process takes over, and the one that served is gone or
# stands in.
hand_over_by() {
	local taken
	taken=$(times ' taken over ')
	kill -USR2 "$1"
	wait_until 60 "the next process has taken over" has_times ' taken over ' $((taken + 1))
	LAST=$(sed -n 's/.* taken over pid=\([0-9]*\) .*/\1/p' "$TMP/server.err" | tail -n 1)
}

# As a shell does it, runit or a container: nobody listens for notices, and one process is known. It
# stands in for another one at the end of this.
serve_one_process() {
	rm -f "$TMP/server.err"
	launch_plain server b env -u NOTIFY_SOCKET "$PROGRAM" --config "$TMP/conf"
	KNOWN=${PID[server]}
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
	register launch_plain alice
	hand_over_by "$KNOWN"
	wait_until 20 "the first process stands in" has_times " acting as proxy of pid=$LAST" 1
	say alice "PING still-there"
	hears alice 'PONG irc.test :?still-there'
}

# end_known STATUS: it ends as the last one that served has ended.
end_known() {
	finish server 20
	expect_eq "$STATUS" "$1" "exit code of the process that is known"
	is_gone "$LAST" || fail "the service is dead, and $LAST serves on"
	drop alice
}

# Another program cannot make it believe that somebody else serves.
forge_notice() {
	local name
	name=$(tr '\0' '\n' <"/proc/$LAST/environ" | sed -n 's/^NOTIFY_SOCKET=@//p')
	launch_plain forger b python3 -c "
import os, socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'MAINPID=%d' % os.getpid(), '\x00$name')"
	finish forger 10
	expect_eq "$STATUS" 0 "exit code of the forger"
}

with_stand_in() {
	local second
	section "a supervisor that knows one process"
	serve_one_process
	second=$LAST
	hand_over_by "$KNOWN"
	wait_until 20 "the second process is gone" is_gone "$second"
	forge_notice
	kill -HUP "$KNOWN"
	wait_until 20 "the third process has read its configuration" is_said_after_taking_over ' configuration read '
	kill -TERM "$KNOWN"
	hears alice '^ERROR :.*shutting down'
	end_known 0
	ok "it is there as long as the service is, through two hand-overs, and passes signals on"

	serve_one_process
	kill -KILL "$LAST"
	end_known 137
	ok "it ends when the service dies"

	# A whole group is told, as at CTRL-C: that is one signal, and the end stays an orderly one.
	serve_one_process
	kill -TERM "$KNOWN" "$LAST"
	hears alice '^ERROR :.*shutting down'
	end_known 0
	ok "who tells both of them has told the service once"
}

over_rudp() {
	section "over rudp, 2 % of packets lost"
	link_up --delay 5ms --loss 2% --seed 7
	serve launch
	wait_listening b "$PORT"
	crowd launch 24
	register launch erin
	say erin "PING at-the-end"
	hears erin 'PONG irc.test :?at-the-end'
	prove_udp 100000
	leave erin
	end_server
	link_down
}

cp "$BUILD/apollonion" "$PROGRAM"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
	-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
write_config ""
for name in mia max moe; do
	"$PROGRAM" --add-account "$name" --config "$TMP/conf" <<<"a password" >/dev/null
done
TCP_MEANT=1
link_up --delay 1ms
section "200 clients over TCP"
launch_plain manager b nc -kluU "$TMP/notify"
wait_until 10 "the manager's socket" test -S "$TMP/notify"
serve launch_plain
crowd launch_plain 200
manager_is_told
with_history
with_tls
faults
end_server
before_hello
signals_are_passed_on
ten_times
port_is_late
with_stand_in
link_down
TCP_MEANT=''
over_rudp
