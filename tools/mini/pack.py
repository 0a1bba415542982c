"""pack: endless rows of lessons for the trainer, made by worker processes while the GPU works.

A row holds several documents, each beginning at a multiple of 128 (so that no compressor window spans
two) and numbered; what is left between them belongs to nobody (-1).

    ids  uint16 [rows, length]   weight uint8 [rows, length], 100 = counts fully   doc int16 [rows, length]

Short rows hold conversations of one or several cases; long rows what needs distance: recall over
thousands of tokens. Every worker has its own generator and queue, and queues are read in turn, so the same
seed gives the same rows whatever the timing.
"""
import multiprocessing
import sys

import numpy as np

import case as cases
import lessons
import render
from bpe import Vocabulary

ALIGN = 128
SHORT, LONG = 1024, 8192
PROMPT_WEIGHT = 5  # of 100: text that nobody has to produce teaches a little about text
OPEN_ROWS = 12


class Lessons:
    """Draws documents: (skill, ids, weights)."""

    def __init__(self, vocab, *seed, examine=False):
        self.vocab, self.rng, self.examine = vocab, cases.rng_for(*seed), examine
        lessons.load()
        self.short = [s for s in cases.SKILLS.values() if not s.long]
        self.long = [s for s in cases.SKILLS.values() if s.long]
        self.short_weights = [s.weight for s in self.short]
        self.long_weights = [s.weight for s in self.long]
        self.joining = [s for s in self.short if s.name.split(".")[0] in lessons.JOINABLE]
        self.joining_weights = [s.weight for s in self.joining]

    def rendered(self, skill, chosen, thinking, prompt_weight):
        one = chosen[0] if len(chosen) == 1 else render.conversation(chosen, thinking)
        ids, weights = render.render(one, self.vocab)
        w = np.where(np.asarray(weights) > 0, 100, prompt_weight).astype(np.uint8)
        w[0] = 0
        return skill, np.asarray(ids, np.uint16), w

    def conversation(self):
        rng = self.rng
        thinking = rng.random() < 0.5
        first = rng.choices(self.short, self.short_weights)[0]
        chosen = [cases.draw(first, rng, thinking)]
        if chosen[0].joinable and first in self.joining and rng.random() < (0.25 if thinking else 0.6):
            for _ in range(rng.choice((1, 1, 2, 2, 3, 5))):
                more = cases.draw(rng.choices(self.joining, self.joining_weights)[0], rng, thinking)
                if more.joinable:
                    chosen.append(more)
        return self.rendered(first.name, chosen, thinking, PROMPT_WEIGHT)

    def distant(self, tokens):
        rng = self.rng
        thinking = rng.random() < 0.5
        one = rng.choices(self.long, self.long_weights)[0]
        return self.rendered(one.name, [cases.draw(one, rng, thinking, tokens=tokens)], thinking, 0)

    def examined(self, one, tokens=0):
        thinking = self.rng.random() < 0.5
        c = cases.draw(one, self.rng, thinking, examine=True, tokens=tokens)
        return self.rendered(one.name, [c], thinking, 0)


