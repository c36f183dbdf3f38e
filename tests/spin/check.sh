#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Verifies messaging.pml, and that it can fail: with a rule taken out Spin must find the error that the
# rule prevents.
#
#   check.sh DIRECTORY-FOR-WHAT-IS-BUILT [NAME]
#   check.sh DIRECTORY story NAME      how a variant goes wrong, step by step
set -euo pipefail
self=$(realpath "$0")
model=$(dirname "$self")/messaging.pml
mkdir -p "${1:?where to build}"
cd "$1"
only=${2:-}

MEMORY_MB=900
DEPTH=200000

# name, scope. Together they are what docs/messaging.md claims.
verified() {
	cat <<-'EOT'
		crossing     -DBREAKS=2
		repeated     -DBREAKS=1 -DREPEATS=1 -DEARLY=1
		restarted    -DBREAKS=1 -DRESTARTS=1
		both-ways    -DBREAKS=2 -DDIALERS=1 -DMESSAGES_0=3 -DMESSAGES_1=1
		crossed-send -DBREAKS=1 -DMESSAGES_0=1
		handled      -DBREAKS=3 -DDIALERS=2 -DMESSAGES_0=3 -DHANDLED
		lived-again  -DBREAKS=1 -DRESTARTS=1 -DDIALERS=1 -DMESSAGES_0=3
		heard-again  -DBREAKS=1 -DRESTARTS=1 -DDIALERS=2 -DMESSAGES_0=3 -DHANDLED
		ended        -DBREAKS=1 -DDISCONNECTS=1 -DGIVE_UP -DMESSAGES_0=2
		ended-late   -DBREAKS=1 -DEARLY=1 -DDISCONNECTS=1 -DGIVE_UP -DDIALERS=1 -DMESSAGES_0=3 -DHANDLED
		settles      -DBREAKS=1 -DMESSAGES_0=1 -DLTL
	EOT
}

# rule taken out, what is then violated (a part of the assertion), scope
refuted() {
	cat <<-'EOT'
		NO_CROSSED_RULE      last_link      -DBREAKS=0
		NO_LATE_CHECK        broken         -DBREAKS=2 -DDIALERS=1
		NO_KNOWN_LINK_CHECK  broken         -DBREAKS=1
		NO_PROOF_OF_LIFE     delivered      -DBREAKS=1 -DRESTARTS=1 -DDIALERS=1 -DMESSAGES_0=1
		NO_REPEATED_CHECK    answered_once  -DREPEATS=1
		NO_ACK_FROM_BEFORE   sent_id        -DBREAKS=2 -DDIALERS=2 -DMESSAGES_0=3 -DHANDLED
		NO_WAKE              app            -DDISCONNECTS=1 -DDIALERS=1 -DMESSAGES_0=3 -DHANDLED
		NO_RESEND            reached        -DBREAKS=1 -DDIALERS=1 -DMESSAGES_0=2
		NO_DEDUP             delivered      -DBREAKS=1 -DDIALERS=1 -DMESSAGES_0=2 -DHANDLED
		NO_INBOX_RESTART     reached        -DRESTARTS=1 -DDIALERS=1 -DMESSAGES_0=1
	EOT
}

# build NAME DEFINITION...
build() {
	local name=$1 kind=-DSAFETY
	shift
	case " $* " in
	*" -DLTL "*) kind= ;;
	esac
	mkdir -p "$name"
	(
		cd "$name"
		cp "$model" .
		spin -a "$@" messaging.pml >spin.log || {
			cat spin.log >&2
			exit 1
		}
		# Compiling with -O2 takes ten times longer than all that it saves.
		# shellcheck disable=SC2086 # one word or none
		"${CC:-cc}" -O0 -w -DCOLLAPSE -DMEMLIM=$MEMORY_MB $kind -o pan pan.c
	)
}

# run_pan NAME [-a]: its verdict is in NAME/pan.log.
run_pan() {
	(
		cd "$1"
		rm -f ./*.trail
		# shellcheck disable=SC2086 # -a, or nothing
		./pan -m$DEPTH -n ${2:-} >pan.log 2>&1 || true
	)
}

complain() {
	sed 's/^/  /' "$1/pan.log" >&2
	echo "check-spin: $2" >&2
	exit 1
}

verify() {
	local name=$1 flag=
	shift
	build "$name" "$@"
	[[ " $* " != *" -DLTL "* ]] || flag=-a
	run_pan "$name" $flag
	if ! grep -q 'errors: 0$' "$name/pan.log" ||
		grep -q 'search not completed\|max search depth' "$name/pan.log"; then
		complain "$name" "$name does not hold; the steps: tests/spin/check.sh $PWD story $name"
	fi
	awk -v name="$name" '/states, stored/ { print "  " name ": holds in " $1 " states" }' "$name/pan.log"
}

refute() {
	local rule=$1 violated=$2
	shift 2
	build "$rule" "-D$rule" "$@"
	run_pan "$rule"
	grep -q "assertion violated.*$violated" "$rule/pan.log" ||
		complain "$rule" "without the rule that $rule takes out nothing goes wrong: the model sees too little"
	echo "  $rule: refuted, $(grep -o 'at depth [0-9]*' "$rule/pan.log" | head -n 1)"
}

# What happened up to the error.
story() {
	local line
	line=$( (verified; refuted | sed 's/^\([^ ]*\) *[^ ]* /\1 -D\1 /') | grep "^$1 ")
	cd "$1"
	# shellcheck disable=SC2086
	spin -t ${line#* } messaging.pml | sed 's/^ *//'
}

command -v spin >/dev/null || {
	echo "check-spin: spin is missing (scripts/install-packages.sh test installs it)" >&2
	exit 1
}
if [ "$only" = story ]; then
	story "${3:?name}"
	exit
fi
if [ -z "$only" ]; then
	{
		verified
		refuted
	} | awk '{ print $1 }' | xargs -n 1 -P "$(nproc)" "$self" .
	exit
fi
found=
while read -r name scope; do
	[ "$only" = "$name" ] || continue
	found=1
	# shellcheck disable=SC2086
	verify "$name" $scope
done < <(verified)
while read -r rule violated scope; do
	[ "$only" = "$rule" ] || continue
	found=1
	# shellcheck disable=SC2086
	refute "$rule" "$violated" $scope
done < <(refuted)
[ -n "$found" ] || {
	echo "check-spin: there is no $only" >&2
	exit 1
}
