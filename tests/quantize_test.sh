#!/usr/bin/env bash
# ds4-quantize as its users meet it: every recipe, any number of threads, runs that are killed, stopped or out of room and
# gone on with, refusals. What is in the blocks is looked at by tests/quantizer_test.c.
set -u
. tests/test.sh
quantize=$build/bin/ds4-quantize
ds4=$build/bin/ds4
model=$dir/in.gguf work=$dir/work ids=$dir/ids
top=$PWD
unset DS4_MODEL DS4_HOME
"$build/test/tests/random_model" "$model" f32 5 draft || exit 1
seq 3 7 400 >"$ids"
mkdir "$work" && cd "$work" || exit 1

run() { "$quantize" "$@" >"$dir/stdout" 2>"$dir/stderr"; was=$?; }
shown() { echo "status $was; here: $(ls -A)"; cat "$dir/stdout" "$dir/stderr"; }
only() { [ "$(ls -A | tr '\n' ' ')" = "$*${1:+ }" ] || { ls -A; return 1; }; }
one_line() { [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: ' "$dir/stderr" && [ ! -s "$dir/stdout" ]; }
# STATUS WORDS arguments: refused in one line with these words; nothing is left.
refused() {
    local status=$1 words=$2
    shift 2
    run "$@"
    shown
    [ $was -eq "$status" ] && one_line && grep -qF -- "$words" "$dir/stderr" && only
}

# ------------------------------------------------------------------ what comes out

finite_logits() { # FILE: the model loads and says something
    "$ds4" -m "$1" --eval-tokens "$ids" --logits-out "$dir/logits" --mtp-out "$dir/draft" >/dev/null || return 1
    [ "$(wc -c <"$dir/logits")" -eq $(($(wc -l <"$ids") * 512 * 4)) ] || return 1
    # no exponent of all ones: neither infinite nor NaN
    ! od -An -v -tx4 "$dir/logits" "$dir/draft" | tr ' ' '\n' | grep -qE '^[7f][f][89a-f]'
}
a_recipe() {
    run "$model" "$1.gguf" "$1" || return 1
    shown
    [ $was -eq 0 ] && only "$1.gguf" && finite_logits "$1.gguf" && rm "$1.gguf"
}
for recipe in q2 q2-q4 q4 q8 mxfp4; do check "the_recipe_${recipe}_loads_and_gives_finite_logits" a_recipe $recipe; done

run "$model" "$dir/want.gguf" q2 --threads 1
same_for_threads() {
    local n
    for n in 2 7; do
        run "$model" x.gguf q2 --threads $n
        shown
        cmp x.gguf "$dir/want.gguf" || return 1
    done
    rm x.gguf
}
check the_bytes_do_not_depend_on_threads same_for_threads

rules_alone() {
    run "$model" x.gguf --tensor 'blk.*.ffn_*_exps.weight=Q8_0'
    shown
    [ $was -eq 0 ] && "$ds4" -m x.gguf --info | grep -q 'gate and up .*Q8_0$' && "$ds4" -m x.gguf --info | grep -q 'output head .*F32$' && rm x.gguf
}
check rules_alone_leave_the_rest_as_it_is rules_alone
a_stray_rule() {
    run "$model" x.gguf --tensor 'blk.*=F16' --tensor 'block.*=Q4_K' && shown
    [ $was -eq 0 ] && grep -q 'block.\*=Q4_K: no tensor' "$dir/stderr" && rm x.gguf
}
check a_rule_that_matches_nothing_is_told a_stray_rule
an_odd_row() {
    run "$model" x.gguf --tensor 'blk.*.attn_output_a.*=Q4_K' && shown
    [ $was -eq 0 ] && grep -q 'note: blk.\*.attn_output_a.weight: rows of 128 values' "$dir/stderr" && finite_logits x.gguf && rm x.gguf
}
check rows_that_fill_no_blocks_get_another_type_and_that_is_told an_odd_row
replaced() {
    echo old >x.gguf
    run "$model" x.gguf q8
    shown
    [ $was -eq 0 ] && finite_logits x.gguf && only x.gguf && rm x.gguf
}
check an_output_that_is_there_is_replaced_when_the_new_one_is_whole replaced

the_plan() {
    run "$model" x.gguf q2 --dry-run
    shown
    [ $was -eq 0 ] && only && [ ! -s "$dir/stderr" ] &&
        grep -qE '^blk\.\*\.ffn_gate_exps\.weight +5 +F32 +IQ2_XXS +1\.29 MiB$' "$dir/stdout" &&
        grep -qE '^all +186 .*\(9949144 bytes\)$' "$dir/stdout"
}
check a_dry_run_prints_the_plan_and_writes_nothing the_plan
if [ -w /dev/full ]; then
    full() { "$quantize" "$model" x.gguf q2 --dry-run >/dev/full 2>"$dir/stderr"; [ $? -eq 1 ] && grep -q 'stdout' "$dir/stderr"; }
    check a_plan_that_cannot_be_printed_is_an_error full
fi

# ------------------------------------------------------------------ runs that end early

# SECONDS SIGNAL: the run is sent the signal after a while; the next one ends it with the same bytes.
goes_on() {
    "$quantize" "$model" x.gguf q2 --threads 2 2>"$dir/stderr" &
    local pid=$!
    sleep "$1"
    kill "-$2" $pid 2>/dev/null
    wait $pid 2>/dev/null
    was=$?
    [ $was -ne 0 ] && [ -e x.gguf ] && { echo "status $was, and there is an output"; return 1; }
    echo "sent $2 after $1 s: status $was; here: $(ls -A)"
    [ $was -eq 0 ] && [ "$2" = INT ] && echo 'it was too fast'
    run "$model" x.gguf q2 --threads 1
    shown
    [ $was -eq 0 ] && cmp x.gguf "$dir/want.gguf" && only x.gguf && rm x.gguf
}
for after in 0.05 1.1; do check "a_run_killed_after_$after s_is_gone_on_with" goes_on $after KILL; done
check a_run_that_was_interrupted_is_gone_on_with goes_on 0.7 INT
often() { # killed again and again, each time a little further
    local pid
    for _ in 1 2; do
        "$quantize" "$model" x.gguf q2 --threads 1 2>"$dir/stderr" &
        pid=$!
        sleep 0.9
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
    done
    run "$model" x.gguf q2
    shown
    [ $was -eq 0 ] && cmp x.gguf "$dir/want.gguf" && only x.gguf && rm x.gguf
}
check a_run_killed_often_ends_with_the_same_bytes often

# A part of 3 MB is left, as by a disk that filled up.
part_of() {
    (ulimit -f $((3000000 / 512)) && exec "$quantize" "$model" x.gguf q8) >"$dir/stdout" 2>"$dir/stderr"
    was=$?
    shown
    [ $was -eq 1 ] && one_line && grep -q 'x.gguf.part: write failed' "$dir/stderr" && [ ! -e x.gguf ]
}
if [ "$(ulimit -f)" = unlimited ]; then
    run "$model" "$dir/want8.gguf" q8
    out_of_room() {
        part_of && only x.gguf.part x.gguf.part.state || return 1
        run "$model" x.gguf q8
        shown
        grep -q 'goes on where an earlier run stopped' "$dir/stderr" && cmp x.gguf "$dir/want8.gguf" && only x.gguf && rm x.gguf
    }
    check a_run_out_of_room_is_gone_on_with out_of_room
    began_anew() { # WORDS command...: what was done to the part is told, and the result is right
        local words=$1
        shift
        part_of || return 1
        "$@"
        run "$model" x.gguf q8
        shown
        [ $was -eq 0 ] && grep -qF -- "$words" "$dir/stderr" && cmp x.gguf "$dir/want8.gguf" && only x.gguf && rm x.gguf
    }
    garble() { printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
    check a_damaged_part_is_told_and_begun_anew began_anew 'is damaged: begins anew' garble x.gguf.part 700000
    check a_shortened_part_is_told_and_begun_anew began_anew 'is damaged: begins anew' truncate -s 1000 x.gguf.part
    check a_damaged_state_is_told_and_begun_anew began_anew 'no sound state' cp "$ids" x.gguf.part.state
    check an_empty_state_is_told_and_begun_anew began_anew 'no sound state' truncate -s 0 x.gguf.part.state
    other_recipe() {
        part_of || return 1
        run "$model" x.gguf mxfp4
        shown
        [ $was -eq 0 ] && grep -q 'another input, recipe or version' "$dir/stderr" && finite_logits x.gguf && only x.gguf && rm x.gguf
    }
    check a_part_of_another_recipe_is_told_and_begun_anew other_recipe
    other_input() {
        cp "$model" "$dir/other.gguf"
        (ulimit -f $((3000000 / 512)) && exec "$quantize" "$dir/other.gguf" x.gguf q8) 2>/dev/null
        [ -e x.gguf.part ] || return 1
        touch -d '2001-02-03' "$dir/other.gguf"
        run "$dir/other.gguf" x.gguf q8
        shown
        [ $was -eq 0 ] && grep -q 'another input, recipe or version' "$dir/stderr" && cmp x.gguf "$dir/want8.gguf" && only x.gguf && rm x.gguf
    }
    check an_input_that_was_changed_is_told_and_begun_anew other_input
    forced() {
        part_of || return 1
        run "$model" x.gguf q8 --force
        shown
        [ $was -eq 0 ] && grep -q 'begin anew' "$dir/stderr" && cmp x.gguf "$dir/want8.gguf" && only x.gguf && rm x.gguf
    }
    check force_begins_anew forced
else
    skip a_run_out_of_room_is_gone_on_with "the size of files is limited here already"
fi

# ------------------------------------------------------------------ refusals

help_says() { run --help; shown; [ $was -eq 0 ] && grep -q '^usage: ds4-quantize IN OUT.gguf' "$dir/stdout" && grep -q -- '--imatrix FILE' "$dir/stdout"; }
check help_is_on_stdout help_says
check a_missing_output_is_a_mistake refused 2 'IN and OUT.gguf' "$model"
check a_missing_recipe_is_a_mistake refused 2 'no RECIPE' "$model" x.gguf
check an_unknown_recipe_is_a_mistake refused 2 'RECIPE q3 is unknown' "$model" x.gguf q3
check an_unknown_type_is_a_mistake refused 2 'type Q9_K is unknown' "$model" x.gguf q2 --tensor 'blk.*=Q9_K'
check a_type_that_is_only_read_is_a_mistake refused 2 'type IQ1_S cannot be written' "$model" x.gguf --tensor 'blk.*=IQ1_S'
check a_rule_without_a_type_is_a_mistake refused 2 'PATTERN=TYPE' "$model" x.gguf --tensor 'blk.*'
check an_unknown_layout_is_a_mistake refused 2 llamacpp "$model" x.gguf q2 --layout other
check no_threads_are_a_mistake refused 2 --threads "$model" x.gguf q2 --threads 0
check a_missing_input_is_named refused 1 nowhere.gguf nowhere.gguf x.gguf q2
check a_folder_without_a_checkpoint_is_named refused 1 config.json "$top/tests" x.gguf q2
check text_is_no_model refused 1 GGUF "$ids" x.gguf q2
check a_missing_imatrix_is_named refused 1 nothing.dat "$model" x.gguf q2 --imatrix nothing.dat
check text_is_no_imatrix refused 1 'no importance matrix' "$model" x.gguf q2 --imatrix "$ids"
check a_model_is_no_imatrix refused 1 'no importance matrix' "$model" x.gguf q2 --imatrix "$model"
check a_folder_that_is_not_there_is_named refused 1 'none/x.gguf' "$model" none/x.gguf q2
head -c 5000000 "$model" >"$dir/cut.gguf"
check a_model_that_was_cut_is_refused refused 1 cut.gguf "$dir/cut.gguf" x.gguf q2
LC_ALL=C sed 's/deepseek4/llama9999/' "$model" >"$dir/other.gguf"
check another_architecture_is_named refused 1 llama9999 "$dir/other.gguf" x.gguf q2
LC_ALL=C sed 's/blk.3.attn_sinks/blk.3.attn_ducks/' "$model" >"$dir/other.gguf"
check a_missing_tensor_is_named refused 1 'blk.3.attn_sinks.weight' "$dir/other.gguf" x.gguf q2
itself() {
    cp "$model" "$dir/self.gguf"
    refused 2 'this is the input' "$dir/self.gguf" "$dir/self.gguf" q2 && cmp "$model" "$dir/self.gguf"
}
check the_input_is_not_overwritten itself
mkdir "$dir/folder.gguf"
check an_output_that_is_a_folder_is_refused refused 1 'a folder' "$model" "$dir/folder.gguf" q2
if [ -e /dev/full ]; then check an_output_that_is_a_device_is_refused refused 1 'no regular file' "$model" /dev/full q2; fi
two_at_once() {
    "$quantize" "$model" x.gguf q2 --threads 1 2>/dev/null &
    local pid=$!
    for _ in $(seq 100); do [ -s x.gguf.part ] && break; sleep 0.02; done
    run "$model" x.gguf q2
    shown
    [ $was -eq 1 ] && one_line && grep -q 'another process is writing it' "$dir/stderr" || { kill $pid; return 1; }
    wait $pid && cmp x.gguf "$dir/want.gguf" && only x.gguf && rm x.gguf
}
check two_runs_do_not_write_one_file two_at_once

# ------------------------------------------------------------------ the model that comes with ds4

if [ -r "$top/models/ds4-mini.gguf" ]; then
    mini() {
        run "$top/models/ds4-mini.gguf" x.gguf "$1"
        shown
        [ $was -eq 0 ] && "$ds4" -m x.gguf --nothink --temp 0 -n 12 -p 'What is 2 + 3?' </dev/null >"$dir/answer" && cat "$dir/answer" && [ -s "$dir/answer" ] && rm x.gguf
    }
    for recipe in q2 q4 q8; do check "the_demo_model_answers_as_$recipe" mini $recipe; done
else
    skip the_demo_model_answers "models/ds4-mini.gguf is not here"
fi
finish
