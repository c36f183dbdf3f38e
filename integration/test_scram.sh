#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SASL SCRAM-SHA-256 with Apollonion: a client in Python, and weechat. Accounts that were made without its
# keys get them at the next login with the password; names without keys are challenged like others.
#
#     a: scram.py, weechat, openssl s_client ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6697

# scram NAME NICK ACCOUNT PASSWORD
scram() {
	rm -f "$TMP/$1.out"
	talk launch_plain "$1" python3 "$HERE/lib/scram.py" "$B4" "$PORT" "$2" "$3" "$4"
}

# logs_in NAME NICK ACCOUNT PASSWORD
logs_in() {
	scram "$@"
	hears "$1" '^logged in$'
	drop "$1"
}

# is_refused NAME ACCOUNT PASSWORD
is_refused() {
	scram "$1" "$1" "$2" "$3"
	hears "$1" '^refused 904$'
	drop "$1"
}

salt_of() {
	sed -n 's/^salt //p' "$TMP/$1.out"
}

has_keys() {
	query "SELECT password_hash LIKE '%;SCRAM-SHA-256\$200000:%' FROM accounts WHERE name = '$1'"
}

times_read() {
	grep -c 'configuration read' "$TMP/server.err" || true
}

has_read_more_than() {
	[ "$(times_read)" -gt "$1" ]
}

# set_scram VALUE: a hand-over reads the configuration, too.
set_scram() {
	local before
	before=$(times_read)
	sed -i "s/^scram = .*/scram = $1/" "$TMP/conf"
	send HUP server
	wait_until 10 "the configuration is read" has_read_more_than "$before"
}

made_by_the_server() {
	section "accounts with keys"
	come_in dan dan
	say dan "REGISTER * * :correct horse"
	hears dan ' REGISTER SUCCESS dan '
	leave dan
	expect_eq "$(has_keys dan)" 1 "dan has keys"
	logs_in python dan dan "correct horse"
	expect_eq "$(sed -n 's/^iterations //p' "$TMP/python.out")" 200000 "iterations"
	is_refused wrong dan "correct hors"
	expect_match "$TMP/server.err" "info login-failed address=$A4 by=SASL name=dan nick=wrong reason=password" \
		"the log"
	! grep -q 'correct' "$TMP/server.err" || fail "a password is in the log"
	ok "a client in Python logs in; a wrong password is refused and logged"
}

has_welcomed_wendy() {
	grep -qs 'You are now logged in as dan' "$TMP"/weechat/logs/irc.server.t.weechatlog
}

real_client() {
	section "weechat"
	mkdir -p "$TMP/weechat"
	launch_plain weechat a weechat-headless --dir "$TMP/weechat" -r "/set logger.file.flush_delay 0" \
		-r "/server add t $B4/$PORT -ssl -ssl_verify=off -nicks=wendy -sasl_mechanism=scram-sha-256 -sasl_username=dan -sasl_password=correct\ horse" \
		-r '/set irc.server.t.sasl_password "correct horse"' -r "/connect t"
	wait_until 20 "weechat logs in" has_welcomed_wendy
	stop weechat
	ok "weechat logs in"
}

made_before() {
	section "accounts without keys"
	set_scram no
	"$BUILD/apollonion" --config "$TMP/conf" --add-account eve <<<"battery staple"
	expect_eq "$(has_keys eve)" 0 "eve has keys"
	set_scram yes
	is_refused one eve "battery staple"
	come_in plain eve "battery staple"
	leave plain
	expect_eq "$(has_keys eve)" 1 "eve has keys"
	logs_in two eve eve "battery staple"
	"$BUILD/apollonion" --config "$TMP/conf" --set-password eve <<<"another staple"
	logs_in three eve eve "another staple"
	ok "the next login with the password makes them; a new password has its own"
}

names_alike() {
	section "names without keys"
	is_refused nobody nobody "a password"
	is_refused again NOBODY "a password"
	is_refused other stranger "a password"
	expect_eq "$(salt_of again)" "$(salt_of nobody)" "the salt of the same name"
	[ "$(salt_of other)" != "$(salt_of nobody)" ] || fail "two names have one salt"
	expect_eq "$(sed -n 's/^iterations //p' "$TMP/other.out")" 200000 "iterations"
	send USR2 server
	wait_until 20 "the new process serves" grep -q 'taken over pid=' "$TMP/server.err"
	is_refused later nobody "a password"
	expect_eq "$(salt_of later)" "$(salt_of nobody)" "the salt after a hand-over"
	ok "they are challenged like others, always with the same salt"
}

# The keys are in the export, and those of an account that was made by --add-account, too.
moved() {
	section "another file of accounts"
	end_server
	"$BUILD/apollonion" --config "$TMP/conf" --add-account fay <<<"a third password"
	"$BUILD/apollonion" --config "$TMP/conf" --export "$TMP/export.json" 2>"$TMP/admin.err"
	rm "$TMP/accounts.db"*
	"$BUILD/apollonion" --config "$TMP/conf" --import "$TMP/export.json" 2>"$TMP/admin.err"
	expect_eq "$(has_keys dan)$(has_keys eve)$(has_keys fay)" 111 "accounts with keys"
	serve
	logs_in moved dan dan "correct horse"
	logs_in fay fay fay "a third password"
	is_refused thief eve "battery staple"
	ok "accounts log in by the keys of a backup"
}

switched_off() {
	section "switched off"
	set_scram no
	scram off dan dan "correct horse"
	hears off '^refused 908$'
	drop off
	come_in dan dan "correct horse"
	leave dan
	expect_eq "$(has_keys dan)" 0 "dan has keys"
	ok "scram = no: not offered, and the next login removes the keys"
}

link_up --delay 1ms
configure_accounts $'scram = yes\ntries = 100'
serve
made_by_the_server
real_client
made_before
names_alike
moved
switched_off
end_server
link_down
