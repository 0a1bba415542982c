"""lessons_numbers: adding, subtracting, multiplying, comparing, counting, and small stories.

Worked reasoning goes digit by digit from the right, every step a sum that fits into one glance:

    47+85   7+5=12, write 2, carry 1. 4+8+1=13, write 13. So 132.
    52-38   2-8: borrow, 12-8=4, write 4. 5-3-1=1, write 1. So 14.

The last column writes all of its sum; a result of a subtraction sheds its leading zeros at the end.
"""
from asking import ask, big, pick
from case import matches, number, skill

# ---- worked columns

def digits_of(value, width):
    return [int(d) for d in reversed(str(value).rjust(width, "0"))]


def worked_sum(a, b):
    width = max(len(str(a)), len(str(b)))
    steps, carry = [], 0
    for i, (x, y) in enumerate(zip(digits_of(a, width), digits_of(b, width))):
        total = x + y + carry
        step = f"{x}+{y}{'+1' if carry else ''}={total}, write "
        carry = total // 10
        if i == width - 1:
            step += f"{total}."
        else:
            step += f"{total % 10}" + (", carry 1." if carry else ".")
        steps.append(step)
    return f"{' '.join(steps)} So {a + b}."


def worked_difference(a, b):
    """a >= b."""
    width = len(str(a))
    steps, borrowed = [], 0
    for x, y in zip(digits_of(a, width), digits_of(b, width)):
        left = x - borrowed
        less = f"{x}-{y}{'-1' if borrowed else ''}"
        if left < y:
            more = f"{x + 10}-{y}{'-1' if borrowed else ''}"
            steps.append(f"{less}: borrow, {more}={left + 10 - y}, write {left + 10 - y}.")
            borrowed = 1
        else:
            steps.append(f"{less}={left - y}, write {left - y}.")
            borrowed = 0
    return f"{' '.join(steps)} So {a - b}."


def thought_of_sum(a, b):
    return f"{a}+{b}={a + b}." if a + b < 20 and a < 10 and b < 10 else worked_sum(a, b)


def thought_of_difference(a, b):
    if a < b:
        return f"{a} is less than {b}, so the result is negative. {b}-{a}: " \
               f"{thought_of_difference(b, a)} The result is {a - b}."
    return f"{a}-{b}={a - b}." if a < 20 and b < 10 else worked_difference(a, b)


SUM_FORMS = (
    "What is {a} + {b}?", "What is {a}+{b}?", "{a} + {b} =", "{a}+{b}=", "{a}+{b}", "{a} + {b}",
    "What is {a} plus {b}?", "Calculate {a} plus {b}.", "Calculate {a} + {b}.", "Add {a} and {b}.",
    "How much is {a} + {b}?", "How much is {a} plus {b}?", "{a} plus {b}", "{a} + {b} = ?",
    "{a}+{b}=?", "Compute {a}+{b}.", "What is the sum of {a} and {b}?", "What do {a} and {b} make?",
    "Can you add {a} and {b}?", "Please calculate {a}+{b}.", "I need {a} + {b}.", "{a} + {b}?",
    "What does {a} + {b} equal?", "Work out {a} + {b}.", "Sum of {a} and {b}?",
    "Give me the result of {a} + {b}.", "Solve {a}+{b}.", "What's {a}+{b}?", "What's {a} plus {b}?")
DIFFERENCE_FORMS = (
    "What is {a} - {b}?", "What is {a}-{b}?", "{a} - {b} =", "{a}-{b}=", "{a}-{b}", "{a} - {b}",
    "What is {a} minus {b}?", "Calculate {a} minus {b}.", "Calculate {a} - {b}.",
    "Subtract {b} from {a}.", "How much is {a} - {b}?", "How much is {a} minus {b}?",
    "{a} minus {b}", "{a} - {b} = ?", "{a}-{b}=?", "Compute {a}-{b}.", "Take {b} away from {a}.",
    "What is the difference of {a} and {b}?", "Can you subtract {b} from {a}?",
    "Please calculate {a}-{b}.", "I need {a} - {b}.", "{a} - {b}?", "What does {a} - {b} equal?",
    "Work out {a} - {b}.", "Give me the result of {a} - {b}.", "Solve {a}-{b}.", "What's {a}-{b}?",
    "What's {a} minus {b}?")
