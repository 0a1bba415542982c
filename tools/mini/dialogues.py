"""dialogues: conversations of several turns, and system prompts.

What a user tells (a name, a color, a pet) is asked back one to four turns later, with other talk
between; what stands between is drawn from other skills, from what they teach. A system prompt is
followed when it asks for something simple, and changes nothing when it does not.
"""
from dataclasses import dataclass

from asking import a as article, joined, pick, small, vary
from case import (SKILLS, Case, assistant, contains, draw, exact, matches, number, skill, system,
                  user)
from wordstock import WORDS
from world import CAPITALS, OPPOSITES, PLURALS, YOUNG

NAMES = """Tom Anna Maria Peter Lena Paul Sara Ben Emma Lucas Nina Oscar Julia Felix Clara Hugo Eva
Max Ida Leo Mia Noah Ella Jack Ruth Carl Rosa Ivan Alice Simon Kate David Laura Martin Vera Daniel
Olga Frank Helen Igor Jane Kevin Linda Mark Nora Otto Petra Rita Sam Tina Victor Wendy Yara Zoe Adam
Bella Chris Diana Erik Fiona George Hanna Omar Ali Fatima Chen Yuki Raj Priya Sven Lars Ingrid Marta
Pablo Diego Lucia Marco Giulia Pierre Camille Hans Greta Boris Natasha Aziz Leila Kofi
Amara""".split()
COLOURS = """red blue green yellow black white brown purple orange pink grey silver gold violet
turquoise""".split()
CITIES = """Paris London Rome Berlin Madrid Oslo Vienna Lisbon Dublin Prague Warsaw Athens Cairo
Tokyo Delhi Lima Boston Denver Chicago Dallas Miami Toronto Sydney Hamburg Munich Lyon Milan Seoul
Kyoto Helsinki Geneva Austin""".split()
ANIMALS = "dog cat rabbit parrot hamster horse turtle pony mouse goldfish".split()
PET_NAMES = """Rex Luna Milo Bella Max Coco Rocky Daisy Felix Simba Nala Oscar Fluffy Shadow Ginger
Spot Lucky Bobby Pepper Honey Biscuit Oreo Tiger Snowy Patch""".split()
FOODS = """pizza soup bread cake rice pasta salad cheese chocolate fish curry sushi
spaghetti""".split()
HOBBIES = """chess swimming football painting reading cooking dancing fishing singing running
gardening music photography hiking tennis""".split()
WORK = """baker teacher doctor farmer pilot cook carpenter tailor singer writer sailor dentist
barber gardener builder librarian judge plumber painter programmer nurse waiter""".split()
MONTHS = """January February March April May June July August September October November
December""".split()


def invented(rng):
    """A name that nobody has."""
    made = "".join(pick(rng, "bdfgklmnprstvz") + pick(rng, "aeiou")
                   for _ in range(pick(rng, (2, 3))))
    return made.capitalize() + pick(rng, ("", "", "n", "r", "s", "x"))


def name(rng):
    return pick(rng, NAMES) if rng.random() < 0.7 else invented(rng)


@dataclass
class Slot:
    """Something a user can tell: {v} is the value."""
    what: str     # "the name", for thoughts
    draw: object
    tell: str     # "one form|another"
    reply: str
    asked: str
    answer: str


def from_stock(stock):
    return lambda rng: pick(rng, stock)


