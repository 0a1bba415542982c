#!/usr/bin/env python3
"""sample_rows: the part of compare_hf.py's logits that is kept with the tests.

    python3 tools/mini/sample_rows.py PROMPTS.json REFERENCE tests/mini 1 12 13 14

REFERENCE is the folder that compare_hf.py wrote; the numbers say which prompts. Two files are made:

    prompts.json   {"prompts": [{"tokens": [...], "rows": [...], "close": 4, "first_close": 1239}]}
    rows.f32.xz    these rows of all prompts one after another, little-endian float32 [rows][vocab]

Most rows are from before the first close decision (first_close; null if there is none): those must
agree. `close` counts these decisions.
"""
import json
import lzma
import os
import sys

BEFORE, AFTER = 20, 8  # rows of a prompt at most, from before and after its first close decision


def spread(rows, most):
    """At most so many of them, evenly, the last one among them."""
    if len(rows) <= most:
        return rows
    return [rows[(i + 1) * len(rows) // most - 1] for i in range(most)]


def main():
    prompts_path, reference, out = sys.argv[1:4]
    with open(prompts_path) as f:
        prompts = json.load(f)
    with open(os.path.join(reference, "reference.json")) as f:
        told = json.load(f)
    kept, logits = [], b""
    for i in map(int, sys.argv[4:]):
        rows, close = told[i]["rows"], told[i]["close"]
        first = min(close, default=None)
        decisions = sum(told[i]["decisions"].values())
        before = [r for r in rows if first is None or r < first]
        chosen = spread(before, BEFORE) + spread(rows[len(before):], AFTER)
        with open(os.path.join(reference, f"logits-{i}.f32"), "rb") as f:
            data = f.read()
        size = len(data) // len(rows)
        for k in map(rows.index, chosen):
            logits += data[k * size:(k + 1) * size]
        kept.append({"tokens": prompts[i], "rows": chosen, "close": decisions,
                     "first_close": first})
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "prompts.json"), "w") as f:
        f.write('{"prompts": [\n' + ",\n".join(map(json.dumps, kept)) + "\n]}\n")
    with open(os.path.join(out, "rows.f32.xz"), "wb") as f:
        f.write(lzma.compress(logits, preset=9 | lzma.PRESET_EXTREME, check=lzma.CHECK_CRC32))
    for k in kept:
        print(len(k["tokens"]), "tokens,", len(k["rows"]), "rows, first close:", k["first_close"])


if __name__ == "__main__":
    main()
