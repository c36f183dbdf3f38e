#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# telnet: a terminal at both ends, typed lines, and urgent data that overtakes what waits.
#
#     a: telnet in a terminal ──── linkem ──── b: telnetd, started for each connection
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
PORT=2323
NEWLINE=$'\r'
ESCAPE=$'\x1d'

# What telnetd runs in place of login: answers lines, and says when it was interrupted.
write_login() {
	cat >"$TMP/login" <<-'EOF'
		#!/bin/bash
		trap 'echo "interrupted"' INT
		echo "ready on $(tty)"
		while true; do
			read -r line || { [ $? -gt 128 ] && continue || exit; }
			case $line in
			flood) yes "a line that nobody waits for" | head -n 20000; echo "end of flood" ;;
			quit) exit ;;
			*) echo "heard: $line" ;;
			esac
		done
	EOF
	chmod 755 "$TMP/login"
}

start_telnetd() {
	launch telnetd b systemd-socket-activate --accept --inetd -l "$B4:$PORT" \
		telnetd "--exec-login=$TMP/login"
	wait_listening b "$PORT"
}

says() {
	tr -d '\r' <"$TMP/telnet.out" | grep -aE -- "$1" >/dev/null
}

# type_line TEXT ANSWER
type_line() {
	printf '%s%s' "$1" "$NEWLINE" >&9
	wait_until 10 "answer to '$1'" says "$2"
}

# In a terminal of its own, with what we write into descriptor 9 as its keyboard.
start_telnet() {
	launch telnet a script -q -c "telnet $B4 $PORT" /dev/null <"$TMP/keyboard" 9<&-
	wait_until 10 "the prompt" says '^ready on /dev/pts/'
}

prompts() {
	{ grep -ao 'telnet> ' "$TMP/telnet.out" || true; } | wc -l
}

has_prompted() {
	[ "$(prompts)" -ge "$1" ]
}

# telnet discards what was typed ahead when it changes the mode of its terminal.
command_of_telnet() {
	local before
	before=$(prompts)
	printf %s "$ESCAPE" >&9
	wait_until 10 "telnet's own prompt" has_prompted $((before + 1))
	printf '%s%s' "$1" "$NEWLINE" >&9
	[ -z "$2" ] || wait_until 10 "$2" says "$2"
}

session() {
	start_telnet
	type_line "first line" "^heard: first line"
	type_line "flood" "^end of flood"
	expect_eq "$(tr -d '\r' <"$TMP/telnet.out" | grep -ac '^a line that nobody waits for$')" 20000 "lines"
	ok "lines, and $(stat -c %s "$TMP/telnet.out") bytes of answers"
	command_of_telnet "send ip" "interrupted$"
	type_line "after it" "^heard: after it"
	command_of_telnet "send synch" ""
	type_line "after urgent data" "^heard: after urgent data"
	ok "interruption and urgent data"
	printf 'quit%s' "$NEWLINE" >&9
	finish telnet 10
	expect_match <(tr -d '\r' <"$TMP/telnet.out") "Connection closed by foreign host" "telnet's last words"
	ok "the end of the session"
}

write_login
mkfifo "$TMP/keyboard"
exec 9<>"$TMP/keyboard"

section "4 ms"
link_up --delay 2ms
start_telnetd
session
prove_udp 600000

section "20 ms, 2 % loss both ways"
link_up --delay 10ms --loss 2% --seed 4
session
stop telnetd
wait_not_listening b "$PORT"
prove_udp 600000
link_down
