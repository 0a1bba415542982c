"""lessons_words: lists, words and letters: counting, sorting, turning round, spelling, copying.

A list is answered as it was written: with commas, or with blanks only. Reasoning numbers what has
to be counted ("1 red 2 blue 3 green"), so that the position of each piece can be read off.
"""
from asking import ask, big, pick
from case import contains, exact, matches, number, skill
from wordstock import (LETTERS, QUESTIONS, SHORT, WORDS, code, identifier, letters, sentence,
                       word as word_of, words)

# words that an order begins with, so that "please" may stand in front
ORDERS = tuple("""Repeat Say Copy Write Answer Reply Output Echo Print Just Respond Count Sort Put
Order Reverse Turn Give Spell Join Make Convert Tell""".split())


def numbered(items, start=1):
    return " ".join(f"{i} {item}" for i, item in enumerate(items, start))


def some(rng, least=3, most=8):
    """Words, numbers or letters, and what a user calls them."""
    count = rng.randint(least, most)
    r = rng.random()
    if r < 0.5:
        return words(rng, count), "words"
    if r < 0.75:
        top = pick(rng, (9 if count < 9 else 15, 20, 99, 99, 999))
        return [str(v) for v in rng.sample(range(top + 1), count)], "numbers"
    return [pick(rng, LETTERS) for _ in range(count)], "letters"


def separator(rng):
    return ", " if rng.random() < 0.6 else " "


def plain(rng, thinking, question, answer, thought, key="", expect=None):
    """A question about text that has to stay as it is: only its beginning varies."""
    r = rng.random()
    if r < 0.3 and question.startswith(ORDERS):
        start = pick(rng, ("Please ", "Please ", "Can you please ", "Now ", "", ""))
        question = start + question[0].lower() + question[1:]
    elif r < 0.4:
        question = pick(rng, ("Hello! ", "Hi! ", "Hello. ", "Okay. ", "Next one. ")) + question
    return ask(rng, thinking, question, answer, expect or exact(answer), thought, key, dress=False)


# ---- copying

SAY_FORMS = ("Repeat exactly: {x}", "Repeat: {x}", "Say exactly: {x}", "Copy this: {x}",
             "Repeat after me: {x}", "Write exactly this: {x}", "Copy exactly: {x}",
             "Repeat this text: {x}", "Answer with exactly this text: {x}", "Write: {x}",
             "Reply with exactly: {x}", "Output this and nothing else: {x}", "Echo: {x}",
             "Repeat the following:\n{x}", "Copy the following line:\n{x}", "Say: {x}",
             "Print this: {x}", "Repeat the text after the colon: {x}")
QUOTED_FORMS = ("Say {q}{x}{q} and nothing else.", "Repeat {q}{x}{q}.", "Write {q}{x}{q}.",
                "Copy {q}{x}{q} exactly.", "Say {q}{x}{q}.", "Answer only with {q}{x}{q}.",
                "Reply with {q}{x}{q}.", "Just say {q}{x}{q}.",
                "Repeat the text {q}{x}{q} exactly.",
                "Respond with {q}{x}{q} and nothing more.")


def copied(rng, thinking, text):
    if "'" not in text and '"' not in text and rng.random() < 0.4:
        question = pick(rng, QUOTED_FORMS).replace("{q}", pick(rng, "''\"\"`"))
    else:
        question = pick(rng, SAY_FORMS)
    return plain(rng, thinking, question.replace("{x}", text), text, "I repeat the text exactly.",
                 text)


@skill("text.copy_words", weight=1.2)
def copy_words(rng, thinking):
    text = " ".join(words(rng, rng.randint(1, 6)))
    r = rng.random()
    return copied(rng, thinking, text.upper() if r < 0.1 else text.title() if r < 0.2 else text)


@skill("text.copy_sentence", weight=1.0)
def copy_sentence(rng, thinking):
    text = sentence(rng) if rng.random() < 0.8 else pick(rng, QUESTIONS)
    if rng.random() < 0.3:
        text += " " + sentence(rng)
    return copied(rng, thinking, text)


