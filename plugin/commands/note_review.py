"""`astranet note list|show|edit|approve|revise|export`: the review of notes for those without a browser."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.notes.draft import Draft
    from plugin.notes.review.reviewing import Reviewing
    from plugin.settings import Settings
    from plugin.store import Store
    from plugin.store.notes.drafts import Note

Night = Annotated[str, typer.Argument(help="Night or week of the note, as `astranet note list` shows it.")]
Kind = Annotated[str, typer.Option(help="Kind of the note: classes, anomalies, candidates.")]
Reviewer = Annotated[str, typer.Option(help="Your name: it is kept with the change.")]
CONFLICT = 3


def register(note_app: typer.Typer) -> None:
    """Add the commands."""
    note_app.command("list")(list_)
    for command in (show, edit, approve, revise, export):
        note_app.command()(command)


def list_() -> None:
    """Every note, the newest first, with its state."""
    with _opened() as (_, store), store.begin(to_read=True) as unit:
        found = unit.notes.every()
    for one in found:
        who = f"approved by {one.approved_by}" if one.state == "approved" else "in review" if one.edited else "waits"
        said = f"{one.night}  {one.kind}  version {one.version}  {who}  {one.content.get('title', '')}"
        Console(soft_wrap=True).print(said, markup=False)
    Console(stderr=True).print(f"{len(found)} notes")


def show(
    night: Night,
    kind: Kind = "classes",
    version: Annotated[int | None, typer.Option(help="Which version; the newest by default.")] = None,
) -> None:
    """One note as text, what keeps it from being approved, and what people changed in the service's draft."""
    from plugin.notes.checker import check
    from plugin.notes.render import to_text
    from plugin.notes.review.content import draft_of
    from plugin.notes.review.differences import differences

    with _opened() as (_, store):
        note = _note(store, kind, night, version)
        with store.begin(to_read=True) as unit:
            steps = unit.notes.steps(note)
    draft = draft_of(note.content)
    typer.echo(to_text(draft))
    out = Console(soft_wrap=True)
    for said in check(draft, approved=note.state == "approved"):
        out.print(f"not yet: {said}", markup=False)
    for line in differences(draft_of(note.machine), draft).lines():
        out.print(f"changed: {line}", markup=False)
    for step in steps:
        out.print(f"{step.at:%Y-%m-%d %H:%M}  {step.by or 'the service'}: {step.said}", markup=False)


def edit(
    night: Night,
    kind: Kind = "classes",
    title: Annotated[str | None, typer.Option(help="Another title.")] = None,
    abstract_file: Annotated[Path | None, typer.Option(help="File with another abstract.", exists=True)] = None,
    body_file: Annotated[Path | None, typer.Option(help="File with another body.", exists=True)] = None,
    authors: Annotated[str | None, typer.Option(help="Other authors: Name (Affiliation), and so on.")] = None,
    keywords: Annotated[str | None, typer.Option(help="Other keywords, separated by commas.")] = None,
    source_group: Annotated[str | None, typer.Option(help="Another source group.")] = None,
    take_out: Annotated[list[str] | None, typer.Option(help="Source to take out; may be given again.")] = None,
    add: Annotated[list[str] | None, typer.Option(help="Source to add; may be given again.")] = None,
    reviewer: Reviewer = "",
) -> None:
    """Change a draft by options; without any, its texts in $EDITOR. Exit code 3 when somebody else was faster."""
    from plugin.commands.editor import edited
    from plugin.notes.review.changes import rewritten
    from plugin.notes.review.changes import take_out as out_of
    from plugin.notes.review.content import draft_of
    from plugin.notes.review.reviewing import Seen
    from plugin.notes.review.texts import read_texts, written_texts

    given = {"title": title, "authors": authors, "keywords": keywords, "source_group": source_group}
    files = {"abstract": abstract_file, "body": body_file}
    texts = {name: text for name, text in given.items() if text is not None}
    texts |= {name: path.read_text(encoding="utf-8") for name, path in files.items() if path is not None}
    with _opened() as (settings, store):
        note = _note(store, kind, night)
        if note.state == "approved":
            _fail("it is approved and stays as it is; `astranet note revise` starts a new version")
        if not (texts or take_out or add):
            asked = edited(written_texts(draft_of(note.content)))
            if asked is None:
                _fail("nothing was changed")
            with _told():
                texts = read_texts(asked)

        def change(draft: "Draft") -> "Draft":
            draft = rewritten(draft, texts)
            for name in take_out or ():
                draft = out_of(draft, name)
            return _with_added(settings, store, draft, add) if add else draft

        words = [*(["texts"] if texts else []), *(f"took out {n}" for n in take_out or ())]
        said = ", ".join([*words, *(f"added {n}" for n in add or ())])
        with _told():
            reviewing = _reviewing(settings, store)
            done = reviewing.change(Seen.of(note), change, by=reviewer.strip() or _login(), said=said)
    typer.echo("nothing was changed" if done.revision == note.revision else f"saved as revision {done.revision}")


