"""The campaign's report: one case a fault, counted, as JSON, as JUnit's XML and as a table."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Case:
    """One fault and what came of it.

    Attributes:
        fault: its kind, such as ``kill -9``.
        command: whom it met.
        detail: when or how, in words.
        problem: what went wrong; empty if all is well.
        records_lost: records that are in the undisturbed output and not in this one.
        seconds: of the case.
    """

    fault: str
    command: str
    detail: str = ""
    problem: str = ""
    records_lost: int = 0
    seconds: float = 0.0


@dataclass
class Report:
    """All cases."""

    cases: list[Case] = field(default_factory=list)

    @property
    def failed(self) -> list[Case]:
        """Cases with a problem."""
        return [case for case in self.cases if case.problem or case.records_lost]

    def add(self, case: Case) -> None:
        """Keep a case and say what came of it."""
        self.cases.append(case)
        print(
            f"{case.fault} | {case.command} | {case.detail} | {case.problem or 'well'} | {case.seconds:.1f} s",
            flush=True,
        )

    def rows(self) -> list[tuple[str, str, int, int, int]]:
        """Fault, command, cases, cases that went well, records lost."""
        counted: Counter[tuple[str, str]] = Counter()
        well: Counter[tuple[str, str]] = Counter()
        lost: Counter[tuple[str, str]] = Counter()
        for case in self.cases:
            key = (case.fault, case.command)
            counted[key] += 1
            well[key] += not case.problem and not case.records_lost
            lost[key] += case.records_lost
        return [(*key, counted[key], well[key], lost[key]) for key in counted]

    def table(self) -> str:
        """The rows as Markdown."""
        lines = ["| fault | command | cases | well | records lost |", "|---|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(map(str, row))} |" for row in self.rows()]
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write ``faults.json``, ``faults.xml`` and ``faults.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        names = ("fault", "command", "cases", "well", "records_lost")
        values = {
            "cases": len(self.cases),
            "failed": len(self.failed),
            "rows": [dict(zip(names, row, strict=True)) for row in self.rows()],
            "all": [asdict(case) for case in self.cases],
        }
        (folder / "faults.json").write_text(json.dumps(values, indent=2) + "\n", "utf-8")
        (folder / "faults.md").write_text(self.table() + "\n", "utf-8")
        suites = ElementTree.Element("testsuites", tests=str(len(self.cases)), failures=str(len(self.failed)))
        for fault in dict.fromkeys(case.fault for case in self.cases):
            own = [case for case in self.cases if case.fault == fault]
            failures = sum(case in self.failed for case in own)
            suite = ElementTree.SubElement(suites, "testsuite", name=fault, tests=str(len(own)), failures=str(failures))
            for case in own:
                name = f"{case.command}: {case.detail}"
                entry = ElementTree.SubElement(
                    suite, "testcase", classname=f"faults.{fault}", name=name, time=f"{case.seconds:.2f}"
                )
                if case in self.failed:
                    message = case.problem or f"{case.records_lost} records lost"
                    ElementTree.SubElement(entry, "failure", message=message[:1000])
        ElementTree.ElementTree(suites).write(folder / "faults.xml", encoding="utf-8", xml_declaration=True)
