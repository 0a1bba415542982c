#!/usr/bin/env bash
# ./start on a machine without a model: nothing is downloaded, and the chat is with the bundled demo model, which is said plainly.
# The tree is this one by links, its build folder the one this test belongs to: so nothing is compiled again.
set -u
. tests/test.sh
unset DS4_MODEL DS4_HOME MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
top=$PWD tree=$dir/tree home=$dir/home here=$dir/here
mkdir -p "$tree" "$home/models" "$here"
for each in start tools Makefile VERSION src examples bench tests; do
    [ ! -e "$each" ] || ln -s "$top/$each" "$tree/$each"
done
cp start "$tree/start.copy" && mv "$tree/start.copy" "$tree/start" # it looks beside itself
ln -s "$build" "$tree/build"
mini=$home/models/ds4-mini.gguf
"$build/test/tests/real_vocab_gguf" "$mini" random || exit 1

# Made with other flags than ./start would use, everything would be built again.
if grep -q -- -Werror "$build/flags"; then export WERROR=1; fi
cp -p "$build/flags" "$dir/flags"
make -C "$tree" -n all >"$dir/would" 2>&1
if ! cmp -s "$build/flags" "$dir/flags" || grep -q 'echo "cc ' "$dir/would"; then
    cp -p "$dir/flags" "$build/flags"
    skip a_start_without_a_model "this build folder was made with other flags, or is not complete"
    finish
fi

# Whatever could fetch something is found first, and tells.
mkdir "$dir/traps"
for each in curl wget git aria2c python3 apt-get dnf pacman brew sudo; do
    printf '#!/bin/sh\necho "%s $*" >>"%s/called"\nexit 1\n' "$each" "$dir" >"$dir/traps/$each"
    chmod +x "$dir/traps/$each"
done
cd "$here" || exit 1

run() { # COMMAND...: status in $was
    DS4_HOME=${DS4_HOME-$home} PATH=$dir/traps:$PATH "$@" >"$dir/stdout" 2>"$dir/stderr" <"${input:-/dev/null}"
    was=$?
    echo "$*: status $was; stdout, then stderr:"
    cat "$dir/stdout" "$dir/stderr"
}
told_once() { [ "$(grep -c 'tiny demo model' "$dir/stderr")" -eq 1 ]; }
told_not() { ! grep -q 'demo model' "$dir/stderr"; }

answers() { run "$tree/start" -y -p hello -n 8 --nothink --seed 1 && [ $was -eq 0 ] && [ -s "$dir/stdout" ]; }
check an_answer_comes_without_any_model_of_ones_own answers
plainly() {
    answers && told_once && grep '^ds4: no model was named' "$dir/stderr" | grep -q 'ds4-mini.*calculates.*ds4-get q2'
}
check it_says_plainly_what_the_model_is_and_how_to_get_the_real_one plainly
nothing_called() { answers && [ ! -e "$dir/called" ] || { cat "$dir/called"; return 1; }; }
check nothing_is_downloaded nothing_called
piped() {
    echo 'hello there' >"$dir/input"
    input=$dir/input run "$tree/start" -y -n 8 --nothink --seed 1
    [ $was -eq 0 ] && [ -s "$dir/stdout" ] && told_once
}
check a_chat_through_a_pipe_says_it_too piped
builds() { run "$tree/start" -y --build && [ $was -eq 0 ] && grep -q '^backends: ' "$dir/stdout"; }
check it_stops_after_building_when_asked builds
lists() { run "$tree/start" -y get --list && [ $was -eq 0 ] && grep -q '^q2 ' "$dir/stdout"; }
check it_starts_the_fetching_program lists

