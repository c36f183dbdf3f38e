#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Registered channels of Apollonion with a real server and openssl as the client: a channel is kept with its ban, key
# and topic when it has no member, when the server is killed, ends, or hands over.
#
#     a: openssl s_client ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6697 # of the library, too

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

configure_accounts ""
link_up --delay 1ms
serve
registering
killed
ended
handed_over
end_server
link_down