PRODUCT_FORMS = (
    "What is {a} x {b}?", "What is {a}*{b}?", "{a} * {b} =", "{a}x{b}", "{a} x {b} =", "{a}*{b}",
    "What is {a} times {b}?", "Calculate {a} times {b}.", "Calculate {a} * {b}.",
    "Multiply {a} by {b}.", "How much is {a} x {b}?", "How much is {a} times {b}?",
    "{a} times {b}", "{a} x {b} = ?", "Compute {a}*{b}.", "What is the product of {a} and {b}?",
    "Multiply {a} and {b}.", "Please calculate {a} x {b}.", "What's {a} times {b}?",
    "What's {a}*{b}?")
QUOTIENT_FORMS = (
    "What is {a} / {b}?", "{a} / {b} =", "{a}/{b}", "What is {a} divided by {b}?",
    "Calculate {a} divided by {b}.", "Divide {a} by {b}.", "How much is {a} / {b}?",
    "How much is {a} divided by {b}?", "{a} divided by {b}", "{a} / {b} = ?", "Compute {a}/{b}.",
    "How many times does {b} go into {a}?", "What's {a}/{b}?")


def add(rng, thinking, a, b, key=""):
    question = pick(rng, SUM_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"{a} + {b} = {a + b}.", number(a + b),
               thought_of_sum(a, b), key or f"{a}+{b}")


def subtract(rng, thinking, a, b, key=""):
    question = pick(rng, DIFFERENCE_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"{a} - {b} = {a - b}.", number(a - b),
               thought_of_difference(a, b), key or f"{a}-{b}")


@skill("arith.add1", weight=0.8)
def add_one_digit(rng, thinking):
    a, b = rng.randint(0, 9), rng.randint(0, 9)
    question = pick(rng, SUM_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"{a} + {b} = {a + b}.", number(a + b),
               thought_of_sum(a, b))


@skill("arith.sub1", weight=0.8)
def subtract_one_digit(rng, thinking):
    a, b = rng.randint(0, 18), rng.randint(0, 9)
    question = pick(rng, DIFFERENCE_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"{a} - {b} = {a - b}.", number(a - b),
               thought_of_difference(a, b))


@skill("arith.add2", weight=4)
def add_two_digits(rng, thinking):
    return add(rng, thinking, rng.randint(10, 99), rng.randint(10, 99))


@skill("arith.sub2", weight=4)
def subtract_two_digits(rng, thinking):
    a, b = rng.randint(10, 99), rng.randint(10, 99)
    if a < b and rng.random() < 0.6:
        a, b = b, a
    return subtract(rng, thinking, a, b)


@skill("arith.add3", weight=1.9)
def add_three_digits(rng, thinking):
    a, b = rng.randint(100, 999), rng.randint(100, 999)
    if rng.random() < 0.3:
        b = rng.randint(1, 99)
        if rng.random() < 0.4:
            a, b = b, a
    return add(rng, thinking, a, b)


@skill("arith.sub3", weight=1.9)
def subtract_three_digits(rng, thinking):
    a, b = rng.randint(100, 999), rng.randint(100, 999)
    if rng.random() < 0.3:
        b = rng.randint(1, 99)
    if a < b and rng.random() < 0.85:
        a, b = b, a
    return subtract(rng, thinking, a, b)


@skill("arith.add12", weight=0.8)
def add_mixed(rng, thinking):
    """One digit and two, either way round."""
    a, b = rng.randint(10, 99), rng.randint(0, 9)
    if rng.random() < 0.4:
        return subtract(rng, thinking, a, b)
    return add(rng, thinking, *((a, b) if rng.random() < 0.6 else (b, a)))


