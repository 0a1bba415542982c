"""gguf_weights: the tensors of a GGUF file as float32 under their official names, by plain NumPy.

An independent reader of the few block types that the bundled files use: F32, F16, BF16, Q8_0, MXFP4 and
I32. It is what other implementations are given when they are compared with the engine on one and the same file.
"""
import struct

import numpy as np

from shape import Shape

E2M1 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0.0, -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

LAYER = {
    "attn_norm.weight": "attn_norm.weight", "ffn_norm.weight": "ffn_norm.weight",
    "attn_sinks.weight": "attn.attn_sink", "attn_q_a.weight": "attn.wq_a.weight",
    "attn_q_a_norm.weight": "attn.q_norm.weight", "attn_q_b.weight": "attn.wq_b.weight",
    "attn_kv.weight": "attn.wkv.weight", "attn_kv_a_norm.weight": "attn.kv_norm.weight",
    "attn_output_a.weight": "attn.wo_a.weight", "attn_output_b.weight": "attn.wo_b.weight",
    "indexer.attn_q_b.weight": "attn.indexer.wq_b.weight", "indexer.proj.weight": "attn.indexer.weights_proj.weight",
    "ffn_gate_inp.weight": "ffn.gate.weight", "exp_probs_b.bias": "ffn.gate.bias",
    "ffn_gate_tid2eid.weight": "ffn.gate.tid2eid",
    "ffn_gate_shexp.weight": "ffn.shared_experts.w1.weight", "ffn_up_shexp.weight": "ffn.shared_experts.w3.weight",
    "ffn_down_shexp.weight": "ffn.shared_experts.w2.weight",
    "ffn_gate_exps.weight": "ffn.experts.w1", "ffn_up_exps.weight": "ffn.experts.w3",
    "ffn_down_exps.weight": "ffn.experts.w2",
}
for a, b in (("attn_compressor", "attn.compressor"), ("indexer_compressor", "attn.indexer.compressor")):
    LAYER.update({f"{a}_kv.weight": f"{b}.wkv.weight", f"{a}_gate.weight": f"{b}.wgate.weight",
                  f"{a}_ape.weight": f"{b}.ape", f"{a}_norm.weight": f"{b}.norm.weight"})
for site in ("attn", "ffn"):
    for part in ("fn", "base", "scale"):
        LAYER[f"hc_{site}_{part}.weight"] = f"hc_{site}_{part}"
TOP = {"token_embd.weight": "embed.weight", "output.weight": "head.weight", "output_norm.weight": "norm.weight",
       "output_hc_fn.weight": "hc_head_fn", "output_hc_base.weight": "hc_head_base",
       "output_hc_scale.weight": "hc_head_scale"}


def read_string(f):
    return f.read(struct.unpack("<Q", f.read(8))[0]).decode("utf-8", "surrogateescape")


def read_value(f, kind):
    if kind == 8:
        return read_string(f)
    if kind == 9:
        inner, n = struct.unpack("<IQ", f.read(12))
        return [read_value(f, inner) for _ in range(n)]
    form = SCALARS[kind]
    return struct.unpack(form, f.read(struct.calcsize(form)))[0]


def blocks(raw, n, kind):
    """`n` values of a block type as float32."""
    if kind == 0:
        return np.frombuffer(raw, "<f4", n).copy()
    if kind == 1:
        return np.frombuffer(raw, "<f2", n).astype(np.float32)
    if kind == 30:
        return (np.frombuffer(raw, "<u2", n).astype(np.uint32) << 16).view(np.float32)
    if kind == 26:
        return np.frombuffer(raw, "<i4", n).copy()
    if kind == 8:
        b = np.frombuffer(raw, np.uint8, n // 32 * 34).reshape(-1, 34)
        return (b[:, :2].copy().view("<f2").astype(np.float32) * b[:, 2:].view(np.int8)).reshape(-1)
    if kind == 39:
        b = np.frombuffer(raw, np.uint8, n // 32 * 17).reshape(-1, 17)
        codes = np.concatenate([b[:, 1:] & 15, b[:, 1:] >> 4], 1)
        return (E2M1[codes] * np.exp2(b[:, :1].astype(np.float32) - 127)).reshape(-1)
    raise ValueError(f"block type {kind} is not read here")


SIZES = {0: (1, 4), 1: (1, 2), 30: (1, 2), 26: (1, 4), 8: (32, 34), 39: (32, 17)}


def read(path):
    """-> (metadata, {name in the file: float32 array, outermost dimension first})."""
    with open(path, "rb") as f:
        magic, version, tensors, keys = struct.unpack("<4sIQQ", f.read(24))
        assert magic == b"GGUF" and version == 3
        meta = {}
        for _ in range(keys):
            key = read_string(f)
            meta[key] = read_value(f, struct.unpack("<I", f.read(4))[0])
        table = []
        for _ in range(tensors):
            name, rank = read_string(f), struct.unpack("<I", f.read(4))[0]
            dims = struct.unpack(f"<{rank}Q", f.read(8 * rank))
            table.append((name, dims[::-1], *struct.unpack("<IQ", f.read(12))))
        align = meta.get("general.alignment", 32)
        begin = -(-f.tell() // align) * align
        out = {}
        for name, dims, kind, offset in table:
            n, (values, size) = int(np.prod(dims)), SIZES[kind]
            f.seek(begin + offset)
            out[name] = blocks(f.read(n // values * size), n, kind).reshape(dims)
    return meta, out


def official(tensors):
    """Names of the file -> official names, experts still stacked."""
    out = {}
    for name, w in tensors.items():
        if name in TOP:
            out[TOP[name]] = w
        elif name.startswith("blk."):
            _, layer, rest = name.split(".", 2)
            out[f"layers.{layer}.{LAYER[rest]}"] = w
        elif name.startswith("mtp.0."):
            rest = name[len("mtp.0."):]
            plain = rest[:-len(".weight")] if rest.startswith("hc_head") else rest
            out["mtp.0." + LAYER.get(rest, plain)] = w
    return out


def shape_of(meta):
    g = {k.split(".", 1)[1]: v for k, v in meta.items() if k.startswith("deepseek4.")}
    a, r = "attention.", "rope."
    return Shape(
        vocab=g["vocab_size"], hidden=g["embedding_length"], hash_layers=g["hash_layer_count"],
        ratios=tuple(g[a + "compress_ratios"][: g["block_count"]]), heads=g[a + "head_count"],
        head_dim=g[a + "key_length"], rope=g[r + "dimension_count"], q_rank=g[a + "q_lora_rank"],
        groups=g[a + "output_group_count"], o_rank=g[a + "output_lora_rank"], window=g[a + "sliding_window"],
        index_heads=g[a + "indexer.head_count"], index_dim=g[a + "indexer.key_length"],
        index_topk=g[a + "indexer.top_k"], experts=g["expert_count"], used=g["expert_used_count"],
        inner=g["expert_feed_forward_length"], streams=g["hyper_connection.count"],
        rounds=g["hyper_connection.sinkhorn_iterations"], scale=g["expert_weights_scale"],
        limit=g["swiglu_clamp_exp"][0], theta=g[r + "freq_base"],
        theta_compressed=g[a + "compress_rope_freq_base"], yarn_factor=g[r + "scaling.factor"],
        yarn_original=g[r + "scaling.original_context_length"], positions=g["context_length"])
