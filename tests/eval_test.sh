#!/usr/bin/env bash
# ds4-eval as its users meet it: a suite in, a table and a file of results out; runs that go on; refusals. The model has random
# weights, so nearly everything it says is wrong; that it is called so is the point. Where the bundled model is, it is examined.
set -u
. tests/test.sh
eval=$build/bin/ds4-eval
model=$dir/chat.gguf suite=$dir/suite.jsonl work=$dir/work
unset DS4_MODEL DS4_HOME
top=$PWD
"$build/test/tests/real_vocab_gguf" "$model" random || exit 1
mkdir "$work"

one() { # id skill max_tokens more: a line of a suite
    printf '{"id": "%s", "skill": "%s", "thinking": false, "max_tokens": %s, "messages": [{"role": "user", "content": "Say %s."}]%s}\n' \
        "$1" "$2" "$3" "$1" "$4"
}
tool='"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]'
{
    one a/1 a.one 4 ''
    one a/2 a.two 4 ', "expect": {"kind": "number", "value": 7}'
    one b/1 b 3 ", $tool, \"expect\": {\"kind\": \"calls\", \"value\": [{\"name\": \"f\", \"arguments\": {}}]}"
    one c/1 c 5 ', "expect": {"kind": "regex", "value": "."}'
} >"$suite"

run() { "$eval" --suite "$suite" -m "$model" "$@" >"$dir/stdout" 2>"$dir/stderr"; }
shown() { cat "$dir/stdout" "$dir/stderr"; }
n_lines() { wc -l <"$1"; }
stdout_has() { grep -qE -- "$1" "$dir/stdout" || { shown; return 1; }; }

# ------------------------------------------------------------------ one run

a_table() {
    run --out "$dir/r" || { shown; return 1; }
    [ ! -s "$dir/stderr" ] && [ "$(n_lines "$dir/stdout")" -eq 5 ] &&
        stdout_has '^family +cases +passed +share +format$' && stdout_has '^a +2 +0 +0\.0 % +0\.0 %$' &&
        stdout_has '^all +4 +0 +0\.0 % +0\.0 %$'
}
results_are_lines() {
    cat "$dir/r"
    [ "$(n_lines "$dir/r")" -eq 4 ] && [ "$(grep -c '"finish": "length"' "$dir/r")" -eq 4 ] &&
        grep -q '"id": "c/1".*"passed": false, "expected": true, "format": false, "why": "not ended by itself: length after 5 tokens"' "$dir/r" &&
        grep -q '"id": "a/2".*"expected": false.*"tokens": 4' "$dir/r"
}
told_as_json() {
    run --json --by-skill || return 1
    shown
    [ "$(n_lines "$dir/stdout")" -eq 1 ] && stdout_has '"cases": 4, "passed": 0, "expected": 2, "format": 0' &&
        stdout_has '"name": "a\.two", "cases": 1' && stdout_has '"asked": 4, "known": 0'
}
failures_listed() {
    run --failures && shown && [ "$(grep -c 'not ended by itself' "$dir/stdout")" -eq 4 ] && stdout_has '^b/1   not'
}
skills() { run --by-skill && stdout_has '^skill ' && stdout_has '^a\.one +1 ' && stdout_has '^a\.two +1 '; }
only() { run --only a --only 'b*' --json && stdout_has '"cases": 3,' && run --only a.t --json && stdout_has '"cases": 1,'; }
limited() { run --limit 3 --json && stdout_has '"cases": 3,' && run --sample 2/5 --json && stdout_has '"cases": 2,'; }
same_sample() {
    run --sample 2/5 --out "$dir/s1" && run --sample 2/5 --out "$dir/s2" --threads 1 --batch 7 &&
        cmp <(sed 's/"seconds.*//' "$dir/s1") <(sed 's/"seconds.*//' "$dir/s2")
}
check a_run_ends_with_a_table a_table
check each_case_is_a_line_of_results results_are_lines
check the_table_as_json told_as_json
check failures_are_listed_with_reasons failures_listed
check a_table_by_skill skills
check skills_are_chosen_by_their_names only
check a_part_of_the_suite_can_be_asked limited
check answers_depend_on_the_question_alone same_sample

