"""lessons_chains: calls in a row, where the second needs what the first gave.

Both kinds are here: pairs of tools that belong together (the address of a person, then the mail),
and pairs that nobody has seen, where the request says which value goes where.
"""
import json

import toolwords as tw
from case import Case, skill, tool, user
from lessons_tools import (beginning, called, i_call, key_of, other_tools, told)
from toolfamilies import MEETINGS, SKIES
from toolkit import Wish, aim_of, invented_wish, tool_schema, with_values
from toolwords import maybe, one, up, written


def place(rng):
    return one(rng, tw.CITIES)


def person(rng):
    return one(rng, tw.NAMES)


def code(rng):
    return tw.identifier(rng)


def small(rng):
    return rng.randint(2, 60)


def quoted_sentence(rng):
    text = tw.sentence(rng)
    return tw.quoted(rng, text), text


def word(rng):
    return one(rng, tw.WORDS)


# (first: names, description, parameters), what it gives (key, draw), (second: the same), requests,
# what the second gives (nothing: "ok").
# A parameter is (name, type, draw), its draw None where the first result goes.
CHAINS = [
    (("find email|get address|lookup email", "Find the email address of a person.",
      [("name|person", "string", person)]), ("email|address", tw.email),
     ("send email|send mail|mail", "Send an email.",
      [("to|recipient", "string", None), ("text|body|message", "string", quoted_sentence)]),
     ["send an email to {a0} with the text {b1}. Look up the address first",
      "find the email address of {a0} and send {b1} to it",
      "look up the address of {a0} and mail the text {b1} to it"]),
    (("get location|where am i|my location", "Get the city where the user is.", []),
     ("city|place", place),
     ("get weather|weather|show weather", "Get the weather in a city.",
      [("city|location", "string", None)]),
     ["what is the weather where I am?", "show the weather at my place",
      "find out where I am and show the weather there"],
     lambda r: f"It is {one(r, SKIES)} and {r.randint(1, 35)} degrees."),
    (("find customer|customer search|get customer id", "Find the number of a customer by name.",
      [("name|customer", "string", person)]), ("id|customer_id", lambda r: r.randint(10, 9999)),
     ("list orders|get orders|orders", "List the orders of a customer.",
      [("customer id|id|customer", "integer", None)]),
     ["show the orders of the customer {a0}", "find the customer {a0} and list the orders",
      "which orders does the customer {a0} have?"],
     lambda r: f"One order: {r.randint(2, 30)} bottles of {one(r, tw.WORDS)}."),
    (("random number|roll dice|pick number", "Get a random number.",
      [("max|limit", "integer", lambda r: r.randint(60, 99))]), ("number|value", small),
     ("set timer|timer|start timer", "Set a timer.", [("minutes|duration", "integer", None)]),
     ["get a random number up to {a0} and set a timer for that many minutes",
      "pick a random number, at most {a0}, and start a timer with so many minutes"]),
    (("translate|translate text", "Translate a text.",
      [("text|input", "string", quoted_sentence),
       ("language|target", "string", lambda r: one(r, ("French", "German", "Italian", "Dutch")))]),
     ("translation|text", lambda r: " ".join(tw.invented(r) for _ in range(2))),
     ("send message|message", "Send a message to a person.",
      [("to|person", "string", person), ("text|message", "string", None)]),
     ["translate {a0} into {a1} and send it to {b0}",
      "send {b0} the text {a0} translated into {a1}"]),
    (("find file|search file|locate file", "Find the path of a file by its name.",
      [("name|file name", "string", tw.file_name)]),
     ("path|file", lambda r: f"/{one(r, tw.FOLDERS)}/{tw.file_name(r)}"),
     ("delete file|remove file|erase file", "Delete a file.", [("path|file", "string", None)]),
     ["find the file {a0} and delete it", "look for {a0} and remove the file that you find",
      "find out where {a0} is and delete it"]),
    (("get date|today|current date", "Get the date of today.", []), ("date|today", tw.date),
     ("list events|get events|agenda", "List the events of a day.", [("date|day", "string", None)]),
     ["what is in my calendar today?", "show my events of today", "which events do I have today?"],
     lambda r: f"One event: {one(r, MEETINGS)} at {tw.clock(r)}."),
    (("lookup user|find user|user id", "Find the id of a user by name.",
      [("name|user", "string", person)]), ("id|user_id", code),
     ("block user|ban user|lock account", "Block a user.", [("user id|id|user", "string", None)]),
     ["block the user {a0}. You need the id first", "find the id of {a0} and block this user"]),
    (("get price|product price|price", "Get the price of a product.",
      [("product|item", "string", word)]), ("price|amount", lambda r: tw.decimal(r, 1, 90)),
     ("pay|make payment|send money", "Pay an amount to a person.",
      [("amount|value", "number", None), ("to|person", "string", person)]),
     ["look up the price of {a0} and pay it to {b1}", "pay {b1} the price of {a0}",
      "get the price of {a0}, then pay that amount to {b1}"]),
    (("newest report|latest file|last log", "Get the name of the newest report.", []),
     ("name|file", tw.file_name),
     ("print file|print|send to printer", "Print a file.", [("file|name|path", "string", None)]),
     ["print the newest report", "find the newest report and print it",
      "print the latest report"]),
]


