#!/usr/bin/env bash
# ds4-bench as its users meet it: rows of CSV, the file of JSON, the table of stages, refusals, Ctrl-C.
set -u
. tests/test.sh
bench=$build/bin/ds4-bench
value=$build/test/tests/json_value
work=$dir/work
unset DS4_MODEL DS4_HOME
mkdir "$work"
header=ctx_tokens,prefill_tokens,prefill_tps,gen_tokens,gen_tps,sessions,kv_bytes,peak_bytes

# A machine with other work is told so; that is no part of these tests.
run() {
    "$bench" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    sed -i.all '/^ds4: other work had the processor/d' "$dir/stderr"
    return $was
}
shown() { cat "$dir/stdout" "$dir/stderr"; }
column() { tail -n +2 "$dir/stdout" | cut -d, -f"$1" | tr '\n' ' '; }
columns_are() { # NUMBER VALUES...
    local n=$1
    shift
    [ "$(column "$n")" = "$* " ] || { shown; return 1; }
}
positive() { # NUMBER: every value of that column
    tail -n +2 "$dir/stdout" | cut -d, -f"$1" | awk '!($1 > 0) { bad = 1 } END { exit bad || NR == 0 }'
}
tiny=(--synthetic small --ctx-start 32 --ctx-max 96 --step-incr 32 --gen-tokens 3)

# ------------------------------------------------------------------ rows

rows() {
    run "${tiny[@]}" || { shown; return 1; }
    [ "$(head -n 1 "$dir/stdout")" = "$header" ] && columns_are 1 32 64 96 && columns_are 2 32 32 32 &&
        columns_are 4 3 3 3 && columns_are 6 1 1 1 && positive 3 && positive 5 && positive 7 && positive 8 &&
        ! grep -qvE '^[0-9]+,[0-9]+,[0-9]+\.[0-9]+,[0-9]+,[0-9]+\.[0-9]+,[0-9]+,[0-9]+,[0-9]+$' <(tail -n +2 "$dir/stdout")
}
doubling() { run --synthetic small --ctx-start 16 --ctx-max 100 --step-mul 2 --gen-tokens 1 && columns_are 1 16 32 64 100 && columns_are 2 16 16 32 36; }
fraction() { run --synthetic small --ctx-start 10 --ctx-max 30 --step-mul=1.5 --gen-tokens 1 && columns_are 1 10 15 23 30; }
one_start() { run --synthetic small --ctx-start 3000 --gen-tokens 1 --batch 1024 && columns_are 1 3000; }
no_gen() { run "${tiny[@]}" --gen-tokens 0 && columns_are 4 0 0 0 && columns_are 5 0.00 0.00 0.00 && positive 3; }
together() {
    local alone
    run "${tiny[@]}" && alone=$(column 7 | cut -d' ' -f3)
    run "${tiny[@]}" --sessions 3 && columns_are 6 3 3 3 && columns_are 2 32 32 32 && columns_are 4 3 3 3 &&
        [ "$(column 7 | cut -d' ' -f3)" -eq $((3 * alone)) ]
}
more_than_a_batch() { run "${tiny[@]}" --sessions 5 --batch 2 && columns_are 6 5 5 5; }
check rows_as_they_are_promised rows
check contexts_that_double doubling
check a_factor_may_be_a_fraction fraction
check a_start_beyond_the_usual_end_is_one_row one_start
check without_decoding_there_is_prefill no_gen
check several_sessions_decode_together together
check sessions_may_be_more_than_a_batch more_than_a_batch
for recipe in q2 q2-q4 q4 q8 mxfp4 f16 bf16 f32; do
    check "the_recipe_${recipe/-/_}_runs" run --synthetic small:recipe=$recipe --ctx-start 8 --ctx-max 8 --gen-tokens 1
done

# ------------------------------------------------------------------ quiet, and what is said

