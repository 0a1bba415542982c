#!/usr/bin/env python3
"""Holds the calls that are taught against their schemas and against what was said.

    python3 tools/mini/lessons_tools_test.py

Every call names a tool that is there, gives every required argument in the schema's order and type,
and each of its values stands in what the user or a tool said before it: nothing has to be guessed.
"""
import unittest

import case
import lessons_agent  # noqa: F401  registers its skills
import lessons_chains  # noqa: F401
import lessons_recall  # noqa: F401
import lessons_tools  # noqa: F401

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
         "object": dict}


def faults(tool, call, before):
    properties = tool["parameters"]["properties"]
    given = call["arguments"]
    for name in tool["parameters"].get("required", []):
        if name not in given:
            yield f"{name} is required"
    if list(given) != [p for p in properties if p in given]:
        yield "not in the schema's order"
    for name, value in given.items():
        kind = properties[name]["type"]
        if not isinstance(value, TYPES[kind]) or isinstance(value, bool) != (kind == "boolean"):
            yield f"{name} is no {kind}"
        if value not in properties[name].get("enum", [value]):
            yield f"{name} is not one of its words"
        parts = value if kind == "array" else list(value.values()) if kind == "object" else [value]
        for part in parts:
            if kind != "boolean" and str(part).lower() not in before.lower():
                yield f"{name}: {part!r} was not said"


class Calls(unittest.TestCase):
    def look_through(self, prefix, said):
        count = 0
        for one in case.SKILLS.values():
            if not one.name.startswith(prefix):
                continue
            rng = case.rng_for("calls", one.name)
            for i in range(20 if one.long else 300):
                drawn = case.draw(one, rng, i % 2 == 0, i % 5 == 4, 1500)
                tools = {t["name"]: t for t in drawn.tools}
                self.assertEqual(len(tools), len(drawn.tools), one.name)
                before = ""
                for message in drawn.messages:
                    if message["role"] != "assistant":
                        before += "\n" + message["content"]
                    for call in message.get("calls", ()):
                        count += 1
                        found = [f for f in faults(tools[call["name"]], call, before)
                                 if said or "was not said" not in f]
                        self.assertEqual(found, [], f"{one.name} {call} after {before[-400:]}")
        self.assertGreater(count, 100)

    def test_calls_follow_from_what_was_said(self):
        self.look_through(("tools.", "recall.tools"), True)

    def test_calls_of_an_agent_fit_their_schemas(self):
        self.look_through("agent.", False)


if __name__ == "__main__":
    unittest.main()
