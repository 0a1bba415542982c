"""asking: how people put the same question, and small pieces of English.

A lesson has few answers and many questions. A question is written in a tidy base form ("What is the
capital of France?"); vary() then makes of it what is really typed: no question mark, no capitals,
a greeting in front, a thank you behind. The key of a case is made from the base form, so that an
examined question differs from every taught one by more than such dress.

A Row is one thing to know: questions, the answer, what it must contain and the thought before it.
"""
from dataclasses import dataclass

from case import Case, assistant, contains, user

GREETINGS = ("Hi! ", "Hello! ", "Hello, ", "Hi, ", "Hey, ", "Good morning! ", "Hi there! ")
OPENINGS = ("Please tell me: ", "Tell me: ", "Quick question: ", "A question: ",
            "I have a question. ",
            "Can you help me? ", "Please answer: ", "One more question: ", "Next question: ",
            "And ",
            "Okay, ", "Ok, ", "Now tell me: ", "So, ")
KEEP = ("I ", "I'", "DeepSeek", "GGUF", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
        "Saturday", "Sunday")
CLOSINGS = (" Thanks!", " Thank you.", " Please answer.", " Please.", " Thanks.",
            " I want to know.")


@dataclass
class Row:
    asked: tuple
    answer: str
    must: object  # an expectation, or the text that the answer must contain
    thought: str


def pick(rng, stock):
    return stock[int(rng.random() * len(stock))]


def small(text):
    """The first letter in lower case, but for what always has a capital."""
    return text if text.startswith(KEEP) or text[1:2].isupper() else text[:1].lower() + text[1:]


def big(text):
    return text[:1].upper() + text[1:]


def vary(rng, text, ends=True, lower=True):
    """Dress for a question. Without `ends` its end stays, without `lower` the letters inside."""
    r = rng.random()
    if r < 0.45:
        return text
    if r < 0.72:  # at the end, at the beginning, or both
        if ends and r < 0.64 and text[-1] in "?.":
            text = text[:-1].rstrip()
        return small(text) if r > 0.55 else text
    if r < 0.88:
        opening = pick(rng, GREETINGS if r < 0.80 else OPENINGS)
        return opening + (text if opening[-2] in ".?!" else small(text))
    if r < 0.93:
        return text + pick(rng, CLOSINGS) if ends else small(text)
    return text.lower() if lower else text


def a(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def joined(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def ask(rng, thinking, question, answer, expect, thought, key="", dress=True):
    """A case of one question and its answer."""
    said = vary(rng, question) if dress else question
    return Case(key=key or question, messages=[
        user(said), assistant(answer, reasoning=thought if thinking else "", expect=expect)])


def key_in(row, question):
    """The first wording of a row is always taught: nobody can know what was never said."""
    return "=" + question if question == row.asked[0] else question


def ask_row(rng, thinking, row):
    expect = contains(row.must) if isinstance(row.must, str) else row.must
    question = pick(rng, row.asked)
    return ask(rng, thinking, question, row.answer, expect, row.thought, key_in(row, question))


def row(questions, answer, must="", thought=""):
    """A Row from "one question|another"; without a thought, it names the first question."""
    asked = tuple(q.strip() for q in questions.split("|"))
    return Row(asked, answer, must or answer, thought or f"The user asks: {asked[0]} I know this.")