@skill("arith.sum3", weight=0.7)
def add_three_numbers(rng, thinking):
    a, b, c = (rng.randint(1, 20) for _ in range(3))
    question = pick(rng, ("What is {a} + {b} + {c}?", "{a}+{b}+{c}", "Add {a}, {b} and {c}.",
                          "{a} + {b} + {c} =", "What is the sum of {a}, {b} and {c}?",
                          "How much is {a} plus {b} plus {c}?")).format(a=a, b=b, c=c)
    return ask(rng, thinking, question, f"{a} + {b} + {c} = {a + b + c}.", number(a + b + c),
               f"{a}+{b}={a + b}. {a + b}+{c}={a + b + c}.", f"{a}+{b}+{c}")


# ---- multiplication and division

def thought_of_product(a, b):
    if a > 10 and b > 10:
        return f"10x{b}={10 * b}. {a - 10}x{b}={(a - 10) * b}. {10 * b}+{(a - 10) * b}={a * b}."
    if a > 10 or b > 10:
        large, one = max(a, b), min(a, b)
        tens, ones = large // 10 * 10, large % 10
        if not ones:
            return f"{large // 10}x{one}={large // 10 * one}. So {a * b}."
        return f"{tens}x{one}={tens * one}. {ones}x{one}={ones * one}. " \
               f"{tens * one}+{ones * one}={a * b}."
    return f"{a}x{b}={a * b}."


@skill("arith.mul", weight=1.0)
def multiply_from_table(rng, thinking):
    a, b = rng.randint(0 if rng.random() < 0.2 else 2, 12), rng.randint(1, 12)
    question = pick(rng, PRODUCT_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"{a} x {b} = {a * b}.", number(a * b),
               thought_of_product(a, b))


@skill("arith.mul21", weight=0.7)
def multiply_two_digits_by_one(rng, thinking):
    a, b = rng.randint(13, 99), rng.randint(2, 9)
    question = pick(rng, PRODUCT_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"{a} x {b} = {a * b}.", number(a * b),
               thought_of_product(a, b), f"{a}x{b}")


@skill("arith.div", weight=0.5)
def divide_within_table(rng, thinking):
    b, c = rng.randint(1, 12), rng.randint(1, 12)
    question = pick(rng, QUOTIENT_FORMS).format(a=b * c, b=b)
    return ask(rng, thinking, question, f"{b * c} / {b} = {c}.", number(c),
               f"{b}x{c}={b * c}. So {c}.")


# ---- comparing

def drawn(rng):
    return rng.randint(0, pick(rng, (9, 20, 99, 99, 99, 999, 999)))


def near(rng, value):
    """Often a number that is easily confused with it."""
    r = rng.random()
    if r < 0.2:
        return max(0, value + pick(rng, (-2, -1, 1, 2, 10, -10)))
    if r < 0.35:
        return int(str(value)[::-1])
    return drawn(rng)


def two_numbers(rng):
    while True:
        a = drawn(rng)
        b = near(rng, a)
        if a != b:
            return a, b


def worked_order(a, b):
    """"54 and 57: 2 digits each. 5=5. 4<7. So 54 is less." """
    s, t = str(a), str(b)
    which = f"So {a} is {'less' if a < b else 'more'}."
    if len(s) != len(t):
        return f"{a} has {len(s)} digit{'s' * (len(s) > 1)}, {b} has {len(t)}. {which}"
    steps = []
    for x, y in zip(s, t):
        steps.append(f"{x}{'=' if x == y else '<' if x < y else '>'}{y}.")
        if x != y:
            break
    return f"{' '.join(steps)} {which}"


