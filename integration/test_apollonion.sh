#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Apollonion with real clients (nc, ii, weechat, openssl) over TCP, over TLS, and over rudp on a link that
# loses packets: lines cross, receipts are true, limits hold, and its end loses nothing.
#
#     a: nc, ii, weechat, openssl s_client ──── linkem ──── b: apollonion
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT= # lib.sh asks
export TCP_MEANT
PORT=6667 TLS_PORT=6697
CHAT=$BUILD/bench/chat
FLOOD=off LIMITS=() DRAIN=4s

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		metrics = $TMP/metrics
		drain = $DRAIN
		[listen]
		plain = $PORT
		tls = $TLS_PORT
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		[limits]
		per-address = 5000
		connects = 100000
		$(printf '%s\n' "${LIMITS[@]}")
		[flood]
		burst = $FLOOD
		[operator root]
		password = $HASH
	EOT
	"$BUILD/apollonion" --config "$TMP/conf" --check-config >/dev/null || fail "the configuration is wrong"
}

# serve HOW: apollonion on side b, by launch or launch_plain.
serve() {
	write_config
	rm -f "$TMP/server.err"
	"$1" server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
}

end_server() {
	send TERM server
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server"
}

times_read() {
	grep -c 'configuration read' "$TMP/server.err" || true
}

has_read() {
	[ "$(times_read)" -ge "$1" ]
}

# Another configuration for the server that runs.
reload() {
	local times
	times=$(times_read)
	write_config
	send HUP server
	wait_until 10 "the configuration is read" has_read $((times + 1))
}

# start_ii HOW NAME: ii as NAME in #hall; what it hears there is in $TMP/NAME.out.
start_ii() {
	local directory=$TMP/ii-$2/$B4
	rm -rf "$TMP/ii-$2"
	"$1" "ii-$2" a ii -s "$B4" -p "$PORT" -n "$2" -f "$2" -i "$TMP/ii-$2"
	wait_until 20 "ii of $2" test -p "$directory/in"
	echo "/j #hall" >"$directory/in"
	wait_until 20 "ii's channel" test -p "$directory/#hall/in"
	II=$directory/#hall/in
	ln -sf "$directory/#hall/out" "$TMP/$2.out"
	# It makes the channel when it asks for it: who speaks before the server has heard that is not heard.
	hears "$2" " $2\\(.*has joined #hall"
}

crossing() {
	section "lines cross between nc and ii, over $1"
	say alice "PRIVMSG #hall :hello from alice"
	hears bob '<alice> hello from alice'
	echo "hello from bob" >"$II"
	hears alice '^:bob!\S+ PRIVMSG #hall :hello from bob'
	hears_not alice '^:alice!\S+ PRIVMSG'
	ok "each hears the other, and not itself"
}

the_command() {
	section "the command, and the example of a configuration"
	"$BUILD/apollonion" --config "$HERE/../docs/apollonion.conf.example" --check-config >"$TMP/example" ||
		fail "something is wrong with it"
	local status=0
	"$BUILD/apollonion" --config "$TMP/nowhere" --check-config 2>"$TMP/nowhere.said" || status=$?
	expect_eq "$status" 1 "exit code without a configuration"
	expect_match "$TMP/nowhere.said" 'nowhere: No such file' "what it says"
	status=0
	printf '[server]\nname = irc.test\nlog = %s/nowhere/log\n[listen]\nplain = %s\n' "$TMP" $PORT >"$TMP/no-log"
	"$BUILD/apollonion" --config "$TMP/no-log" 2>"$TMP/no-log.said" || status=$?
	expect_eq "$status" 1 "exit code when the log cannot be opened"
	expect_match "$TMP/no-log.said" 'log not opened .*nowhere/log.*No such file' "what it says"
	status=0
	"$BUILD/apollonion" --config "$TMP" --check-config 2>"$TMP/directory.said" || status=$?
	expect_eq "$status" 1 "exit code with a directory as configuration"
	expect_match "$TMP/directory.said" 'Is a directory' "what it says"
	status=0
	"$BUILD/apollonion" --nonsense 2>"$TMP/nonsense.said" || status=$?
	expect_eq "$status" 2 "exit code of wrong usage"
	expect_match <("$BUILD/apollonion" --help) '--check-config' "the help"
	HASH=$(echo secret | "$BUILD/apollonion" --hash-password)
	ok "says what is wrong"
}

