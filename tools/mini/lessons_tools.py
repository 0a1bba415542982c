"""lessons_tools: which tool, with what, when, and what to say afterwards.

The reasoning is always the same walk: what the user wants, in the words of the description; the
tool's name; each argument with its value. An answer repeats what the tool gave. Nothing is guessed:
a value that the user did not give is asked for, and where no tool fits that is said.

The key of a case with an invented tool is the tool's name, so those of the examination were never
taught; that of a known one is the whole call.
"""
import json

import toolwords as tw
from case import Case, assistant, call, calls, contains, exact, skill, system, tool, user
from toolfamilies import FAMILIES
from toolkit import family_wish, invented_wish
from toolwords import maybe, one, up

SYSTEMS = [
    "You are a helpful assistant.", "You are a helpful assistant with tools.",
    "Use the tools when they help.", "You are a friendly assistant. Be brief.",
    "You help the user with tools. Answer in one sentence.", "Be brief.",
    "You are an assistant in a smart home.", "You are the assistant of a small company.",
    "Call a tool when the user asks for something that it does.",
    "Do not guess values. Ask when something is missing.", "Today is a good day. Help the user.",
    "You are ds4-mini, a small assistant.", "Answer the user. Use tools when needed."]
POLITE = ["{}.", "{}.", "{}.", "{}", "{}!", "Please {}.", "please {}", "Please {}.",
          "Can you {}?", "Could you {}?", "Could you please {}?", "can you {}", "I want you to {}.",
          "I need you to {}.", "Hi, please {}.", "Hey, {}.", "Hello! Please {}.", "{}, please.",
          "Would you {}?", "I would like you to {}.", "Now {}.", "You should {}."]


def politely(rng, order):
    form = one(rng, POLITE)
    if form.startswith("{}") and maybe(rng, 0.75):
        order = up(order)
    return form.format(order)


def request(rng, wish):
    if wish.question and maybe(rng, 0.7):
        text = wish.question
        if maybe(rng, 0.12):
            text = text[0].lower() + text[1:]
        if maybe(rng, 0.1):
            text = text.rstrip("?")
        if maybe(rng, 0.08):
            text = f"{one(rng, ('Hi!', 'Hello!', 'Please tell me:', 'Hey,', 'Tell me,'))} {text}"
        return text
    return politely(rng, wish.order)


