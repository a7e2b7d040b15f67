"""The store of encoded pictures: what was put is found by another process, and a torn write is never believed."""

from pathlib import Path

import torch

from trainer.training.store import TensorStore


def entry(number: int) -> dict[str, torch.Tensor]:
    return {"moments": torch.full((2, 3), float(number)), "scalar": torch.tensor(number / 7)}


def filled(folder: Path, numbers: range) -> None:
    with TensorStore(folder) as store:
        for number in numbers:
            store.put(str(number), entry(number))


def test_what_was_put_is_read_again(tmp_path: Path) -> None:
    filled(tmp_path, range(5))
    filled(tmp_path, range(5, 8))
    with TensorStore(tmp_path) as store:
        for number in range(8):
            found = store.get(str(number))
            assert torch.equal(found["moments"], entry(number)["moments"])
            assert torch.equal(found["scalar"], entry(number)["scalar"])
        assert "8" not in store


def test_two_writers_at_once(tmp_path: Path) -> None:
    with TensorStore(tmp_path) as one, TensorStore(tmp_path) as two:
        one.put("a", entry(1))
        two.put("b", entry(2))
        one.put("c", entry(3))
    with TensorStore(tmp_path) as store:
        assert [float(store.get(key)["moments"][0, 0]) for key in "abc"] == [1, 2, 3]


def test_torn_index_line_and_short_pack_are_passed_over(tmp_path: Path) -> None:
    filled(tmp_path, range(4))
    (index,) = tmp_path.glob("*.jsonl")
    lines = index.read_text().splitlines()
    index.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
    (pack,) = tmp_path.glob("*.bin")
    pack.write_bytes(pack.read_bytes()[: 2 * 28 + 10])  # each entry is 7 floats of 4 bytes
    with TensorStore(tmp_path) as store:
        assert "0" in store
        assert "1" in store
        assert "2" not in store
        assert "3" not in store


def test_half_precision_is_kept_as_float(tmp_path: Path) -> None:
    with TensorStore(tmp_path) as store:
        store.put("x", {"context": torch.ones(2, dtype=torch.bfloat16)})
        assert store.get("x")["context"].dtype == torch.float32


def test_what_was_put_is_kept_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    with TensorStore(tmp_path) as store:
        for number in range(3):
            tensors = entry(number)
            store.put(str(number), tensors)
            found = store.get(str(number))["moments"]
            assert torch.equal(found, tensors["moments"])
            assert found.data_ptr() != tensors["moments"].data_ptr()
