"""lessons_recall: something said once, far back, among much else.

A form is one way to say that a key has a value, with the questions that ask for it. One to six
pairs of a form are planted at any place of a document; one or more are asked for, or one that was
never there. The reasoning repeats the line of the text, so that the answer only has to read it off.
"""
import json

import filler
import toolwords as tw
from case import Case, assistant, call, calls, contains, exact, skill, system, user
from lessons_tools import any_family, i_call, request
from toolfamilies import FAMILIES
from toolkit import family_wish, invented_wish
from toolwords import maybe, one, up


def digits(rng):
    return str(rng.randint(10 ** (n := rng.randint(1, 5)), 10 ** (n + 1) - 1))


def short_word(rng):
    return one(rng, tw.WORDS)


def thing(rng):
    return f"{one(rng, tw.ADJECTIVES)} {one(rng, tw.NOUNS)}"


def person(rng):
    return one(rng, tw.NAMES) if maybe(rng, 0.6) else up(tw.invented(rng))


def variable(rng):
    first = one(rng, tw.VERBS + tw.WORDS) if maybe(rng, 0.7) else tw.invented(rng)
    return f"{first}_{one(rng, tw.ATTRIBUTES + tw.WHOLE)}"


def any_value(rng):
    return one(rng, (digits, digits, short_word, tw.identifier))(rng)


# (key, value, ways to plant it, questions, answer)
FORMS = [
    (thing, digits, ["The code of the {k} is {v}.", "The code of the {k} is {v}."],
     ["What is the code of the {k}?", "Tell me the code of the {k}.", "Which code has the {k}?",
      "what is the code of the {k}", "Give me the code of the {k}.", "I need the code of the {k}."],
     "The code of the {k} is {v}."),
    (person, digits, ["PIN for {k}: {v}", "The PIN for {k} is {v}.", "PIN for {k}: {v}."],
     ["What is the PIN for {k}?", "Which PIN is for {k}?", "Tell me the PIN for {k}.",
      "what's the PIN for {k}?", "What PIN does {k} have?"], "The PIN for {k} is {v}."),
    (variable, any_value, ["{k} = {v}", "{k} = {v}", "{k}={v}"],
     ["What is the value of {k}?", "What is {k}?", "Tell me the value of {k}.",
      "Which value does {k} have?", "what is the value of {k}", "How is {k} set?"],
     "The value of {k} is {v}."),
    (variable, digits, ["def {k}(): return {v}", "int {k}(void) {{ return {v}; }}",
                        "function {k}() {{ return {v}; }}"],
     ["What does the function {k} return?", "Which number does {k}() return?",
      "What does {k}() return?", "Tell me what {k}() returns."],
     "The function {k} returns {v}."),
    (thing, tw.identifier, ["The password of the {k} is {v}", "password of the {k}: {v}"],
     ["What is the password of the {k}?", "Tell me the password of the {k}.",
      "Which password opens the {k}?", "I forgot the password of the {k}. What is it?"],
     "The password of the {k} is {v}"),
    (person, lambda rng: one(rng, tw.COLOURS), ["The favourite colour of {k} is {v}."],
     ["What is the favourite colour of {k}?", "Which colour does {k} like best?",
      "Tell me the favourite colour of {k}."], "The favourite colour of {k} is {v}."),
    (thing, person, ["The owner of the {k} is {v}.", "Owner of the {k}: {v}"],
     ["Who is the owner of the {k}?", "Who owns the {k}?", "Tell me the owner of the {k}.",
      "What is the name of the owner of the {k}?"], "The owner of the {k} is {v}."),
    (person, lambda rng: one(rng, tw.CITIES), ["{k} was born in {v}."],
     ["Where was {k} born?", "In which city was {k} born?", "Tell me where {k} was born."],
     "{k} was born in {v}."),
    (person, lambda rng: f"0{rng.randint(100, 999)}-{rng.randint(1000, 99999)}",
     ["The phone number of {k} is {v}.", "Phone of {k}: {v}"],
     ["What is the phone number of {k}?", "Which phone number does {k} have?",
      "How can I phone {k}?", "Give me the phone number of {k}."],
     "The phone number of {k} is {v}."),
    (lambda rng: f"T-{rng.randint(10, 999)}", person,
     ["Ticket {k} belongs to {v}.", "Ticket {k} belongs to {v}."],
     ["Who has ticket {k}?", "To whom does ticket {k} belong?", "Whose ticket is {k}?"],
     "Ticket {k} belongs to {v}."),
    (tw.invented, lambda rng: thing(rng), ["The word {k} means {v}.", "{k} means {v}."],
     ["What does {k} mean?", "What does the word {k} mean?", "What is the meaning of {k}?"],
     "The word {k} means {v}."),
    (short_word, any_value, ["The magic word for {k} is {v}", "Magic word for {k}: {v}"],
     ["What is the magic word for {k}?", "Which magic word belongs to {k}?",
      "Tell me the magic word for {k}."], "The magic word for {k} is {v}"),
    (tw.invented, any_value, ['{{"id": "{k}", "secret": "{v}"}}', "secret of {k}: {v}",
                              "<secret name=\"{k}\">{v}</secret>"],
     ["What is the secret of {k}?", "Tell me the secret of {k}.", "Which secret does {k} have?"],
     "The secret of {k} is {v}"),
    (lambda rng: str(rng.randint(1, 99)), thing, ["Box {k} holds the {v}.", "Box {k}: the {v}"],
     ["What is in box {k}?", "What does box {k} hold?", "Tell me what box {k} holds."],
     "Box {k} holds the {v}."),
]
ABSENT = "The text does not say."
INTROS = ["Here is a text:\n\n", "Read this text:\n\n", "Text:\n\n", "", "", "My notes:\n\n",
          "This is the document:\n\n", "Look at this:\n\n", "<text>\n", "```\n"]
