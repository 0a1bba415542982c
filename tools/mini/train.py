#!/usr/bin/env python3
"""train: ds4-mini from nothing, in one command on one GPU.

    python3 tools/mini/train.py --out DIR [--seconds 1080] [--seed 1]

    p < 0.6   attention sees every compressed row; the indexer learns from where it looks
    p >= 0.6  attention sees what the indexer chooses; routed experts are rounded to FP4 in each step, so
              the stored file loses nothing; the draft block learns

p is the share of --steps or of --seconds that has passed, whichever is further. Every fifth batch is
of long rows. DIR gets the official checkpoint layout (config.json, tokenizer.json, safetensors in shards),
report.json with the examination, and log.txt. `--keep N` also writes the bare weights N times on the way
(resume-P-*.safetensors); `--resume FILE...` goes on from those, or from a finished model's shards, at --from P.
"""
import argparse
import json
import os
import sys
import threading
import time
from queue import Queue

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
import torch

import checkpoint
import model
import pack
import rounding
from bpe import Vocabulary
from model import Mini, hash_tables, initial_parameters, rotations
from muon import Muon
from shape import Shape

HERE = os.path.dirname(os.path.abspath(__file__))
SHARD_BYTES = 14 << 20
LAST_PHASE = 0.6


def options():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--out", required=True)
    a.add_argument("--seconds", type=float, default=1080)
    a.add_argument("--steps", type=int, default=1000000)
    a.add_argument("--deadline", type=float, default=1e9, help="seconds for everything up to the last step, compiling too")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--tokens", type=int, default=65536, help="positions in a batch")
    a.add_argument("--vocabulary", default=os.path.join(HERE, "tokenizer.json"))
    a.add_argument("--shape", type=json.loads, default={}, help="JSON, fields of Shape")
    a.add_argument("--muon", type=float, default=0.02)
    a.add_argument("--adam", type=float, default=0.003)
    a.add_argument("--decay-from", type=float, default=0.4)
    a.add_argument("--long-every", type=int, default=5)
    a.add_argument("--long-from", type=float, default=0.06)
    a.add_argument("--workers", type=int, default=max(2, min(8, (os.cpu_count() or 4) - 2)))
    a.add_argument("--examine", type=int, default=24, help="cases a skill at the end")
    a.add_argument("--keep", type=int, default=0)
    a.add_argument("--resume", nargs="*", default=[])
    a.add_argument("--from", dest="begin", type=float, default=0.0)
    a.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a.add_argument("--eager", action="store_true")
    return a.parse_args()


class Log:
    def __init__(self, path):
        self.file, self.start = open(path, "a"), time.time()

    def say(self, text):
        line = f"{time.time() - self.start:7.1f} {text}"
        print(line, flush=True)
        self.file.write(line + "\n")
        self.file.flush()


class Compiled:
    """One compiled form for each kind of call."""

    def __init__(self, log):
        self.forms, self.log = {}, log
        config = torch._dynamo.config
        for name in ("recompile_limit", "cache_size_limit", "accumulated_cache_size_limit"):
            if hasattr(config, name):
                setattr(config, name, 512)

    def __call__(self, f, key):
        if key not in self.forms:
            self.log.say(f"compiling {key}")
            self.forms[key] = torch.compile(f, dynamic=False)
        return self.forms[key]


def split_parameters(p):
    """(matrices for Muon, embedding and head, the rest); the router bias belongs to no optimiser."""
    muon, tables, rest = [], [], []
    for name, w in p.items():
        if name.endswith("gate.bias"):
            continue
        w.requires_grad_(True)
        if name in ("embed.weight", "head.weight"):
            tables.append(w)
        elif w.dim() >= 2 and "hc_" not in name and not name.endswith(("ape", "gate.weight", "weights_proj.weight")):
            muon.append(w)
        else:
            rest.append(w)
    return muon, tables, rest


class Loader:
    """Batches on the device, two ahead of the step that wants them."""

    def __init__(self, feed, kinds, device):
        self.ready, self.waited = Queue(3), 0.0
        self.feed, self.kinds, self.device = feed, kinds, device
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        for kind in self.kinds:
            arrays = self.feed.next(kind)
            self.ready.put((kind, *(torch.from_numpy(a.astype(np.int32)) for a in arrays)))

    def next(self):
        start = time.time()
        kind, ids, weight, doc = self.ready.get()
        self.waited += time.time() - start
        if self.device == "cuda":
            ids, weight, doc = (t.pin_memory().to("cuda", non_blocking=True) for t in (ids, weight, doc))
        return kind, ids.long(), weight.float() / 100, doc


