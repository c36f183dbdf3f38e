#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Users log in to Apollonion by their rudp identities (SASL EXTERNAL): over the shim, and with converse. The
# key of nobody, of another account, and a removed key are refused, and so is who shows no key.
#
#     a: nc, converse ──── linkem: 5 ms ──── b: apollonion
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no identities"; exit 77; }

PORT=6667 PEERS_PORT=6680
AS_ALICE=YWxpY2U= # base64

# serve HOW [LINE...]: with more lines of configuration. HOW is launch, or launch_native without the shim.
serve_keys() {
	local how=$1 SETTINGS
	shift
	printf '%s\n' "[server]" "name = irc.test" "network = Test" "[listen]" "plain = $PORT" \
		"plain-passwords = yes" "[accounts]" "file = $TMP/db" "[flood]" "burst = off" "$@" >"$TMP/conf"
	rm -f "$TMP/server.err"
	is_person server
	"$how" server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
}

# connects PERSON NICK [RULES]: what it says before the welcome is not over.
connects() {
	local SETTINGS
	is_person "$1" "${3:-set first-contact take}"
	talk launch "$1" nc.openbsd "$B4" "$PORT"
	say "$1" "CAP LS 302"
	say "$1" "NICK $2"
	say "$1" "USER $2 0 * :$2"
	say "$1" "CAP REQ :sasl"
	hears "$1" ' CAP .* ACK :sasl'
}

# logs_in PERSON RESPONSE
logs_in() {
	say "$1" "AUTHENTICATE EXTERNAL"
	hears "$1" '^AUTHENTICATE \+'
	say "$1" "AUTHENTICATE $2"
}

# is_refused PERSON NICK RESPONSE
is_refused() {
	connects "$1" "$2"
	logs_in "$1" "$3"
	hears "$1" ' 904 '
	hears_not "$1" ' 90[03] '
	say "$1" "CAP END"
	leave "$1"
}

is_let_in() {
	connects "$1" "$2"
	logs_in "$1" "$3"
	hears "$1" " 900 .* alice :"
	hears "$1" ' 903 '
	say "$1" "CAP END"
	hears "$1" " 001 $2 "
}

adding() {
	section "a key is added to an account"
	connects alice alice
	hears alice '[ :]sasl=PLAIN,EXTERNAL,SCRAM-SHA-256'
	say alice "CAP REQ :draft/account-registration"
	say alice "CAP END"
	hears alice ' 001 alice '
	say alice "NS CERT ADD"
	hears alice ':Log in to your account first'
	say alice "REGISTER * * :correct horse"
	hears alice ' REGISTER SUCCESS alice '
	say alice "NS CERT ADD"
	hears alice ":${FINGERPRINT//+/\\+} is a key of your account now"
	say alice "NS CERT LIST"
	hears alice ":${FINGERPRINT//+/\\+} \\(shown in this session\\)"
	leave alice
	is_let_in alice alice +
	leave alice
	is_let_in alice another "$AS_ALICE"
	leave alice
	ok "its owner logs in with it, without a password"
}

others() {
	section "other keys"
	is_refused bob bob +
	is_refused bob bob "$AS_ALICE"
	connects nobody nobody "set first-contact off"
	hears nobody '[ :]sasl=PLAIN,SCRAM-SHA-256( |$)'
	say nobody "AUTHENTICATE EXTERNAL"
	hears nobody ' 908 nobody PLAIN,SCRAM-SHA-256 :'
	hears nobody ' 904 '
	say nobody "CAP END"
	leave nobody
	connects bob bob
	say bob "CAP REQ :draft/account-registration"
	say bob "CAP END"
	say bob "REGISTER * * :correct horse"
	hears bob ' REGISTER SUCCESS bob '
	say bob "NS CERT ADD $FINGERPRINT"
	hears bob ':Only the key that you have shown can be added'
	say bob "NS CERT ADD"
	hears bob ' is a key of your account now'
	leave bob
	is_refused bob bob "$AS_ALICE"
	ok "are refused, and nobody can claim the key of somebody else"
}

again() {
	section "the server starts again"
	end_server
	"$BUILD/apollonion" --config "$TMP/conf" --export "$TMP/export" || fail "the export fails"
	grep -q "\"type\":\"key\",\"account\":\"alice\",\"fingerprint\":\"$FINGERPRINT\"" "$TMP/export" ||
		fail "the key is not exported: $(cat "$TMP/export")"
	serve_keys launch
	is_let_in alice alice +
	ok "the key is still there"
}

# converse NAME PERSON [OPTION...]: sends a line as NAME.
converses() {
	local SETTINGS name=$1
	is_person "$2" "set first-contact take"
	shift 2
	launch_native "$name" a "$BUILD/converse" --server "$B4:$PEERS_PORT" --id "$name" --nick alice \
		--key "$TMP/key" --by-key --send '#hall' --timeout 60 <<<"hello"
	finish "$name" 80
}

messaging() {
	section "converse"
	leave alice
	end_server
	serve_keys launch_native "[peers]" "port = $PEERS_PORT" "key = $TMP/key"
	converses desk alice
	grep -q "registered as alice$" "$TMP/desk.err" || fail "alice is not known: $(cat "$TMP/desk.err")"
	converses attic bob
	grep -q "registered as alice$" "$TMP/attic.err" && fail "bob is taken for alice"
	grep -q "registered as" "$TMP/attic.err" || fail "bob is not there: $(cat "$TMP/attic.err")"
	converses desk bob
	grep -q "belongs to another identity" "$TMP/desk.err" ||
		fail "bob has taken the name of alice's client: $(cat "$TMP/desk.err")"
	ok "logs in by the identity of its user, whose --id nobody else gets"
}

removing() {
	section "a key is removed"
	say alice "NS CERT DEL $FINGERPRINT"
	hears alice ":${FINGERPRINT//+/\\+} is no key of your account any more"
	leave alice
	is_refused alice alice "$AS_ALICE"
	is_refused alice alice +
	ok "it is refused from then on"
}

link_up --delay 5
make_key key
for name in server alice bob nobody; do
	person "$name"
done
rm "$TMP/nobody/rudp/id" "$TMP/nobody/rudp/id.pub"
FINGERPRINT=$(grep -o 'SHA256:[A-Za-z0-9+/]*' "$TMP/alice.new" | head -n 1)
serve_keys launch
adding
others
again
messaging
end_server
serve_keys launch
is_let_in alice alice +
removing
end_server
