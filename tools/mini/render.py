"""render: a conversation as the token ids that the engine would read and write.

    case --prompt--> segments --Vocabulary--> ids, and for each a weight

A segment is either text of the format itself (trusted: <think> in it is the token <think>) or text
of a message (plain: it never becomes an added token). Plain text and format text side by side are
one run, split into pieces together; so a message breaks into the same pieces here, in the engine
and in the official encoder.

    <BOS>system\\n\\n## Tools ...<User>question<Assistant><think>reasoning</think>answer<EOS>
                                                                  ^^^^ weight 1 ^^^^^^^^^^^^^^

Weight 1 has what the assistant must write: all after the <think> or </think> that opens its turn,
EOS included. In thinking mode reasoning is shown in the last turn, and with tools in every turn;
where it is not shown the turn opens with </think>.

    tools/mini/render.py FOLDER [MERGES [CASES]]

learns the vocabulary from that many cases of all lessons and writes FOLDER/tokenizer.json.
"""
import json
import os
import re
import sys

import bpe
from case import SKILLS, Case, draw, rng_for

with open(os.path.join(bpe.HERE, "templates.json"), encoding="utf-8") as file:
    TEMPLATES = json.load(file)

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
THINK, END_THINK = "<think>", "</think>"
TOKENS = {"dsml_token": "｜DSML｜", "tc_block_name": "tool_calls",
          "thinking_start_token": THINK, "thinking_end_token": END_THINK}


def cut_template(name):
    """A template as [text, placeholder, text, ...]; the placeholders of tokens are filled in."""
    text = TEMPLATES[name]
    for placeholder, token in TOKENS.items():
        text = text.replace("{" + placeholder + "}", token)
    return re.split(r"\{(\w+)\}", text)


CUT = {name: cut_template(name) for name in TEMPLATES}


def json_text(value):
    return json.dumps(value, ensure_ascii=False)


class Prompt:
    """Segments: (text, trusted, produced)."""

    def __init__(self):
        self.segments = []

    def put(self, text, trusted=False, produced=False):
        if text:
            self.segments.append((text, trusted, produced))

    def fill(self, name, values, produced=False):
        """A template; what stands for a placeholder is plain text, or writes itself if it is a
        function."""
        for i, part in enumerate(CUT[name]):
            if i % 2 == 0:
                self.put(part, True, produced)
            elif callable(values[part]):
                values[part]()
            else:
                self.put(values[part], False, produced)

    def text(self):
        return "".join(text for text, _, _ in self.segments)

    def runs(self, vocab):
        """(ids of added tokens or texts to split, produced) in order."""
        run, run_produced = [], True
        for text, trusted, produced in self.segments:
            for part in vocab.parts(text) if trusted else (text,):
                if isinstance(part, int):
                    if run:
                        yield "".join(run), run_produced
                        run, run_produced = [], True
                    yield part, produced
                else:
                    run.append(part)
                    run_produced = run_produced and produced
        if run:
            yield "".join(run), run_produced

    def ids(self, vocab):
        ids, weights = [], []
        for run, produced in self.runs(vocab):
            if isinstance(run, int):
                ids.append(run)
            else:
                ids += vocab.encode(run)
            weights += [int(produced)] * (len(ids) - len(weights))
        return ids, weights


# ---- messages to turns

def is_user(turn):
    return turn["role"] == "user"


def merge(messages):
    """User and tool messages in a row are one turn of blocks; the others stay what they are."""
    turns = []
    for message in messages:
        if message["role"] not in ("user", "tool"):
            turns.append(message)
            continue
        if not turns or not is_user(turns[-1]):
            turns.append({"role": "user", "blocks": []})
        turns[-1]["blocks"].append((message["role"] == "tool", message["content"]))
    return turns


def put_calls(p, calls):
    def parameters(arguments):
        for i, (key, value) in enumerate(arguments.items()):
            is_text = isinstance(value, str)
            p.put("\n" if i else "", True, True)
            p.fill("parameter", {"key": key, "value": value if is_text else json_text(value),
                                 "is_str": lambda: p.put("true" if is_text else "false",
                                                         True, True)}, True)

    def invokes():
        for i, one in enumerate(calls):
            p.put("\n" if i else "", True, True)
            p.fill("invoke", {"name": one["name"],
                              "arguments": lambda: parameters(one["arguments"])}, True)

    p.put("\n\n", True, True)
    p.fill("tool_calls", {"tool_calls": invokes}, True)


