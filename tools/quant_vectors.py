#!/usr/bin/env python3
"""Packs reference vectors for the tests of src/quant into small binary files.

    tools/quant_vectors.py DEQUANT.jsonl QUANTIZE.jsonl VECTORS.safetensors OUT_FOLDER

DEQUANT    lines {type_id, block_hex, f32le_hex}: a block and its values
QUANTIZE   lines {type, importance_f32le_hex, x_f32le_hex, out_hex}; the Q8_0 ones are taken
VECTORS    tensors kv_in kv_out ix_in ix_hadamard ix_out, F32

Writes OUT_FOLDER/dequant.bin, q8_0.bin and cache.bin, all little-endian; the tests that read them
describe them: src/quant/formats_test.c, quantize_test.c, round_test.c.
"""
import json
import struct
import sys


def dequant(path):
    types = {}
    for line in open(path, encoding="ascii"):
        d = json.loads(line)
        types.setdefault(d["type_id"], []).append((d["block_hex"], d["f32le_hex"]))
    out = b""
    for type_id, pairs in types.items():
        blocks = [bytes.fromhex(b) for b, _ in pairs]
        values = [bytes.fromhex(v) for _, v in pairs]
        out += struct.pack("<4I", type_id, len(pairs), len(blocks[0]), len(values[0]) // 4)
        out += b"".join(blocks) + b"".join(values)
    return out


def q8_0(path):
    out = b""
    for line in open(path, encoding="ascii"):
        d = json.loads(line)
        if d["type"] == "Q8_0" and d["importance_f32le_hex"] is None:
            out += bytes.fromhex(d["x_f32le_hex"]) + bytes.fromhex(d["out_hex"])
    return out


def cache(path):
    raw = open(path, "rb").read()
    (n,) = struct.unpack_from("<Q", raw)
    head = json.loads(raw[8:8 + n])
    out = b""
    for name in ("kv_in", "kv_out", "ix_in", "ix_hadamard", "ix_out"):
        begin, end = head[name]["data_offsets"]
        out += raw[8 + n + begin:8 + n + end]
    return out


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    for name, data in (("dequant", dequant(sys.argv[1])), ("q8_0", q8_0(sys.argv[2])),
                       ("cache", cache(sys.argv[3]))):
        with open(f"{sys.argv[4]}/{name}.bin", "wb") as f:
            f.write(data)


main()
