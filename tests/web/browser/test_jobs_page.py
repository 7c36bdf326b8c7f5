"""Jobs as the page shows them: live, in the history, and one by one."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.web.serving import API

from csvpipe.store import _pages

ROWS = "id,name\n" + "".join(f"{row},name {row}\n" for row in range(1, 21))
MANY = "id,name\n" + "".join(f"{row},name {row}\n" for row in range(1, 4_001))


Look = Callable[[Page], None]


def card(page: Page, name: str) -> Locator:
    """Of a job in progress."""
    return page.get_by_role("list", name="In progress").get_by_role("listitem").filter(has_text=name)


def shown(page: Page, name: str) -> Locator:
    """A row of the history."""
    return page.get_by_role("table", name="History").get_by_role("row").filter(has_text=name)


def open_job(page: Page, house: Any, job: dict[str, Any]) -> Page:
    """Its own view, by its address."""
    page.goto(f"{house.url}#/jobs/{job['id']}")
    expect(page.get_by_role("heading", name=job["filename"])).to_be_visible()
    return page


def test_nothing_is_there_at_first(signed_in: Page) -> None:
    """And that is said."""
    expect(signed_in.get_by_text("Nothing is being imported at the moment.")).to_be_visible()
    expect(signed_in.get_by_text("Nothing has been imported yet.")).to_be_visible()


def test_progress_is_live(signed_in: Page, house: Any, look: Look) -> None:
    """Rows, failed ones, pace and the time that is left, in words and as a bar that says them to a screen reader."""
    house.upload(MANY, pipeline="steady", name="live.csv")
    look(signed_in)
    live = card(signed_in, "live.csv")
    bar = live.get_by_role("progressbar", name="Progress of live.csv")
    expect(live.get_by_text("Running")).to_be_visible()
    figures = r"\d+ %{0}[1-9]\d* of 4,000 rows{0}[1-9]\d* failed{0}[\d.,]+ rows/s{0}about .+ left"
    expect(live).to_contain_text(re.compile(figures.format(" · ")))
    expect(bar).to_have_attribute("aria-valuetext", re.compile(figures.format(", ")))
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^\d+$"))
    good, bad = (float(part.evaluate("it => parseFloat(it.style.width)")) for part in bar.locator("span").all())
    assert 0 < bad <= good < 100

    house.hurry.set()

    expect(shown(signed_in, "live.csv")).to_contain_text("Completed with rejects 3,000 1,000")
    expect(live).to_have_count(0)
    expect(signed_in.get_by_role("status").filter(has_text="live.csv")).to_have_text(
        "live.csv: completed, 3,000 imported, 1,000 rejected."
    )


def test_a_job_is_paused_and_goes_on(signed_in: Page, house: Any, look: Look) -> None:
    """The wish is shown until its row is done; then the job stands until it is resumed, and can be cancelled."""
    house.upload(ROWS, pipeline="steps", name="one.csv")
    look(signed_in)
    job = card(signed_in, "one.csv")
    expect(job.get_by_text("Running")).to_be_visible()
    with signed_in.expect_response("**/pause"):
        job.get_by_role("button", name="Pause").click()
    expect(job.get_by_role("button", name="Pausing…")).to_have_attribute("aria-disabled", "true")
    house.steps.let(1)
    expect(job.get_by_text("Paused")).to_be_visible()
    expect(signed_in.locator("#running-summary")).to_have_text("1 paused.")

    job.get_by_role("button", name="Resume").click()

    expect(job.get_by_text("Running")).to_be_visible()
    house.steps.let(20)
    expect(shown(signed_in, "one.csv")).to_contain_text("Completed 20 0")


def test_a_job_is_cancelled_by_who_is_sure(signed_in: Page, house: Any, look: Look) -> None:
    """The dialog begins with the harmless answer; what is left of a cancelled job is told."""
    house.upload(ROWS, pipeline="steps", name="one.csv")
    look(signed_in)
    cancel = card(signed_in, "one.csv").get_by_role("button", name="Cancel")
    cancel.click()
    dialog = signed_in.get_by_role("dialog", name="Cancel this import?")
    expect(dialog).to_contain_text("rows that are imported stay")
    dialog.get_by_role("button", name="Let it go on").click()
    expect(dialog).to_be_hidden()
    expect(cancel).to_be_visible()

    cancel.click()
    with signed_in.expect_response("**/cancel"):
        dialog.get_by_role("button", name="Cancel the import").click()
    house.steps.let(1)

    expect(shown(signed_in, "one.csv")).to_contain_text("Cancelled")
    expect(signed_in.get_by_text("Nothing is being imported at the moment.")).to_be_visible()


def test_hundreds_of_jobs_cost_no_more_than_those_that_are_shown(signed_in: Page, house: Any, look: Look) -> None:
    """A look asks for the same few pages however many jobs there are, and the page stays at hand."""
    for number in range(4):
        house.upload(*([ROWS] * 75), pipeline="steps", name=f"many-{number}.csv")
    look(signed_in)
    expect(signed_in.locator("#pages")).to_contain_text("Page 1 of 15, 300 jobs")
    expect(signed_in.locator("#running-summary")).to_have_text(
        re.compile(r"\d+ running, 2\d\d waiting; \d\d of them are shown here")
    )
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url.partition("?")[2]))
    for page in (2, 3):
        signed_in.get_by_role("button", name="Older").click()
        expect(signed_in.locator("#pages")).to_contain_text(f"Page {page} of 15")
    running = signed_in.get_by_role("list", name="In progress").get_by_role("listitem").filter(has_text="Running").first
    with signed_in.expect_response("**/pause"):
        running.get_by_role("button", name="Pause").click()
    house.steps.let(1_000)
    expect(signed_in.locator("#running-summary")).to_contain_text("1 paused")

    signed_in.get_by_label("Status").select_option("paused")

    expect(signed_in.get_by_role("table", name="History").get_by_role("row")).to_have_count(2)
    expect(signed_in.locator("#pages")).to_be_hidden()
    looks = Counter("history" if "page=" in query else query for query in asked)
    assert {"history", "status=processing&limit=50", "status=paused&limit=20", "status=pending&limit=10", ""} == set(
        looks
    )
    assert looks[""] == 1  # the pause


def test_the_history_is_paged_and_filtered(signed_in: Page, house: Any, look: Look) -> None:
    """Newest first; a filter begins with its first page, and an empty one says so."""
    house.upload(*(["id,name\n1,Ana\n"] * 45))
    house.upload("a,b\n", name="refused.csv")
    look(signed_in)
    pages = signed_in.locator("#pages")
    expect(pages).to_contain_text("Page 1 of 3, 46 jobs")
    expect(pages.get_by_role("button", name="Newer")).to_have_attribute("aria-disabled", "true")
    pages.get_by_role("button", name="Older").click()
    pages.get_by_role("button", name="Older").click()
    expect(pages).to_contain_text("Page 3 of 3")
    expect(signed_in.get_by_role("table", name="History").get_by_role("row")).to_have_count(7)

    signed_in.get_by_label("Status").select_option("Failed")
    expect(signed_in.get_by_role("table", name="History").get_by_role("row")).to_have_count(2)
    expect(shown(signed_in, "refused.csv")).to_be_visible()

    signed_in.get_by_label("Status").select_option("Paused")
    expect(signed_in.get_by_text("No job has this status.")).to_be_visible()


def test_the_history_is_paged_beyond_what_is_counted(
    signed_in: Page, house: Any, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is an older page as long as nobody knows that there is none."""
    monkeypatch.setattr(_pages, "COUNTED_JOBS", 30)
    house.upload(*(["id,name\n1,Ana\n"] * 65))
    look(signed_in)
    pages = signed_in.locator("#pages")
    older = pages.get_by_role("button", name="Older")
    expect(pages).to_contain_text("Page 1 of 2+, 30+ jobs")
    for said in ("Page 2 of 3+, 41+ jobs", "Page 3 of 4+, 61+ jobs", "Page 4 of 4, 65 jobs"):
        expect(older).to_have_attribute("aria-disabled", "false")
        older.click()
        expect(pages).to_contain_text(said)

    expect(older).to_have_attribute("aria-disabled", "true")
    expect(signed_in.get_by_role("table", name="History").get_by_role("row")).to_have_count(6)


