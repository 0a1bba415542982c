"""lessons_agent: what a coding agent is asked first: make a file, show it, change it, run it.

Every case is a plan of steps, each a call and the tool's text, and one sentence at the end that
holds the result. The reasoning names the step: "First I create hello.txt. I call Write."
"""
import toolwords as tw
from agentkit import any_kit, instructions
from case import Case, assistant, calls, contains, exact, skill, system, tool, user
from toolwords import maybe, one, quoted, up


def plan(rng, thinking, kit, request, steps, answer, why, expect=None):
    """The conversation of a request: steps are (reason, (call, text)); `why` leads to the end."""
    text = instructions(rng)
    messages = [system(text)] if text else []
    messages.append(user(request))
    for reason, (made, shown) in steps:
        reasoning = f"{reason} I call {made['name']}." if thinking else ""
        messages += [assistant(reasoning=reasoning, calls=[made], expect=calls([made])),
                     tool(shown)]
    messages.append(assistant(answer, why if thinking else "", expect=expect or exact(answer)))
    key = f"{request} {steps[0][1][0]}"
    return Case(key, messages, kit.schemas(rng))


def ask(rng, *forms):
    text = one(rng, forms)
    kind = rng.random()
    if kind < 0.25:
        return f"Please {text}."
    if kind < 0.35:
        return f"Can you {text}?"
    if kind < 0.5:
        return text
    if kind < 0.55:
        return f"Could you {text}?"
    return up(text) + ("." if maybe(rng, 0.85) else "")


def text_name(rng):
    """A file's name whose ending says that it holds text."""
    name = tw.file_name(rng)
    return name[:-3] + "txt" if name.endswith(("pdf", "png")) else name


def some_path(rng):
    kind = rng.random()
    if kind < 0.6:
        return text_name(rng)
    return f"{one(rng, tw.FOLDERS)}/{text_name(rng)}" if kind < 0.8 else \
        f"/{one(rng, ('tmp', 'home', 'srv'))}/{text_name(rng)}"


def line_of(rng):
    kind = rng.random()
    if kind < 0.35:
        return tw.sentence(rng)
    if kind < 0.55:
        return one(rng, tw.WORDS)
    if kind < 0.75:
        return f"{one(rng, tw.ADJECTIVES)} {one(rng, tw.NOUNS)}"
    if kind < 0.85:
        return f"{one(rng, tw.WHOLE)} = {rng.randint(0, 999)}"
    return tw.identifier(rng)


def lines_of(rng, count):
    made = []
    while len(made) < count:
        line = line_of(rng)
        if line not in made:
            made.append(line)
    return made


def shown(path, lines):
    return f"The file {path} contains:{' ' if len(lines) == 1 else chr(10)}" + "\n".join(lines)


READ = "I have the content. I tell the user."


LATER = ["Now show it.", "Show it.", "Now read it back.", "Please show the file.", "now show it",
         "Show me the file.", "What is in it?", "Thanks. Now show the file."]


def later(rng, thinking, kit, path, text):
    """The user's next turn: to show the file that was just made."""
    made, out = kit.read(path, [text])
    answer = shown(path, [text])
    return [user(one(rng, LATER)),
            assistant(reasoning=f"I read {path}. I call {made['name']}." if thinking else "",
                      calls=[made], expect=calls([made])), tool(out),
            assistant(answer, READ if thinking else "", expect=exact(answer))]


@skill("agent.create", weight=1.5)
def create_a_file(rng, thinking):
    kit, path, text = any_kit(rng), some_path(rng), line_of(rng)
    q = quoted(rng, text)
    request = ask(rng, f"create the file {path} with the text {q}", f"write {q} to {path}",
                  f"create {path} with {q}", f"make a file {path} that contains {q}",
                  f"save the text {q} in {path}", f"put {q} into a new file {path}",
                  f"create a file named {path} with the content {q}")
    case = plan(rng, thinking, kit, request, [(f"I create {path}.", kit.write(path, [text]))],
                f"The file {path} is created.", f"{path} is written. I tell the user.")
    if maybe(rng, 0.35):
        case.messages += later(rng, thinking, kit, path, text)
    return case


