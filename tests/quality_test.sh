#!/usr/bin/env bash
# ds4-eval --suite quality as its users meet it: one file against another, receipts, stored logits, runs that are stopped,
# refusals. Where the bundled model is, it is quantised and measured.
set -u
. tests/test.sh
eval=$build/bin/ds4-eval
unset DS4_MODEL DS4_HOME
model=$dir/a.gguf other=$dir/b.gguf text=$dir/text.txt
"$build/test/tests/real_vocab_gguf" "$model" random || exit 1
for i in $(seq 30); do echo "Line $i: the $((i * 7)) green boats of Oslo carry apples, and nobody counts them twice."; done >"$text"
run() { "$eval" --suite quality --ctx 32 "$@" >"$dir/stdout" 2>"$dir/stderr"; }
quality() { run -m "$model" --against "$other" --text "$text" --tokens 150 "$@"; }
shown() { cat "$dir/stdout" "$dir/stderr"; return 1; }
value() { # file, figure: its value, from a receipt
    sed -n "s/.*\"$2\": {\"value\": \([^,]*\),.*/\1/p" "$1" | head -n 1
}
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'; }

# ------------------------------------------------------------------ a file against itself, and against a smaller one

cp "$model" "$other"
itself() { quality --out "$dir/same" --require kl=0 --require same=1 || shown; }
check a_file_differs_from_itself_by_nothing itself
exactly() { [ "$(value "$dir/same.json" kl)" = 0.0 ] && [ "$(value "$dir/same.json" ln_perplexity_ratio)" = 0.0 ] && [ "$(value "$dir/same.json" same_best)" = 1.0 ]; }
check that_nothing_is_zero_and_all_exactly exactly
check nothing_of_the_run_is_left_beside_the_receipt [ -z "$(ls "$dir" | grep part)" ]
silent() { [ ! -s "$dir/stderr" ]; }
check without_a_terminal_stderr_is_silent silent

"$build/bin/ds4-quantize" "$model" "$dir/c.gguf" q4 >/dev/null 2>&1
"$build/bin/ds4-quantize" "$model" "$dir/d.gguf" q4 --tensor '*attn_q_*=Q4_0' --tensor '*attn_output*=Q4_0' --tensor '*shexp*=Q4_0' >/dev/null 2>&1
finer() { run -m "$dir/c.gguf" --against "$model" --text "$text" --tokens 150 --out "$dir/q4" || shown; }
check a_quantised_file_is_held_against_its_source finer
coarser() { run -m "$dir/d.gguf" --against "$model" --text "$text" --tokens 150 --out "$dir/coarse" || shown; }
check a_coarser_one_too coarser
order() { less 0 "$(value "$dir/q4.json" kl)" && less "$(value "$dir/q4.json" kl)" "$(value "$dir/coarse.json" kl)"; }
check fewer_bits_lose_more order
table() { grep -qE '^KL, mean +[0-9.e-]+ ' "$dir/stdout" && grep -qE '^text +text.txt +150 tokens in 5 windows of at most 32$' "$dir/stdout"; }
check a_table_says_what_came_of_it table
demanding() { run -m "$dir/c.gguf" --against "$model" --text "$text" --tokens 150 --require kl=1e-12; [ $? -eq 1 ] && grep -q -- '--require kl=1e-12: mean KL is' "$dir/stderr" && grep -q '^KL, mean' "$dir/stdout"; }
check a_demand_that_is_not_met_is_status_1 demanding

# ------------------------------------------------------------------ the receipt

