#!/usr/bin/env bash
# libds4.a shows ds4_* and nothing else, so that it can be linked into a program with names of its own.
set -u
. tests/test.sh
lib=$build/libds4.a
if [ ! -f src/ds4.c ]; then
    skip the_library_shows_only_names_with_ds4_in_front "this version has no src/ds4.c"
    finish
fi

# Global names that the archive defines, without the underscore of macOS.
names() { nm -g "$lib" | awk 'NF == 3 && $2 ~ /^[A-TV-Z]$/ { sub(/^_/, "", $3); print $3 }'; }
only_ours() { [ -n "$(names)" ] && ! names | grep -v '^ds4_'; }
all_declared() {
    local name status=0
    for name in $(names); do
        grep -q "[^a-z0-9_]$name(" src/ds4.h || { echo "$name is not in src/ds4.h"; status=1; }
    done
    return $status
}
all_defined() {
    local name status=0
    for name in $(sed 's@/\*.*\*/@@; /^ \*/d; /^#/d; /^typedef/d' src/ds4.h | grep -oE 'ds4_[a-z0-9_]+\(' | tr -d '('); do
        names | grep -qx "$name" || { echo "$name is declared, but not in the library"; status=1; }
    done
    return $status
}

# A program that defines, for itself, the names that our rooms use inside.
cat >"$dir/user.c" <<'C'
#include "ds4.h"
int fail(void), buf_put(void), gguf_open(void), map_file(void), engine_open(void), tok_encode(void);
int fail(void) { return 1; }
int buf_put(void) { return 2; }
int gguf_open(void) { return 3; }
int map_file(void) { return 4; }
int engine_open(void) { return 5; }
int tok_encode(void) { return 6; }
C
{
    echo 'typedef void any(void);'
    echo 'any *const all_of_it[];'
    echo 'any *const all_of_it[] = {'
    for name in $(names); do echo "(any *)$name,"; done
    echo '};'
    echo 'int main(void) { return all_of_it[0] ? fail() + buf_put() + gguf_open() + map_file() + engine_open() + tok_encode() - 21 : 1; }'
} >>"$dir/user.c"
link_flags() { pkg-config --libs libxxhash; }
# shellcheck disable=SC2046  # a list of flags
link() { ${CC:-cc} -std=c11 -Wall -Wextra -Isrc -o "$dir/user" "$@" "$lib" $(link_flags) -lm -pthread; }

# No variables outside of handles, no printing, no ending of the process.
no_variables() { [ "$(uname -s)" = Linux ] || return 0; [ "$(size -A "$lib" | awk '$1 == ".data" || $1 == ".bss" { n += $2 } END { print n + 0 }')" -eq 0 ]; }
silent() { ! nm -u "$lib" | grep -wE '(f|v|vf)?printf|(__)?(v?f?printf_chk)|puts|putchar|fputs|fputc|fwrite|perror|exit|_exit|abort|getenv'; }

check the_library_shows_only_names_with_ds4_in_front only_ours
check every_name_it_shows_is_in_the_header all_declared
check every_function_of_the_header_is_in_the_library all_defined
check a_program_with_names_like_our_inner_ones_links link "$dir/user.c"
check the_library_keeps_no_variables no_variables
check the_library_neither_prints_nor_exits_nor_reads_the_environment silent
check that_program_runs "$dir/user"
check a_shared_object_can_be_made_of_it link -shared -fPIC "$dir/user.c"
finish
