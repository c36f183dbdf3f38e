#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hosts and users that prove who they are: first contact, known hosts, authorized keys, what rules say about
# them, and files that change while programs run. Attackers have real programs, too: another client in the
# place of the server, a relay, a peer whose key is revoked, replaced, expired or under another name.
#
#     a: curl, nc ──── linkem: 5 ms ──── b: nginx, nc
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no identities"; exit 77; }

EXAMPLES=$BUILD/examples
[ -d "$EXAMPLES" ] || EXAMPLES=$(dirname "$HERE")/build/examples

# asks PERSON [RULES]: fetches a page on side a.
asks() {
	local SETTINGS
	is_person "$@"
	curl_a 5 --fail -o "$TMP/asked" "$URL/page"
}

is_refused() {
	! asks "$@"
}

# is_refused_as PERSON REASON: and the log of the server says so.
is_refused_as() {
	is_refused "$1" && logs server "$2"
}

# The last line of `rudp ss --failed' on this side for that person has this cause.
has_failed() {
	local SETTINGS settings
	# An engine in a thread of a program that has ended is asked no more.
	[ "$2" = b ] || engine_outlives || return 0
	is_person "$1"
	mapfile -t settings < <(engine_settings_of "$2")
	on "$2" env "${settings[@]}" "$BUILD/rudp" ss --failed --json | grep "\"cause\": *\"$3\"" >/dev/null
}

logs() {
	grep -q "$2" "$TMP/$1.log"
}

serve() {
	is_person server "${1:-}"
	start_nginx
}

first_contact() {
	section "first contact"
	asks alice || fail "a host that was not known is refused"
	grep -q "^$B4:8080 $(public_key server)" "$TMP/alice/rudp/known_hosts" ||
		fail "its key is not in the file of known hosts: $(cat "$TMP/alice/rudp/known_hosts")"
	logs alice "first contact with $B4:8080" || fail "the log does not say so"
	asks alice || fail "the host is refused when it is known"
	expect_eq "$(wc -l <"$TMP/alice/rudp/known_hosts")" 1 "lines in the file of known hosts"
	is_refused bob "set first-contact refuse" || fail "a host that is not known is not refused"
	logs bob "add this line to the file of known hosts: $B4:8080 $(public_key server)" ||
		fail "the log does not say how to accept the key"
	has_failed bob a identity || fail "rudp ss --failed does not show it"
	asks bob "set first-contact off" || fail "refused without being asked for a key"
	[ ! -e "$TMP/bob/rudp/known_hosts" ] || fail "a key was stored that nobody had asked for"
	ok "the key is taken and stored, or refused and shown, or not asked for"
}

# A listener that is asked for its key answers anybody. A known one is shown the identity, too.
says_who_is_refused() {
	local fingerprint
	fingerprint=$(grep -o 'SHA256:[A-Za-z0-9+/]*' "$TMP/bob.new")
	put bob known_hosts <<<"$B4:8080 $(public_key server)"
	pings bob && fail "rudp ping does not say that bob is refused: $(cat "$TMP/ping.out")"
	grep -q "answers, but refuses the identity of this user" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
	grep -q "it does not accept $fingerprint" "$TMP/ping.out" || fail "rudp ping does not say whom: $(cat "$TMP/ping.out")"
	tool server b ss --failed >"$TMP/failed"
	grep -q "the key $fingerprint is not in the file of authorized keys" "$TMP/failed" || fail "nor does the server: $(cat "$TMP/failed")"
	put nobody known_hosts <<<"$B4:8080 $(public_key server)"
	pings nobody && fail "rudp ping does not say that an identity is needed: $(cat "$TMP/ping.out")"
	grep -q "refuses callers without an identity" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
	rm "$TMP/nobody/rudp/known_hosts"
	pings alice || fail "rudp ping of one who is accepted: $(cat "$TMP/ping.out")"
}

