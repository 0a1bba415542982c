"""agentkit: the tools of coding agents and what they answer.

A Kit is one agent's set of tools: how it runs a command, reads, writes, edits, lists and searches.
Its methods make a step: (call, text of the tool). Where an agent has no tool of its own for a step,
the command line does it, always in the same words:

    write  echo 'TEXT' > FILE           show    cat FILE         list    ls [FOLDER]
    append echo 'TEXT' >> FILE          change  sed -i 's/OLD/NEW/' FILE
    search grep -rl WORD .              count   wc -l FILE
"""
from dataclasses import dataclass, field

import toolwords as tw
from case import call
from toolwords import maybe, one, written


@dataclass
class Tool:
    name: str
    about: str
    parameters: list          # (name, type, about, required)

    def schema(self, rng):
        properties = {}
        for name, kind, about, _ in self.parameters:
            entry = {"type": "array", "items": {"type": "string"}} if kind == "array" else \
                {"type": kind}
            properties[name] = {**entry, "description": about} if about else entry
        shape = {"type": "object", "properties": properties,
                 "required": [p[0] for p in self.parameters if p[3]]}
        if maybe(rng, 0.25):
            shape["additionalProperties"] = False
        return {"name": self.name, "description": self.about, "parameters": shape}


@dataclass
class Kit:
    tools: dict               # role -> Tool: run read write edit list search
    numbers: str = ""         # how a read line is numbered: "tab", "bar" or not
    wrote: str = "ok"
    edited: str = "ok"
    array: bool = False       # the command is a list: ["bash", "-lc", COMMAND]
    exit_code: str = ""
    others: list = field(default_factory=list)

    def schemas(self, rng):
        made = [t.schema(rng) for t in list(self.tools.values()) + self.others]
        if maybe(rng, 0.3):
            rng.shuffle(made)
        return made

    def named(self, role, *values):
        """A call of a role's tool with its required parameters, in the schema's order."""
        t = self.tools[role]
        left, arguments = list(values), {}
        for name, _, _, must in t.parameters:
            if must and left:
                arguments[name] = left.pop(0)
            elif must:
                arguments[name] = "Run the command"
        return call(t.name, arguments)

    def run(self, command, output=""):
        shown = output
        if self.exit_code:
            shown = self.exit_code.format(output=output)
        value = ["bash", "-lc", command] if self.array else command
        return self.named("run", value), shown or "(no output)"

    def write(self, path, lines):
        if "write" in self.tools:
            return self.named("write", path, "\n".join(lines)), self.wrote.format(path=path)
        text = "\n".join(lines)
        if len(lines) == 1:
            return self.run(f"echo '{text}' > {path}")
        return self.run("printf '" + "\\n".join(lines) + "\\n' > " + path)

    def shown(self, lines):
        if self.numbers == "tab":
            return "\n".join(f"{i:6d}\t{line}" for i, line in enumerate(lines, 1))
        if self.numbers == "bar":
            return "<file>\n" + "\n".join(f"{i:05d}| {line}" for i, line in enumerate(lines, 1)) + \
                f"\n\n(End of file - total {len(lines)} lines)\n</file>"
        return "\n".join(lines)

    def read(self, path, lines):
        if "read" in self.tools:
            return self.named("read", path), self.shown(lines)
        return self.run(f"cat {path}", "\n".join(lines))

    def missing(self, path):
        if "read" in self.tools:
            text = {"tab": "File does not exist.", "bar": f"Error: File not found: {path}"}
            return self.named("read", path), text.get(
                self.numbers, f"Error: ENOENT: no such file or directory, open '{path}'")
        return self.run(f"cat {path}", f"cat: {path}: No such file or directory")

    def edit(self, path, old, new):
        if "edit" in self.tools:
            return self.named("edit", path, old, new), self.edited.format(path=path)
        return self.run(f"sed -i 's/{old}/{new}/' {path}")

    def append(self, path, text):
        return self.run(f"echo '{text}' >> {path}")

    def list(self, folder, names):
        if "list" in self.tools:
            return self.named("list", folder or "."), "\n".join(names)
        return self.run(f"ls {folder}" if folder else "ls", "\n".join(names))

    def search(self, word, names):
        if "search" in self.tools:
            return self.named("search", word), "\n".join(names)
        return self.run(f"grep -rl {word} .", "\n".join("./" + n for n in names))