LARGER_FORMS = ("Which is larger, {a} or {b}?", "Which number is larger: {a} or {b}?",
                "Which is bigger, {a} or {b}?", "What is more, {a} or {b}?",
                "Which is greater, {a} or {b}?", "Is {a} or {b} larger?", "Larger: {a} or {b}?",
                "Compare {a} and {b}. Which is larger?", "Tell me the larger of {a} and {b}.",
                "Which of {a} and {b} is the larger number?")
SMALLER_FORMS = ("Which is smaller, {a} or {b}?", "Which number is smaller: {a} or {b}?",
                 "What is less, {a} or {b}?", "Which is less, {a} or {b}?",
                 "Is {a} or {b} smaller?", "Smaller: {a} or {b}?",
                 "Compare {a} and {b}. Which is smaller?", "Tell me the smaller of {a} and {b}.",
                 "Which of {a} and {b} is the smaller number?")


@skill("arith.larger", weight=0.9)
def larger(rng, thinking):
    a, b = two_numbers(rng)
    up = rng.random() < 0.55
    best = max(a, b) if up else min(a, b)
    question = pick(rng, LARGER_FORMS if up else SMALLER_FORMS).format(a=a, b=b)
    return ask(rng, thinking, question, f"The {'larger' if up else 'smaller'} number is {best}.",
               number(best), worked_order(a, b), f"{up} {a} {b}")


RELATIONS = (("is less than", "<", lambda a, b: a < b), ("is more than", ">", lambda a, b: a > b))
RELATION_FORMS = (("Is {a} less than {b}?", "Is {a} smaller than {b}?", "Is {a} < {b}?",
                   "{a} < {b}?", "True or false: {a} is less than {b}?", "Is {a} below {b}?"),
                  ("Is {a} more than {b}?", "Is {a} larger than {b}?", "Is {a} > {b}?",
                   "{a} > {b}?", "Is {a} bigger than {b}?", "Is {a} greater than {b}?",
                   "Is {a} above {b}?"))


@skill("arith.compare", weight=0.7)
def compare(rng, thinking):
    a, b = two_numbers(rng)
    which = rng.randrange(2)
    question = pick(rng, RELATION_FORMS[which]).format(a=a, b=b)
    if question.startswith("True"):
        answer = ("True: " if a < b else "False: ")
    else:
        answer = "Yes, " if RELATIONS[which][2](a, b) else "No, "
    told = f"{a} is {'less' if a < b else 'more'} than {b}."
    return ask(rng, thinking, question, answer + told, matches("^" + answer[:-2]),
               worked_order(a, b), f"{which} {a} {b}")


@skill("arith.extreme", weight=0.8)
def extreme(rng, thinking):
    """The largest or smallest of a list; the reasoning keeps the best so far."""
    top = pick(rng, (9, 30, 99, 99, 999))
    values = rng.sample(range(top + 1), rng.randint(3, 7))
    up = rng.random() < 0.5
    best = max(values) if up else min(values)
    word = pick(rng, ("largest", "biggest", "greatest") if up else ("smallest", "least"))
    forms = ("What is the {w} number of {l}?", "Which is the {w} number: {l}?", "Find the {w}: {l}",
             "Which of these is the {w}: {l}?", "What is the {m} of {l}?", "{m} of {l}",
             "Tell me the {w} number in this list: {l}", "Give me the {m} of these numbers: {l}")
    listed = (", " if rng.random() < 0.75 else " ").join(map(str, values))
    question = big(pick(rng, forms).format(w=word, m="maximum" if up else "minimum", l=listed))
    run, kept = [], values[0]
    for v in values:
        kept = max(kept, v) if up else min(kept, v)
        run.append(str(kept))
    return ask(rng, thinking, question, f"The {'largest' if up else 'smallest'} number is {best}.",
               number(best), f"Best so far: {', '.join(run)}.", f"{up} {listed}")


