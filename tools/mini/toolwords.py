"""toolwords: names, values and small stocks of words from which tools and requests are built.

A value is a pair (said, meant): what a user writes, and what belongs into the call. For a string
they are the same but for quotes; for a boolean "off" means False; for a list "a, b and c" means
["a", "b", "c"]. Names come from words ("get", "weather") in one of four writings, or from invented
syllables that nobody has seen before.
"""

CITIES = """Paris London Rome Berlin Madrid Oslo Vienna Lisbon Dublin Prague Warsaw Athens Cairo
Tokyo Delhi Lima Quito Boston Denver Chicago Dallas Miami Toronto Sydney Perth Zurich Geneva Milan
Naples Porto Seville Lyon Nice Hamburg Munich Cologne Bremen Krakow Riga Vilnius Tallinn Helsinki
Stockholm Malmo Bergen Kyoto Osaka Seoul Hanoi Manila Jakarta Nairobi Accra Lagos Tunis Rabat
Bogota Havana Santiago Montevideo Austin Seattle Portland Phoenix Houston Detroit Atlanta""".split()
NAMES = """Maria Tom Anna Peter Lena Paul Sara Ben Emma Lucas Nina Oscar Julia Felix Clara Hugo
Eva Max Ida Leo Mia Noah Ella Jack Ruth Carl Rosa Ivan Alice Simon Kate David Laura Martin Vera
Daniel Olga Frank Helen Igor Jane Kevin Linda Mark Nora Otto Petra Rita Sam Tina Victor Wendy
Yara Zoe Adam Bella Chris Diana Erik Fiona George Hanna""".split()
COLOURS = "red blue green yellow black white orange purple brown grey pink silver".split()
NOUNS = """fence door boat garden window table chair lamp book letter box bottle basket bridge
tower wall roof floor carpet mirror clock engine wheel bicycle car train ship plane rocket robot
camera radio phone screen printer server report invoice ticket parcel order contract recipe song
picture poster map flag coat shirt shoe hat glove ring coin stamp candle pillow blanket ladder
hammer saw drill rope tent kite drum flute violin piano cake bread soup salad pizza apple tree
flower field lake river mountain tunnel road house barn stable shop museum library school
account folder record image video backup token channel sensor valve pump motor filter
cable""".split()
VERBS = """paint wash open close rotate measure mix cut fold weigh polish sort pack ship clean heat
cool build repair scan print lock unlock move lift fill empty inspect label store fetch borrow
return book start stop check record publish delete rename compress archive count draw
decorate test charge dry press carry deliver order reserve sell buy rent plant water cover
split join copy export import update upload download approve reject monitor mark hide show
wrap unpack stretch shrink tighten sharpen bend tune""".split()
WORDS = """tea coffee milk honey salt sugar lemon pepper river stone cloud rain snow wind storm sun
moon star forest meadow island desert valley harbor castle village market kitchen morning evening
night winter summer spring autumn silver copper iron glass paper cotton silk leather amber ruby
pearl falcon tiger rabbit horse turtle dolphin eagle spider wolf otter badger panda lion zebra
alpha beta gamma delta omega north south east west first second third home work travel family
music sport urgent private draft final green happy quiet simple""".split()
ADJECTIVES = """small large new red blue green quick slow quiet bright dark warm cold soft hard
round flat long short heavy light full clean wooden golden silver tiny huge broken late
""".split()
ATTRIBUTES = """size color speed label count weight height width depth length mode style owner title
name group level price amount limit priority target source topic code place material shape
pattern position angle volume delay distance temperature quality rank version format category
note reason message team region zone unit phase stage channel status purpose brand""".split()
WHOLE = """size count level limit priority amount rank version width height depth length delay
position volume coats pages copies steps rounds seats floors layers units rows columns retries
""".split()
MEASURES = """weight speed price distance temperature angle ratio scale factor height volume rate
""".split()
SWITCHES = """urgent silent private verbose force dry public strict visible locked draft recursive
hidden fast gift shared signed wet insured enabled""".split()
LISTS = "tags items colors parts members labels names keywords topics guests pieces".split()
NUMBER_LISTS = "numbers ids pages values scores sizes ports".split()
OBJECTS = [("position", "x y"), ("size", "width height"), ("range", "from to"), ("point", "x y"),
           ("limits", "min max"), ("place", "row column")]
