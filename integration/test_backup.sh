#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Export and import of Apollonion with a real server and nc as the client: accounts, a registered channel and history
# are exported while the server writes, and are there again in a server with a new file; wrong files and full disks
# change nothing.
#
#     a: nc ──── linkem ──── b: apollonion

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6667

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		[listen]
		plain = $PORT
		plain-passwords = yes
		[accounts]
		file = $1/db
		[history]
		enabled = yes
		[flood]
		burst = off
	EOT
}

# come_in NAME: as that nick, and logged in to its account.
come_in() {
	talk launch_plain "$1" nc "$B4" "$PORT"
	say "$1" "CAP REQ :sasl draft/chathistory batch"
	say "$1" "NICK $1"
	say "$1" "USER $1 0 * :$1"
	say "$1" "AUTHENTICATE PLAIN"
	hears "$1" '^AUTHENTICATE \+'
	say "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$1" "a password" | base64 -w 0)"
	hears "$1" ' 903 '
	say "$1" "CAP END"
	hears "$1" " 001 $1 "
}

# admin CODE WORDS ARGUMENT...: must end with this exit code and have words in its standard error.
admin() {
	local code=$1 words=$2 status=0
	shift 2
	"$BUILD/apollonion" --config "$TMP/conf" "$@" 2>"$TMP/admin.err" || status=$?
	[ "$status" = "$code" ] || fail "apollonion $*: exit code $status"
	grep -qF -- "$words" "$TMP/admin.err" || fail "apollonion $*: no '$words'"
}

# A channel with a topic and history that dan and eve have, while dan continues to talk.
talking() {
	section "an export beside a server that writes"
	come_in dan
	come_in eve
	say dan "JOIN #room"
	hears dan ' 366 dan #room '
	say dan "CS REGISTER #room"
	hears dan 'ChanServ.* NOTICE dan '
	say dan "MODE #room +H"
	hears dan ' MODE #room \+H'
	say dan "TOPIC #room :kept"
	hears dan ' TOPIC #room :kept'
	say eve "JOIN #room"
	hears eve ' 366 eve #room '
	say dan "PRIVMSG #room :the first"
	hears eve 'the first'
	wait_until 10 "the first message is on the disk" is_exported "the first"
	(for i in $(seq 2000); do say dan "PRIVMSG #room :line $i"; done) &
	local pen=$!
	hears eve ':line 100'
	admin 0 " records" --export "$TMP/early.json"
	wait "$pen"
	hears eve ':line 2000'
	[ "$(stat -c %a "$TMP/early.json")" = 600 ] || fail "others can read the export"
	is_whole "$TMP/early.json"
	admin 1 "is in use, perhaps by a running server" --import "$TMP/early.json"
	leave dan eve
	end_server
	admin 0 " records" --export "$TMP/late.json"
	is_whole "$TMP/late.json"
	ok "a consistent state, and the server continues"
}

is_exported() {
	"$BUILD/apollonion" --config "$TMP/conf" --export - 2>/dev/null | grep -F "$1" >/dev/null
}

# Positions increase, so the lines of one author are a prefix of what was said.
is_whole() {
	python3 - "$1" <<-'EOT' || fail "$1 is no whole export"
		import json, sys
		records = [json.loads(line) for line in open(sys.argv[1])]
		assert records[0] == {"type": "apollonion-export", "version": 1}
		assert records[-1] == {"type": "end", "records": len(records) - 2}
		said = [r["text"] for r in records if r["type"] == "message"]
		assert said and said == (["the first"] + [f"line {i}" for i in range(1, 2001)])[: len(said)]
		assert [r["founder"] for r in records if r["type"] == "channel"] == ["dan"]
	EOT
}

importing() {
	section "an import"
	mkdir "$TMP/new"
	write_config "$TMP/new"
	sed '5s/$/x/' "$TMP/late.json" >"$TMP/wrong.json"
	admin 1 "wrong.json:5: is not an object in JSON" --import "$TMP/wrong.json"
	head -n -1 "$TMP/late.json" >"$TMP/wrong.json"
	admin 1 "the end is missing: the file has been cut" --import "$TMP/wrong.json"
	admin 0 " records" --import - <"$TMP/late.json"
	admin 1 "has accounts, channels or history already" --import "$TMP/late.json"
	admin 0 " records" --export "$TMP/again.json"
	cmp "$TMP/late.json" "$TMP/again.json" || fail "what was imported is exported differently"
	"$BUILD/apollonion" --config "$TMP/conf" --export - 2>/dev/null | cmp - "$TMP/late.json" ||
		fail "the standard output has something else"
	ok "the same records, or none"
}

after() {
	section "the server with the imported file"
	serve
	come_in eve
	say eve "JOIN #room"
	hears eve ' 332 eve #room :kept'
	say eve "CHATHISTORY LATEST #room * 3"
	hears eve 'PRIVMSG #room :line 1998'
	hears eve 'PRIVMSG #room :line 2000'
	say eve "MODE #room"
	hears eve ' 324 eve #room \+Hnt'
	say eve "CS INFO #room"
	hears eve 'ChanServ.* NOTICE eve :.*dan'
	leave eve
	end_server
	ok "accounts log in, and find channel and history, which is still public"
}

full_disk() {
	section "a full disk"
	write_config "$DISK"
	admin 1 "full" --import "$TMP/late.json"
	admin 0 "1 records" --import - < <(head -n 2 "$TMP/late.json"; echo '{"type":"end","records":1}')
	write_config "$TMP/new"
	echo "the previous export" >"$DISK/export"
	fallocate -l "$(($(stat -f -c '%a * %S' "$DISK")))" "$DISK/ballast"
	admin 1 "No space left on device" --export "$DISK/export"
	grep -qxF "the previous export" "$DISK/export" || fail "the previous export was lost"
	[ "$(find "$DISK" -name 'export.*')" = "" ] || fail "half an export is left"
	admin 1 "is no regular file" --export /dev/full
	ok "nothing is half done"
}

DISK=$TMP/disk
mkdir "$DISK" "$TMP/old"
mount -t tmpfs -o size=256k tmpfs "$DISK"
write_config "$TMP/old"
link_up --delay 1ms
for name in dan eve; do
	"$BUILD/apollonion" --config "$TMP/conf" --add-account "$name" <<<"a password"
done
serve
talking
importing
after
full_disk
link_down
