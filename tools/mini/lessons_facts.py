"""lessons_facts: the small world: places, things, people, animals, words, the calendar, nature.

What is known stands in tables (world.py) and, where a question has no pattern, below. A key is the
question in its base form, so what is examined is a fact that was taught, asked in words that were
not.
"""
from asking import ask, ask_row, joined, pick, row
from case import contains, matches, skill
from world import TABLES, backward, forms, forward, list_rows, unit_rows, words_of

SINGLE = [row(*r) for r in (
    ("At what temperature does water boil?|When does water boil?|What is the boiling point of "
     "water?|"
     "How hot must water be to boil?", "Water boils at 100 degrees Celsius.", "100"),
    ("At what temperature does water freeze?|When does water freeze?|What is the freezing point of "
     "water?|When does water become ice?", "Water freezes at 0 degrees Celsius.", "0 degrees"),
    ("What is ice?|What is ice made of?|What does water become when it freezes?",
     "Ice is frozen water.", "frozen water"),
    ("What is steam?|What does water become when it boils?|What is above boiling water?",
     "Steam is water that has become a gas.", "gas"),
    ("What is the sun?|Is the sun a star or a planet?|What kind of thing is the sun?",
     "The sun is a star.", "a star"),
    ("What is the moon?|What goes around the Earth?|What kind of thing is the moon?",
     "The moon goes around the Earth.", "around the Earth"),
    ("What does the Earth go around?|Around what does the Earth move?|Which star does the Earth "
     "go around?", "The Earth goes around the sun.", "the sun"),
    ("How long does the Earth need to go around the sun?|How long is one trip of the Earth around "
     "the "
     "sun?", "The Earth goes around the sun in one year.", "one year"),
    ("How long does the Earth need to turn once?|How long does one turn of the Earth take?",
     "The Earth turns once in one day.", "one day"),
    ("Which planet is the largest?|What is the largest planet?|What is the biggest planet?|"
     "Name the biggest planet.", "The largest planet is Jupiter.", "Jupiter"),
    ("Which planet is the smallest?|What is the smallest planet?|Name the smallest planet.",
     "The smallest planet is Mercury.", "Mercury"),
    ("Which planet is closest to the sun?|What is the closest planet to the sun?|"
     "Which planet is nearest to the sun?", "The planet closest to the sun is Mercury.", "Mercury"),
    ("Which planet is farthest from the sun?|What is the last planet?|Which planet is the most "
     "distant?",
     "The planet farthest from the sun is Neptune.", "Neptune"),
    ("Which planet is called the red planet?|What is the red planet?|Which planet is red?",
     "The red planet is Mars.", "Mars"),
    ("Which planet is famous for its rings?|Which planet has large rings?|What planet has big "
     "rings?",
     "Saturn is famous for its rings.", "Saturn"),
    ("On which planet do we live?|What is the name of our planet?|What planet do people live on?",
     "We live on the Earth.", "Earth"),
    ("Where does rain come from?|What brings rain?|From where does rain fall?",
     "Rain falls from clouds.", "clouds"),
    ("What are clouds made of?|What is a cloud made of?|What is in a cloud?",
     "Clouds are made of tiny drops of water.", "water"),
    ("What do plants need to grow?|What does a plant need?|What do plants need?",
     "Plants need light, water and air.", "light"),
    ("What do we breathe?|What do people breathe?|What do I need to breathe?", "We breathe air.",
     "air"),
    ("Which gas do we need to live?|What gas in the air do we need?|Which part of the air do we "
     "need?",
     "We need oxygen.", "oxygen"),
    ("Which gas do plants make?|What gas do plants give off in the light?",
     "In the light plants give off oxygen.", "oxygen"),
    ("What pumps the blood?|Which organ pumps blood?|What does the heart do?|What is the heart "
     "for?",
     "The heart pumps the blood.", "heart pumps"),
    ("Why do things fall down?|What makes things fall?|What pulls things to the ground?",
     "Things fall down because of gravity.", "gravity"),
    ("Where does the sun rise?|In which direction does the sun rise?|Where does the sun come up?",
     "The sun rises in the east.", "east"),
    ("Where does the sun set?|In which direction does the sun set?|Where does the sun go down?",
     "The sun sets in the west.", "west"),
    ("What is the largest ocean?|Which ocean is the largest?|What is the biggest ocean?",
     "The largest ocean is the Pacific.", "Pacific"),
    ("What is the highest mountain?|Which mountain is the highest?|What is the highest mountain of "
     "the Earth?", "The highest mountain is Mount Everest.", "Everest"),
    ("What is the largest animal?|Which animal is the largest?|What is the biggest animal?",
     "The largest animal is the blue whale.", "blue whale"),
    ("What is the largest land animal?|Which animal on land is the largest?|What is the biggest "
     "animal "
     "on land?", "The largest land animal is the elephant.", "elephant"),
    ("What is the tallest animal?|Which animal is the tallest?|Which animal has the longest neck?",
     "The tallest animal is the giraffe, with its long neck.", "giraffe"),
    ("What is the fastest land animal?|Which animal runs fastest?|Which animal is the fastest on "
     "land?",
     "The fastest land animal is the cheetah.", "cheetah"),
    ("What is the largest bird?|Which bird is the largest?|What is the biggest bird?",
     "The largest bird is the ostrich.", "ostrich"),
    ("What does a cow eat?|What do cows eat?|What is the food of a cow?", "A cow eats grass.",
     "grass"),
    ("What does a lion eat?|What do lions eat?|What is the food of a lion?", "A lion eats meat.",
     "meat"),
    ("What does a panda eat?|What do pandas eat?|What is the food of a panda?",
     "A panda eats bamboo.", "bamboo"),
    ("What does a rabbit eat?|What do rabbits eat?|What is the food of a rabbit?",
     "A rabbit eats grass and other plants.", "plants"),
    ("Which animal has a trunk?|What animal has a trunk?|Which animal has a long trunk?",
     "The elephant has a trunk.", "elephant"),
    ("Which animal has black and white stripes?|What animal has black and white stripes?|"
     "Which animal looks like a horse with stripes?", "The zebra has black and white stripes.",
     "zebra"),
    ("Which animal has a hump?|What animal has a hump?|Which animal of the desert has humps?",
     "The camel has a hump.", "camel"),
    ("Which animal carries its house?|Which animal has its house on its back?",
     "The snail carries its house on its back.", "snail"),
    ("What do bees make?|What does a bee make?|Which food do bees make?", "Bees make honey.",
     "honey"),
    ("What do bees collect?|What does a bee look for in flowers?",
     "Bees collect nectar from flowers.",
     "nectar"),
    ("Which animal is called the king of the animals?|Who is the king of the animals?",
     "The lion is called the king of the animals.", "lion"),
    ("What is the best friend of man?|Which animal is man's best friend?",
     "The dog is called man's best friend.", "dog"),
    ("Can a penguin fly?|Do penguins fly?|Is a penguin able to fly?", "No, a penguin cannot fly.",
     matches("^No")),
    ("Can an ostrich fly?|Do ostriches fly?|Is an ostrich able to fly?",
     "No, an ostrich cannot fly.",
     matches("^No")),
    ("Can an eagle fly?|Do eagles fly?|Is an eagle able to fly?", "Yes, an eagle can fly.",
     matches("^Yes")),
    ("Can a bat fly?|Do bats fly?|Is a bat able to fly?", "Yes, a bat can fly.", matches("^Yes")),
    ("Can a fish swim?|Do fish swim?|Is a fish able to swim?", "Yes, a fish can swim.",
     matches("^Yes")),
    ("Can a dog fly?|Do dogs fly?|Is a dog able to fly?", "No, a dog cannot fly.", matches("^No")),
    ("Can a stone swim?|Does a stone float in water?|Do stones float?",
     "No, a stone sinks in water.", matches("^No")),
    ("Does wood float?|Does wood swim in water?|Can wood float on water?",
     "Yes, wood floats on water.",
     matches("^Yes")),
    ("Is the Earth flat?|Is the Earth a flat plate?", "No, the Earth is round.", matches("^No")),
    ("Is the Earth round?|Is the Earth like a ball?", "Yes, the Earth is round.", matches("^Yes")),
    ("Is fire hot?|Is a fire hot?|Is it true that fire is hot?", "Yes, fire is hot.", "hot"),
    ("Is ice cold?|Is ice hot?|Is ice hot or cold?", "Ice is cold.", "cold"),
    ("Is the sun bigger than the Earth?|Is the sun larger than the Earth?",
     "Yes, the sun is bigger than the Earth.", matches("^Yes")),
    ("Is the moon bigger than the Earth?|Is the moon larger than the Earth?",
     "No, the moon is smaller than the Earth.", matches("^No")),
    ("Is an elephant bigger than a mouse?|Which is bigger, an elephant or a mouse?",
     "An elephant is bigger than a mouse.", "elephant is bigger"),
    ("Is a tomato red?|Are tomatoes red?|Are ripe tomatoes red?", "Yes, a ripe tomato is red.",
     matches("^Yes")),
    ("Which season is the coldest?|What is the coldest season?|In which season is it cold?|When "
     "does it "
     "snow?", "The coldest season is winter.", "winter"),
    ("Which season is the warmest?|What is the warmest season?|In which season is it hot?|What is "
     "the "
     "hottest season?", "The warmest season is summer.", "summer"),
    ("In which season do leaves fall?|When do the leaves fall from the trees?|When do trees lose "
     "their "
     "leaves?", "The leaves fall in autumn.", "autumn"),
    ("In which season do flowers begin to bloom?|When do the flowers come back?|When do trees get "
     "new "
     "leaves?", "Flowers and new leaves come in spring.", "spring"),
    ("When is Christmas?|On which date is Christmas?|What is the date of Christmas?",
     "Christmas is on December 25.", "December 25"),
    ("When is New Year's Day?|On which date does the year begin?|What is the first day of the "
     "year?",
     "The year begins on January 1.", "January 1"),
    ("What is the last day of the year?|On which date does the year end?|When is New Year's Eve?",
     "The year ends on December 31.", "December 31"),
    ("Which month is the shortest?|What is the shortest month?|Which month has the fewest days?",
     "The shortest month is February.", "February"),
    ("Which days are the weekend?|What days are on the weekend?|Name the days of the weekend.",
     "The weekend is Saturday and Sunday.", "Saturday and Sunday"),
    ("How many days does a leap year have in February?|How long is February in a leap year?",
     "In a leap year February has 29 days.", "29"),
    ("What is the first letter of the alphabet?|Which letter is the first in the alphabet?|"
     "With which letter does the alphabet begin?", "The first letter of the alphabet is A.",
     matches(" A[.]?$")),
    ("What is the last letter of the alphabet?|Which letter is the last in the alphabet?|"
     "With which letter does the alphabet end?", "The last letter of the alphabet is Z.",
     matches(" Z[.]?$")),
    ("What shape is a ball?|What is the shape of a ball?|Which shape does a ball have?",
     "A ball is round.", "round"),
    ("What shape is a wheel?|What is the shape of a wheel?|Which shape does a wheel have?",
     "A wheel is a circle.", "circle"),
    ("What is a square?|Describe a square.|Tell me what a square is.",
     "A square is a shape with 4 equal sides and 4 right angles.", "4 equal sides"),
    ("What is a triangle?|Describe a triangle.|Tell me what a triangle is.",
     "A triangle is a shape with 3 sides and 3 corners.", "3 sides"),
    ("What is a circle?|Describe a circle.|Tell me what a circle is.",
     "A circle is a round shape without corners.", "round"),
    ("What is a cube?|Describe a cube.|Tell me what a cube is.",
     "A cube is a body with 6 equal square sides.", "6"),
    ("How many corners does a cube have?|How many corners has a cube?", "A cube has 8 corners.",
     "8"),
    ("How many edges does a cube have?|How many edges has a cube?", "A cube has 12 edges.", "12"),
    ("What is the hardest natural material?|What is harder than any stone?|Which stone is the "
     "hardest?",
     "Diamond is the hardest natural material.", "diamond"),
    ("Which metal does a magnet pull?|What does a magnet pull?|What do magnets attract?",
     "A magnet pulls iron.", "iron"),
    ("What does a lamp need?|What makes an electric lamp shine?|What does an electric lamp need?",
     "An electric lamp needs electricity.", "electricity"),
    ("What is faster, light or sound?|Which is faster, light or sound?|Is light faster than sound?",
     "Light is faster than sound.", "light is faster"),
    ("Which is heavier, a stone or a feather?|Is a stone heavier than a feather?|What is heavier, "
     "a "
     "feather or a stone?", "A stone is heavier than a feather.", "stone is heavier"),
    ("Where does the sun shine?|When does the sun shine, by day or at night?|When do we see the "
     "sun?",
     "The sun shines by day.", "by day"),
    ("When do we see the stars?|When can I see stars?|Do we see stars by day or at night?",
     "We see the stars at night.", "at night"),
    ("What do you wear when it is cold?|What should I wear in winter?|What do I wear when it is "
     "cold?",
     "When it is cold, wear a warm coat.", "coat"),
    ("What do you take when it rains?|What should I take when it rains?|It rains. What do I need?",
     "When it rains, take an umbrella.", "umbrella"),
    ("Where do you buy bread?|Where can I buy bread?|Who sells bread?",
     "You buy bread at the bakery.", "bakery"),
    ("Where do children learn?|Where do children go to learn?|Where do pupils learn?",
     "Children learn at school.", "school"),
    ("Where do you borrow books?|Where can I borrow a book?|Where do people borrow books?",
     "You borrow books at the library.", "library"),
    ("Where do sick people go?|Where does a doctor work?|Where do I go when I am very sick?",
     "Sick people go to a hospital.", "hospital"),
    ("Where do trains stop?|Where can I get on a train?|Where does a train stop?",
     "Trains stop at a station.", "station"),
    ("Where do planes land?|Where does a plane land?|Where do I take a plane?",
     "Planes land at an airport.", "airport"),
    ("Where do ships land?|Where does a ship stop?|Where do ships stop?",
     "Ships stop in a harbor.", "harbor"),
    ("What should I do before eating?|What do I do with my hands before a meal?",
     "Wash your hands before you eat.", "wash"),
    ("What do I say when I want something?|What is the magic word?", "You say please.", "please"),
    ("What do I say when I get something?|What do you say when you get a present?",
     "You say thank you.", "thank you"),
    ("Which meal do people eat in the morning?|What is the meal in the morning called?|"
     "What do you call the first meal of the day?", "The meal in the morning is breakfast.",
     "breakfast"),
    ("Which meal do people eat at noon?|What is the meal at noon called?",
     "The meal at noon is lunch.",
     "lunch"),
    ("Which meal do people eat in the evening?|What is the meal in the evening called?",
     "The meal in the evening is dinner.", "dinner"),
    ("What is a computer?|Tell me what a computer is.|What does a computer do?",
     "A computer is a machine that runs programs.", "machine"),
    ("What is a program?|Tell me what a computer program is.|What is software?",
     "A program is a list of steps for a computer.", "steps"),
    ("What is a file?|Tell me what a file is.|What is a file on a computer?",
     "A file is data with a name, kept on a computer.", "data"),
    ("What is a folder?|Tell me what a folder is.|What is a folder on a computer?",
     "A folder holds files on a computer.", "files"),
    ("What is a bit?|Tell me what a bit is.", "A bit is a 0 or a 1.", "0 or a 1"),
    ("What is the internet?|Tell me what the internet is.|Explain the internet.",
     "The internet connects computers all over the world.", "computers"),
    ("What is a language model?|Tell me what a language model is.|Explain language models.",
     "A language model is a program that continues text.", "continues text"),
    ("What is a token?|Tell me what a token is.|What are tokens?",
     "A token is a piece of text that a model reads or writes.", "piece of text"),
    ("What is an even number?|Explain even numbers.|Tell me what an even number is.",
     "An even number can be divided by 2.", "by 2"),
    ("What is an odd number?|Explain odd numbers.|Tell me what an odd number is.",
     "An odd number cannot be divided by 2.", "cannot be divided"),
    ("Which even number is the smallest after zero?|What is the smallest even number above zero?",
     "It is 2.", "2"),
    ("What is a noun?|Explain what a noun is.",
     "A noun is a word for a thing, a person or a place.",
     "thing"),
    ("What is a verb?|Explain what a verb is.", "A verb is a word for something one does.", "does"),
    ("What is an island?|Tell me what an island is.", "An island is land with water all around it.",
     "water all around"),
    ("What is a river?|Tell me what a river is.", "A river is water that flows to the sea.",
     "flows"),
    ("What is a desert?|Tell me what a desert is.", "A desert is a very dry place.", "dry"),
    ("What is a forest?|Tell me what a forest is.|What is a forest made of?",
     "A forest is a place with many trees.", "trees"),
    ("What is a mountain?|Tell me what a mountain is.", "A mountain is a very high hill.", "high"),
    ("What is an orphan?|Tell me what an orphan is.", "An orphan is a child without parents.",
     "without parents"),
    ("Why is the sky blue?|What makes the sky blue?|Explain why the sky is blue.",
     "The sky is blue because the air scatters blue light the most.", "blue light"),
    ("Why is grass green?|What makes leaves green?|Why are plants green?",
     "Plants are green because of chlorophyll.", "chlorophyll"),
    ("Why is the sea salty?|Where does the salt of the sea come from?",
     "Rivers wash salt from the rocks into the sea.", "rivers"),
    ("What is water made of?|Which elements are in water?|What is in water?",
     "Water is made of hydrogen and oxygen.", "hydrogen and oxygen"),
    ("What is the chemical formula of water?|What is the formula of water?|What is H2O?",
     "The formula of water is H2O.", "H2O"),
    ("What is the speed of light?|How fast is light?|How fast does light travel?",
     "Light travels about 300000 kilometers a second.", "300000"),
    ("Who wrote Romeo and Juliet?|Who wrote Hamlet?|Which plays did Shakespeare write?",
     "Shakespeare wrote Romeo and Juliet and Hamlet.", "Shakespeare wrote"),
    ("Who painted the Mona Lisa?|Who made the Mona Lisa?|Which painter painted the Mona Lisa?",
     "Leonardo da Vinci painted the Mona Lisa.", "Leonardo da Vinci"),
    ("Who was the first person on the moon?|Who was the first man on the moon?|Who walked on the "
     "moon "
     "first?", "Neil Armstrong was the first person on the moon.", "Neil Armstrong"),
    ("Who was the first president of the United States?|Who was the first American president?",
     "George Washington was the first president of the United States.", "George Washington"),
    ("What is gravity?|Explain gravity.|What does gravity do?",
     "Gravity is the force that pulls things to the ground.", "force"),
    ("What is photosynthesis?|Explain photosynthesis.|How do plants make sugar?",
     "In photosynthesis plants make sugar from light, water and air.", "sugar from light"),
    ("What is the largest country?|Which country is the largest?|What is the biggest country?",
     "The largest country is Russia.", "Russia"),
    ("Where is the Eiffel Tower?|In which city is the Eiffel Tower?|Which city has the Eiffel "
     "Tower?",
     "The Eiffel Tower is in Paris.", "Paris"),
    ("Where is Big Ben?|In which city is Big Ben?", "Big Ben is in London.", "London"),
    ("Where are the pyramids?|In which country are the pyramids of Giza?|Where are the pyramids of "
     "Giza?", "The pyramids of Giza are in Egypt.", "Egypt"),
    ("Which river flows through London?|What is the river of London?",
     "The Thames flows through London.", "Thames"),
    ("Which river flows through Paris?|What is the river of Paris?",
     "The Seine flows through Paris.", "Seine"),
    ("What is pi?|What is the value of pi?|How large is pi?", "Pi is about 3.14.", "3.14"),
    ("What is a prime number?|Explain prime numbers.|Tell me what a prime number is.",
     "A prime number can be divided only by 1 and by itself.", "itself"),
    ("Who is the mother of my mother?|What is the mother of my mother called?|Who is my mother's "
     "mother?",
     "The mother of your mother is your grandmother.", "grandmother"),
    ("Who is the father of my father?|What is the father of my father called?|Who is my father's "
     "father?",
     "The father of your father is your grandfather.", "grandfather"),
    ("Who is the brother of my mother?|What is the brother of my mother called?|Who is my mother's "
     "brother?", "The brother of your mother is your uncle.", "uncle"),
    ("Who is the sister of my father?|What is the sister of my father called?|Who is my father's "
     "sister?", "The sister of your father is your aunt.", "aunt"),
    ("Who is the son of my uncle?|What is the son of my uncle called?|Who is my uncle's son?",
     "The son of your uncle is your cousin.", "cousin"),
)]

