"""What counts as an image, a class and a split in a folder."""

from pathlib import Path

import pytest

from nas.data.listing import Listing, list_classes
from nas.errors import InputError


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def listed(root: Path, val: float = 0.25, test: float = 0.25) -> Listing:
    return list_classes(root, val, test, 0)


def names(listing: Listing) -> dict[str, list[str]]:
    return {split: [file.path for file in files] for split, files in listing.splits.items()}


def flat(root: Path, n: int = 8) -> Path:
    return tree(root, *(f"{name}/{i}.png" for name in ("bee", "ant") for i in range(n)))


def test_classes_are_folders_in_the_order_of_their_names(tmp_path: Path) -> None:
    listing = listed(flat(tmp_path))
    assert listing.class_names == ("ant", "bee")
    for files in listing.splits.values():
        assert all(listing.class_names[file.label] == file.path.split("/")[0] for file in files)


def test_classes_without_splits_are_split_by_class(tmp_path: Path) -> None:
    listing = listed(flat(tmp_path))
    assert {split: len(files) for split, files in listing.splits.items()} == {"train": 8, "val": 4, "test": 4}
    together = sorted(path for paths in names(listing).values() for path in paths)
    assert together == sorted(f"{name}/{i}.png" for name in ("ant", "bee") for i in range(8))
    assert names(listed(tmp_path)) == names(listing)
    assert set(listed(tmp_path, test=0).splits) == {"train", "val"}


def test_given_splits_are_kept(tmp_path: Path) -> None:
    given = {split: [f"{split}/{name}/1.jpg" for name in ("ant", "bee")] for split in ("train", "val", "test")}
    tree(tmp_path, *(path for paths in given.values() for path in paths))
    assert names(listed(tmp_path)) == given


def test_without_val_a_part_of_train_is_held_out_and_test_is_not_made_up(tmp_path: Path) -> None:
    flat(tmp_path / "train")
    assert {key: len(paths) for key, paths in names(listed(tmp_path)).items()} == {"train": 12, "val": 4}


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{name}/{i}.png" for name in ("car", "train") for i in range(4)))
    assert listed(tmp_path).class_names == ("car", "train")


def test_hidden_files_and_litter_are_passed_over_and_deeper_folders_are_searched(tmp_path: Path) -> None:
    flat(tmp_path)
    tree(tmp_path, ".git/x", "ant/.DS_Store", "ant/Thumbs.db", "ant/._1.png", "notes.txt", "__MACOSX/ant/1.png")
    tree(tmp_path, "ant/2024/more.JPEG")
    listing = listed(tmp_path, test=0)
    assert sum(len(paths) for paths in names(listing).values()) == 17
    assert "ant/2024/more.JPEG" in names(listing)["train"] + names(listing)["val"]


def test_a_class_may_be_a_link_to_a_folder_elsewhere(tmp_path: Path) -> None:
    flat(tmp_path / "all")
    (tmp_path / "some").mkdir()
    for name in ("ant", "bee"):
        (tmp_path / "some" / name).symlink_to(tmp_path / "all" / name)
    assert listed(tmp_path / "some").class_names == ("ant", "bee")


def refused(root: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        listed(root)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere: no such folder")
    refused(tree(tmp_path, "file") / "file", "file: no such folder")


def test_a_folder_without_class_folders_is_refused(tmp_path: Path) -> None:
    refused(tree(tmp_path / "a", "1.png"), "no class folders; expected a/CLASS/IMAGE")
    refused(tree(flat(tmp_path / "b" / "train").parent, "val/ant/1.png", "test/1.png"), "test: no class folders")


def test_an_empty_class_is_refused_in_any_split(tmp_path: Path) -> None:
    (flat(tmp_path / "a") / "cow").mkdir()
    refused(tmp_path / "a", "cow: no images in this class")
    flat(tmp_path / "b" / "train")
    (tmp_path / "b" / "val" / "ant").mkdir(parents=True)
    refused(tmp_path / "b", "val/ant: no images in this class")


def test_a_val_class_that_train_does_not_know_is_refused(tmp_path: Path) -> None:
    flat(tmp_path / "train")
    refused(tree(tmp_path, "val/beee/1.png"), "no class of the train images called 'beee'; did you mean 'bee'")


def test_a_folder_beside_train_that_is_no_split_is_refused(tmp_path: Path) -> None:
    flat(tmp_path / "train")
    refused(tree(tmp_path, "valid/ant/1.png"), "no split 'valid'; did you mean 'val'")


def test_val_without_train_is_refused(tmp_path: Path) -> None:
    refused(tree(tmp_path, "val/ant/1.png", "test/ant/1.png"), "train: no class folders")


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    refused(tree(flat(tmp_path), "ant/labels.csv"), r"ant/labels.csv: not an image; expected .*\.png")


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (flat(tmp_path) / "ant" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    refused(tmp_path, "cannot be listed.*gone.png")


def test_a_link_that_leads_back_is_refused(tmp_path: Path) -> None:
    (flat(tmp_path) / "ant" / "again").symlink_to(tmp_path / "ant")
    refused(tmp_path, "cannot be listed")