SLOTS = {
    "name": Slot("the name", name,
                 "My name is {v}.|I am {v}.|Hello, my name is {v}.|Hi, I am {v}.|Call me {v}.|I'm "
                 "{v}.|"
                 "Hello! I am called {v}.|Please call me {v}.|Hi! My name is {v}.",
                 "Nice to meet you, {v}!",
                 "What is my name?|What's my name?|Do you remember my name?|Who am I?|Tell me my "
                 "name.|"
                 "What am I called?|Do you know my name?|How am I called?", "Your name is {v}."),
    "color": Slot("the favorite color", from_stock(COLOURS),
                  "My favorite color is {v}.|I like the color {v} best.|I love the color {v}.|"
                  "{V} is my favorite color.", "{V} is a nice color.",
                  "What is my favorite color?|Which color do I like?|What's my favorite color?|"
                  "Do you remember my favorite color?|Tell me my favorite color.",
                  "Your favorite color is {v}."),
    "city": Slot("the city", lambda rng: pick(rng, CITIES) if rng.random() < 0.8
                 else invented(rng),
                 "I live in {v}.|My city is {v}.|I come from {v}.|My home is in {v}.|I am from "
                 "{v}.",
                 "{v} is a nice place.",
                 "Where do I live?|Which city do I live in?|What is my city?|Where is my home?|"
                 "Do you remember where I live?", "You live in {v}."),
    "age": Slot("the age", lambda rng: str(rng.randint(5, 99)),
                "I am {v} years old.|My age is {v}.|I'm {v} years old.", "{v} is a good age.",
                "How old am I?|What is my age?|Do you remember my age?|Tell me my age.",
                "You are {v} years old."),
    "pet": Slot("the pet", from_stock(ANIMALS),
                "I have a {v}.|My pet is a {v}.|I have a pet, a {v}.|There is a {v} in my house.",
                "A {v} is a nice pet.",
                "Which pet do I have?|What pet do I have?|What is my pet?|Do you remember my pet?|"
                "What animal do I have?", "You have a {v}."),
    "food": Slot("the favorite food", from_stock(FOODS),
                 "My favorite food is {v}.|I like {v} best.|I love to eat {v}.|{V} is my favorite "
                 "food.",
                 "{V} is good food.",
                 "What is my favorite food?|What do I like to eat?|Which food do I like?|"
                 "Do you remember my favorite food?", "Your favorite food is {v}."),
    "hobby": Slot("the hobby", from_stock(HOBBIES),
                  "My hobby is {v}.|I like {v}, it is my hobby.|In my free time I like {v}.|"
                  "{V} is my hobby.", "{V} is a nice hobby.",
                  "What is my hobby?|Which hobby do I have?|Do you remember my hobby?|"
                  "What do I like in my free time?", "Your hobby is {v}."),
    "job": Slot("the job", from_stock(WORK),
                "I am a {v}.|I work as a {v}.|I am a {v} by profession.|My job: I am a {v}.",
                "That is a good job.",
                "What is my job?|What do I work as?|Do you remember my job?|What is my work?",
                "You are a {v}."),
    "number": Slot("the number", lambda rng: str(rng.randint(2, 999)),
                   "My number is {v}.|Remember the number {v}.|My lucky number is {v}.|"
                   "Please remember the number {v}.|Keep the number {v} in mind.",
                   "I will remember {v}.",
                   "What is my number?|Which number did I tell you?|What was the number?|"
                   "Tell me the number.|Do you remember the number?", "The number is {v}."),
    "word": Slot("the word", from_stock(WORDS),
                 "Remember the word {v}.|Please remember the word {v}.|The secret word is {v}.|"
                 "Keep this word in mind: {v}|My secret word is {v}.", "I will remember {v}.",
                 "What is the word?|Which word did I tell you?|What was the secret word?|"
                 "Do you remember the word?|Tell me the word.|What is the secret word?",
                 "The word is {v}."),
    "month": Slot("the birthday month", from_stock(MONTHS),
                  "My birthday is in {v}.|I was born in {v}.|I have my birthday in {v}.",
                  "{v} is a good month.",
                  "When is my birthday?|In which month is my birthday?|Which month was I born in?|"
                  "Do you remember my birthday?", "Your birthday is in {v}."),
}
NAMED_PETS = Slot("", None, "My {k} is called {v}.|I have a {k}. Its name is {v}.|"
                  "The name of my {k} is {v}.|I have a {k} called {v}.", "{v} is a nice name.",
                  "What is the name of my {k}?|What is my {k} called?|How is my {k} called?|"
                  "Do you remember the name of my {k}?", "Your {k} is called {v}.")


