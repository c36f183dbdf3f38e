#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs clang-tidy over sources, several side by side. Prints its findings, without its counts of them.
#
#   lint.sh CHECKS FILE... -- COMPILER-OPTION...   CHECKS: empty for those of .clang-tidy; JOBS=n: so many side by side
set -uo pipefail

command -v clang-tidy >/dev/null || {
	echo "lint needs clang-tidy, see scripts/install-packages.sh"
	exit 1
}
export CHECKS=$1
shift
files=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	files+=("$1")
	shift
done

# shellcheck disable=SC2016 # the inner shell expands
one='file=$1; shift
clang-tidy --quiet ${CHECKS:+"--checks=$CHECKS"} "$file" "$@" 2>&1 |
	grep -vE "^([0-9]+ warnings? (generated|treated as errors?)|Suppressed )"
exit "${PIPESTATUS[0]}"'
# One process a file: with several files clang 14 forgets what va_start() is after the first.
for file in "${files[@]}"; do
	printf '%s\0' "$file"
done | xargs -0 -P "${JOBS:-$(nproc)}" -I FILE bash -c "$one" lint FILE "$@" || exit 1
echo "lint: ${#files[@]} files without findings"