def ahead(ids, weight, doc, by):
    """What stands `by` tokens later, and how much it counts there."""
    same = torch.roll(doc, -by, 1) == doc
    same[:, -by:] = False
    return torch.roll(ids, -by, 1), torch.where(same, torch.roll(weight, -by, 1), 0.0)


class Trainer:
    def __init__(self, o, log):
        torch.set_float32_matmul_precision("high")
        self.o, self.log = o, log
        self.vocab = Vocabulary.load(o.vocabulary)
        self.shape = Shape(vocab=len(self.vocab), **o.shape)
        tables = {k: v.to(o.device) for k, v in hash_tables(self.shape, 1).items()}
        p = initial_parameters(self.shape, o.seed, o.device)
        found = {}
        for path in o.resume:
            found.update(checkpoint.read_safetensors(path))
        for name, w in checkpoint.parameters_of(found)[0].items():
            p[name].copy_(w)
        dtype = torch.bfloat16 if o.device == "cuda" else torch.float32
        self.mini = Mini(self.shape, p, tables, dtype, None if o.eager else Compiled(log))
        if not o.eager:
            rounding.fp4_values = torch.compile(rounding.fp4_values, dynamic=False)
        muon, tables_, rest = split_parameters(p)
        self.muon = Muon(muon, decay=0.02)
        self.adam = torch.optim.AdamW([dict(params=tables_, weight_decay=0.0, scale=1.0),
                                       dict(params=rest, weight_decay=0.0, scale=0.6)], lr=o.adam,
                                      betas=(0.9, 0.95), eps=1e-10, **({"fused": True} if o.device == "cuda" else {}))
        self.turns = {n: rotations(self.shape, n, o.device) for n in (pack.SHORT, pack.LONG)}
        count = sum(w.numel() for w in p.values())
        log.say(f"{count / 1e6:.1f} M parameters, vocabulary {len(self.vocab)}")

    def warm_up(self):
        """Everything is compiled before the clock of the training starts."""
        for last in (False, True):
            for kind, length in (("short", pack.SHORT), ("long", pack.LONG)):
                ids = torch.randint(3, 259, (self.o.tokens // length, length), device=self.o.device)
                weight = torch.ones(ids.shape, device=self.o.device)
                out, *_ = self.loss(kind, ids, weight, torch.zeros_like(ids, dtype=torch.int32), last)
                out.backward()
        for w in self.mini.p.values():
            w.grad = None

    def next_token_loss(self, x, prefix, target, w):
        head = list(self.mini.head_parameters(prefix))
        if prefix:
            head[-1] = head[-1].detach()  # the draft block uses the trunk's head as it is
        f = self.mini.wrap(model.weighted_loss, ("loss", bool(prefix)))
        total, right = f(self.shape, model.one_row(x), *head, model.one_row(target), model.one_row(w))
        return total / w.sum().clamp_min(1), right.view(target.shape)

    def loss(self, kind, ids, weight, doc, last):
        m, s = self.mini, self.shape
        turns = self.turns[ids.shape[1]]
        far = kind == "long"
        x, index, loads = m.trunk(ids, doc, turns, sparse=far and last, teach=far, fp4=last)
        target, w = ahead(ids, weight, doc, 1)
        out, right = self.next_token_loss(x, "", target, w)
        notes = {"loss": out.detach(), "kind": kind}
        if index:
            learnt = sum(index) / len(index)
            out = out + learnt
            notes["index"] = learnt.detach()
        if last and not far:
            y, loads["mtp.0."] = m.mtp_streams(x.detach(), ids, doc, turns, fp4=True)
            draft, _ = self.next_token_loss(y, "mtp.0.", *ahead(ids, weight, doc, 2))
            out = out + draft
            notes["mtp"] = draft.detach()
        return out, notes, loads, (right, w)

    @torch.no_grad()
    def balance(self, loads):
        for prefix, load in loads.items():
            bias = self.mini.p.get(prefix + "ffn.gate.bias")
            if bias is not None:
                bias += 0.001 * torch.sign(load.mean() - load)

    def step(self, batch, rate, last):
        kind, ids, weight, doc = batch
        out, notes, loads, _ = self.loss(kind, ids, weight, doc, last)
        out.backward()
        torch.nn.utils.clip_grad_norm_([p for g in self.adam.param_groups for p in g["params"] if p.grad is not None], 1.0)
        for g in self.adam.param_groups:
            g["lr"] = self.o.adam * rate * g["scale"]
        self.adam.step()
        self.muon.step(self.o.muon * rate)
        self.adam.zero_grad(set_to_none=True)
        for ps in self.muon.groups.values():
            for p in ps:
                p.grad = None
        self.balance(loads)
        return notes

    def examine(self, rows, length, last, results):
        """A case counts where every token that had to be produced was the first choice.

        Gradients stay on, unused: without them everything would be compiled once more.
        """
        per = max(1, self.o.tokens // length)
        for at in range(0, len(rows), per):
            part = rows[at:at + per]
            part = part + [[]] * (per - len(part))
            ids, weight, doc = (torch.from_numpy(a.astype(np.int32)).to(self.o.device) for a in pack.lay_out(part, length))
            kind = "long" if length == pack.LONG else "short"
            _, _, _, (right, w) = self.loss(kind, ids.long(), weight.float() / 100, doc, last)
            wrong = ((w > 0.5) & ~right).cpu().numpy()
            for r, documents in enumerate(part):
                begin = 0
                for name, i, _ in documents:
                    good = results.setdefault(name, [0, 0])
                    good[0] += int(not wrong[r, begin:begin + len(i)].any())
                    good[1] += 1
                    begin += -(-len(i) // pack.ALIGN) * pack.ALIGN

    def report(self, exam, last):
        results = {}
        self.examine(exam[0], pack.SHORT, last, results)
        self.examine(exam[1], pack.LONG, last, results)
        families = {}
        for name, (good, of) in sorted(results.items()):
            f = families.setdefault(name.split(".")[0], [0, 0])
            f[0], f[1] = f[0] + good, f[1] + of
        for name, (good, of) in sorted(results.items()):
            self.log.say(f"  {name:34s} {good:4d}/{of:<4d} {good / of:6.1%}")
        for name, (good, of) in sorted(families.items()):
            self.log.say(f"{name:12s} {good:5d}/{of:<5d} {good / of:6.1%}")
        return {n: g / of for n, (g, of) in results.items()}

    def export(self, folder):
        items = checkpoint.official_items(self.mini.p, self.mini.tables)
        checkpoint.write_shards(folder, items, SHARD_BYTES)
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(self.shape.config(), f, indent=1)
        self.vocab.save(folder)

    def keep(self, folder, share):
        items = [(n, "BF16", w.to(torch.bfloat16)) for n, w in self.mini.p.items()]
        checkpoint.write_parts(os.path.join(folder, f"resume-{share:.2f}"), items, SHARD_BYTES)


def kinds(o, progress):
    """Which rows come next; nothing long in the very beginning."""
    i = 0
    while True:
        i += 1
        yield "long" if i % o.long_every == 0 and progress[0] >= o.long_from else "short"


def rate_at(p, step, o):
    warm = min(1.0, (step + 1) / 100)
    fall = 1.0 if p < o.decay_from else max(0.0, (1 - p) / (1 - o.decay_from))
    return warm * fall


def main():
    o = options()
    os.makedirs(o.out, exist_ok=True)
    log = Log(os.path.join(o.out, "log.txt"))
    progress = [o.begin]
    long_workers = max(1, o.workers // 4)
    feed = pack.Feed(o.vocabulary, o.seed, o.tokens, o.workers - long_workers, long_workers)
    loader = Loader(feed, kinds(o, progress), o.device)
    t = Trainer(o, log)
    exam = pack.examination(t.vocab, 7, o.examine)
    log.say(f"examination: {len(exam[0])} short rows, {len(exam[1])} long ones")
    t.warm_up()
    seconds = min(o.seconds, o.deadline - (time.time() - log.start))
    log.say(f"compiled; {seconds:.0f} seconds of training")
    loader.waited = 0.0
    start, step, since, sums, left = time.time(), 0, time.time(), {}, o.keep
    while progress[0] < 1:
        progress[0] = o.begin + (1 - o.begin) * max(step / o.steps, (time.time() - start) / seconds)
        p = min(1.0, progress[0])
        notes = t.step(loader.next(), rate_at(p, step, o), p >= LAST_PHASE)
        for k, v in notes.items():
            if k != "kind":
                k = f"{k}.{notes['kind']}"
                sums.setdefault(k, []).append(v)
        step += 1
        if step % 50 == 0:
            spent = time.time() - since
            text = " ".join(f"{k} {torch.stack(v).mean().item():.4f}" for k, v in sorted(sums.items()))
            log.say(f"step {step} p {p:.3f} {50 * o.tokens / spent / 1000:.0f}k/s waited {loader.waited / spent:.0%} {text}")
            since, sums, loader.waited = time.time(), {}, 0.0
        if left and p >= 1 - left / (o.keep + 1):
            t.keep(o.out, p)
            left -= 1
    log.say(f"{step} steps, {step * o.tokens / 1e6:.0f} M positions in {time.time() - start:.0f} s")
    t.export(o.out)
    accuracy = t.report(exam, True)
    with open(os.path.join(o.out, "report.json"), "w") as f:
        json.dump({"steps": step, "seconds": time.time() - start, "options": vars(o), "teacher_forced": accuracy}, f, indent=1)
    feed.stop()


if __name__ == "__main__":
    main()
