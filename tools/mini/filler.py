"""filler: text in which something can be lost: prose of a small world, lists, logs, code, tables.

document(rng, tokens) gives blocks; a block is (separator, lines), so that a line can be planted
between any two others without breaking the form. Cheap: a template is cut into words and stocks
when this file is loaded, and a line is one join. No line holds the words that the lessons ask for
(code, PIN, password, value of, ...).
"""
import re

import toolwords as tw
from toolwords import one

def after_a(stock):
    """The words of a stock before which "a" is right."""
    return [w for w in stock if w[0] not in "aeiou"]


STOCKS = {
    "n": after_a(tw.NOUNS), "a": after_a(tw.ADJECTIVES), "p": tw.NAMES, "c": tw.CITIES,
    "w": tw.WORDS,
    "v": tw.VERBS, "o": after_a(tw.COLOURS), "d": tw.WEEKDAYS, "f": tw.FOLDERS, "e": tw.ENDINGS,
    "i": [str(i) for i in range(2, 100)], "k": [str(i) for i in range(100, 3000, 7)],
    "h": [f"{h:02d}" for h in range(24)], "m": [f"{m:02d}" for m in range(60)],
    "t": "morning evening afternoon night week month summer winter".split(),
    "q": "often sometimes never always rarely usually again soon today still".split(),
    "g": "INFO WARN DEBUG ERROR INFO INFO".split(),
    "x": [f"{x:04x}" for x in range(0, 65536, 97)],
    "y": "baker farmer teacher sailor doctor painter miller smith driver singer cook guard".split(),
    "z": "int long char double float size_t".split()}


def cut(template):
    """["The ", STOCK, " is ", STOCK, "."] of a template with one-letter places."""
    parts = re.split(r"\{([a-z])\}", template)
    return [STOCKS[part] if i % 2 else part for i, part in enumerate(parts)]


def line(rng, pieces):
    draw = rng.random
    return "".join([p if p.__class__ is str else p[int(draw() * len(p))] for p in pieces])


PROSE = [cut(t) for t in """The {a} {n} stands near the {n} in {c}.
{p} the {y} {q} walks to the {a} {n}.
On {d} the {y} of {c} sold a {a} {n} to {p}.
Nobody in {c} had ever seen such a {a} {n}.
{p} and {p} looked for the {o} {n}, but they only found a {n}.
In the {t} the {n} is {a} and the {n} is {a}.
The {y} said that the {n} would be {a} by {d}.
After the {t}, {p} went back to {c} with a {n}.
It was {a} in {c}, and the {n} was {q} {a}.
{p} wanted to {v} the {n} before {d}.
There are {i} {o} stones behind the {n}.
The {w} of {c} is known in the whole land.
When {p} was young, the {n} was still {a}.
{p} asked the {y} for a {n}, and the {y} gave a {a} one.
Every {d} the {y} brings {w} and {w} to the market.
The road from {c} to {c} is {a} and {a}.
A {a} {n} does not need a {n}.
{p} wrote a letter to {p} about the {a} {n}.
The {n} fell into the {w}, and {p} laughed.
They {q} talk about the {n} of the {y}.
Then {p} took the {o} {n} and left.
The people of {c} like {w}, {w} and {w}.
Behind the {a} {n} there is a {n} that nobody can {v}.
{p} is a {y} and lives with a {o} {w}.
The {t} was long, so {p} began to {v} the {n}.
"This {n} is too {a}," said {p}.
"Where is my {o} {n}?" asked {p}.
The {y} did not answer and looked at the {n}.
In {c} one can buy a {n} for {i} coins.
{p} counted {i} birds over the {n}.
Some say that the {w} comes from {c}.
The old {y} knew how to {v} a {n}.
By {d} all the {w} was gone.
{p} has a {a} {n} and a {a} {n}.
It is {a} to {v} a {n} in the {t}.
The ship came from {c} and carried {w}.
Far away, a {o} {n} could be seen.
So the {y} and {p} became friends.""".split("\n")]
LISTS = [[cut(t) for t in group.split("|")] for group in (
    "- {a} {n}|- {o} {n}|- {i} x {n}", "* {v} the {n}|* {v} the {a} {n} with {p}",
    "- {p}: {w}|- {p}: {w} and {w}", "- {n} ({o}, {a})", "+ {i} {w}|+ {i} {n}",
    "- [ ] {v} the {n}|- [x] {v} the {a} {n}")]
