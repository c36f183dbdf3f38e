#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the sources twice, in directories with names of different lengths, with another locale, time zone, umask
# and number of jobs. Compares the outputs byte by byte, and names those that differ.
#
#   check-reproducible.sh DIRECTORY [OUTPUT...]   the directory is emptied first; all outputs by default
set -euo pipefail
cd "$(dirname "$0")/.."

all=(librudp_shim.so librudp_engine.so rudp-engine rudp)
root=$1
shift
outputs=("$@")
[ $# -gt 0 ] || outputs=("${all[@]}")
rm -rf "$root"
mkdir -p "$root"
root=$(realpath "$root")

# copy_to DIRECTORY: copies the sources, committed or not; without git, all files.
copy_to() {
	mkdir -p "$1"
	if git rev-parse --git-dir >/dev/null 2>&1; then
		comm -z -23 <(git ls-files -z | sort -z) <(git ls-files -z --deleted | sort -z)
	else
		find . -path ./build -prune -o -type f -print0
	fi | xargs -0 cp -P --parents -t "$1"
}

# build_in DIRECTORY UMASK JOBS: prints the log if the build fails.
build_in() {
	(
		umask "$2"
		env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD make -C "$1" -j"$3" \
			"${outputs[@]/#/build/}" >"$1.log" 2>&1
	) || {
		cat "$1.log"
		echo "reproducible: $1 did not build"
		exit 1
	}
}

one=$root/one
other=$root/a-directory-with-a-longer-name/other
copy_to "$one"
copy_to "$other"
LC_ALL=C TZ=UTC build_in "$one" 022 2
LC_ALL=C.UTF-8 TZ=Pacific/Kiritimati build_in "$other" 077 3

bad=0
for name in "${outputs[@]}"; do
	cmp "$one/build/$name" "$other/build/$name" || bad=1
done
if [ $bad != 0 ]; then
	echo "reproducible: the differing files are in $root; diffoscope shows where they differ"
	exit 1
fi
rm -rf "$root"
echo "reproducible: ${#outputs[@]} programs and libraries are the same from two directories"