def form(rng, text, **words):
    return pick(rng, text.split("|")).format(**words)


def told(rng, kind, slot, value):
    words = {"v": value, "V": value.capitalize(), "k": kind}
    expect = number(int(value)) if value.isdigit() else contains(value)
    tell, question = form(rng, slot.tell, **words), form(rng, slot.asked, **words)
    return tell, slot.reply.format(**words), question, slot.answer.format(**words), expect


def said_back(rng, thinking, question, answer, expect, thought):
    return [user(vary(rng, question)),
            assistant(answer, reasoning=thought if thinking else "", expect=expect)]


FILLERS = ("chat.talk", "facts.animals", "facts.places", "facts.words", "facts.things",
           "arith.add2",
           "arith.sub2", "text.copy_words", "facts.calendar", "arith.larger", "text.spell")
PERSONAL = ("my name", "am I", "do I", "my age", "call you", "favorite", "remember", "know me")


def fillers(rng, thinking, count):
    """Taught turns of other skills in which nothing personal is said."""
    turns = []
    while count > 0:
        one = draw(SKILLS["chat.talk" if rng.random() < 0.3 else pick(rng, FILLERS)], rng, thinking)
        if not any(p in one.messages[0]["content"] for p in PERSONAL):
            turns += one.messages
            count -= 1
    return turns


def loosely(rng, tell):
    """As many people write: without a full stop, without the first capital."""
    if rng.random() < 0.25 and tell[-1] in ".!":
        tell = tell[:-1]
    return small(tell) if rng.random() < 0.2 and tell.startswith(("My", "The", "Call", "Please",
                                                                  "Remember")) else tell


def quoted(tell):
    return f"The user said: {tell}"


@skill("chat.remember.one", weight=1.5)
def remember_one(rng, thinking):
    """One thing told, other talk, and the question."""
    if rng.random() < 0.12:
        kind = pick(rng, ANIMALS)
        slot, what, value = NAMED_PETS, f"the name of the {kind}", pick(rng, PET_NAMES)
    else:
        kind = pick(rng, tuple(SLOTS))
        slot = SLOTS[kind]
        what, value = slot.what, slot.draw(rng)
    tell, reply, question, answer, expect = told(rng, kind, slot, value)
    messages = [user(loosely(rng, tell)), assistant(
        reply, reasoning=f"The user tells me {what}: {value}." if thinking else "",
        expect=contains(reply[:-1]))]
    if rng.random() < 0.2:
        return Case(key=f"{kind} {value}", messages=messages, joinable=False)
    messages += fillers(rng, thinking, pick(rng, (0, 0, 1, 1, 2, 3)))
    messages += said_back(rng, thinking, question, answer, expect, quoted(tell))
    return Case(key=f"{kind} {value}", messages=messages, joinable=False)


@skill("chat.remember.several", weight=1.0)
def remember_several(rng, thinking):
    """Two or three things told, at once or one by one; one or two of them are asked back."""
    kinds = rng.sample(tuple(SLOTS), rng.randint(2, 3))
    facts = [(k, told(rng, k, SLOTS[k], SLOTS[k].draw(rng))) for k in kinds]
    messages = []
    if rng.random() < 0.5:
        said = " ".join(f[1][0] + ("" if f[1][0][-1] in ".!" else ".") for f in facts)
        messages = [user(said), assistant(
            "Thank you, I will remember that.",
            reasoning=f"The user tells me {joined([SLOTS[k].what for k in kinds])}."
            if thinking else "", expect=contains("remember"))]
    else:
        for k, (tell, reply, _, _, _) in facts:
            thought = f"The user tells me {SLOTS[k].what}." if thinking else ""
            messages += [user(loosely(rng, tell)), assistant(reply, reasoning=thought)]
    messages += fillers(rng, thinking, pick(rng, (0, 0, 1, 2)))
    for _, (tell, _, question, answer, expect) in rng.sample(facts, pick(rng, (1, 1, 2))):
        messages += said_back(rng, thinking, question, answer, expect, quoted(tell))
    return Case(key=" ".join(f"{k} {f[3]}" for k, f in facts), messages=messages, joinable=False)