S, N, B = "string", "integer", "boolean"
MORE = ["The result is plain text.", "Use it only when it is needed.", "Errors come back as text.",
        "Paths may be relative to the working directory.", "Read a file before you change it.",
        "Do not use it for anything else.", "Long results are cut.", "Quote paths with blanks."]


def about(rng, text):
    """A description, sometimes with the further sentences that real ones have."""
    if maybe(rng, 0.3):
        return " ".join([text] + tw.some(rng, MORE, rng.randint(1, 4)))
    return text


def claude(rng):
    return Kit({
        "run": Tool("Bash", about(rng, "Executes a bash command and returns its output."),
                    [("command", S, "The command to execute", True),
                     ("timeout", "number", "Optional timeout in milliseconds", False),
                     ("description", S, "What the command does, in a few words", False)]),
        "read": Tool("Read", about(rng, "Reads a file from the local filesystem."),
                     [("file_path", S, "The path of the file to read", True),
                      ("offset", "number", "The line to start from", False),
                      ("limit", "number", "The number of lines", False)]),
        "edit": Tool("Edit", about(rng, "Replaces a string in a file."),
                     [("file_path", S, "The path of the file to change", True),
                      ("old_string", S, "The text to replace", True),
                      ("new_string", S, "The text to replace it with", True),
                      ("replace_all", B, "Replace all of them", False)]),
        "write": Tool("Write", about(rng, "Writes a file to the local filesystem."),
                      [("file_path", S, "The path of the file to write", True),
                       ("content", S, "The content of the file", True)]),
        "search": Tool("Grep", about(rng, "Searches the contents of files."),
                       [("pattern", S, "The pattern to search for", True),
                        ("path", S, "The file or folder to search", False)])},
        numbers="tab", wrote="File created successfully at: {path}",
        edited="The file {path} has been updated.",
        others=[Tool("Glob", "Finds files by a pattern.",
                     [("pattern", S, "The pattern", True), ("path", S, "The folder", False)])]
        if maybe(rng, 0.7) else [])


def codex(rng):
    if maybe(rng, 0.5):
        run = Tool("shell", about(rng, "Runs a shell command and returns its output."),
                   [("command", "array", "The command to execute", True),
                    ("workdir", S, "The working directory", False),
                    ("timeout_ms", "number", "The timeout in milliseconds", False)])
        return Kit({"run": run}, array=True,
                   exit_code="Exit code: 0\nWall time: 0.1 seconds\nOutput:\n{output}")
    run = Tool("exec_command", about(rng, "Runs a command in a terminal."),
               [("cmd", S, "Shell command to execute.", True),
                ("workdir", S, "The working directory", False),
                ("yield_time_ms", "number", "How long to wait for output", False)])
    return Kit({"run": run}, exit_code="Process exited with code 0\nOutput:\n{output}"
               if maybe(rng, 0.6) else "")


def opencode(rng):
    path = ("filePath", S, "The absolute path to the file", True)
    with_words = [("description", S, "What the command does", True)] if maybe(rng, 0.5) else []
    return Kit({
        "run": Tool("bash", about(rng, "Executes a given bash command."),
                    [("command", S, "The command to execute", True),
                     ("timeout", "number", "Optional timeout in milliseconds", False)] +
                    with_words),
        "edit": Tool("edit", about(rng, "Performs exact string replacements in files."),
                     [path, ("oldString", S, "The text to replace", True),
                      ("newString", S, "The text to replace it with", True)]),
        "read": Tool("read", about(rng, "Reads a file from the local filesystem."),
                     [path, ("offset", "number", "The line to start from", False)]),
        "write": Tool("write", about(rng, "Writes a file to the local filesystem."),
                      [path, ("content", S, "The content to write to the file", True)])},
        numbers="bar", wrote="Wrote file successfully.", edited="Edit applied successfully.")


