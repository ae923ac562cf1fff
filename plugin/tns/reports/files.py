"""The drafts and reports on disk: OUTPUT_DIR/tns_reports/<TNS name>/, for those who want to look at files."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plugin.notes.files import replace_file
from plugin.store.tns.reports import TnsReport
from plugin.tns.reports.draft import Draft

FOLDER: Final = "tns_reports"
REPORT: Final = "report.json"


def write_files(output_dir: Path, reports: Sequence[TnsReport]) -> Path:
    """Make the folder say what the database says: a folder per report, others of ours are taken away.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder = output_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    kept = set()
    for report in reports:
        draft = Draft.from_dict(report.draft)
        kept.add(draft.name)
        own = folder / draft.name
        own.mkdir(exist_ok=True)
        replace_file(own / draft.file_name, draft.ascii)
        replace_file(own / REPORT, json.dumps(_told(report, draft), indent=2, ensure_ascii=False) + "\n")
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept and (path / REPORT).is_file():
            shutil.rmtree(path)
    return folder


def _told(report: TnsReport, draft: Draft) -> dict[str, object]:
    told: dict[str, object] = {"state": report.state, "reviewer": report.reviewer, "report_id": report.report_id}
    told |= {"reasons": list(report.reasons), "history": list(report.history)}
    told |= {"remarks": draft.remarks(report.reviewer or "NAME")}
    return told | {key: value for key, value in draft.to_dict().items() if key != "ascii"}
