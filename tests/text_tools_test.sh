#!/usr/bin/env bash
# ds4's tools for text, as users and other programs meet them: tokens, prompts, answers, log probabilities.
set -u
. tests/test.sh
ds4=$build/bin/ds4
words=$dir/words.gguf chat=$dir/chat.gguf data=$build/data
unset DS4_MODEL
"$build/test/tests/real_vocab_gguf" "$words" || exit 1
"$build/test/tests/real_vocab_gguf" "$chat" random || exit 1

# What a command says, and with which status: `says STATUS TEXT COMMAND...` for stdout.
says() {
    local status=$1 want=$2 got
    shift 2
    got=$("$@" 2>"$dir/stderr" </dev/null)
    local was=$?
    echo "status $was: $got"
    cat "$dir/stderr"
    [ $was -eq "$status" ] && [ "$got" = "$want" ]
}

# A command that ends with this status, nothing on stdout, and one line on stderr that begins `ds4: ` and has these words in it.
refuses() { # STATUS WORDS COMMAND...
    local status=$1 words=$2
    shift 2
    "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    local was=$?
    echo "status $was, stdout '$(head -c 300 "$dir/stdout")', stderr:"
    cat "$dir/stderr"
    [ $was -eq "$status" ] && [ ! -s "$dir/stdout" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] &&
        grep -q "^ds4: .*$words" "$dir/stderr"
}

# ---- the reference cases, as files of lines

lines_give() { # MODE OPTION CASES FLAGS...
    local mode=$1 option=$2 cases=$3
    shift 3
    "$build/test/tests/fixture_lines" "$mode" "$data/$cases" "$dir/ask" "$dir/want" || return 1
    "$ds4" "$option" "$dir/ask" "$@" >"$dir/got" || return 1
    "$build/test/tests/fixture_lines" same "$dir/want" "$dir/got" || return 1
    "$ds4" "$option" - "$@" <"$dir/ask" >"$dir/got2" && cmp "$dir/got" "$dir/got2" # from a pipe the same
}
check tokenize_lines_gives_the_reference_ids lines_give tokens --tokenize-lines tokenizer/cases.jsonl -m "$words" --vocab-only
check render_lines_gives_the_official_prompts lines_give encode --render-lines prompt/official_encode.json
check render_lines_gives_the_prompts_of_the_preview lines_give encode --render-lines prompt/encode.json
check render_lines_gives_the_prompts_of_0731 lines_give encode --render-lines prompt/encode_0731.json
check strict_parse_lines_reads_and_refuses_as_the_official_parser lines_give parse --parse-lines prompt/parse.json --strict

# One case at a time gives what its line gives.
case_by_case() {
    local i=0 line
    while IFS= read -r line && [ $i -lt 6 ]; do
        i=$((i + 1))
        printf '%s' "$line" >"$dir/one"
        "$ds4" --render "$dir/one" >"$dir/out" || return 1
        printf '%s\n' "$line" | "$ds4" --render-lines - >"$dir/line" || return 1
        # the JSON string spells the same bytes: both have the same tokens
        printf '{"text": %s, "special": true}\n' "$(cat "$dir/line")" | "$ds4" -m "$words" --tokenize-lines - >"$dir/a"
        "$ds4" -m "$words" --dump-tokens --special -f "$dir/out" >"$dir/b"
        cmp "$dir/a" "$dir/b" || return 1
    done <"$dir/ask"
    [ $i -eq 6 ]
}
"$build/test/tests/fixture_lines" encode "$data/prompt/encode.json" "$dir/ask" "$dir/want"
check render_writes_the_bytes_that_its_line_spells case_by_case

# ---- tokens and text

check dump_tokens_prints_one_array says 0 '[19923, 14, 2058, 3]' "$ds4" -m "$words" --dump-tokens -p 'Hello, world!'
check a_special_token_is_text_unless_asked_for says 0 '[30, 37947, 32]' "$ds4" -m "$words" --dump-tokens -p '<think>'
check with_special_it_is_one_token says 0 '[128821]' "$ds4" -m "$words" --dump-tokens --special -p '<think>'
check no_text_has_no_tokens says 0 '[]' "$ds4" -m "$words" --dump-tokens -p ''
check the_model_may_come_from_the_environment says 0 '[90]' env DS4_MODEL="$words" "$ds4" --dump-tokens --vocab-only -p x
from_stdin() { [ "$(printf 'Hello, world!' | "$ds4" -m "$words" --dump-tokens -f -)" = '[19923, 14, 2058, 3]' ]; }
check a_dash_is_standard_input from_stdin