@skill("agent.create_show", weight=1.8)
def create_a_file_and_show_it(rng, thinking):
    kit, path = any_kit(rng), some_path(rng)
    if maybe(rng, 0.75):
        lines = [line_of(rng)]
        what = quoted(rng, lines[0])
        forms = ("create {p} with {w}, then show it", "create {p} with the text {w} and show it",
                 "write {w} to {p} and then show me the file",
                 "make {p} containing {w}, then read it",
                 "put {w} into {p} and print the file", "create {p} with {w}. Then show it",
                 "write the text {w} into the file {p}, then display it",
                 "create the file {p} with the content {w} and then read it back")
    else:
        lines = tw.some(rng, tw.WORDS, rng.randint(2, 4))
        what = ", ".join(lines[:-1]) + " and " + lines[-1]
        forms = ("create {p} with the lines {w}, then show it",
                 "write the lines {w} to {p} and show the file",
                 "make a file {p} with the lines {w}, then read it")
    request = ask(rng, *[f.format(p=path, w=what) for f in forms])
    return plan(rng, thinking, kit, request, [
        (f"First I create {path}.", kit.write(path, lines)),
        (f"{path} is written. Now I show it.", kit.read(path, lines))], shown(path, lines), READ)


@skill("agent.show", weight=1)
def show_a_file(rng, thinking):
    kit, path = any_kit(rng), some_path(rng)
    lines = lines_of(rng, one(rng, (1, 1, 1, 2, 3)))
    request = ask(rng, f"show {path}", f"read {path}", f"show me the file {path}", f"print {path}",
                  f"tell me what is in {path}", f"display the content of {path}",
                  f"read the file {path} and show it")
    if maybe(rng, 0.3):
        request = one(rng, ("What is in {}?", "What does {} contain?", "what's in {}?",
                            "What does the file {} say?")).format(path)
    return plan(rng, thinking, kit, request, [(f"I read {path}.", kit.read(path, lines))],
                shown(path, lines), READ)


ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]


@skill("agent.line", weight=1.2)
def say_one_line(rng, thinking):
    kit, path = any_kit(rng), some_path(rng)
    lines = lines_of(rng, rng.randint(2, 6))
    n = rng.randint(1, len(lines))
    if maybe(rng, 0.12):
        n, which = len(lines), "last"
    else:
        which = one(rng, (ORDINALS[n - 1], f"{n}{('th', 'st', 'nd', 'rd')[n if n < 4 else 0]}"))
    request = ask(rng, f"read {path} and tell me the {which} line",
                  f"show the {which} line of {path}",
                  f"give me the {which} line of the file {path}", f"read line {n} of {path}",
                  f"open {path} and say line {n}", f"print the {which} line of {path}") \
        if maybe(rng, 0.6) else one(rng, (f"What is the {which} line of {path}?",
                                          f"What is in line {n} of {path}?",
                                          f"what does line {n} of {path} say?"))
    why = "\n".join(f"{i}: {line}" for i, line in enumerate(lines[:n], 1))
    return plan(rng, thinking, kit, request, [(f"I read {path}.", kit.read(path, lines))],
                f"Line {n} of {path} is: {lines[n - 1]}",
                f"{why}\nSo it is line {n}: {lines[n - 1]}")


@skill("agent.count", weight=1)
def count_the_lines(rng, thinking):
    kit, path = any_kit(rng), some_path(rng)
    lines = lines_of(rng, rng.randint(1, 8))
    request = one(rng, ("How many lines does {} have?", "How many lines are in {}?",
                        "Count the lines of {}.", "count the lines in {}",
                        "Please count the lines of the file {}.", "Read {} and count its lines.",
                        "Tell me how many lines {} has.")).format(path)
    n = len(lines)
    why = " ".join(f"{i} {line.split()[0]}" for i, line in enumerate(lines, 1))
    return plan(rng, thinking, kit, request, [(f"I read {path}.", kit.read(path, lines))],
                f"The file {path} has {n} line{'s' if n > 1 else ''}.",
                f"I count: {why}. That is {n}.")


