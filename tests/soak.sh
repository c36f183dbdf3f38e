#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Longer than CI may take: 20,000 random simulator seeds, each fuzz target for five minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

"${BUILD:-build}/tests/sim" --seeds 100000 20000
tests/fuzz/run.sh "${BUILD:-build}/fuzz" 300