operator() {
	section "OPER, REHASH and DIE"
	serve launch_plain
	register launch_plain alice
	say alice "OPER root mistaken"
	hears alice ' 464 '
	say alice "REHASH"
	hears alice ' 481 '
	say alice "OPER root secret"
	hears alice ' 381 '
	say alice "REHASH"
	hears alice ' 382 '
	wait_until 10 "the configuration is read" has_read 1
	say alice "DIE"
	hears alice '^ERROR '
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server"
	! grep -q -e secret -e mistaken "$TMP/server.err" || fail "a password is in the log"
	ok "with the password, and not without; it is not in the log"
	stop alice
}

over_tcp() {
	link_up --delay 1ms
	serve launch_plain
	register launch_plain alice
	start_ii launch_plain bob
	crossing TCP
	say alice "CAP REQ :echo-message"
	say alice "PRIVMSG #hall :and an echo"
	hears alice '^:alice!\S+ PRIVMSG #hall :and an echo'
	ok "with echo-message it does"
	talk launch_plain early nc "$B4" "$PORT"
	say early "CAP REQ :batch draft/extended-isupport draft/pre-away"
	say early "ISUPPORT"
	hears early '^:\S+ BATCH \+\S+ draft/isupport'
	hears early '^@batch=\S+ :\S+ 005 \* .* NICKLEN='
	say early "AWAY *"
	hears early ' 306 \* '
	say early "NICK early"
	say early "USER early 0 * :early"
	say early "CAP END"
	hears early ' 001 early '
	say alice "PRIVMSG early :are you there?"
	hears alice ' 301 alice early :\*'
	ok "ISUPPORT and AWAY before the welcome"
	leave alice early
	stop ii-bob
}

# weechat_says TEXT: to #hall.
weechat_says() {
	echo "irc.t.#hall *$1" >"$TMP/weechat.pipe"
}

weechat_has() {
	grep -qs -- "$1" "$TMP"/weechat/logs/irc.t.\#hall.weechatlog
}

over_tls() {
	section "TLS: weechat and openssl s_client"
	mkdir -p "$TMP/weechat"
	register launch_plain oscar openssl s_client -quiet -connect "$B4:$TLS_PORT"
	launch_plain weechat a weechat-headless --dir "$TMP/weechat" \
		-r "/set fifo.file.path $TMP/weechat.pipe" -r "/fifo enable" \
		-r "/server add t $B4/$TLS_PORT -ssl -ssl_verify=off -nicks=wendy -autojoin=#hall" \
		-r "/set logger.file.flush_delay 0" -r "/connect t"
	hears oscar '^:wendy!\S+ JOIN #hall'
	say oscar "PRIVMSG #hall :over TLS"
	wait_until 20 "weechat hears it" weechat_has 'over TLS'
	weechat_says "weechat says so"
	hears oscar '^:wendy!\S+ PRIVMSG #hall :weechat says so'
	say oscar "WHOIS wendy"
	hears oscar ' 671 .*secure'
	ok "lines cross"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
		-out "$TMP/cert.pem" -days 2 -subj /CN=renewed 2>/dev/null
	reload
	on a openssl s_client -connect "$B4:$TLS_PORT" </dev/null 2>/dev/null >"$TMP/renewed"
	expect_match "$TMP/renewed" 'CN *= *renewed' "the certificate after SIGHUP"
	status=0
	on a openssl s_client -tls1_1 -connect "$B4:$TLS_PORT" </dev/null >"$TMP/old" 2>&1 || status=$?
	[ "$status" != 0 ] || fail "TLS 1.1 was accepted"
	say oscar "PRIVMSG #hall :still here"
	wait_until 20 "weechat hears it" weechat_has 'still here'
	ok "a new certificate after SIGHUP, nobody dropped; TLS 1.1 refused"
	leave oscar
	stop weechat
}

# fill WHOM LINES: so many that they fill every buffer on the way.
fill() {
	python3 -c "print('\r\n'.join('PRIVMSG $1 :' + 'x' * 420 for _ in range($2)) + '\r')"
}

# has_lines_of_filling NAME LINES
has_lines_of_filling() {
	[ "$(grep -c 'PRIVMSG #hall :x' "$TMP/$1.out")" = "$2" ]
}

