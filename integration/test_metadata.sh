#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Metadata and RENAME of Apollonion with a real server and nc as the client, across a hand-over: the next process knows
# the values, the subscriptions and when a channel was renamed.
#
#     a: nc ──── linkem ──── b: apollonion, one after the other

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6667

configure() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		[listen]
		plain = $PORT
		[flood]
		burst = off
		[cloak]
		enabled = no
	EOT
}

# have NAME CAPABILITIES: switches them on.
have() {
	say "$1" "CAP REQ :$2"
	hears "$1" " CAP $1 ACK :$2"
}

setting() {
	section "metadata"
	register launch_plain dan
	have dan "draft/metadata-2 batch draft/channel-rename"
	hears dan ' BATCH \+[0-9]+ metadata dan'
	register launch_plain eve
	have eve "draft/metadata-2 batch"
	say eve "METADATA * SUB display-name url"
	hears eve ' 770 eve :?display-name url'
	say dan "METADATA * SET display-name :Dan the first"
	hears dan ' 761 dan dan display-name \* :Dan the first'
	hears eve '^:dan!\S+ METADATA dan display-name \* :Dan the first'
	say eve "METADATA #hall SET url :x"
	hears eve ' FAIL METADATA KEY_NO_PERMISSION #hall url :'
	ok "a value is set, a subscriber is told, and others may not change it"
}

renaming() {
	section "renaming"
	say dan "RENAME #hall #lobby :more space"
	hears dan '^:dan!\S+ RENAME #hall #lobby :more space'
	hears eve '^:eve!\S+ PART #hall :more space'
	hears eve '^:eve!\S+ JOIN :?#lobby'
	hears eve ' 353 eve = #lobby :@dan eve'
	ok "RENAME for those who know it, PART and JOIN for others"
}

handed_over() {
	section "hand-over"
	send USR2 server
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	say dan "METADATA #lobby SET url :http://irc.test/"
	hears eve '^:dan!\S+ METADATA #lobby url \* :http://irc.test/'
	say eve "METADATA dan GET display-name"
	hears eve '^@batch=[0-9]+ :irc.test 761 eve dan display-name \* :Dan the first'
	talk launch_plain fay nc "$B4" "$PORT"
	say fay "NICK fay"
	say fay "USER fay 0 * :fay"
	hears fay ' 001 fay '
	have fay "draft/metadata-2 batch"
	say fay "METADATA * SUB display-name url"
	hears fay ' 770 fay '
	say fay "JOIN #lobby"
	hears fay ' METADATA #lobby url \* :http://irc.test/'
	hears fay ' METADATA dan display-name \* :Dan the first'
	hears_not fay ' FAIL '
	ok "values and subscriptions are kept, and a client that joins is told"
}

configure
link_up --delay 1ms
serve
setting
renaming
handed_over
leave dan eve fay
end_server
link_down
