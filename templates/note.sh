#!/bin/sh
# Notes on the host how far the build is, in events.jsonl of the results: without arguments that a step begins, with
# a command that it begins and how it ended. VMOFFER_STEP is the name as a JSON string, empty when all steps are done.
set -eu
file=$VMOFFER_OUT/events.jsonl

note() { # event, kind, name, more fields
    printf '{"v": 1, "event": "%s", "kind": "%s", "name": %s, "source": "%s", "at": %s%s}\n' \
        "$1" "$2" "$3" "$VMOFFER_SOURCE" "$(date +%s)" "$4" >>"$file"
}

mkdir -p "$VMOFFER_OUT"
if [ $# -eq 0 ]; then
    if [ -n "$VMOFFER_STEP" ]; then
        note started step "$VMOFFER_STEP" ''
    else
        note started provisioned '"all steps"' ''
    fi
    exit 0
fi
note started post-processor "$VMOFFER_STEP" ''
status=0
"$@" || status=$?
note ended post-processor "$VMOFFER_STEP" ", \"status\": $status"
exit "$status"