CLOSES = {"<text>\n": "\n</text>", "```\n": "\n```"}
LEADS = ["", "", "", "Question: ", "Now tell me: ", "My question: ", "From the text above: "]


def planted(rng, blocks, lines):
    """The document with these lines at any places of it."""
    for text in lines:
        i = int(rng.random() * len(blocks))
        separator, others = blocks[i]
        if separator == " " and text[-1] != "." or maybe(rng, 0.3):
            blocks.insert(i + int(rng.random() * 2), ("\n", [text]))
        else:
            others.insert(int(rng.random() * (len(others) + 1)), text)
    return filler.text_of(blocks).strip()


PLANTED, ABSENT_KEY, WAITING = range(3)


def recall(rng, thinking, tokens, kind=None):
    """kind: what all cases of a skill are about; None: any of them."""
    if kind is None:
        kind = rng.choices((PLANTED, ABSENT_KEY, WAITING), (75, 10, 15))[0]
    draw_key, draw_value, plants, questions, answers = one(rng, FORMS)
    count = one(rng, (1, 1, 2, 3, 4, 5, 6))
    pairs, values = {}, set()
    while len(pairs) <= count:  # one more than is planted
        key, value = draw_key(rng), draw_value(rng)
        if value not in values:
            values.add(value)
            pairs.setdefault(key, value)
    absent = list(pairs)[-1]
    del pairs[absent]
    plant = one(rng, plants)
    lines = {k: plant.format(k=k, v=v) for k, v in pairs.items()}
    blocks = filler.document(rng, max(tokens - 24 * count - 30, 20))
    text = planted(rng, blocks, lines.values())
    asked = rng.sample(list(pairs), rng.randint(1, min(4, count)) if maybe(rng, 0.35) else 1)
    if kind == ABSENT_KEY:
        asked = [absent]
    turns = []
    for key in asked:
        question = one(rng, questions).format(k=key)
        if key == absent:
            answer, expect = ABSENT, contains("does not say")
            why = f"I look for {key}. The text does not have it."
        else:
            answer, expect = answers.format(k=key, v=pairs[key]), contains(pairs[key])
            why = f"The text says: {lines[key]}"
        turns.append((question, assistant(answer, why if thinking else "", expect=expect)))
    if kind == WAITING:
        del turns[1:]
    messages = arranged(rng, thinking, text, turns, kind == WAITING)
    return Case(f"{plant} {asked} {[pairs.get(k) for k in asked]}", messages, joinable=False)