def pi(rng):
    path = ("path", S, "Path to the file", True)
    return Kit({
        "read": Tool("read", about(rng, "Read the contents of a file."), [path]),
        "run": Tool("bash", about(rng, "Execute a bash command in the current working directory."),
                    [("command", S, "Bash command to execute", True),
                     ("timeout", "number", "Timeout in seconds", False)]),
        "edit": Tool("edit", about(rng, "Edit a file by replacing exact text."),
                     [path, ("oldText", S, "Exact text to find", True),
                      ("newText", S, "New text", True)]),
        "write": Tool("write", about(rng, "Write content to a file."),
                      [path, ("content", S, "Content to write", True)])},
        wrote="Successfully wrote to {path}", edited="Successfully replaced text in {path}.")


RUN_NAMES = "bash|shell|run|run command|execute|terminal|exec|execute command|run shell|sh"
READ_NAMES = "read file|read|open file|view file|get file|show file|cat file|load file|view"
WRITE_NAMES = "write file|write|create file|save file|put file|new file|store file"
EDIT_NAMES = "edit file|edit|replace in file|str replace|change file|modify file|replace text"
LIST_NAMES = "list dir|list files|ls|list directory|show folder|list folder|dir"
SEARCH_NAMES = "search files|grep|find text|search|search text|grep files"
PATHS = "path|file|file path|filename|target file|file name"
OLD_NEW = [("old", "new"), ("old text", "new text"), ("search", "replace"), ("find", "replace"),
           ("old string", "new string"), ("before", "after"), ("from", "to")]


def generic(rng):
    """Names and parameters as anybody might choose them; at times ones that nobody would."""
    style = one(rng, ("snake", "snake", "snake", "camel", "pascal", "kebab"))
    pstyle = "camel" if style in ("camel", "pascal") and maybe(rng, 0.6) else "snake"
    odd = 0.12 if maybe(rng, 0.4) else 0

    def name(stock):
        if maybe(rng, odd):
            return tw.invented(rng)
        return written(one(rng, stock.split("|")).split(), style)

    def parameter(stock):
        return written(one(rng, stock.split("|")).split(), pstyle)

    path = (parameter(PATHS), S, "The path of the file" if maybe(rng, 0.7) else "", True)
    old, new = one(rng, OLD_NEW)
    old, new = written(old.split(), pstyle), written(new.split(), pstyle)
    tools = {
        "run": Tool(name(RUN_NAMES), about(rng, "Run a shell command."),
                    [(parameter("command|cmd|command|script|line"), S, "The command", True)]),
        "read": Tool(name(READ_NAMES), about(rng, "Read a file."), [path]),
        "write": Tool(name(WRITE_NAMES), about(rng, "Write text to a file."),
                      [path, (parameter("content|text|contents|data|body"), S, "The text", True)]),
        "edit": Tool(name(EDIT_NAMES), about(rng, "Replace text in a file."),
                     [path, (old, S, "The text to replace", True),
                      (new, S, "The text to put there", True)]),
        "list": Tool(name(LIST_NAMES), about(rng, "List the files of a folder."),
                     [(parameter("path|dir|folder|directory"), S, "The folder", True)]),
        "search": Tool(name(SEARCH_NAMES), about(rng, "Find the files that contain a text."),
                       [(parameter("pattern|text|query|word"), S, "The text to find", True)])}
    kind = rng.random()
    if kind < 0.12:
        tools = {"run": tools["run"]}
    elif kind < 0.45:
        for role in ("list", "search", "edit"):
            if maybe(rng, 0.5):
                del tools[role]
    names = set()
    for role in list(tools):
        if tools[role].name in names:
            tools[role].name = written([role, "file" if role != "run" else "it"], style)
        names.add(tools[role].name)
    roles = list(tools)
    rng.shuffle(roles)
    return Kit({r: tools[r] for r in roles}, numbers="tab" if maybe(rng, 0.2) else "",
               wrote=one(rng, ("ok", "done", "OK", "written", "Wrote {path}", "saved {path}",
                               '{{"ok": true}}')),
               edited=one(rng, ("ok", "done", "OK", "1 replacement made", "Changed {path}",
                                '{{"ok": true}}')),
               exit_code=one(rng, ("", "", "", "exit code: 0\n{output}",
                                   "{output}\n[exit code 0]")))