@skill("text.copy_identifier", weight=1.6)
def copy_identifier(rng, thinking):
    return copied(rng, thinking, identifier(rng))


@skill("text.copy_letters", weight=1.0)
def copy_letters(rng, thinking):
    r = rng.random()
    text = letters(rng, rng.randint(3, 12))
    if r < 0.3:
        text = " ".join(text)
    elif r < 0.5:
        text = text.upper()
    elif r < 0.8:
        text = str(rng.randint(100, 10 ** rng.randint(3, 12)))
    return copied(rng, thinking, text)


@skill("text.copy_code", weight=0.7)
def copy_code(rng, thinking):
    return copied(rng, thinking, code(rng))


# ---- counting

@skill("text.count_items", weight=1.2)
def count_items(rng, thinking):
    items, name = some(rng, 1 if rng.random() < 0.1 else 2, 12)
    listed = separator(rng).join(items)
    noun = pick(rng, ("items", name, name))
    if noun == "words" and rng.random() < 0.3:
        listed = " ".join(items)
    question = pick(rng, ("How many {n} are in this list: {l}", "How many {n} are there: {l}",
                          "Count the {n}: {l}", "Count these {n}: {l}",
                          "How many {n} are these? {l}",
                          "How many {n} do you see? {l}", "Count the {n} in: {l}",
                          "{l}\nHow many {n} is that?")).format(n=noun, l=listed)
    k = len(items)
    answer = f"There are {k} {noun}." if k > 1 else f"There is 1 {noun[:-1]}."
    return plain(rng, thinking, question, answer, f"{numbered(items)}. So {k}.", listed, number(k))


@skill("text.count_words", weight=0.8)
def count_words(rng, thinking):
    text = sentence(rng)
    if rng.random() < 0.3:
        text = big(" ".join(words(rng, rng.randint(2, 9)))) + "."
    items = text[:-1].split()
    question = pick(rng, ("How many words are in this sentence: {s}",
                          "How many words has this: {s}",
                          "Count the words: {s}", "How many words does \"{s}\" have?",
                          "How many words are in \"{s}\"?",
                          "Count the words in this sentence: {s}"))
    return plain(rng, thinking, question.replace("{s}", text), f"There are {len(items)} words.",
                 f"{numbered(items)}. So {len(items)}.", text, number(len(items)))


@skill("text.count_letters", weight=0.8)
def count_letters(rng, thinking):
    word = word_of(rng)
    question = pick(rng, ("How many letters are in the word {w}?",
                          "How many letters does {w} have?",
                          "How long is the word {w}?", "Count the letters of {w}.",
                          "How many letters has {w}?", "How many letters are in \"{w}\"?",
                          "Number of letters in {w}?", "Count the letters in the word \"{w}\"."))
    question = question.replace("{w}", word)
    return plain(rng, thinking, question, f"The word {word} has {len(word)} letters.",
                 f"{numbered(word)}. So {len(word)}.", question, number(len(word)))


@skill("text.count_one_letter", weight=0.5)
def count_one_letter(rng, thinking):
    word = pick(rng, WORDS)
    letter = pick(rng, word) if rng.random() < 0.85 else pick(rng, LETTERS)
    k = word.count(letter)
    question = pick(rng, ("How many times is the letter {l} in {w}?", "How often is {l} in {w}?",
                          "Count the letter {l} in the word {w}.",
                          "How many {l}'s are in {w}?",
                          "How many letters {l} are in the word {w}?"))
    question = question.format(l=letter, w=word)
    marks, seen = [], 0
    for c in word:
        seen += c == letter
        marks.append(f"{c} {seen}")
    return plain(rng, thinking, question, f"The letter {letter} is in {word} {k} "
                 f"time{'' if k == 1 else 's'}: {k}.", f"{', '.join(marks)}. So {k}.", question,
                 number(k))


# ---- order

