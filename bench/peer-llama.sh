#!/usr/bin/env bash
# peer-llama.sh: ds4-bench and another engine on the same file, in turn, on the machine as it is now.
#
#     bench/peer-llama.sh [-b DS4_BENCH] [-n TOKENS] [-g GEN] [-r ROUNDS] -m MODEL.gguf -- COMMAND...
#
# Ours, theirs, ours, theirs: whatever else the machine does meets both. Told are all runs, the medians and
# their ratio, as a table for bench/RESULTS.md.
#
# COMMAND times the other engine on MODEL with a prompt of TOKENS and GEN tokens behind it, and prints CSV, in
# either form (lines that begin with # and anything before the header are passed over):
#
#   a header with columns prefill_tps and gen_tps; the last row counts
#   what llama-bench -o csv prints: a row with n_gen 0 for the prompt, one with n_prompt 0 for the rest, avg_ts
#
# In it {model}, {tokens} and {gen} are replaced. Nothing of another engine belongs into this tree: it is built
# elsewhere. llama.cpp with -DGGML_CPU_REPACK=OFF (v0.5.0 stops at this model's file when it repacks weights):
#
#     bench/peer-llama.sh -m slice.gguf -- LLAMA/llama-bench -m {model} -p {tokens} -n {gen} -ub {tokens} -r 1 -o csv
set -eu
bench=$(dirname "$0")/../build/bin/ds4-bench model='' tokens=512 gen=16 rounds=2
while getopts b:m:n:g:r: opt; do
    case $opt in
    b) bench=$OPTARG ;;
    m) model=$OPTARG ;;
    n) tokens=$OPTARG ;;
    g) gen=$OPTARG ;;
    r) rounds=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ -z "$model" ] || [ $# -eq 0 ]; then
    echo "usage: $0 [-b DS4_BENCH] [-n TOKENS] [-g GEN] [-r ROUNDS] -m MODEL.gguf -- COMMAND..." >&2
    exit 2
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/ds4-peer.XXXXXX")
trap 'rm -rf "$dir"' EXIT

theirs=()
for word in "$@"; do
    word=${word//\{model\}/$model}
    word=${word//\{tokens\}/$tokens}
    theirs+=("${word//\{gen\}/$gen}")
done
ours=("$bench" -m "$model" --ctx-start "$tokens" --ctx-max "$tokens" --gen-tokens "$gen" --warmup "$((tokens / 2))")

# "PREFILL DECODE" from CSV on stdin.
rates() {
    tr -d '"' | awk -F, '
        /^#/ { next }
        !head && /(^|,)(prefill_tps|avg_ts)(,|$)/ { head = 1; for (i = 1; i <= NF; i++) at[$i] = i; next }
        !head { next }
        "avg_ts" in at { if ($at["n_gen"] == 0) p = $at["avg_ts"]; else g = $at["avg_ts"]; next }
        { p = $at["prefill_tps"]; g = $at["gen_tps"] }
        END { if (p == "" || g == "") exit 1; print p, g }'
}
once() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$dir/out" 2>"$dir/err" || { echo "$0: $name failed: $*" >&2; tail -n 5 "$dir/err" >&2; return 1; }
    rates <"$dir/out" >"$dir/pair" || { echo "$0: $name printed no rates:" >&2; head -n 5 "$dir/out" >&2; return 1; }
    cat "$dir/pair" >>"$dir/$name"
    echo "$name: $(cat "$dir/pair")  (prefill, decode tok/s; load $(cut -d' ' -f1-3 /proc/loadavg 2>/dev/null || echo '?'))" >&2
}
median() { # FILE COLUMN
    cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

cat "$model" >/dev/null # so that both find it in memory
for _ in $(seq "$rounds"); do
    once ours "${ours[@]}"
    once theirs "${theirs[@]}"
done
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
echo "$(date -u +%F), ${cpu:-unknown processor}, $(getconf _NPROCESSORS_ONLN) threads, $(basename "$model"), $rounds rounds"
echo
echo "| | prefill of $tokens | decode, $gen tokens |"
echo "|---|---:|---:|"
for who in ours theirs; do
    printf '| %s | %.2f | %.2f |\n' $who "$(median "$dir/$who" 1)" "$(median "$dir/$who" 2)"
done
for i in 1 2; do awk -v a="$(median "$dir/ours" $i)" -v b="$(median "$dir/theirs" $i)" 'BEGIN { printf "%.2f\n", a / b }'; done |
    paste -sd' ' | sed 's/^\(.*\) \(.*\)$/| ours \/ theirs | \1 | \2 |/'
