#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# converse and Apollonion: no line is lost and none is doubled over a link that loses packets and goes
# dark, nor when the server is killed and started again; pipes have true exit codes.
#
#     a: converse, nc ──── linkem ──── b: apollonion
#
# Takes 30 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # nc's, and lib.sh asks
export TCP_MEANT
PORT=6667 PEERS_PORT=6680 LINES=1500 AWAY=5m RECEIPTS=60s MORE=
seq -f 'line %g of what must arrive, once' $LINES >"$TMP/text"
make_key other

serve() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		metrics = $TMP/metrics
		drain = 2s
		[listen]
		plain = $PORT
		[receipts]
		time = $RECEIPTS
		[flood]
		burst = off
		[peers]
		port = $PEERS_PORT
		key = $TMP/key
		away-time = $AWAY
		$MORE
	EOT
	rm -f "$TMP/server.err"
	launch_native server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
}

kill_server() {
	send KILL server
	wait "${PID[server]}" || true
	unset "PID[server]"
}

# converse NAME [OPTION...]: on side a, with what is on the standard input.
converse() {
	local name=$1
	shift
	launch_native "$name" a "$BUILD/converse" --server "$B4:$PEERS_PORT" --id "$name" "$@"
}

# listener NAME: prints what is said in #hall, and is there.
listener() {
	converse "$@" --tail '#hall'
	wait_until 20 "$1 is in the channel" is_in_hall "$1"
}

is_in_hall() {
	in_hall_on "$B4" | grep -w "$1" >/dev/null
}

# Asked over TCP by somebody who is not there.
in_hall_on() {
	printf 'NICK ask\r\nUSER a 0 * :a\r\nNAMES #hall\r\nQUIT\r\n' | on a timeout $((5 * PATIENCE)) nc "$1" "$PORT" | tr -d '\r' |
		sed -n 's/.* 353 .*://p'
}

# plain NAME: nc in #hall.
plain() {
	talk launch_plain "$1" nc "$B4" "$PORT"
	say "$1" "NICK $2"
	say "$1" "USER $2 0 * :$2"
	hears "$1" ' 001 '
	say "$1" "JOIN #hall"
	hears "$1" ' 366 '
}

# What a tail and what nc has heard of it.
heard_by_tail() {
	cut -f 3 "$TMP/$1.out"
}

heard_by_nc() {
	tr -d '\r' <"$TMP/$1.out" | sed -n 's/^.* PRIVMSG #hall :\(line .*\)$/\1/p'
}

# has_heard_more NAME LINES: of the text, with nc.
has_heard_more() {
	[ "$(heard_by_nc "$1" | wc -l)" -gt "$2" ]
}

has_lines() {
	[ "$(wc -l <"$TMP/$1.out")" -ge "$2" ]
}

over_a_bad_link() {
	section "$LINES lines over 2 % loss and 2 s of darkness"
	link_up --delay 5ms --rate 4M --loss 2% --seed 5 --blackout 1s,2s
	serve
	listener bob
	plain carl carl
	converse anna --send '#hall' <"$TMP/text"
	finish anna 90
	expect_eq "$STATUS" 0 "exit code of the sender"
	heard_by_tail bob >"$TMP/bob.heard"
	heard_by_nc carl >"$TMP/carl.heard"
	expect_same "$TMP/text" "$TMP/bob.heard" "lines that converse has heard"
	expect_same "$TMP/text" "$TMP/carl.heard" "lines that nc has heard"
	expect_between 1 "$(count '*.drops.blackout')" 1000000 "packets lost in the darkness"
	hears_not carl 'bob.* QUIT'
	stop bob
	ok "each came once and in order, and nobody seemed to go"
}