# ------------------------------------------------------------------ going on

nothing_twice() {
    cp "$dir/r" "$dir/again" && run --out "$dir/again" --json && shown && cmp "$dir/r" "$dir/again" &&
        stdout_has '"cases": 4, "passed": 0, "expected": 2' && stdout_has '"asked": 0, "known": 4'
}
goes_on() {
    head -c $(($(wc -c <"$dir/r") - 30)) "$dir/r" >"$dir/again"
    run --out "$dir/again" --json && shown && stdout_has '"asked": 1, "known": 3' &&
        cmp <(sed 's/"seconds.*//' "$dir/r") <(sed 's/"seconds.*//' "$dir/again")
}
changed() {
    cp "$dir/r" "$dir/again"
    sed 's/"value": 7/"value": 8/' "$suite" >"$dir/changed.jsonl"
    "$eval" --suite "$dir/changed.jsonl" -m "$model" --out "$dir/again" --json >"$dir/stdout" && stdout_has '"asked": 1, "known": 3'
}
another_way() { cp "$dir/r" "$dir/again" && run --out "$dir/again" --no-sim --json && stdout_has '"asked": 4, "known": 0' && [ "$(n_lines "$dir/again")" -eq 8 ]; }
stopped() {
    one long/1 long 3 '' >"$dir/long.jsonl"
    one long/2 long 60000 '' >>"$dir/long.jsonl"
    "$eval" --suite "$dir/long.jsonl" -m "$model" --ctx 65536 --out "$dir/long" >"$dir/stdout" 2>"$dir/stderr" &
    local pid=$! i was
    for i in $(seq 200); do [ -s "$dir/long" ] && break; sleep 0.1; done
    sleep 0.3
    kill -INT $pid
    wait $pid
    was=$?
    shown
    [ $was -eq 130 ] && [ ! -s "$dir/stdout" ] && [ "$(n_lines "$dir/long")" -eq 1 ] &&
        grep -q '^ds4: stopped after 1 of 2 cases; the same command goes on' "$dir/stderr"
}
two_at_once() {
    exec 9>>"$dir/held" && flock 9 && ! run --out "$dir/held" && shown && grep -q 'another run' "$dir/stderr"
    local was=$?
    exec 9>&-
    return $was
}
check what_is_known_is_not_asked_again nothing_twice
check a_broken_last_line_is_asked_again goes_on
check a_changed_question_is_asked_again changed
check another_way_to_run_the_model_is_another_run another_way
check an_interrupt_keeps_what_is_done stopped
if command -v flock >/dev/null; then check two_runs_do_not_share_a_file two_at_once
else skip two_runs_do_not_share_a_file "there is no flock command here"; fi

# ------------------------------------------------------------------ demands

demand() { # STATUS WORDS DEMAND...
    local status=$1 words=$2
    shift 2
    run "$@"
    local was=$?
    shown
    [ $was -eq "$status" ] && grep -qF -- "$words" "$dir/stderr"
}
check a_demand_that_is_met_changes_nothing run --require 0 --require a=0 --require format=0
check a_demand_that_is_not_met_is_status_1 demand 1 'ds4: 0 of 4 cases passed (0.0 %); 50.0 % are required' --require 0.5
check a_demand_on_a_skill_names_it demand 1 '0 of 2 cases of a passed' --require a=0.9
check a_demand_on_the_form demand 1 'right form' --require format=0.9
check a_demand_on_nothing_is_refused demand 2 'no case of that skill' --require z=0.9

# ------------------------------------------------------------------ refusals

