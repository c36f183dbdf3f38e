#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Registered channels of Apollonion with a real server and openssl as the client: a channel is kept with its ban, key
# and topic when nobody is in it, when the server is killed, ends, or hands over.
#
#     a: openssl s_client ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6697

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		[listen]
		tls = $PORT
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		[accounts]
		file = $TMP/accounts.db
		[flood]
		burst = off
	EOT
}

# come_in NAME NICK [PASSWORD]: with a password logged in to the account of the nick.
come_in() {
	talk launch_plain "$1" openssl s_client -quiet -connect "$B4:$PORT"
	say "$1" "CAP REQ :sasl draft/account-registration"
	say "$1" "NICK $2"
	say "$1" "USER $2 0 * :$2"
	if [ $# -gt 2 ]; then
		say "$1" "AUTHENTICATE PLAIN"
		hears "$1" '^AUTHENTICATE \+'
		say "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$2" "$3" | base64 -w 0)"
		hears "$1" ' 903 '
	fi
	say "$1" "CAP END"
	hears "$1" " 001 $2 "
}

registering() {
	section "registering"
	come_in eve eve
	say eve "REGISTER * * :battery staple"
	hears eve ' REGISTER SUCCESS eve '
	leave eve
	come_in dan dan
	say dan "REGISTER * * :correct horse"
	hears dan ' REGISTER SUCCESS dan '
	say dan "JOIN #a"
	hears dan ' 366 dan #a '
	say dan "PRIVMSG ChanServ :REGISTER #a"
	hears dan 'NOTICE dan :#a is registered'
	say dan "CS AOP #a ADD eve"
	hears dan 'NOTICE dan :eve gets operator in #a'
	say dan "MODE #a +bk *!*@bad.example sesame"
	hears dan ' MODE #a \+bk '
	say dan "TOPIC #a :what it is about"
	hears dan ' TOPIC #a '
	leave dan
	ok "with a ban, a key and a topic"
}

# is_kept NAME: a stranger needs the key and is no operator; an operator of the list is.
is_kept() {
	section "$1"
	come_in fay fay
	say fay "JOIN #a"
	hears fay ' 475 fay #a '
	say fay "JOIN #a sesame"
	hears fay ' 332 fay #a :what it is about'
	hears fay ' 353 fay = #a :fay'
	say fay "MODE #a b"
	hears fay ' 367 fay #a \*!\*@bad.example dan!'
	come_in eve eve "battery staple"
	say eve "JOIN #a"
	hears eve 'ChanServ!\S+ MODE #a \+o eve'
	hears fay 'ChanServ!\S+ MODE #a \+o eve'
	leave fay eve
	ok "$1: the channel is as it was"
}

query() {
	python3 -c "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])" \
		"$TMP/accounts.db" "$1"
}

is_on_disk() {
	[ "$(query 'SELECT topic FROM channels')" = "what it is about" ] &&
		[ "$(query 'SELECT count(*) FROM channel_entries')" = 2 ]
}

killed() {
	wait_until 20 "the channel is on the disk" is_on_disk
	send KILL server
	finish server 10
	serve
	grep -q 'registered channels count=1' "$TMP/server.err" || fail "no channel was read"
	is_kept "after kill -9"
}

ended() {
	end_server
	serve
	is_kept "after a restart"
}

# The process that was started stays as the PID proxy of the next one.
handed_over() {
	send USR2 server
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	is_kept "after a hand-over"
	end_server
	serve
	is_kept "after the end of the next process"
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
	-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
write_config
link_up --delay 1ms
serve
registering
killed
ended
handed_over
end_server
link_down
