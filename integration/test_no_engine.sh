#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Where no engine can be started, programs use TCP, but never a user's whose settings forbid clear text.
#
#     curl ──── this machine's loopback ──── python without the shim
#
# shellcheck disable=SC2034
LOOPBACK=1
TCP_MEANT=1
BUILT=${BUILD:-$(dirname "$0")/../build} # lib.sh may look at a copy of a part
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Beside this copy there is no engine, nor where make install may have put one.
mkdir -p "$TMP/alone" "$TMP/home/.config/rudp"
cp "$BUILD/librudp_shim.so" "$TMP/alone"
folder=$TMP/home/.config/rudp

# fetch [VARIABLE=VALUE...]: curl's exit code in STATUS.
fetch() {
	STATUS=0
	# shellcheck disable=SC2016 # the shell inside expands them
	on a env -u RUDP_ENGINE_PATH -u RUDP_KEY_FILE -u RUDP_POLICY_FILE -u XDG_CONFIG_HOME "HOME=$TMP/home" "$@" unshare --mount sh -c '
		[ ! -d "$1" ] || mount -t tmpfs none "$1" || exit 99
		export LD_PRELOAD="$2"
		shift 2
		exec "$@"' sh "$(cat "$BUILT/obj/libdir")/rudp" \
		"$TMP/alone/librudp_shim.so${SANITIZER_RUNTIME:+:$SANITIZER_RUNTIME}" \
		curl -sS --max-time $((20 * PATIENCE)) --fail -o "$TMP/fetched" "$URL/page" 2>"$TMP/curl.err" || STATUS=$?
}

# served WHAT [VARIABLE=VALUE...]
served() {
	local what=$1
	shift
	rm -f "$TMP/fetched"
	fetch "$@"
	expect_eq "$STATUS" 0 "$what: curl's exit ($(cat "$TMP/curl.err"))"
	expect_same "$TMP/www/page" "$TMP/fetched" "$what"
	ok "$what: over TCP"
}

# refused WHAT [VARIABLE=VALUE...]
refused() {
	local what=$1
	shift
	rm -f "$TMP/fetched"
	fetch "$@"
	expect_eq "$STATUS" 7 "$what: curl's exit"
	[ ! -e "$TMP/fetched" ] || fail "$what: curl has fetched the page"
	ok "$what: refused"
}

make_page page 100000
launch_plain python b python3 -u -m http.server --bind "$B4" --directory "$TMP/www" "$PORT"
wait_listening_plain b "$PORT"
served "no settings"
served "rules that leave the choice" "RUDP_POLICY=any use auto"
refused "a shared key" "RUDP_KEY_FILE=$TMP/key"
refused "a rule that demands rudp" "RUDP_POLICY=any use rudp"
echo "listen use auto require identity" >"$folder/rudp.conf"
refused "a file with a rule that requires identities"
rm "$folder/rudp.conf"
echo "# nobody yet" >"$folder/known_hosts"
served "no known hosts"
echo "192.0.2.1 rudp-x25519 $(head -c 32 /dev/urandom | base64)" >>"$folder/known_hosts"
refused "known hosts"
rm "$folder/known_hosts"
: >"$folder/authorized_keys"
refused "authorized keys"
rm "$folder/authorized_keys"
served "no settings again"
