"""Whoever uses the page by keyboard, by ear, in the dark or on a phone has all of it."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

Look = Callable[[Page], None]

PEOPLE = "id,name\n1,Ana\nx,Bob\n-3,Cleo\n"
ROWS = "id,name\n" + "".join(f"{row},name {row}\n" for row in range(1, 21))

FILE: Any = {"name": "people.csv", "mimeType": "text/csv", "buffer": PEOPLE.encode()}

#: Beyond what the guidelines of the W3C ask for (WCAG 2.2, A and AA), what axe takes for good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


#: What of the page sticks out of it to the right, if it is to be scrolled.
TOO_WIDE = """
    document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
    [...document.querySelectorAll("body *")]
        .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map(each => `${each.tagName} ${each.id} ${each.className} ${each.textContent.slice(0, 40)}`)
"""


def check(page: Page) -> None:
    """Nothing that axe knows is wrong with what is in sight; no text is cut off, and none needs to be scrolled to."""
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    assert 0 == found.violations_count, found.generate_report()
    assert [] == page.evaluate(TOO_WIDE)


def focused(page: Page) -> str:
    """How a screen reader calls what has the focus."""
    return str(
        page.evaluate(
            "(it => it.getAttribute('aria-label') || it.labels?.[0]?.textContent || it.textContent.trim())"
            "(document.activeElement)"
        )
    )


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of that name has the focus."""
    for _ in range(60):
        if focused(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name!r}")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_each_state_is_within_the_guidelines(
    open_page: Callable[..., Page], sign: Callable[..., Page], house: Any, *, look: Look, scheme: str, width: int
) -> None:
    """Contrast, names, roles and order, as far as axe finds out; on a phone nothing is wider than it."""
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.goto(house.url)
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Nobody has this token.")).to_be_visible()
    check(page)

    sign(page, house)
    expect(page.get_by_text("Nothing has been imported yet.")).to_be_visible()
    page.get_by_label("Choose files").set_input_files([FILE, {**FILE, "name": "orders.csv", "buffer": b"a,b\n1,2\n"}])
    expect(page.get_by_text("the file lacks the columns")).to_be_visible()
    page.get_by_text("What was found").first.click()
    page.get_by_text("Options").click()
    check(page)

    page.get_by_role("button", name="Upload 1 of 2 files").click()
    page.get_by_role("button", name="Upload 1 file").click()  # the one that is refused, all the same
    house.upload(ROWS, ROWS, pipeline="steps", name="steps of a rather long name, as they are sent to us-2026-11.csv")
    expect(page.locator("#upload-result")).to_be_visible()
    look(page)
    expect(page.get_by_text("Running").first).to_be_visible()
    check(page)

    page.get_by_role("button", name="Cancel").first.click()
    check(page)
    page.keyboard.press("Escape")

    page.get_by_role("table", name="History").get_by_role("link", name="people.csv").click()
    expect(page.get_by_role("heading", name="How the file is read")).to_be_visible()
    check(page)
    page.get_by_role("link", name="All imports").click()
    page.get_by_role("table", name="History").get_by_role("link", name="orders.csv").click()
    expect(page.locator("#job-failure")).to_be_visible()
    check(page)


def test_all_is_done_by_keyboard(signed_in: Page, house: Any) -> None:
    """From choosing a file to a cancelled job, and the focus is never lost."""
    page = signed_in
    page.on("filechooser", lambda _chooser: None)  # the browser is told in time to leave dialogs to us
    tab_to(page, "Pipeline")
    page.keyboard.type("steps")
    tab_to(page, "Choose files")
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Space")
    choosing.value.set_files({**FILE, "buffer": ROWS.encode()})
    tab_to(page, "Upload 1 file")
    page.keyboard.press("Enter")
    tab_to(page, "Cancel people.csv")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert "Let it go on" == focused(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "Cancel people.csv" == focused(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Tab")
    with page.expect_response("**/cancel"):
        page.keyboard.press("Enter")
    house.steps.let(1)

    # The card has gone with the job, and its button: the heading above it has the focus.
    expect(page.get_by_role("heading", name="In progress")).to_be_focused()
    tab_to(page, "people.csv")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="people.csv")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    assert "← All imports" == focused(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="CSV imports")).to_be_focused()


def test_the_focus_is_seen_and_the_start_is_skipped(signed_in: Page) -> None:
    """The first thing that Tab leads to goes past the head of the page; fields for files have a ring as well."""
    signed_in.reload()
    expect(signed_in.get_by_role("heading", name="Upload")).to_be_visible()
    signed_in.keyboard.press("Tab")
    skip = signed_in.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("#main")).to_be_focused()
    assert not signed_in.url.endswith("#main")

    tab_to(signed_in, "Choose files")

    expect(signed_in.get_by_text("Choose files")).to_have_css("outline-style", "solid")


def test_little_is_announced_however_much_happens(signed_in: Page, house: Any, look: Look) -> None:
    """Of many jobs that end at once the first are named, and the others counted; progress is not announced at all."""
    signed_in.evaluate(
        "window.told = []; new MutationObserver(() => told.push(document.getElementById('announcer').textContent))"
        ".observe(document.getElementById('announcer'), { childList: true })"
    )
    house.upload(*([ROWS] * 12), pipeline="steps", name="step.csv")
    look(signed_in)
    expect(signed_in.get_by_role("list", name="In progress").get_by_text("Running")).to_have_count(12)
    house.steps.let(240)

    expect(signed_in.locator("#announcer")).to_contain_text("step.csv: completed, 20 imported.")
    expect(signed_in.get_by_text("Nothing is being imported at the moment.")).to_be_visible()
    told = signed_in.evaluate("told")
    assert len(told) <= 4
    assert all(text.count("step.csv") <= 3 for text in told)


def test_motion_is_reduced_for_who_asks(open_page: Callable[..., Page], sign: Callable[..., Page], house: Any) -> None:
    """Bars move smoothly for the others."""
    house.upload(ROWS, pipeline="steps", name="steps.csv")
    for motion, moving in (("no-preference", "width"), ("reduce", "all")):
        page = sign(open_page(reduced_motion=motion), house)
        bar = page.get_by_role("progressbar").locator("span").first
        expect(bar).to_have_css("transition-property", moving)
        expect(bar).to_have_css("transition-duration", "0.9s" if moving == "width" else "0s")