def arranged(rng, thinking, text, turns, waiting=False):
    """The text in the system message, before the question or after it; or a turn earlier."""
    intro = one(rng, INTROS)
    body = intro + text + CLOSES.get(intro, "")
    first, answer = turns[0]
    kind = rng.random()
    if waiting:
        task = one(rng, ("Read this and wait.", "Please read this.", "Remember this text."))
        messages = [user(f"{task}\n\n{body}"),
                    assistant("I have read it.", "I read the text and wait." if thinking else "",
                              expect=contains("I have read it")), user(first), answer]
    elif kind < 0.23:
        messages = [system(body), user(first), answer]
    elif kind < 0.33:
        messages = [user(f"{first}\n\n{body}"), answer]
    else:
        messages = [user(f"{body}\n\n{one(rng, LEADS)}{first}"), answer]
    for question, reply in turns[1:]:
        messages += [user(question), reply]
    return messages


@skill("recall.short", weight=6)
def find_it_in_a_short_text(rng, thinking):
    return recall(rng, thinking, rng.randint(100, 900))


@skill("recall.long", weight=2.3, long=True)
def find_it_in_a_long_text(rng, thinking, tokens):
    return recall(rng, thinking, tokens, PLANTED)


@skill("recall.absent", weight=0.6, long=True)
def what_a_long_text_does_not_say(rng, thinking, tokens):
    return recall(rng, thinking, tokens, ABSENT_KEY)


@skill("recall.wait", weight=0.6, long=True)
def read_a_long_text_and_wait(rng, thinking, tokens):
    return recall(rng, thinking, tokens, WAITING)


def asked_and_answered(rng, form, key, value, plant, thinking):
    """(question, reply) about one pair of a form, as `recall` has them."""
    _, _, _, questions, answers = form
    reply = assistant(answers.format(k=key, v=value),
                      f"The text says: {plant.format(k=key, v=value)}" if thinking else "",
                      expect=contains(value))
    return one(rng, questions).format(k=key), reply


@skill("recall.many", weight=4, long=True)
def find_many_things_in_a_long_text(rng, thinking, tokens):
    """Pairs of several forms in one text, and a question for most of them: what teaches looking far
    back best, since a long text is paid for once."""
    forms = rng.sample(FORMS, rng.randint(2, 5))
    pairs, taken = [], set()
    wanted = rng.randint(4, 16)
    while len(pairs) < wanted:
        form = one(rng, forms)
        key, value = form[0](rng), form[1](rng)
        if key not in taken and value not in taken:
            taken |= {key, value}
            pairs.append((form, key, value, one(rng, form[2])))
    blocks = filler.document(rng, max(tokens - 30 * wanted - 30 * min(wanted, 10), 20))
    text = planted(rng, blocks, [plant.format(k=k, v=v) for _, k, v, plant in pairs])
    asked = rng.sample(pairs, rng.randint(min(4, wanted), min(wanted, 10)))
    turns = [asked_and_answered(rng, *pair, thinking) for pair in asked]
    return Case(f"{[(k, v) for _, k, v, _ in asked]}", arranged(rng, thinking, text, turns),
                joinable=False)


# ---- a line word for word ----------------------------------------------------------------------

NUMBERED = ["{i}: {t}", "{i}. {t}", "[{i}] {t}", "({i}) {t}", "Line {i}: {t}", "{i} {t}"]


def numbered_lines(rng, tokens):
    """(text, questions, the line, how it was found) of a text with numbers before its lines."""
    form, lines, size = one(rng, NUMBERED), [], 0.0
    kinds = ("prose",) if maybe(rng, 0.6) else ("list", "talk", "prose")
    while size < tokens or len(lines) < 3:
        for text in filler.block(rng, one(rng, kinds))[1]:
            lines.append(text.lstrip("-*+ "))
            size += len(text) / 3.8 + 4
    n = rng.randint(1, len(lines))
    text = "\n".join(form.format(i=i, t=t) for i, t in enumerate(lines, 1))
    return text, [f"Repeat line {n}.", f"What is in line {n}?", f"Copy line {n} exactly.",
                  f"Write out line {n}.", f"Repeat line {n} of the text.", f"Quote line {n}."], \
        lines[n - 1], f"I look for line {n}."


