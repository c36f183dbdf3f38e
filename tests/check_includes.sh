#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_includes - the direction of includes: each folder below may include the folders beside it, and no
# others. The folders of core/proto are in the order of docs/architecture.md: a lower one knows nothing of
# a higher one.
#
# Usage   check_includes.sh [TOP]   TOP: the top of the sources; by default those that this script is in
# Exit    0 clean; 1 a file includes what it must not (each is printed with its line); 2 not run properly

set -u -o pipefail

# FOLDER: what it may include. A folder stands for all below it: on the left unless these have lines of
# their own, on the right without those with a "!".
directions='
core/base:            base
core/proto/wire:      base proto/wire
core/proto/crypto:    base proto/wire proto/crypto
core/proto/recovery:  base proto/wire proto/recovery
core/proto/cc:        base proto/wire proto/recovery proto/cc
core/proto/stream:    base proto/wire proto/recovery proto/cc proto/stream
core/proto/conn:      base proto
core/api:             base proto api rudp
core/engine/config:   base proto api engine/config
core/engine/confine:  base proto api engine/config engine/confine
core/engine/trace:    base proto api engine/config engine/trace
core/engine/host:     base proto api engine
core/engine:          base proto api engine !engine/host
shim:                 base api shim rudp
messaging:            base messaging rudp
'

[[ $# -le 1 ]] || {
	sed -n 's/^# Usage *//p' "$0" >&2
	exit 2
}
cd "${1:-$(dirname "$0")/..}" || exit 2

# Prints each include line that is not allowed. A name without a folder is that of a file beside it.
# shellcheck disable=SC2016 # the program is awk's
wrong_includes() {
	find core shim messaging -name '*.[ch]' -not -path '*/include/*' -print0 | sort -z |
		xargs -0 awk -v directions="$directions" '
	BEGIN {
		rows = split(directions, row, "\n")
		for (i = 1; i <= rows; i++)
			if (split(row[i], part, /: */) == 2)
				allowed[part[1]] = part[2]
	}
	function folder_of(path) {
		return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : ""
	}
	function may_include(list, folder,    names, count, may, i) {
		count = split(list, names, " ")
		for (i = 1; i <= count; i++) {
			may = may || index(folder "/", names[i] "/") == 1
			if (names[i] ~ /^!/ && index(folder "/", substr(names[i], 2) "/") == 1)
				return 0
		}
		return may
	}
	FNR == 1 {
		for (from = folder_of(FILENAME); from != "" && !(from in allowed); from = folder_of(from))
			;
		if (from == "")
			print FILENAME ": its folder has no line in tests/check_includes.sh"
	}
	from != "" && /^[ \t]*#[ \t]*include[ \t]*("|<(base|proto|api|engine|shim|messaging)\/)/ {
		split($0, quoted, /["<>]/)
		to = folder_of(quoted[2])
		if (to != "" && !may_include(allowed[from], to))
			printf "%s:%d: includes \"%s\"; %s may include only: %s\n",
				FILENAME, FNR, quoted[2], from, allowed[from]
	}'
}

wrong=$(wrong_includes) || exit 2
if [[ -n $wrong ]]; then
	echo "includes against the direction (docs/architecture.md, Layers):" >&2
	echo "$wrong" >&2
	exit 1
fi
echo "includes: none against the direction"