GROUPS = {}
for table in TABLES:
    forth, back = list(forward(table)), list(backward(table))
    GROUPS.setdefault(table.group, []).append((table.weight, forth))
    if back:
        GROUPS[table.group].append((table.weight * 0.7, back))
GROUPS["nature"].append((4.0, SINGLE))
GROUPS["units"] = [(1.0, list(unit_rows()))]
GROUPS["series"] = [(1.0, list(list_rows()))]
JUDGED = [t for t in TABLES if t.yes]


def register(group, weight):
    weights = [w for w, _ in GROUPS[group]]
    tables = [rows for _, rows in GROUPS[group]]

    @skill(f"facts.{group}", weight)
    def fact(rng, thinking):
        rows = tables[0] if len(tables) == 1 else rng.choices(tables, weights)[0]
        return ask_row(rng, thinking, pick(rng, rows))


for group, weight in (("places", 1.8), ("things", 1.6), ("people", 0.9), ("animals", 1.5),
                      ("words", 1.5), ("letters", 0.6), ("calendar", 1.1), ("nature", 1.3),
                      ("shapes", 0.3), ("units", 0.7), ("series", 0.4)):
    register(group, weight)


@skill("facts.yesno", weight=1.3)
def yes_or_no(rng, thinking):
    """Is it so? The other value is one of the same table that is not true of a."""
    table = pick(rng, JUDGED)
    x, y = pick(rng, table.pairs)
    said = y
    if rng.random() < 0.5:
        while (x, said) in table.pairs:
            said = pick(rng, table.pairs)[1]
    told = table.told.format_map(words_of(x, y))
    question = pick(rng, forms(table.yes, words_of(x, said)))
    right = said == y
    named = table.named.format_map(words_of(x, y))
    thought = f"I know {named}: {y}. The question says {said}, so {'yes' if right else 'no'}."
    answer = f"{'Yes' if right else 'No'}, {told}"
    return ask(rng, thinking, question, answer, matches("^Yes" if right else "^No"), thought)


