"""Names of the miniature's models: the teacher, shipped checkpoints, and what is not there."""

import pytest

pytest.importorskip("numpy", reason="the miniature draws with numpy")

from parrot.backends.miniature import shipped
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.registry import open_model


def test_a_name_is_the_shipped_folder_and_a_path_is_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path)
    with pytest.raises(ConfigError, match="miniature:base does not come with"):
        shipped.folder_of("miniature:base")
    (tmp_path / "student-base").mkdir()
    (tmp_path / "student-base" / "config.json").write_text("{}")
    assert shipped.folder_of("miniature:base") == tmp_path / "student-base"
    assert shipped.folder_of(str(tmp_path)) == tmp_path
    with pytest.raises(UnknownNameError, match="miniature checkpoint 'bass'"):
        shipped.folder_of("miniature:bass")
    with pytest.raises(ConfigError, match="no folder with a checkpoint"):
        shipped.folder_of(str(tmp_path / "none"))


def test_models_of_the_kind_are_the_teacher_and_what_is_shipped(tmp_path, monkeypatch):
    assert open_model("miniature:teacher-low").id == "miniature:teacher-low"
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path)
    pytest.importorskip("torch", reason="checkpoints load with torch")
    with pytest.raises(ConfigError, match="miniature:student does not come with"):
        open_model("miniature:student")
    with pytest.raises(UnknownNameError, match="miniature model 'pupil'"):
        open_model("miniature:pupil")


@pytest.mark.parametrize("name", shipped.SHIPPED)
def test_every_named_checkpoint_comes_with_the_library_whole(name):
    folder = shipped.shipped(name)
    parts = [p.parent for p in folder.rglob("config.json")]
    assert parts
    assert all(list(part.glob("*.safetensors")) for part in parts)
    assert (folder / "README.md").read_text().startswith("---\n")
    assert sum(p.stat().st_size for p in folder.rglob("*")) < 12 * 2**20
    assert not [p for p in folder.rglob("*.json") if "/backends/" in p.read_text()]
