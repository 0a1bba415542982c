"""wordstock: common words that ds4-mini spells, sorts and counts, and what else it copies."""
from asking import pick

WORDS = """able above across actor add after again age air all almond alone also always anchor angle
animal ant apple apron arm army arrow art ask aunt autumn baby back bad bag baker ball banana band
bank barn basket bat bath beach bean bear bed bee begin bell belt bench berry best big bike bird
birthday biscuit black blanket blue board boat body bone book boot bottle bowl box boy branch brave
bread break breakfast brick bridge bright bring broom brother brown brush bucket build bus bush
busy butter button cabin cake calm camel camera camp candle candy cap car card carpet carrot carry
castle cat catch chair chalk cheese cherry chest chicken child church circle city class clean clear
clever clock close cloud clown coat coffee coin cold color comb come cook cookie copper corn corner
cotton count country cow cream crown cup curtain dance dark day deep deer desk dinner dish doctor
dog doll dolphin donkey door down dragon draw dream dress drink drive drum duck dust eagle ear
early earth east easy eat egg elbow elephant empty end evening every eye face fair fall family far
farm fast father feather fence field fill find finger fire first fish flag flat floor flour flower
flute fly fog food foot forest fork fox free fresh friend frog fruit full funny game garden gate
gift giraffe girl glass glove goat gold good goose grape grass gray great green ground group grow
guitar hair half hall hammer hand happy harbor hard hat heart heavy hello help hen high hill hold
home honey hook horse hotel hour house hungry ice idea inch ink iron island jacket jam jar jelly
job joke juice jump kettle key kind king kiss kitchen kite kitten knee knife ladder lady lake lamb
lamp large last laugh leaf learn left leg lemon letter library light lion lip little long look
loud love lucky lunch machine magic mail make map maple market mask meadow meal meat melon metal
milk minute mirror money monkey month moon morning moss mother motor mountain mouse mouth music nail
name napkin near neck needle nest net new night noise noon north nose number nut ocean office old
olive onion open orange orchard owl page paint pan panda paper park party path peach pear pen
pencil pepper person phone photo piano picture pie pig pilot pillow pink pizza place plane planet
plant plate play pocket poem pony potato pretty prince pumpkin puppy purple purse quick quiet rabbit
radio rain read red rice rich ride right ring river road robin robot rock roof room root rope rose
round ruler run salad salt sand school sea season seed shadow sheep shelf shell ship shirt shoe
shop short silk silver simple singer sister sit sky sleep slow small smile snail snake snow soap
sock soft song soup south spider spoon spring square stable stairs star station stone store storm
story street strong student sugar summer sun sweet swim table tail tall tea teacher tent thick
thin thumb tiger time tiny toast today tomato tooth towel tower town toy train tree truck tulip
turtle uncle under up valley vase village violin voice wagon walk wall warm watch water week
west whale wheat wheel white wide wind window wing winter wolf wood wool word work world year
yellow young zebra zero""".split()
SHORT = [w for w in WORDS if len(w) <= 6]
assert len(set(WORDS)) == len(WORDS), "a word stands twice in the stock"
SUBJECTS = """The cat|A small dog|My friend|The old teacher|Our neighbor|The king|A happy child|The
farmer|My sister|The train|The robot|A black horse|The doctor|Anna|Tom|Maria|Peter|The baker|The
young pilot|Her brother""".replace("\n", " ").split("|")
VERBS = """sees|likes|finds|brings|paints|wants|buys|sells|watches|carries|opens|cleans|loves|needs|
remembers|moves|shows|keeps""".replace("\n", "").split("|")
OBJECTS = """the red ball|a new book|the big house|some fresh bread|the green door|a silver key|an
old map|the long letter|a glass of milk|two yellow flowers|the blue boat|a warm coat|the little
bird|three apples|the broken clock|a piece of cake""".replace("\n", " ").split("|")
ENDS = """in the garden|every day|at night|near the river|in the morning|on Monday|with a
smile|before
lunch|after school|in the city|again|very slowly|at home|under the bridge|""".replace(
    "\n", " ").split("|")
QUESTIONS = """Where are you?|How are you today?|What is your name?|What is 2+2?|Are you ready?|
Who is there?|Can you help me?|What time is it?|Is it cold outside?|Do you like music?|
Please come in!|Good morning!|See you soon!|Stop that!|I do not know.|Nobody was at home.|
Well done!|Never mind.|All is well.|It is raining again.""".replace("\n", "").split("|")
LINES = ("x = {n} + {m}", "print({w})", "return {w}", "if {w} > {n}:", "for i in range({n}):",
         "int {w} = {n};", "{w} = {v}[{n}]", "ls -l {w}", "cd /home/{w}", "git commit -m \"{w}\"",
         "def {w}(x):", "while {w} < {n}:", "#include <{w}.h>", "{w}.append({n})", "cp {w} {v}",
         "echo \"{w} {v}\"", "{w} += {n}", "char {w}[{n}];", "import {w}", "<b>{w}</b>",
         "mkdir -p {w}/{v}", "{\"{w}\": {n}}", "{w} && {v}", "assert {w} != {n}",
         "printf(\"%d\", {w});", "const {w} = {v};", "grep -n {w} {v}.txt")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MIXED = LETTERS + LETTERS.upper() + "0123456789" * 2


def words(rng, count):
    return rng.sample(WORDS, count)


def word(rng, stock=WORDS):
    """One of the stock, now and then a word that does not exist."""
    return pick(rng, stock) if rng.random() < 0.88 else letters(rng, rng.randint(3, 6))


def sentence(rng):
    parts = [pick(rng, SUBJECTS), pick(rng, VERBS), pick(rng, OBJECTS), pick(rng, ENDS)]
    return " ".join(p for p in parts if p) + "."


def letters(rng, count):
    return "".join(pick(rng, LETTERS) for _ in range(count))


def identifier(rng):
    """Something of mixed letters and digits, with or without dashes, dots, slashes."""
    r = rng.random()
    if r < 0.25:
        return "".join(pick(rng, MIXED) for _ in range(rng.randint(4, 12)))
    if r < 0.6:
        mark = pick(rng, "-_./")
        parts = []
        for _ in range(rng.randint(2, 4)):
            stock = pick(rng, (MIXED, LETTERS, "0123456789", LETTERS.upper()))
            parts.append("".join(pick(rng, stock) for _ in range(rng.randint(1, 5))))
        return mark.join(parts)
    if r < 0.75:
        return pick(rng, "-_").join(words(rng, rng.randint(2, 3)) + [str(rng.randint(0, 999))])
    if r < 0.9:
        path = "/".join(words(rng, rng.randint(2, 3)))
        return ("/" if rng.random() < 0.6 else "") + path + pick(rng, ("", ".txt", ".py", ".json"))
    return "".join(pick(rng, MIXED + "-_.") for _ in range(rng.randint(4, 9))) + pick(rng, MIXED)


def code(rng):
    w, v = words(rng, 2)
    line = pick(rng, LINES)
    for mark, value in (("{w}", w), ("{v}", v), ("{n}", rng.randint(0, 99)),
                        ("{m}", rng.randint(0, 99))):
        line = line.replace(mark, str(value))
    return line