refuses() { # STATUS WORDS OPTIONS...: one line, nothing on stdout, no file left
    local status=$1 words=$2
    shift 2
    (cd "$work" && "$eval" "$@") >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was, in the folder: $(ls -A "$work")"
    shown
    [ $was -eq "$status" ] && [ ! -s "$dir/stdout" ] && [ -z "$(ls -A "$work")" ] &&
        [ "$(n_lines "$dir/stderr")" -eq 1 ] && grep -q '^ds4: ' "$dir/stderr" && grep -qF -- "$words" "$dir/stderr"
}
bad() { # WORDS LINE: a suite with this as its second line
    { head -n 1 "$suite"; echo "$2"; } >"$dir/bad.jsonl"
    refuses 1 "$1" --suite "$dir/bad.jsonl" -m "$model" --out results
}
check a_missing_suite_is_named refuses 1 nowhere.jsonl --suite nowhere.jsonl -m "$model" --out results
: >"$dir/empty.jsonl"
check an_empty_suite_is_refused refuses 1 'no case' --suite "$dir/empty.jsonl" -m "$model"
check a_device_is_no_suite refuses 1 'not a regular file' --suite /dev/null -m "$model"
check a_line_that_is_no_json_is_named_by_its_number bad 'bad.jsonl:2: ' '{"id": "x"'
check a_line_without_messages_is_named bad 'bad.jsonl:2: messages' '{"id": "x", "skill": "x"}'
check a_line_with_a_wrong_message_is_named bad 'bad.jsonl:2: messages[0].role' '{"id": "x", "skill": "x", "messages": [{}]}'
check an_id_that_is_there_twice_is_named bad 'the id a/1' "$(one a/1 x 5 '')"
check a_wrong_expression_is_named bad "bad.jsonl:2: expect.value: '['" "$(one x x 5 ', "expect": {"kind": "regex", "value": "["}')"
check a_missing_model_is_named refuses 1 nowhere.gguf --suite "$suite" -m nowhere.gguf --out results
"$build/test/tests/random_model" "$dir/mute.gguf" q8 1
check a_model_without_words_is_refused refuses 1 'no tokeniser' --suite "$suite" -m "$dir/mute.gguf" --out results
check an_unknown_skill_is_refused refuses 2 '--only z' --suite "$suite" -m "$model" --only z
check a_sample_of_nothing_is_refused refuses 2 '--sample 0' --suite "$suite" -m "$model" --sample 0
check a_sample_needs_numbers refuses 2 '--sample 5/x' --suite "$suite" -m "$model" --sample 5/x
check a_demand_that_is_none_is_refused refuses 2 '--require 95' --suite "$suite" -m "$model" --require 95
check a_file_that_holds_no_results_is_left_alone refuses 1 'suite.jsonl:1: ' --suite "$suite" -m "$model" --out "$suite"
check results_cannot_go_to_a_folder refuses 1 "$dir" --suite "$suite" -m "$model" --out "$dir"
check a_word_too_many_is_refused refuses 2 "'what'" what --suite "$suite" -m "$model"
check comparing_takes_two_files refuses 2 '--compare' --compare "$dir/r"
check a_missing_file_of_results_is_named refuses 1 nowhere --compare "$dir/r" nowhere

# ------------------------------------------------------------------ comparing

differ() {
    sed 's|\("id": "a/2".*\)"passed": false|\1"passed": true|; s|\("id": "b/1".*\)"content": "|\1"content": "so: |' "$dir/r" >"$dir/better"
    "$eval" --compare "$dir/r" "$dir/better" >"$dir/stdout" || return 1
    shown
    stdout_has '^won    a/2$' && stdout_has '^other  b/1$' && stdout_has '^0 lost, 1 won, 1 said otherwise, 2 the same'
}
check two_runs_are_compared differ

# ------------------------------------------------------------------ what comes with the programs

at_home() {
    mkdir -p "$dir/home/models" && cp "$suite" "$dir/home/models/ds4-mini-suite.jsonl"
    (cd "$work" && DS4_HOME=$dir/home "$eval" -m "$model" --json) >"$dir/stdout" && stdout_has '"suite": "mini".*"cases": 4,'
}
check the_suite_that_comes_with_the_programs_is_found at_home
if [ -f "$top/models/ds4-mini.gguf" ] && [ -f "$top/models/ds4-mini-suite.jsonl" ]; then
    mini() {
        "$eval" --suite "$top/models/ds4-mini-suite.jsonl" -m "$top/models/ds4-mini.gguf" --sample 30/1 --failures \
            --require 0.8 --require format=0.95
    }
    check the_bundled_model_passes_most_of_a_sample mini
else
    skip the_bundled_model_passes_most_of_a_sample "models/ds4-mini.gguf or its suite is not there"
fi
finish
