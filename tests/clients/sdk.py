"""The real `uipath` SDK and command line against a running server: what they send must be understood, and what they read
must be there. Run by scripts/client-test, which starts the server and a robot and sets the environment."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.request

from uipath.platform import UiPath
from uipath.platform.orchestrator.queues import CommitType

FOLDER = "Shared"
URL, TOKEN = os.environ["UIPATH_URL"], os.environ["UIPATH_ACCESS_TOKEN"]


def api(method, path, body=None, expect=(200, 201, 204)):
    data = None if body is None else json.dumps(body).encode()
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "X-UIPATH-FolderPath": FOLDER,
    }
    request = urllib.request.Request(f"{URL}/orchestrator_{path}", data=data, method=method, headers=headers)
    with urllib.request.urlopen(request) as response:
        assert response.status in expect, (path, response.status)
        text = response.read()
        return json.loads(text) if text else None


def queues(sdk):
    api("POST", "/odata/QueueDefinitions", {"Name": "sdk-queue"})
    made = sdk.queues.create_item(
        {"Name": "sdk-queue", "Priority": "High", "SpecificContent": {"n": 1}, "Reference": "r1"}, folder_path=FOLDER
    )
    assert made["Status"] == "New" and made["SpecificContent"] == {"n": 1}, made
    many = [{"Name": "sdk-queue", "SpecificContent": {"n": n}, "Reference": f"m{n}"} for n in (2, 3)]
    added = sdk.queues.create_items(many, "sdk-queue", CommitType.ALL_OR_NOTHING, folder_path=FOLDER)
    assert added["Success"], added
    listed = sdk.queues.list_items("sdk-queue", folder_path=FOLDER)
    assert len(listed["value"]) == 3, listed
    taken = sdk.queues.create_transaction_item({"Name": "sdk-queue"}, no_robot=True, folder_path=FOLDER)
    assert taken["Reference"] == "r1" and taken["Status"] == "InProgress", taken
    key = str(taken["Id"])
    sdk.queues.update_progress_of_transaction_item(key, "half", folder_path=FOLDER)
    sdk.queues.complete_transaction_item(key, {"IsSuccessful": True, "Output": {"done": True}}, folder_path=FOLDER)
    assert api("GET", f"/odata/QueueItems({key})")["Status"] == "Successful"


def assets(sdk):
    api("POST", "/odata/Assets", {"Name": "sdk-text", "ValueScope": "Global", "ValueType": "Text", "StringValue": "hello"})
    names = [a.name for a in sdk.assets.list(folder_path=FOLDER).items]
    assert "sdk-text" in names, names
    found = sdk.assets.retrieve("sdk-text", folder_path=FOLDER)
    assert found.value == "hello" or found.string_value == "hello", found


def attachments(sdk):
    key = sdk.attachments.upload(name="note.txt", content="some text", folder_path=FOLDER)
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "note.txt")
        name = sdk.attachments.download(key=key, destination_path=target, folder_path=FOLDER)
        assert name == "note.txt" and pathlib.Path(target).read_text() == "some text"
    sdk.attachments.delete(key=key, folder_path=FOLDER)


def buckets(sdk):
    made = sdk.buckets.create("sdk-bucket", description="a test", folder_path=FOLDER)
    assert made.name == "sdk-bucket" and made.options == "None", made
    assert sdk.buckets.exists("sdk-bucket", folder_path=FOLDER)
    assert "sdk-bucket" in [b.name for b in sdk.buckets.list(folder_path=FOLDER, name="sdk-BUCK").items]
    assert sdk.buckets.retrieve(key=made.identifier, folder_path=FOLDER).id == made.id
    path = "reports/2026/ä & b+c%20.txt"
    here = {"name": "sdk-bucket", "folder_path": FOLDER}
    sdk.buckets.upload(**here, blob_file_path=path, content="some text", content_type="text/plain")
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "data.json"), os.path.join(folder, "back")
        pathlib.Path(source).write_text('{"a": 1}')
        sdk.buckets.upload(**here, blob_file_path="data.json", source_path=source)
        sdk.buckets.download(**here, blob_file_path=path, destination_path=target)
        assert pathlib.Path(target).read_text() == "some text"
        sdk.buckets.download(**here, blob_file_path="data.json", destination_path=target)
        assert pathlib.Path(target).read_text() == '{"a": 1}'
    assert sdk.buckets.exists_file(**here, blob_file_path=path)
    first = sdk.buckets.list_files(**here, take_hint=1)
    assert first.has_more and [f.path for f in first.items] == ["/data.json"], first
    rest = sdk.buckets.list_files(**here, take_hint=1, continuation_token=first.continuation_token)
    assert not rest.has_more and [f.path for f in rest.items] == ["/" + path], rest
    found = sdk.buckets.get_files(**here, recursive=True, file_name_glob="*.txt").items
    assert [(f.path, f.size, f.content_type) for f in found] == [("/" + path, 9, "text/plain")], found
    sdk.buckets.delete_file(**here, blob_file_path=path)
    assert not sdk.buckets.exists_file(**here, blob_file_path=path)
    sdk.buckets.delete(**here)
    assert not sdk.buckets.exists("sdk-bucket", folder_path=FOLDER)


def folders(sdk):
    key = sdk.folders.retrieve_key(folder_path=FOLDER)
    assert key == api("GET", f"/odata/Folders?$filter=DisplayName eq '{FOLDER}'".replace(" ", "%20"))["value"][0]["Key"]


def run(*command, cwd):
    done = subprocess.run(["uipath", *command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


MAIN = '''
import os
from dataclasses import dataclass
from uipath.platform import UiPath


@dataclass
class Input:
    asset: str


@dataclass
class Output:
    value: str
    job: str


def main(input: Input) -> Output:
    print("reading", input.asset)
    asset = UiPath().assets.retrieve(input.asset)
    return Output(value=str(asset.string_value or asset.value), job=os.environ["UIPATH_JOB_KEY"])
'''


def main_job(sdk):
    """A package made by the real packer is published by the real command, started through the SDK and run by our robot;
    inside, it reads an asset with the token of its job."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "main.py").write_text(MAIN)
        (root / "pyproject.toml").write_text(
            '[project]\nname = "sdk-job"\nversion = "1.0.0"\ndescription = "a test"\n'
            'authors = [{ name = "tests" }]\nrequires-python = ">=3.11"\ndependencies = ["uipath==2.14.44"]\n'
        )
        (root / "uipath.json").write_text(json.dumps({"functions": {"main": "main.py:main"}}))
        run("init", cwd=folder)
        run("pack", "--nolock", cwd=folder)
        run("publish", "--tenant", cwd=folder)
    again = api("GET", "/odata/Processes?$filter=Id%20eq%20'sdk-job'")
    assert again["value"][0]["Version"] == "1.0.0", again
    release = api("POST", "/odata/Releases", {"Name": "sdk-job", "ProcessKey": "sdk-job", "ProcessVersion": "1.0.0"})
    job = sdk.processes.invoke("sdk-job", {"asset": "sdk-text"}, folder_path=FOLDER)
    ended = wait(sdk, job.key)
    assert ended.state.lower() == "successful", ended
    output = json.loads(sdk.jobs.extract_output(ended))
    assert output == {"value": "hello", "job": str(job.key)}, output
    logs = api("GET", f"/odata/RobotLogs?$filter=JobKey%20eq%20{job.key}")["value"]
    assert any("reading sdk-text" in line["Message"] for line in logs), logs
    failing = sdk.processes.invoke("sdk-job", {"asset": "no-such-asset"}, folder_path=FOLDER)
    ended = wait(sdk, failing.key)
    assert ended.state.lower() == "faulted" and ended.job_error.code.startswith("Python."), ended
    large = sdk.processes.invoke("sdk-job", {"asset": "sdk-text", "padding": "x" * 20_000}, folder_path=FOLDER)
    assert wait(sdk, large.key).state.lower() in ("successful", "faulted")
    assert sdk.jobs.exists(str(job.key), folder_path=FOLDER)
    assert release["Name"] == "sdk-job"


def wait(sdk, key):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        job = sdk.jobs.retrieve(str(key), folder_path=FOLDER)
        if job.state.lower() in ("successful", "faulted", "stopped"):
            return job
        time.sleep(0.2)
    raise AssertionError(f"job {key} did not end: {job}")


def main():
    sdk = UiPath()
    passed = 0
    for test in (folders, queues, assets, attachments, buckets, main_job):
        test(sdk)
        passed += 1
        print(f"{test.__name__}: ok", flush=True)
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
