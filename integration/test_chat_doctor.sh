#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `apollonion doctor` finds what is wrong with a server, says what to do, and is content with a sound one: the file, TLS,
# rights, the limit of descriptors, an address in use, and NATS with and without JetStream.

LOOPBACK=1
TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

# write_config DAYS CLIENTS SERVERS: the certificate ends in so many days.
write_config() {
	rm -f "$TMP/key.pem"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" -out "$TMP/request.pem" \
		-subj /CN=irc.test 2>/dev/null
	openssl x509 -req -in "$TMP/request.pem" -signkey "$TMP/key.pem" -days "$1" -out "$TMP/cert.pem" 2>/dev/null
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		[listen]
		tls = 127.0.0.1:7001
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		[limits]
		clients = $2
		[cloak]
		enabled = no
		$3
	EOT
}

# ask: the exit code is in STATUS, and what doctor says in $TMP/doctor.
ask() {
	STATUS=0
	"$BUILD/apollonion" --config "$TMP/conf" doctor >"$TMP/doctor" 2>&1 || STATUS=$?
}

# says EXTENDED-REGEX
says() {
	expect_match "$TMP/doctor" "$1" "doctor"
}

sound() {
	section "a sound server"
	write_config 60 100 ""
	ask
	expect_eq "$STATUS" 0 "exit code"
	says '^ok +tls: certificate .* ends in (59|60) days'
	says '^0 problems, 0 warnings'
	ok "nothing is found"
}

sick() {
	section "TLS, rights, descriptors, a wrong line"
	write_config 2 1000 $'[accounts]\nfile = '"$TMP/accounts.db"
	touch "$TMP/accounts.db"
	chmod 644 "$TMP/accounts.db"
	(ulimit -n 500 && ask && echo "$STATUS" >"$TMP/status")
	STATUS=$(cat "$TMP/status")
	expect_eq "$STATUS" 1 "exit code"
	says '^PROBLEM +accounts: other users may read or write .*mode 644'
	says '^warning +tls: certificate .* ends in [12] days'
	says '^warning +descriptors: '
	write_config 0 100 ""
	ask
	expect_eq "$STATUS" 1 "exit code"
	says '^PROBLEM +tls: the certificate has ended'
	write_config 60 100 "[nowhere]"
	chmod 644 "$TMP/key.pem"
	ask
	expect_eq "$STATUS" 1 "exit code"
	says '^PROBLEM .*chmod 600'
	ok "each is found"
}

running() {
	section "a running server"
	write_config 60 100 ""
	serve
	ask
	expect_eq "$STATUS" 0 "exit code"
	says '^warning +listen: .*in use'
	end_server
	ok "its address is in use, which is only mentioned"
}

can_reach() {
	ask
	[ "$STATUS" -eq 0 ]
}

clustered() {
	section "NATS"
	write_config 60 100 $'[cluster]\nservers = nats://u:secret@127.0.0.1:4222\nnode = n1'
	ask
	expect_eq "$STATUS" 1 "exit code"
	says '^PROBLEM +cluster: 127.0.0.1:4222: connection: '
	! grep -q secret "$TMP/doctor" || fail "the password is printed"
	launch_plain nats b nats-server -a 127.0.0.1 -p 4222
	wait_until 20 "NATS answers, without JetStream" without_jetstream
	send TERM nats
	finish nats 10
	launch_plain nats b nats-server -a 127.0.0.1 -p 4222 -js -sd "$TMP/store"
	wait_until 20 "NATS answers" can_reach
	says '^ok +cluster: 127.0.0.1:4222 can be reached'
	ok "a server that is missing, without and with JetStream"
}

without_jetstream() {
	ask
	grep -q '^PROBLEM  cluster: 127.0.0.1:4222: JetStream: ' "$TMP/doctor"
}

sound
sick
running
clustered