def any_kit(rng):
    kind = rng.random()
    if kind < 0.2:
        return claude(rng)
    if kind < 0.34:
        return codex(rng)
    if kind < 0.46:
        return opencode(rng)
    if kind < 0.6:
        return pi(rng)
    return generic(rng)


# ---- what stands before: the instructions of an agent ------------------------------------------

SHORT = ["You are a coding agent.", "You are a coding assistant.",
         "You are a helpful coding agent.",
         "You are an agent that works with files.", "You work in a terminal. Use your tools.",
         "You are a programmer. Use the tools to do what the user asks.",
         "You are an expert coding assistant. You help users by reading files, running commands, "
         "editing code and writing new files.",
         "You are an interactive agent that helps users with software engineering tasks."]
RULES = ["Be concise.", "Use the tools to carry out the task.", "Read a file before you edit it.",
         "Do not create files that nobody asked for.", "Answer in one short sentence.",
         "Never commit changes unless the user asks.", "Show file paths clearly.",
         "Keep your answers short.", "Do not guess. Look at the files.", "Do one step at a time.",
         "Use absolute paths where you can.", "Follow the style of the code around.",
         "Prefer editing a file to writing a new one.", "Do not add comments to code.",
         "Run the tests after a change.", "Tell the user when something fails.",
         "Never print secrets or keys.", "Do not delete files without need.",
         "Use the right tool for each step.", "Do not use emojis.", "Ask if the task is not clear.",
         "When the task is done, say so and stop.", "Do not explain commands that you run.",
         "Check the result of each tool before you go on.", "Write plain text.",
         "Work only in the working directory.", "Do not install packages.",
         "If a command fails, read its output.", "Do not start programs that never end.",
         "Never use the network.", "Do not change the configuration of git.",
         "Use small and clear functions.", "Names of functions are in snake_case.",
         "Tests are in the folder tests.", "The build is made with make.",
         "The project is written in {l}.", "The main file is {f}.", "Keep the file {f} as it is.",
         "The folder {d} holds the {w} files.", "The tool for {w} is not installed.",
         "The owner of the project is {p}.", "Do not touch the folder {d}.",
         "The branch for work is {w}.", "The {w} server is in {c}.", "Ask {p} about {w}.",
         "Logs are written to {d}/{f}.", "The version is {k}.{k2}.",
         "Lines have at most {k} columns."]
HEADS = ["# Rules", "# Tone", "# Tools", "# Project", "# Style", "# Notes", "## Guidelines",
         "## Workflow", "# Environment", "# Safety"]


def filled(rng, text):
    return text if "{" not in text else text.format(
        l=one(rng, ("C", "Python", "Rust", "Go", "JavaScript")), f=tw.file_name(rng),
        d=one(rng, tw.FOLDERS), w=one(rng, tw.WORDS), p=one(rng, tw.NAMES), c=one(rng, tw.CITIES),
        k=rng.randint(1, 120), k2=rng.randint(0, 20))


def environment(rng):
    home = f"/home/{one(rng, tw.NAMES).lower()}/{one(rng, tw.WORDS)}"
    return one(rng, ("Working directory: {0}", "Current working directory: {0}",
                     "<env>\nWorking directory: {0}\nPlatform: linux\nToday's date: {1}\n</env>",
                     "Current date: {1}\nCurrent working directory: {0}")).format(
                         home, tw.date(rng))


def instructions(rng):
    """None, a sentence, or a text of up to about 1500 tokens."""
    kind = rng.random()
    if kind < 0.2:
        return ""
    if kind < 0.55:
        text = one(rng, SHORT)
        return f"{text}\n{environment(rng)}" if maybe(rng, 0.3) else text
    wanted = rng.randint(150, 900) if kind < 0.85 else rng.randint(900, 6000)
    parts, size = [one(rng, SHORT)], 0
    while size < wanted:
        rules = [filled(rng, r) for r in rng.sample(RULES, rng.randint(2, 6))]
        block = "\n".join("- " + r for r in rules) if maybe(rng, 0.6) else " ".join(rules)
        if maybe(rng, 0.6):
            block = f"{one(rng, HEADS)}\n{block}"
        parts.append(block)
        size += len(block)
    if maybe(rng, 0.6):
        parts.append(environment(rng))
    return "\n\n".join(parts)
