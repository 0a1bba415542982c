#!/usr/bin/env python3
"""variants: what each block type costs ds4-mini, as a table for its card.

    python3 tools/mini/variants.py CHECKPOINT [--bin build/bin] [--types f16,q8_0] [--seed 1]

CHECKPOINT is the folder that train.py wrote. ds4-convert makes a file of each type from it, in a
temporary folder; ds4 computes the logits after every token of some prompts of the examination
(cases that are never taught, answers included), once with reference arithmetic (--exact) and once
as users run it. Both are held against the file that keeps every value (native) under reference
arithmetic:

    KL       sum of p log(p / q), p the reference's probabilities, in nats: the mean over all tokens
             and its 95 % interval, by drawing whole prompts again (the tokens of one prompt are no
             independent measurements)
    answers  the mean over the tokens that the model has to write by itself
    same     the share of tokens after which the most likely token is the reference's

The table goes to standard output, as Markdown.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

import pack
from bpe import Vocabulary

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = "native"
TYPES = ("native", "f16", "bf16", "q8_0", "mixed")
LONG_PROMPTS, LONG_TOKENS = 2, 1900  # of these the indexer leaves a part out
SHORT_PROMPTS = 18
DRAWS = 4000  # of the prompts, for the intervals


def prompts_of(vocabulary, seed):
    """[(ids, which of them are written by the model)]"""
    teacher = pack.Lessons(Vocabulary.load(vocabulary), "variants", seed, examine=True)
    choice = teacher.rng.choice
    drawn = [teacher.examined(choice(teacher.long), LONG_TOKENS) for _ in range(LONG_PROMPTS)]
    drawn += [teacher.examined(choice(teacher.short)) for _ in range(SHORT_PROMPTS)]
    return [(ids.astype(np.int64), weight == 100) for _, ids, weight in drawn]


def log_softmax(x):
    x = x.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


class Engine:
    """The programs, and a folder for what they write."""

    def __init__(self, programs, folder, threads):
        self.programs, self.folder, self.threads = programs, folder, threads

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, program, *words):
        subprocess.run([os.path.join(self.programs, program), *words], check=True,
                       stdin=subprocess.DEVNULL)

    def convert(self, checkpoint, kind):
        model = self.path(kind + ".gguf")
        self.run("ds4-convert", checkpoint, "-o", model, "--type", kind)
        return model

    def logits(self, model, ids, exact):
        with open(self.path("ids"), "w") as f:
            f.write(" ".join(map(str, ids)))
        more = ["--exact"] if exact else []
        self.run("ds4", "-m", model, "--eval-tokens", self.path("ids"), "--logits-out",
                 self.path("logits"), "--threads", str(self.threads), *more)
        return np.fromfile(self.path("logits"), "<f4").reshape(len(ids), -1)


def compared(want, got):
    """-> (KL of each row, whether its best token is the same)."""
    p, q = log_softmax(want), log_softmax(got)
    return (np.exp(p) * (p - q)).sum(-1), want.argmax(-1) == got.argmax(-1)


def mean_of(prompts, seed=1):
    """Of [array of a prompt's values]: mean over all values, and its 95 % interval."""
    sums = np.array([v.sum() for v in prompts], np.float64)
    sizes = np.array([len(v) for v in prompts], np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(prompts), (DRAWS, len(prompts)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    return (sums.sum() / sizes.sum(), *np.quantile(means, (0.025, 0.975)))


def number(x):
    """Three digits; what is left of zero by rounding is zero."""
    return f"{x:.2e}" if abs(x) >= 1e-12 else "0"


def measured(engine, model, exact, prompts, reference):
    """The cells of a row: KL with its interval, KL in answers, share of the same best token."""
    kl, written, same = [], [], []
    for (ids, own), want in zip(prompts, reference):
        k, s = compared(want, engine.logits(model, ids, exact))
        kl.append(k)
        same.append(s)
        written.append(k[:-1][own[1:]])  # the logits after a token are about the next one
    mean, low, high = mean_of(kl)
    return [f"{number(mean)} ({number(low)} to {number(high)})", number(mean_of(written)[0]),
            f"{100 * mean_of(same)[0]:.2f} %"]


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    a.add_argument("checkpoint")
    a.add_argument("--bin", default=os.path.join(HERE, "..", "..", "build", "bin"))
    a.add_argument("--types", default=",".join(TYPES))
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    o = a.parse_args()
    prompts = prompts_of(os.path.join(o.checkpoint, "tokenizer.json"), o.seed)
    n, own = sum(len(ids) for ids, _ in prompts), sum(int(w[1:].sum()) for _, w in prompts)
    print(f"{len(prompts)} prompts, {n} tokens, {own} of them answers; seed {o.seed}\n")
    print("| type | MB | arithmetic | KL (95 % interval) | KL in answers | same best token |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(o.bin, folder, o.threads)
        model = engine.convert(o.checkpoint, REFERENCE)
        reference = [engine.logits(model, ids, True) for ids, _ in prompts]
        for kind in o.types.split(","):
            model = engine.convert(o.checkpoint, kind)
            size = f"{os.path.getsize(model) / 1e6:.1f}"
            for exact in (True, False):
                cells = measured(engine, model, exact, prompts, reference)
                name = "reference" if exact else "default"
                print("| " + " | ".join([kind, size, name, *cells]) + " |", flush=True)
            if kind != REFERENCE:
                os.remove(model)


if __name__ == "__main__":
    sys.exit(main())