def sort_question(rng, noun, listed):
    how = pick(rng, ("alphabetically", "in alphabetical order", "from a to z") if noun != "numbers"
               else ("", "in ascending order", "from smallest to largest", "by size"))
    forms = ("Sort these {n} {h}: {l}", "Sort {h}: {l}", "Put these {n} in order {h}: {l}",
             "Sort the {n} {h}: {l}", "Sort this list {h}: {l}", "Order these {n} {h}: {l}")
    if noun != "numbers":
        forms += ("Sort: {l}", "Sort these {n}: {l}")
        if how.startswith("in"):
            forms = tuple(f for f in forms if not f.startswith("Put"))
    question = pick(rng, forms).format(n=noun, h=how, l=listed)
    return question.replace(" :", ":").replace("in order in", "in")


@skill("text.sort_words", weight=1.8)
def sort_words(rng, thinking):
    items = words(rng, rng.randint(3, 8))
    if rng.random() < 0.6:  # mostly no two words with the same beginning
        by_letter = {w[0]: w for w in items}
        items = list(by_letter.values()) if len(by_letter) > 2 else items
        rng.shuffle(items)
    mark = separator(rng)
    ordered = sorted(items)
    thought = f"First letters: {' '.join(w[0] for w in items)}. " \
              f"In order: {', '.join(f'{w[0]} {w}' for w in ordered)}."
    return plain(rng, thinking, sort_question(rng, "words", mark.join(items)), mark.join(ordered),
                 thought, " ".join(items))


@skill("text.sort_letters", weight=0.5)
def sort_letters(rng, thinking):
    items = rng.sample(LETTERS, rng.randint(3, 8))
    mark = separator(rng)
    ordered = sorted(items)
    return plain(rng, thinking, sort_question(rng, "letters", mark.join(items)),
                 mark.join(ordered), f"In order: {' '.join(ordered)}.", " ".join(items))


@skill("text.sort_numbers", weight=1.8)
def sort_numbers(rng, thinking):
    top = pick(rng, (9, 20, 99, 99, 99, 999))
    items = rng.sample(range(top + 1), rng.randint(3, 8))
    mark = separator(rng)
    down = rng.random() < 0.2
    ordered = sorted(items, reverse=down)
    if down:
        question = pick(rng, ("Sort in descending order: {l}", "Sort from largest to smallest: {l}",
                              "Sort these numbers from largest to smallest: {l}",
                              "Sort these numbers in descending order: {l}"))
        question = question.format(l=mark.join(map(str, items)))
    else:
        question = sort_question(rng, "numbers", mark.join(map(str, items)))
    groups = []
    for width in (3, 2, 1) if down else (1, 2, 3):
        of = [str(v) for v in ordered if len(str(v)) == width]
        if of:
            groups.append(f"{width} digit{'s' * (width > 1)}: {', '.join(of)}.")
    return plain(rng, thinking, question, mark.join(map(str, ordered)), " ".join(groups),
                 f"{down} {items}")


@skill("text.reverse_list", weight=1.5)
def reverse_list(rng, thinking):
    items, name = some(rng)
    mark = separator(rng)
    listed = mark.join(items)
    question = pick(rng, ("Reverse this list: {l}", "Reverse: {l}", "Reverse the order: {l}",
                          "Write these {n} backwards: {l}", "Reverse the {n}: {l}",
                          "Say these {n} in reverse order: {l}", "Write in reverse order: {l}",
                          "Turn this list around: {l}", "Give me this list from the end: {l}"))
    back = [f"{i} {items[i - 1]}" for i in range(len(items), 0, -1)]
    return plain(rng, thinking, question.format(l=listed, n=name), mark.join(reversed(items)),
                 f"{numbered(items)}. From the end: {' '.join(back)}.", listed)


@skill("text.reverse_digits", weight=0.7)
def reverse_digits(rng, thinking):
    number_ = str(rng.randint(10, 10 ** rng.randint(2, 7) - 1))
    back = number_[::-1]
    question = pick(rng, ("Reverse the digits of {x}.", "Write the digits of {x} backwards.",
                          "Reverse the digits: {x}", "What is {x} with its digits reversed?",
                          "Turn the digits of {x} around."))
    return plain(rng, thinking, question.format(x=number_), back,
                 f"Digits: {' '.join(number_)}. From the end: {' '.join(back)}.", number_)