said() {
    run "${tiny[@]}" && [ "$(wc -l <"$dir/stderr")" -eq 2 ] && ! grep -qv '^ds4: ' "$dir/stderr" &&
        grep -q 'random tokens met .* of 16 experts' "$dir/stderr" && ! grep -q $'\r' "$dir/stderr" || { shown; return 1; }
}
roof() { run "${tiny[@]}" --roof && grep -q '^ds4: read bandwidth: ' "$dir/stderr" && grep -q ' tok/s at that bandwidth' "$dir/stderr"; }
table() {
    run "${tiny[@]}" --profile --warmup 0 || { shown; return 1; }
    cat "$dir/stderr"
    local name
    for name in embed attn_in compress select attend attn_out ffn_in experts head all; do
        [ "$(grep -cE "^$name +[0-9]+ +[0-9.]+ +[0-9.]+ %" "$dir/stderr")" -eq 2 ] || return 1
    done
    grep -q '^prefill: 3 steps, 96 rows' "$dir/stderr" && grep -q '^decode: 9 steps, 9 rows' "$dir/stderr" &&
        grep -qE '^  gate, up +45 ' "$dir/stderr" && [ "$(wc -l <"$dir/stdout")" -eq 4 ]
}
check little_is_said_where_nobody_watches said
check the_roof_is_told roof
check a_table_of_the_stages table

# ------------------------------------------------------------------ JSON

json() {
    run "${tiny[@]}" --repeats 3 --json "$dir/j" || { shown; return 1; }
    [ "$("$value" "$dir/j" rows '#')" -eq 3 ] && [ "$("$value" "$dir/j" rows 2 ctx_tokens)" -eq 96 ] &&
        [ "$("$value" "$dir/j" decode_profile steps)" -eq 27 ] && [ "$("$value" "$dir/j" prefill_profile rows)" -eq 288 ] &&
        [ "$("$value" "$dir/j" model)" = '"synthetic small:layers=5,experts=16,vocab=512,recipe=q2,seed=0"' ] &&
        [ "$("$value" "$dir/j" repeats)" -eq 3 ] && "$value" "$dir/j" read_bandwidth best && "$value" "$dir/j" machine processor
}
same_numbers() { # the median of the file is the number of the row
    local in_file
    in_file=$("$value" "$dir/j" rows 0 gen_tps median)
    awk -v a="$in_file" -v b="$(column 5 | cut -d' ' -f1)" 'BEGIN { exit !(a - b < 0.011 && b - a < 0.011) }'
}
# The bytes of a step as they were counted while it ran are those that the roof is computed with.
bytes() {
    run --synthetic small --ctx-start 200 --ctx-max 200 --gen-tokens 1 --json "$dir/j" || return 1
    local i n sum=0 stage part
    n=$("$value" "$dir/j" decode_profile lines '#')
    for i in $(seq 0 $((n - 1))); do
        "$value" "$dir/j" decode_profile lines "$i" product >/dev/null && continue
        for part in weight_bytes cache_bytes; do
            stage=$("$value" "$dir/j" decode_profile lines "$i" $part)
            sum=$((sum + stage))
        done
    done
    echo "counted $sum, expected $("$value" "$dir/j" rows 0 step_bytes)"
    [ "$sum" -gt 0 ] && [ "$sum" -eq "$("$value" "$dir/j" rows 0 step_bytes)" ]
}
nothing_half() { # a run that fails leaves the file as it was
    echo old >"$work/j"
    ! (cd "$work" && "$bench" "${tiny[@]}" --ctx-max 2000000 --json j) 2>/dev/null >&2 && [ "$(ls -A "$work")" = j ] &&
        [ "$(cat "$work/j")" = old ]
    local was=$?
    rm -f "$work/j"
    return $was
}
check all_of_it_as_json json
check the_json_and_the_rows_agree same_numbers
check bytes_counted_are_bytes_expected bytes
check a_run_that_fails_leaves_the_old_file nothing_half

# ------------------------------------------------------------------ files and texts

"$build/test/tests/random_model" "$dir/mute.gguf" q8 1 || exit 1
"$build/test/tests/real_vocab_gguf" "$dir/chat.gguf" random || exit 1
for i in $(seq 30); do echo "Line $i: the $((i * 7)) green boats of Oslo carry apples."; done >"$dir/text"
of_a_file() { run -m "$dir/mute.gguf" --ctx-start 20 --ctx-max 40 --step-incr 20 --gen-tokens 2 && columns_are 1 20 40 && [ ! -s "$dir/stderr" ]; }
of_a_text() {
    run -m "$dir/chat.gguf" --prompt-file "$dir/text" --ctx-start 32 --ctx-max 64 --step-mul 2 --gen-tokens 3 && columns_are 4 3 3 &&
        [ ! -s "$dir/stderr" ] || { shown; return 1; }
}
short_text() {
    echo "a few words" >"$dir/short"
    run -m "$dir/chat.gguf" --prompt-file "$dir/short" --ctx-start 32 --ctx-max 32 --gen-tokens 1 && grep -q 'read more than once' "$dir/stderr"
}
check a_file_is_measured of_a_file
check a_text_is_read_and_continued of_a_text
check a_short_text_is_read_again short_text

