#!/usr/bin/env bash
# The Python side of the bundled model, with its own tests: tokeniser and chat format against the
# reference cases and our programs (text_test.py), the training model (model_test.py), and what is
# taught about tools (lessons_tools_test.py). Skipped where no python3 has the libraries it needs.
set -u
. tests/test.sh
export DS4_BIN=$build/bin PYTHONDONTWRITEBYTECODE=1

# The first python3 that has these modules; a system may have several, with different libraries.
python_with() { # MODULES
    local python
    while IFS= read -r python; do
        "$python" -c "import $1" 2>/dev/null && echo "$python" && return
    done < <(type -ap python3)
    return 1
}
python_test() { # SENTENCE MODULES SCRIPT
    local python
    if ! type python3 >/dev/null 2>&1; then skip "$1" 'there is no python3 here'
    elif python=$(python_with "$2"); then check "$1" "$python" "tools/mini/$3"
    else skip "$1" "no python3 here has ${2//,/ and}"; fi
}
python_test python_and_c_agree_on_tokens_and_prompts regex text_test.py
python_test the_training_model_computes_what_it_should 'numpy, torch' model_test.py
python_test calls_that_are_taught_follow_from_what_was_said json lessons_tools_test.py
finish
