#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The web client in Chromium and Firefox, headless, on the loopback of a network namespace. `make check-browser`
# installs what it needs.
#
#   check.sh [SCREENSHOTS]
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/../lib.sh"

SCREENSHOTS=${1:-}

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		[listen]
		plain = 127.0.0.1:6667
		plain-passwords = yes
		[web]
		plain = 127.0.0.1:8067
		[accounts]
		file = $1
		tries = 100
		[history]
		enabled = yes
		[flood]
		burst = off
	EOT
}

# make_accounts FILE: ann's hash is that of another password, and her keys of SCRAM are right, so she gets in by SCRAM
# only; eve has no keys, so she gets in by PLAIN only.
make_accounts() {
	printf 'scram = %s\n' no >"$TMP/scram"
	sed "/^\[accounts\]/r $TMP/scram" "$TMP/conf" >"$TMP/conf.plain"
	"$BUILD/apollonion" --config "$TMP/conf" --add-account ann <<<"secret-words" >/dev/null
	"$BUILD/apollonion" --config "$TMP/conf.plain" --add-account eve <<<"secret-words" >/dev/null
	"$BUILD/apollonion" --config "$TMP/conf.plain" --add-account other <<<"other-words" >/dev/null
	/usr/bin/python3 - "$1" <<-'EOT'
		import sqlite3, sys
		with sqlite3.connect(sys.argv[1]) as db:
		    db.execute("UPDATE accounts SET password_hash = (SELECT password_hash FROM accounts WHERE name = 'other') || "
		               "substr(password_hash, instr(password_hash, ';')) WHERE name = 'ann'")
	EOT
}

# /usr/bin: the Python that finds modules of Debian packages.
for browser in chromium firefox; do
	section "$browser"
	write_config "$TMP/$browser.db"
	make_accounts "$TMP/$browser.db"
	launch_plain server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
	launch_plain check b /usr/bin/python3 "$HERE/browser/check.py" "$browser" 8067 6667 "$TMP/$browser" ${SCREENSHOTS:+"$SCREENSHOTS"}
	finish check 300
	[ "$STATUS" = 0 ] || fail "$(cat "$TMP/check.err")"
	ok "$(cat "$TMP/check.out")"
	stop server
done