ONSETS = """b c d f g h j k l m n p r s t v w z bl br cl cr dr fl fr gl gr kl pl pr qu sk sl sn sp
st tr tw vl vr zw sh ch th""".split()
VOWELS = "a e i o u a e i o u oo ee ai ou".split()
CODAS = ["", "", "", "", "b", "d", "g", "k", "l", "m", "n", "p", "r", "s", "t", "x", "z", "mp",
         "nk", "rt", "st", "ble", "ck", "sh"]
ENDINGS = "txt md json csv log py html conf yaml pdf png".split()
FOLDERS = "src docs data home tmp notes work test build images etc logs old backup".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
SENTENCES = [
    "The {n} is {a}.", "I will come on {d}.", "{p} bought a {a} {n}.", "Please bring the {n}.",
    "We meet in {c} on {d}.", "The {n} costs {k} coins.", "See you on {d}!", "Where is the {n}?",
    "{p} likes {w}.", "Happy birthday, {p}!", "The {a} {n} is in {c}.", "Call {p} at {h}.",
    "Buy {k} bottles of {w}.", "Thank you for the {n}.", "The {n} and the {a} {n2} are ready.",
    "I am late.", "Good morning!", "The train leaves at {h}.", "{w} and {w2}", "Meeting on {d}",
    "{p} is in {c}.", "All {k} tests passed.", "Do not forget the {w}.", "A {a} {n} in {c}"]
STYLES = ["snake"] * 11 + ["camel"] * 4 + ["pascal"] * 3 + ["kebab"] * 2


def one(rng, stock):
    return stock[int(rng.random() * len(stock))]


def maybe(rng, share):
    return rng.random() < share


def some(rng, stock, count):
    return rng.sample(stock, count)


def up(text):
    return text[:1].upper() + text[1:]


def written(words, style):
    """A name from its words: get_weather, getWeather, GetWeather, get-weather."""
    if style == "snake":
        return "_".join(words)
    if style == "kebab":
        return "-".join(words)
    if style == "pascal":
        return "".join(up(w) for w in words)
    return words[0] + "".join(up(w) for w in words[1:])


def invented(rng):
    """A word nobody knows: one to three syllables, at least four letters."""
    while True:
        word = "".join(one(rng, ONSETS) + one(rng, VOWELS) + one(rng, CODAS)
                       for _ in range(1 + int(rng.random() * 2.4)))
        if 4 <= len(word) <= 11:
            return word


def sentence(rng):
    return one(rng, SENTENCES).format(
        n=one(rng, NOUNS), n2=one(rng, NOUNS), a=one(rng, ADJECTIVES), d=one(rng, WEEKDAYS),
        p=one(rng, NAMES), c=one(rng, CITIES), k=rng.randint(2, 99), w=one(rng, WORDS),
        w2=one(rng, WORDS), h=f"{rng.randint(1, 23)}:{rng.randint(0, 59):02d}")


def identifier(rng):
    kind = int(rng.random() * 6)
    if kind == 0:
        return f"{one(rng, 'ABCDEFGHKLMNPRSTXZ')}-{rng.randint(1, 999)}"
    if kind == 1:
        return f"{one(rng, WORDS)}_{rng.randint(1, 999)}"
    if kind == 2:
        return "".join(one(rng, "0123456789abcdef") for _ in range(rng.randint(4, 8)))
    if kind == 3:
        return "".join(one(rng, "abcdefghkmnpqrstxyzABCDEFGHKLMNPQRSTXYZ23456789")
                       for _ in range(rng.randint(4, 7)))
    if kind == 4:
        return f"{invented(rng)}-{rng.randint(1, 99)}"
    return f"{up(one(rng, WORDS))}{rng.randint(1, 99)}"