ABOUT = {"to": "recipient", "id": "number", "max": "largest number"}


def drawn(rng, spec, given):
    """A wish of one half of a chain; `given` stands where the result of the other goes."""
    names, about, parameters = spec
    style = one(rng, tw.STYLES)
    name = written(one(rng, names.split("|")).split(), style)
    listed, arguments, said = [], {}, []
    for alternatives, kind, draw in parameters:
        words = one(rng, alternatives.split("|")).split()
        pname = written(words, "camel" if style in ("camel", "pascal") else "snake")
        about_it = ABOUT.get(words[0], " ".join(words))
        value = given if draw is None else draw(rng)
        spoken, meant = value if isinstance(value, tuple) else (str(value), value)
        listed.append((pname, kind, f"The {about_it}.", True))
        arguments[pname] = meant
        said.append(spoken)
    return Wish(tool_schema(rng, name, about, listed), arguments, "", aim=aim_of(about, name),
                results=("ok", "Done.", "done")), said


def row(rng, text, first, second, key, value, thinking, tools):
    """The conversation: call, result, call with it, and the end."""
    reason = f"First I must {first.aim}, then {second.aim}. {i_call(first)}"
    shown = value if maybe(rng, 0.3) else json.dumps({key: value}) if maybe(rng, 0.7) else \
        f"{key}: {value}"
    return beginning(rng) + [
        user(text), called(reason, thinking, [first]), tool(str(shown)),
        called(f"The {key} is {value}. {i_call(second)}", thinking, [second]),
        *told(second, thinking)]


@skill("tools.chain", weight=2)
def what_one_gives_the_other_takes(rng, thinking):
    spec1, (keys, draw), spec2, requests, *gives = one(rng, CHAINS)
    value = draw(rng)
    first, said1 = drawn(rng, spec1, None)
    second, said2 = drawn(rng, spec2, value)
    while first.tool["name"] == second.tool["name"]:
        second, said2 = drawn(rng, spec2, value)
    if gives:
        text = gives[0](rng)
        second.results = (text, text, text)
    names = {f"a{i}": s for i, s in enumerate(said1)} | {f"b{i}": s for i, s in enumerate(said2)}
    text = one(rng, requests).format(**names)
    if text[-1] != "?":
        text = one(rng, ("{}.", "{}", "Please {}.", "{}, please.")).format(text)
    text = up(text) if maybe(rng, 0.85) else text
    tools = [first.tool, second.tool]
    if maybe(rng, 0.5):
        tools = tools[::-1]
    return Case(f"{key_of(first, second)} {value}", row(
        rng, text, first, second, one(rng, keys.split("|")), value, thinking, tools), tools)


CHAIN_FORMS = ["First {a}, then {b}.", "{A}. Then {b}.", "{A} and then {b}.", "{A}, then {b}.",
               "Please {a}. After that {b}.", "{A}. With the result, {b}.", "{A} and {b}."]
THE_RESULT = ["the result", "the result", "that {k}", "the {k} that you get", "the {k}",
              "the value you get"]


@skill("tools.chain_invented", weight=2)
def a_row_of_invented_tools(rng, thinking):
    while True:
        second = invented_wish(rng, most=3)
        places = [i for i, p in enumerate(second.pairs)
                  if isinstance(second.arguments[p[2]], (int, str)) and
                  second.arguments[p[2]] not in (True, False) and
                  "enum" not in second.tool["parameters"]["properties"][p[2]]]
        if places:
            break
    first = invented_wish(rng, results=False, most=2)
    while first.tool["name"] == second.tool["name"] or first.group == second.group:
        first = invented_wish(rng, results=False, most=2)
    i = one(rng, places)
    spoken, _, pname = second.pairs[i]
    kind = second.tool["parameters"]["properties"][pname]["type"]
    value = rng.randint(2, 999) if kind in ("integer", "number") else \
        tw.identifier(rng) if maybe(rng, 0.6) else one(rng, tw.WORDS)
    second.arguments[pname] = value
    key = one(rng, tw.ATTRIBUTES)
    there = one(rng, THE_RESULT).format(k=key)
    pairs = list(second.pairs)
    pairs[i] = (spoken, there, pname)
    order = second.head + with_values(rng, pairs)
    text = one(rng, CHAIN_FORMS).format(a=first.order, A=up(first.order), b=order)
    tools = other_tools(rng, [first, second], 1 if maybe(rng, 0.2) else 0)
    return Case(key_of(first, second), row(rng, text, first, second, key, value, thinking, tools),
                tools)