counter() {
	curl -s --unix-socket "$TMP/metrics" http://localhost/metrics | awk -v name="apollonion_$1" '$1 == name { print $2 }'
}

counter_is_at_least() {
	[ "$(counter "$1")" -ge "$2" ]
}

receipts() {
	section "receipts"
	register launch_plain alice
	# The kernel must not take all that bob is sent when he is frozen: its buffer grows as he reads.
	register launch_plain bob nc -I 65536 "$B4" "$PORT"
	register launch_plain carol
	say alice "CAP REQ :apollonion/receipts"
	say alice "PRIVMSG #hall :did it come?"
	hears alice ' RECEIPT \S+ #hall 2 2 final$'
	ok "delivered to 2 of 2"
	register launch_plain filler
	send STOP bob
	fill bob 50000 >&"${PEN[filler]}"
	wait_until 30 "the filling is queued" counter_is_at_least messages_total 50001
	say alice "PRIVMSG #hall :and this?"
	hears alice ' RECEIPT \S+ #hall 2 3 partial :bob$'
	hears_not alice ' RECEIPT \S+ #hall 3 3 final'
	ok "bob is frozen: delivered to 2 of 3, bob is missing"
	send CONT bob
	hears alice ' RECEIPT \S+ #hall 3 3 final$'
	ok "bob continues: delivered to 3 of 3"
	send STOP bob
	fill bob 50000 >&"${PEN[filler]}"
	wait_until 30 "the filling is queued" counter_is_at_least messages_total 100002
	say alice "PRIVMSG bob :and that?"
	hears alice ' RECEIPT \S+ bob 0 1 sent$'
	send KILL bob
	wait "${PID[bob]}" || true
	unset "PID[bob]"
	hears alice ' RECEIPT \S+ bob 0 1 final :bob$'
	ok "bob is killed: final, and bob is missing"
	hears_not carol RECEIPT
	leave alice carol filler
}

slow_and_loud() {
	section "limits: who does not read, who says too much, who has to wait"
	LIMITS=("send-queue = 256k" "clients = 4" "waiting = 1" "waiting-time = 1h") FLOOD=2s
	reload
	register launch_plain alice
	register launch_plain bob
	register launch_plain carol
	printf 'OPER\r\n%.0s' {1..40} >&"${PEN[carol]}"
	wait_until 10 "lines are held" counter_is_at_least worker_lines_held_total 1
	head -c 30000 /dev/zero | tr '\0' 'x' | sed 's/.\{100\}/&\r\n/g' >&"${PEN[carol]}"
	hears carol '^ERROR :Closing Link.*Excess Flood'
	hears alice '^:carol!\S+ QUIT :.*Excess Flood'
	ok "Excess Flood, and the others are told"
	stop carol
	register launch_plain dave
	register launch_plain erin
	talk launch_plain frank nc "$B4" "$PORT"
	say frank "NICK frank"
	say frank "USER frank 0 * :frank"
	wait_until 10 "frank waits" counter_is_at_least acceptor_waiting 1
	talk launch_plain gwen nc "$B4" "$PORT"
	hears gwen '^ERROR :Closing Link.*The server is full'
	hears_not frank .
	leave erin
	hears frank ' 001 '
	ok "one waits for a place and gets it, one more is refused"
	stop gwen
	leave alice bob dave frank
	LIMITS=() FLOOD=off
}

too_slow() {
	section "who does not read is closed, and holds up nobody"
	LIMITS=("send-queue = 2M") FLOOD=off
	reload
	register launch_plain alice
	register launch_plain bob
	register launch_plain carol
	send STOP bob
	local portion
	for ((portion = 1; portion <= 40; portion++)); do
		fill '#hall' 2000 >&"${PEN[alice]}"
		wait_until 20 "carol hears all" has_lines_of_filling carol $((portion * 2000))
		has_heard carol '^:bob!\S+ QUIT :.*SendQ exceeded' && break
	done
	[ "$portion" -lt 40 ] || fail "bob was not closed"
	ok "SendQ exceeded for bob, $((portion * 2000)) of $((portion * 2000)) lines for carol"
	send CONT bob
	stop bob
	leave alice carol
	LIMITS=()
}

