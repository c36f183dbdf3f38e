#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Verifies the models here, and that they can fail: with a rule taken out Spin must find the error that
# the rule prevents.
#
#   check.sh DIRECTORY-FOR-WHAT-IS-BUILT [NAME]
#   check.sh DIRECTORY story NAME      how a variant goes wrong, step by step
set -euo pipefail
self=$(realpath "$0")
models=$(dirname "$self")
mkdir -p "${1:?where to build}"
cd "$1"
only=${2:-}

MEMORY_MB=900
DEPTH=200000

# model, name, scope. Together they are what docs/messaging.md and docs/protocol.md (section 16) claim.
verified() {
	cat <<-'EOT'
		messaging crossing     -DBREAKS=2
		messaging repeated     -DBREAKS=1 -DREPEATS=1 -DEARLY=1
		messaging restarted    -DBREAKS=1 -DRESTARTS=1
		messaging both-ways    -DBREAKS=2 -DDIALERS=1 -DMESSAGES_0=3 -DMESSAGES_1=1
		messaging crossed-send -DBREAKS=1 -DMESSAGES_0=1
		messaging handled      -DBREAKS=3 -DDIALERS=2 -DMESSAGES_0=3 -DHANDLED
		messaging lived-again  -DBREAKS=1 -DRESTARTS=1 -DDIALERS=1 -DMESSAGES_0=3
		messaging heard-again  -DBREAKS=1 -DRESTARTS=1 -DDIALERS=2 -DMESSAGES_0=3 -DHANDLED
		messaging ended        -DBREAKS=1 -DDISCONNECTS=1 -DGIVE_UP -DMESSAGES_0=2
		messaging ended-late   -DBREAKS=1 -DEARLY=1 -DDISCONNECTS=1 -DGIVE_UP -DDIALERS=1 -DMESSAGES_0=3 -DHANDLED
		messaging settles      -DBREAKS=1 -DMESSAGES_0=1 -DLTL
		identity  lawful       -DSLOTS=2 -DLAWFUL=1
		identity  mutual       -DSLOTS=2 -DCALLERS=3 -DLISTENERS=3 -DKINDS=20
		identity  leaked       -DSLOTS=2 -DLEAKS=1 -DKINDS=22
		identity  revoked      -DSLOTS=2 -DREVOKES=1
		identity  resumed      -DRESUME=1 -DSLOTS=2 -DKINDS=20 -DREVOKES=1
		identity  resumed-anon -DRESUME=1 -DSLOTS=2 -DKINDS=10
		identity  replayed     -DRESUME=1 -DKINDS=2
		identity  early        -DRESUME=1 -DEARLY=1 -DKINDS=4 -DREVOKES=1
		identity  early-first  -DRESUME=1 -DEARLY=1 -DKINDS=16
	EOT
}

