"""world: the small world that ds4-mini knows, as tables.

A Table is a relation of a and b with the ways to ask for either, and one sentence that tells it. In
the sentences {a} and {b} are the values, {an} and {bn} the same with "a" or "an". What is asked
backwards has to be the only one of its kind: other rows are left out there.
"""
from collections import Counter
from dataclasses import dataclass

from asking import Row, a as article, big, joined
from case import contains, matches, number


@dataclass
class Table:
    group: str
    pairs: list
    asked: str       # for b, given a: "one form|another"
    told: str        # the whole sentence, beginning small
    back: str = ""   # for a, given b
    back_told: str = ""
    yes: str = ""    # questions that are true of (a, b)
    named: str = ""  # what is asked for, for the thought: "the capital of {a}"
    back_named: str = ""
    weight: float = 1


def words_of(x, y):
    return {"a": x, "b": y, "an": article(x), "bn": article(y), "A": big(x), "B": big(y)}


def forms(text, words):
    return tuple(big(f.strip().format_map(words)) for f in text.split("|"))


def expected(value):
    """A number as a number, a letter or a Roman numeral at the end, anything else somewhere."""
    if value.isdigit():
        return number(int(value))
    return matches(f" {value}[.]?$") if value.isupper() else contains(value)


def forward(t):
    for x, y in t.pairs:
        w = words_of(x, y)
        named = (t.named or "this").format_map(w)
        yield Row(forms(t.asked, w), big(t.told.format_map(w)), expected(y),
                  f"The user asks for {named}. I know: {y}.")


def backward(t):
    often = Counter(y for _, y in t.pairs)
    for x, y in t.pairs if t.back else ():
        if often[y] > 1:
            continue
        w = words_of(x, y)
        named = (t.back_named or "this").format_map(w)
        yield Row(forms(t.back, w), big((t.back_told or t.told).format_map(w)), expected(x),
                  f"The user asks for {named}. I know: {x}.")


def pairs(text):
    """"France Paris, New Zealand: Wellington": two words, or two parts at a colon."""
    made = []
    for entry in text.replace("\n", " ").split(","):
        entry = entry.strip()
        x, y = entry.split(":") if ":" in entry else entry.split(" ")
        made.append((x.strip(), y.strip()))
    return made


def each(text):
    """"red: blood, tomatoes; green: grass": pairs (blood, red) ..."""
    made = []
    for entry in text.replace("\n", " ").split(";"):
        y, xs = entry.split(":")
        made += [(x.strip(), y.strip()) for x in xs.split(",")]
    return made


