#!/usr/bin/env bash
# The include rules hold in this tree, and tools/layers finds each way to break them.
set -u
passed=0 failed=0
count() { if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "failed: $2"; fi; }

tools/layers
count $? "tools/layers"
self=$(tools/layers --self-test)
status=$?
echo "$self"
[[ $(tail -n 1 <<<"$self") =~ ^([0-9]+)\ passed,\ 0\ failed$ ]] && passed=$((passed + BASH_REMATCH[1]))
count "$status" "tools/layers --self-test"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