def put_tools(p, tools):
    def schemas():
        for i, one in enumerate(tools):
            p.put("\n" if i else "", True)
            p.put(json_text(one))

    p.put("\n\n", True)
    p.fill("tools_block", {"tool_schemas": schemas})


def put_body(p, turn, thinks):
    if is_user(turn):
        p.put(USER, True)
        for i, (is_result, text) in enumerate(turn["blocks"]):
            p.put("\n\n" if i else "", True)
            if is_result:
                p.fill("tool_result", {"content": text})
            else:
                p.put(text)
    elif turn["role"] == "system":
        p.put(turn["content"])
    elif turn["role"] == "assistant":
        if thinks:
            p.put(turn["reasoning"], False, True)
            p.put(END_THINK, True, True)
        p.put(turn["content"], False, True)
        if turn["calls"]:
            put_calls(p, turn["calls"])
        p.put(EOS, True, True)
    else:
        raise ValueError(f"a message of role {turn['role']}")


def prompt(messages, tools, thinking, prefix=""):
    """The segments; `prefix` is the text of a reasoning effort."""
    turns = merge(messages)
    if tools and (not turns or turns[0]["role"] != "system"):
        turns.insert(0, {"role": "system", "content": ""})
    last_user = max((i for i, turn in enumerate(turns) if is_user(turn)), default=-1)
    p = Prompt()
    p.put(BOS, True)
    if thinking:
        p.put(prefix, True)
    for i, turn in enumerate(turns):
        put_body(p, turn, thinking and (bool(tools) or i > last_user))
        if i == 0 and tools:
            put_tools(p, tools)
        opens = i + 1 == len(turns) or turns[i + 1]["role"] == "assistant"
        if is_user(turn) and opens:
            p.put(ASSISTANT, True)
            p.put(THINK if thinking and (tools or i >= last_user) else END_THINK, True)
    return p


# ---- cases

def render(case, vocab):
    """(ids, weights) of a whole case."""
    return prompt(case.messages, case.tools, case.thinking).ids(vocab)


def text(case):
    """The same as one string, as the official encoder gives it."""
    return prompt(case.messages, case.tools, case.thinking).text()


def prompt_ids(case, turn, vocab):
    """What the engine reads before it answers with assistant message number `turn` (from 0)."""
    places = [i for i, m in enumerate(case.messages) if m["role"] == "assistant"]
    return prompt(case.messages[:places[turn]], case.tools, case.thinking).ids(vocab)[0]


def conversation(cases, thinking):
    """Several joinable cases as one case, one after the other."""
    if not all(case.joinable and not case.tools for case in cases):
        raise ValueError("a case with tools or a system text stands alone")
    return Case(key="\0".join(case.key for case in cases), thinking=thinking,
                messages=[m for case in cases for m in case.messages],
                skill="+".join(case.skill for case in cases))


# ---- learning a vocabulary

def learn(cases, merges_wanted):
    """The vocabulary learnt from cases, cut into pieces just as they are rendered later."""
    blank = bpe.Vocabulary([])
    runs = (run for case in cases
            for run, _ in prompt(case.messages, case.tools, case.thinking).runs(blank)
            if isinstance(run, str))
    return bpe.Vocabulary(bpe.train(bpe.count_pieces(runs), merges_wanted))


LONG_SHARE = 50      # a long case for this many short ones, since it is as long as they all
LONG_TOKENS = 2000


def drawn(n):
    """n cases of all lessons, each skill as often as it is taught."""
    rng = rng_for("vocabulary")
    short, long = ([s for s in SKILLS.values() if s.long == is_long] for is_long in (False, True))
    for i in range(n):
        skills = long if long and i % LONG_SHARE == 0 else short
        one = rng.choices(skills, [s.weight for s in skills])[0]
        yield draw(one, rng, i % 2 == 1, tokens=LONG_TOKENS)


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit("usage: tools/mini/render.py FOLDER [MERGES [CASES]]")
    import lessons  # they fill the table of skills, and are not needed for anything else here
    lessons.load()
    wanted, n = (int(a) for a in (sys.argv[2:] + ["4500", "200000"][len(sys.argv) - 2:]))
    vocab = learn(drawn(n), wanted)
    vocab.save(sys.argv[1])
    print(f"{len(vocab.merges)} merges, {len(vocab)} tokens")


if __name__ == "__main__":
    main()
