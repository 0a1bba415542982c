"""lessons: all the skills there are, loaded on demand."""
import importlib

MODULES = ("lessons_chat", "lessons_facts", "lessons_ds4", "lessons_numbers", "lessons_words",
           "lessons_tools", "lessons_chains", "lessons_agent", "lessons_recall")
JOINABLE = ("chat", "facts", "ds4", "arith", "text")  # families that may share a conversation


def load():
    for name in MODULES:
        importlib.import_module(name)