CAPITALS = pairs("""France Paris, Germany Berlin, Italy Rome, Spain Madrid, Portugal Lisbon,
Austria Vienna, Belgium Brussels, Denmark Copenhagen, Norway Oslo, Sweden Stockholm,
Finland Helsinki, Poland Warsaw, Greece Athens, Hungary Budapest, Ireland Dublin, Japan Tokyo,
China Beijing, India: New Delhi, Egypt Cairo, Kenya Nairobi, Canada Ottawa, Mexico: Mexico City,
Brazil Brasilia, Argentina: Buenos Aires, Chile Santiago, Peru Lima, Cuba Havana,
Australia Canberra, New Zealand: Wellington, Russia Moscow, Turkey Ankara, Iran Tehran,
Iraq Baghdad, Thailand Bangkok, Vietnam Hanoi, South Korea: Seoul, England London,
Scotland Edinburgh, Wales Cardiff, Ukraine Kyiv, Romania Bucharest, Bulgaria Sofia,
Croatia Zagreb, Serbia Belgrade, Iceland Reykjavik, Morocco Rabat, Ghana Accra,
Ethiopia: Addis Ababa, Colombia Bogota, Uruguay Montevideo, Switzerland Bern,
the Netherlands: Amsterdam, the United States: Washington""")
CONTINENTS = each("""Europe: France, Germany, Italy, Spain, Portugal, Austria, Belgium, Denmark,
Norway, Sweden, Finland, Poland, Greece, Hungary, Ireland, England, Scotland, Romania, Switzerland,
Iceland; Asia: Japan, China, India, Iran, Iraq, Thailand, Vietnam, South Korea;
Africa: Egypt, Kenya, Morocco, Ghana, Ethiopia; North America: Canada, Mexico, Cuba;
South America: Brazil, Argentina, Chile, Peru, Colombia, Uruguay""")
LANGUAGES = pairs("""France French, Germany German, Italy Italian, Spain Spanish, Portugal
Portuguese, Greece Greek, Poland Polish, Japan Japanese, Russia Russian, Sweden Swedish, Norway
Norwegian, Denmark Danish, Hungary Hungarian, Brazil Portuguese, Mexico Spanish, Thailand Thai,
Turkey Turkish, England English, Australia English, China Chinese, Egypt Arabic, Austria German,
Argentina Spanish,
Vietnam Vietnamese, Iceland Icelandic, Romania Romanian, Bulgaria Bulgarian""")
COLOURS = each("""green: grass, a frog, a leaf, a cucumber, a pea, a lime; blue: the sky;
white: snow, milk, chalk, salt, sugar; black: coal, a raven, a crow;
yellow: a lemon, a banana, butter; red: blood, a tomato, a cherry, a strawberry, a fire
engine; orange: a carrot, a pumpkin; grey: an elephant, a rain cloud; pink: a flamingo;
brown: chocolate, cocoa, a chestnut; purple: an eggplant, lavender""")
MIXTURES = pairs("""red and yellow: orange, blue and yellow: green, red and blue: purple,
black and white: grey, red and white: pink""")
SOUNDS = pairs("""dog barks, cat meows, cow moos, horse neighs, sheep bleats, pig grunts, lion
roars, wolf howls, bear growls, frog croaks, duck quacks, hen clucks, owl hoots, bee buzzes, snake
hisses,
mouse squeaks, crow caws, donkey brays, elephant trumpets, goose honks""")
LEGS = each("""4: dog, cat, cow, horse, sheep, goat, pig, lion, tiger, wolf, bear, fox, rabbit,
mouse, elephant, frog, deer, donkey, turtle, crocodile, camel, giraffe, zebra; 2: duck, hen, owl,
eagle, crow, goose, swan, penguin, ostrich, robin; 6: bee, ant, fly, butterfly, beetle; 8: spider;
0: snake, fish, worm, snail""")
CLASSES = each("""mammal: dog, cat, cow, horse, sheep, goat, pig, lion, tiger, wolf, bear, fox,
rabbit, mouse, elephant, deer, whale, dolphin, bat, seal, camel; bird: duck, hen, owl, eagle, crow,
goose, swan, penguin, ostrich, robin; fish: shark, salmon, trout, herring; reptile: snake,
crocodile, turtle,
lizard; insect: bee, ant, fly, butterfly, beetle; amphibian: frog, toad; arachnid: spider""")
YOUNG = pairs("""dog puppy, cat kitten, cow calf, horse foal, sheep lamb, goat kid, pig piglet,
lion cub, duck duckling, goose gosling, swan cygnet, deer fawn, frog tadpole, butterfly caterpillar,
owl owlet, eagle eaglet, hen chick, kangaroo joey""")
HOMES = pairs("""bee: in a hive, bird: in a nest, dog: in a kennel, horse: in a stable, pig: in a
sty, fish: in water, spider: in a web, ant: in an anthill, bear: in a den, camel: in the desert,
penguin: near the South Pole, polar bear: near the North Pole, whale: in the sea,
monkey: in the forest, rabbit: in a burrow, lion: on the savanna""")
GIVES = pairs("""cow: milk, hen: eggs, bee: honey, sheep: wool""")
OPPOSITES = pairs("""hot cold, big small, fast slow, high low, up down, open closed, day night,
black white, yes no, in out, on off, full empty, early late, easy difficult, rich poor, strong weak,
happy sad, wet dry, clean dirty, hard soft, loud quiet, good bad, first last, begin end, buy sell,
push pull, win lose, love hate, inside outside, above below, before after, north south, east west,
true false, thick thin, wide narrow, deep shallow, sharp blunt, near far, always never, more less,
sweet sour, awake asleep, alive dead, cheap expensive, safe dangerous, summer winter,
sunrise sunset, question answer, arrive leave, laugh cry, remember forget, give take,
entrance exit, smooth rough, old new, heavy light, left right, tall short, top bottom, front back,
friend enemy, war peace, beautiful ugly, many few, brave cowardly, maximum minimum""")
PLURALS = pairs("""child children, mouse mice, foot feet, tooth teeth, man men, woman women, goose
geese, sheep sheep, person people, leaf leaves, knife knives, wolf wolves, baby babies, city cities,
box boxes, bus buses, dish dishes, tomato tomatoes, potato potatoes, ox oxen, wife wives, life
lives, shelf shelves, half halves, lady ladies, party parties, story stories, cherry cherries,
berry berries, class classes, watch watches, fox foxes, brush brushes, dog dogs, cat cats, tree
trees, book books, house houses, car cars, apple apples, boy boys, girl girls, key keys, day days,
toy toys, hand hands, table tables, chair chairs, bird birds, flower flowers, river rivers, star
stars, cup cups, horse horses, lamp lamps, window windows, door doors, friend friends, egg eggs,
country countries, family families, butterfly butterflies, glass glasses, bench benches, loaf
loaves,
thief thieves, hero heroes, peach peaches, church churches, letter letters, apple apples""")
PLURALS = list(dict.fromkeys(PLURALS))
PASTS = pairs("""go went, see saw, eat ate, come came, take took, give gave, make made, say said,
know knew, think thought, buy bought, bring brought, run ran, write wrote, drink drank, sing sang,
swim swam, fly flew, sleep slept, find found, feel felt, keep kept, leave left, lose lost, meet met,
pay paid, sell sold, send sent, sit sat, speak spoke, stand stood, teach taught, tell told, win won,
begin began, break broke, catch caught, choose chose, draw drew, drive drove, fall fell, forget
forgot, get got, grow grew, have had, hear heard, hold held, ride rode, play played, walk walked,
open opened, help helped, call called, ask asked, wait waited""")
MATERIALS = pairs("""bread: flour, cheese: milk, butter: milk, wine: grapes, ketchup: tomatoes,
chocolate: cocoa beans, paper: wood, glass: sand, a candle: wax, a tire: rubber, flour: wheat,
popcorn: corn, french fries: potatoes, an omelet: eggs, raisins: grapes, jam: fruit, a sweater:
wool,
a brick: clay, a nail: iron, orange juice: oranges, tofu: soybeans, yogurt: milk""")
TASTES = each("sweet: sugar, honey, candy; sour: a lemon, vinegar; salty: salt, the sea; "
              "bitter: coffee without sugar; hot: chili")
