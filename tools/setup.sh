# shellcheck shell=bash
# setup.sh: what ./start and ./check need from the system, found and installed. To be sourced; defines only functions.
#
#     setup YES NEED...     YES=1 answers the question below beforehand
#
# A need is a row of the table: how to see that it is there, and its packages for each package manager. What is
# missing is named and installed with apt-get, dnf, pacman or brew. A question is asked on a terminal only; without
# one, or under CI, nothing is asked: it is installed where root or a sudo without password allows, else one line
# says which command would do it. Everything said here goes to stderr: stdout belongs to the program that follows.
#
# Runs on the bash 3.2 of macOS.

# need | found by | apt-get | dnf | pacman | brew      `name?`: only where the manager knows that name; `-`: part of the system
setup_table='
cc         | compiles        | gcc libc6-dev            | gcc glibc-devel      | gcc         | -
make       | command make    | make                     | make                 | make        | -
pkg-config | command pkg-config | pkg-config            | pkgconf-pkg-config   | pkgconf     | pkgconf
cmp        | command cmp     | diffutils                | diffutils            | diffutils   | -
find       | command find    | findutils                | findutils            | findutils   | -
awk        | command awk     | mawk                     | gawk                 | gawk        | -
xxhash     | library libxxhash | libxxhash-dev          | xxhash-devel         | xxhash      | xxhash
libedit    | editline        | libedit-dev              | libedit-devel        | libedit     | -
curl       | command curl    | curl ca-certificates     | curl                 | curl        | -
clang      | fuzzer          | clang libclang-rt-dev?   | clang compiler-rt    | clang compiler-rt | llvm
tmux       | command tmux    | tmux                     | tmux                 | tmux        | tmux
xz         | command xz      | xz-utils                 | xz                   | xz          | xz
utf8proc   | library libutf8proc | libutf8proc-dev      | utf8proc-devel       | libutf8proc | utf8proc
aarch64    | command aarch64-linux-gnu-gcc | gcc-aarch64-linux-gnu libc6-dev-arm64-cross | - | aarch64-linux-gnu-gcc | -
qemu-user  | command qemu-aarch64 | qemu-user            | -                    | qemu-user   | -
'

setup_say() { echo "ds4: $*" >&2; }

setup_cell() { # need, column: the words of that cell
    local name how apt dnf pacman brew
    while IFS='|' read -r name how apt dnf pacman brew; do
        [ "${name%% *}" = "$1" ] || continue
        # shellcheck disable=SC2086  # the words without the blanks around them
        case $2 in
        how) echo $how ;;
        apt-get) echo $apt ;;
        dnf) echo $dnf ;;
        pacman) echo $pacman ;;
        brew) echo $brew ;;
        esac
    done <<<"$setup_table"
}

# Sanitizers and libFuzzer are a package of their own in places: only linking shows that they are there.
setup_fuzzer_links() {
    local out status
    out=$(mktemp "${TMPDIR:-/tmp}/ds4-setup.XXXXXX") || return 1
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, __SIZE_TYPE__ n) { return p && n ? 0 : 0; }' |
        clang -x c - -fsanitize=fuzzer,address,undefined -o "$out" >/dev/null 2>&1
    status=$?
    rm -f "$out"
    return $status
}

setup_found() { # need
    local how
    how=$(setup_cell "$1" how)
    case $how in
    'command '*) command -v "${how#command }" >/dev/null 2>&1 ;;
    'library '*) pkg-config --exists "${how#library }" 2>/dev/null ;;
    compiles) echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1 ;;
    editline) [ "$(uname -s)" = Darwin ] || pkg-config --exists libedit 2>/dev/null ;;
    fuzzer) setup_fuzzer_links ;;
    *) setup_say "setup: no row for $1 in tools/setup.sh"; return 1 ;;
    esac
}

setup_missing() { # needs: those that are not there
    local need
    for need in "$@"; do setup_found "$need" || echo "$need"; done
}

setup_manager() {
    local m
    if [ "$(uname -s)" = Darwin ]; then
        command -v brew >/dev/null 2>&1 && echo brew
        return
    fi
    for m in apt-get dnf pacman; do
        if command -v $m >/dev/null 2>&1; then echo $m; return; fi
    done
}

setup_packages() { # manager, needs in one word: package names in one line
    local manager=$1 need name
    for need in $2; do
        for name in $(setup_cell "$need" "$manager"); do
            case $name in
            -) ;;
            *\?) apt-cache show "${name%\?}" >/dev/null 2>&1 && echo "${name%\?}" ;;
            *) echo "$name" ;;
            esac
        done
    done | tr '\n' ' ' | sed 's/ $//'
}

setup_install() { # manager, how to become root, packages
    local manager=$1 root=$2
    shift 2
    case $manager in
    apt-get)
        local get="$root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=120"
        if $get install "$@"; then return; fi
        $get update && $get install "$@" # the list of packages was old
        ;;
    dnf) $root dnf -y install "$@" ;;
    pacman)
        if $root pacman -S --noconfirm --needed "$@"; then return; fi
        $root pacman -Sy --noconfirm --needed "$@"
        ;;
    brew) HOMEBREW_NO_AUTO_UPDATE=1 brew install "$@" ;;
    esac
}

# apt knows no package at all on a fresh system, and a `name?` can only be looked up after an update.
setup_refresh() { # manager, how to become root
    if [ "$1" = apt-get ] && ! apt-cache show gcc >/dev/null 2>&1; then $2 apt-get update; fi
}

setup() { # yes, needs
    local yes=$1 missing manager packages root='' terminal=0 answer log
    shift
    missing=$(setup_missing "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0

    if [ "$(uname -s)" = Darwin ] && [[ " $missing " =~ \ (cc|make)\  ]]; then
        setup_say "the compiler is missing: install it with xcode-select --install, then start again"
        return 1
    fi
    manager=$(setup_manager)
    if [ -z "$manager" ]; then
        setup_say "missing: $missing; no package manager known to this script (apt-get, dnf, pacman, brew): install them by hand"
        return 1
    fi

    if [ -t 0 ] && [ -t 2 ] && [ -z "${CI:-}" ]; then terminal=1; fi
    if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
        root=sudo
        [ $terminal = 1 ] || root='sudo -n'
        if ! command -v sudo >/dev/null 2>&1 || { [ $terminal = 0 ] && ! sudo -n true 2>/dev/null; }; then
            setup_say "missing: $missing; run as root: $manager install $(setup_packages "$manager" "$missing")"
            return 1
        fi
    fi

    log=$(mktemp "${TMPDIR:-/tmp}/ds4-setup.XXXXXX") || return 1
    if [ $terminal = 1 ] && [ "$yes" != 1 ]; then
        setup_say "missing: $missing"
        printf 'ds4: install with %s: %s ? [Y/n] ' "$manager" "$(setup_packages "$manager" "$missing")" >&2
        read -r answer
        case $answer in '' | y | Y | yes) ;; *) setup_say "nothing installed"; return 1 ;; esac
    fi
    setup_refresh "$manager" "$root" </dev/null >>"$log" 2>&1
    packages=$(setup_packages "$manager" "$missing")
    setup_say "installing with $manager, which can take minutes: $packages"
    # shellcheck disable=SC2086  # a list of names
    setup_install "$manager" "$root" $packages </dev/null >>"$log" 2>&1 || tail -n 20 "$log" >&2
    rm -f "$log"

    missing=$(setup_missing "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -z "$missing" ] || { setup_say "still missing after $manager install $packages: $missing"; return 1; }
}

setup_cores() { nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1; }
