"""Files on their way in: chosen, dropped, looked at and sent."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

PEOPLE = "id,name\n1,Ana\nx,Bob\n-3,Cleo\n"


def file(content: str | bytes, name: str = "people.csv") -> Any:
    """What a file field is given."""
    return {"name": name, "mimeType": "text/csv", "buffer": content.encode() if isinstance(content, str) else content}


def choose(page: Page, *files: Any) -> None:
    """In the field for files."""
    page.get_by_label("Choose files").set_input_files(list(files))


def test_who_has_no_token_is_asked_for_one(open_page: Callable[..., Page], house: Any) -> None:
    """A wrong one is refused; the right one is known in this tab, after a reload as well, until its owner signs out."""
    page = open_page()
    page.goto(house.url)
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    for wrong in ("wrong", "a text with spaces"):
        field.fill(wrong)
        page.keyboard.press("Enter")
        expect(page.locator("#token-problem")).to_have_text(re.compile("Nobody has|no token"))
    field.fill("token-of-ana")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    assert [0, 1] == page.evaluate("[localStorage.length, sessionStorage.length]")
    assert [] == page.context.cookies()

    page.get_by_role("button", name="Sign out").click()

    expect(field).to_be_focused()
    expect(field).to_have_value("")
    assert 0 == page.evaluate("sessionStorage.length")


def test_a_chosen_file_is_looked_at(signed_in: Page) -> None:
    """What was found stands there before anything is uploaded; for another pipeline, what that makes of it."""
    choose(signed_in, file(PEOPLE), file("Staff\n\nid;name\n1;Zoë\n".encode("latin-1"), "staff.csv"))
    people, staff = signed_in.get_by_role("list", name="Files to upload").get_by_role("listitem").all()
    expect(people).to_contain_text("utf-8 · commas · 2 columns · 3 rows. Of these, 1 would be rejected.")
    expect(staff).to_contain_text("semicolons")
    people.get_by_text("What was found").click()
    expect(people.get_by_role("table").first).to_contain_text("intid1row 2, line 3: 'x' is not a whole number")
    expect(people.get_by_role("region", name="First rows")).to_contain_text("Cleo")

    signed_in.get_by_label("Pipeline").select_option("steps")

    expect(signed_in.locator("#pipeline-columns")).to_have_text("Takes the columns that a file has.")
    expect(people).to_contain_text("2 columns · 3 rows")
    expect(people).not_to_contain_text("rejected")


def test_a_file_that_cannot_be_imported_is_told_beforehand(signed_in: Page) -> None:
    """The reason stands beside it, and may be read before it is sent; other files are not concerned."""
    choose(signed_in, file("a,b\n1,2\n", "orders.csv"), file(PEOPLE))
    orders = signed_in.get_by_role("listitem").filter(has_text="orders.csv")
    expect(orders).to_contain_text("the file lacks the columns")
    signed_in.get_by_role("button", name="Remove orders.csv").click()
    expect(orders).to_have_count(0)
    expect(signed_in.get_by_role("button", name="Upload 1 file")).to_be_visible()


def test_files_become_jobs(signed_in: Page, house: Any) -> None:
    """Those that are known to be refused as a whole are left for a second press, say why, and stand in the history."""
    choose(signed_in, file(PEOPLE), file("a,b\n1,2\n", "orders.csv"), file("id,name\n1,Ana\n", "good.csv"))
    signed_in.get_by_role("button", name="Upload 2 of 3 files").click()

    expect(signed_in.locator("#upload-result")).to_contain_text("2 files uploaded.")
    signed_in.get_by_role("button", name="Upload 1 file").click()
    expect(signed_in.locator("#upload-result")).to_contain_text(
        "1 file uploaded. orders.csv cannot be imported: the file lacks"
    )
    rows = signed_in.get_by_role("table", name="History").get_by_role("row")
    for name, standing in {
        "people.csv": "Completed with rejects",
        "orders.csv": "Failed",
        "good.csv": "Completed",
    }.items():
        expect(rows.filter(has_text=name)).to_contain_text(standing)
    expect(signed_in.get_by_role("list", name="Files to upload")).to_be_hidden()
    assert 3 == house.total


def test_files_are_dropped(signed_in: Page) -> None:
    """Anywhere on the page, which shows that it would take them."""
    transfer = signed_in.evaluate_handle(
        "content => { const all = new DataTransfer(); all.items.add(new File([content], 'dropped.csv')); return all; }",
        PEOPLE,
    )
    signed_in.dispatch_event("#history", "dragover", {"dataTransfer": transfer})
    expect(signed_in.locator("#drop")).to_have_class("drop over")

    signed_in.dispatch_event("#history", "drop", {"dataTransfer": transfer})

    expect(signed_in.get_by_role("listitem").filter(has_text="dropped.csv")).to_contain_text("1 would be rejected")
    expect(signed_in.locator("#drop")).to_have_class("drop")


def test_the_upload_is_seen_and_stopped(signed_in: Page, house: Any) -> None:
    """A bar shows how much is sent; what is stopped leaves nothing behind."""
    network = signed_in.context.new_cdp_session(signed_in)
    choose(signed_in, file("id,name\n" + "1,Ana\n" * 400_000, "large.csv"))
    expect(signed_in.get_by_role("listitem").filter(has_text="large.csv")).to_contain_text(re.compile("about [34]"))
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    network.send("Network.emulateNetworkConditions", slow)
    signed_in.get_by_role("button", name="Upload 1 file").click()
    bar = signed_in.get_by_role("progressbar", name="Upload of large.csv")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d?$"))

    signed_in.get_by_role("button", name="Stop the upload of large.csv").click()

    expect(bar).to_have_count(0)
    expect(signed_in.get_by_role("listitem").filter(has_text="large.csv")).to_have_count(0)
    assert 0 == house.total


def test_a_lost_upload_is_tried_again(signed_in: Page, house: Any) -> None:
    """Under the same key, so that a file which did arrive is not imported twice."""
    keys: list[str] = []

    def lose(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()  # it arrives, and its answer does not
            route.abort("connectionreset")
        else:
            route.continue_()

    signed_in.route("**/upload?*", lose)
    choose(signed_in, file(PEOPLE))
    signed_in.get_by_role("button", name="Upload 1 file").click()
    expect(signed_in.get_by_role("listitem").filter(has_text="people.csv")).to_contain_text("The connection was lost")

    signed_in.get_by_role("button", name="Try the upload of people.csv again").click()

    expect(signed_in.locator("#upload-result")).to_have_text("1 file uploaded.")
    assert 2 == len(keys)
    assert 1 == len(set(keys)) == house.total


def test_a_dry_run_writes_nothing(signed_in: Page) -> None:
    """What is stated for the files goes with each of them."""
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url) if "/upload?" in request.url else None)
    signed_in.get_by_text("Options").click()
    signed_in.get_by_label("Dry run").check()
    signed_in.get_by_label("Encoding").fill("latin-1")
    choose(signed_in, file(PEOPLE))
    signed_in.get_by_role("button", name="Upload 1 file").click()

    expect(signed_in.locator("#upload-result")).to_have_text("1 file uploaded.")
    assert ["pipeline=people&encoding=latin-1&dry_run=true"] == [url.partition("?")[2] for url in asked]


def test_a_dry_run_is_told_from_an_import(signed_in: Page, house: Any) -> None:
    """In the history and in its own view: nothing was imported, and there are no rejects to be mended by themselves."""
    house.upload("id,name\n1,Ana\n2,Bob\n", name="imported.csv")
    signed_in.get_by_text("Options").click()
    signed_in.get_by_label("Dry run").check()
    choose(signed_in, file("id,name\n1,Ana\nx,Bob\n", "tried.csv"))
    signed_in.get_by_role("button", name="Upload 1 file").click()
    history = signed_in.get_by_role("table", name="History").get_by_role("row")
    imported, tried = (history.filter(has_text=name) for name in ("imported.csv", "tried.csv"))

    expect(tried).to_contain_text("Completed with rejects Dry run 0 1")
    expect(imported).to_contain_text("2 0")
    expect(imported.get_by_text("Dry run")).to_be_hidden()
    tried.get_by_role("link", name="tried.csv").click()
    expect(signed_in.locator("#job-dry-run")).to_be_visible()
    expect(signed_in.locator("#job-figures")).to_contain_text("Good1Rejected1")
    expect(signed_in.locator("#rejects-text")).to_contain_text("Nothing was imported: mend the file")
    expect(signed_in.locator("#mended-label")).to_be_hidden()
    signed_in.get_by_role("link", name="All imports").click()
    imported.get_by_role("link", name="imported.csv").click()
    expect(signed_in.locator("#job-figures")).to_contain_text("Imported2Rejected0")
    expect(signed_in.locator("#job-dry-run")).to_be_hidden()


def test_many_files_are_sent_a_few_at_a_time(signed_in: Page, house: Any) -> None:
    """Sixty, of which the first are listed."""
    choose(signed_in, *(file("id,name\n1,Ana\n", f"{number}.csv") for number in range(60)))
    expect(signed_in.get_by_text("And 10 more files.")).to_be_visible()
    expect(signed_in.get_by_role("list", name="Files to upload").get_by_role("listitem")).to_have_count(50)

    signed_in.get_by_role("button", name="Upload 60 files").click()

    expect(signed_in.locator("#upload-result")).to_have_text("60 files uploaded.")
    expect(signed_in.locator("#pages")).to_contain_text("Page 1 of 3, 60 jobs")
    assert 60 == house.total


HOSTILE = "<img src=x onerror=alert(1)>"


def test_what_stands_in_files_is_never_markup(signed_in: Page, house: Any) -> None:
    """Names, headers, cells and messages of strangers are shown as they are."""
    dialogs: list[str] = []
    signed_in.on("dialog", lambda dialog: dialogs.append(dialog.message))
    content = f"id,name,{HOSTILE}\n{HOSTILE},{HOSTILE},2\n"
    choose(signed_in, file(content, f"{HOSTILE}.csv"))
    item = signed_in.get_by_role("listitem").filter(has_text=f"{HOSTILE}.csv")
    item.get_by_text("What was found").click()
    expect(item.get_by_role("columnheader", name=HOSTILE)).to_be_visible()
    signed_in.get_by_role("button", name="Upload 1 file").click()
    signed_in.get_by_role("table", name="History").get_by_role("link", name=f"{HOSTILE}.csv").click()

    expect(signed_in.get_by_role("heading", name=f"{HOSTILE}.csv")).to_be_visible()
    expect(signed_in.locator("#rejects-table")).to_contain_text(f"'{HOSTILE}' is not a whole number")
    expect(signed_in.get_by_role("region", name="First rows")).to_contain_text(HOSTILE)
    assert 1 == signed_in.locator("img").count()  # ours
    assert [] == dialogs


@pytest.mark.parametrize("path", ["/deep/imports"])
def test_it_works_wherever_it_is_mounted(
    tmp_path: Path,
    open_page: Callable[..., Page],
    sign: Callable[..., Page],
    house_in: Callable[..., AbstractContextManager[Any]],
    path: str,
) -> None:
    """All its addresses are relative to its own."""

    def mounted(app: ASGIApp) -> ASGIApp:
        assert isinstance(app, Starlette)
        return Starlette(routes=[Mount(path, app)], lifespan=app.router.lifespan_context)

    with house_in(tmp_path / "spool", mounted, path) as house:
        page = sign(open_page(), house)
        choose(page, file(PEOPLE))
        page.get_by_role("button", name="Upload 1 file").click()
        page.get_by_role("table", name="History").get_by_role("link", name="people.csv").click()

        expect(page.locator("#job-status")).to_have_text("Completed with rejects")
        assert page.url.startswith(f"{house.url}#/jobs/")