# model, rule taken out, what is then violated (a part of the assertion), scope. WITHOUT_KEYS: the pattern
# NN, with which docs/protocol.md section 16 promises less.
refuted() {
	cat <<-'EOT'
		messaging NO_CROSSED_RULE      last_link      -DBREAKS=0
		messaging NO_LATE_CHECK        broken         -DBREAKS=2 -DDIALERS=1
		messaging NO_KNOWN_LINK_CHECK  broken         -DBREAKS=1
		messaging NO_PROOF_OF_LIFE     delivered      -DBREAKS=1 -DRESTARTS=1 -DDIALERS=1 -DMESSAGES_0=1
		messaging NO_REPEATED_CHECK    answered_once  -DREPEATS=1
		messaging NO_ACK_FROM_BEFORE   sent_id        -DBREAKS=2 -DDIALERS=2 -DMESSAGES_0=3 -DHANDLED
		messaging NO_WAKE              app            -DDISCONNECTS=1 -DDIALERS=1 -DMESSAGES_0=3 -DHANDLED
		messaging NO_RESEND            reached        -DBREAKS=1 -DDIALERS=1 -DMESSAGES_0=2
		messaging NO_DEDUP             delivered      -DBREAKS=1 -DDIALERS=1 -DMESSAGES_0=2 -DHANDLED
		messaging NO_INBOX_RESTART     reached        -DRESTARTS=1 -DDIALERS=1 -DMESSAGES_0=1
		identity  WITHOUT_KEYS               reflected      -DSLOTS=2 -DKINDS=1 -DLISTENERS=1
		identity  WITHOUT_KNOWN_KEY          reflected      -DSLOTS=2 -DLISTENERS=1
		identity  WITHOUT_ES                 confused_peers -DSLOTS=2
		identity  WITHOUT_SE                 confused_peers -DSLOTS=2
		identity  WITHOUT_TRANSCRIPT         confused_peers -DSLOTS=2
		identity  WITHOUT_AWAITING           confused_peers -DSLOTS=2
		identity  WITHOUT_REFUSAL_RULE       confused_peers -DSLOTS=2
		identity  WITHOUT_PROVEN_ENOUGH      confused_peers -DRESUME=1 -DSLOTS=2 -DKINDS=20
		identity  WITHOUT_EE                 session_key_known -DSLOTS=2 -DLEAKS=1
		identity  WITHOUT_AUTHORIZATION      accepted_after_revocation -DSLOTS=2 -DREVOKES=1
		identity  WITHOUT_AUTHORIZATION_OF_XX accepted_after_revocation -DSLOTS=2 -DREVOKES=1
		identity  WITHOUT_END_OF_WAITING     accepted_after_revocation -DSLOTS=2 -DREVOKES=1
		identity  WITHOUT_END_OF_ASSOCIATIONS accepted_after_revocation -DRESUME=1 -DEARLY=1 -DKINDS=4 -DREVOKES=1
		identity  WITHOUT_COUNTER            early_data_twice -DRESUME=1 -DEARLY=1 -DKINDS=4
		identity  WITHOUT_SPENT              early_data_twice -DRESUME=1 -DEARLY=1 -DKINDS=4
		identity  WITHOUT_KNOWN              early_data_twice -DRESUME=1 -DEARLY=1 -DKINDS=4
		identity  WITHOUT_IDENTITY_ACKNOWLEDGED early_data_twice -DRESUME=1 -DEARLY=1 -DKINDS=16
	EOT
}

# build MODEL NAME DEFINITION...
build() {
	local model=$1.pml name=$2 kind=-DSAFETY
	shift 2
	case " $* " in
	*" -DLTL "*) kind= ;;
	esac
	mkdir -p "$name"
	(
		cd "$name"
		cp "$models/$model" .
		spin -a "$@" "$model" >spin.log || {
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
	local model=$1 name=$2 flag=
	shift 2
	build "$model" "$name" "$@"
	[[ " $* " != *" -DLTL "* ]] || flag=-a
	run_pan "$name" $flag
	if ! grep -q 'errors: 0$' "$name/pan.log" ||
		grep -q 'search not completed\|max search depth' "$name/pan.log"; then
		complain "$name" "$name does not hold; the steps: tests/spin/check.sh $PWD story $name"
	fi
	awk -v name="$name" '/states, stored/ { print "  " name ": holds in " $1 " states" }' "$name/pan.log"
}

refute() {
	local model=$1 rule=$2 violated=$3
	shift 3
	build "$model" "$rule" "-D$rule" "$@"
	run_pan "$rule"
	grep -q "assertion violated.*$violated" "$rule/pan.log" ||
		complain "$rule" "without the rule that $rule takes out nothing goes wrong: the model sees too little"
	echo "  $rule: refuted, $(grep -o 'at depth [0-9]*' "$rule/pan.log" | head -n 1)"
}

# What happened up to the error.
story() {
	local model name scope
	read -r model name scope < <( (
		verified
		refuted | awk '{ $3 = "-D" $2; print }'
	) | awk -v name="$1" '$2 == name')
	cd "$name"
	# shellcheck disable=SC2086
	spin -t $scope "$model.pml" | sed 's/^ *//'
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
	} | awk '{ print $2 }' | xargs -n 1 -P "$(nproc)" "$self" .
	exit
fi
found=
while read -r model name scope; do
	[ "$only" = "$name" ] || continue
	found=1
	# shellcheck disable=SC2086
	verify "$model" "$name" $scope
done < <(verified)
while read -r model rule violated scope; do
	[ "$only" = "$rule" ] || continue
	found=1
	# shellcheck disable=SC2086
	refute "$model" "$rule" "$violated" $scope
done < <(refuted)
[ -n "$found" ] || {
	echo "check-spin: there is no $only" >&2
	exit 1
}
