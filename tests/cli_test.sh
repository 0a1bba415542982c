#!/usr/bin/env bash
# The programs' diagnostics as their users meet them: every refusal is one line with its reason, the right exit status, and
# no file left behind; what is computed does not depend on how.
set -u
. tests/test.sh
ds4=$build/bin/ds4
model=$dir/m.gguf drafting=$dir/d.gguf ids=$dir/ids work=$dir/work
unset DS4_MODEL
"$build/test/tests/random_model" "$model" q8 1 || exit 1
"$build/test/tests/random_model" "$drafting" q2 2 draft || exit 1
printf '1 2 3\n4\t5  6 7 8 9 510 511 0' >"$ids"
n=12 vocab=512
mkdir "$work"

# ------------------------------------------------------------------ how a program may end

# Status, nothing on stdout, one line on stderr that begins `ds4: ` and has these words in it, no file in $work.
refuses() { # STATUS WORDS COMMAND...
    local status=$1 words=$2
    shift 2
    "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was, $(wc -c <"$dir/stdout") bytes on stdout, in the folder: $(ls -A "$work"), stderr:"
    cat "$dir/stderr"
    [ $was -eq "$status" ] && [ ! -s "$dir/stdout" ] && [ -z "$(ls -A "$work")" ] &&
        [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: ' "$dir/stderr" && grep -qF -- "$words" "$dir/stderr" &&
        ! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$dir/stderr"
}

# Status 0, something on stdout, nothing on stderr.
answers() { # COMMAND...
    "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was"
    cat "$dir/stderr"
    [ $was -eq 0 ] && [ -s "$dir/stdout" ] && [ ! -s "$dir/stderr" ]
}

every_program() { # FUNCTION: is true of each
    local p status=0
    for p in "$build"/bin/*; do "$1" "$p" || { echo "$p"; status=1; }; done
    return $status
}
helps() { answers "$1" --help && grep -q '^usage: ' "$dir/stdout" && answers "$1" -h; }
tells_version() { answers "$1" --version && [ "$(cat "$dir/stdout")" = "$(basename "$1") $(cat VERSION)" ]; }
knows_its_flags() { refuses 2 --no-such-flag "$1" --no-such-flag && refuses 2 'see' "$1" -Z; }
check every_program_explains_itself_on_stdout every_program helps
check every_program_tells_its_version every_program tells_version
check a_wrong_flag_is_status_2 every_program knows_its_flags
help_is_complete() {
    local flag status=0
    "$ds4" --help >"$dir/help"
    for flag in -m --ctx --batch --threads --backend --exact --no-sim --stats --info --json --eval-tokens --logits-out \
        --mtp --mtp-out --save-at; do
        grep -qE -- "(^|[ ,])$flag([ ,=]|\$)" "$dir/help" || { echo "$flag is not explained"; status=1; }
    done
    return $status
}
check help_knows_the_diagnostics help_is_complete
if [ -w /dev/full ]; then
    full() { "$@" >/dev/full 2>"$dir/stderr"; [ $? -eq 1 ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: ' "$dir/stderr"; }
    check help_that_cannot_be_written_is_an_error full "$ds4" --help
    check info_that_cannot_be_written_is_an_error full "$ds4" -m "$model" --info
else
    skip output_that_cannot_be_written_is_an_error "there is no /dev/full here"
fi

# ------------------------------------------------------------------ models that are none

info() { "$ds4" --info -m "$@"; }
cd "$work" || exit 1
check a_missing_model_is_named refuses 1 nowhere.gguf info nowhere.gguf
check a_folder_is_no_model refuses 1 'not a regular file' info "$dir"
mkfifo "$dir/pipe"
check a_pipe_is_no_model_and_blocks_nothing refuses 1 'not a regular file' info "$dir/pipe"
check text_is_no_model refuses 1 GGUF info "$ids"
: >"$dir/empty.gguf"
check an_empty_file_is_no_model refuses 1 empty.gguf info "$dir/empty.gguf"
check a_name_of_control_characters_stays_on_its_line refuses 1 'no\x0asuch\x1b[31m' info $'no\nsuch\033[31m'
check a_model_of_this_name_does_not_help refuses 1 nowhere.gguf "$ds4" --info -m nowhere.gguf --json
LC_ALL=C sed 's/deepseek4/llama9999/' "$model" >"$dir/other.gguf"
check another_architecture_is_named refuses 1 "llama9999" info "$dir/other.gguf"
LC_ALL=C sed "s/deepseek4/$(printf '\033[31mxxxx')/" "$model" >"$dir/red.gguf"
check text_from_a_file_reaches_no_terminal_raw refuses 1 '\x1b[31mxxxx' info "$dir/red.gguf"
LC_ALL=C sed 's/expert_used_count/expert_fuss_count/' "$model" >"$dir/nokey.gguf"
check a_missing_key_is_named refuses 1 'deepseek4.expert_used_count' info "$dir/nokey.gguf"
LC_ALL=C sed 's/blk.3.attn_sinks/blk.3.attn_stinks/' "$model" >"$dir/garbled.gguf"
check a_file_that_is_garbled_is_refused refuses 1 garbled.gguf info "$dir/garbled.gguf"
LC_ALL=C sed 's/blk.3.attn_sinks/blk.3.attn_ducks/' "$model" >"$dir/notensor.gguf"
check a_missing_tensor_is_named_with_its_shape refuses 1 'blk.3.attn_sinks.weight [4]' info "$dir/notensor.gguf"
cut_everywhere() {
    local size at status=0
    size=$(wc -c <"$model")
    for at in 1 3 4 8 23 24 25 60 100 500 1000 2000 4000 8000 16000 40000 $((size / 2)) $((size - 1000)); do
        head -c $at "$model" >"$dir/cut.gguf"
        refuses 1 cut.gguf info "$dir/cut.gguf" || { echo "cut at $at"; status=1; }
        refuses 1 cut.gguf "$ds4" -m "$dir/cut.gguf" --eval-tokens "$ids" --logits-out "$work/out" || { echo "cut at $at"; status=1; }
    done
    return $status
}
check a_model_cut_anywhere_is_refused_before_anything_is_written cut_everywhere
# Of a size that is not there: nothing may read it through, or ask for memory by it.
if cp "$model" "$dir/giant.gguf" && truncate -s 900G "$dir/giant.gguf" 2>/dev/null; then
    quick() { local t=$SECONDS; "$@" && [ $((SECONDS - t)) -lt 20 ]; }
    giant_info() { info "$dir/giant.gguf" >"$dir/stdout" && grep -q '154 tensors' "$dir/stdout"; }
    check a_giant_tail_behind_a_model_does_not_matter quick giant_info
    truncate -s 0 "$dir/giant.gguf" && truncate -s 900G "$dir/giant.gguf"
    check a_giant_of_zeros_is_refused_at_once quick refuses 1 giant.gguf info "$dir/giant.gguf"
else
    skip a_giant_of_zeros_is_refused_at_once "this file system has no sparse files of that size"
fi
rm -f "$dir/giant.gguf" "$dir"/cut.gguf

# ------------------------------------------------------------------ ids and options

eval_ids() { "$ds4" -m "$model" --eval-tokens "$ids" "$@"; }
with_ids() { # TEXT OPTIONS...: as refuses, with these ids
    printf '%s' "$1" >"$dir/given"
    shift
    "$ds4" -m "$model" --eval-tokens "$dir/given" --logits-out "$work/out" "$@"
}
check letters_are_no_ids refuses 1 'byte 4' with_ids '1 2 x3'
check letters_behind_an_id_are_none refuses 1 'byte 2' with_ids '12b'
check a_negative_id_is_none refuses 1 'byte 2' with_ids '1 -5'
check a_fraction_is_no_id refuses 1 'byte 1' with_ids '1.5'
check a_huge_number_is_no_id refuses 1 'byte 2' with_ids '1 99999999999999999999999999'
check an_id_does_not_wrap_around refuses 1 'byte 0' with_ids '4294967297'
check an_id_beyond_the_vocabulary_is_named_with_its_file refuses 1 "given: token id 512" with_ids '1 2 512'
check a_file_without_ids_is_refused refuses 1 'no token ids' with_ids ''
check a_file_of_blanks_is_refused refuses 1 'no token ids' with_ids $' \n\t '
check an_array_that_does_not_end_is_refused refuses 1 given with_ids '[1, 2'
check a_missing_file_of_ids_is_named refuses 1 nothing-here "$ds4" -m "$model" --eval-tokens nothing-here
check a_folder_of_ids_is_refused refuses 1 "$dir: " "$ds4" -m "$model" --eval-tokens "$dir"
check save_at_behind_the_end_is_refused refuses 2 --save-at eval_ids --save-at 13 --logits-out out
check save_at_nothing_is_refused refuses 2 --save-at eval_ids --save-at 0
check a_batch_of_0_is_refused refuses 2 --batch eval_ids --batch 0
check a_batch_that_is_no_number_is_refused refuses 2 --batch eval_ids --batch many
check no_threads_are_refused refuses 2 --threads eval_ids --threads 0
check too_many_threads_are_refused refuses 2 --threads eval_ids --threads 1025
check a_context_smaller_than_the_ids_is_refused refuses 1 --ctx eval_ids --ctx 11 --logits-out out
check a_context_larger_than_the_models_is_refused refuses 2 --ctx eval_ids --ctx 99999999
check an_unknown_backend_is_refused_with_those_there_are refuses 2 cpu eval_ids --backend nope
check a_draft_needs_a_draft_block refuses 2 --mtp eval_ids --mtp-out out --logits-out logits
check a_side_file_needs_a_draft_block_as_well refuses 1 'mtp.0.e_proj.weight' eval_ids --mtp "$model" --mtp-out out
check a_missing_side_file_is_named refuses 1 nowhere.gguf eval_ids --mtp nowhere.gguf --mtp-out out
check a_flag_without_its_value_is_refused refuses 2 --eval-tokens "$ds4" -m "$model" --eval-tokens
check a_flag_in_place_of_a_value_is_refused refuses 2 --logits-out eval_ids --logits-out --stats
check a_word_too_many_is_refused refuses 2 "'what'" eval_ids what
check logits_into_a_missing_folder_are_refused refuses 1 nowhere/out eval_ids --logits-out nowhere/out
check logits_into_a_folder_are_refused refuses 1 "$dir" eval_ids --logits-out "$dir"
check logits_into_a_device_are_refused_and_it_stays refuses 1 /dev/null eval_ids --logits-out /dev/null
check that_device_is_still_one test -c /dev/null
both_or_none() { refuses 1 nowhere/out "$ds4" -m "$drafting" --eval-tokens "$ids" --logits-out "$work/logits" --mtp-out nowhere/out; }
check logits_are_not_left_when_the_drafts_cannot_be_written both_or_none
kept() {
    echo before >"$dir/kept" && refuses 1 --ctx eval_ids --ctx 5 --logits-out "$dir/kept" && [ "$(cat "$dir/kept")" = before ]
}
check a_refusal_leaves_an_older_file_alone kept

# ------------------------------------------------------------------ logits

# Runs in silence and writes so many bytes.
writes() { # FILE BYTES COMMAND...
    local file=$1 bytes=$2
    shift 2
    "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was, $(wc -c <"$file") bytes; $(cat "$dir/stderr")"
    [ $was -eq 0 ] && [ ! -s "$dir/stdout" ] && [ ! -s "$dir/stderr" ] && [ "$(wc -c <"$file")" -eq "$bytes" ]
}
bytes=$((n * vocab * 4))
check logits_are_written_for_each_id writes "$dir/logits" $bytes eval_ids --logits-out "$dir/logits"
check nothing_needs_to_be_written writes "$dir/logits" $bytes eval_ids
same_as() { # WHAT OPTIONS...: the logits are those of $WHAT
    local what=$1
    shift
    writes "$dir/again" "$(wc -c <"$what")" eval_ids --logits-out "$dir/again" "$@" && cmp "$what" "$dir/again"
}
check token_by_token_gives_the_same_logits same_as "$dir/logits" --batch 1
check chunks_give_the_same_logits same_as "$dir/logits" --batch 5
check threads_give_the_same_logits same_as "$dir/logits" --threads 3
check a_larger_context_gives_the_same_logits same_as "$dir/logits" --ctx 3000
check the_backend_may_be_named same_as "$dir/logits" --backend cpu
saved_anywhere() {
    local at
    for at in 1 5 11 12; do same_as "$dir/logits" --save-at $at && same_as "$dir/logits" --save-at $at --batch 4 || return 1; done
    [ -z "$(find "$dir" -name '*.session*')" ]
}
check saving_and_loading_anywhere_gives_the_same_logits_and_leaves_no_file saved_anywhere
as_array() {
    tr -s ' \n\t' ',' <"$ids" | sed 's/^/[/; s/$/]/' >"$dir/array"
    "$ds4" -m "$model" --eval-tokens "$dir/array" --logits-out "$dir/again" && cmp "$dir/logits" "$dir/again"
}
check ids_may_be_a_json_array as_array
exact_is_another_arithmetic() {
    eval_ids --exact --logits-out "$dir/exact" && same_exact && ! cmp -s "$dir/exact" "$dir/logits"
}
same_exact() { eval_ids --exact --batch 1 --threads 1 --logits-out "$dir/again" && cmp "$dir/exact" "$dir/again"; }
check exact_arithmetic_does_not_depend_on_chunks_either exact_is_another_arithmetic
overwrites() { echo old >"$dir/again" && eval_ids --logits-out "$dir/again" && cmp "$dir/logits" "$dir/again"; }
check an_older_file_is_replaced overwrites

draft_ids() { "$ds4" -m "$drafting" --eval-tokens "$ids" "$@"; }
draft_bytes=$(((n - 1) * vocab * 4))
check drafts_are_written_for_each_pair writes "$dir/draft" $draft_bytes draft_ids --mtp-out "$dir/draft"
draft_chunks() {
    draft_ids --mtp-out "$dir/again" --batch 1 && cmp "$dir/draft" "$dir/again" &&
        draft_ids --mtp-out "$dir/again" --batch 5 --save-at 7 --logits-out "$dir/more" && cmp "$dir/draft" "$dir/again" &&
        [ "$(wc -c <"$dir/more")" -eq $bytes ]
}
check drafts_do_not_depend_on_chunks_or_saving draft_chunks
check a_side_file_gives_the_same_drafts writes "$dir/again" $draft_bytes draft_ids --mtp "$drafting" --mtp-out "$dir/again"
check those_drafts_are_the_same cmp "$dir/draft" "$dir/again"
check a_side_file_drafts_for_another_trunk writes "$dir/again" $draft_bytes eval_ids --mtp "$drafting" --mtp-out "$dir/again"
alone() { echo 7 >"$dir/given" && "$ds4" -m "$drafting" --eval-tokens "$dir/given" --mtp-out "$dir/again" && [ ! -s "$dir/again" ]; }
check one_id_has_no_draft alone

stats() {
    eval_ids --stats >"$dir/stdout" 2>"$dir/stderr" || return 1
    cat "$dir/stderr"
    local x='[0-9]+(\.[0-9]+)?'
    [ ! -s "$dir/stdout" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] &&
        grep -qE "^prefill: $n tokens, $x tok/s; decode: 0 tokens, $x tok/s; load: $x s; peak: [0-9]+ MiB\$" "$dir/stderr"
}
check statistics_are_one_line_of_a_known_form stats

interrupted() { # SIGNAL
    local i was
    for i in $(seq 60000); do echo $((i % vocab)); done >"$dir/many"
    "$ds4" -m "$model" --eval-tokens "$dir/many" --logits-out "$work/out" >"$dir/stdout" 2>"$dir/stderr" </dev/null &
    local pid=$!
    for i in $(seq 100); do [ -n "$(ls -A "$work")" ] && break; sleep 0.1; done
    ls -A "$work"
    kill -"$1" $pid
    wait $pid
    was=$?
    echo "status $was: $(cat "$dir/stderr"); left: $(ls -A "$work")"
    [ $was -eq 130 ] && [ -z "$(ls -A "$work")" ]
}
check an_interrupt_ends_it_cleanly_with_status_130 interrupted INT

# ------------------------------------------------------------------ what a file holds

says() { # WORDS COMMAND...
    local words=$1
    shift
    "$@" >"$dir/stdout" 2>"$dir/stderr" || return 1
    cat "$dir/stdout" "$dir/stderr"
    [ ! -s "$dir/stderr" ] && grep -qF -- "$words" "$dir/stdout"
}
check info_counts_tensors says '154 tensors' info "$model"
check info_knows_shapes says 'vocabulary 512' info "$model"
check info_knows_types says 'Q8_0' info "$model"
check info_sees_the_draft_block says 'draft      yes' info "$drafting"
check info_sees_that_there_is_none says 'draft      no' info "$model"
check info_tells_memory_of_contexts says '1048576' info "$model"
LC_ALL=C sed "s/random/$(printf '\033[31mX')/" "$model" >"$dir/red.gguf"
check the_name_in_a_file_reaches_no_terminal_raw says '\x1b[31mX' info "$dir/red.gguf"
info_json() {
    info "$1" --json >"$dir/stdout" || return 1
    if command -v python3 >/dev/null; then
        python3 -c '
import json, sys
i = json.load(open(sys.argv[1]))
assert i["shape"]["vocab"] == 512 and i["shape"]["ratios"] == [0, 4, 128, 4, 16] and i["files"] == 1
assert i["n_tensors"] == sum(c["tensors"] for c in i["classes"]) and i["tensor_bytes"] == sum(c["bytes"] for c in i["classes"])
assert all(c["tensors"] == sum(c["types"].values()) for c in i["classes"])
assert i["file_bytes"] > i["tensor_bytes"] > i["bytes_per_token"] > 0
assert [c["tokens"] for c in i["context"]][:2] == [4096, 32768]
assert i["file"] == sys.argv[2] and i["draft"] == (sys.argv[3] == "draft")' "$dir/stdout" "$1" "${2-}"
    else
        [ "$(head -c 1 "$dir/stdout")" = '{' ] && grep -qE '"shape": \{.*"vocab": 512' "$dir/stdout" && [ "$(wc -l <"$dir/stdout")" -eq 1 ]
    fi
}
check info_as_json_is_json info_json "$model"
check info_as_json_sees_the_draft_block info_json "$drafting" draft
odd=$dir/$'an "odd"\n\\name'
ln -s "$model" "$odd"
check json_holds_any_file_name info_json "$odd"

# ------------------------------------------------------------------ which model

mkdir "$dir/empty"
check the_environment_names_a_model says '154 tensors' env DS4_MODEL="$model" "$ds4" --info
check an_option_wins_over_the_environment says '154 tensors' env DS4_MODEL=/nowhere "$ds4" --info -m "$model"
check a_wrong_name_in_the_environment_is_told refuses 1 /nowhere env DS4_MODEL=/nowhere "$ds4" --info
usual_name() { (cd "$dir/empty" && ln -sf "$model" ds4flash.gguf && says '154 tensors' "$ds4" --info); }
check the_usual_name_is_found_here usual_name
finish