# Numbers of lines that come from 1 on, without a gap, to the end.
no_gap() {
	awk -F: '/PRIVMSG #hall/ { n++; if ($3 + 0 != n) { print "line " n " is " $3; exit 1 } } END { print n }' "$1"
}

end_during_traffic() {
	section "SIGTERM during traffic"
	# However slow bob is: he is not to be closed for that.
	LIMITS=("send-queue = 128M")
	reload
	register launch_plain alice
	register launch_plain bob
	seq -f $'PRIVMSG #hall :%.0f\r' 400000 >&"${PEN[alice]}" &
	writer=$!
	wait_until 20 "traffic" has_heard bob 'PRIVMSG #hall :2000\b'
	send TERM server
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server"
	hears bob '^ERROR :.*shutting down'
	kill $writer 2>/dev/null || true
	wait $writer || true
	last=$(tail -n 1 "$TMP/bob.out")
	[[ $last == ERROR* ]] || fail "the last line is '$last'"
	lines=$(no_gap "$TMP/bob.out") || fail "$lines"
	ok "$lines lines without a gap, then the reason"
	stop alice
	stop bob
	LIMITS=()
}

# A server with much in the queue of bob, who is frozen.
serve_frozen_bob() {
	LIMITS=("send-queue = 128M")
	serve launch_plain
	register launch_plain alice
	register launch_plain bob
	send STOP bob
	fill bob 50000 >&"${PEN[alice]}"
	wait_until 30 "the filling is queued" counter_is_at_least messages_total 50000
}

end_of_frozen_bob() {
	expect_eq "$STATUS" 0 "exit code of the server"
	send CONT bob
	stop bob
	stop alice
	LIMITS=()
}

end_in_time() {
	section "SIGTERM while somebody does not read"
	DRAIN=1s
	serve_frozen_bob
	begin_to_measure
	send TERM server
	finish server 10
	measure_to_here
	expect_took 900 6000 "to the end"
	expect_match "$TMP/server.err" 'not all was written' "the log"
	end_of_frozen_bob
	ok "ends when its time is over"
	DRAIN=10m
	serve_frozen_bob
	send TERM server
	wait_until 10 "it begins to end" grep -q ' ending ' "$TMP/server.err"
	! has_ended server || fail "it did not wait for bob"
	send TERM server
	finish server 10
	end_of_frozen_bob
	ok "a second SIGTERM ends it at once"
	DRAIN=4s
}

over_rudp() {
	section "over rudp, 2 % of packets lost"
	link_up --delay 5ms --loss 2% --seed 3
	serve launch
	wait_listening b "$PORT"
	register launch alice
	start_ii launch bob
	crossing rudp
	seq -f $'PRIVMSG #hall :%.0f\r' 500 >&"${PEN[alice]}"
	hears bob '<alice> 500$'
	lines=$(grep -c '<alice> [0-9]*$' "$TMP/bob.out")
	expect_eq "$lines" 500 "lines that bob has heard"
	say alice "CAP REQ :apollonion/receipts"
	say alice "PRIVMSG #hall :did it come?"
	hears alice ' RECEIPT \S+ #hall 1 1 final$'
	ok "500 lines in order, and a receipt by the peer's acknowledgement"
	prove_udp 10000
	leave alice
	stop ii-bob
	end_server
	link_down
}

nobody_is_inside() {
	[ "$(counter acceptor_active)" = 0 ]
}

# Exactly what must be sent is heard: the program counts.
crowd() {
	section "2000 clients join one channel at once, and quit at once"
	serve launch_plain
	for storm in join quit; do
		on b "$CHAT" 127.0.0.1 "$PORT" "$storm" 2000 >"$TMP/$storm" || fail "$storm: exit $?"
		note "$storm: $(cat "$TMP/$storm")"
	done
	wait_until 20 "all have gone" nobody_is_inside
	expect_eq "$(counter worker_send_queue_exceeded_total)" 0 "clients that were too slow"
	end_server
	ok "all heard all"
}

[ -x "$CHAT" ] || fail "$CHAT is not built"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
	-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
the_command
TCP_MEANT=1 LIMITS=("send-queue = 128M")
over_tcp
over_tls
receipts
slow_and_loud
too_slow
end_during_traffic
end_in_time
operator
crowd
link_down
TCP_MEANT='' LIMITS=()
over_rudp
