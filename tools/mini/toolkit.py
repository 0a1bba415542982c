"""toolkit: tools as the lessons use them, known families and invented ones, and requests for them.

A Wish is one call that somebody wants made: the tool's schema, the arguments in the schema's order,
an order in words ("show the weather in Paris") or a whole question, and what the tool gives back
with the answer that follows from it. Lessons put wishes together; nothing here knows of messages.

Templates: "{city}" stands for what is said of a value; "[ in {unit}]" is there when the optional
argument is, and only then is the argument in the call.
"""
import json
from dataclasses import dataclass, field

import toolwords as tw
from toolwords import maybe, one, up, written


@dataclass
class Wish:
    tool: dict
    arguments: dict
    order: str           # "show the weather in Paris": an order without a full stop
    question: str = ""   # a whole sentence that may stand for it
    aim: str = ""        # "get the weather in a city", from the description
    results: tuple = ()  # (text of the tool, answer, words the answer must contain)
    group: str = ""
    missing: tuple = ()  # (order without a value, its parameter, what it is, said, arguments)
    head: str = ""       # of an invented tool: the order without its values ...
    pairs: tuple = ()    # ... and the values, each (spoken name, said, parameter)


@dataclass
class Parameter:
    names: list
    kind: object          # "string" ... or a tuple of the words of an enumeration
    about: str
    draw: object
    required: bool = True


@dataclass
class Family:
    group: str
    names: list
    abouts: list
    parameters: list
    orders: list
    questions: list
    gives: dict = field(default_factory=dict)
    told: str = ""
    answer: str = ""
    work: object = None   # said values -> fields, where the result can be known


def pieces_of(template):
    """[(optional parameter or "", text)] of a template."""
    pieces = []
    for i, part in enumerate(template.replace("]", "[").split("[")):
        if part:
            pieces.append((part[part.index("{") + 1:part.index("}")] if i % 2 else "", part))
    return pieces


def templates(text):
    return [pieces_of(t.strip()) for t in text.split("|")]


def schema_of(kind):
    if isinstance(kind, tuple):
        return {"type": "string", "enum": list(kind)}
    if kind == "strings":
        return {"type": "array", "items": {"type": "string"}}
    if kind == "integers":
        return {"type": "array", "items": {"type": "integer"}}
    if isinstance(kind, list):
        return {"type": "object", "properties": {k: {"type": "integer"} for k in kind}}
    return {"type": kind}


def tool_schema(rng, name, about, parameters):
    """The function object; parameters are (name, kind, about, required)."""
    described = maybe(rng, 0.75)
    properties, required = {}, []
    for pname, kind, pabout, must in parameters:
        entry = schema_of(kind)
        if described and pabout:
            entry["description"] = pabout
        properties[pname] = entry
        if must:
            required.append(pname)
    shape = {"type": "object", "properties": properties}
    if required or maybe(rng, 0.5):
        shape["required"] = required
    if maybe(rng, 0.1):
        shape["additionalProperties"] = False
    made = {"name": name}
    if about:
        made["description"] = about
    made["parameters"] = shape
    return made


def aim_of(about, name):
    if not about:
        return f"use {name}"
    first = about.split(". ")[0].rstrip(".")
    return first[0].lower() + first[1:]


def result_text(rng, fields, told):
    """A result as a tool may write it: small JSON, lines, or words."""
    kind = rng.random()
    if kind < 0.45:
        return json.dumps(fields)
    if kind < 0.65:
        return "\n".join(f"{k}: {v}" for k, v in fields.items())
    return told


def fill(pieces, said, given):
    return "".join(text.format_map(said) for key, text in pieces if not key or key in given)


def family_wish(rng, family, style=""):
    """A request that one of the known families serves, under one of its many names."""
    style = style or one(rng, tw.STYLES)
    name = written(one(rng, family.names), style)
    if maybe(rng, 0.12):
        name = written([tw.invented(rng)], style)
    about = one(rng, family.abouts)
    order, question = one(rng, family.orders), None
    if family.questions and maybe(rng, 0.5):
        question = one(rng, family.questions)
    used = {key for key, _ in question or order if key}
    given = {p.names[0][0] for p in family.parameters
             if p.required or p.names[0][0] in used and maybe(rng, 0.6)}
    said, arguments, listed, shown = {}, {}, [], {}
    pstyle = "camel" if style in ("camel", "pascal") and maybe(rng, 0.7) else "snake"
    for p in family.parameters:
        key = p.names[0][0]
        pname = written(one(rng, p.names), pstyle)
        value = p.draw(rng)
        shown[key] = pname
        said[key], meant = value if isinstance(value, tuple) else (str(value), value)
        if key in given:
            arguments[pname] = meant
        listed.append((pname, p.kind, p.about + ".", p.required))
    tool = tool_schema(rng, name, about, listed)
    wish = Wish(tool, arguments, fill(order, said, given), "", aim_of(about, name),
                group=family.group)
    if question:
        wish.question = up(fill(question, said, given))
    if family.answer:
        values = {k: s.strip("'\"") for k, s in said.items()}
        fields = family.work(values) if family.work else \
            {k: g(rng) for k, g in family.gives.items()}
        values.update(fields)
        answer = family.answer.format_map(values)
        if fields:
            text = result_text(rng, fields, family.told.format_map(values))
        else:
            text = one(rng, ("ok", "OK", "done", "success", '{"status": "ok"}', '{"ok": true}',
                             "Success."))
        wish.results = (text, up(answer), answer.rstrip(".") if not fields else
                        str(list(fields.values())[0]))
    wish.missing = family_gap(family, order, said, shown, tool, arguments)
    return wish


