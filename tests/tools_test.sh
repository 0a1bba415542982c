#!/usr/bin/env bash
# The scripts that build and count are right themselves: a test that dies is not lost, a need has its packages.
set -u
. tests/test.sh

program() { # name, text: a test program of that text
    printf '#!/usr/bin/env bash\n%s\n' "$2" >"$dir/$1"
    chmod +x "$dir/$1"
}
program good 'echo "3 passed, 0 failed"'
program more 'echo noise; echo "4 passed, 0 failed"'
program skips 'echo "skipped: this: a reason"; echo "1 passed, 0 failed, 2 skipped"'
program bad 'echo "failed: that"; echo "1 passed, 2 failed"; exit 1'
program killed 'echo "3 passed, 0 failed"; kill -SEGV $$'
program silent 'exit 0'
program liar 'echo "2 passed, 1 failed"'
program status 'echo "2 passed, 0 failed"; exit 3'
program nothing 'echo "0 passed, 0 failed"'
program endless 'exec sleep 60'
program chatty 'echo "3 passed, 0 failed"; echo "and a word after it"'

# run-tests over these programs ends with this line and this status.
sum() { # line, status, programs
    local line=$1 status=$2 said
    shift 2
    said=$(cd "$dir" && "$here/tools/run-tests" --seconds 2 "$@" 2>&1)
    local got=$?
    echo "$said"
    [ "$(tail -n 1 <<<"$said")" = "$line" ] && [ $got -eq "$status" ]
}
here=$PWD

check sums_are_sums sum '7 passed, 0 failed' 0 ./good ./more
check skips_are_counted sum '4 passed, 0 failed, 2 skipped' 0 ./good ./skips
check failures_are_counted sum '4 passed, 2 failed' 1 ./good ./bad
check a_death_after_the_last_line_is_a_failure sum '0 passed, 1 failed' 1 ./killed
check silence_is_a_failure sum '0 passed, 1 failed' 1 ./silent
check a_count_anywhere_but_at_the_end_is_none sum '0 passed, 1 failed' 1 ./chatty
check a_failure_with_status_0_is_a_failure sum '2 passed, 2 failed' 1 ./liar
check a_status_without_a_failure_is_a_failure sum '2 passed, 1 failed' 1 ./status
check no_test_at_all_is_a_failure sum '0 passed, 1 failed' 1 ./nothing
check an_endless_program_is_a_failure sum '3 passed, 1 failed' 1 ./endless ./good
check an_absent_program_is_a_failure sum '3 passed, 1 failed' 1 ./good ./absent
reason_is_shown() { sum '1 passed, 0 failed, 2 skipped' 0 ./skips | grep -q 'skipped: this: a reason'; }
check the_reason_of_a_skip_is_shown reason_is_shown

# Fuzz targets, played by scripts that say what libFuzzer says.
program calm_fuzz 'echo "stat::number_of_executed_units: 12"'
program broken_fuzz 'echo "stat::number_of_executed_units: 5"; echo "Test unit written to x"; exit 77'
program idle_fuzz 'exit 0'
fuzz_sum() { # line, status, targets
    local line=$1 status=$2 said
    shift 2
    said=$(cd "$dir" && "$here/tools/run-fuzz" 1 "$@" 2>&1)
    local got=$?
    echo "$said"
    [ "$(tail -n 1 <<<"$said")" = "$line" ] && [ $got -eq "$status" ]
}
check a_finding_is_a_failure fuzz_sum '1 passed, 1 failed' 1 ./calm_fuzz ./broken_fuzz
check a_target_that_executes_nothing_is_a_failure fuzz_sum '0 passed, 1 failed' 1 ./idle_fuzz

. tools/setup.sh
every_need_has_packages() {
    local need manager status=0
    while IFS='|' read -r need _; do
        need=${need%% *}
        [ -n "$need" ] || continue
        for manager in how apt-get dnf pacman brew; do
            [ -n "$(setup_cell "$need" $manager)" ] || { echo "$need: no $manager"; status=1; }
        done
    done <<<"$setup_table"
    return $status
}
check every_need_has_packages_for_every_manager every_need_has_packages
unknown_need_is_missing() { [ "$(setup_missing no-such-thing 2>/dev/null)" = no-such-thing ]; }
check a_need_without_a_row_is_never_found unknown_need_is_missing
what_is_here_is_found() { [ -z "$(setup_missing cc make pkg-config xxhash)" ]; }
check what_this_build_used_is_found what_is_here_is_found
two_packages_in_one_line() { [ "$(setup_packages dnf 'cc xxhash')" = 'gcc glibc-devel xxhash-devel' ]; }
check packages_come_in_one_line two_packages_in_one_line

ends_with() { # status, first words of stderr, command
    local status=$1 words=$2 said
    shift 2
    said=$("$@" 2>&1 >/dev/null </dev/null)
    local got=$?
    echo "status $got: $said"
    [ $got -eq "$status" ] && [[ $said == "$words"* ]] && [ "$(wc -l <<<"$said")" -eq 1 ]
}
check an_unknown_group_is_a_wrong_flag ends_with 2 'ds4: check: ' ./check nothing-like-that
shows_usage() { "$@" 2>/dev/null | grep -q '^usage: '; }
check start_explains_itself shows_usage ./start --help
check check_explains_itself shows_usage ./check --help

# Programs as they are delivered: position independent, relocations read-only, stack protected.
hardened() { # program
    readelf -hW "$1" | grep -q 'Type: *DYN' || { echo "$1: not position independent"; return 1; }
    readelf -lW "$1" | grep -q GNU_RELRO || { echo "$1: no RELRO"; return 1; }
    readelf -dW "$1" | grep -qE 'BIND_NOW|Flags:.* NOW' || { echo "$1: lazy binding"; return 1; }
    if readelf -lW "$1" | grep GNU_STACK | grep -q 'RWE'; then echo "$1: the stack can be executed"; return 1; fi
    nm -D "$1" | grep -q __stack_chk_fail || { echo "$1: no stack protector"; return 1; }
    nm -D "$1" | grep -q '_chk' || { echo "$1: no checked library calls"; return 1; }
}
all_hardened() {
    local p status=0
    for p in "$build"/bin/*; do hardened "$p" || status=1; done
    return $status
}
if [ "$(uname -s)" != Linux ]; then
    skip programs_are_hardened "readelf is for Linux programs"
elif [ -d "$build/bin" ]; then
    check programs_are_hardened all_hardened
else
    skip programs_are_hardened "this version has no program"
fi
finish