# ------------------------------------------------------------------ refusals

refuses() { # STATUS WORDS OPTIONS...: one line, no file left
    local status=$1 words=$2
    shift 2
    (cd "$work" && "$bench" "$@") >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was, in the folder: $(ls -A "$work")"
    shown
    [ $was -eq "$status" ] && [ ! -s "$dir/stdout" ] && [ -z "$(ls -A "$work")" ] &&
        [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: ' "$dir/stderr" && grep -qF -- "$words" "$dir/stderr"
}
check the_real_size_is_refused_where_memory_is_small refuses 1 'of memory are free' --synthetic flash:layers=64,recipe=f32
check an_unknown_spec_is_refused refuses 2 "flash or small" --synthetic tiny
check an_unknown_key_is_refused refuses 2 "there is no 'layer'" --synthetic flash:layer=3
check an_unknown_recipe_is_refused refuses 2 "no recipe 'q3'" --synthetic small:recipe=q3
check a_spec_and_a_file_are_refused refuses 2 'one of them at a time' --synthetic small -m "$dir/mute.gguf"
check two_kinds_of_steps_are_refused refuses 2 'one of them at a time' "${tiny[@]}" --step-mul 2
check a_wrong_order_is_refused refuses 2 'below --ctx-start' --synthetic small --ctx-start 100 --ctx-max 50
check a_factor_of_one_is_refused refuses 2 '--step-mul' --synthetic small --step-mul 1
check too_many_lengths_are_refused refuses 2 'larger step' --synthetic small --ctx-max 1000000 --step-incr 1
check a_context_beyond_the_model_is_refused refuses 2 'made for' --synthetic small --ctx-start 1048576 --ctx-max 1048576
check a_missing_model_is_named refuses 1 nowhere.gguf -m nowhere.gguf
check a_text_without_a_tokeniser_is_refused refuses 1 'tokeniser' -m "$dir/mute.gguf" --prompt-file "$dir/text"
check a_text_for_random_weights_is_refused refuses 2 'no tokeniser' --synthetic small --prompt-file "$dir/text"
check a_missing_text_is_named refuses 1 nowhere -m "$dir/chat.gguf" --prompt-file nowhere
: >"$dir/empty"
check an_empty_text_is_refused refuses 1 'empty' -m "$dir/chat.gguf" --prompt-file "$dir/empty"
check a_missing_folder_is_named_before_the_work refuses 1 nowhere "${tiny[@]}" --json nowhere/j
check an_unknown_backend_is_refused refuses 2 'backend' "${tiny[@]}" --backend abacus
check no_sessions_are_refused refuses 2 '--sessions 0' "${tiny[@]}" --sessions 0
check a_word_is_refused refuses 2 "'what'" what
helped() { run --help && grep -q -- '--ctx-start' "$dir/stdout" && grep -q -- '--synthetic' "$dir/stdout" && [ ! -s "$dir/stderr" ] && run --version; }
check help_is_on_stdout helped
full() { [ -e /dev/full ] || return 0; "$bench" "${tiny[@]}" >/dev/full 2>"$dir/stderr"; [ $? -eq 1 ] && grep -q 'cannot write' "$dir/stderr"; }
check a_full_disk_is_told full

stopped() {
    (cd "$work" && exec "$bench" --synthetic small --ctx-start 100 --ctx-max 100 --gen-tokens 1000000 --json j) >"$dir/stdout" 2>"$dir/stderr" &
    local pid=$! i was
    for i in $(seq 100); do [ -s "$dir/stdout" ] && break; sleep 0.1; done
    sleep 0.3
    kill -INT $pid
    wait $pid
    was=$?
    shown
    [ $was -eq 130 ] && [ "$(cat "$dir/stdout")" = "$header" ] && [ -z "$(ls -A "$work")" ]
}
check ctrl_c_ends_it_without_a_trace stopped
finish
