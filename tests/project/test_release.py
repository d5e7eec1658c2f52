"""Releases: the pure parts of the scripts, and the rules that the workflows and forms in .github keep."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")}
JOBS = {(name, job): body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
STEPS = [step for job in JOBS.values() for step in job.get("steps", ())]
CHANGELOG = "# Changelog\n\n## 3.1.0 (2026-12-24)\n\nNew:\n- A thing.\n\n## 3.0.0 (unreleased)\n\n- First.\n"
DIGEST = f"sha256:{'0f' * 32}"


def project(folder: Path, version: str = "3.1.0", changelog: str = CHANGELOG) -> Path:
    """What the scripts read, in a folder that looks like the project's."""
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "Dockerfile").write_text("# A comment.\nARG BASE=example.org/base:1\nFROM ${BASE}\n")
    (folder / "aps2mqtt").mkdir()
    (folder / "aps2mqtt/__init__.py").write_text(f'"""Text."""\n\n__version__ = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    return folder


def run(folder: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script of the project in `folder`."""
    command = [folder / "scripts" / script, *arguments]
    environment = os.environ | environment
    return subprocess.run(
        command, cwd=folder.parent, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


# -- scripts/release --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "notes"), [("3.1.0", "New:\n- A thing.\n"), ("3.0.0", "- First.\n")])
def test_the_notes_are_the_section_of_the_version(tmp_path: Path, version: str, notes: str) -> None:
    """Without its heading, and without other sections."""
    ended = run(project(tmp_path, version), "release", "--notes")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip() == notes.strip()


def test_the_changelog_has_notes_for_the_next_release() -> None:
    """Of this project, as it is now."""
    ended = run(ROOT, "release", "--notes")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("version", "changelog", "argument", "message"),
    [
        ("3.2.0", CHANGELOG, "--notes", 'CHANGELOG.md has no section "## 3.2.0"; write one'),
        ("3.1", CHANGELOG, "--notes", 'CHANGELOG.md has no section "## 3.1"; write one'),
        (
            "3.1.0",
            "## 3.1.0 (2026-12-24)\n\n## 3.0.0\n\n- First.\n",
            "--dry-run",
            'section "## 3.1.0" of CHANGELOG.md is',
        ),
        ("3.1.0", CHANGELOG, "v3.0.0", "the tag is v3.0.0, but the version is 3.1.0; tag v3.1.0"),
        ("3.0.0", CHANGELOG, "v3.0.0", '"## 3.0.0 (unreleased)" in CHANGELOG.md has no date'),
    ],
)
def test_a_release_that_is_not_described_stops_before_it_is_built(
    tmp_path: Path, version: str, changelog: str, argument: str, message: str
) -> None:
    """With one line that has the remedy."""
    ended = run(project(tmp_path, version, changelog), "release", argument)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_app_has_the_version_of_the_release(tmp_path: Path) -> None:
    """Home Assistant would offer another one."""
    app = project(tmp_path) / "home_assistant_app/config.yaml"
    app.parent.mkdir()
    app.write_text('name: aps2mqtt\nversion: "3.1.0"\n')
    assert run(tmp_path, "release", "--notes").returncode == 0
    app.write_text('name: aps2mqtt\nversion: "3.1.1"\n')
    assert "home_assistant_app/config.yaml has another version than 3.1.0" in run(tmp_path, "release", "--notes").stderr


def test_changes_that_are_not_committed_stop_a_release(tmp_path: Path) -> None:
    """They would be in the files, but not in the tag."""
    subprocess.run(["git", "init", "-q", project(tmp_path)], check=True)
    ended = run(tmp_path, "release", "v3.1.0")
    assert ended.returncode == 1
    assert "there are changes that are not committed: ?? CHANGELOG.md" in ended.stderr


@pytest.mark.parametrize("arguments", [(), ("3.1.0",), ("--dryrun",)])
def test_other_arguments_get_the_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """And nothing is built."""
    ended = run(project(tmp_path), "release", *arguments)
    assert ended.returncode == 64
    assert "scripts/release --dry-run" in ended.stderr


# -- scripts/publish-image --------------------------------------------------------------------------------------------

DOCKER = """#!/bin/sh
echo docker "$@" >>"$LOG"
case "$*" in
    login*) cat >>"$LOG"; echo >>"$LOG" ;;
    *imagetools*) echo sha256:ba5e ;;
    *--push*) while [ "$1" != --metadata-file ]; do shift; done; printf '%s' "$METADATA" >"$2" ;;