class Rows:
    """Puts documents into rows of one length: the first open row with room takes it."""

    def __init__(self, length, open_rows):
        self.length, self.limit, self.open = length, open_rows, []

    def add(self, document):
        """-> a finished row (list of documents) or None."""
        need = -(-len(document[1]) // ALIGN) * ALIGN
        for row in self.open:
            if row[0] + need <= self.length:
                row[0] += need
                row[1].append(document)
                break
        else:
            self.open.append([need, [document]])
        full = [r for r in self.open if r[0] == self.length]
        if full or len(self.open) > self.limit:
            done = full[0] if full else max(self.open, key=lambda r: r[0])
            self.open.remove(done)
            return done[1]
        return None


def lay_out(rows, length):
    ids = np.zeros((len(rows), length), np.uint16)
    weight = np.zeros((len(rows), length), np.uint8)
    doc = np.full((len(rows), length), -1, np.int16)
    for r, documents in enumerate(rows):
        at = 0
        for number, (_, i, w) in enumerate(documents):
            n = len(i)
            ids[r, at:at + n], weight[r, at:at + n], doc[r, at:at + n] = i, w, number
            at += -(-n // ALIGN) * ALIGN
    return ids, weight, doc


def short_rows(teacher, length):
    rows = Rows(length, OPEN_ROWS)
    while True:
        d = teacher.conversation()
        if len(d[1]) <= length:
            done = rows.add(d)
            if done:
                yield done


def long_rows(teacher, length):
    rows = Rows(length, 2)
    while True:
        if teacher.rng.random() < 0.8:
            share = teacher.rng.choice((0.15, 0.25, 0.37, 0.5, 0.67, 0.85))
            d = teacher.distant(int(length * share * teacher.rng.uniform(0.7, 1.08)))
        else:
            d = teacher.conversation()
        if len(d[1]) <= length:
            done = rows.add(d)
            if done:
                yield done


def work(queue, vocabulary, kind, length, seed, index, chunk):
    teacher = Lessons(Vocabulary.load(vocabulary), seed, kind, index)
    rows = (short_rows if kind == "short" else long_rows)(teacher, length)
    while True:
        queue.put(lay_out([next(rows) for _ in range(chunk)], length))


class Feed:
    """batches(kind): endless (ids, weight, doc) of `tokens` tokens."""

    def __init__(self, vocabulary, seed, tokens, short_workers, long_workers):
        self.queues, self.processes = {}, []
        context = multiprocessing.get_context("spawn")
        for kind, workers, length in (("short", short_workers, SHORT), ("long", long_workers, LONG)):
            rows = tokens // length
            chunk = max(1, rows // max(1, workers))
            while rows % chunk:
                chunk -= 1
            self.queues[kind] = (rows // chunk, [context.Queue(8) for _ in range(workers)])
            for i, q in enumerate(self.queues[kind][1]):
                p = context.Process(target=work, args=(q, vocabulary, kind, length, seed, i, chunk), daemon=True)
                p.start()
                self.processes.append(p)
        self.turn = {"short": 0, "long": 0}

    def next(self, kind):
        parts, queues = self.queues[kind]
        got = []
        for _ in range(parts):
            got.append(queues[self.turn[kind] % len(queues)].get())
            self.turn[kind] += 1
        return tuple(np.concatenate(x) for x in zip(*got))

    def stop(self):
        for p in self.processes:
            p.terminate()


def examination(vocab, seed, each):
    """Documents nobody was taught: ([rows of short documents], [rows of long ones])."""
    teacher = Lessons(vocab, seed, "examination", examine=True)
    short, long_ = Rows(SHORT, 4), Rows(LONG, 1)
    out = [], []
    for one in teacher.short:
        for _ in range(each):
            d = teacher.examined(one)
            if len(d[1]) <= SHORT:
                done = short.add(d)
                if done:
                    out[0].append(done)
    for one in teacher.long:
        for tokens in (2000, 4000, 7000):
            for _ in range(each // 2):
                name, ids, w = teacher.examined(one, tokens)
                if len(ids) <= LONG:
                    done = long_.add((f"{name}@{tokens}", ids, w))
                    if done:
                        out[1].append(done)
    out[0].extend(r[1] for r in short.open)
    out[1].extend(r[1] for r in long_.open)
    return out


if __name__ == "__main__":
    import time
    teacher = Lessons(Vocabulary.load(sys.argv[1]), 1, "speed")
    for kind, rows, length in (("short", short_rows(teacher, SHORT), SHORT), ("long", long_rows(teacher, LONG), LONG)):
        start, n, used, taught = time.process_time(), 0, 0, 0
        while time.process_time() - start < 10:
            for d in next(rows):
                used += len(d[1])
                taught += int((d[2] == 100).sum())
            n += length
        s = time.process_time() - start
        print(f"{kind}: {n / s:.0f} positions/s, {used / n:.0%} used, {taught / used:.1%} of them to be produced")
