"""The training model against logits of independent programs, on a small random checkpoint.

python3 tools/mini/model_test.py [FOLDER ...]: folders with config.json, model.safetensors, tokens.json, logits.safetensors
"""
import json
import os
import sys
import unittest

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoint
from model import Mini
from rounding import ceil_power_of_two, e2m1, e4m3, round_fp4
from shape import Shape
from sinkhorn import sinkhorn_plain

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.environ.get("MINI_GOLDEN", os.path.join(ROOT, "tests", "data", "golden", "a_plain"))


def read_json(name):
    with open(os.path.join(FOLDER, name)) as f:
        return json.load(f)


def load(folder):
    s = Shape.of_config(read_json("config.json"))
    p, tables = checkpoint.parameters_of(checkpoint.read_safetensors(os.path.join(folder, "model.safetensors")))
    return Mini(s, p, tables, torch.float32)


def worst(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


class Model(unittest.TestCase):
    def test_logits_are_those_of_the_reference(self):
        m = load(FOLDER)
        prompts = read_json("tokens.json")["prompts"]
        want = checkpoint.read_safetensors(os.path.join(FOLDER, "logits.safetensors"))
        extra = checkpoint.read_safetensors(os.path.join(FOLDER, "logits_extra.safetensors"))
        for i, ids in enumerate(prompts):
            with torch.no_grad():
                own, draft = m.logits(torch.tensor([ids]), simulate=False, sparse=True)
            self.assertLess(worst(own, want[f"logits.{i}"]), 2e-5)
            if f"mtp_logits.{i}" in extra:
                self.assertLess(worst(draft, extra[f"mtp_logits.{i}"]), 2e-5)

    def test_documents_in_one_row_do_not_see_each_other(self):
        m = load(FOLDER)
        prompts = read_json("tokens.json")["prompts"]
        a, b = prompts[2][:256], prompts[1]
        ids = torch.tensor([a + b])
        doc = torch.tensor([[0] * len(a) + [1] * len(b)])
        with torch.no_grad():
            both, _ = m.logits(ids, doc, simulate=False, sparse=True)
            alone, _ = m.logits(torch.tensor([b]), simulate=False, sparse=True)
        self.assertLess(worst(both[len(a):], alone), 2e-5)

    def test_every_parameter_learns_and_the_indexer_from_its_own_loss_alone(self):
        m = load(FOLDER)
        for w in m.p.values():
            w.requires_grad_(True)
        ids = torch.randint(2, m.s.vocab, (1, 192))
        doc = torch.zeros_like(ids)
        from model import rotations
        turns = rotations(m.s, 192, "cpu")
        x, losses, _ = m.trunk(ids, doc, turns, teach=True, fp4=True)
        self.assertEqual(len(losses), sum(r == 4 for r in m.s.ratios))
        sum(losses).backward(retain_graph=True)
        for name, w in m.p.items():
            self.assertEqual(w.grad is not None and bool(w.grad.abs().sum() > 0), "indexer" in name, name)
        y, _ = m.mtp_streams(x, ids, doc, turns)
        (x.pow(2).mean() + y.pow(2).mean()).backward()
        for name, w in m.p.items():
            if not name.startswith(("head", "norm", "hc_head", "mtp.0.norm", "mtp.0.hc_head")) and "bias" not in name:
                self.assertTrue(w.grad is not None and bool(w.grad.abs().sum() > 0), name)


class Formats(unittest.TestCase):
    def test_fp4_is_kept_by_the_checkpoint(self):
        w = torch.randn(8, 16, 64, generator=torch.Generator().manual_seed(3))
        once = round_fp4(w)
        self.assertTrue(torch.equal(round_fp4(once), once))
        parts = {n: t for n, _, t in checkpoint.fp4_items("x", w[0])}
        self.assertTrue(torch.equal(checkpoint.unpack_fp4(parts["x.weight"], parts["x.scale"]), once[0]))

    def test_roundings_match_the_published_vectors(self):
        path = os.path.join(ROOT, "..", "shared", "golden", "quant_vectors.safetensors")
        if not os.path.exists(path):
            self.skipTest("no published vectors here")
        from rounding import round_q4, round_q8
        v = checkpoint.read_safetensors(path)
        self.assertTrue(torch.equal(round_q8(v["kv_in"]), v["kv_out"]))
        self.assertTrue(torch.equal(round_q4(v["ix_hadamard"]), v["ix_out"]))

    def test_powers_of_two(self):
        x = torch.tensor([1.0, 1.0000001, 0.5, 3.0, 448.0, 2.0 ** -20])
        self.assertEqual(ceil_power_of_two(x).tolist(), [1.0, 2.0, 0.5, 4.0, 512.0, 2.0 ** -20])
        self.assertEqual(e2m1(torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])).tolist(), [0, 1, 1, 2, 2, 4, 4])
        self.assertEqual(e4m3(torch.tensor([448.0, 2.0 ** -9, 2.0 ** -10, 17.0])).tolist(), [448, 2.0 ** -9, 0, 16])

    def test_mixing_matrices_are_nearly_doubly_stochastic(self):
        c = sinkhorn_plain(torch.randn(64, 4, 4), 20, 1e-6)
        self.assertLess((c.sum(-1) - 1).abs().max().item(), 1e-3)
        self.assertLess((c.sum(-2) - 1).abs().max().item(), 1e-5)


if __name__ == "__main__":
    unittest.main()