# Bytes that are no text at all come back from their ids.
round_trip() {
    head -c 20000 "$ds4" >"$dir/bytes"
    "$ds4" -m "$words" --dump-tokens -f "$dir/bytes" >"$dir/ids" || return 1
    "$ds4" -m "$words" --detokenize "$dir/ids" | cmp - "$dir/bytes" || return 1
    tr -d '[],' <"$dir/ids" >"$dir/plain"
    "$ds4" -m "$words" --detokenize "$dir/plain" | cmp - "$dir/bytes" || return 1
    "$ds4" -m "$words" --detokenize - <"$dir/ids" | cmp - "$dir/bytes"
}
check any_bytes_come_back_from_their_ids round_trip
detokenizes() { [ "$(printf '%s' "$1" | "$ds4" -m "$words" --detokenize -)" = "$2" ]; }
check ids_may_stand_in_any_white_space detokenizes $' \n19923\t14\r\n 2058 3 ' 'Hello, world!'
check ids_may_be_an_array_of_any_shape detokenizes $'\n[ 19923,14 ,\n2058, 3 ]\n' 'Hello, world!'
check no_ids_are_no_text detokenizes ' [ ] ' ''
bad_ids() {
    local text status=0
    for text in 'x' '-1' '1.5' '1 2x' '[1' '[1 2]' '[1,]' '[,1]' '[1]]' '1, 2' '99999999999999999999' '129280' '[2147483648]' '[[1]]' $'1\v]'; do
        printf '%s' "$text" >"$dir/bad"
        refuses 1 bad "$ds4" -m "$words" --detokenize "$dir/bad" || { echo "accepted: $text"; status=1; }
    done
    return $status
}
check what_is_no_list_of_ids_is_refused bad_ids

# ---- lines that are wrong are answered, and the next one follows

wrong_lines() { # OPTION GOOD: every other line is wrong
    local option=$1 good=$2 n
    shift 2
    {
        printf '%s\n' "$good" '' "$good" '{' "$good" '[]' "$good" '{"text": 7}' "$good" ' ' "$good" 'null'
        printf '%s\n{"text": "\xff"}\n%s\r\n\0\n%s' "$good" "$good" "$good"
    } >"$dir/lines"
    "$ds4" "$option" "$dir/lines" "$@" >"$dir/out" || return 1
    cat "$dir/out"
    n=$(awk 'NR % 2 == 1 && /"error"/ { bad++ } NR % 2 == 0 && !/^\{"error": ".+"\}$/ { bad++ } END { print NR + 1000 * bad }' "$dir/out")
    [ "$n" -eq 17 ]
}
check a_wrong_line_is_an_error_line_of_tokenize_lines wrong_lines --tokenize-lines '{"text": "a"}' -m "$words"
check a_wrong_line_is_an_error_line_of_render_lines wrong_lines --render-lines '{"messages": [{"role": "user", "content": "a"}]}'
check a_wrong_line_is_an_error_line_of_parse_lines wrong_lines --parse-lines '{"text": "a", "thinking_mode": "chat"}'
check an_empty_file_has_no_lines says 0 '' "$ds4" --render-lines /dev/null
long_line() { # a line beyond the limit is answered as well
    { printf '{"text": "'; head -c 70000000 /dev/zero | tr '\0' 'a'; printf '", "thinking_mode": "chat"}\n{"text": "b", "thinking_mode": "chat"}\n'; } |
        "$ds4" --parse-lines - >"$dir/out" || return 1
    cut -c 1-200 "$dir/out"
    [ "$(wc -l <"$dir/out")" -eq 2 ] && head -n 1 "$dir/out" | grep -q '"error"' && tail -n 1 "$dir/out" | grep -q '"content": "b"'
}
check a_line_beyond_the_limit_is_answered_and_the_next_one_follows long_line
asked_and_answered() { # whoever sends a line at a time gets each answer
    mkfifo "$dir/in" "$dir/back"
    "$ds4" -m "$words" --tokenize-lines - <"$dir/in" >"$dir/back" &
    local pid=$! answer
    exec 8>"$dir/in" 9<"$dir/back"
    echo '{"text": "x"}' >&8
    read -r -t 20 answer <&9
    echo "$answer"
    exec 8>&- 9<&-
    wait $pid && [ "$answer" = '[90]' ]
}
check a_line_is_answered_before_the_next_one_comes asked_and_answered