authorized() {
	section "who may connect"
	put server authorized_keys <<<"[listen=7000;8080;9000,groups=staff] $(public_key alice) alice"
	wait_until 4 "the server to refuse others" is_refused bob "set first-contact take"
	asks alice || fail "who is authorized is refused"
	has_failed server b identity-of-peer || fail "rudp ss --failed of the server does not show it"
	says_who_is_refused
	is_refused nobody "set first-contact off" || fail "who shows no key is served"
	on a curl -sS --max-time 3 -o /dev/null "$URL/page" 2>/dev/null && fail "plain TCP is served"
	put server authorized_keys <<<"[listen=22] $(public_key alice) alice"
	wait_until 4 "the port to be refused" is_refused_as alice "is not authorized for this port"
	put server authorized_keys <<<"[from=192.0.2.0/24] $(public_key alice) alice"
	wait_until 4 "the address to be refused" is_refused_as alice "is not authorized from this address"
	put server authorized_keys <<<"[expires=2026-01-01] $(public_key alice) alice"
	wait_until 4 "the expired line to be refused" is_refused_as alice "has expired"
	put server authorized_keys <<<"[listne=8080] $(public_key alice) alice"
	wait_until 4 "a line with an error in the log" logs server "authorized_keys:1:2"
	is_refused alice || fail "a file with an error is used in part"
	put server authorized_keys <<<"[listen=7000;8080;9000,groups=staff] $(public_key alice) alice"
	wait_until 4 "the server to serve again" asks alice
	ok "only who is in the file, for that port, from there, until then"
}

# tool PERSON SIDE COMMAND...: a rudp command of that person.
tool() {
	local SETTINGS settings person=$1 side=$2
	shift 2
	is_person "$person"
	mapfile -t settings < <(engine_settings_of "$side")
	on "$side" env "${settings[@]}" "$BUILD/rudp" "$@"
}

# pings PERSON: once, with time for a loaded machine.
pings() {
	tool "$1" a ping -c 1 -W $((2 * PATIENCE)) "$B4:8080" >"$TMP/ping.out"
}

greeted_or_refused() {
	has_ended session || grep -q hello "$TMP/session.out"
}

# The server of this session may have an engine of its own, which reads the files in its own time.
begin_session() {
	local SETTINGS
	is_person alice
	launch session a nc.openbsd "$B4" "$GREETED" </dev/null
	wait_until 4 "an answer" greeted_or_refused
	! has_ended session
}

shown() {
	section "who is at the other end"
	wait_until 4 "the first words" begin_session
	tool server b ss -t >"$TMP/ss.out"
	grep -q " peer:alice" "$TMP/ss.out" || fail "rudp ss does not show the name: $(cat "$TMP/ss.out")"
	tool server b ss --json >"$TMP/ss.json"
	grep -q '"peer_name": "alice"' "$TMP/ss.json" || fail "nor does it as JSON"
	pings alice || fail "rudp ping: $(cat "$TMP/ping.out")"
	grep -q "identity SHA256:.*, as the known hosts say" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
	is_person server
	launch_native echo b "$EXAMPLES/echo" serve "$B4" 7000
	wait_listening b 7000
	is_person alice
	launch_native ask a "$EXAMPLES/echo" ask "$B4" 7000 </dev/null
	finish ask 4
	wait_until 4 "the program to know its peer" grep -q "the peer is alice" "$TMP/echo.err"
	grep -q "the peer is $B4:7000" "$TMP/ask.err" || fail "the client does not: $(cat "$TMP/ask.err")"
	grep "channel binding [0-9a-f]\{8\}" "$TMP/ask.err" >"$TMP/binding" ||
		fail "there is no channel binding: $(cat "$TMP/ask.err")"
	wait_until 4 "both ends to print the same channel binding" grep -qFf "$TMP/binding" "$TMP/echo.err"
	stop echo
	ok "rudp ss and the program show the peer's name, rudp ping the listener's key"
}

# is_told PERSON EXPECTED: what a program of the inetd-style server on port 7000 knows of that peer.
is_told() {
	local SETTINGS
	is_person "$1" "set first-contact off"
	under a nc.openbsd -N -w $((5 * PATIENCE)) "$B4" 7000 </dev/null >"$TMP/told"
	[ "$(cat "$TMP/told")" = "$2" ] || fail "the program is told '$(cat "$TMP/told")', expected '$2'"
}

