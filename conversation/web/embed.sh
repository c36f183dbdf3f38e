#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the files of the web client as a C source for files.h. index.html is also the path "/".
#
#   embed.sh FILE...
set -euo pipefail

type_of() {
	case $1 in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.svg) echo 'image/svg+xml' ;;
	*.webmanifest) echo 'application/manifest+json' ;;
	*)
		echo "$0: $1: unknown type" >&2
		exit 1
		;;
	esac
}

echo '/* Made by conversation/web/embed.sh. */'
echo '#include "conversation/web/files.h"'
n=0
for file; do
	printf 'static const unsigned char file_%d[] = {\n' $n
	od -An -v -tu1 "$file" | sed 's/ *\([0-9][0-9]*\)/\1,/g'
	echo '};'
	n=$((n + 1))
done
echo 'const struct apo_web_file apo_web_files[] = {'
n=0
for file; do
	name=${file##*/} tag=$(sha256sum "$file") type=$(type_of "$file")
	[ "$name" != index.html ] || name=
	printf '\t{"/%s", "%s", "\\"%s\\"", (const char *)file_%d, sizeof file_%d},\n' \
		"$name" "$type" "${tag:0:16}" $n $n
	n=$((n + 1))
done
echo '};'
echo 'const size_t apo_web_file_count = sizeof apo_web_files / sizeof apo_web_files[0];'
