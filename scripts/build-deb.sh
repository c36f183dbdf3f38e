#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the Debian packages in a copy of this tree, so that neither debian/ nor the parent directory changes.
# The copy keeps its objects: the next build compiles only changed files.
#
#   build-deb.sh DIRECTORY       writes the packages there, and the copy to DIRECTORY/src
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$1
copy=$directory/src

fail() {
	echo "make deb: $*" >&2
	exit 1
}

command -v dh >/dev/null || fail "debhelper is missing: scripts/install-packages.sh deb"
version=$(sed -n 's/^VERSION := //p' Makefile)
packaged=$(dpkg-parsechangelog -S Version)
[ "${packaged%%[-+~]*}" = "$version" ] ||
	fail "debian/changelog says version $packaged, the Makefile $version"

list_sources() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -z --cached --others --exclude-standard
	else
		find . -name 'build*' -path './build*' -prune -o -type f -print0
	fi
}

mkdir -p "$copy"
# Removes objects that were built with other flags or another compiler.
flags=$(cat Makefile debian/rules; dpkg-buildflags; cc --version)
if ! printf '%s' "$flags" | cmp -s - "$directory/flags"; then
	rm -rf "$copy/build"
fi
printf '%s' "$flags" >"$directory/flags"
find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
rm -f "$directory"/*.deb "$directory"/*.changes "$directory"/*.buildinfo
# The list still contains files whose removal is not committed.
list_sources | while IFS= read -r -d '' file; do
	[ ! -f "$file" ] || printf '%s\0' "$file"
done | tar --null -T - -cf - | tar -C "$copy" -xf -

# The caller's compiler and settings must not affect the result.
(cd "$copy" && env -u BUILD -u CI -u SANITIZER -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	dpkg-buildpackage --build=binary --no-sign --no-pre-clean --root-command=) \
	>"$directory/build.log" 2>&1 || {
	tail -n 30 "$directory/build.log" >&2
	fail "dpkg-buildpackage failed; $directory/build.log tells all"
}
find "$directory" -maxdepth 1 -name '*.deb' ! -name '*-dbgsym_*' | sort
