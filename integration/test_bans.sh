#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Bans and the audit log of Apollonion with a real server: an operator bans an address, a host, a real name and an
# account; the bans, and who has set them, last when the server is killed, ends, or hands over.
#
#     a: openssl s_client ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6697 # of the library, too

become_operator() {
	say "$1" "OPER root :secret"
	hears "$1" " 381 $1 "
}

banning() {
	section "banning"
	come_in eve eve
	say eve "REGISTER * * :battery staple"
	hears eve ' REGISTER SUCCESS eve '
	come_in root root
	become_operator root
	say eve "REPORT root :who are you"
	hears eve 'NOTICE eve :The operators of the server have your report'
	hears root 'NOTICE root :\*\*\* report: root!'
	say root "NS SUSPEND ADD 1d eve stolen password"
	hears root 'NOTICE root :Banned until .*: account eve; clients disconnected: 1'
	hears eve '^ERROR :Closing Link: .*Banned: stolen password'
	drop eve
	say root "KLINE ~bad@* spam"
	hears root 'NOTICE root :Banned until removed: user@host ~bad@\*'
	say root "XLINE *cheap?pills* spam"
	hears root 'NOTICE root :Banned until removed: real name '
	say root "DLINE 30m 198.51.100.0/24 elsewhere"
	hears root 'NOTICE root :Banned until .*: address 198.51.100.0/24; clients disconnected: 0'
	leave root
	ok "an account, a user, a real name and a network"
}

# are_refused WHEN: SASL is refused for the account, and bad at the welcome.
are_refused() {
	section "$1"
	talk launch_plain bad openssl s_client -quiet -connect "$B4:$PORT"
	say bad "NICK bad"
	say bad "USER bad 0 * :Bad"
	hears bad ' 465 bad :You are banned from this server: spam'
	drop bad
	talk launch_plain eve openssl s_client -quiet -connect "$B4:$PORT"
	say eve "CAP REQ :sasl standard-replies"
	say eve "NICK eve"
	say eve "USER eve 0 * :Eve"
	say eve "AUTHENTICATE PLAIN"
	hears eve '^AUTHENTICATE \+'
	say eve "AUTHENTICATE $(printf '\0eve\0battery staple' | base64 -w 0)"
	hears eve ' FAIL AUTHENTICATE ACCOUNT_SUSPENDED :.*stolen password'
	hears eve ' 904 '
	leave eve
	ok "$1: the bans are in force"
}

are_on_disk() {
	[ "$(query 'SELECT count(*) FROM bans')" = "$1" ]
}

is_in_log() {
	[ "$(query "SELECT count(*) FROM audit WHERE action = 'ban'")" = "$1" ]
}

killed() {
	wait_until 20 "the bans are on the disk" are_on_disk 4
	wait_until 20 "the audit log is on the disk" is_in_log 4
	send KILL server
	finish server 10
	serve
	are_refused "after kill -9"
}

ended() {
	end_server
	serve
	are_refused "after a restart"
}

# The process that was started stays as the PID proxy of the next one.
handed_over() {
	send USR2 server
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	are_refused "after a hand-over"
}

# The next client of the same address is refused before it has said a word.
by_address() {
	section "by address"
	come_in root root
	become_operator root
	say root "AUDIT ban*eve"
	hears root "NOTICE root :#[0-9]+ [0-9TZ:.-]+ ban: account eve by root until=.*: stolen password"
	say root "REPORTS"
	hears root 'NOTICE root :#[0-9]+ .* by eve!.*: who are you'
	say root "UNKLINE ~bad@*"
	hears root 'NOTICE root :No longer banned: user@host'
	say root "DLINE FORCE root everybody out"
	hears root '^ERROR :Closing Link: .*Banned: everybody out'
	drop root
	talk launch_plain fay openssl s_client -quiet -connect "$B4:$PORT"
	hears fay '^ERROR :Closing Link: .*Banned: everybody out'
	drop fay
	wait_until 20 "the bans are on the disk" are_on_disk 4
	ok "the own address, forced"
}

configure_accounts ""
cat >>"$TMP/conf" <<-EOT
	[operator root]
	password = $(echo secret | "$BUILD/apollonion" --hash-password)
EOT
link_up --delay 1ms
serve
banning
killed
ended
handed_over
by_address
end_server
link_down