FOODS = each("""fruit: apple, banana, pear, cherry, orange, grape, peach, plum, mango, strawberry;
vegetable: carrot, potato, cabbage, onion, cucumber, beet, radish, leek, turnip""")
TOOLS = pairs("""hammer: drive nails, saw: cut wood, knife: cut food, needle: sew, broom: sweep the
floor, pen: write, key: open a lock, ladder: climb up, shovel: dig, clock: tell the time,
thermometer: measure the temperature, ruler: measure lengths, scale: weigh things,
telescope: look at the stars, microscope: see tiny things, camera: take photos,
umbrella: stay dry in the rain, oven: bake, fridge: keep food cold, lamp: make light,
comb: comb hair, toothbrush: clean teeth, bucket: carry water, compass: find north,
phone: call somebody, calendar: see the date, calculator: calculate, eraser: rub out pencil,
towel: dry your hands, spoon: eat soup, drill: make holes, kettle: boil water, bed: sleep,
map: find the way, screwdriver: turn screws, candle: give light,  pillow: rest your
head""")
JOBS = pairs("""baker: bakes bread, teacher: teaches children, doctor: helps sick people, farmer:
grows food, pilot: flies planes, cook: cooks meals, firefighter: puts out fires, carpenter: works
with wood, tailor: makes clothes, singer: sings songs, writer: writes books, sailor: sails on ships,
mail carrier: brings letters, dentist: treats teeth, barber: cuts hair, gardener: cares for plants,
builder: builds houses, miner: works in a mine, librarian: works in a library, judge: works in a
court, plumber: repairs pipes, shoemaker: makes shoes, vet: treats sick animals, painter: paints
pictures, butcher: sells meat, fisherman: catches fish, waiter: serves food in a restaurant,
bus driver: drives a bus, programmer: writes programs, actor: plays in films and plays,
shepherd: watches sheep, astronaut: travels in space, mechanic: repairs cars, musician: makes
music""")
ORGANS = pairs("""see: your eyes, hear: your ears, smell: your nose, taste: your tongue, chew: your
teeth,
think: your brain, walk: your feet, breathe: your lungs, hold things: your hands""")
BODY = pairs("""eyes: 2, ears: 2, hands: 2, feet: 2, legs: 2, arms: 2, fingers: 10, toes: 10, noses:
1,
hearts: 1, thumbs: 2, knees: 2, elbows: 2, lungs: 2""")
UNITS = [("seconds", "a minute", "60"), ("minutes", "an hour", "60"), ("hours", "a day", "24"),
         ("days", "a week", "7"), ("months", "a year", "12"), ("weeks", "a year", "52"),
         ("days", "a year", "365"), ("days", "a leap year", "366"), ("seasons", "a year", "4"),
         ("centimeters", "a meter", "100"), ("meters", "a kilometer", "1000"),
         ("millimeters", "a centimeter", "10"), ("grams", "a kilogram", "1000"),
         ("milliliters", "a liter", "1000"), ("years", "a decade", "10"),
         ("years", "a century", "100"), ("years", "a millennium", "1000"),
         ("pieces", "a dozen", "12"), ("cents", "a dollar", "100"), ("cents", "a euro", "100"),
         ("minutes", "half an hour", "30"), ("minutes", "a quarter of an hour", "15"),
         ("bits", "a byte", "8"), ("letters", "the English alphabet", "26"),
         ("days", "a weekend", "2"), ("kilograms", "a metric ton", "1000"),
         ("inches", "a foot", "12"), ("feet", "a yard", "3"), ("players", "a soccer team", "11"),
         ("strings", "a violin", "4"), ("wheels", "a bicycle", "2"), ("wheels", "a tricycle", "3"),
         ("colors", "a rainbow", "7"), ("squares", "a chess board", "64"),
         ("cards", "a standard deck without jokers", "52"), ("sides", "a cube", "6"),
         ("degrees", "a circle", "360"), ("degrees", "a right angle", "90")]