# ---- answers

printf 'so</think>yes<｜end▁of▁sentence｜>' >"$dir/answer"
check parse_prints_the_message says 0 '{"role": "assistant", "content": "yes", "reasoning_content": "so", "tool_calls": []}' "$ds4" --parse "$dir/answer"
printf 'yes' >"$dir/answer"
check the_turn_may_have_begun_without_thinking says 0 '{"role": "assistant", "content": "yes", "reasoning_content": "", "tool_calls": []}' \
    "$ds4" --parse "$dir/answer" --thinking-mode chat
check strict_refuses_what_the_official_parser_refuses refuses 1 answer "$ds4" --parse "$dir/answer" --strict

# ---- log probabilities

logprobs_are_whole() {
    "$ds4" -m "$chat" -p 'Hello' -n 5 --top 3 --nothink --dump-logprobs "$dir/lp.json" || return 1
    "$ds4" -m "$chat" -p 'Hello' -n 5 --top 3 --nothink --dump-logprobs - >"$dir/lp2.json" || return 1
    cmp "$dir/lp.json" "$dir/lp2.json" || return 1
    cat "$dir/lp.json"
    grep -q '^{"prompt_tokens": \[0, 128803, 19923, 128804, 128822\],$' "$dir/lp.json" || return 1
    # five steps, three alternatives each, the best one is the token taken, never above 0 and falling
    awk -F'"logprob": ' '/^\{"token"/ {
        steps++
        for (i = 2; i <= NF; i++) { v[i] = $i + 0; if (v[i] > 0) bad++ }
        if (NF != 5 || v[2] != v[3] || v[4] > v[3] || v[5] > v[4]) bad++
    } END { exit steps != 5 || bad }' "$dir/lp.json"
}
check logprobs_have_a_step_a_token_with_the_best_ones_in_order logprobs_are_whole
raw_prompt() {
    "$ds4" -m "$chat" -p 'Hello' -n 1 --raw --dump-logprobs - | grep -q '^{"prompt_tokens": \[19923\],$' &&
        "$ds4" -m "$chat" -p '<think>' -n 1 --raw --special --dump-logprobs - | grep -q '^{"prompt_tokens": \[128821\],$'
}
check a_raw_prompt_is_fed_as_it_is raw_prompt
system_prompt() {
    "$ds4" -m "$chat" -p 'x' -n 1 --system 'x' --dump-logprobs - | grep -q '^{"prompt_tokens": \[0, 90, 128803, 90, 128804, 128821\],$'
}
check a_system_prompt_stands_in_front system_prompt
check a_prompt_beyond_the_context_is_refused refuses 1 'context' "$ds4" -m "$chat" -p 'x' -n 60 --ctx 64 --dump-logprobs -
check an_empty_raw_prompt_is_refused refuses 2 'empty' "$ds4" -m "$chat" -p '' --raw --dump-logprobs -
check logprobs_need_a_prompt refuses 2 '-p TEXT' "$ds4" -m "$chat" --dump-logprobs -
check logprobs_need_weights refuses 1 'words.gguf' "$ds4" -m "$words" -p x --dump-logprobs -
no_folder() { refuses 1 'nowhere' "$ds4" -m "$chat" -p x --dump-logprobs "$dir/nowhere/lp.json" && [ ! -e "$dir/nowhere" ]; }
check a_folder_that_is_not_there_is_told no_folder

