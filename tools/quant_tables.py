#!/usr/bin/env python3
"""Writes src/quant/tables.c from a folder of text tables.

    tools/quant_tables.py FOLDER > src/quant/tables.c

FOLDER holds NAME.txt for each name below: a comment line, then one entry a line, in hexadecimal
(codebook rows, byte 0 = first value) or decimal (signed values).
"""
import sys

HEAD = """\
/* tables: the codebooks of the IQ formats. Written by tools/quant_tables.py; do not edit.
 *
 * They are constants of the file format: every reader has the same ones.
 */
#include "quant/tables.h"
"""

# file, C name, C type, entries, base, bytes of a row, entries a line
TABLES = [
    ("kvalues_iq4nl", "iq4nl_values", "int8_t", 16, 10, 0, 16),
    ("kvalues_mxfp4", "mxfp4_values", "int8_t", 16, 10, 0, 16),
    ("iq2xxs_grid", "iq2xxs_grid", "uint64_t", 256, 16, 8, 4),
    ("iq2xs_grid", "iq2xs_grid", "uint64_t", 512, 16, 8, 4),
    ("iq2s_grid", "iq2s_grid", "uint64_t", 1024, 16, 8, 4),
    ("iq3xxs_grid", "iq3xxs_grid", "uint32_t", 256, 16, 4, 8),
    ("iq3s_grid", "iq3s_grid", "uint32_t", 512, 16, 4, 8),
    ("iq1s_grid", "iq1s_grid", "uint64_t", 2048, 16, 8, 4),
]


def entries(folder, name, base):
    with open(f"{folder}/{name}.txt", encoding="ascii") as f:
        return [int(line, base) for line in f if line.strip() and not line.startswith("#")]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tools/quant_tables.py FOLDER > src/quant/tables.c")
    out = [HEAD]
    for file, name, ctype, count, base, width, per_line in TABLES:
        values = entries(sys.argv[1], file, base)
        if len(values) != count:
            sys.exit(f"{file}: {len(values)} entries, expected {count}")
        words = [f"0x{v:0{2 * width}x}" if width else str(v) for v in values]
        out.append(f"const {ctype} {name}[{count}] = {{\n")
        for i in range(0, count, per_line):
            out.append("    " + ", ".join(words[i:i + per_line]) + ",\n")
        out.append("};\n")
    sys.stdout.write("\n".join([out[0]] + ["".join(t) for t in group(out[1:])]))


def group(lines):
    """The lines of one table each."""
    table = []
    for line in lines:
        table.append(line)
        if line == "};\n":
            yield table
            table = []


main()
