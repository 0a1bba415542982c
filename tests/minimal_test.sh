#!/usr/bin/env bash
# examples/minimal, the model as a library: it finds the tokens that ds4's own logits call for.
set -u
. tests/test.sh
minimal=$build/examples/minimal
if [ ! -x "$minimal" ]; then
    skip the_example_runs "this version has no library, or no example of it"
    finish
fi
model=$dir/m.gguf
"$build/test/tests/random_model" "$model" q8 7 || exit 1

# The most likely token after each id, by way of ds4 --eval-tokens.
best_after() { # ids...
    echo "$@" >"$dir/ids"
    "$build/bin/ds4" -m "$model" --eval-tokens "$dir/ids" --logits-out "$dir/logits" || return 1
    od -An -v -t f4 "$dir/logits" | awk '{
        for (i = 1; i <= NF; i++) {
            if (n == 0 || $i > top) { top = $i; best = n }
            if (++n == 512) { print best; n = 0 }
        }
    }'
}

greedy() { # COUNT ids...: minimal goes on as ds4 would, token by token
    local count=$1 said
    shift
    said=$("$minimal" "$model" "$count" "$@" 2>"$dir/stderr") || { cat "$dir/stderr"; return 1; }
    echo "$said"
    [ ! -s "$dir/stderr" ] && [ "$(wc -l <<<"$said")" -eq "$count" ] || return 1
    # Each answer is the best one after what stands before it.
    # shellcheck disable=SC2086  # a list of ids
    best_after "$@" $said | tail -n $((count + 1)) | sed '$d' >"$dir/want" || return 1
    diff "$dir/want" - <<<"$said"
}
check it_prints_the_greedy_continuation greedy 6 1 2 3
check one_id_is_enough greedy 3 511
check long_answers_stay_right greedy 300 100 7
nothing() { [ -z "$("$minimal" "$model" 0 5 2>&1)" ]; }
check no_tokens_are_none nothing
twice() { [ "$("$minimal" "$model" 20 9 8)" = "$("$minimal" "$model" 20 9 8)" ]; }
check it_says_the_same_again twice

fails() { # STATUS WORDS arguments...
    local status=$1 words=$2
    shift 2
    "$minimal" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was: $(cat "$dir/stdout" "$dir/stderr")"
    [ $was -eq "$status" ] && [ ! -s "$dir/stdout" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -qF -- "$words" "$dir/stderr"
}
check no_arguments_are_a_matter_of_usage fails 2 usage:
check a_model_alone_is_a_matter_of_usage fails 2 usage: "$model"
check no_id_is_a_matter_of_usage fails 2 usage: "$model" 5
check a_missing_model_is_named fails 1 nowhere.gguf nowhere.gguf 5 1
check an_id_beyond_the_vocabulary_is_refused fails 1 'token 512' "$model" 5 1 512
check a_negative_id_is_refused fails 1 'token -1' "$model" 5 -1
check a_file_that_is_no_model_is_refused fails 1 GGUF "$0" 5 1
finish
