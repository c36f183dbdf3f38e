#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the criterion programs given, one line each; the whole output of one that fails. A test that leaks
# has passed, Criterion says: what LeakSanitizer says of it stands in the output.
#
#   run_units.sh BUILD PROGRAM...
set -uo pipefail

build=$1
shift
failed=0
ran=0
export LSAN_OPTIONS
LSAN_OPTIONS=suppressions=$(realpath tests/lsan.supp):print_suppressions=0
for program in "$@"; do
	# The programs that these tests run under the shim are not ours; neither are their leaks.
	unset ASAN_OPTIONS
	[ "$(basename "$program")" != shim ] || export ASAN_OPTIONS=detect_leaks=0
	log=$build/tests/$(basename "$program").log
	# Criterion names a test that hangs; timeout ends a program that does not notice.
	BUILD=$(realpath "$build") timeout 1200 "$program" --jobs 2 --timeout 600 >"$log" 2>&1
	status=$?
	summary=$(grep -a 'Synthesis' "$log" | tail -n 1 | sed 's/\x1b\[[0-9;]*m//g; s/.*Synthesis: //')
	printf 'unit tests %-8s %s\n' "$(basename "$program")" "${summary:-no summary}"
	ran=$((ran + 1))
	if [ $status -ne 0 ] || [ -z "$summary" ] || [[ $summary == *"Tested: 0 "* ]] ||
		grep -aq 'LeakSanitizer: detected' "$log"; then
		cat "$log"
		echo "FAILED: $program (exit $status)"
		failed=$((failed + 1))
	fi
done
echo "unit test programs: $((ran - failed)) passed, $failed failed"
[ $failed -eq 0 ]