def about_of(tool, pname):
    """What an assistant calls a parameter when it asks for it: "the name of the city"."""
    about = tool["parameters"]["properties"][pname].get("description")
    if about:
        return about[0].lower() + about[1:].rstrip(".")
    spaced = "".join(" " + c.lower() if c.isupper() else c for c in pname)
    return "the " + spaced.replace("_", " ").replace("-", " ").strip()


def family_gap(family, order, said, shown, tool, arguments):
    """An order without the only value that must be given, where leaving it out reads well."""
    needed = [p.names[0][0] for p in family.parameters if p.required]
    key, text = order[0]
    if key or len(needed) != 1 or "{" + needed[0] + "}" not in text:
        return ()
    cut = text.split("{" + needed[0] + "}")[0]
    pname = shown[needed[0]]
    for word in GLUE:
        if cut.endswith(word):
            return (cut[:-len(word)], pname, about_of(tool, pname), said[needed[0]],
                    {pname: arguments[pname]})
    return ()


GLUE = (" in ", " to ", " for ", " at ", " with the text ", " about ", " of ", " named ", " by ",
        " from ", " on ", " called ")


# ---- tools nobody knows ------------------------------------------------------------------------

def invented_name(rng, words=()):
    style = one(rng, tw.STYLES)
    if words:
        return written(list(words), style)
    count = 1 if maybe(rng, 0.55) else 2
    parts = [tw.invented(rng)]
    if count == 2:
        parts.insert(rng.randint(0, 1), tw.invented(rng) if maybe(rng, 0.5) else
                     one(rng, tw.VERBS if maybe(rng, 0.5) else tw.NOUNS))
    return written(parts, style)


def invented_parameter(rng, taken, last):
    """(name, kind, about, required, spoken name, said, meant)"""
    while True:
        kind = rng.random()
        about = ""
        if kind < 0.34:
            word, made = one(rng, tw.ATTRIBUTES), "string"
            said, meant = tw.string_value(rng)
        elif kind < 0.58:
            word, made = one(rng, tw.WHOLE), "integer"
            said, meant = tw.integer_value(rng)
        elif kind < 0.68:
            word, made = one(rng, tw.MEASURES), "number"
            said, meant = tw.number_value(rng)
        elif kind < 0.80:
            word, made = one(rng, tw.SWITCHES), "boolean"
            said, meant = tw.boolean_value(rng)
        elif kind < 0.89:
            word = one(rng, tw.ATTRIBUTES)
            made = tuple(tw.some(rng, one(rng, (tw.COLOURS, tw.WORDS, tw.ADJECTIVES)),
                                 rng.randint(2, 4)))
            said = meant = one(rng, made)
        elif kind < 0.94:
            word, made = one(rng, tw.LISTS), "strings"
            said, meant = tw.strings_value(rng, last)
        elif kind < 0.98:
            word, made = one(rng, tw.NUMBER_LISTS), "integers"
            said, meant = tw.integers_value(rng, last)
        else:
            word, keys = one(rng, tw.OBJECTS)
            made = keys.split()
            meant = {k: rng.randint(0, 50) for k in made}
            said = json.dumps(meant) if maybe(rng, 0.5) else \
                "(" + ", ".join(f"{k} {v}" for k, v in meant.items()) + ")"
        spoken = word
        style = rng.random()
        if style < 0.2:
            name = spoken = tw.invented(rng)
        elif style < 0.3:
            first = one(rng, tw.ADJECTIVES)
            name, spoken = f"{first}_{word}", f"{first} {word}"
        elif style < 0.4:
            name, about = tw.invented(rng), f"The {word}."
        else:
            name = word
        if not about and maybe(rng, 0.4):
            about = f"The {spoken}." if made != "boolean" else f"Whether {spoken} is on."
        if name not in taken and spoken not in taken and word not in taken:
            taken.update((name, spoken, word))
            return name, made, about, spoken, said, meant