parses() { python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$1"; }
hashes() { grep -q "\"sha256\": \"$(sha256sum "$dir/c.gguf" | cut -d' ' -f1)\"" "$dir/q4.json" && grep -q "\"sha256\": \"$(sha256sum "$model" | cut -d' ' -f1)\"" "$dir/q4.json"; }
check files_are_named_by_their_hash hashes
no_paths() { ! grep -qF "$dir" "$dir/q4.json" "$dir/q4.html"; }
check no_folder_of_this_machine_is_in_a_receipt no_paths
alone() { ! grep -qiE '<script|<link|<img|src=|https?:|url\(|@import' "$dir/q4.html"; }
check the_page_needs_nothing_from_elsewhere alone
if command -v python3 >/dev/null; then
    check the_receipt_is_json parses "$dir/q4.json"
    well_formed() {
        python3 - "$1" <<'PY'
import sys
from html.parser import HTMLParser
class Page(HTMLParser):
    open = []
    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"): self.open.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag: sys.exit("%s closed at line %d, column %d" % (tag, *self.getpos()))
p = Page()
p.feed(open(sys.argv[1], encoding="utf-8").read())
sys.exit("left open: %s" % p.open if p.open else 0)
PY
    }
    check the_page_is_well_formed well_formed "$dir/q4.html"
    sums() {
        python3 - "$dir/q4.json" <<'PY'
import json, math, sys
r = json.load(open(sys.argv[1]))
b, f = r["batches"], r["figures"]
n = sum(x[0] for x in b)
def close(a, want): assert abs(a - want) <= 1e-6 * abs(want) + 1e-12, (a, want)
assert n == r["text"]["tokens"] == sum(x["tokens"] for x in r["histogram"]) == sum(x["tokens"] for x in r["positions"]) == sum(x["tokens"] for x in r["certainty"])
close(f["kl"]["value"], sum(x[1] for x in b) / n)
close(f["same_best"]["value"], sum(x[2] for x in b) / n)
close(f["reference_perplexity"]["value"], math.exp(sum(x[3] for x in b) / n))
close(f["perplexity"]["value"], math.exp(sum(x[4] for x in b) / n))
mean = f["kl"]["value"]
var = len(b) / (len(b) - 1) * sum((x[1] - mean * x[0]) ** 2 for x in b) / n ** 2
t = {4: 2.77645}[len(b) - 1]
close(f["kl"]["high"], mean + t * math.sqrt(var))
assert f["kl_at"]["median"] <= f["kl_at"]["p99"] <= f["kl_at"]["max"]
PY
    }
    check the_figures_follow_from_its_batches sums
else
    skip the_receipt_is_json "there is no python3"
fi
folder() { mkdir -p "$dir/out" && run -m "$dir/c.gguf" --against "$model" --text "$text" --tokens 50 --out "$dir/out" && [ -s "$dir/out/c-against-a.json" ] && [ -s "$dir/out/c-against-a.html" ] || shown; }
check a_folder_takes_receipts_named_after_both folder
as_json() { run -m "$dir/c.gguf" --against "$model" --text "$text" --tokens 50 --json && [ "$(head -c 10 "$dir/stdout")" = '{"receipt"' ] || shown; }
check json_goes_to_stdout as_json
hostile() { # a name that is markup
    cp "$dir/c.gguf" "$dir/<b>&\"x'.gguf" && run -m "$dir/<b>&\"x'.gguf" --against "$model" --text "$text" --tokens 50 --out "$dir/hostile" || { shown; return 1; }
    ! grep -q '<b>&' "$dir/hostile.html" && grep -q '&lt;b&gt;&amp;&quot;x&#39;.gguf' "$dir/hostile.html"
}
check names_from_outside_are_text_in_the_page hostile

# ------------------------------------------------------------------ threads, batches, interruption

figures_of() { sed -n '/"figures"/,$p' "$1"; }
alike() { figures_of "$1" >"$dir/x" && figures_of "$2" >"$dir/y" && cmp "$dir/x" "$dir/y"; }
same_again() { run -m "$dir/c.gguf" --against "$model" --text "$text" --tokens 150 --out "$dir/again" --threads 1 --batch 7 && alike "$dir/q4.json" "$dir/again.json" || shown; }
check threads_and_batches_change_nothing same_again
stopped() {
    local job got
    for i in $(seq 40); do cat "$text"; done >"$dir/long"
    "$eval" --suite quality --ctx 32 -m "$dir/c.gguf" --against "$model" --text "$dir/long" --tokens 1500 --out "$dir/long-run" --threads 1 >"$dir/stdout" 2>"$dir/stderr" &
    job=$!
    for i in $(seq 200); do # until something is kept
        [ -s "$dir/long-run.json.part" ] && [ "$(wc -c <"$dir/long-run.json.part")" -ge 1536 ] && break
        sleep 0.1
    done
    kill -"$1" $job
    wait $job 2>/dev/null
    got=$?
    [ ! -e "$dir/long-run.json" ] && [ -s "$dir/long-run.json.part" ] && echo "$got" || shown
}
ctrl_c() { [ "$(stopped INT)" = 130 ] && grep -q 'the same command goes on from here' "$dir/stderr"; }
check ctrl_c_keeps_what_was_measured ctrl_c
killed() { [ "$(stopped KILL)" = 137 ]; }
check a_killed_run_keeps_it_too killed
goes_on() {
    run -m "$dir/c.gguf" --against "$model" --text "$dir/long" --tokens 1500 --out "$dir/long-run" &&
        run -m "$dir/c.gguf" --against "$model" --text "$dir/long" --tokens 1500 --out "$dir/whole-run" &&
        alike "$dir/long-run.json" "$dir/whole-run.json" && [ ! -e "$dir/long-run.json.part" ] || shown
}
check the_same_command_goes_on_and_comes_to_the_same goes_on

# ------------------------------------------------------------------ stored logits

kept=$dir/kept.logits
stores() { run -m "$model" --text "$text" --tokens 150 --save-logits "$kept" && [ ! -s "$dir/stdout" ] && [ ! -e "$kept.part" ] || shown; }
check logits_are_stored stores
without_text() { run -m "$dir/c.gguf" --against "$kept" --out "$dir/from-kept" || shown; }
check they_bring_their_text without_text
close_to() { awk -v a="$(value "$dir/q4.json" kl)" -v b="$(value "$dir/from-kept.json" kl)" 'BEGIN { d = a - b; exit !(d < 1e-6 && d > -1e-6) }'; }
check they_give_what_the_model_gives close_to
itself_kept() { run -m "$model" --against "$kept" --require kl=1e-6 --require same=1 || shown; }
check a_file_hardly_differs_from_its_own_stored_logits itself_kept
origin() { grep -q '"stored": "kept.logits"' "$dir/from-kept.json" && grep -q "$(sha256sum "$model" | cut -d' ' -f1)" "$dir/from-kept.json" && grep -q '"name": "text.txt"' "$dir/from-kept.json"; }
check their_receipt_names_the_model_and_the_text origin
named_text() { run -m "$dir/c.gguf" --against "$kept" --text "$text" || shown; }
check the_same_text_may_be_named named_text

refuses() { # status, pattern, arguments...
    local want=$1 pattern=$2 got
    shift 2
    run "$@"
    got=$?
    [ $got -eq "$want" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -qE -- "^ds4: .*$pattern" "$dir/stderr" && return 0
    echo "status $got, and:"
    shown
}
sed 's/Oslo/Rome/' "$text" >"$dir/rome"
check another_text_is_refused refuses 2 'are of another text' -m "$model" --against "$kept" --text "$dir/rome"
cut_file() { head -c "$1" "$kept" >"$dir/cut"; }
cut_file 50000
check a_cut_file_is_refused refuses 1 'cut' -m "$model" --against "$dir/cut"
cut_file 40
check hardly_a_file_is_refused refuses 1 'cut' -m "$model" --against "$dir/cut"
damaged() { # one byte, in the middle of a row
    cp "$kept" "$dir/bad" && printf '\125' | dd of="$dir/bad" bs=1 seek=500001 conv=notrunc 2>/dev/null && printf '\252' | dd of="$dir/bad" bs=1 seek=500002 conv=notrunc 2>/dev/null
    refuses 1 'damaged: row' -m "$model" --against "$dir/bad"
}
check a_damaged_row_is_named damaged

# ------------------------------------------------------------------ comparing receipts

compared() {
    "$eval" --compare "$dir/coarse.json" "$dir/q4.json" >"$dir/stdout" 2>"$dir/stderr" || { shown; return 1; }
    grep -q '^B is nearer to the reference$' "$dir/stdout" && grep -q '(paired, 5 batches)$' "$dir/stdout" || shown
}
check two_receipts_are_compared_in_pairs compared
turned() { "$eval" --suite quality --compare "$dir/q4.json" "$dir/coarse.json" --json >"$dir/stdout" && grep -q '"nearer": "a"}$' "$dir/stdout" || shown; }
check the_other_way_round_it_is_the_other turned
even() { "$eval" --compare "$dir/coarse.json" "$dir/coarse.json" >"$dir/stdout" && grep -q '^no difference that chance could not make$' "$dir/stdout" || shown; }
check a_receipt_is_no_nearer_than_itself even
pair() { refuses "$1" "$2" --compare "$3" "$4"; }
check receipts_of_other_texts_are_not_compared pair 2 'different texts' "$dir/q4.json" "$dir/out/c-against-a.json"
turn() { run -m "$model" --against "$dir/c.gguf" --text "$text" --tokens 150 --out "$dir/turned" && pair 2 'different references' "$dir/q4.json" "$dir/turned.json"; }
check a_receipt_against_another_reference_is_not_compared turn
echo '{"receipt": "ds4 quality", "version": 1}' >"$dir/part.json"
check half_a_receipt_is_refused pair 1 'not whole' "$dir/part.json" "$dir/q4.json"
head -c 700 "$dir/q4.json" >"$dir/torn.json"
check a_torn_receipt_is_refused pair 1 'torn.json' "$dir/torn.json" "$dir/q4.json"

# ------------------------------------------------------------------ refusals

check a_reference_is_needed refuses 2 '--against' -m "$model" --text "$text"
check a_missing_reference_is_named refuses 1 nowhere.gguf -m "$model" --against nowhere.gguf --text "$text"
check a_missing_text_is_named refuses 1 nowhere.txt -m "$model" --against "$other" --text nowhere.txt
check an_empty_text_is_refused refuses 1 'empty' -m "$model" --against "$other" --text /dev/null
check stored_logits_are_no_model refuses 2 'stored logits' -m "$kept" --against "$model"
check storing_and_comparing_are_two_runs refuses 2 'one at a time' -m "$model" --against "$other" --save-logits "$dir/none"
check a_demand_in_another_word_is_refused refuses 2 '--require facts=1' -m "$model" --against "$other" --require facts=1
check options_of_questions_are_refused refuses 2 '--only: belongs to a suite of questions' -m "$model" --against "$other" --only x
questions() { "$eval" --against "$other" >"$dir/stdout" 2>"$dir/stderr"; [ $? -eq 2 ] && grep -q -- '--against: belongs to --suite quality' "$dir/stderr"; }
check options_of_quality_are_refused_elsewhere questions
"$build/test/tests/random_model" "$dir/mute.gguf" q8 1
check another_vocabulary_is_refused refuses 2 'vocabulary' -m "$dir/mute.gguf" --against "$model" --text "$text"
check a_window_beyond_the_context_is_refused refuses 2 'context' -m "$model" --against "$other" --text "$dir/long" --ctx 1000000000
check a_file_that_cannot_be_written_is_named refuses 1 'nowhere/x' -m "$model" --against "$other" --text "$text" --out "$dir/nowhere/x"
check nothing_was_left_by_refusals [ ! -e "$dir/none" ]

# ------------------------------------------------------------------ the bundled model

if [ -f models/ds4-mini.gguf ] && [ -f models/ds4-mini-suite.jsonl ]; then
    mini() {
        "$build/bin/ds4-quantize" models/ds4-mini.gguf "$dir/mini.gguf" q2 2>"$dir/stderr" >"$dir/stdout" &&
            "$eval" --suite quality -m "$dir/mini.gguf" --against models/ds4-mini.gguf --tokens 1500 --out "$dir/mini" --require same=0.5 \
                >"$dir/stdout" 2>"$dir/stderr" && grep -q 'ds4-mini-suite.jsonl, rendered' "$dir/stdout" || shown
    }
    check the_bundled_questions_are_a_text_as_well mini
else
    skip the_bundled_questions_are_a_text_as_well "models/ds4-mini.gguf or its suite is not there"
fi
finish