named() { run "$tree/start" -y -m "$mini" -p hello -n 4 --nothink && [ $was -eq 0 ] && told_not; }
check a_model_that_was_named_needs_no_remark named
by_variable() { DS4_MODEL=$mini run "$tree/start" -y -p hello -n 4 --nothink && [ $was -eq 0 ] && told_not; }
check a_model_of_the_environment_needs_no_remark by_variable
here_first() {
    ln -s "$mini" ds4flash.gguf
    run "$tree/start" -y -p hello -n 4 --nothink
    rm ds4flash.gguf
    [ $was -eq 0 ] && told_not
}
check a_model_here_goes_before_the_demo_model here_first
no_model_needed() {
    echo '{"messages": [{"role": "user", "content": "x"}]}' >"$dir/request"
    run "$build/bin/ds4" --render "$dir/request" && [ $was -eq 0 ] && told_not
}
check what_needs_no_model_says_nothing_of_one no_model_needed

# A copy of the program in a tree of its own: what is bundled is found beside it, and without that there is no model.
alone=$dir/alone/build/bin/ds4
mkdir -p "${alone%/*}" && cp "$build/bin/ds4" "$alone"
none() {
    DS4_HOME=$dir/nowhere run "$alone" -p hello
    [ $was -eq 2 ] && [ ! -s "$dir/stdout" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: no model: .*-m .*DS4_MODEL.*ds4-get q2' "$dir/stderr"
}
check without_any_model_one_line_says_what_to_do none
beside() { mkdir -p "$dir/alone/models" && ln -s "$mini" "$dir/alone/models/ds4-mini.gguf" && DS4_HOME=$dir/nowhere run "$alone" -p hello -n 4 --nothink && [ $was -eq 0 ] && told_once; }
check the_demo_model_is_found_beside_the_programs beside

# The default context is 32768 tokens, or the model's if that is less.
context_of() { # MODEL: tokens of context of a chat
    echo /ctx >"$dir/input"
    input=$dir/input run "$build/bin/ds4" -m "$1" >/dev/null
    sed -n 's/.* of \([0-9]*\) tokens in use.*/\1/p' "$dir/stderr"
}
# The same model made for 4096 positions: behind the key come a type of four bytes and the number.
short=$dir/short.gguf
cp "$mini" "$short"
key=$(LC_ALL=C grep -abo 'deepseek4\.context_length' "$mini" | head -n 1)
printf '\000\020\000\000' | dd of="$short" bs=1 seek=$((${key%%:*} + 24 + 4)) conv=notrunc 2>/dev/null
context_fits() {
    local long small
    long=$(context_of "$mini") small=$(context_of "$short")
    echo "of a long model $long, of a short one $small"
    cat "$dir/stderr"
    [ "$long" -eq 32768 ] && [ "$small" -eq 4096 ]
}
check the_default_context_is_at_most_the_models context_fits

if command -v tmux >/dev/null; then
    t() { tmux -L "ds4-start-$$" "$@" 2>/dev/null; }
    trap 't kill-server; rm -rf "$dir"' EXIT
    greets() {
        local i words
        t new-session -d -s chat -x 160 -y 30 "HOME=$home DS4_HOME=$home TERM=xterm-256color $tree/start -y --nothink"
        for i in $(seq 300); do
            t capture-pane -p -J -t chat | grep -q '^> *$' && break
            sleep 0.1
        done
        t capture-pane -p -J -t chat >"$dir/screen"
        cat "$dir/screen"
        for words in 'This is ds4-mini, the tiny demo model' 'What it can do: ' 'How to get the real DeepSeek V4 Flash: .*ds4-get q2' '/help lists'; do
            grep -q -- "$words" "$dir/screen" || return 1
        done
    }
    check a_chat_on_a_terminal_greets_with_what_it_is greets
    t kill-server
else
    skip a_chat_on_a_terminal_greets_with_what_it_is "tmux is not installed"
fi

if [ -f "$top/models/ds4-mini.gguf" ]; then
    adds() {
        DS4_HOME=$top run "$tree/start" -y -p 'What is 17+25?' --temp 0
        [ $was -eq 0 ] && grep -q 42 "$dir/stdout" && told_once
    }
    check the_demo_model_knows_what_17_and_25_are adds
else
    skip the_demo_model_knows_what_17_and_25_are "this version has no models/ds4-mini.gguf"
fi
finish