inetd_services() {
	section "programs of inetd-style servers know their peer"
	local key
	key=$(public_key alice | cut -d' ' -f2)
	cp "$EXAMPLES/log_peer" "$TMP/log_peer"
	cat >"$TMP/tell" <<-'EOF'
		#!/bin/sh
		echo "${PEER_NAME-unset} ${PEER_KEY-unset}"
	EOF
	chmod 755 "$TMP/tell"
	is_person server
	launch inetd b socat TCP-LISTEN:7000,reuseaddr,fork "EXEC:$TMP/log_peer $TMP/tell,nofork"
	wait_listening b 7000
	is_told alice "alice $key"
	grep -qxF "log_peer: alice, key $key" "$TMP/inetd.err" || fail "the log: $(cat "$TMP/inetd.err")"
	stop inetd
	wait_not_listening b 7000
	is_person server "listen use rudp allow anyone"
	launch inetd b env PEER_NAME=root PEER_KEY=x systemd-socket-activate -E XDG_RUNTIME_DIR -E PEER_NAME \
		-E PEER_KEY -l 7000 --accept --inetd "$TMP/log_peer" "$TMP/tell"
	wait_listening b 7000
	is_told alice "alice $key"
	is_told nobody "unset unset"
	expect_match "$TMP/inetd.err" "log_peer: the peer has proven no identity" "the log"
	stop inetd
	ok "socat, systemd-socket-activate: the name and the key, or neither"
}

revoked() {
	section "a key that is revoked"
	put server authorized_keys <<<"@revoked $(public_key alice) alice"
	wait_until 4 "the connection to end" has_ended session
	is_refused alice || fail "a revoked key is good"
	logs server "identities have changed: [1-9][0-9]* connections are reset" || fail "the log does not say so"
	alice_and_bob
	ok "its connections are reset, and it begins no new one"
}

# greet PORT [RULES]: a server of one connection, which says hello and waits. An engine with other rules may
# still hold the port of an earlier one.
greet() {
	GREETED=$1
	is_person server "${2:-}"
	launch hello b nc.openbsd -l "$1" < <(echo hello; exec sleep 60)
	wait_listening b "$1"
}

alice_and_bob() {
	printf '%s\n' "[groups=staff] $(public_key alice) alice" "$(public_key bob) bob" | put server authorized_keys
	wait_until 4 "the server to serve again" asks alice
}

removed() {
	section "a line that is removed"
	greet 9000
	wait_until 4 "the first words" begin_session
	put server authorized_keys <<<"$(public_key bob) bob"
	wait_until 4 "its resumption to be refused" is_refused alice
	asks bob "set first-contact take" || fail "another one is refused, too"
	stop hello
	wait "${PID[session]}" || fail "the open connection does not end as usual: exit $?"
	alice_and_bob
	ok "a resumed connection is refused as a new one is; an open one continues"
}

removed_and_reset() {
	section "a line that is removed, and open connections with it"
	greet 9001 "set removed-peers reset"
	wait_until 4 "the first words" begin_session
	put server authorized_keys <<<"[listen=8080] $(public_key alice) alice"
	wait_until 4 "the connection to end" has_ended session
	logs server "is reset: the key .* is not authorized for this port" || fail "the log does not say why"
	stop hello
	alice_and_bob
	ok "a connection that would be refused now is reset"
}

holds_udp() {
	[ -n "$(on b ss -Huln "sport = :$1")" ]
}

