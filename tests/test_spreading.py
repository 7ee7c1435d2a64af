"""Networks spread over devices and processes, as transformers does it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bytelm
from bytelm import loading

PROGRAM = """
import json, os, sys
import torch.distributed
import bytelm

lm = bytelm.load(tensor_parallel=True)
shared = type(lm._weigher.model._network._model.model.layers[0].self_attn.q_proj.weight).__name__
made = lm.generate([b"import o", b"def f(x):"], max_bytes=24)
drawn = lm.generate("def ", max_bytes=24, temperature=1.0, seed=1)
scores = lm.score("def f(x):\\n    return x").tolist()
result = {"shared": shared, "made": [one.hex() for one in made], "drawn": drawn.hex(), "scores": scores}
with open(f"{sys.argv[1]}/{torch.distributed.get_rank()}.json", "w") as file:
    json.dump(result, file)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
sys.stdout.flush()
os._exit(0)  # the threads of gloo now and then abort an interpreter that shuts down
"""


def test_processes_that_share_a_network_say_what_one_says(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", str(program)]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1))
    assert first == second
    assert first["shared"] == "DTensor"
    lm = bytelm.load()
    assert first["made"] == [one.hex() for one in lm.generate([b"import o", b"def f(x):"], max_bytes=24)]
    assert first["drawn"] == lm.generate("def ", max_bytes=24, temperature=1.0, seed=1).hex()
    np.testing.assert_allclose(first["scores"], lm.score("def f(x):\n    return x"), atol=1e-4)


def test_layers_are_spread_over_what_there_is() -> None:
    pytest.importorskip("accelerate")
    assert bytelm.load(device="auto").generate("def ", max_bytes=16) == bytelm.load().generate("def ", max_bytes=16)


@pytest.mark.parametrize(
    ("options", "wish"), [({"device": "auto"}, 'device="auto"'), ({"tensor_parallel": True}, "tensor_parallel=True")]
)
def test_spreading_needs_accelerate(options: dict[str, object], wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=f"^{wish} needs accelerate.*pip install 'bytelm\\[spread\\]'$"):
        bytelm.load(**options)  # type: ignore[call-overload]


def test_sharing_needs_processes_and_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: name)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(ValueError, match="is for processes of torchrun"):
        bytelm.load(tensor_parallel=True)
    with pytest.raises(ValueError, match="leave out device='cpu'"):
        bytelm.load(device="cpu", tensor_parallel=True)
