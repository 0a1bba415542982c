"""case: one thing that ds4-mini shall be able to do, as a conversation with a known good ending.

A skill is a function that draws a case from a random generator:

    @skill("arith.add2", weight=3)
    def add_two_digits(rng, thinking):
        a, b = rng.randint(10, 99), rng.randint(10, 99)
        return Case(key=f"{a}+{b}", messages=[
            user(f"What is {a} + {b}?"),
            assistant(f"{a} + {b} = {a + b}.", reasoning=..., expect=number(a + b))])

`thinking` says which kind of conversation is wanted: with it every assistant message carries a short
`reasoning`, without it none does. Tools, if any, are OpenAI function objects (name, description,
parameters), and calls are assistant(calls=[call(name, {...})]), answered by tool(text) messages.

What an answer is held to stands beside it (`expect`), so that one and the same generator writes the
lessons and the examination. They are kept apart by the case's key: a twentieth of all keys of a skill,
chosen by a hash of the key, is never taught and is what the examination is drawn from. A key that
begins with "=" is taught in any case: so that of every single fact one wording at least is taught.

    number(42)      the last number of the text           exact("a b c")    the whole text
    contains("x")   this appears, whatever the case       matches(r"^..$")  a regular expression (POSIX extended)
    calls([...])    these calls, in order, equal as JSON  nothing           (None) format only

Every answer that is judged must also end by itself, think exactly where thinking was asked for,
and leak no control text; no `expect` is needed for that.
"""
import hashlib
import random
from dataclasses import dataclass, field

HELD_OUT_SHARE = 20


@dataclass
class Case:
    key: str
    messages: list
    tools: list = field(default_factory=list)
    skill: str = ""
    thinking: bool = False
    joinable: bool = True  # may stand in one conversation with other cases (no tools, no system text)


@dataclass
class Skill:
    name: str
    weight: float
    draw: object
    long: bool


SKILLS = {}


def skill(name, weight=1.0, long=False):
    """Registers draw(rng, thinking) -> Case; a `long` one is draw(rng, thinking, tokens) for about that many."""
    def register(draw):
        assert name not in SKILLS, name
        SKILLS[name] = Skill(name, weight, draw, long)
        return draw
    return register


def system(text):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def tool(text):
    return {"role": "tool", "content": text}


def call(name, arguments):
    return {"name": name, "arguments": arguments}


def assistant(text="", reasoning="", calls=(), expect=None):
    return {"role": "assistant", "content": text, "reasoning": reasoning, "calls": list(calls), "expect": expect}


def number(value):
    return {"kind": "number", "value": value}


def exact(text):
    return {"kind": "exact", "value": text}


def contains(text):
    return {"kind": "contains", "value": text}


def matches(expression):
    return {"kind": "regex", "value": expression}


def calls(wanted):
    return {"kind": "calls", "value": list(wanted)}


def held_out(skill_name, key):
    if key.startswith("="):
        return False
    digest = hashlib.blake2b(f"{skill_name}\0{key}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % HELD_OUT_SHARE == 0


def draw(one, rng, thinking, examine=False, tokens=0):
    """A case of this skill that may be taught (or, with `examine`, one that never is)."""
    for _ in range(10000):
        case = one.draw(rng, thinking, tokens) if one.long else one.draw(rng, thinking)
        if held_out(one.name, case.key) == examine:
            case.skill, case.thinking = one.name, thinking
            check(case)
            return case
    raise RuntimeError(f"{one.name}: its keys are too few to hold some out")


def check(case):
    for m in case.messages:
        if m["role"] == "assistant":
            assert bool(m["reasoning"]) == case.thinking, f"{case.skill}: reasoning where it should not be, or none"
            assert m["content"] == m["content"].strip(), f"{case.skill}: blanks around an answer"
    assert case.messages[-1]["role"] == "assistant", case.skill
    if case.tools or case.messages[0]["role"] == "system":
        case.joinable = False


def rng_for(*seed):
    """A generator of its own for every (seed, worker, ...), the same on every machine."""
    return random.Random("/".join(map(str, seed)))
