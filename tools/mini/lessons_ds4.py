"""lessons_ds4: ds4 itself: its programs, flags and chat commands, and how to get the real model.

A flag is known in both directions: what it does, and which flag does a thing. Each thing said of a
program here is said by its --help too; when a flag changes its meaning, its line here has to
follow.
"""
from asking import Row, ask_row, big, pick, row
from case import contains, skill

# program, what it does ("ds4-get downloads ..."), aims ("Which program helps me to ...?")
PROGRAMS = (
    ("ds4", "is the chat in the terminal; with -p it gives one answer and exits",
     "chat in the terminal|get one answer on the command line|talk to the model"),
    ("ds4-server", "answers programs over HTTP on this machine, in the manner of the OpenAI API",
     "serve the model over HTTP|run a server|connect a coding agent|offer an API"),
    ("ds4-bench", "measures the speed of prefill and decode at several context lengths",
     "measure the speed|see how fast the model is|make a benchmark"),
    ("ds4-convert", "turns an official safetensors folder into a GGUF file",
     "convert safetensors to GGUF|make a GGUF file from an official checkpoint"),
    ("ds4-quantize", "makes a smaller GGUF file by a recipe such as q2, q4 or q8",
     "make a model file smaller|quantize a model|make a q2 file"),
    ("ds4-imatrix", "collects activation statistics of a text for a better quantization",
     "collect activation statistics|make an importance matrix"),
    ("ds4-eval", "measures how well a model does on given tasks",
     "measure the quality of a model|evaluate a model|test how good the model is"),
    ("ds4-get", "downloads the real DeepSeek V4 Flash model, resumes and checks the file",
     "download the real model|get the real model|fetch DeepSeek V4 Flash"),
    ("ds4-agent", "is a coding agent: it reads, writes and runs things with tools",
     "let the model work on code|use a coding agent"),
    ("./start", "installs what is missing, builds ds4 and opens the chat",
     "install and build everything|start for the first time|build ds4"),
    ("./check", "installs what is missing, builds ds4 and runs its tests",
     "run the tests|test the build|see if everything works"),
)
# flag, program, what it does, aims
FLAGS = (
    ("-m FILE", "ds4", "names the model file, a GGUF",
     "choose the model|use another model|name the model file"),
    ("-p TEXT", "ds4", "gives one prompt: the answer goes to stdout and ds4 exits",
     "ask one question and exit|give one prompt|get a single answer"),
    ("-f FILE", "ds4", "takes the prompt from a file",
     "take the prompt from a file|read the prompt from a file"),
    ("--raw", "ds4", "feeds the prompt as it is, without the chat template",
     "leave out the chat template|feed the prompt as it is"),
    ("-n N", "ds4", "generates at most N tokens",
     "limit the number of tokens|make answers shorter|limit the length of an answer"),
    ("--ctx N", "ds4", "sets the context size in tokens",
     "set the context size|get a larger context|change the context"),
    ("--system TEXT", "ds4", "sets the system prompt",
     "set the system prompt|give a system prompt"),
    ("--think", "ds4", "turns thinking mode on, which is the default",
     "turn thinking on|make the model think"),
    ("--nothink", "ds4", "turns thinking mode off: the model answers at once",
     "turn thinking off|get answers without thinking|switch off thinking"),
    ("--think-max", "ds4", "lets the model think as hard as it can",
     "let the model think as hard as it can|get the most thinking"),
    ("--temp F", "ds4", "sets the temperature; 0 is greedy and deterministic",
     "set the temperature|get a deterministic answer|make the answer greedy|change the temperature|"
     "get the same answer each time"),
    ("--top-p F", "ds4", "samples only from the likeliest tokens that together have the "
                         "probability F",
     "set top-p|use nucleus sampling"),
    ("--top-k N", "ds4", "samples only from the N likeliest tokens",
     "set top-k|sample from the N likeliest tokens"),
    ("--min-p F", "ds4", "leaves out tokens less likely than F times the likeliest one",
     "set min-p|leave out unlikely tokens"),
    ("--seed N", "ds4", "sets the seed of sampling, so that an answer can be repeated",
     "set the seed|repeat an answer|repeat a sampled answer"),
    ("--backend B", "ds4", "chooses cpu, cuda or metal; the default is the best one that finds a "
                           "device",
     "choose the backend|run on the CPU|run on the GPU|use CUDA|use Metal"),
    ("--threads N", "ds4", "sets the number of CPU threads",
     "set the number of threads|use more CPU threads|use fewer threads"),
    ("--batch N", "ds4", "sets how many tokens of the prompt are read at a time",
     "set the prefill chunk|change the batch size"),
    ("--stats", "ds4", "prints speed, load time and peak memory at the end",
     "see the speed|see statistics|see how much memory was used"),
    ("--info", "ds4", "tells what a model file holds",
     "see what a model file holds|look into a GGUF file"),
    ("--json", "ds4", "makes --info print JSON", "get --info as JSON"),
    ("--dump-tokens", "ds4", "prints the token ids of a text as JSON",
     "see the tokens of a text|tokenize a text"),
    ("--detokenize FILE", "ds4", "turns token ids into text", "turn token ids into text"),
    ("--eval-tokens FILE", "ds4", "computes the logits after each token of a file of ids",
     "compute logits of token ids"),
    ("--logits-out FILE", "ds4", "names the file that gets the logits of --eval-tokens",
     "write logits to a file"),
    ("--exact", "ds4", "uses the slow reference arithmetic",
     "use reference arithmetic|compute in full precision"),
    ("--dump-logprobs FILE", "ds4", "writes the best alternatives at each step as JSON",
     "see the alternatives at each step"),
    ("--render FILE", "ds4", "prints the exact prompt of a request", "see the exact prompt"),
    ("--parse FILE", "ds4", "reads raw model output and prints the message as JSON",
     "parse raw model output"),
    ("--verify-kv PATH", "ds4", "checks a stored session file or a whole folder of them",
     "check stored sessions"),
    ("--no-sim", "ds4", "leaves out the official FP8 and FP4 roundings",
     "leave out the FP8 roundings"),
    ("--vocab-only", "ds4", "reads only the tokenizer of the model file",
     "read only the tokenizer"),
    ("--help", "every program", "prints the usage of the program",
     "see all flags|see the usage|get help for a program"),
    ("--version", "every program", "prints the version", "see the version"),
    ("--host HOST", "ds4-server", "sets the address to listen on; the default is 127.0.0.1",
     "set the address of the server|listen on another address"),
    ("--port N", "ds4-server", "sets the port; the default is 8000",
     "set the port|change the port of the server"),
    ("--sessions N", "ds4-server", "sets how many sessions are decoded together; the default is 8",
     "serve more sessions at once|set the number of sessions"),
    ("--kv-disk-dir DIR", "ds4-server", "keeps sessions in a folder on disk",
     "keep sessions on disk"),
    ("--kv-disk-space-mb N", "ds4-server", "limits the disk space of stored sessions",
     "limit the disk space of sessions"),
    ("--api-key KEY", "ds4-server", "asks clients for this key",
     "protect the server with a key|set an API key"),
    ("--cors ORIGIN", "ds4-server", "allows web pages of an origin to use the server",
     "allow web pages to use the server"),
    ("--trace FILE", "ds4-server", "writes what the server does to a file", "trace the server"),
    ("--model-name NAME", "ds4-server", "sets the model name that the server tells",
     "set the model name of the server"),
    ("--max-queue N", "ds4-server", "limits the number of waiting requests",
     "limit the queue of the server"),
    ("--drain SECONDS", "ds4-server", "sets how long running requests may go on when the server "
                                      "stops",
     "let requests finish when the server stops"),
    ("--ctx-start N", "ds4-bench", "sets the first context length to measure",
     "set the first context of the benchmark"),
    ("--ctx-max N", "ds4-bench", "sets the largest context length to measure",
     "set the largest context of the benchmark"),
    ("--gen-tokens N", "ds4-bench", "sets how many tokens are generated at each length",
     "set the tokens of the benchmark"),
    ("--synthetic SPEC", "ds4-bench", "measures a random model instead of a file",
     "measure the speed without a model file"),
    ("--type T", "ds4-convert", "sets the type of the weights: f32, f16, bf16, q8_0 or native",
     "set the type of the weights"),
    ("--imatrix FILE", "ds4-quantize", "uses activation statistics for a better file",
     "use an importance matrix"),
    ("-y", "./start", "installs what is missing without asking", "install without questions"),
    ("--build", "./start", "stops after building", "build without starting the chat|only build"),
)
COMMANDS = (
    ("/help", "lists the commands of the chat", "see the commands|get help in the chat"),
    ("/think", "turns thinking on", "turn thinking on in the chat"),
    ("/nothink", "turns thinking off, so that answers come at once",
     "turn thinking off in the chat"),
    ("/think-max", "lets the model think as hard as it can",
     "let the model think hardest in the chat"),
    ("/system", "shows, sets or removes the system prompt",
     "change the system prompt in the chat|see the system prompt"),
    ("/read", "sends a file to the model", "send a file|show the model a file"),
    ("/save", "keeps the chat under a name", "keep a chat|save a chat"),
    ("/load", "goes on with a chat that was kept", "go on with an old chat|load a chat"),
    ("/undo", "takes back the last message and its answer", "take back my last message"),
    ("/retry", "gives another answer to the last message", "get another answer|try again"),
    ("/stats", "turns figures after each answer on and off", "see figures after each answer"),
    ("/ctx", "shows how much of the context is in use", "see how full the context is"),
    ("/quit", "leaves the chat", "leave the chat|end the chat|get out of here|exit the chat"),
)
GET = "Run ds4-get: it downloads the real DeepSeek V4 Flash model. Then start ds4 with -m FILE."
SINGLE = [row(*r) for r in (
    ("How do I get the real model?|How can I get the real model?|Where do I get DeepSeek V4 Flash?|"
     "How do I install the real model?|How do I download the big model?|Where is the real model?|"
     "I want the real model.|How do I get a better model?|Can I use a better model?|"
     "How do I switch to the real model?", GET, "ds4-get"),
    ("What is ds4?|Tell me about ds4.|What does ds4 do?|Explain ds4.|What is this program?|"
     "Which program is this?|What am I using?|What kind of program is ds4?",
     "ds4 is a local inference engine for the DeepSeek V4 Flash model. It runs on your own "
     "machine.",
     "local inference engine"),
    ("What is ds4-mini?|Tell me about ds4-mini.|Explain ds4-mini.|Why is there a mini model?|"
     "What is the mini model?|What is ds4-mini for?",
     "ds4-mini is a tiny demonstration model that comes with ds4. It shows that everything works.",
     "tiny demonstration model"),
    ("In which language is ds4 written?|What language is ds4 written in?|Is ds4 written in C?|"
     "Which programming language does ds4 use?", "ds4 is written in C11.", "C11"),
    ("What is DeepSeek V4 Flash?|Tell me about DeepSeek V4 Flash.|Which model does ds4 run?|"
     "What model is ds4 made for?", "DeepSeek V4 Flash is the large language model that ds4 is "
                                    "made for.",
     "large language model"),
    ("What is thinking mode?|Explain thinking mode.|What does thinking mean here?|Why do you think "
     "first?|What is the thinking part?|Tell me about thinking mode.",
     "In thinking mode the model writes a short reasoning before its answer. --nothink turns it "
     "off.",
     "reasoning before its answer"),
    ("Which mode is the default, thinking or not?|Is thinking on by default?|What is the default "
     "mode?|"
     "Do you think by default?", "Thinking mode is the default.", "default"),
    ("What is a GGUF file?|What is GGUF?|Explain GGUF.|Which files does ds4 read?|What is the "
     "format of "
     "the model file?", "GGUF is the file format of the models that ds4 reads.", "file format"),
    ("What is a context?|What is the context size?|What is the context of a model?|Explain the "
     "context.",
     "The context is all the text that the model can see at once, counted in tokens.", "tokens"),
    ("What is the temperature?|What does the temperature mean?|Explain the temperature of a model.",
     "The temperature says how random the answer is. With --temp 0 it is always the same.",
     "random"),
    ("What is a system prompt?|Explain the system prompt.|What is the system prompt for?",
     "A system prompt tells the model how to behave in the whole chat.", "how to behave"),
    ("What is prefill?|Explain prefill.|What does prefill mean?",
     "Prefill is the reading of the prompt.",
     "reading of the prompt"),
    ("What is decode?|Explain decode.|What does decode mean?",
     "Decode is the writing of the answer, token by token.", "token by token"),
    ("What is quantization?|Explain quantization.|What does quantize mean?",
     "Quantization stores the weights with fewer bits, so that the model gets smaller.",
     "fewer bits"),
    ("What are the weights of a model?|Explain weights.|What is a weight?",
     "Weights are the numbers that a model has learned.", "numbers"),
    ("What is a tokenizer?|Explain the tokenizer.|What does a tokenizer do?",
     "A tokenizer cuts text into tokens.", "into tokens"),
    ("What is a backend?|Which backends are there?|What backends does ds4 have?|Explain backends.",
     "The backends are cpu, cuda and metal: they do the computing.", "cpu, cuda and metal"),
    ("How do I start the server?|How do I run the server?|How can I start a server?",
     "Run ./start server, or ds4-server with -m FILE.", "server"),
    ("How do I start the chat?|How do I open a chat?|How can I chat with the model?",
     "Run ./start, or ds4 with -m FILE.", "./start"),
    ("On which port does the server listen?|Which port does ds4-server use?|What is the default "
     "port?",
     "The default port of ds4-server is 8000.", "8000"),
    ("Where are the programs?|Where do the programs lie?|Where does the build put the programs?",
     "The programs lie in build/bin/.", "build/bin"),
    ("How do I stop an answer?|How can I stop you?|How do I interrupt an answer?|What does Ctrl-C "
     "do?",
     "Press Ctrl-C to stop an answer.", "Ctrl-C"),
    ("What does Ctrl-D do?|How do I leave with the keyboard?|Which key leaves the chat?",
     "Ctrl-D leaves the chat, as /quit does.", "Ctrl-D"),
    ("Which recipes does ds4-quantize know?|What recipes are there?|Name the recipes of "
     "ds4-quantize.",
     "The recipes are q2, q2-q4, q4 and q8.", "q2, q2-q4, q4 and q8"),
    ("Does ds4 need the internet?|Do I need the internet?|Does ds4 send my text away?|Is ds4 "
     "local?",
     "ds4 runs on your own machine. It needs the internet only to download a model.",
     "own machine"),
    ("What is $DS4_MODEL?|What does the variable DS4_MODEL do?|What is DS4_MODEL for?",
     "DS4_MODEL names the model file that ds4 takes when there is no -m.", "model file"),
    ("Which model does ds4 take without -m?|What happens without -m?|What is the default model?",
     "Without -m ds4 takes $DS4_MODEL, then ds4flash.gguf here, then the bundled mini model.",
     "DS4_MODEL"),
    ("Where does the answer go, to stdout or stderr?|What is printed on stdout?|What goes to "
     "stdout?",
     "The answer goes to stdout, everything else to stderr.", "stdout"),
    ("What is the licence of ds4?|Which licence has ds4?|What license does ds4 have?|Is ds4 free "
     "software?", "ds4 has the MIT licence.", "MIT"),
    ("Which programs belong to ds4?|What programs are there?|List the programs of ds4.|Name the "
     "programs "
     "of ds4.|What belongs to ds4?",
     "The programs are ds4, ds4-server, ds4-agent, ds4-bench, ds4-convert, ds4-quantize, "
     "ds4-imatrix, "
     "ds4-eval and ds4-get.", "ds4-server"),
    ("Which commands does the chat know?|What commands are there?|List the commands of the chat.|"
     "Name the chat commands.|What can I type in the chat?",
     "The commands are " + ", ".join(c[0] for c in COMMANDS[:-1]) + " and /quit.", "/help"),
    ("How do I convert a model?|How do I make a GGUF file?|How can I convert safetensors?",
     "Run ds4-convert FOLDER -o model.gguf.", "ds4-convert"),
    ("How do I quantize a model?|How do I make a model smaller?|How can I make a q2 file?",
     "Run ds4-quantize IN.gguf OUT.gguf q2.", "ds4-quantize"),
    ("How do I measure the speed?|How can I test the speed of ds4?|How do I run a benchmark?",
     "Run ds4-bench with -m FILE, --ctx-start and --ctx-max.", "ds4-bench"),
    ("How do I run the tests?|How can I test ds4?|How do I check the build?", "Run ./check.",
     "./check"),
    ("How do I build ds4?|How can I build ds4?|How do I compile ds4?",
     "Run ./start --build. The programs lie in build/bin/.", "--build"),
    ("What do I need to build ds4?|What does the build need?|What is needed to compile ds4?",
     "ds4 needs a C compiler and make; ./start installs what is missing.", "C compiler"),
    ("How do I ask only one question?|How do I use ds4 in a script?|How do I use ds4 without the "
     "chat?",
     "Use -p TEXT: the answer goes to stdout and ds4 exits.", "-p"),
    ("How do I write several lines in the chat?|How do I enter a long message?|How can I write a "
     "message "
     "of many lines?", "End a line with \\ to go on, or put \"\"\" alone before and after the "
                       "message.",
     "\\"),
)]
WHAT_FORMS = ("What does {x} do?|What is {x}?|What is {x} for?|Explain {x}.|Tell me about {x}.|"
              "What is the use of {x}?|What happens with {x}?|When do I need {x}?|Describe {x}.|"
              "Do you know {x}?|I do not understand {x}.|{x}?").split("|")