# nc's connection dies with the server: what it hears twice then, it hears on two connections.
server_killed() {
	section "the server is killed among $LINES lines, and started again"
	link_up --delay 5ms --rate 4M --loss 1% --seed 6
	listener dora
	rm -f "$TMP/go-on"
	converse eve --send '#hall' < <(in_two_parts "$TMP/text" $((LINES / 2)))
	wait_until 30 "a part of the lines" has_lines dora 300
	wait_until 30 "a line to nc" has_heard_more carl $LINES
	send STOP eve # until somebody is there to hear what she says again
	kill_server
	serve
	plain fay carl
	: >"$TMP/go-on"
	send CONT eve
	finish eve 90
	expect_eq "$STATUS" 0 "exit code of the sender"
	heard_by_tail dora >"$TMP/dora.heard"
	expect_same "$TMP/text" "$TMP/dora.heard" "lines that converse has heard"
	sed -i "/of what must/!d" "$TMP/carl.heard"
	heard_by_nc carl | tail -n +$((LINES + 1)) >"$TMP/first.heard"
	heard_by_nc fay >"$TMP/second.heard"
	python3 - "$TMP/text" "$TMP/first.heard" "$TMP/second.heard" <<-'EOT' || fail "nc has not heard all, or heard lines twice on one connection"
		import sys
		text, first, second = (open(name).read().splitlines() for name in sys.argv[1:])
		again = len(first) + len(second) - len(text)
		print("  --   ", len(first), "+", len(second), "lines to nc,", again, "of them on both connections")
		assert 0 < len(first) < len(text) and first == text[:len(first)]
		assert 0 <= again <= 256 and second == text[len(first) - again:]
	EOT
	stop dora
	ok "converse has each once and in order, nc each, once on each of its connections"
}

store_outlives() {
	section "200 lines are typed while no server is there, and their program is killed"
	kill_server
	head -n 200 "$TMP/text" >"$TMP/part"
	converse gil --send '#hall' --store "$TMP/gil.store" <"$TMP/part"
	wait_until 20 "all are in the store" stored 200
	send KILL gil
	wait "${PID[gil]}" || true
	unset "PID[gil]"
	serve
	listener hal --count 200
	converse gil --send '#hall' --store "$TMP/gil.store" </dev/null
	finish gil 60
	expect_eq "$STATUS" 0 "exit code of the second one"
	finish hal 20
	expect_eq "$STATUS" 0 "exit code of --tail --count"
	heard_by_tail hal >"$TMP/hal.heard"
	expect_same "$TMP/part" "$TMP/hal.heard" "lines"
	stored 0 || fail "lines are left in the store"
	ok "the next one with their store says them"
}

stored() {
	[ "$(python3 - "$TMP/gil.store/converse.db" <<-'EOT'
		import shutil, sqlite3, sys, tempfile, os, glob
		with tempfile.TemporaryDirectory() as copy:
		    for name in glob.glob(sys.argv[1] + "*"):
		        shutil.copy(name, copy)
		    try:
		        print(sqlite3.connect(copy + "/converse.db").execute("select count(*) from line").fetchone()[0])
		    except sqlite3.Error:
		        print("none")
	EOT
	)" = "$1" ]
}

# is_wrong_usage WORDS OPTION...: which are complained of.
is_wrong_usage() {
	local words=$1 status=0
	shift
	"$BUILD/converse" --server "$B4" --key "$TMP/key" "$@" 2>"$TMP/usage" </dev/null || status=$?
	expect_eq "$status" 2 "exit code of wrong usage: $*"
	expect_match "$TMP/usage" "$words" "what is wrong"
}

exit_codes() {
	section "what exit codes tell"
	kill_server
	echo hello >"$TMP/hello"
	converse ida --join '#hall' --timeout 1 <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 1 "exit code when what was piped in could not be said"
	expect_match "$TMP/ida.err" '1 line was not said within 1 s .* is lost' "why"
	RECEIPTS=3s
	serve
	converse ida --join '#hall' <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 0 "exit code when it was said"
	expect_match "$TMP/ida.out" 'hello +\[1\] sent' "what is shown"
	converse ida --send '#hall' --timeout 5 < <(cat "$TMP/hello" && sleep 6 && cat "$TMP/hello")
	finish ida 20
	expect_eq "$STATUS" 0 "exit code when there was nothing to say for longer than the time-out"
	converse ida --send nobody <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 1 "exit code when nobody is there"
	expect_match "$TMP/ida.err" 'NOT SENT: ' "why"
	listener ivy
	send STOP ivy
	converse ida --send '#hall' <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 3 "exit code when one of them does not take it"
	send CONT ivy
	wait_until 20 "ivy has it" has_lines ivy 1
	stop ivy
	converse ida --send '#hall' --key "$TMP/other" --timeout 40 <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 1 "exit code with another key"
	expect_match "$TMP/ida.err" 'the server has another key' "why"
	converse ida --send '#hall' --peer nobody --timeout 40 <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 1 "exit code with another name"
	expect_match "$TMP/ida.err" 'does not have the name given with --peer' "why"
	launch_native ida a "$BUILD/converse" --server nowhere.invalid --id ida --send '#hall' <"$TMP/hello"
	finish ida 20
	expect_eq "$STATUS" 1 "exit code when there is no such host"
	expect_match "$TMP/ida.err" 'the host does not exist' "why"
	is_wrong_usage "--id must be" --id 'two words'
	is_wrong_usage "--send must name" --id ida --send '#hall,bad'
	is_wrong_usage "--tail must name" --id ida --tail hall
	is_wrong_usage "--join must name" --id ida --join '#hall,hall'
	"$BUILD/converse" --help >"$TMP/help"
	expect_match "$TMP/help" '--store' "the help"
	RECEIPTS=60s
	kill_server
	serve
	ok "0, 1, 2 and 3"
}