def unique_start(sentences, i):
    """The fewest first words, at least three, that only this sentence begins with."""
    words = sentences[i].split()
    for count in range(3, len(words)):
        start = " ".join(words[:count])
        if sum(s.startswith(start) for s in sentences) == 1:
            return start.rstrip(",.?!\"")
    return None


def sentence_by_its_start(rng, tokens):
    while True:
        blocks = filler.document(rng, max(tokens, 30), (("prose", 4.2),))
        sentences = [s for _, lines in blocks for s in lines]
        for _ in range(8):
            i = int(rng.random() * len(sentences))
            start = unique_start(sentences, i)
            if start and '"' not in start:
                return filler.text_of(blocks), [
                    f"Repeat the sentence that starts with \"{start}\".",
                    f"Copy the sentence that begins with '{start}'.",
                    f"How does the sentence that starts with \"{start}\" go on? Repeat all of it.",
                    f"Write out the sentence beginning with \"{start}\"."], sentences[i], \
                    f"I look for {start}."


TITLES = tw.NAMES + tw.CITIES + [up(n) for n in tw.NOUNS]


def titled_paragraph(rng, tokens):
    names = rng.sample(TITLES, min(len(TITLES), max(2, tokens // 20)))
    form = one(rng, ("Note of {}:", "# {}", "== {} ==", "[{}]", "{} writes:"))
    size, parts = 0.0, []
    for name in names:
        lines = [filler.line(rng, one(rng, filler.PROSE)) for _ in range(rng.randint(1, 3))]
        if size < tokens or not parts:
            parts.append((name, " ".join(lines)))
            size += sum(map(len, lines)) / 4 + 5
    name, text = one(rng, parts)
    return "\n\n".join(f"{form.format(n)}\n{t}" for n, t in parts), [
        f"Repeat the part titled {name}.", f"Repeat the text under {name}.",
        f"Copy the paragraph of {name}.", f"What stands under {name}? Repeat it exactly."], text, \
        f"I look for {name}."


def copy(rng, thinking, tokens):
    made = one(rng, (numbered_lines, sentence_by_its_start, titled_paragraph))
    text, questions, wanted, why = made(rng, tokens - 40)
    question = one(rng, questions)
    answer = assistant(wanted, why if thinking else "", expect=exact(wanted))
    return Case(f"{question} {wanted}", arranged(rng, thinking, text, [(question, answer)]),
                joinable=False)


@skill("recall.copy_short", weight=1.5)
def copy_a_line_of_a_short_text(rng, thinking):
    return copy(rng, thinking, rng.randint(80, 600))


@skill("recall.copy", weight=1.5, long=True)
def copy_a_line_of_a_long_text(rng, thinking, tokens):
    return copy(rng, thinking, tokens)


# ---- one of many tools -------------------------------------------------------------------------

@skill("recall.tools", weight=2, long=True)
def the_right_one_of_many_tools(rng, thinking, tokens):
    """10 to 40 tools or, half of the time, as many as there is room for."""
    wish = invented_wish(rng, results=False, most=4) if maybe(rng, 0.6) else \
        family_wish(rng, one(rng, FAMILIES))
    groups, tools = {wish.group}, {wish.tool["name"]: wish.tool}
    size = len(json.dumps(wish.tool)) / 3.2 + 200
    most = rng.randint(10, 40) if maybe(rng, 0.5) else 200
    while len(tools) < most and size < tokens:
        if maybe(rng, 0.35) and len(groups) < 60:
            family = any_family(rng, groups) if len(groups) < 20 else one(rng, FAMILIES)
            other = None if family.group in groups else family_wish(rng, family)
        else:
            other = invented_wish(rng, results=False, most=4)
        if other is None or other.group in groups or other.tool["name"] in tools:
            continue
        groups.add(other.group)
        tools[other.tool["name"]] = other.tool
        size += len(json.dumps(other.tool)) / 3.2
    mixed = list(tools.values())
    rng.shuffle(mixed)
    made = [call(wish.tool["name"], wish.arguments)]
    why = f"The user wants to {wish.aim}. {i_call(wish)}" if thinking else ""
    return Case(wish.tool["name"] + ("" if wish.head else json.dumps(wish.arguments)), [
        user(request(rng, wish)), assistant(reasoning=why, calls=made, expect=calls(made))], mixed)
