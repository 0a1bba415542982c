#!/usr/bin/env python3
"""compare_hf: logits of the transformers library on the weights of a GGUF file, for the engine to be held to.

    python3 tools/mini/compare_hf.py models/ds4-mini.gguf PROMPTS.json OUT

PROMPTS.json is a list of lists of token ids. OUT gets reference.json and, for each prompt i, logits-i.f32:
[rows, vocab] float32 of the ROWS rows (or fewer) named in reference.json. Everything is float32. For each prompt it also says
where a decision was close: the positions at which the score of the last expert (or compressed row) chosen
and that of the first one left out differ by less than 1e-5; after those an implementation may go another way.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
import torch

import gguf_weights

CLOSE = 1e-5
ROWS = 40  # of each prompt, evenly spread, the last one among them
FLAT = {"attn_norm.weight": "input_layernorm.weight", "ffn_norm.weight": "post_attention_layernorm.weight",
        "attn.wq_a.weight": "self_attn.q_a_proj.weight", "attn.q_norm.weight": "self_attn.q_a_norm.weight",
        "attn.wq_b.weight": "self_attn.q_b_proj.weight", "attn.wkv.weight": "self_attn.kv_proj.weight",
        "attn.kv_norm.weight": "self_attn.kv_norm.weight", "attn.wo_a.weight": "self_attn.o_a_proj.weight",
        "attn.wo_b.weight": "self_attn.o_b_proj.weight", "attn.attn_sink": "self_attn.sinks",
        "attn.indexer.wq_b.weight": "self_attn.compressor.indexer.q_b_proj.weight",
        "attn.indexer.weights_proj.weight": "self_attn.compressor.indexer.scorer.weights_proj.weight",
        "ffn.gate.weight": "mlp.gate.weight", "ffn.gate.bias": "mlp.gate.e_score_correction_bias",
        "ffn.gate.tid2eid": "mlp.gate.tid2eid", "ffn.experts.w2": "mlp.experts.down_proj"}
for part in ("fn", "base", "scale"):
    FLAT[f"hc_attn_{part}"], FLAT[f"hc_ffn_{part}"] = f"attn_hc.{part}", f"ffn_hc.{part}"
for ours, theirs in (("attn.compressor.", "self_attn.compressor."),
                     ("attn.indexer.compressor.", "self_attn.compressor.indexer.")):
    FLAT.update({ours + "wkv.weight": theirs + "kv_proj.weight", ours + "wgate.weight": theirs + "gate_proj.weight",
                 ours + "ape": theirs + "position_bias", ours + "norm.weight": theirs + "kv_norm.weight"})
for ours, theirs in (("w1", "gate_proj"), ("w3", "up_proj"), ("w2", "down_proj")):
    FLAT[f"ffn.shared_experts.{ours}.weight"] = f"mlp.shared_experts.{theirs}.weight"
TOP = {"embed.weight": "model.embed_tokens.weight", "head.weight": "lm_head.weight", "norm.weight": "model.norm.weight",
       "hc_head_fn": "model.hc_head.hc_fn", "hc_head_base": "model.hc_head.hc_base",
       "hc_head_scale": "model.hc_head.hc_scale"}


def reference(s, weights):
    from transformers import DeepseekV4Config, DeepseekV4ForCausalLM
    kind = {0: "sliding_attention", 4: "compressed_sparse_attention"}
    coarse = [r for r in s.ratios if r not in kind]
    config = DeepseekV4Config(
        vocab_size=s.vocab, hidden_size=s.hidden, moe_intermediate_size=s.inner, num_hidden_layers=len(s.ratios),
        num_attention_heads=s.heads, head_dim=s.head_dim, q_lora_rank=s.q_rank, qk_rope_head_dim=s.rope,
        num_experts_per_tok=s.used, n_routed_experts=s.experts, routed_scaling_factor=s.scale,
        layer_types=[kind.get(r, "heavily_compressed_attention") for r in s.ratios],
        compress_rates={"compressed_sparse_attention": 4, "heavily_compressed_attention": coarse[0]},
        mlp_layer_types=["hash_moe" if i < s.hash_layers else "moe" for i in range(len(s.ratios))],
        rope_theta=s.theta, compress_rope_theta=s.theta_compressed, hc_mult=s.streams,
        hc_sinkhorn_iters=s.rounds, hc_eps=s.hc_eps, swiglu_limit=s.limit, sliding_window=s.window,
        o_groups=s.groups, o_lora_rank=s.o_rank, index_n_heads=s.index_heads, index_head_dim=s.index_dim,
        index_topk=s.index_topk, rms_norm_eps=s.eps, max_position_embeddings=s.positions,
        rope_parameters={"rope_type": "yarn", "factor": s.yarn_factor, "beta_fast": 32, "beta_slow": 1,
                         "original_max_position_embeddings": s.yarn_original},
        attn_implementation="eager")
    m = DeepseekV4ForCausalLM(config).float().eval()
    state = {theirs: weights[ours] for ours, theirs in TOP.items()}
    for i in range(len(s.ratios)):
        p, q = f"layers.{i}.", f"model.layers.{i}."
        state.update({q + theirs: weights[p + ours] for ours, theirs in FLAT.items() if p + ours in weights})
        state[q + "mlp.experts.gate_up_proj"] = torch.cat([weights[p + "ffn.experts.w1"], weights[p + "ffn.experts.w3"]], 1)
    own = m.state_dict()
    assert set(own) == set(state), sorted(set(own) ^ set(state))[:8]
    m.load_state_dict(state)
    return m


class Margins:
    """For each position of the prompt in work, the smallest margin of all decisions there."""

    def __init__(self, m, s):
        self.s, self.least = s, None
        for mod in m.modules():
            name = type(mod).__name__
            if name == "DeepseekV4TopKRouter":
                mod.register_forward_hook(self.router)
            if name == "DeepseekV4IndexerScorer":
                mod.register_forward_hook(self.index)

    def begin(self, n):
        self.least = torch.full((n,), float("inf"))
        self.kinds = {"router": 0, "index": 0}

    def note(self, margins, kind):
        margins = margins.float().cpu()
        self.kinds[kind] += int((margins < CLOSE).sum())
        self.least = torch.minimum(self.least, margins)

    def router(self, mod, args, out):
        if hasattr(mod, "e_score_correction_bias"):
            score = torch.sqrt(torch.nn.functional.softplus(out[0].float())) + mod.e_score_correction_bias
            top = score.reshape(-1, score.shape[-1]).topk(self.s.used + 1, -1).values
            self.note(top[:, -2] - top[:, -1], "router")

    def index(self, mod, args, out):
        score = out[0].float()
        n, rows = score.shape[-2:]
        score = score.reshape(n, rows)
        closed = (torch.arange(n, device=score.device) + 1) // 4
        score = score.masked_fill(torch.arange(rows, device=score.device)[None] >= closed[:, None], float("-inf"))
        k = self.s.index_topk
        if rows > k:
            top = score.topk(k + 1, -1).values
            self.note(torch.where(closed > k, top[:, -2] - top[:, -1], float("inf")), "index")


def main():
    path, prompts, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if torch.cuda.is_available() else "cpu"
    meta, tensors = gguf_weights.read(path)
    s = gguf_weights.shape_of(meta)
    weights = {n: torch.from_numpy(w) for n, w in gguf_weights.official(tensors).items()}
    m = reference(s, weights).to(device)
    margins = Margins(m, s)
    report = []
    for i, ids in enumerate(json.load(open(prompts))):
        margins.begin(len(ids))
        with torch.no_grad():
            logits = m(input_ids=torch.tensor([ids], device=device), use_cache=False).logits[0].float().cpu()
        close = torch.nonzero(margins.least < CLOSE).flatten().tolist()
        rows = sorted({round((k + 1) * len(ids) / ROWS) - 1 for k in range(ROWS)} - {-1})
        logits[rows].numpy().astype("<f4").tofile(os.path.join(out, f"logits-{i}.f32"))
        largest = logits.abs().amax().item()
        report.append({"tokens": len(ids), "rows": rows, "close": close, "decisions": dict(margins.kinds), "largest": largest})
        print(len(ids), "tokens, close decisions:", margins.kinds, "first at", close[:1], "largest logit", largest, flush=True)
    with open(os.path.join(out, "reference.json"), "w") as f:
        json.dump(report, f)


if __name__ == "__main__":
    main()
