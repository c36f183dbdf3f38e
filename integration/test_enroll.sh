#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rudp key enroll with a real ssh and sshd: keys are exchanged, and then each side demands the other's. The
# server has a service with the key of the host, and a program with the key of the account. Its programs see a
# copy of /etc, so that the machine gets no key.
#
#     a: ssh, curl ──── linkem: 5 ms ──── b: sshd, http.server twice
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no identities"; exit 77; }
needs_root sshd
# shellcheck source=integration/lib/ssh.sh
. "$HERE/lib/ssh.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"

SERVICE=8080 OWN=9090
# The inner shell expands these.
# shellcheck disable=SC2016
OTHER_ETC=(unshare --mount sh -c 'mount --bind "$0" /etc && exec "$@"' "$TMP/etc")

copy_etc() {
	cp -a /etc "$TMP/etc"
	rm -rf "$TMP/etc/rudp"
	mkdir "$TMP/etc/rudp"
}

# ssh(1) finds its configuration in the home of the account, whatever HOME says.
write_ssh_wrapper() {
	mkdir "$TMP/bin"
	printf '#!/bin/sh\nexec %q -F %q "$@"\n' "$(command -v ssh)" "$TMP/ssh/config" >"$TMP/bin/ssh"
	chmod 755 "$TMP/bin/ssh"
}

# The account on the server has its files in $TMP/server.
start_plain_sshd() {
	write_ssh_config
	echo "SetEnv XDG_CONFIG_HOME=$TMP/server PATH=$BUILD:/usr/bin:/bin" >>"$TMP/ssh/sshd_config"
	mkdir -p /run/sshd
	launch_plain sshd b "${OTHER_ETC[@]}" "$(command -v sshd)" -D -e -f "$TMP/ssh/sshd_config"
	PLAIN=1 wait_listening b "$SSH_PORT"
}

# serve NAME PORT
serve() {
	launch "$1" b "${OTHER_ETC[@]}" python3 -u -m http.server --protocol HTTP/1.1 --bind "$B4" \
		--directory "$TMP/www" "$2"
	wait_listening b "$2"
}

# Services have no home.
serve_as_service() {
	local SETTINGS
	is_person none
	SETTINGS+=(XDG_CONFIG_HOME= HOME= "RUDP_LOG=info:$TMP/service.log")
	serve service "$SERVICE"
}

serve_as_account() {
	local SETTINGS
	is_person server
	serve account "$OWN"
}

# enroll PERSON [OPTION...]: with the host "server"; the output is in $TMP/enroll.out.
enroll() {
	local person=$1
	shift
	on a env "PATH=$TMP/bin:$PATH" RUDP_POLICY_FILE=/dev/null "XDG_CONFIG_HOME=$TMP/$person" \
		"$BUILD/rudp" key enroll "$@" root@server >"$TMP/enroll.out" 2>&1
}

must_enroll() {
	enroll "$@" || fail "rudp key enroll: $(cat "$TMP/enroll.out")"
}

says() {
	grep -q "$1" "$TMP/enroll.out" || fail "rudp key enroll does not say '$1': $(cat "$TMP/enroll.out")"
}

# asks PERSON PORT: fetches a page; hosts that are not known are refused.
asks() {
	local SETTINGS
	is_person "$1" "set first-contact refuse"
	curl_a 5 --fail -o "$TMP/asked" "http://$B4:$2/page"
}

is_refused() {
	! asks "$@"
}

host_key() {
	cut -d' ' -f1,2 "$TMP/etc/rudp/id.pub"
}

link_up --delay 5
make_page page 20000
copy_etc
person alice
person bob
write_ssh_wrapper
mkdir -m 700 "$TMP/server"
start_plain_sshd

section "a host that has no key yet"
must_enroll alice
says "the key of this host is now authorized there"
expect_eq "$(stat -c %a "$TMP/etc/rudp/id" "$TMP/etc/rudp/id.pub" | xargs)" "600 644" "modes of the key of the host"
expect_eq "$(cat "$TMP/alice/rudp/known_hosts")" "$B4 $(host_key)" "the known hosts here"
expect_eq "$(cut -d' ' -f1,2 "$TMP/server/rudp/authorized_keys")" "$(public_key alice)" "the key there"
expect_eq "$(stat -c %a "$TMP/server/rudp/authorized_keys")" 600 "mode of the file there"
ok "gets one, and each side has the key of the other"

section "a service of the host"
serve_as_service
asks alice "$SERVICE" || fail "refused after the exchange"
is_refused bob "$SERVICE" || fail "a host is accepted that this user does not know"
ok "proves the key of the host"

section "a program of the account"
must_enroll alice --port "$OWN"
says "$B4:$OWN was known" # root without an identity of its own uses that of the host
person server
must_enroll alice --port "$OWN"
expect_eq "$(tail -n 1 "$TMP/alice/rudp/known_hosts")" "$B4:$OWN $(public_key server)" "the known hosts here"
serve_as_account
wait_until 4 "the new line to count" asks alice "$OWN"
asks alice "$SERVICE" || fail "the service is refused now"
cp "$TMP/alice/rudp/known_hosts" "$TMP/bob/rudp/"
wait_until 4 "the new lines to count" asks bob "$SERVICE"
is_refused bob "$OWN" || fail "somebody is served who is not authorized"
must_enroll alice
says "programs that this account starts itself have another key"
ok "proves the key of the account, on its port only"

section "a service that demands keys"
(umask 077 && : >"$TMP/etc/rudp/authorized_keys")
wait_until 4 "all to be refused" is_refused alice "$SERVICE"
must_enroll alice
says "the key of this host is now authorized there"
wait_until 4 "the key to be authorized" asks alice "$SERVICE"
is_refused bob "$SERVICE" || fail "somebody is served who is not authorized"
ok "has the key in the file of the host"

section "again"
must_enroll alice
says "the key of this host was authorized there"
expect_eq "$(wc -l <"$TMP/etc/rudp/authorized_keys")" 1 "lines of the host"
expect_eq "$(wc -l <"$TMP/server/rudp/authorized_keys")" 1 "lines of the account"
expect_eq "$(wc -l <"$TMP/alice/rudp/known_hosts")" 2 "lines here"
ok "repeating it changes nothing"

section "a host with a new key"
rm "$TMP/etc/rudp/id" "$TMP/etc/rudp/id.pub"
enroll alice && fail "a changed key is taken"
says "is known with the key SHA256:"
expect_eq "$(wc -l <"$TMP/alice/rudp/known_hosts")" 2 "lines here"
ok "refused, with both fingerprints"
stop service
stop account
stop sshd
# The sessions of ssh are plain TCP; the logs of the engines have shown the rest.
TCP_MEANT=1 link_down
