#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Spam controls of Apollonion with a real server and openssl as the client: who has no account can neither join nor
# speak, an address registers so many accounts in an hour, and mode M mutes who has none; across a hand-over.
#
#     a: openssl s_client ──── linkem ──── b: apollonion, one after the other

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6697 # of the library, too

required() {
	section "required accounts"
	come_in dan dan
	say dan "JOIN #a"
	hears dan ' 477 dan #a '
	say dan "REGISTER * * :correct horse"
	hears dan ' REGISTER SUCCESS dan '
	say dan "JOIN #a"
	hears dan ' 366 dan #a '
	come_in eve eve
	say eve "JOIN #a"
	hears eve ' 477 eve #a '
	say eve "PRIVMSG dan :buy this"
	hears eve ' 477 eve dan '
	hears_not dan 'buy this'
	say eve "REGISTER * * :battery staple"
	hears eve ' FAIL REGISTER TEMPORARILY_UNAVAILABLE eve '
	ok "without an account nobody joins or speaks, and an address has no second one"
}

# The channel keeps mode M, and the next process knows how many accounts the address has registered.
handed_over() {
	section "hand-over"
	say dan "MODE #a +M"
	hears dan ' MODE #a \+M'
	send USR2 server
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	drop dan eve
	come_in dan dan "correct horse"
	come_in fay fay
	say fay "REGISTER * * :battery staple"
	hears fay ' FAIL REGISTER TEMPORARILY_UNAVAILABLE fay '
	ok "the limit of registrations is kept"
}

# Without required accounts others may join, but not speak where mode M is set.
muted() {
	section "mode M"
	sed -i '/^required/d' "$TMP/conf"
	leave dan fay
	end_server
	serve
	come_in dan dan "correct horse"
	say dan "JOIN #b"
	say dan "MODE #b +M"
	hears dan ' MODE #b \+M'
	come_in fay fay
	say fay "JOIN #b"
	hears fay ' 366 fay #b '
	say fay "PRIVMSG #b :buy this"
	hears fay ' 404 fay #b '
	say dan "MODE #b +v fay"
	hears fay ' MODE #b \+v fay'
	say fay "PRIVMSG #b :thanks"
	hears dan ' PRIVMSG #b :thanks'
	hears_not dan 'buy this'
	leave dan fay
	ok "only those with an account or voice speak"
}

configure_accounts $'required = yes\nregistrations = 1'
link_up --delay 1ms
serve
required
handed_over
muted
end_server
link_down