def test_a_failed_job_says_why_and_is_tried_again(signed_in: Page, house: Any) -> None:
    """With the words of whoever made it fail."""
    [job] = house.upload("id\n1\n", pipeline="flaky", name="flaky.csv")
    open_job(signed_in, house, job)
    expect(signed_in.locator("#job-failure")).to_contain_text(
        "The import failed: line 2: the handler gave the file up: the register is closed today"
    )
    expect(signed_in.locator("#job-status")).to_have_text("Failed")

    signed_in.get_by_role("button", name="Try again flaky.csv").click()

    expect(signed_in.locator("#job-status")).to_have_text("Completed")
    expect(signed_in.locator("#job-failure")).to_be_hidden()
    expect(signed_in.locator("#announcer")).to_have_text("flaky.csv: completed, 1 imported.")


def test_one_rejected_row_is_no_plural(signed_in: Page, house: Any) -> None:
    """What to do with it is said of one."""
    [job] = house.upload("id,name\n1,Ana\nx,Bob\n")
    open_job(signed_in, house, job)
    expect(signed_in.get_by_role("region", name="Rejected rows")).to_contain_text(
        "1 row rejected. Download it, mend it in an editor or a spreadsheet, and upload the mended file."
    )


def test_rejects_are_downloaded_mended_and_uploaded(signed_in: Page, house: Any, tmp_path: Path) -> None:
    """The whole loop: the table of errors, the file, the mended file as a job of its own, and what is left."""
    [job] = house.upload("id,name\n1,Ana\nx,Bob\ny,Cleo\n-4,Dee\n")
    open_job(signed_in, house, job)
    rejects = signed_in.get_by_role("region", name="Rejected rows")
    expect(rejects).to_contain_text("3 rows rejected. Download them")
    rows = rejects.get_by_role("table").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("intid2row 2, line 3: 'x' is not a whole number")
    expect(rows.nth(2)).to_contain_text("negativeid1row 4, line 5: must not be negative -4")
    with signed_in.expect_download() as downloading:
        rejects.get_by_role("button", name="Download the rejects").click()
    assert "people.rejects.csv" == downloading.value.suggested_filename
    mended = tmp_path / "people.rejects.csv"
    downloading.value.save_as(mended)
    text = mended.read_text("utf-8")
    assert 4 == len(text.splitlines())

    mended.write_text(text.replace("x,Bob", "2,Bob").replace("-4,Dee", "4,Dee"), "utf-8")
    rejects.get_by_label("Upload the mended file").set_input_files(mended)

    expect(signed_in.get_by_role("heading", name="people.rejects.csv")).to_be_focused()
    expect(signed_in.locator("#job-figures")).to_contain_text("Imported2Rejected1")
    signed_in.get_by_role("link", name="The file whose rejected rows this one mends").click()
    expect(signed_in.get_by_role("heading", name="people.csv")).to_be_focused()
    expect(rejects).to_contain_text("3 rows rejected, 2 of them mended since.")
    signed_in.get_by_role("link", name="All imports").click()
    expect(shown(signed_in, "people.rejects.csv")).to_contain_text("people, mended rejects")


