"""Hands poplab's reports to the programs that CI systems read them with, and compares what those made of them with
the run's own records: junitparser and the schema for JUnit XML, tap.py and prove for TAP.

    read.py PLACE…    a run's folder with run.json, results.json, junit.xml and, of conformance, report.tap;
                      or the snapshot of a report, which the parsers must be able to read

Exits with 0 if all of them read what was recorded, and with 1 and a line for each disagreement otherwise. It judges
no text: which sentence stands where is tested beside the reporters.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import junitparser
import tap.parser
import xmlschema

HERE = pathlib.Path(__file__).resolve().parent
# Debian's. A search path may have another one before it.
PROVE = "/usr/bin/prove"


def colours_of_records(run, results):
    """What every case should be for a reader: passed, failure, error or skipped, counted."""
    counts = collections.Counter()
    if run["tool"] == "load":
        counts.update("passed" if row["holds"] else "failure" for row in results["thresholds"])
        return counts
    for check in results["checks"]:
        verdict = check["verdict"]
        known = check["approved"] is not None and verdict in ("fail", "warn", "inconclusive")
        if known or verdict == "skipped":
            counts["skipped"] += 1
        else:
            counts[{"fail": "failure", "inconclusive": "error"}.get(verdict, "passed")] += 1
    counts["failure"] += len(results["stale"])
    return counts


def must_be_red(run, counts):
    """What the exit code says; a check without a judgement is no success either."""
    return run["exit_code"] != 0 or counts["error"] > 0


def read_junit(text):
    """The cases by colour, without the one of the run itself; and whether a CI system shows them as a failure."""
    xmlschema.validate(text, str(HERE / "junit.xsd"))
    document = junitparser.JUnitXml.fromstring(text.encode())
    counts, names = collections.Counter(), collections.Counter()
    for suite in document:
        assert isinstance(suite, junitparser.TestSuite), suite
        for case in suite:
            names[(case.classname, case.name)] += 1
            kinds = [type(result).__name__.lower() for result in case.result]
            assert len(kinds) <= 1, f"{case.name}: several results, {kinds}"
            counts[(suite.name == "run", kinds[0] if kinds else "passed")] += 1
    twice = [name for name, times in names.items() if times > 1]
    assert not twice, f"the same name twice: {twice}"
    total = collections.Counter()
    for (_, kind), number in counts.items():
        total[kind] += number
    stated = (document.tests, document.failures, document.errors)
    counted = (sum(total.values()), total["failure"], total["error"])
    assert stated == counted, f"the head says {stated}, but there are {counted}"
    red = document.failures + document.errors > 0
    return collections.Counter({kind: n for (of_run, kind), n in counts.items() if not of_run}), red


def read_tap(text):
    """The points by colour, without the one of the run itself; and whether harnesses call it a failure."""
    lines = list(tap.parser.Parser().parse_text(text))
    assert lines[0].category == "version" and lines[0].version == 13, lines[0]
    assert lines[1].category == "plan", f"the second line is no plan: {lines[1]}"
    unread = [line for line in lines if line.category == "unknown"]
    assert not unread, f"lines that no parser knows: {unread[:3]}"
    points = [line for line in lines if line.category == "test"]
    assert len(points) == lines[1].expected_tests, f"{len(points)} points, planned {lines[1].expected_tests}"
    assert [point.number for point in points] == list(range(1, len(points) + 1)), "the numbers have gaps"
    blocks = text.count("\n  ---\n")
    read = sum(1 for point in points if isinstance(point.yaml_block, dict))
    assert blocks == read, f"{blocks} diagnostic blocks, of which {read} can be read"
    counts = collections.Counter()
    for point in points[:-1]:
        if point.skip or point.todo:
            counts["skipped"] += 1
        else:
            counts["passed" if point.ok else "not ok"] += 1
    red = any(line.category == "bail" for line in lines) or any(not p.ok and not p.todo for p in points)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.tap"
        file.write_text(text)
        proved = subprocess.run([PROVE, str(file)], capture_output=True, text=True, timeout=60)
    assert "Parse errors" not in proved.stdout, proved.stdout
    assert (proved.returncode != 0) == red, f"tap.py says {red=}, prove {proved.returncode}: {proved.stdout}"
    return counts, red


def run_folder(folder):
    run, results = (json.loads((folder / f"{name}.json").read_text()) for name in ("run", "results"))
    expected = colours_of_records(run, results)
    seen, red = read_junit((folder / "junit.xml").read_text())
    assert seen == +expected, f"junit.xml: {dict(seen)}, recorded {dict(+expected)}"
    assert red == must_be_red(run, expected), f"junit.xml: {red=}, but the exit code is {run['exit_code']}"
    if run["tool"] == "load":
        return f"JUnit {dict(seen)}"
    points, red = read_tap((folder / "report.tap").read_text())
    wanted = collections.Counter(passed=expected["passed"], skipped=expected["skipped"])
    wanted["not ok"] = expected["failure"] + expected["error"]
    assert points == +wanted, f"report.tap: {dict(points)}, recorded {dict(+wanted)}"
    assert red == must_be_red(run, expected), f"report.tap: {red=}, but the exit code is {run['exit_code']}"
    return f"JUnit {dict(seen)}, TAP {dict(points)}"


def snapshot(file):
    """What stands behind the head of a snapshot."""
    text = file.read_text().split("---\n", 2)[2]
    seen, red = read_junit(text) if text.startswith("<?xml") else read_tap(text)
    return f"{dict(seen)}, {'red' if red else 'green'}"


def main():
    wrong = 0
    for place in map(pathlib.Path, sys.argv[1:]):
        try:
            told = snapshot(place) if place.is_file() else run_folder(place)
            print(f"{place.name}: {told}")
        except (AssertionError, OSError, ValueError, KeyError, xmlschema.XMLSchemaException) as error:
            wrong += 1
            print(f"{place}: {type(error).__name__}: {error}")
    return 1 if wrong or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