# ---- system prompts

NEUTRAL = ("You are a helpful assistant.", "You are a helpful assistant",
           "You are a friendly assistant.",
           "You are helpful and polite.", "Be helpful.", "You are ds4-mini.", "Answer the user.",
           "You are an assistant. Answer briefly.", "You are a chat assistant.", "Be kind.",
           "You are a careful assistant.", "You answer questions.", "Answer shortly and clearly.")
ORDINARY = FILLERS + ("facts.nature", "facts.units", "ds4.about", "ds4.flags", "arith.story",
                      "text.reverse_list", "text.count_items", "chat.unknown")


def with_system(key, prompt, messages):
    return Case(key=key, messages=[system(prompt)] + messages, joinable=False)


@skill("chat.system.neutral", weight=1.2)
def neutral(rng, thinking):
    prompt = pick(rng, NEUTRAL)
    one = draw(SKILLS[pick(rng, ORDINARY)], rng, thinking)
    return with_system(f"{prompt} {one.key}", prompt, one.messages)


@skill("chat.system.name", weight=0.6)
def other_name(rng, thinking):
    called = name(rng)
    prompt = pick(rng, ("Your name is {n}.", "You are {n}.", "You are {n}, a helpful assistant.",
                        "Your name is {n}. Be friendly.", "You are called {n}.",
                        "You are an assistant. Your name is {n}.")).format(n=called)
    question = pick(rng, ("What is your name?", "Who are you?", "What are you called?",
                          "Tell me your name.", "What's your name?", "How are you called?"))
    return with_system(called, prompt, said_back(
        rng, thinking, question, f"My name is {called}.", contains(called),
        f"The system says that my name is {called}."))


def easy(rng):
    """(question, short answer, whole answer) of something known."""
    r = rng.randrange(5)
    if r == 0:
        x, y = pick(rng, CAPITALS)
        return f"What is the capital of {x}?", y, f"The capital of {x} is {y}."
    if r == 1:
        x, y = pick(rng, OPPOSITES)
        return f"What is the opposite of {x}?", y, f"The opposite of {x} is {y}."
    if r == 2:
        x, y = pick(rng, PLURALS)
        return f"What is the plural of {x}?", y, f"The plural of {x} is {y}."
    if r == 3:
        x, y = pick(rng, YOUNG)
        return f"What is a young {x} called?", y, f"A young {x} is called {article(y)}."
    x, y = rng.randint(1, 20), rng.randint(1, 20)
    return f"What is {x} + {y}?", str(x + y), f"{x} + {y} = {x + y}."


@skill("chat.system.short", weight=0.6)
def one_word(rng, thinking):
    question, short, _ = easy(rng)
    while " " in short:
        question, short, _ = easy(rng)
    prompt = pick(rng, ("Answer in one word.", "Answer with one word only.", "Use only one word.",
                        "Give one word answers.", "Answer only with the result, nothing else.",
                        "Only give the answer, no sentence."))
    return with_system(f"{prompt} {question}", prompt, said_back(
        rng, thinking, question, short, exact(short), f"The answer is {short}. I say only this."))


@skill("chat.system.capitals", weight=0.5)
def in_capitals(rng, thinking):
    question, _, whole = easy(rng)
    prompt = pick(rng, ("Always answer in capital letters.", "Write everything in capital letters.",
                        "Answer in upper case.", "Use only capital letters.", "Write in all caps."))
    return with_system(f"{prompt} {question}", prompt, said_back(
        rng, thinking, question, whole.upper(), exact(whole.upper()),
        f"The answer: {whole} I write it in capital letters."))


