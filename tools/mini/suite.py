#!/usr/bin/env python3
"""Writes the examination of ds4-mini: held-out cases of every skill, for ds4-eval --suite.

    tools/mini/suite.py --seed 7 --per-skill 40 --out models/ds4-mini-suite.jsonl

Half of the cases of a skill think, half do not. Every assistant turn that is held to something
becomes a line of its own, with what the case itself says before it as history. A case that is
held to nothing is asked for the form of its last turn. Skills about long texts are drawn at 2k, 4k
and 8k tokens, as skills of their own: recall.long.2k, .4k, .8k. The same seed gives the same bytes.

A line, as src/apps/examine/suite.h has it:

    {"id": "arith.add2/3", "skill": "arith.add2", "thinking": true, "max_tokens": 160,
     "messages": [...], "tools": [...], "expect": {"kind": "number", "value": 42}}
"""
import argparse
import json
import os
import sys

import case as cases
import lessons

LENGTHS = (2048, 4096, 8192)
DRAWS_A_CASE = 20  # tries for each case wanted, before a skill is said to have no more


def all_skills():
    """What is taught, and nothing else."""
    lessons.load()
    return [cases.SKILLS[name] for name in sorted(cases.SKILLS)]


def tool_object(tool):
    return {"type": "function", "function": tool}


class History:
    """Messages in OpenAI form; calls get ids, and results take them in order."""

    def __init__(self):
        self.messages, self.open_ids, self.n_calls = [], [], 0

    def add(self, m):
        if m["role"] == "assistant":
            self.messages.append(self.assistant(m))
        elif m["role"] == "tool":
            self.messages.append({"role": "tool", "tool_call_id": self.open_ids.pop(0),
                                  "content": m["content"]})
        else:
            self.messages.append({"role": m["role"], "content": m["content"]})

    def assistant(self, m):
        out = {"role": "assistant", "content": m["content"]}
        if m["reasoning"]:
            out["reasoning_content"] = m["reasoning"]
        if m["calls"]:
            out["tool_calls"] = [self.call(c) for c in m["calls"]]
        return out

    def call(self, c):
        self.n_calls += 1
        self.open_ids.append(f"call_{self.n_calls}")
        arguments = json.dumps(c["arguments"], ensure_ascii=False)
        return {"id": self.open_ids[-1], "type": "function",
                "function": {"name": c["name"], "arguments": arguments}}


def room_for(m):
    """Tokens that surely hold this answer, in steps of 32: its characters, and some markup."""
    n = len(m["content"]) + len(m["reasoning"]) + 48
    for c in m["calls"]:
        n += 60 + len(c["name"])
        for key, value in c["arguments"].items():
            n += 40 + len(key) + len(json.dumps(value, ensure_ascii=False))
    return (n + 31) // 32 * 32


def judged_turns(case):
    """Which messages are asked for, with what is expected of them."""
    turns = [(i, m["expect"]) for i, m in enumerate(case.messages) if m.get("expect")]
    last = case.messages[-1]
    if not turns and not last["calls"]:
        turns = [(len(case.messages) - 1, {"kind": "none"})]
    for i, expect in turns:
        called = bool(case.messages[i]["calls"])
        assert called == (expect["kind"] == "calls"), f"{case.skill}: {case.key}: {expect}"
    return turns


def lines_of(case, name, number):
    """A suite line for each judged turn of a case."""
    turns = dict(judged_turns(case))
    history, out = History(), []
    for i, m in enumerate(case.messages):
        if i in turns:
            line = {"id": f"{name}/{number}" + (f".{len(out) + 1}" if len(turns) > 1 else ""),
                    "skill": name, "thinking": case.thinking, "max_tokens": room_for(m),
                    "messages": list(history.messages)}
            if case.tools:
                line["tools"] = [tool_object(t) for t in case.tools]
            line["expect"] = turns[i]
            out.append(line)
        history.add(m)
    return out


def examine(one, name, wanted, seed, tokens=0):
    """The lines of up to `wanted` different cases of a skill."""
    out, seen = [], set()
    number = 0
    for i in range(wanted * DRAWS_A_CASE):
        if number == wanted:
            break
        rng = cases.rng_for("examination", seed, name, i)
        case = cases.draw(one, rng, number % 2 == 0, examine=True, tokens=tokens)
        words = json.dumps([case.thinking, case.messages, case.tools], sort_keys=True)
        if words in seen:
            continue
        seen.add(words)
        number += 1
        out += lines_of(case, name, number)
    if number < wanted:
        print(f"suite: {name}: only {number} different cases", file=sys.stderr)
    return out


def all_lines(skills, options):
    for one in skills:
        if not one.name.startswith(tuple(options.only or [""])):
            continue
        if not one.long:
            yield from examine(one, one.name, options.per_skill, options.seed)
            continue
        for tokens in LENGTHS:
            name = f"{one.name}.{tokens // 1024}k"
            yield from examine(one, name, options.per_long, options.seed, tokens)


def write(path, lines):
    """Beside its name, and renamed when whole."""
    with open(path + ".part", "w", encoding="utf-8") as f:
        for line in lines:
            f.write(json.dumps(line, ensure_ascii=False) + "\n")
    os.replace(path + ".part", path)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--per-skill", type=int, default=40, metavar="N", help="cases of each skill")
    p.add_argument("--per-long", type=int, metavar="N",
                   help="cases of a long skill at each length (default: a quarter)")
    p.add_argument("--only", action="append", metavar="PREFIX", help="only skills that begin so")
    p.add_argument("--out", required=True, metavar="FILE")
    options = p.parse_args()
    if options.per_long is None:
        options.per_long = max(1, options.per_skill // 4)
    lines = list(all_lines(all_skills(), options))
    if not lines:
        sys.exit("suite: no skill begins so" if options.only else "suite: there are no lessons")
    write(options.out, lines)
    n_skills = len({line["skill"] for line in lines})
    print(f"suite: {len(lines)} cases of {n_skills} skills in {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
