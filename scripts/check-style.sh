#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks style automatically, so that reviews can discuss design: shell scripts, lengths of files and lines, words
# that must not be committed, the licence line, links between texts.
#
#   check-style.sh [quick]   quick: checks only shell scripts that differ from the last commit, because shellcheck
#                            takes most of the time
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
bad=0

complain() {
	echo "style: $*"
	bad=1
}

if git rev-parse --git-dir >/dev/null 2>&1; then
	mapfile -t sources < <(git ls-files '*.c' '*.h')
	mapfile -t scripts < <(git ls-files '*.sh' '.ci/run')
	mapfile -t texts < <(git ls-files '*.md')
else
	mapfile -t sources < <(find . -name '*.[ch]' -not -path './build*')
	mapfile -t scripts < <(find . -name '*.sh' -not -path './build*')
	mapfile -t texts < <(find . -name '*.md' -not -path './build*')
fi

for file in "${sources[@]}"; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 600 ] || complain "$file has $lines lines (at most 600)"
	head -n 1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || complain "$file lacks its SPDX line"
done
# clang-format leaves comments and long words as they are.
long=$(awk '{ line = $0; sub(/^ \*\t/, "        ", line); gsub(/\t/, "        ", line) }
	length(line) > 100 { print FILENAME ":" FNR }' "${sources[@]}" | head -n 20)
[ -z "$long" ] || complain "lines over 100 columns: $long"
# Each release of clang-format has rules of its own: sources are formatted with the one of Debian 12.
if clang-format --version | grep -q 'version 14\.'; then
	formed=$(clang-format --dry-run "${sources[@]}" 2>&1 | grep -o '^[^ ]*: warning' | head -n 20)
	[ -z "$formed" ] || complain "not as clang-format leaves it (make format): $formed"
else
	echo "style: no clang-format 14 here, so the format is not checked"
fi
words=$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${sources[@]}" | head -n 5)
[ -z "$words" ] || complain "left open: $words"
labels=$(grep -nE '^ \*.*[.:;)] (Cost|Errors|Limits|Lock|Memory|Model|Returns|Source|Threads)  +[^ ]' "${sources[@]}" | head -n 5)
[ -z "$labels" ] || complain "run together, each label begins a line: $labels"
banned=$(grep -nE '\b(strcat|sprintf|strtok|gets)\(' "${sources[@]}" | head -n 5)
[ -z "$banned" ] || complain "banned calls: $banned"
# core/api/engine_thread.c, OPEN_FLAGS
foreign=$(grep -rnE '\b(getline|getdelim|strn?dup|v?asprintf|open_memstream|scandir)\(' --include='*.[ch]' core | head -n 5)
[ -z "$foreign" ] || complain "allocates inside libc, which the engine's free() may not fit: $foreign"
# The gt() of criterion 2.4.1 is also true for equal values, so gt(u64, x, 0) is always true. Use lt() with the
# arguments exchanged.
greater=$(grep -nE '\bgt\(' "${sources[@]}" | head -n 5)
[ -z "$greater" ] || complain "gt() of criterion is no more than ge(): $greater"
# Links between texts must lead to existing files.
while IFS=: read -r file link; do
	[ -e "$(dirname "$file")/$link" ] || complain "$file points to $link, which is not there"
done < <(grep -HoE '\]\([^)#:[:space:]]+[)#]' "${texts[@]}" | sed -E 's/:\]\(/:/; s/[)#]$//')
# A reader should be able to read the README in a few minutes.
[ "$(wc -l <README.md)" -le 150 ] || complain "README.md has more than 150 lines"
# Each clause of the protocol with "must" names its tests, or why it has none.
tests/conformance.py check || bad=1
# The shell completions must list all values of rudp run --cc.
names=$(sed -nE 's/^\tX\(([a-z]+)\).*/\1/p' core/proto/cc/cc_names.h | paste -sd ' ')
for file in tools/completion/_rudp tools/completion/rudp.bash; do
	grep -qF "$names" "$file" || complain "$file does not offer: $names"
done
# A folder's index (README.md) must name all modules. A folder with more than 12 modules needs an index. If
# a folder is a row of the index above it (| wire/ |), that index names its modules.
while read -r folder; do
	mapfile -t modules < <(printf '%s\n' "${sources[@]}" | sed -nE "s|^(\./)?$folder/([^/]+)\.[ch]$|\2|p" | sort -u)
	index=$folder/README.md
	above=${folder%/*}/README.md
	[ -e "$index" ] || ! grep -qs "^| ${folder##*/}/ |" "$above" || index=$above
	if [ ! -e "$index" ]; then
		[ ${#modules[@]} -le 12 ] || complain "$folder has ${#modules[@]} modules and no README.md that names them"
		continue
	fi
	mapfile -t missing < <(sed -nE 's/^\| ([a-z0-9_, ]+) \|.*/\1/p' "$index" | tr -s ', ' '\n' | sort -u |
		comm -23 <(printf '%s\n' "${modules[@]}") -)
	[ ${#missing[@]} -eq 0 ] || complain "$index does not name: ${missing[*]}"
done < <(printf '%s\n' "${sources[@]}" | sed -nE 's,^(\./)?((core|messaging|conversation|shim|tools|tests/sim|integration/netmodel)(/[a-z]+)*)/[^/]+\.[ch]$,\2,p' |
	sort -u | grep -v /include)
if [ "${1:-}" = quick ] && git rev-parse --git-dir >/dev/null 2>&1; then
	mapfile -t scripts < <(git ls-files -mo --exclude-standard '*.sh' '.ci/run')
fi
# One process a file, so that all processors are used. The sourced libraries are read for each file anyway.
[ ${#scripts[@]} -eq 0 ] || printf '%s\0' "${scripts[@]}" | xargs -0 -n 1 -P "$(nproc)" shellcheck -x ||
	complain "shellcheck"
[ $bad -eq 0 ] && echo "style: clean"
exit $bad