@skill("text.reverse_word", weight=0.8)
def reverse_word(rng, thinking):
    word = word_of(rng, SHORT)
    question = pick(rng, ("Reverse the word {w}.", "Write {w} backwards.", "Spell {w} backwards.",
                          "Reverse the letters of {w}.", "What is {w} backwards?",
                          "Write the word {w} from the end.")).replace("{w}", word)
    back = word[::-1]
    return plain(rng, thinking, question, back,
                 f"Letters: {' '.join(word)}. From the end: {' '.join(back)}.", question)


# ---- words and letters

@skill("text.spell", weight=1.2)
def spell(rng, thinking):
    word = word_of(rng)
    question = pick(rng, ("Spell the word {w}.", "Spell {w}.", "How do you spell {w}?",
                          "How is {w} spelled?", "Spell {w} letter by letter.",
                          "Which letters are in the word {w}?", "Write the letters of {w}.",
                          "Can you spell the word {w}?", "What are the letters of {w}?"))
    question = question.replace("{w}", word)
    return plain(rng, thinking, question, "-".join(word), f"The letters of {word} in order.",
                 question)


@skill("text.join", weight=0.8)
def join(rng, thinking):
    word = word_of(rng)
    spelled = pick(rng, ("-", " ", " ", ", ")).join(word)
    question = pick(rng, ("Which word is {l}?", "Join these letters: {l}", "What word is this: {l}",
                          "Put the letters together: {l}", "Make a word of these letters: {l}"))
    question = question.replace("{l}", spelled)
    return plain(rng, thinking, question, word, f"The letters {spelled} make {word}.", question)


@skill("text.case", weight=1.2)
def upper_or_lower(rng, thinking):
    word = word_of(rng, SHORT)
    if rng.random() < 0.3:
        word += " " + pick(rng, SHORT)
    if rng.random() < 0.6:
        forms = ("Write {w} in capital letters.", "Write {w} in upper case.", "Uppercase: {w}",
                 "Convert to uppercase: {w}", "Make this uppercase: {w}",
                 "{w} in capitals, please.",
                 "Put {w} in capital letters.")
        given, answer, to = word, word.upper(), "capital"
    else:
        forms = ("Write {w} in small letters.", "Write {w} in lower case.", "Lowercase: {w}",
                 "Convert to lowercase: {w}", "Make this lowercase: {w}")
        given, answer, to = word.upper(), word, "small"
    question = pick(rng, forms).replace("{w}", given)
    if question.startswith(given):
        return ask(rng, thinking, question, answer, exact(answer),
                   f"{given} in {to} letters is {answer}.", question, dress=False)
    return plain(rng, thinking, question, answer, f"{given} in {to} letters is {answer}.", question)


ORDINALS = "first second third fourth fifth sixth seventh eighth".split()


@skill("text.nth", weight=1.2)
def nth(rng, thinking):
    items, name = some(rng, 3, 8)
    if rng.random() < 0.25:
        items, name = sentence(rng)[:-1].split(), "words"
    listed = (" " if name == "words" and rng.random() < 0.5 else separator(rng)).join(items)
    n = rng.randint(1, min(len(items), 8))
    place = ORDINALS[n - 1]
    if rng.random() < 0.3:
        n, place = len(items), "last"
    one = name[:-1]
    question = pick(rng, ("What is the {p} {o}: {l}", "Which is the {p} {o} of this list: {l}",
                          "Tell me the {p} {o}: {l}", "Give me the {p} {o} of: {l}",
                          "What is the {p} {o} in this list? {l}", "{l}\nWhat is the {p} {o}?"))
    question = question.format(p=place, o=one, l=listed)
    if place == "last":
        thought = f"The list ends with {items[-1]}."
    else:
        thought = f"{numbered(items[:n])}."
    return plain(rng, thinking, question, items[n - 1], thought, f"{place} {listed}")


