# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Clients of a chat server that are driven line by line.

declare -A PEN=()

# talk HOW NAME COMMAND...: starts a client on side a; say() writes to its standard input.
talk() {
	local how=$1 name=$2 pen
	shift 2
	rm -f "$TMP/$name.fifo"
	mkfifo "$TMP/$name.fifo"
	exec {pen}<>"$TMP/$name.fifo"
	PEN[$name]=$pen
	"$how" "$name" a "$@" <&"$pen"
}

# say NAME LINE
say() {
	printf '%s\r\n' "$2" >&"${PEN[$1]}"
}

has_heard() {
	[ -e "$TMP/$1.out" ] && tr -d '\r' <"$TMP/$1.out" | grep -E -- "$2" >/dev/null
}

# hears NAME EXTENDED-REGEX
hears() {
	wait_until 20 "$1 hears '$2'" has_heard "$1" "$2"
}

hears_not() {
	! has_heard "$1" "$2" || fail "$1 has heard '$2'"
}

leave() {
	local name pen
	for name in "$@"; do
		say "$name" "QUIT :done"
		hears "$name" '^ERROR'
		stop "$name"
		pen=${PEN[$name]}
		exec {pen}>&-
	done
}

# The client was killed, or has closed the connection: it receives nothing more.
drop() {
	local name pen
	for name in "$@"; do
		stop "$name"
		pen=${PEN[$name]}
		exec {pen}>&-
	done
}

# Starts the server with $TMP/conf, on side b.
serve() {
	rm -f "$TMP/server.err"
	launch_plain server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
}

end_server() {
	send TERM server
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server"
}

# register HOW NAME [COMMAND...]: connects as NAME and joins #hall.
register() {
	local how=$1 name=$2
	shift 2
	[ $# -gt 0 ] || set -- nc "$B4" "$PORT"
	talk "$how" "$name" "$@"
	say "$name" "NICK $name"
	say "$name" "USER $name 0 * :$name"
	hears "$name" ' 001 '
	say "$name" "JOIN #hall"
	hears "$name" ' 366 '
}

# configure_accounts LINE: writes $TMP/conf, for clients over TLS on $PORT, with accounts, and with this line, which may be
# empty, about them.
configure_accounts() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
		-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
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
		$1
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

# query SQL: the first value, from the file of accounts.
query() {
	python3 -c "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])" \
		"$TMP/accounts.db" "$1"
}
