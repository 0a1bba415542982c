#!/usr/bin/env bash
# The include rules hold in this tree, and tools/layers finds each way to break them.
set -u
. tests/test.sh
check this_tree_keeps_to_its_layers tools/layers
check each_planted_violation_is_found tools/layers --self-test
finish
