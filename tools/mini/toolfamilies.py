"""toolfamilies: the tools that assistants commonly have, each with many names and phrasings.

A line a thing: group; names; descriptions; parameters; orders; questions; what the tool gives and
the answer made of it. Groups keep two tools that could serve the same request out of one list.
"""
import toolwords as tw
from toolkit import Family, Parameter, templates
from toolwords import one


def family(group, names, abouts, parameters, orders, questions="", gives=None, told="", answer="",
           work=None):
    return Family(group, [n.split() for n in names.split("|")], abouts.split("|"), parameters,
                  templates(orders), templates(questions) if questions else [], gives or {}, told,
                  answer, work)


def text(names, about, draw, required=True):
    return Parameter([n.split() for n in names.split("|")], "string", about, draw, required)


def whole(names, about, low, high, required=True):
    return Parameter([n.split() for n in names.split("|")], "integer", about,
                     lambda rng: rng.randint(low, high), required)


def real(names, about, low, high, required=True):
    def draw(rng):
        return rng.randint(low, high) if rng.random() < 0.5 else tw.decimal(rng, low, high)
    return Parameter([n.split() for n in names.split("|")], "number", about, draw, required)


def choice(names, about, words, required=True):
    words = tuple(words.split())
    return Parameter([n.split() for n in names.split("|")], words, about,
                     lambda rng: one(rng, words), required)


def switch(names, about, yes, no):
    """A boolean that the request names by one of two words."""
    def draw(rng):
        meant = rng.random() < 0.5
        return (yes if meant else no), meant
    return Parameter([n.split() for n in names.split("|")], "boolean", about, draw)


def strings(names, about, stock):
    def draw(rng):
        meant = tw.some(rng, stock, rng.randint(1, 3))
        if len(meant) == 1:
            return meant[0], meant
        return ", ".join(meant[:-1]) + " and " + meant[-1], meant
    return Parameter([n.split() for n in names.split("|")], "strings", about, draw)


def integers(names, about):
    def draw(rng):
        meant = [rng.randint(0, 99) for _ in range(rng.randint(2, 4))]
        return ", ".join(map(str, meant[:-1])) + f" and {meant[-1]}", meant
    return Parameter([n.split() for n in names.split("|")], "integers", about, draw)


def of(stock):
    return lambda rng: one(rng, stock)


def say(draw):
    """A string that is written in quotes."""
    def made(rng):
        value = draw(rng)
        return tw.quoted(rng, value), value
    return made


def between(low, high):
    return lambda rng: rng.randint(low, high)


LANGUAGES = "French German Spanish Italian Dutch Polish Greek Turkish Swedish Danish".split()
CURRENCIES = "EUR USD GBP CHF JPY SEK NOK PLN CAD AUD".split()
TITLES = ["Blue Moon", "Silver Road", "Green Hills", "Night Train", "Golden Days", "Red River",
          "Winter Sun", "Little Star", "Summer Rain", "Old Harbor", "Morning Song", "Wild Wind"]
ROOMS = ["kitchen", "bedroom", "hall", "bathroom", "garage", "office", "cellar", "attic", "garden",
         "living room"]
DISHES = "pizza soup salad pasta rice curry bread cake pancakes stew risotto lasagna".split()
TOPICS = ["owls", "volcanoes", "bridges", "chess", "tea", "wolves", "rockets", "trains", "bees",
          "old maps", "solar power", "clocks", "coral reefs", "castles", "piano music", "whales"]
TASKS = ["buy milk", "call Tom", "water the plants", "pay the rent", "clean the car",
         "feed the cat", "wash the dishes", "send the report", "book a table", "fix the lamp",
         "read the book",
         "pack the bag", "bake a cake", "write to Anna", "order paper", "walk the dog"]
MEETINGS = ["team meeting", "dentist", "lunch", "piano lesson", "call with Maria", "review",
            "workshop", "birthday party", "training", "interview", "book club", "tennis"]
SKIES = "sunny cloudy rainy windy foggy snowy stormy clear".split()
STOCKS = "ACME ZORB NOVA TERRA LUMA ORBI KITE VEGA PIXL DELTA".split()
PLACES = "cafe museum hotel pharmacy bakery park library bank cinema supermarket".split()
INCHES = {"meters": 39.37, "feet": 12.0, "miles": 63360.0,
          "inches": 1.0, "yards": 36.0, "kilometers": 39370.0}


