#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Accounts of Apollonion with a real server, its database and openssl as the client: registering, logging in,
# whose a nick is, kill -9, operators' commands beside a server that runs, files that are refused.
#
#     a: openssl s_client ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6697

# log_in NAME ACCOUNT PASSWORD
log_in() {
	say "$1" "AUTHENTICATE PLAIN"
	hears "$1" '^AUTHENTICATE \+'
	say "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$2" "$3" | base64 -w 0)"
}

# come_in NAME NICK [ACCOUNT PASSWORD]
come_in() {
	talk launch_plain "$1" openssl s_client -quiet -connect "$B4:$PORT"
	say "$1" "CAP REQ :sasl draft/account-registration"
	say "$1" "NICK $2"
	say "$1" "USER $2 0 * :$2"
	if [ $# -gt 2 ]; then
		log_in "$1" "$3" "$4"
		hears "$1" ' 90[34] '
	fi
	say "$1" "CAP END"
}

registering() {
	section "registering"
	come_in dan Dan
	hears dan ' 001 Dan '
	say dan "REGISTER * * :correct horse"
	hears dan ' 900 Dan '
	hears dan ' REGISTER SUCCESS Dan '
	come_in other dan2
	hears other ' 001 '
	say other "REGISTER Dan * :other horse"
	hears other ' FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK '
	leave dan other
	ok "a nick is registered"
}

whose_nick() {
	section "whose a nick is"
	come_in thief dan
	hears thief ' 433 \* dan :Nickname is registered'
	say thief "NICK honest"
	hears thief ' 001 honest '
	come_in owner dan DAN "correct horse"
	hears owner ' 900 .* Dan '
	hears owner ' 001 dan '
	leave thief owner
	ok "only its owner has it"
}

# What was acknowledged is there after kill -9.
kill_and_again() {
	section "kill -9"
	come_in eve eve
	hears eve ' 001 '
	say eve "REGISTER * * :battery staple"
	hears eve ' REGISTER SUCCESS eve '
	send KILL server
	finish server 10
	drop eve
	serve
	grep -q 'accounts .* count=2' "$TMP/server.err" || fail "not two accounts"
	whose_nick
	come_in eve eve eve "battery staple"
	hears eve ' 001 eve '
	leave eve
	ok "after kill -9 all accounts are there"
}

# apollonion ARGUMENT... <<<PASSWORD: must end with this exit code and, on the standard error, words.
operator() {
	local code=$1 words=$2 status=0
	shift 2
	"$BUILD/apollonion" --config "$TMP/conf" "$@" 2>"$TMP/operator.err" || status=$?
	[ "$status" = "$code" ] || fail "apollonion $*: exit code $status"
	[ -z "$words" ] || grep -qF -- "$words" "$TMP/operator.err" || fail "apollonion $*: no '$words'"
}

# try asks for the nick until it is refused.
has_refused_fay() {
	has_heard try ' 433 \S+ fay :Nickname is registered' || {
		say try "NICK fay"
		say try "NICK try"
		false
	}
}

times_read() {
	[ "$(grep -c 'configuration read' "$TMP/server.err")" = "$1" ]
}


operators() {
	section "operators' commands"
	operator 0 "" --add-account fay <<<"a fine password"
	operator 1 "fay: there is an account of that name" --add-account fay <<<"another one"
	operator 1 "9x: is no valid nick" --add-account 9x <<<"another one"
	operator 1 "gus: there is no such account" --set-password gus <<<"another one"
	operator 2 "the password is empty" --add-account gus <<<""
	operator 1 "at least 8 bytes" --add-account gus <<<"7 bytes"
	operator 1 "at least 8 bytes" --set-password fay <<<"7 bytes"
	operator 1 "at most 300 bytes" --add-account gus <<<"$(printf '%301s' x)"
	operator 1 "gus: there is no such account" --remove-account gus
	send HUP server
	wait_until 20 "the configuration is read" times_read 1
	come_in try try
	hears try ' 001 '
	wait_until 20 "the server knows of fay" has_refused_fay
	come_in fay fay fay "a fine password"
	hears fay ' 001 fay '
	operator 0 "" --set-password fay <<<"another password"
	leave try fay
	come_in fay fay fay "another password"
	hears fay ' 001 fay '
	# Another account of that name: who is logged in is not its owner.
	operator 0 "" --remove-account fay
	operator 0 "" --add-account fay <<<"a third password"
	send HUP server
	hears fay ' 901 fay '
	leave fay
	ok "operators add accounts beside a server that runs"
}

# A session that is dead but not gone yet: its owner comes again, and takes the nick back.
regain() {
	section "NickServ"
	come_in dead dan dan "correct horse"
	hears dead ' 001 dan '
	send STOP dead
	come_in again dan_ dan "correct horse"
	hears again ' 001 dan_ '
	say again "NICK dan"
	hears again ' 433 dan_ dan '
	say again "PRIVMSG NickServ :REGAIN dan"
	hears again '^:dan_!\S+ NICK :?dan'
	hears again '^:NickServ!\S+ NOTICE dan :You are dan again'
	send CONT dead
	hears dead '^ERROR :Closing Link: .*Ghost of dan_'
	drop dead
	leave again
	ok "the nick is back, without waiting for a timeout"
}

removing() {
	section "accounts that end"
	come_in ida ida
	hears ida ' 001 ida '
	say ida "REGISTER * * :a fine password"
	hears ida ' REGISTER SUCCESS ida '
	say ida "NS DROP ida another password"
	hears ida 'NickServ!\S+ NOTICE ida :The password is wrong'
	say ida "NS DROP ida a fine password"
	hears ida ' 901 ida '
	hears ida 'NOTICE ida :The account ida was removed'
	leave ida
	come_in jan jan
	hears jan ' 001 jan '
	say jan "REGISTER * * :a fine password"
	hears jan ' REGISTER SUCCESS jan '
	operator 0 "" --remove-account jan
	operator 1 "jan: there is no such account" --remove-account jan
	send HUP server
	hears jan ' 901 jan '
	leave jan
	come_in ida ida ida "a fine password"
	hears ida ' 904 '
	hears ida ' 001 ida '
	leave ida
	ok "by their owner and by the operator, and the nick is free"
}

throttle() {
	section "guessing"
	local i
	for i in 1 2 3; do
		come_in "guess$i" "guess$i" dan "guess $i"
		hears "guess$i" ' 904 '
		leave "guess$i"
	done
	come_in late late dan "correct horse"
	hears late ' NOTICE .*Too many wrong passwords'
	hears late ' 904 '
	leave late
	ok "three wrong passwords, and not one more from that address"
}

# refuses WORDS: the server does not begin, and the file is as it was.
refuses() {
	local before status=0
	before=$(sha256sum <"$TMP/accounts.db")
	on b timeout $((20 * PATIENCE)) "$BUILD/apollonion" --config "$TMP/conf" 2>"$TMP/server.err" || status=$?
	[ "$status" = 1 ] || fail "exit code $status"
	grep -qF "accounts.db: $1" "$TMP/server.err" || fail "it does not say '$1'"
	! grep -q 'cannot start reason' "$TMP/server.err" || fail "it says another reason, too"
	[ "$before" = "$(sha256sum <"$TMP/accounts.db")" ] || fail "the file was written to"
	operator 1 "accounts.db: $1" --add-account hal <<<"a fine password"
	[ "$before" = "$(sha256sum <"$TMP/accounts.db")" ] || fail "the file was written to"
}

bad_files() {
	section "files that are none of ours"
	cp "$TMP/accounts.db" "$TMP/good.db"
	dd if=/dev/urandom of="$TMP/accounts.db" bs=1024 seek=4 count=8 conv=notrunc 2>/dev/null
	refuses "is damaged"
	head -c 20000 /dev/urandom >"$TMP/accounts.db"
	refuses "is no SQLite database"
	rm "$TMP/accounts.db"
	python3 -c "import sqlite3; sqlite3.connect('$TMP/accounts.db').executescript('create table a (b)')"
	refuses "is the database of another program"
	rm -f "$TMP"/accounts.db*
	cp "$TMP/good.db" "$TMP/accounts.db"
	ok "damaged and foreign files are refused and left as they are"
}

configure_accounts "tries-time = 1h"
link_up --delay 1ms
serve
registering
whose_nick
kill_and_again
operators
regain
end_server
serve # its tries are counted from 0 again
removing
end_server
serve
throttle
end_server
bad_files
serve
come_in eve eve eve "battery staple"
hears eve ' 001 eve '
leave eve
end_server
link_down