# Typed lines by a pipe: what a terminal would show is the standard output.
commands() {
	section "what can be typed"
	plain carla carla
	talk launch_native jo "$BUILD/converse" --server "$B4:$PEERS_PORT" --id jo --nick joan
	wait_until 20 "joan is registered" grep -qs 'registered as joan' "$TMP/jo.out"
	say jo "/join #hall"
	say jo "hello there"
	say jo "/me waves"
	say jo "/msg carla a word"
	say jo "/nonsense"
	hears carla ' PRIVMSG #hall :hello there$'
	hears carla "PRIVMSG #hall :$(printf '\001')ACTION waves"
	hears carla ' PRIVMSG carla :a word$'
	say carla "$(printf 'PRIVMSG #hall :red \033[31malert')"
	wait_until 10 "the receipts" grep -q 'delivered 1/1' "$TMP/jo.out"
	wait_until 10 "carla's line" grep -qF '<carla> red ^[[31malert' "$TMP/jo.out"
	say jo "/quit see you"
	finish jo 20
	expect_eq "$STATUS" 0 "exit code"
	hears carla '^:joan!\S+ QUIT :.*see you'
	grep -q 'there is no such command' "$TMP/jo.out" || fail "a wrong command is not told"
	! grep -q "$(printf '\033')" "$TMP/jo.out" || fail "an escape sequence of others was shown"
	ok "commands do what they say, and escapes of others are harmless"
}

away_too_long() {
	section "who is away too long has gone"
	kill_server
	AWAY=2s
	serve
	listener kim
	plain lea lea
	send KILL kim
	wait "${PID[kim]}" || true
	unset "PID[kim]"
	hears lea '^:kim!\S+ QUIT :Connection timed out'
	send TERM server
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server"
	ok "after the time of the configuration"
}

# More than one answer of CHATHISTORY has.
missed_lines() {
	section "an account hears what was said while its program was not there"
	MORE=$(printf '%s\n' '[accounts]' "file = $TMP/accounts.db" '[history]' 'enabled = yes')
	serve
	echo 'a secret of mia' >"$TMP/password"
	"$BUILD/apollonion" --config "$TMP/conf" --add-account mia <"$TMP/password"
	listener nina
	listener mia --password "$TMP/password" --store "$TMP/mia.store"
	head -n 20 "$TMP/text" >"$TMP/before"
	sed -n 21,270p "$TMP/text" >"$TMP/between"
	sed -n 271,300p "$TMP/text" >"$TMP/after"
	converse olga --send '#hall' <"$TMP/before"
	finish olga 20
	wait_until 10 "mia has the first lines" has_lines mia 20
	stop mia
	heard_by_tail mia >"$TMP/mia.heard"
	converse olga --send '#hall' <"$TMP/between"
	finish olga 30
	listener mia --password "$TMP/password" --store "$TMP/mia.store" --count 280
	converse olga --send '#hall' <"$TMP/after"
	finish olga 20
	finish mia 20
	expect_eq "$STATUS" 0 "exit code of --tail"
	heard_by_tail mia >>"$TMP/mia.heard"
	head -n 300 "$TMP/text" >"$TMP/part"
	expect_same "$TMP/part" "$TMP/mia.heard" "lines"
	stop nina
	register launch_plain rita
	say rita "JOIN #open"
	say rita "MODE #open +H"
	say rita "PRIVMSG #open :said before quin came"
	say rita "PING :all"
	hears rita 'PONG .*all'
	converse quin --tail '#open' --history 5 --count 1
	finish quin 20
	expect_eq "$(heard_by_tail quin)" "said before quin came" "public history"
	leave rita
	send TERM server
	finish server 10
	ok "each once, and in order"
}

over_a_bad_link
server_killed
store_outlives
exit_codes
commands
away_too_long
missed_lines
link_down