SIDES = pairs("""triangle 3, pentagon 5, hexagon 6, heptagon 7, octagon 8, nonagon 9, decagon 10,
square 4, rectangle 4""")
NUMBER_WORDS = list(zip(map(str, range(21)), """zero one two three four five six seven eight nine
ten eleven
twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty""".split()))
NUMBER_WORDS += [("30", "thirty"), ("40", "forty"), ("50", "fifty"), ("60", "sixty"), ("70",
                                                                                       "seventy"),
                 ("80", "eighty"), ("90", "ninety"), ("100", "one hundred"), ("1000",
                                                                              "one thousand")]
ROMAN = list(zip(map(str, range(1, 13)), "I II III IV V VI VII VIII IX X XI XII".split()))
ROMAN += [("20", "XX"), ("50", "L"), ("100", "C"), ("500", "D"), ("1000", "M")]
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
MONTH_DAYS = list(zip(MONTHS, "31 28 31 30 31 30 31 31 30 31 30 31".split()))
SEASONS = "spring summer autumn winter".split()
PLANETS = "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split()
ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh
twelfth""".split()
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HELLOS = pairs("""French Bonjour, Spanish Hola, German Hallo, Italian Ciao, Dutch Hallo,
Swedish Hej, Danish Hej, Hungarian Szia""")
THANKS = pairs("""French Merci, Spanish Gracias, German Danke, Italian Grazie, Portuguese Obrigado,
Swedish Tack, Danish Tak""")


def circle(names):
    return list(zip(names, names[1:] + names[:1]))


TABLES = [
    Table("places", CAPITALS,
          "What is the capital of {a}?|What's the capital of {a}?|Which city is the capital of "
          "{a}?|"
          "Name the capital of {a}.|Tell me the capital of {a}.|Capital of {a}?|"
          "Do you know the capital of {a}?|What is the capital city of {a}?|"
          "Can you tell me the capital of {a}?|{a}: what is its capital?|I need the capital of "
          "{a}.",
          "the capital of {a} is {b}.",
          "{b} is the capital of which country?|Which country has the capital {b}?|"
          "Of which country is {b} the capital?|{b} is the capital of what?|"
          "What country has {b} as its capital?", "{b} is the capital of {a}.",
          "Is {b} the capital of {a}?|Is the capital of {a} {b}?|"
          "Is it true that {b} is the capital of {a}?",
          "the capital of {a}", "the country with the capital {b}", 2.5),
    Table("places", CONTINENTS,
          "On which continent is {a}?|Which continent is {a} on?|Where is {a}?|"
          "What continent is {a} in?|In which part of the world is {a}?|{a} is on which continent?",
          "{a} is in {b}.", "", "", "Is {a} in {b}?|Does {a} belong to {b}?",
          "the continent of {a}"),
    Table("places", LANGUAGES,
          "Which language do people speak in {a}?|What language is spoken in {a}?|"
          "What do people speak in {a}?|What is the language of {a}?|Which language is spoken in "
          "{a}?",
          "in {a} people speak {b}.", "", "",
          "", "the language of {a}"),
    Table("places", HELLOS, "How do you say hello in {a}?|What is hello in {a}?|Say hello in {a}.|"
          "What does hello mean in {a}?|How do I greet somebody in {a}?",
          "hello in {a} is {b}.", named="hello in {a}", weight=0.5),
    Table("places", THANKS, "How do you say thank you in {a}?|What is thank you in {a}?|"
          "Say thank you in {a}.|How do I thank somebody in {a}?",
          "thank you in {a} is {b}.", "", "", "", "thank you in {a}", "", 0.5),
    Table("things", COLOURS,
          "What color is {a}?|What colour is {a}?|Which color is {a}?|What is the color of {a}?|"
          "Tell me the color of {a}.|Which color does {a} have?|What color does {a} have?",
          "{a} is {b}.", "", "", "Is {a} {b}?", "the color of {a}", "", 1.5),
    Table("things", MIXTURES,
          "Which color do you get from {a}?|What do {a} make?|What color is {a} mixed?|"
          "If I mix {a}, what do I get?|What is the mix of {a}?|Mix {a}: which color?",
          "{a} make {b}.", "Which two colors make {b}?|How do I mix {b}?|What makes {b}?|"
          "How can I get {b} paint?", "", "Do {a} make {b}?", "the mix of {a}", "two colors",
          0.4),
    Table("things", MATERIALS,
          "What is {a} made from?|What is {a} made of?|From what do people make {a}?|"
          "Which thing is {a} made from?|Tell me what {a} is made from.",
          "{a} is made from {b}.", "", "", "", "what {a} is made of"),
    Table("things", TASTES, "How does {a} taste?|What does {a} taste like?|Which taste has {a}?|"
          "Tell me how {a} tastes.", "{a} tastes {b}.", named="the taste of {a}", weight=0.4),
    Table("things", FOODS, "Is {an} a fruit or a vegetable?|What is {an}, a fruit or a vegetable?|"
          "Fruit or vegetable: {a}?|What kind of food is {an}?", "{an} is a {b}.",
          yes="Is {an} a {b}?", named="the kind of food {an} is", weight=0.8),
    Table("things", TOOLS,
          "What is {an} for?|What do you do with {an}?|What can I do with {an}?|Why do I need "
          "{an}?|"
          "What is {an} used for?|What do people use {an} for?|What does one do with {an}?",
          "you use {an} to {b}.",
          "What do I need to {b}?|Which thing do you use to {b}?|With what do people {b}?|"
          "What can I use to {b}?|What helps me to {b}?|I want to {b}. What do I need?", "",
          "", "the use of {an}",
          "the thing to {b} with", 1.5),
    Table("people", JOBS,
          "What does {an} do?|What is the job of {an}?|What is the work of {an}?|"
          "Tell me what {an} does.|What do you know about the work of {an}?|What does {an} do all "
          "day?",
          "{an} {b}.", "Who {b}?|Which person {b}?|What do you call a person who {b}?|"
          "What is the job of someone who {b}?|Somebody {b}. What is the job?", "", "",
          "the work of {an}", "the person who {b}", 1.5),
    Table("people", ORGANS, "With what do you {a}?|What do you need to {a}?|Which part of the body "
                            "do "
          "we use to {a}?|What do people use to {a}?|What do I {a} with?", "you {a} with {b}.",
          "What can you do with {b}?|What is the use of {b}?", "",
          "", "the part of the body for this", "the use of {b}", 0.5),
    Table("people", [(x, y) for x, y in BODY if y != "1"],
          "How many {a} does a person have?|How many {a} do people have?|How many {a} do you have "
          "as a human?|How many {a} does a human have?|How many {a} has a person?",
          "a person has {b} {a}.", named="the number of {a}", yes="Does a person have {b} {a}?",
          weight=0.5),
    Table("animals", SOUNDS,
          "What sound does {an} make?|What does {an} do when it makes a sound?|"
          "Which sound does {an} make?|How does {an} sound?|What noise does {an} make?",
          "{an} {b}.", "Which animal {b}?|What animal {b}?|Who {b}?|Tell me which animal {b}.", "",
          "", "the sound of {an}", "the animal that {b}", 1.2),
    Table("animals", LEGS,
          "How many legs does {an} have?|How many legs has {an}?|What number of legs does {an} "
          "have?|"
          "Tell me how many legs {an} has.|{an} has how many legs?|Number of legs of {an}?",
          "{an} has {b} legs.", "", "", "Does {an} have {b} legs?", "the number of legs of {an}",
          "", 1.5),
    Table("animals", CLASSES,
          "What kind of animal is {an}?|What class of animal is {an}?|Which kind of animal is "
          "{an}?|"
          "What is {an}?|To which class of animals does {an} belong?|What type of animal is {an}?",
          "{an} is {bn}.", "", "", "Is {an} {bn}?|Is it true that {an} is {bn}?",
          "the kind of animal {an} is", "", 1.5),
    Table("animals", YOUNG,
          "What is a young {a} called?|What is a baby {a} called?|What do you call a young {a}?|"
          "What is the young of {an} called?|How do you call a baby {a}?|Name the young of {an}.",
          "a young {a} is called {bn}.", "{bn} is the young of which animal?|What does {bn} "
                                         "become?|"
          "What is {bn}?|Which animal is called {bn} when it is young?|{bn} grows up to be what?",
          "{bn} is a young {a}.", "", "the young of {an}",
          "the animal that {bn} grows up to be", 1.2),
    Table("animals", HOMES, "Where does {an} live?|Where do you find {an}?|Where can I see {an}?|"
          "What is the home of {an}?|Tell me where {an} lives.", "{an} lives {b}.",
          "Which animal lives {b}?|What animal lives {b}?|Who lives {b}?", "",
          "", "the home of {an}", "the animal that lives {b}"),
    Table("animals", GIVES, "What do we get from {an}?|What does {an} give us?|"
          "What do people get from {an}?|Which thing does {an} give us?", "{an} gives us {b}.",
          "Where does {b} come from?|Which animal gives us {b}?|What animal gives {b}?", "",
          "", "the gift of {an}", "the animal that gives {b}", 0.5),
    Table("words", OPPOSITES,
          "What is the opposite of {a}?|What's the opposite of {a}?|Opposite of {a}?|"
          "Which word is the opposite of {a}?|Tell me the opposite of {a}.|Name the opposite of "
          "{a}.|"
          "Give me the opposite of {a}.|{a}: what is the opposite?", "the opposite of {a} is {b}.",
          "", "", "Is {b} the opposite of {a}?", "the opposite of {a}", "", 1.2),
    Table("words", [(y, x) for x, y in OPPOSITES],
          "What is the opposite of {a}?|What's the opposite of {a}?|Opposite of {a}?|"
          "Which word is the opposite of {a}?|Tell me the opposite of {a}.|Name the opposite of "
          "{a}.|"
          "Give me the opposite of {a}.|{a}: what is the opposite?", "the opposite of {a} is {b}.",
          "", "", "Is {b} the opposite of {a}?", "the opposite of {a}", "", 1.2),
    Table("words", PLURALS,
          "What is the plural of {a}?|What's the plural of {a}?|Plural of {a}?|"
          "How do you write the plural of {a}?|One {a}, two what?|Tell me the plural of {a}.|"
          "Give me the plural of {a}.|Form the plural of {a}.", "the plural of {a} is {b}.",
          "What is the singular of {b}?|Singular of {b}?|Tell me the singular of {b}.|"
          "Give me the singular of {b}.|What is one of {b} called?", "the singular of {b} is {a}.",
          "Is {b} the plural of {a}?", "the plural of {a}", "the singular of {b}", 1.5),
    Table("words", PASTS,
          "What is the past tense of {a}?|What is the past of {a}?|Past tense of {a}?|"
          "Tell me the past tense of {a}.|Give me the past tense of {a}.|Put {a} into the past "
          "tense.|"
          "Today I {a}. Yesterday I what?", "the past tense of {a} is {b}.",
          "What is the present tense of {b}?|{b} is the past tense of which word?|"
          "{b} is the past of what?|Which verb has the past tense {b}?",
          "{b} is the past tense of {a}.", "Is {b} the past tense of {a}?", "the past tense of {a}",
          "the verb with the past tense {b}"),
    Table("words", NUMBER_WORDS,
          "How do you write {a} in words?|Write {a} as a word.|What is {a} in words?|"
          "Write the number {a} in words.|{a} in words?", "{a} in words is {b}.",
          "Write {b} as a number.|Write {b} in digits.|What is {b} in digits?|"
          "Which number is {b}?|{b} in digits?", "{b} in digits is {a}.", "",
          "{a} in words", "{b} in digits"),
    Table("words", ROMAN,
          "What is {a} in Roman numerals?|Write {a} in Roman numerals.|What is the Roman numeral "
          "for "
          "{a}?|{a} as a Roman numeral?|How did the Romans write {a}?",
          "{a} in Roman numerals is {b}.", "What number is the Roman numeral {b}?|"
          "Which number is {b} in Roman numerals?|Roman numeral {b}: which number is it?",
          "the Roman numeral {b} is {a}.", "", "the Roman numeral for {a}",
          "the number of {b}", 0.6),
    Table("letters", circle(list(ALPHABET))[:-1],
          "Which letter comes after {a}?|What letter comes after {a}?|What letter follows {a}?|"
          "Which letter is after {a}?|What is the next letter after {a}?|What comes after {a} in "
          "the "
          "alphabet?|Which letter follows {a} in the alphabet?",
          "the letter after {a} is {b}.",
          "Which letter comes before {b}?|What letter comes before {b}?|Which letter is before "
          "{b}?|"
          "What comes before {b} in the alphabet?|What is the letter before {b}?",
          "the letter before {b} is {a}.", "Is {b} the letter after {a}?",
          "the letter after {a}", "the letter before {b}", 1.0),
    Table("letters", [(str(i), c) for i, c in enumerate(ALPHABET, 1)],
          "What is letter number {a} of the alphabet?|Which letter is number {a} in the alphabet?|"
          "Letter number {a}?|Tell me letter number {a} of the alphabet.",
          "letter number {a} of the alphabet is {b}.",
          "What number is the letter {b}?|Which place has {b} in the alphabet?|"
          "What is the position of {b} in the alphabet?|Where is {b} in the alphabet?",
          "{b} is letter number {a} of the alphabet.", "", "letter number {a}",
          "the number of the letter {b}", 0.8),
    Table("calendar", circle(DAYS),
          "Which day comes after {a}?|What day comes after {a}?|What day is after {a}?|"
          "What is the day after {a}?|If today is {a}, what day is tomorrow?|"
          "Today is {a}. What day is tomorrow?|Which day follows {a}?|After {a} comes which day?",
          "the day after {a} is {b}.",
          "Which day comes before {b}?|What day comes before {b}?|What day is before {b}?|"
          "What is the day before {b}?|If today is {b}, what day was yesterday?|"
          "Today is {b}. What day was yesterday?|Which day is before {b}?",
          "the day before {b} is {a}.", "Is {b} the day after {a}?",
          "the day after {a}", "the day before {b}", 1.0),
    Table("calendar", [(d, DAYS[(i + 2) % 7]) for i, d in enumerate(DAYS)],
          "What day is two days after {a}?|Which day comes two days after {a}?|"
          "Today is {a}. What day is in two days?|If today is {a}, what day is the day after "
          "tomorrow?", "two days after {a} is {b}.",
          "What day is two days before {b}?|Which day is two days before {b}?|"
          "Today is {b}. What day was it two days ago?", "two days before {b} is {a}.", "",
          "two days after {a}", "two days before {b}", 0.6),
    Table("calendar", circle(MONTHS),
          "Which month comes after {a}?|What month comes after {a}?|What month is after {a}?|"
          "What is the month after {a}?|Which month follows {a}?|What is the next month after {a}?",
          "the month after {a} is {b}.",
          "Which month comes before {b}?|What month comes before {b}?|What month is before {b}?|"
          "What is the month before {b}?|Which month is before {b}?",
          "the month before {b} is {a}.",
          "Is {b} the month after {a}?", "the month after {a}",
          "the month before {b}", 1.0),
    Table("calendar", [(m, str(i)) for i, m in enumerate(MONTHS, 1)],
          "Which number has the month {a}?|What number is {a}?|What is the number of {a}?|"
          "Which month of the year is {a}, as a number?", "{a} is month number {b}.",
          "Which month is number {b}?|What is month number {b}?|Name month number {b}.|"
          "Month {b} is which month?", "month number {b} is {a}.", "Is {a} month number {b}?",
          "the number of {a}", "month number {b}", 0.8),
    Table("calendar", [(ORDINALS[i], m) for i, m in enumerate(MONTHS)],
          "What is the {a} month of the year?|Which is the {a} month?|Name the {a} month.|"
          "Tell me the {a} month of the year.", "the {a} month is {b}.",
          named="the {a} month", weight=0.5, yes="Is {b} the {a} month of the year?"),
    Table("calendar", [(ORDINALS[i], d) for i, d in enumerate(DAYS)],
          "What is the {a} day of the week?|Which is the {a} day of the week?|"
          "Name the {a} day of the week.", "counting from Monday, the {a} day of the week is {b}.",
          named="the {a} day of the week", weight=0.3),
    Table("calendar", MONTH_DAYS,
          "How many days has {a}?|How many days does {a} have?|How many days are in {a}?|"
          "What is the number of days in {a}?|Days in {a}?", "{a} has {b} days.",
          named="the number of days in {a}", weight=0.8, yes="Does {a} have {b} days?"),
    Table("calendar", circle(SEASONS),
          "Which season comes after {a}?|What season is after {a}?|What comes after {a}?|"
          "What is the season after {a}?|Which season follows {a}?", "the season after {a} is {b}.",
          "Which season comes before {b}?|What season is before {b}?|What is the season before "
          "{b}?",
          "the season before {b} is {a}.", "Is {b} the season after {a}?",
          "the season after {a}", "the season before {b}", 0.5),
    Table("nature", list(zip(ORDINALS, PLANETS)),
          "What is the {a} planet from the sun?|Which is the {a} planet?|Name the {a} planet.|"
          "Which planet is the {a} from the sun?", "the {a} planet from the sun is {b}.",
          "Which place has {b} among the planets?|Which planet is {b}, counted from the sun?|"
          "What number is {b} from the sun?", "{b} is the {a} planet from the sun.",
          "Is {b} the {a} planet from the sun?", "the {a} planet", "the place of {b}", 0.6),
    Table("nature", list(zip(PLANETS, PLANETS[1:])),
          "Which planet comes after {a}?|What is the next planet after {a}?|"
          "Which planet follows {a}?", "the planet after {a} is {b}.",
          "Which planet comes before {b}?|What is the planet before {b}?",
          "the planet before {b} is {a}.", "", "the planet after {a}", "the planet before {b}",
          0.5),
    Table("shapes", SIDES,
          "How many sides does {an} have?|How many sides has {an}?|How many corners does {an} "
          "have?|"
          "What number of sides does {an} have?|Sides of {an}?|Tell me how many sides {an} has.",
          "{an} has {b} sides and {b} corners.",
          "Which shape has {b} sides?|What is a shape with {b} sides called?|"
          "What do you call a shape with {b} sides?|Name the shape with {b} corners.",
          "a shape with {b} sides is called {an}.", "Does {an} have {b} sides?",
          "the number of sides of {an}", "the shape with {b} sides", 1.0),
]


def unit_rows():
    for things, whole, n in UNITS:
        sentence = f"{big(whole)} has {n} {things}."
        yield Row((f"How many {things} are in {whole}?", f"How many {things} does {whole} have?",
                   f"How many {things} are there in {whole}?",
                   f"What number of {things} has {whole}?",
                   f"How many {things} has {whole}?", f"Tell me how many {things} {whole} has.",
                   f"{big(whole)} has how many {things}?", f"{big(things)} in {whole}?"),
                  sentence, number(int(n)), f"The user asks how many {things} {whole} has. I know: "
                                            f"{n}.")


def list_rows():
    """Whole series, and how many there are."""
    for name, whole, items in (
            ("days", "of the week", DAYS), ("months", "of the year", MONTHS),
            ("seasons", "of the year", SEASONS), ("planets", "of our solar system", PLANETS),
            ("letters", "of the alphabet", list(ALPHABET)),
            ("continents", "of the Earth", ["Africa", "Antarctica", "Asia", "Australia", "Europe",
                                            "North America", "South America"]),
            ("oceans", "of the Earth", ["Arctic", "Atlantic", "Indian", "Pacific", "Southern"]),
            ("colors", "of the rainbow", ["red", "orange", "yellow", "green", "blue", "indigo",
                                          "violet"]),
            ("vowels", "of the alphabet", list("AEIOU")),
            ("senses", "of a person", ["sight", "hearing", "smell", "taste", "touch"])):
        told = " ".join(items) if len(items[0]) == 1 and len(items) > 6 else joined(items)
        yield Row((f"Name the {name} {whole}.", f"What are the {name} {whole}?",
                   f"List the {name} {whole}.", f"Tell me the {name} {whole}.", f"Name all {name}.",
                   f"Which {name} are there?", f"List all {name} {whole}."),
                  f"The {name} are {told}.", contains(told),
                  f"There are {len(items)} {name}. I list them.")
        yield Row((f"How many {name} {whole} are there?",
                   f"What is the number of {name} {whole}?",
                   f"How many {name} {whole} do you know?",
                   f"Can you tell me how many {name} {whole} there are?"),
                  f"There are {len(items)} {name} {whole}.", number(len(items)),
                  f"The {name}: {told}. That is {len(items)}.")
