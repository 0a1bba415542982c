#!/usr/bin/env python3
"""Prints lessons of ds4-mini as they are, or looks them all through.

    tools/mini/show.py [SKILL-PREFIX] [-n N] [--seed S] [--examine] [--think | --nothink]
    tools/mini/show.py [SKILL-PREFIX] --check

--check draws many cases of each skill in both modes, taught and examined, holds the examined keys
against the taught ones and each answer against what is expected of it, looks for text that no
lesson should have, and counts cases a second.
"""
import argparse
import importlib
import re
import sys
import time

import case as cases
import lessons

DRAWN = 300
TOKENS = 2000  # of a long case


def load():
    for name in lessons.MODULES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as e:
            if e.name != name:
                raise
            print(f"{name}: not there", file=sys.stderr)


def show(case):
    mode = "thinking" if case.thinking else "plain"
    print(f"==== {case.skill} ({mode})  key: {case.key[:90]!r}")
    for t in case.tools:
        print(f"  tool      {t}")
    for m in case.messages:
        if m["role"] != "assistant":
            print(f"  {m['role']:9} {m['content']}")
            continue
        if m["reasoning"]:
            print(f"  (thinks)  {m['reasoning']}")
        print(f"  assistant {m['content']}")
        for c in m["calls"]:
            print(f"  calls     {c['name']} {c['arguments']}")
        if m["expect"]:
            print(f"  expected  {m['expect']['kind']} {m['expect']['value']!r}")


NUMBER = re.compile(r"-?[0-9]+(?:[.][0-9]+)?")


def met(expect, message):
    """Is the lesson's own answer what the examination expects?"""
    text, value = message["content"], expect["value"]
    if expect["kind"] == "number":
        found = NUMBER.findall(text)
        return bool(found) and float(found[-1]) == float(value)
    if expect["kind"] == "exact":
        return text == value
    if expect["kind"] == "contains":
        return value.lower() in text.lower()
    if expect["kind"] == "regex":
        return bool(re.search(value, text))
    return message["calls"] == value


def faults(case):
    """What is wrong with a case by its looks."""
    for m in case.messages:
        if m.get("expect") and not met(m["expect"], m):
            yield f"not as expected: {m['content'][:60]!r}, {m['expect']}"
        text = m["content"] + m.get("reasoning", "")
        if not text.isascii():
            yield f"not ASCII: {text[:60]!r}"
        if m["role"] == "assistant" and not m["content"] and not m["calls"]:
            yield "an empty answer"
        if m["role"] == "user" and m["content"] != m["content"].strip():
            yield f"blanks around a question: {m['content'][:60]!r}"
        if m["role"] == "assistant" and m["reasoning"] != m["reasoning"].strip():
            yield f"blanks around a reasoning: {m['reasoning'][:60]!r}"


def look_through(one):
    """-> cases a second, number of distinct keys, length of reasoning, faults."""
    rng = cases.rng_for("check", one.name)
    start, keys, wrong, reasoned, drawn = time.time(), (set(), set()), set(), 0, 0
    for thinking in (False, True):
        for _ in range(3 if one.long else DRAWN):
            c = cases.draw(one, rng, thinking, tokens=TOKENS)
            keys[0].add(c.key)
            wrong.update(faults(c))
            reasoned += sum(len(m.get("reasoning", "").split()) for m in c.messages)
            drawn += 1
    rate = drawn / (time.time() - start)
    for _ in range(3 if one.long else DRAWN // 10):
        c = cases.draw(one, rng, True, examine=True, tokens=TOKENS)
        keys[1].add(c.key)
        wrong.update(faults(c))
    if keys[0] & keys[1]:
        wrong.add(f"keys both taught and examined: {sorted(keys[0] & keys[1])[:3]}")
    return rate, keys, 2 * reasoned / drawn, wrong


def check(skills):
    weights, bad, spent, total = {}, 0, 0.0, sum(s.weight for s in skills if not s.long)
    for one in skills:
        rate, keys, words, wrong = look_through(one)
        family = one.name.split(".")[0]
        weights[family] = weights.get(family, 0) + one.weight
        spent += 0 if one.long else one.weight / total / rate
        print(f"{one.name:28} weight {one.weight:5.2f}  {rate:8.0f} cases/s  "
              f"keys {len(keys[0]):4} + {len(keys[1]):2}  {words:5.1f} words of reasoning")
        for fault in sorted(wrong):
            print(f"    {fault}")
        bad += len(wrong)
    print("weights: " + ", ".join(f"{k} {v:.1f}" for k, v in weights.items()))
    if spent:
        print(f"short cases as they are mixed: {1 / spent:.0f} cases/s; faults: {bad}")
    return 1 if bad else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("prefix", nargs="?", default="")
    p.add_argument("-n", type=int, default=2, help="cases of each skill (2)")
    p.add_argument("--seed", default="0")
    p.add_argument("--examine", action="store_true", help="cases that are never taught")
    p.add_argument("--think", action="store_true", help="only with thinking")
    p.add_argument("--nothink", action="store_true", help="only without")
    p.add_argument("--check", action="store_true", help="look all of them through")
    args = p.parse_args()
    load()
    skills = [s for s in cases.SKILLS.values() if s.name.startswith(args.prefix)]
    if not skills:
        sys.exit(f"show: no skill begins with {args.prefix!r}")
    if args.check:
        sys.exit(check(skills))
    for one in skills:
        rng = cases.rng_for(args.seed, one.name)
        for i in range(args.n):
            thinking = args.think or (not args.nothink and i % 2 == 0)
            show(cases.draw(one, rng, thinking, examine=args.examine, tokens=TOKENS))


if __name__ == "__main__":
    main()