ctrl_c() { # ends cleanly: status 130, nothing left
    mkdir -p "$dir/empty"
    "$ds4" -m "$chat" -p x -n 100000 --ctx 200000 --dump-logprobs "$dir/empty/lp.json" 2>"$dir/stderr" &
    local pid=$! i
    for i in $(seq 200); do [ -n "$(ls "$dir/empty")" ] && break; sleep 0.05; done
    [ "$i" -lt 200 ] || return 1
    kill -INT $pid
    wait $pid
    local was=$?
    echo "status $was, $(ls "$dir/empty"), $(cat "$dir/stderr")"
    [ $was -eq 130 ] && [ -z "$(ls "$dir/empty")" ] && [ ! -s "$dir/stderr" ]
}
check ctrl_c_ends_the_work_and_leaves_nothing ctrl_c
ctrl_c_waiting() {
    mkfifo "$dir/silent"
    exec 7<>"$dir/silent"
    "$ds4" -m "$words" --dump-tokens -f - <&7 &
    local pid=$!
    sleep 0.5
    kill -INT $pid
    wait $pid
    local was=$?
    exec 7>&-
    [ $was -eq 130 ]
}
check ctrl_c_ends_a_wait_for_input ctrl_c_waiting

# ---- refusals

check a_chat_needs_more_than_words refuses 1 'words.gguf' "$ds4" -m "$words"
check vocab_only_is_not_for_a_chat refuses 2 'vocab-only' "$ds4" -m "$words" --vocab-only
check two_things_at_once_are_refused refuses 2 'render.*parse' "$ds4" --render x --parse y
check two_prompts_are_refused refuses 2 '-p and -f' "$ds4" -m "$words" --dump-tokens -p x -f y
check dump_tokens_needs_a_text refuses 2 '-p TEXT' "$ds4" -m "$words" --dump-tokens
check vocab_only_is_for_the_tokeniser refuses 2 'vocab-only' "$ds4" -m "$words" --vocab-only --info
check a_wrong_thinking_mode_is_refused refuses 2 'chat or thinking' "$ds4" --parse x --thinking-mode maybe
check a_missing_text_is_named refuses 1 'not-there' "$ds4" -m "$words" --dump-tokens -f "$dir/not-there"
check a_folder_is_no_text refuses 1 "$dir" "$ds4" --render "$dir"
check a_missing_model_is_named refuses 1 'not-there' "$ds4" -m "$dir/not-there" --dump-tokens -p x
printf 'hello' >"$dir/text"
check a_text_is_no_model refuses 1 'text' "$ds4" -m "$dir/text" --dump-tokens -p x
check a_request_that_is_no_json_is_refused refuses 1 'text: .*byte 0' "$ds4" --render "$dir/text"
printf '{"messages": [{"role": "user"}, {"role": "nobody", "content": ""}]}' >"$dir/text"
check a_wrong_request_is_refused_with_the_place refuses 1 'messages\[1\]\.role' "$ds4" --render "$dir/text"
half_a_model() {
    head -c 100000 "$words" >"$dir/half.gguf"
    refuses 1 'half.gguf' "$ds4" -m "$dir/half.gguf" --vocab-only --dump-tokens -p x
}
check half_a_model_is_refused half_a_model
too_large() { # the size alone refuses: nothing is read
    dd if=/dev/zero of="$dir/sparse" bs=1 count=1 seek=300000000 2>/dev/null
    refuses 1 'limit' "$ds4" -m "$words" --dump-tokens -f "$dir/sparse"
}
check a_text_beyond_the_limit_is_refused too_large

full_disk() {
    local option status=0
    for option in --render-lines --render; do
        echo '{"messages": [{"role": "user", "content": "a"}]}' | "$ds4" $option - >/dev/full 2>"$dir/stderr"
        [ $? -eq 1 ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: .*stdout' "$dir/stderr" || status=1
        cat "$dir/stderr"
    done
    return $status
}
if [ -w /dev/full ]; then check a_full_disk_is_told full_disk; else skip a_full_disk_is_told "there is no /dev/full here"; fi
closed_pipe() {
    local line i
    line='{"messages": [{"role": "user", "content": "a"}]}'
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do line="$line"$'\n'"$line"; done
    printf '%s\n' "$line" >"$dir/many"
    { "$ds4" --render-lines "$dir/many" 2>"$dir/stderr"; echo $? >"$dir/status"; } | head -n 1 >/dev/null
    cat "$dir/status" "$dir/stderr"
    [ "$(cat "$dir/status")" -eq 1 ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: .*stdout' "$dir/stderr"
}
check a_closed_pipe_is_told_and_kills_nobody closed_pipe
finish