# Over TCP nobody could prove who he is.
without_udp() {
	section "a listener that cannot use rudp"
	launch_plain holder b nc.openbsd -lu 9002
	wait_until 4 "the UDP port to be taken" holds_udp 9002
	is_person server
	launch late b nc.openbsd -l 9002 </dev/null
	finish late 4
	expect_match "$TMP/late.err" "Address already in use" "nc"
	logs server "port 9002 is in use, in TCP or in UDP" || fail "the log does not say so"
	stop holder
	launch late b nc.openbsd -l 9002 </dev/null
	wait_listening b 9002
	on b nc.openbsd -lu 9002 </dev/null >"$TMP/early.out" 2>&1 && fail "another program has the UDP port, too"
	expect_match "$TMP/early.out" "Address already in use" "nc"
	stop late
	ok "is refused, and keeps its UDP port"
}

# says PERSON WORD: sends a message under the name alpha. Both have the name; one key has it for good.
says() {
	local SETTINGS
	is_person "$1" "set first-contact take"
	launch_native says a "$BUILD/rudpmsg" send --id alpha --to "$B4:7000" --peer beta --timeout 40 <<<"$2"
	finish says 60
	[ "$STATUS" = 0 ]
}

names_of_nodes() {
	section "the name of a messaging node"
	is_person server
	launch_native beta b "$BUILD/rudpmsg" receive --id beta --listen 7000
	wait_listening b 7000
	wait_until 8 "alice to be heard" says alice first
	says bob second && fail "bob has taken the name of alice's node"
	grep -q "belongs to another identity" "$TMP/says.err" || fail "nothing says why: $(cat "$TMP/says.err")"
	says alice third || fail "alice has lost her name: $(cat "$TMP/says.err")"
	expect_eq "$(uniq "$TMP/beta.out" | tr '\n' ' ')" "first third " "messages"
	stop beta
	ok "it belongs to the first key, and another one is refused"
}

rules() {
	section "rules"
	stop_server nginx
	serve "listen port 8080 use rudp allow @staff"
	asks alice || fail "a member is refused"
	is_refused bob || fail "who is no member is served"
	logs server "is not allowed by the rule" || fail "the log does not say why"
	stop_server nginx
	serve "listen port 8080 use rudp allow anyone"
	asks bob || fail "refused, though anyone is allowed"
	asks nobody "set first-contact off" || fail "refused without a key, though anyone is allowed"
	stop_server nginx
	serve
	asks alice "connect port 8080 use rudp peer web.example" && fail "an unknown name is taken"
	printf '%s\n' "$B4:8080 $(public_key server)" "web.example $(public_key server)" | put alice known_hosts
	wait_until 4 "the name to be taken" asks alice "connect port 8080 use rudp peer web.example"
	printf '%s\n' "$B4:8080 $(public_key server)" "web.example $(public_key bob)" | put alice known_hosts
	wait_until 4 "another key to be refused" is_refused alice "connect port 8080 use rudp peer web.example"
	ok "groups, anyone, and a peer by its name"
}

# Everybody holds the pre-shared key: another client takes the server's place.
impersonated() {
	section "another client in the place of the server"
	asks alice || fail "the server is refused"
	stop_server nginx
	is_person mallory
	start_nginx
	is_refused alice || fail "another holder of a key is taken for the server"
	logs alice "known_hosts" || fail "the log does not name the file"
	logs alice "another identity than the one known" || fail "the log does not say why"
	pings alice && fail "rudp ping: $(cat "$TMP/ping.out")"
	grep -q "the known hosts have another key" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
	has_failed alice a identity || fail "rudp ss --failed does not show it"
	stop_server nginx
	launch_plain plain b python3 -m http.server -d "$TMP/www" -b "$B4" 8080
	PLAIN=1 wait_listening b 8080
	is_refused alice || fail "a known host may use TCP"
	on a curl -sS --max-time $((5 * PATIENCE)) -o /dev/null "$URL/page" || fail "the plain server does not answer at all"
	stop plain
	PLAIN=1 wait_not_listening b 8080
	serve
	asks alice || fail "the server is refused"
	ok "refused, over rudp as over TCP"
}

