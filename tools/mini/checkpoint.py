"""checkpoint: reading and writing the official safetensors layout with nothing but torch.

    embed, head, norms, attention, compressors   BF16
    hyper-connections, ape, sinks, router bias   F32
    routed experts                               I8 with two e2m1 codes a byte, scale F8_E8M0 for 32 columns
"""
import json
import lzma
import os
import struct

import torch

from rounding import fp4_parts

KINDS = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "I64": torch.int64,
         "I8": torch.uint8, "F8_E8M0": torch.uint8}
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def write_safetensors(path, items):
    """items: (name, kind, tensor)."""
    head, at, parts = {}, 0, []
    for name, kind, t in items:
        raw = t.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        head[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        parts.append(raw)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for raw in parts:
            f.write(raw)
    os.replace(path + ".part", path)


def parts_of(items, limit):
    out, size = [[]], 0
    for item in items:
        n = item[2].numel() * item[2].element_size()
        if out[-1] and size + n > limit:
            out.append([])
            size = 0
        out[-1].append(item)
        size += n
    return out


def write_parts(stem, items, limit):
    for i, part in enumerate(parts_of(items, limit)):
        write_safetensors(f"{stem}-{i}.safetensors", part)


def write_shards(folder, items, limit):
    """Several files and the index that official checkpoints have."""
    parts, where = parts_of(items, limit), {}
    for i, part in enumerate(parts):
        name = f"model-{i + 1:05d}-of-{len(parts):05d}.safetensors"
        write_safetensors(os.path.join(folder, name), part)
        where.update({item[0]: name for item in part})
    total = sum(t.numel() * t.element_size() for _, _, t in items)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": where}, f)


def read_safetensors(path):
    """Also of a file packed with xz."""
    opener = lzma.open if not os.path.exists(path) and os.path.exists(path + ".xz") else open
    with opener(path + ".xz" if opener is lzma.open else path, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    out = {}
    for name, t in head.items():
        if name == "__metadata__":
            continue
        a, b = t["data_offsets"]
        raw = torch.frombuffer(bytearray(data[a:b]), dtype=torch.uint8)
        out[name] = raw.view(KINDS[t["dtype"]]).reshape(t["shape"])
    return out


def is_float32(name):
    tail = name.rsplit(".", 1)[-1]
    return tail.startswith("hc_") or tail in ("ape", "attn_sink", "bias")


def fp4_items(name, w):
    codes, scale = fp4_parts(w)
    a = codes.abs()
    code = torch.zeros_like(a, dtype=torch.uint8)
    for i, v in enumerate(E2M1):
        code[a == v] = i
    code = (code + 8 * (torch.signbit(codes)).to(torch.uint8)).reshape(w.shape)
    exponent = (torch.log2(scale[..., 0]).round() + 127).clamp(0, 254).to(torch.uint8)
    return [(name + ".weight", "I8", code[:, 0::2] | (code[:, 1::2] << 4)), (name + ".scale", "F8_E8M0", exponent)]


def official_items(parameters, tables):
    """The stacked experts apart, everything in the type it is published in."""
    out = []
    for name, w in parameters.items():
        w = w.detach().float().cpu()
        if ".experts.w" in name:
            head, tail = name.rsplit("experts.", 1)
            for e in range(w.shape[0]):
                out += fp4_items(f"{head}experts.{e}.{tail}", w[e])
        elif is_float32(name):
            out.append((name, "F32", w))
        else:
            out.append((name, "BF16", w.to(torch.bfloat16)))
    out += [(name, "I64", t.cpu().long()) for name, t in tables.items()]
    return out


def unpack_fp4(codes, scale):
    values = torch.tensor([*E2M1, *(-v for v in E2M1)])
    c = torch.stack([codes & 15, codes >> 4], -1).flatten(-2).long()
    s = torch.exp2(scale.float() - 127)
    return values[c] * s.repeat_interleave(32, -1)


def parameters_of(tensors):
    """Official tensors -> (parameters as the model holds them, hash tables). FP8 is not read here."""
    flat, stacks, tables = {}, {}, {}
    for name, t in tensors.items():
        if name.endswith("tid2eid"):
            tables[name] = t
        elif name.endswith(".scale") and t.dtype == torch.uint8:
            continue
        else:
            base = name[: -len(".weight")] if name.endswith(".weight") else name
            w = unpack_fp4(t, tensors[base + ".scale"]) if t.dtype == torch.uint8 else t.float()
            if ".experts." in name and ".shared_experts." not in name:
                head, tail = base.split(".experts.")
                number, which = tail.split(".")
                stacks.setdefault(f"{head}.experts.{which}", {})[int(number)] = w
            else:
                flat[name] = w
    for name, parts in stacks.items():
        flat[name] = torch.stack([parts[i] for i in range(len(parts))])
    return flat, tables
