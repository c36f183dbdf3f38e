#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make install into a directory of one's own, after a make that knew nothing of it: what lies there finds
# its engine, programs are built against it, and make uninstall leaves nothing.
#
#     a: rudpmsg send ──── linkem ──── b: rudpmsg receive
#
BUILT=${BUILD:-$(dirname "$0")/../build} # lib.sh may look at a copy of a part
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "$PLAIN" ]; then
	echo "skipped: there is nothing of kernel TCP to install"
	exit 77
fi
SOURCES=$(dirname "$HERE")
WHERE=$TMP/prefix
export PKG_CONFIG_PATH=$WHERE/lib/pkgconfig

# make_it TARGET: in a copy of the build, as that is another one's.
make_it() {
	make -C "$SOURCES" --no-print-directory BUILD="$TMP/copy" PREFIX="$WHERE" "$1" >"$TMP/$1.log" 2>&1 ||
		fail "make $1: $(tail -n 3 "$TMP/$1.log")"
}

link_up --delay 1ms

section "install"
cp -a "$BUILT" "$TMP/copy"
make_it install
for name in rudp rudpmsg apollonion converse; do
	"$WHERE/bin/$name" --version >"$TMP/version"
	expect_match "$TMP/version" '[0-9]+\.[0-9]+\.[0-9]+' "the version of $name"
done
"$WHERE/bin/rudp" doctor --json >"$TMP/doctor" || true
expect_match "$TMP/doctor" "$WHERE/lib/rudp/rudp-engine" "the engine that doctor finds"
while read -r file; do
	[ -s "$WHERE/share/doc/rudp/${file#docs/}" ] || fail "man pages name $file, which is not installed"
done < <(grep -ohE 'docs/[a-z]+\.md' "$SOURCES"/docs/man/* | sort -u)
ok "the commands start, and what the man pages name is there"

section "messages, without a word about where the engine is"
unset RUDP_ENGINE_PATH
seq 5 >"$TMP/lines"
launch_plain receive b "$WHERE/bin/rudpmsg" receive --id there --listen $PORT --count 5
on a "$WHERE/bin/rudpmsg" send --id here --to "$B4:$PORT" --peer there <"$TMP/lines" 2>"$TMP/send.err" ||
	fail "rudpmsg send: $(cat "$TMP/send.err")"
finish receive 20
expect_eq "$STATUS" 0 "exit code of the receiver"
expect_same "$TMP/lines" "$TMP/receive.out" "messages"
ok "they came"

section "the examples, as their first lines say"
for file in "$WHERE"/share/doc/rudp/examples/*.c; do
	name=$(basename "$file" .c)
	package=$(sed -n 's/.*--libs \([a-z]*\)).*/\1/p' "$file")
	# shellcheck disable=SC2046
	cc -o "$TMP/$name" "$file" $(pkg-config --cflags --libs "$package") || fail "$name cannot be built"
done
expect_match "$TMP/echo" 'librudp\.so' "what echo is linked with"
expect_match "$TMP/request" 'librudpmsg\.so' "what request is linked with"
status=0
LD_LIBRARY_PATH=$WHERE/lib "$TMP/request" localhost 7000 2>"$TMP/usage" || status=$?
expect_eq "$status" 2 "exit code of wrong usage"
expect_match "$TMP/usage" 'usage: request PORT' "what it says"
ok "they are built, and say how they are used"

section "uninstall"
make_it uninstall
find "$WHERE" ! -type d >"$TMP/left"
[ ! -s "$TMP/left" ] || fail "left: $(head -n 5 "$TMP/left")"
ok "nothing is left"
