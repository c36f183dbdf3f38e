#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check_hardening - reads in the built executables and libraries that the compiler and the linker did what
# the Makefile asks for: all symbols are bound at the start and their table is read-only then, the stack
# is not executable, executables are position-independent, functions check their stack frames, and
# calls of libc check the sizes of buffers.
#
# Usage   check_hardening.sh FILE...
# Exit    0 all of them are hardened; 1 not (each finding is printed with its file)
set -uo pipefail
[ $# -gt 0 ] || {
	sed -n 's/^# Usage *//p' "$0" >&2
	exit 2
}
bad=0

complain() {
	echo "hardening: $*" >&2
	bad=1
}

check() {
	local file=$1 headers dynamic symbols
	if ! headers=$(readelf -W --file-header --program-headers "$file") ||
		! dynamic=$(readelf -W --dynamic "$file") ||
		! symbols=$(readelf -W --dyn-syms "$file"); then
		complain "$file cannot be read"
		return
	fi
	grep -q 'Type: *DYN' <<<"$headers" || complain "$file is not position-independent"
	grep -q 'GNU_RELRO' <<<"$headers" || complain "$file has no read-only relocations"
	grep -qE 'BIND_NOW|FLAGS_1.*NOW' <<<"$dynamic" || complain "$file binds symbols lazily"
	grep -qE 'GNU_STACK.* RW ' <<<"$headers" || complain "$file has an executable stack"
	grep -q '__stack_chk_fail' <<<"$symbols" || complain "$file does not check stack frames"
	grep -qE '__[a-z]+_chk' <<<"$symbols" || complain "$file does not check sizes of buffers"
}

for file; do
	check "$file"
done
[ $bad -ne 0 ] || echo "hardening: $# files have all of it"
exit $bad
