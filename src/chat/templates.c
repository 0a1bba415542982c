#include "chat/templates.h"

const char *const template_tokens[] = {
    TOKEN_BOS,         TOKEN_EOS,       TOKEN_USER,    TOKEN_ASSISTANT,  TOKEN_REMINDER,
    TOKEN_THINK,       TOKEN_END_THINK, TOKEN_DSML,    "<｜action｜>",   "<｜query｜>",
    "<｜authority｜>", "<｜domain｜>",  "<｜title｜>", "<｜read_url｜>", NULL};

const char template_tools_head[] =
    "## Tools\n"
    "\n"
    "You have access to a set of tools to help answer the user's question. You can invoke "
    "tools by writing a \"<｜DSML｜tool_calls>\" block like the following:\n"
    "\n"
    "<｜DSML｜tool_calls>\n"
    "<｜DSML｜invoke name=\"$TOOL_NAME\">\n"
    "<｜DSML｜parameter name=\"$PARAMETER_NAME\" "
    "string=\"true|false\">$PARAMETER_VALUE</｜DSML｜parameter>\n"
    "...\n"
    "</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"$TOOL_NAME2\">\n"
    "...\n"
    "</｜DSML｜invoke>\n"
    "</｜DSML｜tool_calls>\n"
    "\n"
    "String parameters should be specified as is and set `string=\"true\"`. For all other "
    "types (numbers, booleans, arrays, objects), pass the value in JSON format and set "
    "`string=\"false\"`.\n"
    "\n"
    "If thinking_mode is enabled (triggered by <think>), you MUST output your complete "
    "reasoning inside <think>...</think> BEFORE any tool calls or final response.\n"
    "\n"
    "Otherwise, output directly after </think> with tool calls or final response.\n"
    "\n"
    "### Available Tool Schemas\n"
    "\n";

const char template_tools_tail[] =
    "\n"
    "\n"
    "You MUST strictly follow the above defined tool name and parameter schemas to invoke "
    "tool calls.\n";

const char template_format_head[] = "## Response Format:\n"
                                    "\n"
                                    "You MUST strictly adhere to the following schema to reply:\n";

const char *template_task_token(chat_task t) {
    static const char *const tokens[] = {"",
                                         "<｜action｜>",
                                         "<｜query｜>",
                                         "<｜authority｜>",
                                         "<｜domain｜>",
                                         "<｜title｜>",
                                         "<｜read_url｜>"};
    return tokens[t];
}

const char *template_task_name(chat_task t) {
    static const char *const names[] = {"",       "action", "query",   "authority",
                                        "domain", "title",  "read_url"};
    return (unsigned)t < sizeof names / sizeof *names ? names[t] : NULL;
}

static const char effort_absolute[] =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
    "You MUST be very thorough in your thinking and comprehensively decompose the problem to "
    "resolve the root cause, rigorously stress-testing your logic against all potential "
    "paths, edge cases, and adversarial scenarios.\n"
    "Explicitly write out your entire deliberation process, documenting every intermediate "
    "step, considered alternative, and rejected hypothesis to ensure absolutely no "
    "assumption is left unchecked.\n"
    "\n";

static const char effort_beyond[] =
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: "
    "exhaustively decompose the problem into its most fundamental components, trace every "
    "causal chain to its root, and resolve the underlying cause rather than any surface "
    "symptom.\n"
    "Do not stop reasoning until you have independently verified the solution from multiple "
    "angles and are certain that no assumption remains unchecked and no error remains "
    "undiscovered.\n"
    "\n";

const char *template_effort(chat_contract contract, chat_effort effort) {
    static const char *const texts[2][4] = {
        [CHAT_PREVIEW] = {"", NULL, "", effort_absolute},
        [CHAT_0731] = {"", "", effort_absolute, effort_beyond},
    };
    return texts[contract][effort];
}
