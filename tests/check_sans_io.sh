#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_sans_io - makes "the protocol does no I/O" a fact: nothing in the objects of core/proto (and of
# the other parts that `make check-sans-io` names) may refer to a name that reads a clock, makes a system
# call, draws randomness or touches a thread.
#
# Usage   check_sans_io.sh OBJECT.o...
# Exit    0 clean; 1 a name is not on the list (each is printed with its object); 2 not run properly
#
# What one of the objects given defines may be used by the others, since it is checked itself; so give
# all of them at once. A new name goes on the list only if its result depends on nothing but its
# arguments.

set -u -o pipefail
shopt -s extglob

usage() {
	sed -n 's/^# Usage *//p' "$0" >&2
	exit 2
}

# These are rudp's own, yet bring in real time or what only the engine may know.
is_forbidden() {
	case $1 in
	rudp_clock_now_ns | rudp_engine_* | rudp_control_* | rudp_udp_*) return 0 ;;
	esac
	return 1
}

is_pure() {
	case $1 in
	rudp_*) return 0 ;;
	mem@(cpy|move|set|cmp|chr|rchr|mem|ccpy) | mempcpy | explicit_bzero) return 0 ;;
	str@(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|chrnul|str|spn|cspn|pbrk)) return 0 ;;
	inet_@(pton|ntop)) return 0 ;;
	str@(rchr|sep) | strftime | gmtime_r | timegm) return 0 ;; # figures only: no name of a day, no zone
	?(__isoc23_)strto@(l|ll|ul|ull) | __isoc@(99|23)_sscanf) return 0 ;; # whole numbers: of no locale
	str@(cpy|ncpy|cat|ncat|dup) | stpcpy | stpncpy | bcmp) return 0 ;;
	malloc | calloc | realloc | reallocarray | free | aligned_alloc) return 0 ;;
	qsort | bsearch | snprintf | vsnprintf) return 0 ;;
	@(cbrt|sqrt|pow|exp|exp2|log|log2|ldexp|frexp|fabs|fmin|fmax)?(f)) return 0 ;;
	@(floor|ceil|round|trunc|rint|lround|llround|lrint|llrint|fmod)?(f)) return 0 ;;
	sodium_@(memzero|memcmp|bin2base64|base642bin)) return 0 ;;
	crypto_@(auth_hmacsha256|hash_sha256)?(_@(init|update|final))) return 0 ;;
	abort | __assert_fail | __stack_chk_fail | _GLOBAL_OFFSET_TABLE_) return 0 ;;
	# libgcc: arithmetic of 128 bits and the like
	__@(u|)@(div|mod|divmod)@(s|d|t)i[34] | __mul@(s|d|t)i3) return 0 ;;
	__@(popcount|clz|ctz|bswap)@(s|d|t)i2) return 0 ;;
	# the forms of the above that _FORTIFY_SOURCE puts in their place
	__@(memcpy|memmove|memset|mempcpy|explicit_bzero|snprintf|vsnprintf)_chk) return 0 ;;
	__@(strcpy|strncpy|strcat|strncat|stpcpy|stpncpy)_chk) return 0 ;;
	esac
	return 1
}

# What compilers add for sanitizers and coverage.
is_instrument() {
	case $1 in
	__@(asan|ubsan|tsan|msan|sanitizer|sancov|gcov|llvm_gcov|llvm_profile)_*) return 0 ;;
	__tsan_*) return 0 ;;
	esac
	return 1
}

# libcrypto computes, but RAND_* reads the kernel: randomness is handed in. The abilities of the
# processor decide which cipher is the faster.
is_cipher() {
	case $1 in
	EVP_* | OSSL_* | SHA256_* | CRYPTO_memcmp | OPENSSL_cleanse | OPENSSL_init_crypto) return 0 ;;
	__cpu_model | __cpu_indicator_init) return 0 ;;
	pthread_once) return 0 ;; # the algorithms are looked up once a process, by the first caller
	esac
	return 1
}

# These modules, or such a file of theirs as aead_mb.o.
may_cipher() {
	case ${1##*/} in
	@(aead|noise|keys|cookie|crypto)?(_*).o) return 0 ;;
	sasl?(_scram).o) return 0 ;; # base64
	esac
	return 1
}

# Prints the names in an object that have no right to be there.
strangers_of() {
	local object=$1 name names

	names=$(nm --undefined-only --just-symbols "$object") || exit 2
	while read -r name; do
		[[ -n $name ]] || continue
		if is_forbidden "$name"; then
			echo "$object: $name"
		elif [[ -v defined[$name] ]] || is_pure "$name" || is_instrument "$name"; then
			continue
		elif ! { is_cipher "$name" && may_cipher "$object"; }; then
			echo "$object: $name"
		fi
	done <<<"$names"
}

[[ $# -gt 0 ]] || usage
declare -A defined
names=$(nm --defined-only --extern-only --just-symbols "$@") || exit 2
while read -r name; do
	[[ -z $name || $name == *: ]] || defined[$name]=1
done <<<"$names"
strangers=
for object; do
	found=$(strangers_of "$object") || exit 2
	[[ -z $found ]] || strangers+=$found$'\n'
done
if [[ -n $strangers ]]; then
	echo "not allowed in what is sans-I/O:" >&2
	printf '%s' "$strangers" >&2
	exit 1
fi
echo "sans-I/O: $# objects refer to nothing outside"
