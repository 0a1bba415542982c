#!/usr/bin/env bash
# mini-quality: what the recipe q2 costs the bundled model, without and with an importance matrix, and whether the matrix is
# worth it: receipts and their comparison, for models/receipts/.
#
#     bench/mini-quality.sh [MODEL [OUT]]        default: models/ds4-mini.gguf models/receipts
#
# The matrix is measured on conversations that may be taught (seed 3), the files on conversations of another seed that never
# are (their keys are held out), so what is found is no memory of the text. Ends with status 1 unless the file with the matrix is
# nearer to the source and the interval of the paired difference leaves no doubt. $BIN names the programs (build/bin), $CASES the
# conversations of each text (300; 150 take 8.5 minutes of one processor), $WORK a folder to keep the files in.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
bin=${BIN:-build/bin} cases=${CASES:-300}
model=${1:-models/ds4-mini.gguf} out=${2:-models/receipts}
work=${WORK:-$(mktemp -d "${TMPDIR:-/tmp}/ds4-mini-quality.XXXXXX")}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work"

python3 tools/mini/corpus.py "$work/taught-seed3.txt" --seed 3 --cases "$cases" --long 8
python3 tools/mini/corpus.py "$work/heldout-seed91.txt" --seed 91 --cases "$cases" --long 4 --held-out
"$bin/ds4-imatrix" -m "$model" -f "$work/taught-seed3.txt" --special -o "$work/taught-seed3.imatrix.gguf"
"$bin/ds4-quantize" "$model" "$work/ds4-mini-q2.gguf" q2
"$bin/ds4-quantize" "$model" "$work/ds4-mini-q2-imatrix.gguf" q2 --imatrix "$work/taught-seed3.imatrix.gguf"

# The source is run once: its logits serve both.
kept=$work/ds4-mini.logits
"$bin/ds4-eval" --suite quality -m "$model" --text "$work/heldout-seed91.txt" --special --save-logits "$kept"
for name in ds4-mini-q2 ds4-mini-q2-imatrix; do
    "$bin/ds4-eval" --suite quality -m "$work/$name.gguf" --against "$kept" --out "$out/$name"
done

"$bin/ds4-eval" --compare "$out/ds4-mini-q2.json" "$out/ds4-mini-q2-imatrix.json" | tee "$out/comparison.txt"
"$bin/ds4-eval" --compare "$out/ds4-mini-q2.json" "$out/ds4-mini-q2-imatrix.json" --json >"$out/comparison.json"
grep -q '"nearer": "b"' "$out/comparison.json" || {
    echo "mini-quality: the file with the importance matrix is not clearly nearer" >&2
    exit 1
}