@skill("text.edge_letter", weight=0.6)
def edge_letter(rng, thinking):
    word = pick(rng, WORDS)
    r = rng.random()
    n = rng.randint(1, min(5, len(word)))
    place = ORDINALS[n - 1]
    if r < 0.4:
        n, place = len(word), "last"
    question = pick(rng, ("What is the {p} letter of {w}?", "Which is the {p} letter of {w}?",
                          "What is the {p} letter in the word {w}?", "{p} letter of {w}?",
                          "Tell me the {p} letter of {w}.")).format(p=place, w=word)
    letter = word[n - 1]
    thought = f"{numbered(word if place == 'last' else word[:n])}."
    return plain(rng, thinking, big(question), f"The {place} letter of {word} is {letter}.",
                 thought,
                 question, matches(f"is {letter}[.]?$"))


@skill("text.member", weight=1.3)
def member(rng, thinking):
    items, name = some(rng, 3, 9)
    inside = rng.random() < 0.5
    if inside:
        x = pick(rng, items)
    else:
        while True:
            x = pick(rng, WORDS if name == "words" else LETTERS) if name != "numbers" else str(
                rng.randint(0, 99))
            if x not in items:
                break
    listed = separator(rng).join(items)
    question = pick(rng, ("Is {x} in this list: {l}", "Is {x} in the list {l}?",
                          "{l}\nIs {x} there?",
                          "Does this list contain {x}: {l}", "Is {x} one of these: {l}",
                          "Do you see {x} in this list? {l}", "{l}\nIs {x} in this list?"))
    answer = f"Yes, {x} is in the list." if inside else f"No, {x} is not in the list."
    if inside:
        thought = f"{numbered(items[:items.index(x) + 1])}: found {x}."
    else:
        thought = f"{numbered(items)}: no {x}."
    return plain(rng, thinking, question.format(x=x, l=listed), answer, thought, f"{x} {listed}",
                 matches("^Yes" if inside else "^No"))


# ---- reading

PEOPLE = """Anna Tom Maria Peter Lena Paul Sara Ben Emma Lucas Nina Oscar Julia Felix Clara Hugo Eva
Max Ida Leo Mia Noah Ella Jack Alice Simon Kate David Laura Martin""".split()
COLOURS = "red blue green yellow black white brown purple orange pink".split()
OWNED = "car bike hat ball coat book cup boat house bag kite pen lamp chair dog cat horse".split()
PLACES = """garden kitchen park school library forest station shop museum office""".split()


@skill("text.read", weight=2.2)
def read(rng, thinking):
    """Two to four sentences, and a question about one of them."""
    count = rng.randint(2, 4)
    people = rng.sample(PEOPLE, count)
    if rng.random() < 0.6:
        things, colours = rng.sample(OWNED, count), rng.sample(COLOURS, count)
        lines = [f"{p} has {'an' if c[0] in 'aeiou' else 'a'} {c} {t}."
                 for p, c, t in zip(people, colours, things)]
        i = rng.randrange(count)
        p, c, t = people[i], colours[i], things[i]
        question, answer, found = pick(rng, (
            (f"Who has the {t}?", f"{p} has the {t}.", p),
            (f"Who has something {c}?", f"{p} has something {c}.", p),
            (f"What does {p} have?", f"{p} has {'an' if c[0] in 'aeiou' else 'a'} {c} {t}.", t),
            (f"Which color is the {t}?", f"The {t} is {c}.", c),
            (f"What color is {p}'s {t}?", f"{p}'s {t} is {c}.", c)))
    else:
        places = rng.sample(PLACES, count)
        verb = pick(rng, ("is", "works", "plays", "waits", "sits"))
        lines = [f"{p} {verb} in the {w}." for p, w in zip(people, places)]
        i = rng.randrange(count)
        p, w = people[i], places[i]
        asked = f"Where is {p}?" if verb == "is" else f"Where does {p} {verb[:-1]}?"
        question, answer, found = pick(rng, (
            (asked, f"{p} {verb} in the {w}.", w),
            (f"Who {verb} in the {w}?", f"{p} {verb} in the {w}.", p)))
    text = " ".join(lines)
    said = f"{text} {question}" if rng.random() < 0.7 else f"{text}\n{question}"
    return ask(rng, thinking, said, answer, contains(found), f"The text says: {lines[i]}", said,
               dress=False)