def value_text(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 and text[-1:] not in (".", "!", "?", "") else ""


def listed(arguments):
    """"city = Paris, unit = celsius"; a long value by its parameter's name alone."""
    parts = []
    for name, value in arguments.items():
        text = value_text(value)
        parts.append(f"{name} = {text}" if text else name)
    return ", ".join(parts)


def i_call(wish, arguments=None):
    arguments = wish.arguments if arguments is None else arguments
    return f"I call {wish.tool['name']}" + (f" with {listed(arguments)}." if arguments else ".")


def wants(wish, arguments=None):
    return f"The user wants to {wish.aim}. {i_call(wish, arguments)}"


def called(reasoning, thinking, wishes):
    made = [call(w.tool["name"], w.arguments) for w in wishes]
    return assistant(reasoning=reasoning if thinking else "", calls=made, expect=calls(made))


def said(text, reasoning, thinking, expect):
    return assistant(text, reasoning if thinking else "", expect=expect)


def told(wish, thinking):
    """The tool's result and the answer that follows from it."""
    text, answer, _ = wish.results
    return [tool(text), said(answer, "The result is there. I tell the user.", thinking,
                             exact(answer))]


def beginning(rng):
    return [system(one(rng, SYSTEMS))] if maybe(rng, 0.4) else []


# tools that could somehow serve the requests of others
BROAD = ("search", "calculator", "open", "query", "places", "message", "events", "read", "notes",
         "note", "reminder", "alarm", "timer")


def any_family(rng, without=()):
    while True:
        family = one(rng, FAMILIES)
        if family.group not in without:
            return family


def other_tools(rng, wishes, count, without=()):
    """Tools that serve none of these wishes, in one list with theirs, mixed."""
    groups = {w.group for w in wishes}.union(without)
    tools = {w.tool["name"]: w.tool for w in wishes}
    while len(tools) < count + len(wishes):
        if maybe(rng, 0.6):
            family = any_family(rng, groups)
            groups.add(family.group)
            made = family_wish(rng, family).tool
        else:
            wish = invented_wish(rng, results=False, most=3)
            if wish.group in groups:
                continue
            groups.add(wish.group)
            made = wish.tool
        tools.setdefault(made["name"], made)
    mixed = list(tools.values())
    rng.shuffle(mixed)
    return mixed


def key_of(*wishes):
    return "; ".join(f"{w.tool['name']} {json.dumps(w.arguments)}" if w.head == "" else
                     w.tool["name"] for w in wishes)


def wish_of(rng, results=False):
    if maybe(rng, 0.5):
        return invented_wish(rng, results=results)
    return family_wish(rng, one(rng, FAMILIES))


@skill("tools.call", weight=4)
def one_known_tool(rng, thinking):
    wish = family_wish(rng, one(rng, FAMILIES))
    messages = beginning(rng) + [user(request(rng, wish)), called(wants(wish), thinking, [wish])]
    if maybe(rng, 0.3):
        messages += told(wish, thinking)
    return Case(key_of(wish), messages, [wish.tool])


@skill("tools.invented", weight=5)
def one_invented_tool(rng, thinking):
    wish = invented_wish(rng)
    messages = beginning(rng) + [user(request(rng, wish)), called(wants(wish), thinking, [wish])]
    if maybe(rng, 0.2):
        messages += told(wish, thinking)
    return Case(key_of(wish), messages, [wish.tool])


@skill("tools.choose", weight=5.5)
def choose_a_known_tool(rng, thinking):
    wish = family_wish(rng, one(rng, FAMILIES))
    messages = beginning(rng) + [user(request(rng, wish)), called(wants(wish), thinking, [wish])]
    return Case(key_of(wish), messages, other_tools(rng, [wish], rng.randint(1, 5)))


@skill("tools.choose_invented", weight=5.5)
def choose_an_invented_tool(rng, thinking):
    """Among tools with the same verb or the same noun."""
    count = rng.randint(2, 5)
    verbs, nouns = tw.some(rng, tw.VERBS, count), tw.some(rng, tw.NOUNS, count)
    similar = rng.random()
    if similar < 0.25:
        verbs = verbs[:1] * count
    elif similar < 0.5:
        nouns = nouns[:1] * count
    senseless = maybe(rng, 0.5)
    wishes, names = [], set()
    for words in zip(verbs, nouns):
        wish = invented_wish(rng, () if senseless else words, results=False, most=3)
        if wish.tool["name"] not in names and wish.group not in names:
            names.update((wish.tool["name"], wish.group))
            wishes.append(wish)
    wish = one(rng, wishes)
    return Case(key_of(wish), beginning(rng) + [
        user(request(rng, wish)), called(wants(wish), thinking, [wish])], [w.tool for w in wishes])


JOINS = ["{a} and {b}.", "{a} and then {b}.", "{a}. Then {b}.", "{a}. Also {b}.", "{a}, then {b}.",
         "Please {a} and {b}.", "Please {a}. Also {b}.", "Can you {a} and {b}?", "{a}. {B}.",
         "First {a}, then {b}.", "I want you to {a} and to {b}.", "{a} and also {b}, please."]


def joined(rng, orders):
    form = one(rng, JOINS)
    text = orders[0]
    if form.startswith("{a}"):
        text = up(text)
    text = form.format(a=text, b=orders[1], B=up(orders[1]))
    if len(orders) > 2:
        text = f"{text} {one(rng, ('Then', 'Also', 'And', 'Finally'))} {orders[2]}."
    return text


def wants_all(wishes):
    aims = [w.aim for w in wishes]
    text = f"to {', to '.join(aims[:-1])} and to {aims[-1]}"
    return f"The user wants {text}. " + " ".join(i_call(w) for w in wishes)


def twin(rng, family):
    """Two calls of one tool: "show the weather in Paris and Rome"."""
    wish = family_wish(rng, family)
    if len(wish.arguments) != 1:
        return None
    (name, value), = wish.arguments.items()
    other = family.parameters[0].draw(rng)
    text = wish.question or wish.order
    if other == value or not isinstance(value, str) or value not in text:
        return None
    second = family_wish(rng, family)
    while len(second.arguments) != 1:
        second = family_wish(rng, family)
    (own,), (shown, answer, _) = second.arguments.values(), second.results
    second.results = (shown.replace(own, other), answer.replace(own, other), "")
    second.tool, second.arguments, second.aim = wish.tool, {name: other}, wish.aim
    both = f"{value} and {other}" if maybe(rng, 0.8) else f"{value} and in {other}" \
        if f"in {value}" in text else f"{value} and for {other}" if f"for {value}" in text \
        else f"{value} and {other}"
    place = text.rindex(value)
    wish.question = text[:place] + both + text[place + len(value):]
    return wish, second


TWINS = [f for f in FAMILIES if f.group in ("weather", "clock", "stock", "contact", "dictionary",
                                            "phone", "remove", "read", "open")]


@skill("tools.parallel", weight=4.5)
def several_calls_at_once(rng, thinking):
    pair = twin(rng, one(rng, TWINS)) if maybe(rng, 0.25) else None
    if pair:
        text = up(pair[0].question)
        if text[-1] not in ".?!":
            text = one(rng, ("{}.", "{}", "{}, please.")).format(text)
        wishes, tools = list(pair), other_tools(rng, [pair[0]], rng.randint(0, 3))
        reasoning = f"The user wants to {wishes[0].aim}, two times. " + \
            " ".join(i_call(w) for w in wishes)
    else:
        wishes = [wish_of(rng)]
        while len(wishes) < (3 if maybe(rng, 0.2) else 2):
            wish = wish_of(rng)
            if all(wish.group != w.group and wish.tool["name"] != w.tool["name"] for w in wishes):
                wishes.append(wish)
        text = joined(rng, [w.order for w in wishes])
        tools = other_tools(rng, wishes, rng.randint(0, 2))
        reasoning = wants_all(wishes)
    return Case(key_of(*wishes), beginning(rng) + [
        user(text), called(reasoning, thinking, wishes)], tools)


@skill("tools.result", weight=3)
def answer_from_the_result(rng, thinking):
    wish = wish_of(rng, results=True)
    return Case(f"{key_of(wish)} {wish.results[0]}", beginning(rng) + [
        user(request(rng, wish)), called(wants(wish), thinking, [wish])] + told(wish, thinking),
        other_tools(rng, [wish], rng.randint(0, 2)))


FAILURES = ["not found", "no connection", "permission denied", "timeout", "server error",
            "invalid value", "access denied", "service not available", "too many requests",
            "the device is off", "unknown name", "out of memory", "internal error", "no answer",
            "the line is busy", "the {n} is missing", "the {n} is {a}", "no {n} found",
            "the {a} {n} is locked"]
ERROR_FORMS = ["Error: {}", "error: {}", '{{"error": "{}"}}', "ERROR {}", "failed: {}",
               '{{"status": "error", "message": "{}"}}', "Exception: {}"]


@skill("tools.error", weight=1)
def tell_that_it_failed(rng, thinking):
    wish = wish_of(rng)
    why = one(rng, FAILURES).format(n=one(rng, tw.NOUNS), a=one(rng, tw.ADJECTIVES))
    answer = f"Sorry, that did not work: {why}."
    return Case(f"{key_of(wish)} {why}", beginning(rng) + [
        user(request(rng, wish)), called(wants(wish), thinking, [wish]),
        tool(one(rng, ERROR_FORMS).format(why)),
        said(answer, "The tool failed. I tell the user why.", thinking, exact(answer))],
        other_tools(rng, [wish], rng.randint(0, 2)))


@skill("tools.decline", weight=1.5)
def no_tool_fits(rng, thinking):
    wish = wish_of(rng)
    while not wish.tool.get("description"):
        wish = wish_of(rng)
    tools = other_tools(rng, [wish], rng.randint(1, 4), BROAD)
    tools = [t for t in tools if t is not wish.tool]
    names = [t["name"] for t in tools]
    have = f"My only tool is {names[0]}. It does not fit." if len(names) == 1 else \
        f"My tools are {', '.join(names[:-1])} and {names[-1]}. None fits."
    answer = "Sorry, I have no tool for that."
    return Case(f"{wish.order} / {' '.join(names)}", beginning(rng) + [
        user(request(rng, wish)),
        said(answer, have, thinking, contains("no tool for that"))], tools)


GREETINGS = ["Hello", "Hi", "Good morning", "Hey", "Good evening", "Hello there", "Good day"]
THANKS = ["Thank you", "Thanks", "Thank you very much", "Thanks a lot", "Many thanks"]
CAPITALS = """France Paris, Italy Rome, Spain Madrid, Germany Berlin, Austria Vienna, Norway Oslo,
Sweden Stockholm, Finland Helsinki, Poland Warsaw, Portugal Lisbon, Greece Athens, Ireland Dublin,
Egypt Cairo, Japan Tokyo, Peru Lima, Cuba Havana, Kenya Nairobi, Hungary Budapest""".replace(
    "\n", " ").split(", ")
COLOURED = """grass green, snow white, blood red, coal black, milk white, gold yellow,
a lemon yellow, a tomato red, the sky blue, a banana yellow, a frog green""".replace("\n", " ")
COLOURED = [c.rsplit(" ", 1) for c in COLOURED.split(", ")]
LEGS = [("a dog", 4), ("a cat", 4), ("a bird", 2), ("a spider", 8), ("an ant", 6), ("a horse", 4),
        ("a cow", 4), ("a bee", 6), ("a snake", 0)]


def simple_talk(rng):
    """(question, answer, reasoning) of something that needs no tool."""
    kind = rng.random()
    if kind < 0.35:
        a, b = rng.randint(0, 9), rng.randint(0, 9)
        form = one(rng, ("What is {} + {}?", "{} + {} = ?", "How much is {} + {}?", "{}+{}",
                         "What is {} plus {}?", "what is {}+{}?", "Add {} and {} in your head."))
        answer = f"{a} + {b} = {a + b}."
        return form.format(a, b), answer, f"This needs no tool. {answer}"
    if kind < 0.5:
        text = one(rng, GREETINGS) + one(rng, ("!", ".", "", "!"))
        return text, "Hello! How can I help you?", "The user greets me. This needs no tool."
    if kind < 0.6:
        text = one(rng, THANKS) + one(rng, ("!", ".", ""))
        return text, "You are welcome!", "The user thanks me. This needs no tool."
    if kind < 0.8:
        land, town = one(rng, CAPITALS).split()
        form = one(rng, ("What is the capital of {}?", "Which city is the capital of {}?",
                         "Tell me the capital of {}.", "capital of {}?", "Name the capital of {}."))
        return form.format(land), f"The capital of {land} is {town}.", \
            f"This needs no tool. The capital of {land} is {town}."
    if kind < 0.9:
        thing, colour = one(rng, COLOURED)
        form = one(rng, ("What colour is {}?", "What color is {}?", "Which colour has {}?"))
        return form.format(thing), f"{up(thing)} is {colour}.", \
            f"This needs no tool. {up(thing)} is {colour}."
    animal, count = one(rng, LEGS)
    form = one(rng, ("How many legs does {} have?", "how many legs has {}?"))
    return form.format(animal), f"{up(animal)} has {count or 'no'} legs.", \
        f"This needs no tool. {up(animal)} has {count or 'no'} legs."


@skill("tools.direct", weight=1.5)
def no_tool_needed(rng, thinking):
    tools = []
    while len(tools) < 1 or maybe(rng, 0.6) and len(tools) < 6:
        made = family_wish(rng, any_family(rng, BROAD)).tool if maybe(rng, 0.6) else \
            invented_wish(rng, results=False).tool
        if made["name"] not in [t["name"] for t in tools]:
            tools.append(made)
    text, answer, reasoning = simple_talk(rng)
    return Case(f"{text} / {' '.join(t['name'] for t in tools)}", beginning(rng) + [
        user(text), said(answer, reasoning, thinking, exact(answer))], tools)


@skill("tools.missing", weight=2.5)
def ask_for_what_is_missing(rng, thinking):
    wish = wish_of(rng)
    while not wish.missing:
        wish = wish_of(rng)
    order, pname, what, value, arguments = wish.missing
    wish.arguments = arguments
    ask = f"Please tell me {what}."
    messages = beginning(rng) + [
        user(politely(rng, order)),
        said(ask, f"The user wants to {wish.aim}. The tool {wish.tool['name']} needs {pname}. "
             "The user did not give it. I ask.", thinking, contains(what))]
    if maybe(rng, 0.7):
        reply = one(rng, ("{}", "{}.", "It is {}.", "Take {}.", "{}, please.", "Use {}."))
        messages += [user(reply.format(value)),
                     called(f"Now I have {pname}. {i_call(wish)}", thinking, [wish])]
    return Case(key_of(wish), messages, other_tools(rng, [wish], rng.randint(0, 1)))


FOLLOW = ["{}", "Now {}", "And {}", "Then {}", "Next, {}", "Thanks. Now {}", "Good. {}",
          "Great, {}"]
AGAIN = ["And {}?", "What about {}?", "And for {}?", "Now the same for {}.", "Do it for {} too.",
         "The same for {}, please."]


@skill("tools.followup", weight=2.5)
def another_call_in_a_later_turn(rng, thinking):
    pair = twin(rng, one(rng, TWINS)) if maybe(rng, 0.3) else None
    first, second = pair or (wish_of(rng, True), wish_of(rng, True))
    while first.group == second.group and not pair or not (first.results and second.results):
        first, second = wish_of(rng, True), wish_of(rng, True)
    if pair:
        (value,), (other,) = first.arguments.values(), second.arguments.values()
        text = up(first.question.replace(f"{value} and in {other}", value).replace(
            f"{value} and for {other}", value).replace(f"{value} and {other}", value))
        again = one(rng, AGAIN).format(other)
        tools = [first.tool]
        messages = [user(text), called(wants(first), thinking, [first]), *told(first, thinking),
                    user(again), called(wants(second), thinking, [second]),
                    *told(second, thinking)]
    else:
        follow = one(rng, FOLLOW)
        order = up(second.order) if follow in ("{}", "Good. {}") else second.order
        messages = [user(request(rng, first)), called(wants(first), thinking, [first]),
                    *told(first, thinking), user(follow.format(order) + "."),
                    called(wants(second), thinking, [second])]
        tools = other_tools(rng, [first, second], rng.randint(0, 2))
        if maybe(rng, 0.5):
            messages += told(second, thinking)
    return Case(key_of(first, second), beginning(rng) + messages, tools)
