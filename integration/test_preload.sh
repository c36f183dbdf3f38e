#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Other libraries preloaded before and after the shim, and symbols bound at once or late.
#
#     curl ──── this machine's loopback ──── python
#
# shellcheck disable=SC2034
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# The file that the loader would take for this name.
library() {
	local file
	for file in /usr/lib/*/"$1" /usr/lib/*/faketime/"$1" /usr/lib/"$1"; do
		[ -e "$file" ] && echo "$file" && return
	done
	fail "$1 is not installed"
}

# with FRONT BACK COMMAND...: the command line with these libraries around the shim, in WITH.
with() {
	local list=$1
	[ -n "$PLAIN" ] || list+=:${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME:}$BUILD/librudp_shim.so
	list+=:$2
	shift 2
	WITH=(env "LD_PRELOAD=$list" FAKETIME=+0 "$@")
}

# serve_and_fetch WHAT FRONT BACK [VARIABLE=VALUE]: both programs with the same libraries.
serve_and_fetch() {
	local what=$1 front=$2 back=$3
	shift 3
	with "$front" "$back" "$@" python3 -u -m http.server --protocol HTTP/1.1 --bind "$B4" \
		--directory "$TMP/www" "$PORT"
	launch python b "${WITH[@]}"
	wait_listening b "$PORT"
	with "$front" "$back" "$@" curl -sS --max-time $((20 * PATIENCE)) --fail -o "$TMP/fetched" "$URL/page"
	under a "${WITH[@]}" 2>"$TMP/curl.err" || fail "$what: curl's exit $?"
	expect_same "$TMP/www/page" "$TMP/fetched" "$what"
	expect_eq "$(cat "$TMP/curl.err")" "" "$what: what the loader or curl said"
	ok "$what"
	stop_server python
}

make_page page 3000000
jemalloc=$(library libjemalloc.so.2)
faketime=$(library libfaketime.so.1)
serve_and_fetch "jemalloc in front" "$jemalloc" ""
serve_and_fetch "jemalloc behind" "" "$jemalloc"
serve_and_fetch "faketime in front" "$faketime" ""
serve_and_fetch "faketime behind" "" "$faketime"
serve_and_fetch "symbols bound at once" "" "" LD_BIND_NOW=1
serve_and_fetch "symbols bound at once, jemalloc in front" "$jemalloc" "" LD_BIND_NOW=1
SETTINGS=(RUDP_ENGINE=thread)
serve_and_fetch "jemalloc in front, engine in a thread" "$jemalloc" ""
serve_and_fetch "jemalloc behind, engine in a thread" "" "$jemalloc"
serve_and_fetch "faketime in front, engine in a thread" "$faketime" ""