@skill("agent.change", weight=1.8)
def change_a_word(rng, thinking):
    kit, path = any_kit(rng), some_path(rng)
    stock = one(rng, (tw.WORDS, tw.COLOURS, tw.NAMES, tw.CITIES))
    old, new = tw.some(rng, stock, 2) if maybe(rng, 0.8) else (tw.invented(rng), tw.invented(rng))
    if maybe(rng, 0.15):
        old, new = str(rng.randint(1, 99)), str(rng.randint(100, 999))
    line = one(rng, ("{}", "the {} " + one(rng, tw.NOUNS), "name = {}", "I like {}.", "{} is here.",
                     'print("{}")', "hello {}", "We go to {}.", "value: {}"))
    lines = [line.format(new)]
    if maybe(rng, 0.3):
        lines.insert(rng.randint(0, 1), tw.identifier(rng))
    o, n = (quoted(rng, old), quoted(rng, new)) if maybe(rng, 0.4) else (old, new)
    tail = one(rng, (", then show it", " and show the file", ". Then show it",
                     " and show the result",
                     ", then show me the file", " and then read it", ""))
    request = ask(rng, f"change {o} to {n} in {path}{tail}", f"replace {o} by {n} in {path}{tail}",
                  f"in {path}, replace {o} with {n}{tail}", f"edit {path}: change {o} to {n}{tail}",
                  f"replace {o} with {n} in the file {path}{tail}",
                  f"in the file {path} change {o} into {n}{tail}")
    steps = [(f"{'First ' if tail else ''}I change {old} to {new} in {path}.",
              kit.edit(path, old, new))]
    if not tail:
        return plan(rng, thinking, kit, request, steps, f"I changed {old} to {new} in {path}.",
                    "The change is made. I tell the user.")
    steps.append(("The change is made. Now I show the file.", kit.read(path, lines)))
    return plan(rng, thinking, kit, request, steps, shown(path, lines), READ)


@skill("agent.append", weight=1)
def append_a_line(rng, thinking):
    kit, path, text = any_kit(rng), some_path(rng), line_of(rng)
    lines = lines_of(rng, rng.randint(1, 3)) + [text]
    q = quoted(rng, text)
    tail = one(rng, (", then show it", " and show the file", ". Then show it", "", ""))
    request = ask(rng, f"append the line {q} to {path}{tail}",
                  f"add {q} to the end of {path}{tail}",
                  f"add the line {q} to {path}{tail}", f"append {q} to the file {path}{tail}")
    steps = [(f"{'First ' if tail else ''}I append the line to {path}.", kit.append(path, text))]
    if not tail:
        return plan(rng, thinking, kit, request, steps, f"The line is added to {path}.",
                    "The line is added. I tell the user.")
    steps.append(("The line is added. Now I show the file.", kit.read(path, lines)))
    return plan(rng, thinking, kit, request, steps, shown(path, lines), READ)


@skill("agent.list", weight=1.2)
def list_files_and_read_one(rng, thinking):
    kit = any_kit(rng)
    folder = one(rng, tw.FOLDERS) if maybe(rng, 0.4) else ""
    names = sorted({text_name(rng) for _ in range(rng.randint(1, 5))})
    where = f"the files in {folder}" if folder else one(rng, ("the files", "all files here",
                                                              "the files in this folder"))
    step = ("I list the files.", kit.list(folder, names))
    if maybe(rng, 0.45):
        request = ask(rng, f"list {where}", f"show {where}", f"give me a list of {where}")
        if maybe(rng, 0.3):
            request = f"Which files are in {folder}?" if folder else "Which files are here?"
        said = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
        return plan(rng, thinking, kit, request, [step],
                    f"There {'is' if len(names) == 1 else 'are'} {said}.",
                    "I have the list. I tell the user.")
    kind = rng.random()
    n = 0 if kind < 0.4 else len(names) - 1
    which = "first" if n == 0 and kind < 0.4 else "last"
    path = f"{folder}/{names[n]}" if folder else names[n]
    lines = [line_of(rng)]
    request = ask(rng, f"list {where} and read the {which} one", f"list {where}, then show the "
                  f"{which} one", f"look at {where} and show me the {which} one")
    return plan(rng, thinking, kit, request, [
        ("First I list the files.", step[1]),
        (f"The {which} file is {names[n]}. I read it.", kit.read(path, lines))],
        shown(path, lines), READ)