@skill("arith.even", weight=0.8)
def even(rng, thinking):
    n = drawn(rng)
    kind = "odd" if n % 2 else "even"
    other = "even" if n % 2 else "odd"
    thought = f"The last digit of {n} is {n % 10}, which is {kind}."
    r = rng.random()
    if r < 0.5:
        question = pick(rng, ("Is {n} even or odd?", "Is {n} odd or even?", "Even or odd: {n}?",
                              "{n}: even or odd?", "Tell me if {n} is even or odd."))
        answer, must = f"{n} is {kind}.", matches(f"is {kind}")
        said = ""
    else:
        said = kind if r < 0.75 else other
        question = pick(rng, ("Is {n} {k}?", "Is {n} an {k} number?", "Is the number {n} {k}?"))
        answer = f"Yes, {n} is {kind}." if said == kind else f"No, {n} is {kind}."
        must = matches("^Yes" if said == kind else "^No")
    return ask(rng, thinking, question.format(n=n, k=said), answer, must, thought, f"{said} {n}")


# ---- counting

@skill("arith.next", weight=0.6)
def next_number(rng, thinking):
    n = drawn(rng) + 1
    up = rng.random() < 0.5
    forms = ("What number comes after {n}?", "Which number is next after {n}?",
             "What comes after {n}?",
             "What is the next number after {n}?", "What is one more than {n}?",
             "Which number follows {n}?") if up else (
             "What number comes before {n}?", "What comes before {n}?",
             "What is one less than {n}?",
             "Which number is just before {n}?", "What is the number before {n}?")
    m = n + 1 if up else n - 1
    return ask(rng, thinking, pick(rng, forms).format(n=n),
               f"The number {'after' if up else 'before'} {n} is {m}.", number(m),
               f"{n}{'+' if up else '-'}1={m}.", f"{up} {n}")


@skill("arith.count", weight=0.8)
def count(rng, thinking):
    length = rng.randint(3, 15)
    a = rng.randint(0, pick(rng, (1, 10, 90, 300)))
    step = pick(rng, (1, 1, 1, 1, 2, 5, 10))
    values = [a + step * i for i in range(length)]
    down = rng.random() < 0.35
    if down:
        values.reverse()
    by = f" by {step}" if step > 1 else ""
    by_forms = ("Count from {a} to {b}{by}.", "Please count from {a} to {b}{by}.",
                "Can you count from {a} to {b}{by}?", "Count {d} from {a} to {b}{by}.")
    more = ("Write the numbers from {a} to {b}.", "List the numbers from {a} to {b}.",
            "Give me all numbers from {a} to {b}.") if step == 1 and not down else ()
    if more and a == 1:
        more += ("Count to {b}.", "Please count to {b}.", "Can you count to {b}?")
    question = pick(rng, by_forms + more).format(
        a=values[0], b=values[-1], by=by, d="down" if down else "up")
    sign = "-" if down else "+"
    return ask(rng, thinking, question, ", ".join(map(str, values)), matches(
        "^" + ", ".join(map(str, values)) + "[.]?$"),
        f"Start at {values[0]}, go on with {sign}{step}, stop at {values[-1]}.",
        f"{values[0]} {values[-1]} {step}")


@skill("arith.double", weight=0.6)
def double(rng, thinking):
    n = rng.randint(1, 99)
    if rng.random() < 0.5:
        forms = ("What is double {n}?", "Double {n}.", "What is twice {n}?",
                 "How much is twice {n}?",
                 "What is the double of {n}?", "What is 2 times {n}?")
        return ask(rng, thinking, pick(rng, forms).format(n=n), f"Double {n} is {2 * n}.",
                   number(2 * n), thought_of_sum(n, n), f"double {n}")
    forms = ("What is half of {n}?", "Halve {n}.", "How much is half of {n}?",
             "What is the half of {n}?", "Give me half of {n}.")
    return ask(rng, thinking, pick(rng, forms).format(n=2 * n), f"Half of {2 * n} is {n}.",
               number(n), f"{n}+{n}={2 * n}. So {n}.", f"half {n}")