WHICH_FLAG = ("How do I {y}?|Which flag do I need to {y}?|How can I {y}?|Which option helps me to "
              "{y}?|"
              "I want to {y}.|What flag do I use to {y}?|Is there a flag to {y}?|"
              "What do I type to {y}?").split("|")
WHICH_PROGRAM = ("Which program do I need to {y}?|Which ds4 program do I use to {y}?|With which "
                 "program can I {y}?|"
                 "What do I run to {y}?|Which of the programs helps me to {y}?|"
                 "I want to {y}. What do I run?").split("|")
WHICH_COMMAND = ("How do I {y}?|Which command do I use to {y}?|I want to {y}. Which command is it?|"
                 "What do I type to {y}?|Is there a command to {y}?|How can I {y}?").split("|")


def filled(templates, mark, value):
    made = (t.replace(mark, value) for t in templates)
    return tuple(q if q.startswith("ds4") else big(q) for q in made)


def what_rows(table, kind):
    for entry in table:
        name, told = entry[0], entry[-2]
        flag = name.split()[0]
        where = f" of {entry[1]}" if kind == "flag" else ""
        asked = filled(WHAT_FORMS, "{x}", flag) if flag != "ds4" else ()  # as a whole: in SINGLE
        asked += filled(("What does the {k} {x} do?", "What is the {k} {x} for?",
                         "Explain the {k} {x}."), "{x}", flag)
        asked = tuple(q.replace("{k}", kind) for q in asked)
        if kind == "flag" and entry[1] != "every program":
            asked += (f"What does {flag} do in {entry[1]}?", f"What is {entry[1]} {flag}?",
                      f"{entry[1]} {flag}: what does it do?")
        must = told.split(";")[0].split(":")[0].split(",")[0]
        yield Row(asked, f"{name} {told}.", contains(must),
                  f"The user asks for the {kind} {flag}{where}.")


