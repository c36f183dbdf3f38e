#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# irssi talks to Apollonion over TCP, over TLS, and over rudp on a link that loses packets. What it
# has heard is read from its own log; it types on a terminal of script(1).
#
#     a: irssi, nc ──── linkem ──── b: apollonion
#
# Takes 50 s.

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT= # lib.sh asks
export TCP_MEANT
PORT=6667 TLS_PORT=6697

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		[listen]
		plain = $PORT
		tls = $TLS_PORT
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		[accounts]
		file = $TMP/accounts.db
		[flood]
		burst = off
	EOT
}

serve() {
	rm -f "$TMP/server.err"
	"$1" server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
}

end_server() {
	send TERM server
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server"
}

# irssi_config PORT TLS: everything that irssi keeps is in a home of its own.
irssi_config() {
	cat <<-EOT
		servers = ( {
			address = "$B4"; chatnet = "test"; port = "$1"; use_tls = "$2"; tls_verify = "no";
			autoconnect = "yes";
		} );
		chatnets = { test = {
			type = "IRC"; nick = "irma";
			$([ "$2" = no ] || echo 'sasl_mechanism = "PLAIN"; sasl_username = "isabel";
			sasl_password = "a fine password";')
		}; };
		channels = ( { name = "#hall"; chatnet = "test"; autojoin = "yes"; } );
		settings = {
			core = { real_name = "Irma"; user_name = "irma"; nick = "irma"; };
			"irc/core" = { cmd_queue_speed = "10msec"; };
			"fe-text" = { paste_verify_line_count = "0"; };
			"fe-common/core" = { autolog = "yes"; autolog_path = "$TMP/irssi/logs/\$0"; };
		};
	EOT
}

# start_irssi HOW PORT TLS
start_irssi() {
	rm -rf "$TMP/irssi"
	mkdir "$TMP/irssi"
	irssi_config "$2" "$3" >"$TMP/irssi/config"
	talk "$1" irma env TERM=xterm script -qfec "irssi --home=$TMP/irssi" /dev/null
	hears alice '^:irma!\S+ JOIN #hall'
}

irma_has() {
	grep -Eqs -- "$1" "$TMP/irssi/logs/#hall"
}

irma_hears() {
	wait_until 20 "irma hears '$1'" irma_has "$1"
}

end_irssi() {
	say irma "/quit so long"
	hears alice '^:irma!\S+ QUIT :Quit: so long'
	finish irma 10
}

# alice comes with nc.
start_alice() {
	talk "$1" alice nc "$B4" "$PORT"
	say alice "NICK alice"
	say alice "USER alice 0 * :alice"
	hears alice ' 001 '
	say alice "JOIN #hall"
	hears alice ' 366 '
}

# has_heard_times NAME REGEX COUNT
has_heard_times() {
	[ "$(tr -d '\r' <"$TMP/$1.out" | grep -cE -- "$2")" = "$3" ]
}

# Numbers of "line N." in a text: all of them, once, in order.
expect_lines() {
	expect_eq "$(grep -oE 'line [0-9]+\.' "$1" | tr -dc '0-9\n')" "$(seq "$2")" "lines of $1"
}

# over HOW PORT TLS LINES
over() {
	start_alice "$1"
	start_irssi "$1" "$2" "$3"
	say alice "PRIVMSG #hall :hello irma"
	irma_hears '< ?@?alice> hello irma$'
	say irma "/msg #hall hello alice"
	hears alice '^:irma!\S+ PRIVMSG #hall :hello alice'
	say alice "MODE #hall +o irma"
	irma_hears 'mode/#hall \[\+o irma\] by alice'
	say irma "/topic #hall what irssi says"
	hears alice '^:irma!\S+ TOPIC #hall :what irssi says'
	ok "lines cross, modes and topics"
	seq -f $'PRIVMSG #hall :line %.0f.\r' "$4" >&"${PEN[alice]}"
	irma_hears "line $4\.$"
	expect_lines "$TMP/irssi/logs/#hall" "$4"
	ok "$4 lines in order, none twice"
	say alice "KICK #hall irma :and back"
	irma_hears 'irma was kicked from #hall by alice \[and back\]'
	say irma "/join #hall"
	wait_until 20 "irma is back" has_heard_times alice '^:irma!\S+ JOIN #hall' 2
	ok "kicked, and back"
}

end_both() {
	end_irssi
	leave alice
}

[ -x "$(command -v irssi)" ] || fail "irssi is not installed"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
	-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
write_config
"$BUILD/apollonion" --config "$TMP/conf" --add-account isabel <<<"a fine password"
TCP_MEANT=1
link_up --delay 1ms
serve launch_plain
section "over TCP"
over launch_plain "$PORT" no 300
end_both
section "over TLS, logged in"
over launch_plain "$TLS_PORT" yes 300
say alice "WHOIS irma"
hears alice ' 671 .*secure'
hears alice ' 330 alice irma isabel '
ok "by SASL, as irssi does it"
end_both
end_server
link_down
TCP_MEANT=''
section "over rudp, 2 % of packets lost"
link_up --delay 5ms --loss 2% --seed 5
serve launch
wait_listening b "$PORT"
over launch "$PORT" no 300
end_both
prove_udp 1000
end_server
link_down