@skill("chat.system.word", weight=0.7)
def with_word(rng, thinking):
    """Every answer ends or begins with a word."""
    question, _, whole = easy(rng)
    word = pick(rng, WORDS)
    word = word if rng.random() < 0.5 else word.upper()
    if rng.random() < 0.6:
        prompt = pick(rng, ("End every answer with the word {w}.", "End each answer with {w}.",
                            "Always end with the word {w}.",
                            "The last word of each answer is {w}."))
        answer, expect, where = f"{whole} {word}", matches(f" {word}$"), "end"
    else:
        prompt = pick(rng, ("Begin every answer with the word {w}.", "Start each answer with {w}.",
                            "Always begin with the word {w}.",
                            "The first word of each answer is {w}."))
        answer, expect, where = f"{word} {whole}", matches(f"^{word} "), "begin"
    return with_system(f"{where} {word}", prompt.format(w=word), said_back(
        rng, thinking, question, answer, expect, f"The answer: {whole} I {where} with {word}."))


GOODS = """bread milk butter cheese apples honey coffee tea rice sugar salt soup cake juice water
eggs soap paper flowers candles""".split()
HOUSES = ("bakery", "shop", "library", "museum", "hotel", "restaurant", "school", "garden",
          "station")


@skill("chat.system.facts", weight=0.9)
def told_by_system(rng, thinking):
    """The system prompt tells what the user asks."""
    r = rng.random()
    if r < 0.4:
        goods = rng.sample(GOODS, rng.randint(2, 4))
        prices = rng.sample(range(1, 60), len(goods))
        lines = [f"{g} costs {p} dollars" if g[-1] != "s" else f"{g} cost {p} dollars"
                 for g, p in zip(goods, prices)]
        i = rng.randrange(len(goods))
        prompt = pick(rng, ("You sell things: ", "You work in a shop: ", "Prices: ")) + ", ".join(
            lines) + "."
        g = goods[i]
        do = "do" if g[-1] == "s" else "does"
        question = pick(rng, (f"How much {do} {g} cost?", f"What is the price of {g}?",
                              f"What {do} {g} cost?", f"Price of {g}?", f"How much for {g}?"))
        answer, expect = lines[i].capitalize() + ".", number(prices[i])
        key = prompt
    elif r < 0.7:
        start, end = rng.randint(6, 11), rng.randint(14, 22)
        house = pick(rng, HOUSES)
        prompt = f"You work for a {house}. It opens at {start} and closes at {end}."
        opens = rng.random() < 0.5
        question = pick(rng, ("When do you {v}?", f"When does the {house} {{v}}?",
                              f"At what time does the {house} {{v}}?"))
        question = question.format(v="open" if opens else "close")
        answer = f"The {house} {'opens' if opens else 'closes'} at {start if opens else end}."
        expect, key = number(start if opens else end), prompt + str(opens)
    else:
        kind = pick(rng, ("name", "city", "pet", "color", "job"))
        slot = SLOTS[kind]
        value = slot.draw(rng)
        prompt = {"name": "The name of the user is {v}.", "city": "The user lives in {v}.",
                  "pet": "The user has a {v}.", "color": "The favorite color of the user is {v}.",
                  "job": "The user is a {v}."}[kind].format(v=value)
        _, _, question, answer, expect = told(rng, kind, slot, value)
        key = prompt
        lines = [prompt[:-1]]
        if rng.random() < 0.4:
            prompt = "You are a helpful assistant. " + prompt
    return with_system(key, prompt, said_back(
        rng, thinking, question, answer, expect, f"The system says it: {answer}"
        if r < 0.7 else f"The system says: {lines[0]}."))
