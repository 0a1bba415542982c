#!/usr/bin/env bash
# The chat as a person meets it: a real terminal, keys, what the screen shows. The model has random weights and the real
# vocabulary: what it says means nothing, everything around it does.
set -u
. tests/test.sh
if ! command -v tmux >/dev/null; then
    skip a_chat_in_a_terminal "tmux is not installed"
    finish
fi
chat=$dir/chat.gguf
home=$dir/home
mkdir "$home"
"$build/test/tests/real_vocab_gguf" "$chat" random || exit 1

# A server of its own, so that nobody else's is touched.
server=0 # each chat gets a new one: the name of one that is just ending cannot be taken
t() { tmux -L "ds4-test-$$-$server" "$@" 2>/dev/null; }
trap 't kill-server 2>/dev/null; rm -rf "$dir"' EXIT
keys() { t send-keys -t chat "$@"; }
screen() { t capture-pane -p -J -t chat; }

# Waits until the screen shows a pattern; shows the screen if it never does.
shows() {
    local i
    for i in $(seq 300); do
        screen | grep -qE -- "$1" && return 0
        t has-session -t chat || break
        sleep 0.1
    done
    echo "the screen never shows: $1"
    screen
    return 1
}

start_chat() { # options...
    t kill-server
    server=$((server + 1))
    t new-session -d -s chat -x 100 -y 30 bash --norc
    keys "HOME=$home PS1='shell> ' TERM=xterm-256color $build/bin/ds4 -m $chat --seed 3 $*; echo left with \$?" Enter
    shows '^> *$'
}

editing_changes_the_line_where_the_cursor_is() {
    keys 'hello wrld' Left Left Left o Enter
    shows '^> hello world$' && shows 'tok/s; read [0-9]+ at'
}
the_last_line_comes_back_with_up() {
    keys Up
    shows '^> hello world$' && keys C-u && shows '^> *$'
}
a_command_is_completed_with_tab() {
    keys /ct Tab Enter
    shows '^> /ctx' && shows '[0-9]+ of [0-9]+ tokens in use, 2 messages'
}
undo_takes_the_exchange_back() {
    keys /undo Enter
    shows 'took back the last message and its answer; 0 messages are left'
}
ctrl_c_stops_the_answer_and_keeps_the_chat() {
    keys 'and now for long' Enter
    sleep 1.5
    keys C-c
    shows '; stopped\]' && keys /ctx Enter && shows 'tokens in use, 2 messages'
}
ctrl_c_throws_away_what_is_typed() {
    keys 'not meant' C-c
    shows '^> *$' && keys /ctx Enter && shows 'tokens in use, 2 messages'
}
an_unknown_command_is_said_to_be_one() {
    keys '/nonsense' Enter
    shows 'there is no /nonsense; /help lists what there is'
}
lines_joined_by_a_backslash_are_one_message() {
    keys 'first \' Enter
    shows '^\. ' && keys 'second' Enter && shows 'tok/s; read' && keys C-c
    shows 'stopped|cut by' && keys Up && shows '^> first $' && shows '^second$'
    keys C-u
}
a_resized_terminal_is_written_on_in_its_new_width() {
    t resize-window -t chat -x 50 -y 20
    sleep 0.5
    keys 'a line that is longer than the narrow window is wide now' C-a X
    shows 'Xa line that is longer' && keys C-u C-k && t resize-window -t chat -x 100 -y 30
    shows '^> *$'
}
a_paste_of_two_lines_is_one_message() {
    t set-buffer -b paste "$(printf 'pasted one\npasted two')"
    t paste-buffer -p -b paste -t chat
    shows '^> pasted one$' && shows '^pasted two$' && keys Enter && sleep 1 && keys C-c
    shows '(stopped|cut by)' || return 1
    keys /undo Enter
    shows 'took back the last message'
}
a_kept_chat_comes_back_without_being_read_again() {
    keys '/save kept' Enter
    shows 'saved as .*/kept\.chat' && keys /quit Enter && shows 'left with 0' || return 1
    start_chat -n 20 --nothink && keys '/load kept' Enter &&
        shows '[0-9]+ messages; [0-9]+ tokens are ready' && keys 'go on' Enter && shows 'read [0-9]+ at [0-9]+ tok/s, [1-9][0-9]* kept'
}
files_of_the_chat_are_private() {
    [ "$(find "$home/.ds4" "$home/.ds4_history" -perm /077 | wc -l)" -eq 0 ]
}
ctrl_d_leaves() {
    keys C-d
    shows 'left with 0'
}
thinking_is_dimmed_and_the_answer_is_not() {
    start_chat -n 30 && keys 'think about it' Enter && shows 'tok/s; read' || return 1
    t capture-pane -p -e -t chat | grep -q $'\x1b\[2m'
}
a_turn_after_thinking_goes_on_from_before_the_answer() { # the chat of the test before is still open
    keys 'and now this' Enter
    shows 'read [0-9]+ at [0-9]+ tok/s, [1-9][0-9]* kept'
}

check the_chat_starts_with_a_prompt start_chat -n 30 --nothink
check editing_changes_the_line_where_the_cursor_is editing_changes_the_line_where_the_cursor_is
check the_last_line_comes_back_with_up the_last_line_comes_back_with_up
check a_command_is_completed_with_tab a_command_is_completed_with_tab
check undo_takes_the_exchange_back undo_takes_the_exchange_back
check an_unknown_command_is_said_to_be_one an_unknown_command_is_said_to_be_one
check a_long_answer_can_be_asked_for start_chat -n 4000 --nothink
check ctrl_c_stops_the_answer_and_keeps_the_chat ctrl_c_stops_the_answer_and_keeps_the_chat
check ctrl_c_throws_away_what_is_typed ctrl_c_throws_away_what_is_typed
check a_resized_terminal_is_written_on_in_its_new_width a_resized_terminal_is_written_on_in_its_new_width
check a_paste_of_two_lines_is_one_message a_paste_of_two_lines_is_one_message
check a_kept_chat_comes_back_without_being_read_again a_kept_chat_comes_back_without_being_read_again
check files_of_the_chat_are_private files_of_the_chat_are_private
check lines_joined_by_a_backslash_are_one_message lines_joined_by_a_backslash_are_one_message
check ctrl_d_leaves ctrl_d_leaves
check thinking_is_dimmed_and_the_answer_is_not thinking_is_dimmed_and_the_answer_is_not
check a_turn_after_thinking_goes_on_from_before_the_answer a_turn_after_thinking_goes_on_from_before_the_answer
finish
