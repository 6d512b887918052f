#!/bin/sh
# What every pipeline of this folder runs: scan what was handed in, gather evidence, ask the gate.
#
#     strongroom.sh STAGE [SYSTEM_FOLDER] [REPORT_FOLDER]
#
# STRONGROOM_HOME names the store of keys, evidence and ledger; it outlives the job.
# Exit 0 the gate allows, 1 it denies or the scan blocks, 2 could not tell. Every step runs, so that one
# run names everything.
set -u
stage=${1:?name the stage: development, validation or production}
system=${2:-.}
reports=${3:-strongroom-reports}
mkdir -p "$reports" || exit 2

echo "== scan" >&2
strongroom scan "$system" --format sarif >"$reports/scan.sarif"
scanned=$?
[ "$scanned" -eq 0 ] || strongroom scan "$system" # the same, in words

# What a check finds against the model counts in the gate, with thresholds and waivers: not here.
echo "== assess" >&2
strongroom assess "$system" --to "$stage" --format junit >"$reports/assess.xml"

echo "== gate" >&2
strongroom gate "$system" --to "$stage" --format sarif >"$reports/gate.sarif"
decided=$?

for code in $scanned $decided; do [ "$code" -eq 1 ] && exit 1; done
for code in $scanned $decided; do [ "$code" -ne 0 ] && exit 2; done
exit 0