COMMANDS = [
    ("pwd", "print the working directory|show the current folder|tell me the working directory|"
     "run pwd", lambda rng: f"/home/{one(rng, tw.NAMES).lower()}/{one(rng, tw.WORDS)}"),
    ("whoami", "tell me the name of the user|show who I am|run whoami|print the user name",
     lambda rng: one(rng, tw.NAMES).lower()),
    ("date", "show the date|tell me the date with the date command|run date|print the date",
     lambda rng: f"{one(rng, tw.WEEKDAYS)[:3]} Nov {rng.randint(1, 30)} {tw.clock(rng)}:07 UTC "
     f"20{rng.randint(24, 35)}"),
    ("hostname", "show the name of this machine|run hostname|print the host name",
     lambda rng: f"{one(rng, tw.WORDS)}-{rng.randint(1, 99)}"),
    ("uname", "show the name of the system|run uname|print the kernel name",
     lambda rng: "Linux"),
    ("nproc", "show the number of processors|run nproc|count the processors",
     lambda rng: str(one(rng, (1, 2, 4, 8, 16, 32, 64)))),
    ("git status --short", "show the git status|run git status --short",
     lambda rng: f"M {tw.file_name(rng)}"),
    ("git branch --show-current", "show the current git branch|tell me the git branch",
     lambda rng: one(rng, ("main", "master", "dev", one(rng, tw.WORDS)))),
    ("git log --oneline -1", "show the last commit|print the last git commit in one line",
     lambda rng: f"{rng.getrandbits(28):07x} Fix the {one(rng, tw.NOUNS)}"),
    ("python3 --version", "show the version of python|run python3 --version",
     lambda rng: f"Python 3.{rng.randint(8, 14)}.{rng.randint(0, 20)}"),
    ("gcc --version", "show the version of gcc|run gcc --version",
     lambda rng: f"gcc {rng.randint(9, 15)}.{rng.randint(1, 4)}.0"),
    ("make", "build the project with make|run make|call make",
     lambda rng: f"built {one(rng, tw.WORDS)}"),
    ("make test", "run the tests with make|run make test|call make test",
     lambda rng: f"{rng.randint(2, 300)} tests passed"),
    ("uptime -p", "show how long the machine is up|run uptime -p",
     lambda rng: f"up {rng.randint(2, 23)} hours, {rng.randint(2, 59)} minutes")]
PROGRAMS = [("python3 {f}.py", "run the script {f}.py|run {f}.py with python3|execute {f}.py"),
            ("node {f}.js", "run the script {f}.js|run {f}.js with node|execute {f}.js"),
            ("sh {f}.sh", "run the script {f}.sh|run {f}.sh with sh|execute {f}.sh"),
            ("ls {f}", "run ls {f}|run the command ls {f}"),
            ("wc -l {f}.txt", "run wc -l {f}.txt|run the command wc -l {f}.txt"),
            ("./{f}", "run ./{f}|start ./{f}|run the program ./{f}"),
            ("echo {f}", "run echo {f}|run the command echo {f}")]


@skill("agent.run", weight=1.5)
def run_a_command(rng, thinking):
    kit = any_kit(rng)
    if maybe(rng, 0.5):
        command, forms, made = one(rng, COMMANDS)
        output = made(rng)
    else:
        word = one(rng, tw.WORDS) if maybe(rng, 0.7) else tw.invented(rng)
        command, forms = (t.format(f=word) for t in one(rng, PROGRAMS))
        output = word if command.startswith("echo") else f"{rng.randint(1, 99)} {word}.txt" \
            if command.startswith("wc") else tw.file_name(rng) if command.startswith("ls") else \
            one(rng, (tw.sentence, lambda r: str(r.randint(0, 9999)), tw.identifier))(rng)
    tail = one(rng, ("", "", " and tell me the output", " and report the output",
                     ", then tell me the result"))
    request = ask(rng, *[f + tail for f in forms.split("|")])
    if maybe(rng, 0.15):
        word = command.split()[0]
        output = one(rng, (f"sh: {word}: not found", f"bash: {word}: command not found",
                           f"{word}: permission denied", f"{word}: error {rng.randint(1, 99)}",
                           f"Error: {word} stopped with exit code {rng.randint(1, 9)}"))
        kit.exit_code = ""
        return plan(rng, thinking, kit, request, [(f"I run {command}.", kit.run(command, output))],
                    f"The command failed: {output}", "It failed. I tell the user.",
                    contains(output))
    return plan(rng, thinking, kit, request, [(f"I run {command}.", kit.run(command, output))],
                f"The output is: {output}", "I have the output. I tell the user.",
                contains(output))


