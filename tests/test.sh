# shellcheck shell=bash
# test.sh: what a test in shell needs, as src/base/test.h is for C. To be sourced, from the top of the tree.
#
#     . tests/test.sh
#     check a_sentence_that_is_true COMMAND...     passes if the command does; shows what it wrote if not
#     skip a_sentence "reason"
#     finish                                       the line that counts, and the exit status
#
# $build is the build folder that the test belongs to, $dir an empty folder that goes when the test ends.

build=$(cd "$(dirname "$0")/../.." && pwd) || exit 1 # BUILD/test/tests/x_test
dir=$(mktemp -d "${TMPDIR:-/tmp}/ds4-test.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
test_passed=0 test_failed=0 test_skipped=0

check() {
    local sentence=$1
    shift
    if "$@" >"$dir/.said" 2>&1; then
        test_passed=$((test_passed + 1))
    else
        test_failed=$((test_failed + 1))
        echo "failed: $sentence"
        sed 's/^/    /' "$dir/.said"
    fi
}

skip() {
    test_skipped=$((test_skipped + 1))
    echo "skipped: $1: $2"
}

finish() {
    if [ $test_skipped -gt 0 ]; then
        echo "$test_passed passed, $test_failed failed, $test_skipped skipped"
    else
        echo "$test_passed passed, $test_failed failed"
    fi
    [ $test_failed -eq 0 ]
    exit
}
