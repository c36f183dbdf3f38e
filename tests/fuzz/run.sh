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
# The filters of system calls, which the Makefile makes likewise.
mkdir -p "$out/made"
clang -std=gnu11 -D_GNU_SOURCE -o "$out/made/filter" core/engine/confine/filter/main.c -lseccomp &&
	"$out/made/filter" >"$out/made/engine_filters.h" || exit 1
conversation/web/embed.sh conversation/web/client/* >"$out/made/web_files.c" || exit 1

flags=(-std=gnu11 -D_GNU_SOURCE -O1 -g -I. -I"$out/made" -Icore -Icore/include -Imessaging/include -Itests
	-fno-omit-frame-pointer -DRUDP_LIBDIR='"/nowhere"' -DRUDP_VERSION_TEXT='"fuzz"'
	"-fsanitize=fuzzer-no-link,address,undefined" -fno-sanitize-recover=undefined)

jobs=$(nproc)

library=$out/libfuzzed.a
sources=()
for source in core/base/*.c core/proto/*/*.c core/api/*.c core/engine/*/*.c tools/elf.c tools/filter*.c \
	messaging/wire.c messaging/record.c messaging/batch.c messaging/inbox.c messaging/outbox.c \
	messaging/hub*.c messaging/disk_check.c conversation/irc/*.c conversation/cluster/*.c \
	conversation/model/*.c conversation/server/*.c conversation/store/*.c conversation/web/*.c \
	tests/proto/checks.c "$out/made/web_files.c"; do
	case $source in
	conversation/server/main.c | core/engine/host/host_*.c) ;;
	*) sources+=("$source") ;;
	esac
done

object_of() {
	echo "$out/${1//\//_}.o"
}

compile() {
	local object
	object=$(object_of "$1")
	if [ ! -e "$object" ] || [ -n "$(find core tools messaging conversation -name '*.[ch]' -newer "$object" -print -quit)" ]; then
		clang "${flags[@]}" -c "$1" -o "$object"
	fi
}

# fuzz NAME: builds the target and runs it.
fuzz() {
	local name=$1 target=$out/fuzz_$1 sources=("tests/fuzz/fuzz_$1.c") corpus=(tests/fuzz/corpus/"$1")
	[ ! -e "tests/fuzz/$name.c" ] || sources+=("tests/fuzz/$name.c")
	clang "${flags[@]}" -fsanitize=fuzzer "${sources[@]}" "$library" -lcrypto -llmdb \
		-Wl,--as-needed -linih -lsodium -lsqlite3 -lssl -lwslay -lnats -o "$target" || return
	mkdir -p "$out/corpus/$name" "$out/crash"
	[ -d "${corpus[0]}" ] || corpus=()
	if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
		-artifact_prefix="$out/crash/$name-" "$out/corpus/$name" "${corpus[@]}" \
		>"$out/$name.log" 2>&1; then
		echo "fuzz $name: $seconds s, no finding"
	else
		cat "$out/$name.log"
		echo "FAILED: fuzz $name"
		return 1
	fi
}

# each COMMAND ARGUMENT...: the command for each argument, by as many workers as there are processors; fails
# when one of them does.
each() {
	local workers=() status=0 k
	for ((k = 0; k < jobs; k++)); do
		share_of "$k" "$@" &
		workers+=($!)
	done
	for k in "${workers[@]}"; do
		wait "$k" || status=1
	done
	return $status
}

# share_of WORKER COMMAND ARGUMENT...
share_of() {
	local k=$1 command=$2 status=0
	shift 2
	for ((; k < $#; k += jobs)); do
		"$command" "${@:k+1:1}" || status=1
	done
	return $status
}

each compile "${sources[@]}" || exit 1
objects=()
for source in "${sources[@]}"; do
	objects+=("$(object_of "$source")")
done
rm -f "$library"
ar rcs "$library" "${objects[@]}"

names=()
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	names+=("${name#fuzz_}")
done
if [ ${#names[@]} -gt 0 ] && each fuzz "${names[@]}"; then
	echo "fuzz: all ${#names[@]} targets passed"
else
	echo "fuzz: not all of ${#names[@]} targets passed"
	exit 1
fi
