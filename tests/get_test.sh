#!/usr/bin/env bash
# ds4-get against a server with faults (tests/get_server.py): what has its final name is right, whatever the line does.
set -u
. tests/test.sh
if ! command -v python3 >/dev/null || ! command -v curl >/dev/null; then
    skip fetching_from_a_bad_server "needs python3 and curl"
    finish
fi
get=$build/bin/ds4-get
web=$dir/web log=$dir/log here=$dir/here
mkdir "$web" "$here"
unset DS4_GET_BASE http_proxy HTTP_PROXY all_proxy ALL_PROXY
export no_proxy='*'

"$build/test/tests/random_model" "$web/m.gguf" f32 5 || exit 1
head -c 3000000 "$web/m.gguf" >"$web/a.gguf" # ds4-get reads the first bytes only: this is large enough
sum=$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$web/a.gguf")
other=$(printf '%064d' 7)

: >"$log"
python3 tests/get_server.py "$web" "$dir/port" "$log" 2>"$dir/server.err" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
at=http://127.0.0.1:$(cat "$dir/port") || exit 1
cd "$here" || exit 1

fresh() { rm -rf "$here" && mkdir "$here" && cd "$here" && : >"$log"; }
# Runs ds4-get; status in $was, what it said in stdout and stderr.
run() {
    "$get" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null
    was=$?
    echo "ds4-get $*: status $was; here: $(ls -A); it said:"
    cat "$dir/stdout" "$dir/stderr"
}
one_line() { [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q '^ds4: ' "$dir/stderr"; }
only() { [ "$(ls -A)" = "$*" ]; } # these names are here, sorted, and nothing else
whole() { cmp a.gguf "$web/a.gguf"; }
requests() { grep -c "$1" "$log"; }

# FAULTS [options]: in the end the file is here, right, with nothing beside it.
comes() {
    local faults=$1
    shift
    fresh
    run "$at/$faults/a.gguf" "$@"
    [ $was -eq 0 ] && whole && only a.gguf && [ "$(cat "$dir/stdout")" = a.gguf ]
}
# FAULTS WORDS [options]: refused in one line with these words, and nothing is here.
refused() {
    local faults=$1 words=$2
    shift 2
    fresh
    run "$at/$faults/a.gguf" "$@"
    [ $was -eq 1 ] && one_line && grep -qF -- "$words" "$dir/stderr" && [ ! -s "$dir/stdout" ] && [ -z "$(ls -A)" ]
}
# The same, and a part of the file stays, which the message names.
kept() {
    local faults=$1 words=$2
    shift 2
    fresh
    run "$at/$faults/a.gguf" "$@"
    [ $was -eq 1 ] && one_line && grep -qF -- "$words" "$dir/stderr" && grep -qF 'a.gguf.part keeps' "$dir/stderr" &&
        only $'a.gguf.part\na.gguf.part.from' && cmp -n "$(wc -c <a.gguf.part)" a.gguf.part "$web/a.gguf"
}

# ------------------------------------------------------------------ lines that break

check a_file_comes comes none
check it_comes_with_its_checksum comes none --sha256 "$sum"
quiet() { comes none --sha256 "$(tr a-f A-F <<<"$sum")" && [ ! -s "$dir/stderr" ]; }
check without_a_terminal_it_says_nothing quiet
check a_redirection_is_followed comes moved
check cuts_are_gone_on_with comes cut=1100000
in_pieces() { comes cut=1100000 && [ "$(requests ' 206$')" -eq 2 ] && [ "$(requests ' 200$')" -eq 1 ]; }
check after_a_cut_only_the_rest_is_asked_for in_pieces
check a_date_is_a_name_too comes date,cut=900000
check a_server_that_knows_no_ranges_begins_anew comes norange,cutonce=1000000
check halves_without_a_name_are_not_joined comes noname,cutonce=1000000
check a_piece_from_elsewhere_is_not_taken comes shift,cutonce=1000000
check a_server_that_is_busy_once_is_asked_again comes codeonce=503
check a_body_in_chunks_is_taken_with_its_checksum comes chunked --sha256 "$sum"
check a_body_without_a_length_is_taken_with_its_checksum comes old --sha256 "$sum"
check a_server_that_never_gets_further_is_given_up kept norange,cut=1000000 'broke off' --tries 1
check a_server_that_stops_sending_is_left kept hang=500000 'broke off' --timeout 1 --tries 0

# ------------------------------------------------------------------ the next run

# FAULTS of the first run, which leaves a part, then of the second.
again() { kept "$1" '' --tries 0 --timeout 1 && : >"$log" && shift && run "$at/$1/a.gguf" "${@:2}" && [ $was -eq 0 ] && whole && only a.gguf; }
check the_next_run_goes_on again cut=1000000 none
the_rest() { again cut=1000000 none && [ "$(requests 'bytes=1000000-.* 206$')" -eq 1 ] && [ "$(requests ' 200$')" -eq 0 ]; }
check it_asks_for_the_rest_only the_rest
check it_begins_anew_where_the_server_knows_no_ranges again cut=1000000 norange
check it_begins_anew_where_nothing_names_the_version again noname,cut=1000000 none
nothing_new() { kept cut=1000000 '' --tries 0 && run "$at/code=500/a.gguf" --tries 0 && [ $was -eq 1 ] && only $'a.gguf.part\na.gguf.part.from'; }
check an_error_of_the_server_leaves_the_part_alone nothing_new
complete_part() { # the last byte came, then the power went
    kept cut=1000000 '' --tries 0 && cp "$web/a.gguf" a.gguf.part && run "$at/none/a.gguf" && [ $was -eq 0 ] && whole && only a.gguf
}
check a_part_that_is_whole_is_published complete_part
too_long() { kept cut=1000000 '' --tries 0 && cat "$web/a.gguf" "$web/a.gguf" >a.gguf.part && run "$at/none/a.gguf" && [ $was -eq 0 ] && whole; }
check a_part_that_is_too_long_begins_anew too_long
damaged_note() {
    local text status=0
    for text in '' 'x' $'ds4-get 1\n' $'ds4-get 1\netag' $'ds4-get 1\nsize -5\n' $'ds4-get 1\nsize 99999999999999999999\n' $'ds4-get 2\nsize 3000000\n' \
        $'ds4-get 1\netag \r\nX: y\n'; do
        kept cut=1000000 '' --tries 0 && printf '%s' "$text" >a.gguf.part.from && run "$at/none/a.gguf" && [ $was -eq 0 ] && whole || status=1
    done
    return $status
}
check a_damaged_note_begins_anew damaged_note
damaged_part() { # a flipped byte in what was kept: found by the sum, mended by fetching it in one piece
    kept cut=1000000 '' --tries 0 && printf X | dd of=a.gguf.part bs=1 seek=500000 conv=notrunc 2>/dev/null &&
        run "$at/none/a.gguf" --sha256 "$sum" && [ $was -eq 0 ] && whole && only a.gguf
}
check a_damaged_part_is_fetched_again damaged_part
# The file on the server becomes another one of the same length in between.
changed() { # FAULTS
    cp "$web/a.gguf" "$dir/first"
    kept "cut=1000000,$1" '' --tries 0
    local was_kept=$?
    (head -c 4 "$dir/first" && head -c 2999996 /dev/urandom) >"$web/a.gguf"
    touch -d '2001-01-01' "$web/a.gguf" 2>/dev/null || touch -t 200101010000 "$web/a.gguf"
    run "$at/$1/a.gguf" "${@:2}"
    whole && [ $was -eq 0 ]
    local status=$?
    cp "$dir/first" "$web/a.gguf"
    [ $was_kept -eq 0 ] && [ $status -eq 0 ]
}
check two_versions_are_never_joined changed none
check two_versions_told_apart_by_date_are_never_joined changed date
check a_server_deaf_to_if_range_is_noticed changed deaf
check a_server_that_names_no_version_is_noticed_by_the_checksum changed silent,moved,linked

# ------------------------------------------------------------------ what is wrong with the file

check a_wrong_byte_is_refused refused flip=1500000 'the SHA-256 of what came' --sha256 "$sum"
check a_wrong_byte_is_noticed_by_what_the_server_names refused moved,linked,flip=7 'named by the server'
check a_digest_of_the_server_is_held_against refused digest,flip=2999999 'named by the server'
check a_right_digest_is_fine comes digest
named() { comes moved,linked && ! grep -q 'nobody names' "$dir/stderr"; }
check a_sum_named_on_the_way_is_taken named
unnamed() { comes none && one_line && grep -q "nobody names a checksum.*$sum" "$dir/stderr"; }
check without_a_named_checksum_it_says_so unnamed
check another_sum_than_expected_is_refused_before_the_bytes refused moved,linked 'the server names the SHA-256' --sha256 "$other"
check a_server_with_two_sums_is_refused refused moved,linked,liar 'named by the server'
mended() { comes cutonce=1000000,fliponce=500000 --sha256 "$sum"; }
check a_wrong_byte_before_a_cut_is_mended mended
check a_length_that_is_too_long_is_a_broken_line kept size=100 'broke off' --tries 0
check a_length_that_is_too_short_is_noticed_by_the_checksum refused size=-1000 'the SHA-256 of what came' --sha256 "$sum"
check two_sizes_are_refused refused moved,linked,size=-1000 'two sizes'
check without_size_and_checksum_nothing_is_taken refused chunked '--sha256'
page() {
    echo '<html>please log in</html>' >"$web/page.gguf"
    fresh
    run "$at/none/page.gguf"
    [ $was -eq 1 ] && one_line && grep -q 'not a GGUF file' "$dir/stderr" && [ -z "$(ls -A)" ]
}
check a_page_instead_of_a_model_is_refused page
empty() {
    : >"$web/empty.gguf"
    fresh
    run "$at/none/empty.gguf"
    [ $was -eq 1 ] && one_line && [ -z "$(ls -A)" ]
}
check an_empty_file_is_refused empty
beside() { # LINE COMMAND...: with a checksum file on the server
    echo "$1" >"$web/a.gguf.sha256"
    "${@:2}"
    local status=$?
    rm "$web/a.gguf.sha256"
    return $status
}
quiet_without() { comes none && [ ! -s "$dir/stderr" ]; }
check a_sum_beside_the_file_is_taken beside "$sum *a.gguf" quiet_without
check a_wrong_sum_beside_the_file_is_refused beside "$other *a.gguf" refused none 'named by the file .sha256'
check a_sum_of_another_file_is_not_taken beside "$other *b.gguf" unnamed

# ------------------------------------------------------------------ what servers say

check a_missing_file_is_refused refused code=404 'no such file'
check a_forbidden_file_is_refused refused code=403 'by hand'
check a_server_that_stays_busy_is_given_up refused code=503 'answers 503' --tries 1
check a_circle_is_left refused loop 'redirects' --tries 0
check what_is_not_http_is_refused refused garbage '' --tries 0
check headers_without_an_end_are_refused refused headers '/a.gguf: ' --tries 0
check another_scheme_is_not_followed refused 'away=file:||||etc|passwd' 'file' --tries 0
check a_disk_that_is_too_small_is_noticed_before refused huge 'make room'
nobody() {
    fresh
    run http://127.0.0.1:1/a.gguf
    [ $was -eq 1 ] && one_line && grep -q 'check the address' "$dir/stderr" && [ -z "$(ls -A)" ]
}
check a_server_that_is_not_there_is_told_at_once nobody
secrets() {
    fresh
    run "http://user:hidden@${at#http://}/code=404/a.gguf?token=hidden"
    [ $was -eq 1 ] && one_line && ! grep -q hidden "$dir/stderr"
}
check secrets_of_an_address_are_not_shown secrets

# ------------------------------------------------------------------ where it goes

there() { comes none --sha256 "$sum" && : >"$log" && run "$at/none/a.gguf" && [ $was -eq 0 ] && whole; }
check a_file_that_is_there_is_not_fetched_again there
there_other() {
    fresh
    head -c 3000000 /dev/zero >a.gguf
    run "$at/none/a.gguf" --sha256 "$sum"
    [ $was -eq 1 ] && one_line && grep -q 'move it away' "$dir/stderr" && [ "$(tr -d '\0' <a.gguf | wc -c)" -eq 0 ]
}
check another_file_of_that_name_is_left_alone there_other
there_longer() {
    fresh
    echo mine >a.gguf
    run "$at/none/a.gguf"
    [ $was -eq 1 ] && one_line && grep -q 'move it away' "$dir/stderr" && [ "$(cat a.gguf)" = mine ]
}
check a_file_of_another_size_is_left_alone there_longer
named_out() { fresh && run "$at/none/a.gguf?x=1#y" -o x.gguf && [ $was -eq 0 ] && only x.gguf && cmp x.gguf "$web/a.gguf"; }
check it_goes_where_it_is_told named_out
into() { fresh && mkdir sub && run "$at/none/a.gguf" -o sub && [ $was -eq 0 ] && cmp sub/a.gguf "$web/a.gguf" && [ "$(cat "$dir/stdout")" = sub/a.gguf ]; }
check a_folder_is_a_place_too into
through_link() {
    fresh
    echo mine >"$dir/target"
    ln -s "$dir/target" a.gguf.part
    run "$at/none/a.gguf"
    [ $was -eq 1 ] && one_line && [ "$(cat "$dir/target")" = mine ]
}
check a_planted_link_is_not_followed through_link
pipe() {
    fresh
    mkfifo a.gguf.part
    run "$at/none/a.gguf"
    [ $was -eq 1 ] && one_line
}
check a_pipe_in_its_place_does_not_hang pipe
read_only() {
    fresh
    run "$at/none/a.gguf" -o /nowhere/a.gguf
    [ $was -eq 1 ] && one_line && grep -q /nowhere "$dir/stderr"
}
check a_folder_that_is_not_there_is_told read_only

# ------------------------------------------------------------------ names

by_name() { # NAME FILE
    fresh
    cp "$web/a.gguf" "$web/$2"
    run "$1" --base "$at/none/"
    [ $was -eq 0 ] && only "$2" && cmp "$2" "$web/a.gguf"
}
check a_short_name_stands_for_a_published_file by_name q2 DeepSeek-V4-Flash-IQ2XXS-w2Q2K-AProjQ8-SExpQ8-OutQ8-chat-v2.gguf
check there_are_several by_name mtp DeepSeek-V4-Flash-MTP-Q4K-Q8_0-F32.gguf
by_variable() { fresh && DS4_GET_BASE=$at/none run q2 && [ $was -eq 0 ] && cmp DeepSeek*.gguf "$web/a.gguf"; }
check the_environment_says_where_they_lie by_variable
listed() {
    local name
    run --list
    [ $was -eq 0 ] && [ ! -s "$dir/stderr" ] || return 1
    for name in q2 q2-imatrix q4 mtp; do grep -q "^$name " "$dir/stdout" || return 1; done
}
check the_list_has_the_names listed
usage() { # WORDS ARGUMENTS...
    local words=$1
    shift
    fresh
    run "$@"
    [ $was -eq 2 ] && one_line && grep -qF -- "$words" "$dir/stderr" && [ ! -s "$dir/stdout" ] && [ -z "$(ls -A)" ]
}
check no_name_is_a_matter_of_usage usage --list
check an_unknown_name_is_a_matter_of_usage usage --list q3
check another_scheme_is_a_matter_of_usage usage 'no model' file:///etc/passwd
check a_bad_base_is_a_matter_of_usage usage '--base' q2 --base ftp://x
check a_base_without_a_host_is_a_matter_of_usage usage '--base' q2 --base http://
bad_variable() { DS4_GET_BASE=nonsense usage DS4_GET_BASE q2; }
check a_bad_variable_is_a_matter_of_usage bad_variable
check a_bad_checksum_is_a_matter_of_usage usage '64 hex' q2 --sha256 123
check an_address_without_a_name_is_a_matter_of_usage usage -o "$at/"
check a_name_with_dots_is_a_matter_of_usage usage -o "$at/none/.."
check blanks_in_an_address_are_a_matter_of_usage usage %20 "$at/none/a b.gguf"
check a_list_of_one_is_a_matter_of_usage usage --list --list q2
parts() {
    local i
    fresh
    for i in 1 2 3; do (printf GGUF; echo "part $i") >"$web/s-0000$i-of-00003.gguf"; done
    run "$at/none/s-00002-of-00003.gguf"
    [ $was -eq 0 ] && only $'s-00001-of-00003.gguf\ns-00002-of-00003.gguf\ns-00003-of-00003.gguf' && [ "$(wc -l <"$dir/stdout")" -eq 3 ] &&
        cmp s-00003-of-00003.gguf "$web/s-00003-of-00003.gguf"
}
check a_model_in_parts_comes_whole parts

# ------------------------------------------------------------------ the link

linked() { fresh && run "$at/none/a.gguf" --link && [ $was -eq 0 ] && [ "$(readlink ds4flash.gguf)" = a.gguf ] && cmp ds4flash.gguf "$web/a.gguf"; }
check a_link_is_made_when_asked_for linked
turned() { fresh && ln -s old.gguf ds4flash.gguf && run "$at/none/a.gguf" --link && [ $was -eq 0 ] && [ "$(readlink ds4flash.gguf)" = a.gguf ]; }
check a_link_is_turned turned
itself() { fresh && run "$at/none/a.gguf" -o ds4flash.gguf --link && [ $was -eq 0 ] && [ ! -L ds4flash.gguf ] && cmp ds4flash.gguf "$web/a.gguf"; }
check a_file_that_has_the_name_itself_is_left_in_peace itself
no_link() { comes none; }
check without_a_terminal_no_link_is_made_by_itself no_link
in_the_way() {
    fresh
    echo mine >ds4flash.gguf
    run "$at/none/a.gguf" --link
    [ $was -eq 1 ] && one_line && only ds4flash.gguf && [ "$(cat ds4flash.gguf)" = mine ] && [ ! -s "$log" ]
}
check a_file_in_its_place_is_left_alone_and_told_before_the_work in_the_way
check a_side_file_is_not_linked usage 'not a model in itself' mtp --link --base "$at/none"
runs() { fresh && run "$at/none/m.gguf" --link && [ $was -eq 0 ] && env -u DS4_MODEL "$build/bin/ds4" --info | grep -q '154 tensors'; }
check ds4_takes_what_was_fetched runs

# ------------------------------------------------------------------ stopping, and two at once

begin() { # FAULTS: in the background, until bytes are there; its process in $pid
    fresh
    "$get" "$at/$1/a.gguf" >"$dir/stdout" 2>"$dir/stderr" </dev/null &
    pid=$!
    for _ in $(seq 100); do
        [ -s a.gguf.part ] && return 0
        sleep 0.05
    done
    return 1
}
stopped() { # SIGNAL STATUS
    begin slow && kill "-$1" $pid
    wait $pid
    was=$?
    cat "$dir/stderr"
    [ $was -eq "$2" ] && [ -s a.gguf.part ] && [ ! -e a.gguf ] || return 1
    [ "$1" = KILL ] || { one_line && grep -q 'a.gguf.part keeps .*the same command goes on' "$dir/stderr"; } || return 1
    run "$at/none/a.gguf" && [ $was -eq 0 ] && whole && only a.gguf && grep -q ' 206$' "$log"
}
check ctrl_c_ends_it_and_the_next_run_goes_on stopped INT 130
check so_does_a_request_to_end stopped TERM 130
check after_a_violent_death_the_next_run_goes_on stopped KILL 137
two() {
    begin slow || return 1
    run "$at/none/a.gguf"
    local second=$was
    one_line && grep -q 'another ds4-get' "$dir/stderr"
    local told=$?
    wait $pid
    was=$?
    [ $second -eq 1 ] && [ $told -eq 0 ] && [ $was -eq 0 ] && whole && only a.gguf
}
check two_at_once_are_refused two
small_disk() { # a limit on the size of files stands for a full disk
    fresh
    (ulimit -f 1000; run "$at/none/a.gguf"; [ $was -eq 1 ] && one_line && grep -q 'a.gguf.part keeps' "$dir/stderr") || return 1
    run "$at/none/a.gguf" && [ $was -eq 0 ] && whole
}
check a_write_that_fails_keeps_the_part small_disk
# Ctrl-C as a terminal sends it, to all processes at once, before a byte has come and with no tries left.
at_once() {
    fresh
    python3 - "$get" "$at/hang=0/a.gguf" <<'PY'
import os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], sys.argv[2], "--tries", "0"], start_new_session=True, stderr=subprocess.PIPE)
time.sleep(0.5)
os.killpg(p.pid, signal.SIGINT)
said = p.stderr.read()
sys.exit(0 if p.wait() == 130 and said.startswith(b"ds4: stopped") and said.count(b"\n") == 1 else print(p.wait(), said) or 1)
PY
    [ $? -eq 0 ] && [ -z "$(ls -A)" ]
}
check ctrl_c_is_seen_before_anything_has_come at_once

no_curl() {
    fresh
    PATH=$dir/nowhere run "$at/none/a.gguf"
    [ $was -eq 1 ] && one_line && grep -q 'install it' "$dir/stderr" && [ -z "$(/bin/ls -A)" ]
}
check without_curl_it_says_what_to_install no_curl

# A terminal: a bar with rate and time left, and the question about the link.
cat >"$dir/terminal.py" <<'PY'
import os, pty, sys
shown = b""
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    if b"[Y/n]" in got:
        os.write(fd, b"\n")
    shown += got
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(shown.replace(b"\r", b"\n"))
sys.exit(status)
PY
terminal() {
    fresh
    python3 "$dir/terminal.py" "$get" "$at/slow/a.gguf" >"$dir/screen"
    was=$?
    cat "$dir/screen"
    [ $was -eq 0 ] && grep -q 'fetching.*%.*MiB/s.*left' "$dir/screen" && grep -q 'link ds4flash.gguf' "$dir/screen" &&
        [ "$(readlink ds4flash.gguf)" = a.gguf ]
}
check on_a_terminal_it_shows_rate_and_time_left_and_offers_the_link terminal
finish