def with_values(rng, pairs):
    """The tail of an order that names every value: " with size 4 and label 'tea'"."""
    if not pairs:
        return ""
    form = rng.random()
    if form < 0.5:
        parts = [f"{n} {s}" for n, s, _ in pairs]
        joined = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
        return f" {one(rng, ('with', 'with', 'using'))} {joined}"
    if form < 0.7:
        return one(rng, (": ", " with ")) + ", ".join(f"{n} = {s}" for n, s, _ in pairs)
    if form < 0.85:
        return ": " + ", ".join(f"{n}={s}" for n, s, _ in pairs)
    return ": " + "; ".join(f"{n}: {s}" for n, s, _ in pairs)


def invented_wish(rng, words=(), about=None, results=True, most=5):
    """A call of a tool whose name, parameters or description nobody has seen.

    Three kinds: a sensible verb and noun; a senseless name with a sensible description; a name
    alone, which the request must then use.
    """
    kind = 0 if words else int(rng.random() * 3)
    verb, noun = words or (one(rng, tw.VERBS), one(rng, tw.NOUNS))
    article = "an" if noun[0] in "aeiou" else "a"
    name = invented_name(rng, (verb, noun) if kind == 0 else ())
    if about is None:
        about = f"{up(verb)} {article} {noun}." if kind < 2 else ""
        if kind == 2 and maybe(rng, 0.4):
            about = f"{up(tw.invented(rng))} the {tw.invented(rng)}."
    taken, parameters, pairs, arguments = set(), [], [], {}
    count = min(most, one(rng, (0, 1, 1, 2, 2, 2, 3, 3, 4, 5)))
    left_out = None
    for i in range(count):
        pname, made, pabout, spoken, said, meant = invented_parameter(rng, taken, i == count - 1)
        must = maybe(rng, 0.75)
        parameters.append((pname, made, pabout, must))
        if must or maybe(rng, 0.6):
            plain = pabout or spoken.replace(" ", "_") == pname
            pairs.append((spoken if plain and maybe(rng, 0.75) else pname, said, pname))
            arguments[pname] = meant
            if must and made != "boolean":
                left_out = len(pairs) - 1
    tool = tool_schema(rng, name, about, parameters)
    names = {p[0] for p in parameters}
    if any(spoken not in names for spoken, _, _ in pairs):  # only a description explains it
        for pname, _, pabout, _ in parameters:
            if pabout:
                tool["parameters"]["properties"][pname]["description"] = pabout
    explicit = kind == 2 or maybe(rng, 0.15)
    if explicit:
        head = one(rng, ("call {}", "use {}", "run {}", "call the tool {}", "use the tool {}",
                         "call the {} tool", "run {} once" if not pairs else "run {}",
                         "make a call to {}")).format(name)
    else:
        head = f"{verb} {one(rng, (article, 'the', article))} {noun}"
    open_list = any((" and " in s or ", " in s) and s[0] not in "'\"({[" for _, s, _ in pairs)
    shuffled = pairs if open_list or maybe(rng, 0.6) else rng.sample(pairs, len(pairs))
    wish = Wish(tool, arguments, head + with_values(rng, shuffled), "", aim_of(about, name),
                group=f"{verb} {noun}" if kind < 2 else name, head=head, pairs=tuple(pairs))
    if left_out is not None:
        _, said, pname = pairs[left_out]
        rest = pairs[:left_out] + pairs[left_out + 1:]
        wish.missing = (head + with_values(rng, rest), pname, about_of(tool, pname), said,
                        arguments)
    if results:
        wish.results = invented_result(rng)
    return wish


def invented_result(rng):
    form = rng.random()
    if form < 0.3:
        return one(rng, ("ok", "OK", "done", "success", '{"status": "ok"}')), "Done.", "done"
    if form < 0.5:
        text = tw.sentence(rng)
        while not text.endswith("."):
            text = tw.sentence(rng)
        return text, text, text.rstrip(".")
    key = one(rng, tw.ATTRIBUTES) if maybe(rng, 0.6) else tw.invented(rng)
    value = one(rng, (tw.integer_value, tw.number_value, lambda r: (0, tw.identifier(r)),
                      lambda r: (0, one(r, tw.WORDS))))(rng)[1]
    fields = {key: value}
    if maybe(rng, 0.3):
        second = one(rng, tw.WHOLE)
        if second != key:
            fields[second] = rng.randint(0, 99)
    said = [f"the {k} is {v}" for k, v in fields.items()]
    answer = up(" and ".join(said)) + "."
    told = ", ".join(f"{k}: {v}" for k, v in fields.items())
    return result_text(rng, fields, told), answer, answer.rstrip(".")