# ---- small stories

HE = "Tom Ben Max Leo Paul Sam Peter Hugo Adam David Jack Noah Oscar Felix Martin Simon".split()
SHE = "Anna Maria Lena Sara Emma Nina Julia Clara Eva Ida Mia Ella Alice Kate Laura Zoe".split()
THINGS = """apples books pencils coins stamps marbles cookies eggs balls flowers cards stones shells
oranges pears nuts candles buttons toys cups plates keys boxes stickers bananas""".split()
# (text, question, sign, what the answer says of the result)
STORIES = (
    ("{p} has {a} {t} and buys {b} more.", "How many {t} does {p} have now?", 1,
     "{p} has {r} {t}."),
    ("{p} has {a} {t}. {q} gives {p} {b} more.", "How many {t} does {p} have?", 1,
     "{p} has {r} {t}."),
    ("{p} has {a} {t}. {he} finds {b} {t}.", "How many {t} does {he2} have now?", 1,
     "{p} has {r} {t}."),
    ("{p} has {a} {t} and {q} has {b} {t}.", "How many {t} do they have together?", 1,
     "Together they have {r} {t}."),
    ("There are {a} {t} on the table and {b} {t} on the floor.", "How many {t} are there?", 1,
     "There are {r} {t}."),
    ("A box holds {a} {t}. {p} puts {b} more into it.", "How many {t} are in the box?", 1,
     "There are {r} {t} in the box."),
    ("{p} has {a} {t} and gives {b} to {q}.", "How many {t} does {p} have left?", -1,
     "{p} has {r} {t} left."),
    ("{p} has {a} {t} and loses {b} of them.", "How many {t} are left?", -1, "{r} {t} are left."),
    ("There are {a} {t} in a bag. {p} takes {b} out.", "How many {t} are left in the bag?", -1,
     "{r} {t} are left in the bag."),
    ("{p} had {a} {t}. {he} sold {b}.", "How many {t} does {he2} still have?", -1,
     "{p} has {r} {t} left."),
    ("{p} has {a} {t}. {q} has {b} {t}.", "How many more {t} does {p} have than {q}?", -1,
     "{p} has {r} {t} more than {q}."),
    ("{p} has {a} boxes with {b} {t} each.", "How many {t} are there in all?", 2,
     "There are {r} {t} in all."),
    ("There are {a} rows of {b} {t}.", "How many {t} are there?", 2, "There are {r} {t}."),
    ("{p} buys {b} {t}. Each costs {a} dollars.", "How many dollars does {p} pay?", 2,
     "{p} pays {r} dollars."),
    ("{p} reads {a} pages a day.", "How many pages does {p} read in {b} days?", 2,
     "{p} reads {r} pages."),
)


@skill("arith.story", weight=1.4)
def story(rng, thinking):
    text, question, sign, told = pick(rng, STORIES)
    man = rng.random() < 0.5
    p = pick(rng, HE if man else SHE)
    q = pick(rng, SHE if man else HE)
    if sign == 2:
        a, b = rng.randint(2, 10), rng.randint(2, 10)
        r, thought = a * b, f"{a}x{b}={a * b}."
    else:
        top = pick(rng, (9, 20, 60))
        a, b = rng.randint(2, top), rng.randint(2, top)
        if sign < 0:
            a, b = max(a, b) + 2, min(a, b)
        r = a + sign * b
        thought = (f"{a}+{b}: " + thought_of_sum(a, b)) if sign > 0 else (
            f"{a}-{b}: " + thought_of_difference(a, b))
    words = {"p": p, "q": q, "a": a, "b": b, "r": r, "t": pick(rng, THINGS),
             "he": "He" if man else "She", "he2": "he" if man else "she"}
    asked = f"{text} {question}".format_map(words)
    return ask(rng, thinking, asked, told.format_map(words), number(r), thought)