def which_rows(table, kind, templates):
    for entry in table:
        name, told, aims = entry[0], entry[-2], entry[-1].split("|")
        flag = name.split()[0]
        where = f" of {entry[1]}" if kind == "flag" else ""
        for aim in aims:
            yield Row(filled(templates, "{y}", aim), f"Use {name}: it {told}." if ":" not in told
                      else f"Use {name}. It {told}.", contains(flag),
                      f"The user wants to {aim}. The {kind}{where} for this is {flag}.")


WHAT = {"flags": list(what_rows(FLAGS, "flag")), "programs": list(what_rows(PROGRAMS, "program")),
        "commands": list(what_rows(COMMANDS, "command"))}
WHICH = {"flags": list(which_rows(FLAGS, "flag", WHICH_FLAG)),
         "programs": list(which_rows(PROGRAMS, "program", WHICH_PROGRAM)),
         "commands": list(which_rows(COMMANDS, "command", WHICH_COMMAND))}


def register(name, rows, weight):
    @skill(f"ds4.{name}", weight)
    def answer(rng, thinking):
        return ask_row(rng, thinking, pick(rng, rows))


register("about", SINGLE, 1.4)
for kind, weight in (("flags", 1.4), ("programs", 0.5), ("commands", 0.5)):
    register(kind, WHAT[kind], weight)
    register("which_" + kind, WHICH[kind], weight * 0.9)
