#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds every fuzz target (libFuzzer, clang, address and undefined-behaviour sanitizers) and runs each
# from its seed corpus. What else belongs to fuzz_NAME.c stands in NAME.c. New inputs stay in the build
# directory; a crash is printed with its input.
#
#   run.sh BUILD_DIRECTORY SECONDS
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

out=$1
seconds=$2
mkdir -p "$out"
command -v clang >/dev/null || {
	echo "fuzz: clang is missing (make setup)" >&2
	exit 1
}
flags=(-std=gnu11 -D_GNU_SOURCE -O1 -g -I. -Icore -Imessaging/include -Itests -fno-omit-frame-pointer
	-DRUDP_VERSION_TEXT='"fuzz"'
	"-fsanitize=fuzzer-no-link,address,undefined" -fno-sanitize-recover=undefined)

library=$out/libfuzzed.a
objects=()
for source in core/base/*.c core/proto/*.c core/api/names.c \
	core/engine/key_file.c core/engine/policy*.c tools/elf.c tools/filter*.c \
	messaging/wire.c messaging/record.c messaging/batch.c messaging/inbox.c messaging/outbox.c \
	messaging/hub*.c messaging/disk_check.c conversation/irc/*.c \
	conversation/model/*.c conversation/server/*.c conversation/store/*.c; do
	[ "$source" != conversation/server/main.c ] || continue
	object=$out/${source//\//_}.o
	if [ ! -e "$object" ] || [ -n "$(find core tools messaging conversation -name '*.[ch]' -newer "$object" -print -quit)" ]; then
		clang "${flags[@]}" -c "$source" -o "$object" || exit 1
	fi
	objects+=("$object")
done
rm -f "$library"
ar rcs "$library" "${objects[@]}"

failed=0
ran=0
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	name=${name#fuzz_}
	target=$out/fuzz_$name
	sources=("$source")
	[ ! -e "tests/fuzz/$name.c" ] || sources+=("tests/fuzz/$name.c")
	clang "${flags[@]}" -fsanitize=fuzzer "${sources[@]}" "$library" -lcrypto -llmdb \
		-Wl,--as-needed -linih -lsodium -lsqlite3 -lssl -o "$target" || exit 1
	mkdir -p "$out/corpus/$name" "$out/crash"
	corpus=(tests/fuzz/corpus/"$name")
	[ -d "${corpus[0]}" ] || corpus=()
	if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
		-artifact_prefix="$out/crash/$name-" "$out/corpus/$name" "${corpus[@]}" \
		>"$out/$name.log" 2>&1; then
		echo "fuzz $name: $seconds s, no finding"
	else
		cat "$out/$name.log"
		echo "FAILED: fuzz $name"
		failed=$((failed + 1))
	fi
	ran=$((ran + 1))
done
echo "fuzz targets: $((ran - failed)) passed, $failed failed"
[ $failed -eq 0 ] && [ $ran -gt 0 ]
