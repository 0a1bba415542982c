#!/usr/bin/env python3
"""corpus: rendered conversations as one text, for ds4-imatrix --special.

    python3 tools/mini/corpus.py OUT.txt [--cases N] [--long N] [--seed S] [--held-out]

Cases that may be taught (or, with --held-out, some that never are), every skill alike, and some long ones; each as the
model meets it, with its control tokens spelled out.
"""
import argparse

import case as cases
import lessons
import render


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("out")
    a.add_argument("--cases", type=int, default=600)
    a.add_argument("--long", type=int, default=8)
    a.add_argument("--seed", type=int, default=3)
    a.add_argument("--held-out", action="store_true")
    o = a.parse_args()
    lessons.load()
    rng = cases.rng_for("corpus", o.seed)
    short = [s for s in cases.SKILLS.values() if not s.long]
    far = [s for s in cases.SKILLS.values() if s.long]

    def draw(one, tokens=0):
        return cases.draw(one, rng, rng.random() < 0.5, examine=o.held_out, tokens=tokens)

    drawn = [draw(short[i % len(short)]) for i in range(o.cases)]
    drawn += [draw(far[i % len(far)], 3000) for i in range(o.long)]
    rng.shuffle(drawn)
    with open(o.out, "w", encoding="utf-8") as f:
        for c in drawn:
            f.write(render.text(c))


if __name__ == "__main__":
    main()