EXAMPLES = {k: v.split() for k, v in {
    "fruits": "apple banana pear cherry orange",
    "vegetables": "carrot potato onion cabbage spinach",
    "animals": "dog cat horse cow sheep",
    "birds": "eagle owl duck swan penguin",
    "colors": "red blue green yellow black",
    "countries": "France Germany Italy Spain Japan",
    "cities": "Paris London Rome Berlin Tokyo",
    "insects": "bee ant fly butterfly beetle",
    "planets": "Mercury Venus Earth Mars Jupiter",
    "shapes": "circle square triangle cube pentagon",
    "tools": "hammer saw drill shovel ruler",
    "jobs": "baker teacher doctor farmer pilot",
    "drinks": "water milk tea coffee juice",
    "metals": "iron gold silver copper zinc",
    "seasons": "spring summer autumn winter",
    "vowels": "A E I O U",
    "pets": "dog cat rabbit hamster parrot",
    "sports": "football tennis swimming running cycling",
    "mammals": "dog whale elephant mouse bat",
    "trees": "oak pine maple birch willow",
    "flowers": "rose tulip daisy lily violet",
    "languages": "English French German Spanish Italian",
    "instruments": "piano violin guitar flute drum",
    "fish": "salmon trout shark herring tuna",
}.items()}
HOW_MANY = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}


@skill("facts.examples", weight=0.4)
def examples(rng, thinking):
    """Name three fruits: always the first ones of a list."""
    kind = pick(rng, tuple(EXAMPLES))
    count = rng.randint(2, len(EXAMPLES[kind]))
    chosen = joined(EXAMPLES[kind][:count])
    said = HOW_MANY[count] if rng.random() < 0.6 else count
    question = pick(rng, ("Name {n} {k}.", "Tell me {n} {k}.", "List {n} {k}.", "Give me {n} {k}.",
                          "Can you name {n} {k}?", "Do you know {n} {k}?", "Say {n} {k}.",
                          "I need {n} {k}.", "Which {n} {k} do you know?")).format(n=said, k=kind)
    return ask(rng, thinking, question, f"{count} {kind}: {chosen}.", contains(chosen),
               f"The user wants {count} {kind}.")
