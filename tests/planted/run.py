#!/usr/bin/env python3
"""Plants bugs, one after the other, and asks whether the tests notice.

Each row of bugs.json replaces one piece of text of one file, which must occur there exactly once, and names the tests that
must fail then. This program works in a git worktree of HEAD in a folder of its own, so that the checkout is never touched:

    python3 tests/planted/run.py                        # all rows; builds everything in a temporary folder
    python3 tests/planted/run.py --target /tmp/planted  # keeps what was built in that folder, for the next time
    python3 tests/planted/run.py --only "redirects are followed" --only "the role of a mark is not signed"
    python3 tests/planted/run.py --sample               # the first six rows
    python3 tests/planted/run.py --part 2/3             # every third row from the second on, for several at a time
    python3 tests/planted/run.py --list

The folder of `--target` is never that of a checkout: cargo would take what was built with a bug in it for the checkout's own.
What is not committed is not in HEAD, and so is neither built nor tested. First the named tests run without any bug, and all
of them have to pass; `--no-baseline` leaves that out where they are known to. A row is `caught` if at least one of its
tests fails, `SURVIVED` if all pass, and an error if its text does not fit any more, if the program with the bug does not
compile, if a test is not there, or if the tests come to no end. Exit code: 0 if all rows are caught, 1 otherwise. Rows
about files of other users need root, as their tests do.

A row takes about half a minute on two cores, so all of them take most of an hour, and `.ci/run` leaves them out: they are for
whoever changes what the rows are about. That each row still fits, and that its tests are there, is checked with the other
tests (`tidy::every_planted_bug_still_fits_and_names_tests_that_are_there`).
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = Path(__file__).resolve().parent / "bugs.json"

# How many rows `--sample` takes: those with which all this began.
SAMPLE = 6

# A row that takes longer comes to no end, in seconds: builds take a minute, the slowest test takes another.
LONGEST = 600

# The baseline builds everything.
LONGEST_BASELINE = 3600

RUNNING = re.compile(r"^running (\d+) tests?$", re.MULTILINE)
FAILED = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. FAILED$", re.MULTILINE)


class RowError(Exception):
    """The row says nothing about the tests."""


def run(command, folder, target, longest):
    """The exit code of a command and all that it printed; it is killed with everything that it started if it is late."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_TERM_COLOR": "never"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        # Below nohup, what tests start would not hear it either.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    try:
        output, _ = process.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise RowError(f"comes to no end within {longest} s") from None
    return process.returncode, output


def by_binary(tests):
    """`lib NAME` and `it NAME` as the arguments that choose the binary, each with its names."""
    flags = {"lib": ["--lib"], "it": ["--test", "it"]}
    chosen = {}
    for test in tests:
        binary, name = test.split(" ", 1)
        chosen.setdefault(binary, set()).add(name)
    return [(flags[binary], sorted(names)) for binary, names in chosen.items()]


def failures(tests, folder, target, longest):
    """The names of those tests that fail."""
    failed = []
    for flags, names in by_binary(tests):
        cargo = ["cargo", "test", "--locked", "--quiet", *flags]
        code, output = run([*cargo, "--no-run"], folder, target, longest)
        if code != 0:
            raise RowError("does not compile:\n" + output)
        # Not `--quiet`: dots have no names.
        cargo.remove("--quiet")
        code, output = run([*cargo, "--", "--exact", *names], folder, target, longest)
        count = sum(int(number) for number in RUNNING.findall(output))
        if count != len(names):
            raise RowError(f"{count} of {len(names)} tests are there: {', '.join(names)}\n{output}")
        found = FAILED.findall(output)
        if code != 0 and not found:
            raise RowError(f"the tests ended with {code}, and none of them failed:\n{output}")
        failed += found
        if found and longest != LONGEST_BASELINE:
            break
    return failed


def plant(row, tree, target):
    """The names of the tests that notice the bug; none if it survives."""
    path = tree / row["file"]
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    count = text.count(row["old"])
    if count != 1 or row["old"] == row["new"]:
        raise RowError(f"does not fit any more: its text occurs {count} times in {row['file']}")
    path.write_text(text.replace(row["old"], row["new"]), encoding="utf-8")
    try:
        return failures(row["tests"], tree, target, LONGEST)
    finally:
        path.write_text(text, encoding="utf-8")


def git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True).stdout


def worktree(base):
    """A fresh worktree of HEAD."""
    tree = base / "tree"
    if tree.exists():
        subprocess.run(["git", "-C", str(tree), "reset", "--quiet", "--hard"], check=True)
        head = git("rev-parse", "HEAD").strip()
        subprocess.run(["git", "-C", str(tree), "checkout", "--quiet", "--detach", head], check=True)
    else:
        git("worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
    return tree


def chosen_rows(arguments):
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    if arguments.sample:
        rows = rows[:SAMPLE]
    if arguments.only:
        unknown = set(arguments.only) - {row["name"] for row in rows}
        if unknown:
            sys.exit(f"no such row: {', '.join(sorted(unknown))}")
        rows = [row for row in rows if row["name"] in arguments.only]
    first, step = arguments.part
    return rows[first - 1 :: step]


def part(text):
    """`2/3` as two numbers."""
    first, step = (int(number) for number in text.split("/"))
    if not 1 <= first <= step:
        raise ValueError(text)
    return first, step


def baseline(rows, tree, target):
    """Ends the program unless all tests that any row names pass without a bug."""
    tests = sorted({test for row in rows for test in row["tests"]})
    print(f"baseline: {len(tests)} tests without any bug", flush=True)
    try:
        failed = failures(tests, tree, target, LONGEST_BASELINE)
    except RowError as error:
        sys.exit(f"without any bug: {error}")
    if failed:
        sys.exit(f"without any bug these fail already: {', '.join(failed)}")


def check(rows, tree, target):
    """Runs every row, prints the table, and gives how many rows are not caught."""
    results = []
    for row in rows:
        began = time.monotonic()
        try:
            caught_by = plant(row, tree, target)
            verdict = ", ".join(caught_by) if caught_by else "SURVIVED"
        except RowError as error:
            caught_by = []
            words = str(error).splitlines() or [""]
            verdict = f"ERROR: {words[0]}"
            print("\n".join(words), file=sys.stderr)
        seconds = time.monotonic() - began
        results.append(bool(caught_by))
        print(f"{row['name']} | {row['file']} | {verdict} | {seconds:.0f} s", flush=True)
    print(f"{len(rows)} planted, {sum(results)} caught, {results.count(False)} not caught", flush=True)
    return results.count(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, help="folder for the worktree and what is built, which is kept")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this row; may be given several times")
    parser.add_argument("--sample", action="store_true", help=f"only the first {SAMPLE} rows")
    parser.add_argument("--part", type=part, default=(1, 1), metavar="N/M", help="every M-th row from the N-th on")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests without any bug first")
    parser.add_argument("--list", action="store_true", help="print the rows and plant nothing")
    arguments = parser.parse_args()
    rows = chosen_rows(arguments)
    if arguments.list:
        for row in rows:
            print(f"{row['name']} | {row['file']} | {', '.join(row['tests'])}")
        return 0

    def plant_all(base):
        tree, target = worktree(base), base / "target"
        if not arguments.no_baseline:
            baseline(rows, tree, target)
        return 1 if check(rows, tree, target) else 0

    if arguments.target:
        arguments.target.mkdir(parents=True, exist_ok=True)
        return plant_all(arguments.target.resolve())
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        base = Path(folder).resolve()
        try:
            return plant_all(base)
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(base / "tree")], check=False)


if __name__ == "__main__":
    sys.exit(main())
