import gc
import hashlib
import io
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from medmnist_arrays import arrays
from medmnist_server import Server

from bench.data import medmnist_files
from bench.data.folder import folder_and_origin
from bench.data.medmnist_rows import info_table
from bench.data.table import load
from bench.errors import DataUnavailable, UserError


def test_folder_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAE_BENCH_DATA", str(tmp_path / "variable"))
    assert folder_and_origin(tmp_path / "argument")[0] == tmp_path / "argument"
    assert folder_and_origin(None)[0] == tmp_path / "variable"
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("SAE_BENCH_DATA", "")
    assert folder_and_origin(None)[0] == tmp_path / "home/.medmnist"
    monkeypatch.delenv("SAE_BENCH_DATA")
    assert folder_and_origin(None)[0] == tmp_path / "home/.medmnist"
    assert (tmp_path / "home/.medmnist").is_dir()
    assert folder_and_origin(Path("~/data"))[0] == tmp_path / "home/data"
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="pass --data FOLDER or set SAE_BENCH_DATA"):
        folder_and_origin(None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    import medmnist

    made = Server()
    made.body = own_bytes()
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setitem(medmnist.INFO["breastmnist"], "url", made.url)
    digest = hashlib.md5(made.body).hexdigest()
    for key in ("MD5", "MD5_64"):
        monkeypatch.setitem(medmnist.INFO["breastmnist"], key, digest)
        monkeypatch.setitem(info_table()["breastmnist"], key, digest)
    monkeypatch.setitem(medmnist.INFO["breastmnist"], "url_64", made.url)
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.released.set()
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def own_bytes() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays())
    return buffer.getvalue()


def test_download_puts_the_whole_file_there_without_chatter(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = load("breast", data=tmp_path)
    assert dataset.train.y_B.tolist() == [0, 1, 0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["breastmnist.npz"]
    assert (tmp_path / "breastmnist.npz").read_bytes() == server.body
    assert capfd.readouterr() == ("", "")
    assert socket.getdefaulttimeout() is None
    server.status = 500  # the second time the file is there: no network
    assert load("breast", data=tmp_path).fingerprint == dataset.fingerprint
    server.status = 200
    load("breast_64", data=tmp_path)
    assert (tmp_path / "breastmnist_64.npz").read_bytes() == server.body


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("refused", "HTTPError: HTTP Error 503"),
        ("half", "RuntimeError: File not found or corrupted"),
        ("silent", "TimeoutError: timed out"),
        ("offline", "URLError: .*Connection refused"),
    ],
)
def test_failed_download_leaves_nothing_and_says_what_to_do(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    trouble: str,
    reason: str,
) -> None:
    import medmnist

    monkeypatch.setattr(medmnist_files, "DOWNLOAD_SILENCE_S", 0.2)
    monkeypatch.setenv("SAE_BENCH_DATA", str(tmp_path))
    if trouble == "refused":
        server.status = 503
    elif trouble == "half":
        server.lost = 100
    elif trouble == "silent":
        server.silent.set()
    else:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        monkeypatch.setitem(medmnist.INFO["breastmnist"], "url", f"http://127.0.0.1:{port}/x")
    message = unavailable("breast")
    gc.collect()  # the standard library leaves the timed-out socket to it: see the mark
    expected = (
        f"dataset 'breast' is not available: looked for breastmnist.npz in {tmp_path} "
        "(from SAE_BENCH_DATA); tried to download it with medmnist: "
    )
    assert message.startswith(expected)
    assert message.endswith(
        "Put the official file there, or pass --data FOLDER, or set SAE_BENCH_DATA"
    )
    assert re.search(reason, message)
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert socket.getdefaulttimeout() is None


def unavailable(name: str) -> str:
    """Only the message, so that the error and the sockets in its frames are freed here."""
    with pytest.raises(DataUnavailable) as caught:
        load(name)
    return str(caught.value)


def replace_download(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    monkeypatch.setattr("torchvision.datasets.utils.download_url", act)


def test_downloader_that_calls_a_damaged_file_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(*, root: str, filename: str, **rest: Any) -> None:
        print("chatter")  # noqa: T201
        (Path(root) / filename).write_bytes(own_bytes())

    replace_download(monkeypatch, act)
    with pytest.raises(DataUnavailable, match=r"got a damaged file, MD5 .* instead of 750601b1"):
        load("breast", data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_interrupt_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(**rest: Any) -> None:
        raise KeyboardInterrupt

    replace_download(monkeypatch, act)
    with pytest.raises(KeyboardInterrupt):
        load("breast", data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(DataUnavailable, match=r"cannot use the folder: .*Permission denied") as e:
        load("breast", data=tmp_path)
    assert "(from --data)" in str(e.value)


def test_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    absent = tmp_path / "mistyped"
    with pytest.raises(DataUnavailable, match=r"there is no folder .*mistyped"):
        load("pneumonia", data=absent)
    assert not absent.exists()


def test_wrong_md5_is_refused_and_the_file_kept(tmp_path: Path) -> None:
    path = tmp_path / "breastmnist.npz"
    whole = own_bytes()
    for content, hint in ((whole, False), (whole[:-50], True)):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            load("breast", data=tmp_path)
        message = str(caught.value)
        found, official = hashlib.md5(content).hexdigest(), "750601b1f35ba3300ea97c75c52ff8f6"
        assert f"{path} is not the official file" in message
        assert f"its MD5 is {found}, it must be {official}. Delete the file" in message
        assert "point --data or SAE_BENCH_DATA elsewhere" in message
        assert ("truncated download?" in message) == hint
        assert not isinstance(caught.value, DataUnavailable)
        assert path.read_bytes() == content


def test_official_md5_comes_before_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "breastmnist.npz"
    np.savez(path, **arrays(val_labels=np.array([0, 9])))
    with pytest.raises(UserError, match="its MD5 is"):
        load("breast", data=tmp_path)
    found = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(info_table()["breastmnist"], "MD5", found)
    with pytest.raises(UserError, match="split 'val': label 9"):
        load("breast", data=tmp_path)


def test_a_folder_in_the_files_place(tmp_path: Path) -> None:
    (tmp_path / "breastmnist.npz").mkdir()
    with pytest.raises(UserError, match=r"cannot read .*breastmnist.npz.*directory"):
        load("breast", data=tmp_path)