def script(rng):
    """(what it does in words, extension, command, lines, output) of a script of a line or two."""
    word = one(rng, (lambda r: one(r, tw.WORDS), tw.sentence, tw.invented))(rng)
    kind, language = rng.random(), one(rng, ("python", "python", "shell", "javascript"))
    ext, command = {"python": ("py", "python3"), "shell": ("sh", "sh"),
                    "javascript": ("js", "node")}[language]
    if kind < 0.6:
        line = {"python": 'print("{}")', "shell": 'echo "{}"', "javascript": 'console.log("{}");'}
        says = quoted(rng, word)
        return f"prints {says}", language, ext, command, [line[language].format(word)], word
    if kind < 0.85:
        a, b = rng.randint(1, 50), rng.randint(1, 50)
        line = {"python": f"print({a} + {b})", "shell": f"echo $(({a} + {b}))",
                "javascript": f"console.log({a} + {b});"}
        return f"prints {a} + {b}", language, ext, command, [line[language]], str(a + b)
    n = rng.randint(2, 5)
    lines = {"python": [f"for i in range(1, {n + 1}):", "    print(i)"],
             "shell": [f"for i in $(seq 1 {n}); do echo $i; done"],
             "javascript": [f"for (let i = 1; i <= {n}; i++) console.log(i);"]}
    return f"prints the numbers from 1 to {n}", language, ext, command, lines[language], \
        "\n".join(str(i) for i in range(1, n + 1))


@skill("agent.script", weight=1.5)
def write_a_script_and_run_it(rng, thinking):
    kit = any_kit(rng)
    while "write" not in kit.tools:  # the quotes of a script inside those of a shell: not here
        kit = any_kit(rng)
    does, language, ext, command, lines, output = script(rng)
    path = f"{one(rng, tw.WORDS)}.{ext}"
    request = ask(rng, f"write a {language} script {path} that {does} and run it",
                  f"create {path} that {does}, then run it",
                  f"write a script {path} in {language} that {does}. Then run it",
                  f"make a small {language} program {path} that {does} and run it")
    gap = "\n" if "\n" in output else " "
    return plan(rng, thinking, kit, request, [
        (f"First I write {path}.", kit.write(path, lines)),
        (f"{path} is written. Now I run it.", kit.run(f"{command} {path}", output))],
        f"The output is:{gap}{output}", "I have the output. I tell the user.")


@skill("agent.missing_file", weight=1)
def a_file_that_is_not_there(rng, thinking):
    kit, path = any_kit(rng), some_path(rng)
    step = (f"I read {path}.", kit.missing(path))
    if maybe(rng, 0.5):
        request = ask(rng, f"show {path}", f"read {path}", f"show me the file {path}",
                      f"tell me what is in {path}", f"count the lines of {path}",
                      f"read the first line of {path}")
        return plan(rng, thinking, kit, request, [step], f"The file {path} does not exist.",
                    "The file is not there. I tell the user.")
    text = line_of(rng)
    q = quoted(rng, text)
    request = ask(rng, f"show {path}. If it does not exist, create it with {q}",
                  f"read {path}, and if it is not there, create it with the text {q}",
                  f"read {path} or, if there is none, create it with {q}")
    return plan(rng, thinking, kit, request, [
        step, (f"{path} does not exist. I create it.", kit.write(path, [text]))],
        f"The file {path} did not exist. I created it.", f"{path} is written. I tell the user.")


@skill("agent.search", weight=0.6)
def find_a_word_in_files(rng, thinking):
    kit, word = any_kit(rng), one(rng, tw.WORDS) if maybe(rng, 0.6) else tw.invented(rng)
    names = sorted({text_name(rng) for _ in range(rng.randint(1, 3))})
    request = ask(rng, f"find the files that contain {word}", f"search the files for {word}",
                  f"look for {word} in all files", f"search for the word {word} in the files")
    if maybe(rng, 0.3):
        request = f"Which files contain {word}?"
    said = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return plan(rng, thinking, kit, request, [(f"I search for {word}.", kit.search(word, names))],
                f"{word} is in {said}.", "I have the files. I tell the user.")


@skill("agent.shell", weight=1)
def move_copy_remove_make(rng, thinking):
    kit = any_kit(rng)
    a, b, d = some_path(rng), some_path(rng), one(rng, tw.WORDS)
    what, command, forms, answer = one(rng, (
        (f"I delete {a}.", f"rm {a}", f"delete {a}|delete the file {a}|remove {a}",
         f"The file {a} is deleted."),
        (f"I copy {a}.", f"cp {a} {b}", f"copy {a} to {b}|make a copy of {a} named {b}",
         f"The file {a} is copied to {b}."),
        (f"I rename {a}.", f"mv {a} {b}", f"rename {a} to {b}|move {a} to {b}",
         f"The file {a} is moved to {b}."),
        (f"I make the folder {d}.", f"mkdir {d}",
         f"create the folder {d}|make a folder {d}|make a directory named {d}",
         f"The folder {d} is created.")))
    return plan(rng, thinking, kit, ask(rng, *forms.split("|")), [(what, kit.run(command))], answer,
                "It is done. I tell the user.")