# A relay sends packets on to somebody else, or back to where they come from.
redirected() {
	section "packets that are led elsewhere"
	is_person alice "listen use rudp allow anyone"
	launch mirror a python3 -m http.server -d "$TMP/www" -b "$A4" 8080
	wait_listening a 8080
	put carol known_hosts <<<"$A4:8080 $(public_key server)"
	local SETTINGS
	is_person carol
	under b curl -sS --max-time $((5 * PATIENCE)) -o /dev/null "http://$A4:8080/page" &&
		fail "another host is taken for the known one"
	logs carol "another identity than the one known" || fail "the log does not say why"
	is_person alice "listen use rudp allow anyone"
	under b curl -sS --max-time $((5 * PATIENCE)) -o /dev/null "http://$A4:8080/page" &&
		fail "who has the same identity on both sides is served from elsewhere"
	stop mirror
	ok "to another host: refused; back to the own identity: refused"
}

# says_both_keys OLD NEW FILE: the two fingerprints are in one line of the file.
says_both_keys() {
	grep -F "$1" "$3" | grep -qF "$2" || fail "no line with both keys, the old one and the new one: $(cat "$3")"
}

# Wherever a user looks: the old fingerprint, the new one, and what to do.
says_what_has_changed() {
	local old=$1 new
	new=$(grep -o 'SHA256:.*' "$TMP/server.new")
	says_both_keys "$old" "$new" "$TMP/alice.log"
	logs alice "has changed it, change that line, or use 'rudp key forget' and 'rudp key enroll'" || fail "no advice"
	pings alice && fail "rudp ping finds nothing wrong"
	grep -qF "identity $new" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
	grep -qF "the known key is $old" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
	grep -q "if you expect that: rudp key forget $B4; rudp key enroll $B4" "$TMP/ping.out" || fail "rudp ping: no advice"
	# An engine in a thread of a program that has ended is asked no more.
	engine_outlives || return 0
	tool alice a ss --failed >"$TMP/failed"
	says_both_keys "$old" "$new" "$TMP/failed"
	tool alice a doctor >"$TMP/doctor.out" || fail "rudp doctor: $(cat "$TMP/doctor.out")"
	says_both_keys "$old" "$new" "$TMP/doctor.out"
	expect_match "$TMP/doctor.out" "rudp key forget $B4; rudp key enroll $B4" "rudp doctor"
}

rotated() {
	section "a new key of the server"
	local old
	old=$(grep -o 'SHA256:.*' "$TMP/server.new")
	mv "$TMP/server/rudp/id" "$TMP/server/rudp/id.old"
	mv "$TMP/server/rudp/id.pub" "$TMP/server/rudp/id.pub.old"
	person server
	wait_until 4 "the changed key to be refused" is_refused alice
	says_what_has_changed "$old"
	put alice known_hosts <<<"$B4:8080 $(public_key server)"
	wait_until 4 "the new key to be taken" asks alice
	ok "refused until the line is changed, then taken; log, ping, ss and doctor have both fingerprints"
}

bad_files() {
	section "files that are wrong"
	person eve
	chmod 644 "$TMP/eve/rudp/id"
	is_refused eve || fail "an identity that others may read is used"
	chmod 600 "$TMP/eve/rudp/id"
	echo "$B4:8080 rudp-x25519 short" | put eve known_hosts
	local SETTINGS settings
	is_person eve
	mapfile -t settings < <(engine_settings_of a)
	env "${settings[@]}" "$BUILD/rudp-engine" --check >"$TMP/check.out" 2>&1 && fail "a wrong line is right"
	grep -q "known_hosts:1:" "$TMP/check.out" || fail "line and column are missing: $(cat "$TMP/check.out")"
	is_refused eve || fail "connected with a file that is wrong"
	ok "no connection, and a message with file, line and column"
}

link_up --delay 5
PORT=8080
set_urls
make_page page 20000
for name in server alice bob nobody mallory carol; do
	person "$name"
done
rm "$TMP/nobody/rudp/id" "$TMP/nobody/rudp/id.pub"
serve
first_contact
greet 9000
authorized
shown
inetd_services
revoked
removed
removed_and_reset
without_udp
names_of_nodes
rules
impersonated
redirected
rotated
bad_files
