#!/usr/bin/env python3
"""prompts: token sequences for comparing implementations, drawn from what is never taught.

    python3 tools/mini/prompts.py TOKENIZER OUT.json

Twelve of 320 tokens (in some no decision is close, see compare_hf.py), and one each of 700, 1500 and 4000.
"""
import json
import sys

import case as cases
import pack
from bpe import Vocabulary


def long_enough(teacher, tokens):
    while True:
        one = teacher.rng.choice(teacher.long if tokens > 1000 else teacher.short)
        c = cases.draw(one, teacher.rng, teacher.rng.random() < 0.5, examine=True, tokens=int(tokens * 1.3))
        ids = teacher.rendered(one.name, [c], c.thinking, 0)[1]
        if len(ids) >= tokens:
            return ids[:tokens].tolist()


def main():
    teacher = pack.Lessons(Vocabulary.load(sys.argv[1]), "prompts")
    out = [long_enough(teacher, n) for n in [320] * 12 + [700, 1500, 4000]]
    with open(sys.argv[2], "w") as f:
        json.dump(out, f)


if __name__ == "__main__":
    main()