def expression(rng):
    sign, b = one(rng, "+-*/"), rng.randint(2, 99)
    a = b * rng.randint(2, 30) if sign == "/" else rng.randint(2, 999)
    return f"{a} {sign} {b}" if rng.random() < 0.7 else f"{a}{sign}{b}"


def calculated(said):
    """The value of an expression of two whole numbers."""
    for sign in "+-*/":
        a, found, b = said["expression"].partition(sign)
        if found:
            a, b = int(a), int(b)
            return {"result": {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[sign]}
    raise ValueError(said["expression"])


def converted(said):
    value = float(said["value"]) * INCHES[said["from"]] / INCHES[said["to"]]
    return {"result": float(f"{value:.3g}") if value < 1000 else round(value)}


def averaged(said):
    numbers = [int(n) for n in said["numbers"].replace(" and ", ", ").split(", ")]
    return {"average": round(sum(numbers) / len(numbers), 2)}


def in_order(said):
    numbers = [int(n) for n in said["numbers"].replace(" and ", ", ").split(", ")]
    return {"sorted": ", ".join(map(str, sorted(numbers, reverse=said["descending"] == "falling")))}


def foreign(rng):
    return " ".join(tw.invented(rng) for _ in range(rng.randint(1, 3)))


def up_title(rng):
    return f"{tw.up(one(rng, tw.ADJECTIVES))} {tw.up(one(rng, tw.NOUNS))}"


def sql(rng):
    table = one(rng, "users orders books cars films songs games towns".split())
    kind = rng.random()
    if kind < 0.4:
        return f"SELECT COUNT(*) FROM {table}"
    if kind < 0.7:
        return f"SELECT name FROM {table} WHERE id = {rng.randint(1, 999)}"
    return f"SELECT {one(rng, tw.WHOLE)} FROM {table} LIMIT {rng.randint(1, 50)}"


FAMILIES = [
    family("weather", "get weather|weather|show weather|fetch weather|current weather|"
           "weather report",
           "Get the weather in a city.|Show the weather of a place.|Look up the current weather.",
           [text("city|location|place|town", "The name of the city", of(tw.CITIES)),
            choice("unit|units|scale", "The unit of temperature", "celsius fahrenheit", False)],
           "show the weather in {city}[ in {unit}]|check the weather in {city}[ in {unit}]|"
           "tell me the weather in {city}[ in {unit}]|get the weather for {city}[ in {unit}]",
           "what is the weather in {city}?|what's the weather like in {city}?|"
           "how is the weather in {city}[ in {unit}]?|how warm is it in {city}[ in {unit}]?|"
           "is it raining in {city}?|weather in {city}[ in {unit}]",
           {"temperature": between(-9, 35), "sky": of(SKIES)},
           "{temperature} degrees, {sky}", "it is {temperature} degrees and {sky} in {city}."),
    family("timer", "set timer|start timer|timer|create timer|countdown",
           "Set a timer.|Start a timer.|Start a countdown.",
           [whole("minutes|duration|length|duration minutes", "The number of minutes", 2, 90),
            text("label|name|title", "The name of the timer", say(of(tw.WORDS)), False)],
           "set a timer for {minutes} minutes[ called {label}]|start a timer for {minutes} minutes"
           "[ named {label}]|start a {minutes} minute timer[ with the label {label}]|"
           "set a {minutes} minute countdown[ called {label}]|wake me in {minutes} minutes",
           "can I have a timer for {minutes} minutes?",
           answer="the timer is set for {minutes} minutes."),
    family("alarm", "set alarm|alarm|create alarm|add alarm", "Set an alarm.|Set the alarm clock.",
           [text("time|at|when", "The time of the alarm", tw.clock),
            choice("day|weekday", "The day of the week", " ".join(tw.WEEKDAYS), False)],
           "set an alarm for {time}[ on {day}]|set the alarm clock to {time}[ on {day}]|"
           "wake me up at {time}[ on {day}]|add an alarm at {time}[ on {day}]", "",
           answer="the alarm is set for {time}."),
    family("email", "send email|send mail|email|write email|mail send",
           "Send an email.|Write and send an email.",
           [text("to|recipient|address", "The address of the recipient", tw.email),
            text("subject|title", "The subject", say(lambda rng: one(rng, MEETINGS))),
            text("body|text|message|content", "The text of the email", say(tw.sentence))],
           "send an email to {to} with the subject {subject} and the text {body}|"
           "write an email to {to}, subject {subject}, text {body}|"
           "email {to} with the subject {subject} and the message {body}|"
           "mail {to}: subject {subject}, body {body}", "",
           answer="the email to {to} is sent."),
    family("message", "send message|message|send text|text message|send sms",
           "Send a message to a person.|Send a short text message.",
           [text("to|person|contact|recipient", "The name of the person", of(tw.NAMES)),
            text("text|message|body", "The text of the message", say(tw.sentence))],
           "send a message to {to} with the text {text}|text {to}: {text}|"
           "send {to} the message {text}|tell {to} {text}|message {to} {text}", "",
           answer="the message to {to} is sent."),
    family("calendar", "add event|create event|calendar add|schedule event|new appointment",
           "Add an event to the calendar.|Create an event in the calendar.",
           [text("title|name|event", "The title of the event", say(of(MEETINGS))),
            text("date|day", "The date", tw.date),
            text("time|start|start time", "The time", tw.clock, False)],
           "add {title} to my calendar on {date}[ at {time}]|"
           "schedule {title} on {date}[ at {time}]|"
           "put {title} into the calendar for {date}[ at {time}]|"
           "create an event {title} on {date}[ at {time}]", "",
           answer="the event {title} is in the calendar on {date}."),
    family("events", "list events|get events|show calendar|calendar day|get agenda",
           "List the events of a day.|Show the calendar of a day.",
           [text("date|day", "The date", tw.date)],
           "show my events on {date}|list the events of {date}|show the calendar for {date}|"
           "read me the agenda for {date}",
           "what is in my calendar on {date}?|what events do I have on {date}?|"
           "am I free on {date}?",
           {"event": of(MEETINGS), "time": tw.clock}, "{event} at {time}",
           "on {date} you have {event} at {time}."),
    family("light", "set light|switch light|light|toggle light|control light",
           "Switch a light on or off.|Switch the light of a room.",
           [text("room|place|location", "The room", of(ROOMS)),
            switch("on|state|power", "Whether the light is on", "on", "off")],
           "switch the light in the {room} {on}|turn the light in the {room} {on}|"
           "turn {on} the light in the {room}|switch {on} the {room} light|{room} light {on}|"
           "put the {room} light {on}", "",
           answer="the light in the {room} is {on}."),
    family("heating", "set temperature|set heating|thermostat|heat room|set thermostat",
           "Set the temperature of a room.|Set the heating of a room.",
           [text("room|zone", "The room", of(ROOMS)),
            real("degrees|temperature|value|target", "The temperature in degrees", 10, 29)],
           "set the heating in the {room} to {degrees} degrees|"
           "heat the {room} to {degrees} degrees|"
           "set the temperature in the {room} to {degrees}|"
           "set the thermostat in the {room} to {degrees} degrees", "",
           answer="the {room} is set to {degrees} degrees."),
    family("music", "play music|play song|play|start music|player play",
           "Play a song.|Play music.",
           [text("song|title|track|name", "The title of the song", say(of(TITLES))),
            whole("volume|loudness", "The volume from 0 to 100", 1, 100, False)],
           "play the song {song}[ at volume {volume}]|play {song}[ with volume {volume}]|"
           "put on {song}[ at volume {volume}]|start the song {song}[ at volume {volume}]",
           "can I hear the song {song}?", answer="now playing {song}."),
    family("volume", "set volume|volume|change volume|audio volume",
           "Set the volume.|Change the loudness.",
           [whole("level|volume|value|percent", "The volume from 0 to 100", 0, 100)],
           "set the volume to {level}|turn the volume to {level}|"
           "change the volume to {level} percent|"
           "make the volume {level}|volume {level}", "", answer="the volume is {level}."),
    family("translate", "translate|translate text|translation|get translation",
           "Translate a text.|Translate a text into another language.",
           [text("text|source|input|phrase", "The text", say(tw.sentence)),
            choice("language|to|target|target language", "The language", " ".join(LANGUAGES))],
           "translate {text} into {language}|translate {text} to {language}|"
           "translate the text {text} into {language}|put {text} into {language}",
           "what is {text} in {language}?|how do you say {text} in {language}?",
           {"translation": foreign},
           "{translation}", "in {language} it is: {translation}"),
    family("search", "web search|search web|search|internet search|find online",
           "Search the web.|Search the internet.",
           [text("query|q|search query|terms", "The words to search for", of(TOPICS)),
            whole("count|limit|max results|num results", "How many results", 1, 20, False)],
           "search the web for {query}[ and show {count} results]|"
           "look for {query} on the internet[ and give me {count} results]|"
           "search the internet for {query}[, {count} results]|find pages about {query} on the web",
           "what does the web say about {query}?",
           {"title": up_title}, "{title}", "i found the page {title}."),
    family("calculator", "calculate|calculator|compute|evaluate|math eval",
           "Calculate the value of an expression.|Evaluate an expression.",
           [text("expression|expr|formula|input", "The expression", expression)],
           "calculate {expression}|compute {expression}|work out {expression}|"
           "use the calculator for {expression}|evaluate {expression}",
           "what is {expression}?|how much is {expression}?", {}, "{result}",
           "{expression} = {result}.", calculated),
    family("note", "add note|save note|create note|note|write note",
           "Save a note.|Add a note.",
           [text("text|content|note|body", "The text of the note", say(tw.sentence)),
            strings("tags|labels|topics", "The tags", tw.WORDS)],
           "save the note {text} with the tags {tags}|add a note {text} with the tags {tags}|"
           "note down {text}, tags {tags}|write a note {text} and tag it {tags}", "",
           answer="the note is saved."),
    family("notes", "find notes|search notes|query notes|get notes",
           "Search the notes.|Find notes by a word.",
           [text("word|query|text|keyword", "The word to look for", of(tw.WORDS))],
           "find my notes about {word}|search my notes for {word}|show the notes with {word}|"
           "look up {word} in my notes", "what did I note about {word}?",
           {"note": tw.sentence}, "{note}", "your note says: {note}"),
    family("customer", "get customer|find customer|customer lookup|lookup customer|load customer",
           "Look up a customer by number.|Get the data of a customer.",
           [whole("id|customer id|number|customer", "The number of the customer", 1, 99999)],
           "look up customer {id}|find customer {id}|show me customer number {id}|"
           "get the data of customer {id}", "who is customer {id}?|who is customer number {id}?",
           {"name": of(tw.NAMES), "city": of(tw.CITIES)}, "{name}, {city}",
           "customer {id} is {name} from {city}."),
    family("order", "order status|get order|track order|check order",
           "Get the status of an order.|Track an order.",
           [text("order id|id|order|order number", "The number of the order",
                 lambda rng: f"{one(rng, 'ABCX')}-{rng.randint(100, 9999)}")],
           "check the order {order}|track order {order}|show the status of order {order}|"
           "find out where order {order} is",
           "where is my order {order}?|what is the status of order {order}?|"
           "has order {order} arrived?",
           {"status": of("packed shipped delivered waiting cancelled paid".split())},
           "{status}", "order {order} is {status}."),
    family("currency", "convert currency|currency|exchange|convert money|money exchange",
           "Convert money.|Convert an amount of money to another currency.",
           [real("amount|value|sum", "The amount", 1, 500),
            text("from|source|from currency", "The currency of the amount", of(CURRENCIES[:5])),
            text("to|target|to currency", "The wanted currency", of(CURRENCIES[5:]))],
           "convert {amount} {from} to {to}|change {amount} {from} into {to}|"
           "exchange {amount} {from} for {to}|turn {amount} {from} into {to}",
           "how much is {amount} {from} in {to}?|what are {amount} {from} in {to}?",
           {"result": lambda rng: tw.decimal(rng, 1, 900)}, "{result}",
           "{amount} {from} are {result} {to}."),
    family("units", "convert units|unit convert|convert|convert unit|measure convert",
           "Convert a length.|Convert between units of length.",
           [real("value|amount|number", "The value", 1, 200),
            choice("from|from unit|source", "The unit of the value", "meters feet miles"),
            choice("to|to unit|target", "The wanted unit", "inches yards kilometers")],
           "convert {value} {from} to {to}|change {value} {from} into {to}",
           "how many {to} are {value} {from}?|how much is {value} {from} in {to}?",
           {}, "{result}", "{value} {from} are {result} {to}.", converted),
    family("todo", "add todo|add task|create task|todo add|new task",
           "Add a task to the list.|Add a task to the todo list.",
           [text("task|title|text|item", "The task", say(of(TASKS))),
            choice("priority|level|importance", "The priority", "low normal high", False)],
           "add {task} to my todo list[ with {priority} priority]|"
           "put {task} on the todo list[ with {priority} priority]|"
           "add the task {task}[ with {priority} priority]|create a task {task}"
           "[, priority {priority}]", "", answer="the task {task} is on the list."),
    family("todos", "list todos|get tasks|list tasks|show todos|todo list",
           "List the tasks.|Show the todo list.", [],
           "show my tasks|list my todos|show the todo list|read me my tasks|list all tasks",
           "what is on my todo list?|which tasks do I have?|what do I have to do?",
           {"task": of(TASKS)}, "{task}", "you have one task: {task}."),
    family("shopping", "add shopping|shopping list add|buy list|add groceries|add items",
           "Add things to the shopping list.|Put things on the shopping list.",
           [strings("items|things|products|articles", "The things to buy",
                    "milk bread eggs butter cheese apples rice pasta tea coffee salt".split())],
           "add {items} to the shopping list|put {items} on the shopping list|"
           "write {items} on my shopping list|note for shopping: {items}|"
           "remind me to buy {items}", "", answer="the shopping list now has {items}."),
    family("reminder", "set reminder|create reminder|remind|add reminder",
           "Create a reminder.|Set a reminder for a time.",
           [text("text|message|task|what", "What to remember", of(TASKS)),
            text("time|at|when", "The time", tw.clock)],
           "remind me at {time} to {text}|set a reminder at {time} to {text}|"
           "remind me to {text} at {time}|create a reminder to {text} at {time}",
           "can you remind me to {text} at {time}?",
           answer="i will remind you at {time} to {text}."),
    family("news", "get news|news|headlines|latest news|fetch news", "Get the news about a topic.|"
           "Show the latest news about a topic.",
           [text("topic|subject|about|category", "The topic",
                 of("sport science music politics travel health space business".split())),
            whole("count|limit|n", "How many news", 1, 10, False)],
           "show the news about {topic}|get the latest news about {topic}|read me the {topic} news|"
           "give me news about {topic}[, {count} items]",
           "what is new in {topic}?|what are the {topic} headlines?|any news about {topic}?",
           {"headline": tw.sentence}, "{headline}", "the news about {topic}: {headline}"),
    family("stock", "stock price|get stock|quote|share price|get quote",
           "Get the price of a stock.|Get the price of a share.",
           [text("symbol|ticker|stock|name", "The symbol of the stock", of(STOCKS))],
           "show the stock price of {symbol}|get the share price of {symbol}|"
           "look up the {symbol} stock|check the price of {symbol} shares",
           "what is the stock price of {symbol}?|how much is one share of {symbol}?|"
           "what does the {symbol} stock cost?",
           {"price": lambda rng: tw.decimal(rng, 1, 300)}, "{price}",
           "the price of {symbol} is {price}."),
    family("clock", "get time|time|current time|world clock|clock",
           "Get the time in a city.|Get the current time of a city.",
           [text("city|place|zone|location", "The name of the city", of(tw.CITIES))],
           "tell me the time in {city}|show the time in {city}|get the current time in {city}|"
           "check the clock in {city}",
           "what time is it in {city}?|how late is it in {city}?|what is the time in {city}?",
           {"time": tw.clock}, "{time}", "it is {time} in {city}."),
    family("today", "get date|today|current date|date today|what day", "Get the date of today.|"
           "Tell the current date.", [],
           "tell me the date|show the current date|get today's date|look up the date",
           "what date is it?|what is the date today?|which date is today?|what's today's date?",
           {"date": tw.date}, "{date}", "today is {date}."),
    family("contact", "find contact|get contact|contact lookup|lookup contact|address book",
           "Find a contact by name.|Look up a person in the address book.",
           [text("name|person|who|contact", "The name of the person", of(tw.NAMES))],
           "find the contact of {name}|look up {name} in the address book|"
           "show me the contact of {name}|get the phone number of {name}",
           "what is the phone number of {name}?|how can I reach {name}?",
           {"phone": lambda rng: f"0{rng.randint(100, 999)}-{rng.randint(1000, 99999)}"},
           "{phone}", "the phone number of {name} is {phone}."),
    family("phone", "call person|phone call|dial|make call|start call",
           "Call a person by phone.|Start a phone call.",
           [text("name|person|contact|who", "The name of the person", of(tw.NAMES))],
           "phone {name}|start a phone call with {name}|ring {name}|dial {name}|"
           "give {name} a ring", "", answer="calling {name}."),
    family("route", "get route|route|directions|navigate|plan route",
           "Plan a route between two cities.|Get the way from one city to another.",
           [text("start|from|origin|departure", "The start", of(tw.CITIES[:40])),
            text("end|to|destination|goal", "The destination", of(tw.CITIES[40:])),
            choice("mode|by|vehicle", "How to travel", "car train bus bike", False)],
           "plan a route from {start} to {end}[ by {mode}]|show the way from {start} to {end}"
           "[ by {mode}]|navigate from {start} to {end}[ by {mode}]|"
           "give me directions from {start} to {end}[ by {mode}]",
           "how do I get from {start} to {end}[ by {mode}]?|how far is it from {start} to {end}?",
           {"distance": between(20, 990), "hours": between(2, 12)},
           "{distance} km, {hours} hours",
           "from {start} to {end} it is {distance} km and takes {hours} hours."),
    family("places", "find places|nearby|search places|places|local search",
           "Find places in a city.|Find a place of some kind in a city.",
           [text("kind|type|category|what", "The kind of place", of(PLACES)),
            text("city|location|near|where", "The city", of(tw.CITIES))],
           "find a {kind} in {city}|look for a {kind} in {city}|show me a {kind} in {city}|"
           "search for a {kind} in {city}",
           "where is a {kind} in {city}?|is there a {kind} in {city}?",
           {"name": of(TITLES)}, "{name}", "there is the {kind} {name} in {city}."),
    family("hotel", "book hotel|hotel booking|reserve room|hotel|book room",
           "Book a hotel room.|Reserve a room in a hotel.",
           [text("city|location|where", "The city", of(tw.CITIES)),
            whole("nights|number of nights|duration", "The number of nights", 2, 14),
            whole("guests|people|persons", "The number of guests", 2, 6, False)],
           "book a hotel in {city} for {nights} nights[ for {guests} guests]|"
           "reserve a hotel room in {city} for {nights} nights[ for {guests} guests]|"
           "find me a hotel room in {city} for {nights} nights[ for {guests} people]|"
           "get a hotel in {city}, {nights} nights[, {guests} guests]", "",
           answer="the hotel in {city} is booked for {nights} nights."),
    family("table", "book table|reserve table|restaurant booking|table reservation",
           "Book a table in a restaurant.|Reserve a table.",
           [text("restaurant|name|place", "The name of the restaurant", say(of(TITLES))),
            whole("people|guests|seats|persons", "The number of people", 2, 12),
            text("time|at|hour", "The time", tw.clock)],
           "book a table at {restaurant} for {people} people at {time}|"
           "reserve a table for {people} at {restaurant} at {time}|"
           "get us a table for {people} people at {time} at {restaurant}", "",
           answer="the table for {people} people is booked at {time}."),
    family("recipe", "find recipe|get recipe|recipe|cooking recipe",
           "Find a recipe.|Get the recipe of a dish.",
           [text("dish|name|meal|food", "The dish", of(DISHES)),
            whole("people|servings|persons|portions", "The number of people", 2, 9, False)],
           "find a recipe for {dish}[ for {people} people]|show me a {dish} recipe"
           "[ for {people} people]|get the recipe of {dish}[ for {people} people]|"
           "look up how to cook {dish}[ for {people} people]",
           "how do I cook {dish}[ for {people} people]?|how is {dish} made?",
           {"minutes": between(10, 90), "main": of("flour rice eggs onions potatoes".split())},
           "{minutes} minutes, {main}", "{dish} takes {minutes} minutes and needs {main}."),
    family("dictionary", "define word|dictionary|define|lookup word|word meaning",
           "Look up the meaning of a word.|Define a word.",
           [text("word|term|entry", "The word", tw.invented)],
           "define the word {word}|look up the meaning of {word}|explain the word {word}|"
           "find {word} in the dictionary",
           "what does {word} mean?|what is the meaning of {word}?|what is a {word}?",
           {"meaning": lambda rng: f"a {one(rng, tw.ADJECTIVES)} {one(rng, tw.NOUNS)}"},
           "{meaning}", "the word {word} means {meaning}."),
    family("random", "random number|roll dice|get random|pick number|random int",
           "Get a random number.|Draw a random number between two limits.",
           [whole("min|low|from|minimum", "The smallest number", 0, 20),
            whole("max|high|to|maximum", "The largest number", 30, 1000)],
           "give me a random number between {min} and {max}|pick a number from {min} to {max}|"
           "draw a random number from {min} to {max}|choose a number between {min} and {max} at "
           "random", "", {"number": between(20, 30)}, "{number}", "the number is {number}."),
    family("open", "open url|open page|browse|fetch url|visit page",
           "Open a web page.|Fetch a web page.",
           [text("url|address|link|page", "The address of the page", tw.url)],
           "open {url}|fetch the page {url}|visit {url}|go to {url}|load {url}",
           "what is on {url}?", {"title": of(TITLES)}, "{title}", "the page is called {title}."),
    family("read", "read file|file read|load file|show file|get file",
           "Read a file.|Show the content of a file.",
           [text("path|file|filename|file path", "The path of the file", tw.path)],
           "read the file {path}|show me the file {path}|load {path}|print the content of {path}",
           "what is in {path}?|what does the file {path} contain?",
           {"text": tw.sentence}, "{text}", "the file {path} contains: {text}"),
    family("remove", "delete file|remove file|file delete|erase file", "Delete a file.",
           [text("path|file|filename|name", "The path of the file", tw.path)],
           "delete the file {path}|remove {path}|delete {path}|erase the file {path}", "",
           answer="the file {path} is deleted."),
    family("movefile", "move file|rename file|mv|file move", "Move a file.|Move or rename a file.",
           [text("source|from|old|old path", "The old path", tw.path),
            text("destination|to|new|new path", "The new path", tw.path)],
           "move {source} to {destination}|rename {source} to {destination}|"
           "move the file {source} to {destination}", "",
           answer="the file {source} is now {destination}."),
    family("query", "run query|sql|query database|execute sql|db query",
           "Run an SQL query.|Ask the database with SQL.",
           [text("query|sql|statement|q", "The SQL statement", sql)],
           "run the query {query}|ask the database: {query}|execute the SQL {query}|"
           "run this SQL: {query}", "", {"rows": between(0, 99)}, "{rows}",
           "the query gives {rows}."),
    family("count", "count rows|table size|row count|count records", "Count the rows of a table.",
           [text("table|name|table name", "The name of the table",
                 of("users orders books cars films songs games towns".split()))],
           "count the rows of the table {table}|count the records in {table}|"
           "tell me the size of the table {table}",
           "how many rows does the table {table} have?|how many records are in {table}?",
           {"rows": between(2, 9999)}, "{rows}", "the table {table} has {rows} rows."),
    family("sort", "sort numbers|sort list|order numbers|sort", "Sort a list of numbers.",
           [integers("numbers|values|list|items", "The numbers"),
            switch("descending|reverse|down", "Whether the largest comes first", "falling",
                   "rising")],
           "sort the numbers {numbers} in {descending} order|"
           "put {numbers} into {descending} order|sort {numbers}, {descending}", "", {}, "{sorted}",
           "sorted: {sorted}.", in_order),
    family("average", "average|mean|get average|compute mean", "Compute the average of numbers.",
           [integers("numbers|values|data|items", "The numbers")],
           "compute the average of {numbers}|find the mean of {numbers}|"
           "get the average of the numbers {numbers}", "what is the average of {numbers}?",
           {}, "{average}", "the average is {average}.", averaged),
    family("parcel", "ship parcel|send parcel|create shipment|new shipment",
           "Send a parcel.|Create a shipment.",
           [text("to|city|destination", "The city", of(tw.CITIES)),
            real("weight|kilograms|weight kg|kg", "The weight in kilograms", 1, 30),
            switch("express|fast|urgent", "Whether it is sent by express", "express", "normal")],
           "send a parcel of {weight} kg to {to} by {express} mail|"
           "ship {weight} kg to {to} by {express} mail|"
           "create a shipment of {weight} kg to {to}, {express} mail", "",
           answer="the parcel to {to} is on its way."),
    family("camera", "take photo|camera|capture|snap photo|take picture",
           "Take a photo with the camera.|Take a picture.", [],
           "take a photo|take a picture|make a photo with the camera|snap a photo",
           "can you take a photo?", answer="the photo is taken."),
    family("door", "lock door|door lock|set door|control door", "Lock or unlock a door.",
           [text("door|which|name", "The door", of("front back garage cellar garden".split())),
            switch("locked|lock|closed", "Whether the door is locked", "lock", "unlock")],
           "{locked} the {door} door|{locked} my {door} door|{locked} the {door} door now", "",
           answer="done."),
]

