#!/usr/bin/env bash
# ds4-imatrix as its users meet it, on the bundled model: measuring, going on, merging, both forms of files, refusals.
set -u
. tests/test.sh
imatrix=$build/bin/ds4-imatrix
mini=models/ds4-mini.gguf
text=$dir/text
for i in $(seq 60); do echo "Line $i: the $((i * 7)) green boats of Oslo carry apples, and nobody counts them twice."; done >"$text"
measure() { "$imatrix" -m $mini -f "$text" --chunk 64 "$@" >"$dir/stdout" 2>"$dir/stderr"; }
fails_with() { # status, pattern, arguments...
    local want=$1 pattern=$2 got
    shift 2
    measure "$@"
    got=$?
    [ $got -eq "$want" ] && grep -qE -- "^ds4: .*$pattern" "$dir/stderr" && [ "$(wc -l <"$dir/stderr")" -le 2 ] && return 0
    echo "status $got, and:"
    cat "$dir/stderr"
    return 1
}
same() { cmp -- "$dir/$1" "$dir/$2"; }

whole() { measure -o "$dir/whole" --chunks 8 && [ ! -s "$dir/stdout" ] && [ "$(head -c 4 "$dir/whole")" = GGUF ]; }
check a_text_is_measured whole
again() { measure -o "$dir/again" --chunks 8 --threads 1 --batch 512 && same whole again; }
check the_same_text_gives_the_same_file again
in_two_runs() { measure -o "$dir/two" --chunks 5 && measure -o "$dir/two" --chunks 8 --resume && same whole two; }
check a_later_run_goes_on_where_the_first_ended in_two_runs
check what_is_complete_is_not_begun_again fails_with 2 'all 8 chunks are in .* already' -o "$dir/whole" --chunks 8 --resume
another() { sed 's/green/grey/' "$text" >"$dir/other" && "$imatrix" -m $mini -f "$dir/other" --chunk 64 -o "$dir/whole" --resume 2>"$dir/stderr"; [ $? -eq 2 ] && grep -q 'made from another text' "$dir/stderr"; }
check another_text_is_not_mixed_in another
other_chunk() { "$imatrix" -m $mini -f "$text" --chunk 32 -o "$dir/whole" --resume 2>"$dir/stderr"; [ $? -eq 2 ] && grep -q 'made with --chunk 64' "$dir/stderr"; }
check another_length_of_chunks_is_not_mixed_in other_chunk
gaps() { grep -q 'matrices met no token (those of a draft block only with --draft)' "$dir/stderr"; }
check what_was_never_met_is_said eval 'measure -o "$dir/gap" --chunks 1 && gaps'
legacy() { measure -o "$dir/old.dat" --format legacy --chunks 2 && [ "$(head -c 4 "$dir/old.dat")" != GGUF ] &&
    "$imatrix" --merge "$dir/old.dat" -o "$dir/new" 2>"$dir/stderr" && [ "$(head -c 4 "$dir/new")" = GGUF ]; }
check the_older_form_is_written_and_read legacy
merged() { "$imatrix" --merge "$dir/whole" --merge "$dir/gap" -o "$dir/sum" 2>"$dir/stderr" && [ -s "$dir/sum" ]; }
check two_measurements_are_added merged
check the_older_form_cannot_be_gone_on_from fails_with 2 'only the GGUF form' -o "$dir/old.dat" --format legacy --resume
check a_missing_text_is_named fails_with 1 'nowhere' -f "$dir/nowhere" -o "$dir/none"
check an_empty_text_is_refused fails_with 1 'empty' -f /dev/null -o "$dir/none"
damaged() { head -c 300 "$dir/whole" >"$dir/cut"; "$imatrix" --merge "$dir/cut" -o "$dir/none" 2>"$dir/stderr"; [ $? -eq 1 ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ]; }
check a_damaged_file_is_one_line damaged
check nothing_was_left_behind [ ! -e "$dir/none" ]
stopped() { # Ctrl-C: what was measured is kept
    for i in $(seq 40); do cat "$text"; done >"$dir/long"
    "$imatrix" -m $mini -f "$dir/long" --chunk 64 -o "$dir/stopped" 2>"$dir/stderr" &
    local job=$!
    sleep 2
    kill -INT $job
    wait $job
    [ $? -eq 130 ] && grep -q -- '--resume goes on from here' "$dir/stderr" && [ -s "$dir/stopped" ]
}
check ctrl_c_keeps_what_was_measured stopped
finish