esac
"""


def publish(folder: Path, metadata: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The script with programs that only write down how they are called; its end and their lines."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {"docker": DOCKER, "cosign": '#!/bin/sh\necho cosign "$@" >>"$LOG"\n'}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    root = project(folder / "project")
    name = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "."), (*name, "commit", "-qm", "x")):
        subprocess.run(["git", "-C", root, *command], check=True)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(folder / "log"), "METADATA": metadata}
    secret = {"REGISTRY_USER": "someone", "REGISTRY_PASSWORD": "secret"}
    ended = run(root, "publish-image", "registry.example", "Owner/aps2mqtt", **environment, **secret)
    return ended, (folder / "log").read_text().splitlines()


def test_the_image_is_published_for_all_platforms_and_signed_by_its_digest(tmp_path: Path) -> None:
    """A name of an image is lowercase. The password is handed over on standard input."""
    ended, log = publish(tmp_path, '{\n  "containerimage.digest": "' + DIGEST + '",\n  "image.name": "x"\n}')
    assert (ended.returncode, ended.stderr) == (0, "")
    assert log[:2] == ["docker login registry.example --username someone --password-stdin", "secret"]
    (build,) = (line for line in log if "--push" in line)
    for words in (
        "--platform linux/amd64,linux/arm64,linux/arm/v7 ",
        "--provenance mode=max --sbom true ",
        "--build-arg BASE=example.org/base:1@sha256:ba5e ",
        "--tag registry.example/owner/aps2mqtt:3.1.0 ",
        "--tag registry.example/owner/aps2mqtt:3.1 ",
        "--tag registry.example/owner/aps2mqtt:latest ",
    ):
        assert words in build
    assert log[-1] == f"cosign sign --yes registry.example/owner/aps2mqtt@{DIGEST}"


def test_an_image_without_a_digest_is_not_signed(tmp_path: Path) -> None:
    """By its tag it could be another one."""
    ended, log = publish(tmp_path, "{}")
    assert ended.returncode == 1
    assert "buildx reports no digest of the image: {}" in ended.stderr
    assert not [line for line in log if line.startswith("cosign")]


# -- .github ----------------------------------------------------------------------------------------------------------


def test_every_step_is_an_action_or_a_script_of_the_project() -> None:
    """So that all of it can run here."""
    commands = [step["run"] for step in STEPS if "run" in step]
    for command in commands:
        (script,) = re.findall(r"(?:scripts|\.ci)/[\w-]+", command)
        assert os.access(ROOT / script, os.X_OK), command
        assert "${{" not in command, "an expression in a command can be code"
    assert len(commands) == 4


def test_every_action_is_pinned_to_a_commit_with_its_version() -> None:
    """A tag can be moved to other code."""
    used = [line for path in (ROOT / ".github/workflows").glob("*.yml") for line in path.read_text().splitlines()]
    used = [line.partition("uses: ")[2] for line in used if "uses: " in line and "uses: ./" not in line]
    assert len(used) == len([step for step in STEPS if "uses" in step])
    assert not [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)]


def test_a_job_has_no_more_permissions_than_it_needs() -> None:
    """A workflow has none; each job names its own."""
    assert [workflow["permissions"] for workflow in WORKFLOWS.values()] == [{}, {}]
    assert {job: body["permissions"] for job, body in JOBS.items()} == {
        ("test.yml", "test"): {"contents": "read"},
        ("release.yml", "test"): {"contents": "read"},
        ("release.yml", "build"): {"contents": "read"},
        ("release.yml", "pypi"): {"id-token": "write"},
        ("release.yml", "image"): {"contents": "read", "id-token": "write", "packages": "write"},
        ("release.yml", "page"): {"contents": "write"},
    }
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_every_job_has_a_time_limit() -> None:
    """The default is six hours."""
    limits = {job: body.get("timeout-minutes") for job, body in JOBS.items() if "steps" in body}
    assert limits
    assert all(limits.values()), limits


def test_nothing_is_published_without_tests_and_checks() -> None:
    """And the page comes last, with the files that were checked."""
    needs = {job: body.get("needs") for (name, job), body in JOBS.items() if name == "release.yml"}
    assert needs == {"test": None, "build": "test", "pypi": "build", "image": "build", "page": ["pypi", "image"]}
    (event,) = (workflow[True] for name, workflow in WORKFLOWS.items() if name == "release.yml")  # YAML's `on`
    assert event == {"push": {"tags": ["v*"]}}


@pytest.mark.parametrize("form", ["problem", "hardware"])
def test_a_form_asks_for_the_check_and_a_capture(form: str) -> None:
    """With the commands to type."""
    body = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text())["body"]
    fields = {field["id"]: str(field["attributes"]) for field in body}
    assert "aps2mqtt check --json" in fields["check"]
    assert "aps2mqtt capture --output capture" in fields["capture"]


def test_dependencies_of_every_kind_are_updated() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "docker", "github-actions"}