def file_name(rng):
    stem = one(rng, WORDS) if maybe(rng, 0.6) else one(rng, NOUNS)
    if maybe(rng, 0.25):
        stem = f"{stem}_{one(rng, WORDS)}" if maybe(rng, 0.5) else f"{stem}{rng.randint(1, 99)}"
    return f"{stem}.{one(rng, ENDINGS)}"


def path(rng):
    folders = "/".join(some(rng, FOLDERS, rng.randint(1, 2)))
    kind = rng.random()
    if kind < 0.4:
        return file_name(rng)
    return ("/" if kind < 0.75 else "") + f"{folders}/{file_name(rng)}"


def date(rng):
    return f"20{rng.randint(20, 35)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def clock(rng):
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 11) * 5:02d}"


def email(rng):
    return f"{one(rng, NAMES).lower()}{one(rng, ['', '', str(rng.randint(1, 99))])}@" \
           f"{one(rng, WORDS)}.{one(rng, ['com', 'org', 'net'])}"


def url(rng):
    return f"https://{one(rng, WORDS)}.{one(rng, ['com', 'org', 'net'])}/{one(rng, NOUNS)}"


def quoted(rng, text):
    if "'" in text or maybe(rng, 0.5):
        return f'"{text}"'
    return f"'{text}'"


def decimal(rng, low=-20, high=100):
    """A number with one or two places that is no whole number."""
    tenths = rng.randint(low * 10, high * 10)
    if tenths % 10 == 0:
        tenths += 5
    return tenths / 10 if maybe(rng, 0.7) else round(tenths / 10 + 0.05, 2)


def string_value(rng):
    """(said, meant) of a free string; more than one word is always in quotes."""
    kind = rng.random()
    if kind < 0.30:
        text = one(rng, WORDS)
        return (quoted(rng, text) if maybe(rng, 0.4) else text), text
    if kind < 0.40:
        text = one(rng, NAMES)
        return text, text
    if kind < 0.47:
        text = one(rng, CITIES)
        return text, text
    if kind < 0.55:
        text = invented(rng)
        return (quoted(rng, text) if maybe(rng, 0.3) else text), text
    if kind < 0.65:
        text = identifier(rng)
        return (quoted(rng, text) if maybe(rng, 0.3) else text), text
    if kind < 0.80:
        text = sentence(rng)
        return quoted(rng, text), text
    if kind < 0.88:
        text = f"{one(rng, ADJECTIVES)} {one(rng, NOUNS)}"
        return quoted(rng, text), text
    text = one(rng, [path, date, email, clock, url])(rng)
    return (quoted(rng, text) if maybe(rng, 0.2) else text), text


def integer_value(rng):
    kind = rng.random()
    if kind < 0.7:
        value = rng.randint(0, 30)
    elif kind < 0.9:
        value = rng.randint(31, 9999)
    else:
        value = -rng.randint(1, 99)
    return str(value), value


def number_value(rng):
    if maybe(rng, 0.25):
        return integer_value(rng)
    value = decimal(rng)
    return repr(value), value


def boolean_value(rng):
    meant = maybe(rng, 0.5)
    return one(rng, ("on", "yes", "true") if meant else ("off", "no", "false")), meant


def listed(rng, parts, last=True):
    """"a, b and c" where the end of the list is plain to see, else "[a, b, c]"."""
    kind = rng.random()
    if not last or kind < 0.3:
        return "[" + ", ".join(parts) + "]"
    if kind < 0.6 or len(parts) == 1:
        return ", ".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def strings_value(rng, last=True):
    stock = one(rng, (WORDS, NAMES, COLOURS, NOUNS))
    meant = some(rng, stock, rng.randint(1, 4))
    return listed(rng, meant, last), meant


def integers_value(rng, last=True):
    meant = [rng.randint(0, 99) for _ in range(rng.randint(1, 5))]
    return listed(rng, [str(n) for n in meant], last), meant