def test_a_wrong_mended_file_is_refused(signed_in: Page, house: Any) -> None:
    """Another one is being mended, or it is no file of rejects: the reason is said, and it may be tried again."""
    [job] = house.upload("id,name\nx,Ana\n")
    open_job(signed_in, house, job)
    expect(signed_in.locator("#mended-label")).to_be_visible()
    signed_in.route("**/upload?*", lambda route: route.fulfill(status=409, json={"detail": "job 7 is mending them"}))
    field = signed_in.get_by_label("Upload the mended file")
    file: Any = {"name": "other.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    field.set_input_files(file)
    expect(signed_in.locator("#rejects-problem")).to_have_text("other.csv: job 7 is mending them")
    expect(field).to_be_focused()
    signed_in.unroute("**/upload?*")

    field.set_input_files(file)

    expect(signed_in.get_by_role("heading", name="other.csv")).to_be_visible()
    expect(signed_in.locator("#job-status")).to_have_text("Failed")
    expect(signed_in.locator("#job-failure")).to_contain_text("_row")


def test_rejects_that_are_gone_are_a_reason(signed_in: Page, house: Any) -> None:
    """Said beside the button."""
    [job] = house.upload("id,name\nx,Ana\n")
    open_job(signed_in, house, job)
    signed_in.route("**/rejects.csv", lambda route: route.fulfill(status=410, json={"detail": "the file is gone"}))
    signed_in.get_by_role("button", name="Download the rejects").click()

    expect(signed_in.locator("#rejects-problem")).to_have_text("the file is gone")


def test_a_job_is_deleted(signed_in: Page, house: Any) -> None:
    """By who is sure; whoever has its address is told that it is gone."""
    [job] = house.upload("id,name\n1,Ana\n")
    house.ended(job)
    open_job(signed_in, house, job)
    signed_in.get_by_role("button", name="Delete people.csv").click()
    signed_in.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(signed_in.get_by_text("Nothing has been imported yet.")).to_be_visible()
    assert 0 == house.total

    signed_in.go_back()

    expect(signed_in.get_by_role("alert")).to_contain_text("There is no such job, or it has been deleted.")
    signed_in.get_by_role("button", name="Dismiss").click()
    expect(signed_in.locator("#trouble")).to_be_hidden()


def test_what_belongs_to_others_is_not_there(signed_in: Page, house: Any) -> None:
    """The address of Bob's job leads Ana nowhere."""
    bob = {"Authorization": "Bearer token-of-bob"}
    answer = house.ana.post(f"{API}/upload?pipeline=people", files={"files": ("b.csv", b"id,name\n")}, headers=bob)
    signed_in.goto(f"{house.url}#/jobs/{answer.json()['files'][0]['job']['id']}")

    expect(signed_in.get_by_role("alert")).to_contain_text("There is no such job")


def test_a_lost_connection_is_told_and_found_again(signed_in: Page, house: Any, look: Look) -> None:
    """What was seen stays there meanwhile, and what was missed is shown afterwards."""
    house.upload(ROWS, pipeline="steps", name="live.csv")
    look(signed_in)
    expect(card(signed_in, "live.csv")).to_be_visible()
    signed_in.context.set_offline(True)
    lost = signed_in.get_by_text("The connection is lost.")
    expect(lost).to_be_visible()
    expect(card(signed_in, "live.csv")).to_be_visible()
    card(signed_in, "live.csv").get_by_role("button", name="Pause").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("live.csv: The server cannot be reached.")
    house.steps.let(20)
    with signed_in.expect_event("requestfailed"):
        signed_in.get_by_role("button", name="Try now").click()

    signed_in.context.set_offline(False)

    expect(lost).to_be_hidden()
    expect(shown(signed_in, "live.csv")).to_contain_text("Completed")


def test_a_token_that_is_no_longer_valid_is_asked_for_again(signed_in: Page) -> None:
    """And nothing of what was there is left in sight."""
    signed_in.route("**/jobs?*", lambda route: route.fulfill(status=401, json={"detail": "?"}))
    signed_in.get_by_label("Status").select_option("Failed")

    expect(signed_in.get_by_text("The token is not valid any more")).to_be_visible()
    expect(signed_in.get_by_role("heading", name="History")).to_be_hidden()
    expect(signed_in.get_by_label("Token")).to_be_focused()


def test_a_server_that_comes_later_is_waited_for(open_page: Callable[..., Page], house: Any) -> None:
    """The page may be there before the answers are, such as behind a proxy."""
    page = open_page()
    page.route("**/pipelines", lambda route: route.fulfill(status=503))
    page.goto(house.url)
    expect(page.get_by_role("alert").first).to_contain_text("The server is not available. Trying again…")

    page.unroute("**/pipelines")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