def approve(
    night: Night,
    reviewer: Annotated[str, typer.Option(help="Your name: it stands among the authors.")],
    kind: Kind = "classes",
    yes: Annotated[bool, typer.Option("--yes", help="Do not show it and ask first.")] = False,
) -> None:
    """Stand for a draft with your name: from then on it stays as it is. Nothing is sent anywhere."""
    from plugin.notes.render import to_text
    from plugin.notes.review.content import draft_of
    from plugin.notes.review.reviewing import Seen

    with _opened() as (settings, store):
        note = _note(store, kind, night)
        if note.state == "approved":
            _fail(f"it was approved by {note.approved_by} on {note.approved_at:%Y-%m-%d %H:%M}")
        if not yes:
            typer.echo(to_text(draft_of(note.content)))
            typer.confirm("Have you reviewed it, and do you approve it?", abort=True)
        with _told():
            done = _reviewing(settings, store).approve(Seen.of(note), by=reviewer)
    typer.echo(f"version {done.version} approved by {done.approved_by}")


def revise(night: Night, kind: Kind = "classes", reviewer: Reviewer = "") -> None:
    """Start a new version of an approved note."""
    from plugin.notes.review.reviewing import Seen

    with _opened() as (settings, store):
        note = _note(store, kind, night)
        with _told():
            done = _reviewing(settings, store).revise(Seen.of(note), by=reviewer.strip() or _login())
    typer.echo(f"version {done.version} is a draft")


def export(
    night: Night,
    to: Annotated[Path, typer.Option(help="Folder for the files; it is made.")],
    kind: Kind = "classes",
    version: Annotated[int | None, typer.Option(help="Which version; the newest by default.")] = None,
) -> None:
    """Write what goes into the TNS's form: the body as HTML, the objects as CSV, everything as text and JSON."""
    from plugin.notes.files import replace_file
    from plugin.notes.review.content import draft_of
    from plugin.notes.review.export import MADE

    with _opened() as (_, store):
        note = _note(store, kind, night, version)
    to.mkdir(parents=True, exist_ok=True)
    for name, make in MADE.items():
        replace_file(to / name, make(draft_of(note.content)))
    state = f"approved by {note.approved_by}" if note.state == "approved" else "a draft that nobody has approved"
    typer.echo(f"version {note.version}, {state}, in {to}")


def _with_added(settings: "Settings", store: "Store", draft: "Draft", names: list[str]) -> "Draft":
    from plugin.notes.review.adding import Adding
    from plugin.sources.marshal import make_source

    with closing(make_source(settings)) as marshal:
        adding = Adding(store=store, marshal=marshal, alpha=settings.alpha, trust=settings.trust)
        for name in names:
            draft = adding(draft, name)
    return draft


def _reviewing(settings: "Settings", store: "Store") -> "Reviewing":
    from plugin.notes.review.authors import read_authors
    from plugin.notes.review.reviewing import Reviewing

    return Reviewing(store=store, authors=read_authors(settings.note_authors_file))


@contextmanager
def _told() -> "Iterator[None]":
    """What cannot be done, in words."""
    from plugin.notes.review.changes import CannotBe
    from plugin.notes.review.reviewing import Objected, Overtaken

    try:
        yield
    except CannotBe as error:
        _fail(str(error))
    except Objected as error:
        _fail("It was not approved:", *error.reasons)
    except Overtaken as error:
        _fail(f"Nothing was saved. {error}", *(error.changed.lines() if error.changed else ()), code=CONFLICT)


@contextmanager
def _opened() -> "Iterator[tuple[Settings, Store]]":
    """The settings, and the database beside a service that may be running."""
    with prepared() as settings:
        from plugin.store import open_store

        with open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store:
            yield settings, store


def _note(store: "Store", kind: str, night: str, version: int | None = None) -> "Note":
    with store.begin(to_read=True) as unit:
        found = unit.notes.of(kind, night, version)
    if found is None:
        _fail(f"there is no such note: {kind}, {night}; `astranet note list` shows those there are")
    return found


def _login() -> str:
    from getpass import getuser

    return getuser()


def _fail(*lines: str, code: int = 1) -> NoReturn:
    for line in lines:
        Console(stderr=True, soft_wrap=True).print(line, style="red", markup=False)
    raise typer.Exit(code)