LOGS = [[cut(t) for t in group.split("|")] for group in (
    "{h}:{m}:{m} {g} {n}: {v} done|{h}:{m}:{m} {g} {n}: {w} {i} ms|{h}:{m}:{m} {g} {w} started",
    "[{g}] {w}.{n}: {v} {i} items|[{g}] {w}.{n}: no {w}|[{g}] {p} opened the {n}",
    "{d} {h}:{m} {p} entered the {n}|{d} {h}:{m} {p} left the {n}",
    "{i} {g} worker-{i} {v} /{f}/{w}.{e}|{i} {g} worker-{i} closed {w}",
    "GET /{f}/{w}.{e} {k}|POST /{w}/{n} {k}|GET /{n} {i}")]
CODE = [[cut(t) for t in group.split("|")] for group in (
    "    {n} = {w}.{v}({i})|    if {n} > {i}:|        {v}_{n}({w})|    for {w} in {n}s:|"
    "        return {n}|    # {v} the {n}||    {w} += {i}",
    "    {z} {n} = {i};|    if ({n} < {i}) {v}({w});|    {w}[{i}] = {n};|    {n}->{w} = {v}({n});|"
    "    return {v}_{n}({w}, {i});|    /* {v} the {a} {n} */|}",
    "let {n} = {w}.{v}({i});|const {w} = [{i}, {i}];|{n}.{v}({w} => {w} + {i});|// {v} the {n}",
    "<item>{a} {n}</item>|<{n} {w}=\"{i}\"/>|<!-- {v} the {n} -->")]
TABLES = [[cut(t) for t in group.split("|")] for group in (
    "{n},{o},{i}|{n},{o},{k}", "{p};{c};{d}", "{n}\t{a}\t{i}", "{c} {i} {w}", "{w};{i};{i};{o}")]
BARS = [cut("| {n} | {o} | {i} |"), cut("| {n} | {a} | {k} |")]
FORMS = [cut("{n}.{w}: {a}"), cut("{w}_{n}: {i}"), cut("{n}: {o}"), cut("# {v} the {n}"),
         cut("[{w}.{n}]"), cut("{n}-{w}: {c}")]
TALK = [cut(t) for t in ("{p}: Did you {v} the {n}?|{p}: Yes, it is {a} now.|{p}: I am in {c}.|"
                         "{p}: The {n} is {a}.|{p}: See you on {d}.|{p}: I need {i} of them.|"
                         "{p}: No, the {y} has it.|{p}: That is a {a} {n}!").split("|")]
# the share of each kind, and how many characters one token of it holds
KINDS = (("prose", 4.2), ("prose", 4.2), ("prose", 4.2), ("list", 3.0), ("log", 2.5), ("code", 2.9),
         ("table", 2.2), ("form", 2.6), ("talk", 3.1), ("prose", 4.2))


def block(rng, kind):
    """(separator, lines) of one block."""
    if kind == "prose":
        return " ", [line(rng, one(rng, PROSE)) for _ in range(rng.randint(3, 9))]
    count = rng.randint(3, 14)
    group = {"list": lambda: one(rng, LISTS), "log": lambda: one(rng, LOGS),
             "code": lambda: one(rng, CODE), "form": lambda: FORMS, "talk": lambda: TALK,
             "table": lambda: one(rng, TABLES) if rng.random() < 0.7 else BARS}[kind]()
    return "\n", [line(rng, one(rng, group)) for _ in range(count)]


def document(rng, tokens, kinds=None):
    """Blocks of about that many tokens, of one kind or of several."""
    if kinds is None:
        kinds = (one(rng, KINDS),) if rng.random() < 0.5 else rng.sample(KINDS, rng.randint(2, 5))
    blocks, size = [], 0.0
    while size < tokens:
        kind, chars = one(rng, kinds)
        made = block(rng, kind)
        blocks.append(made)
        size += (sum(map(len, made[1])) + len(made[1]) + 1) / chars
    return blocks


def text_of(blocks):
    return "\n\n".join([separator.join(lines) for separator, lines in blocks])
