"""Tasks of lm-eval-harness in files made on the spot: multiple choice, perplexity, written answers."""

import json
from pathlib import Path

QUESTIONS = [
    {"question": "import o", "choices": ["s\n", "zq\n", "7x\n"], "gold": 0, "text": "def é(x):\n    return x\n"},
    {"question": "import num", "choices": ["q7py", "py as", "bér"], "gold": 1, "text": "import os\nimport sys\n"},
]

_TASK = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
  cache_dir: {cache}
test_split: test
metadata:
  version: 1.0
"""
_CHOICE = 'output_type: multiple_choice\ndoc_to_text: "{{question}}"\ndoc_to_choice: choices\ndoc_to_target: gold\n'
_CHOICE += 'target_delimiter: ""\nmetric_list:\n  - metric: acc\n  - metric: acc_norm\n'
_ROLLING = "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: text\n"
_ROLLING += "metric_list:\n  - metric: bits_per_byte\n"
_WRITING = 'output_type: generate_until\ndoc_to_text: "{{question}}"\ndoc_to_target: "{{choices[gold]}}"\n'
_WRITING += 'generation_kwargs:\n  until: ["\\n"]\n  max_gen_toks: 2\n  do_sample: false\n'
_WRITING += "metric_list:\n  - metric: exact_match\n    ignore_punctuation: false\n"

BODIES = {"tiny_choice": _CHOICE, "tiny_rolling": _ROLLING, "tiny_writing": _WRITING}


def write_tasks(folder: Path) -> Path:
    """A folder with the tasks ``BODIES`` and their data."""
    tasks = folder / "tasks"
    tasks.mkdir()
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS), encoding="utf-8")
    for name, body in BODIES.items():
        head = _TASK.format(name=name, data=data, cache=folder / "cache")
        (tasks / f"{name}.yaml").write_text(head + body, encoding="utf-8")
    return tasks
