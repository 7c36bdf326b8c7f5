"""Takes the pictures of the page that docs/howto/web.md shows: `python docs/screenshots.py`.

Needs a Chromium on PATH, and what the extras `test` and `bench` bring.
"""

import random
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import csvpipe
from csvpipe.web import bearer, create_app

PICTURES = Path(__file__).parent / "pictures"

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

#: A larger one loads slowly and is no longer looked at.
MOST_BYTES = 120_000

expect.set_options(timeout=30_000)


@attrs.frozen
class Order:
    """A row."""

    id: int
    customer: str
    ordered: date
    quantity: int
    unit_price: Decimal
    discount: Decimal | None = None


@attrs.frozen
class Customer:
    """Another one."""

    id: int
    name: str
    since: date


hurry = threading.Event()


@csvpipe.pipeline(name="orders")
def orders(order: Order) -> None:
    hurry.wait(0.001)  # about what a database would take
    if order.quantity < 1:
        raise csvpipe.Reject("quantity must be at least 1", column="quantity", code="quantity")


@csvpipe.pipeline(name="customers")
def customers(customer: Customer) -> None:
    if customer.since > date(2026, 12, 31):
        raise csvpipe.Reject("this is in the future", column="since", code="future")


def table(rows: int, bad: int, seed: int) -> bytes:
    """Orders, some of them bad."""
    chance = random.Random(seed)  # noqa: S311  # the same each time
    names = ("Ana", "Bo", "Cleo", "Dee", "Eve", "Finn", "Gus", "Hanna")
    worst = set(chance.sample(range(rows), bad))
    lines = ["id;customer;ordered;quantity;unit_price;discount"]
    for row in range(rows):
        day = str(date(2026, 1, 1) + timedelta(days=chance.randrange(300)))
        quantity, price = str(chance.randrange(1, 20)), f"{chance.randrange(100, 90_000) / 100:.2f}"
        if row in worst:
            kind = chance.choice(("day", "quantity", "price"))
            day = "31.02.2026" if kind == "day" else day
            quantity = "0" if kind == "quantity" else quantity
            price = "on request" if kind == "price" else price
        lines.append(f"{10_001 + row};{chance.choice(names)};{day};{quantity};{price};")
    return "\n".join(lines).encode()


def file(name: str, content: bytes) -> Any:
    """What a file field is given."""
    return {"name": name, "mimeType": "text/csv", "buffer": content}


@contextmanager
def served(spool: str) -> Iterator[str]:
    """The page, on a free port."""
    pool = csvpipe.WorkerPool(
        pipelines=[orders, customers], on_exit="stop", spool_dir=spool, flush_interval=0.3, max_files=6
    )
    app = create_app(pool, authenticate=bearer({"token-of-ana": "ana"}))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            hurry.set()
            server.should_exit = True
            thread.join()


def take(page: Page, name: str, *, height: int | None = None) -> None:
    """Take a picture of the whole page, or of the upper part of it."""
    page.mouse.move(0, 0)
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
    path = PICTURES / f"page-{name}.png"
    whole = page.evaluate("document.documentElement.scrollHeight")
    size = page.viewport_size or {"width": 1280, "height": 800}
    clip: Any = {"x": 0, "y": 0, "width": size["width"], "height": min(whole, height or whole)}
    page.screenshot(path=path, full_page=True, clip=clip)
    slim(path)


def slim(path: Path) -> None:
    """Keep the colours that a page of text has, which are few."""
    colours = Image.open(path).convert("RGB")
    colours.quantize(255, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    taken = path.stat().st_size
    print(f"{path.name}: {taken:,} bytes{' TOO LARGE' if taken > MOST_BYTES else ''}", flush=True)


def choose(page: Page, *files: Any) -> None:
    """In the field for files."""
    page.get_by_label("Choose files").set_input_files(list(files))


def opened(browser: Browser, url: str, place: str = "", **options: Any) -> Page:
    """The page with Ana before it."""
    options.setdefault("viewport", {"width": 1280, "height": 720})
    page = browser.new_context(**options).new_page()
    page.goto(f"{url}{place}")
    expect(page.get_by_label("Token")).to_be_focused()
    if not (PICTURES / "page-sign-in.png").exists():
        take(page, "sign-in", height=480)
    page.get_by_label("Token").fill("token-of-ana")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


def of_files(page: Page) -> None:
    """A few files: chosen, looked at, sent, and one of them seen by itself."""
    expect(page.get_by_text("Nothing has been imported yet.")).to_be_visible()
    take(page, "empty", height=720)
    page.get_by_label("Pipeline").select_option("orders")
    choose(
        page,
        file("orders-may.csv", table(1_900, 21, seed=5)),
        file("customers.csv", b"id;name;since\n1;Ana;2020-01-02\n"),
    )
    expect(page.get_by_text("the file lacks the columns")).to_be_visible()
    page.get_by_text("What was found").first.click()
    take(page, "inspected")

    page.get_by_role("button", name="Remove customers.csv").click()
    network = page.context.new_cdp_session(page)
    choose(page, file("orders-of-the-year.csv", table(60_000, 90, seed=6)))
    expect(page.get_by_text(re.compile(r"about \d\d,"))).to_be_visible()
    page.get_by_text("What was found").first.click()
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 900_000}
    network.send("Network.emulateNetworkConditions", limits)
    page.get_by_role("button", name="Upload 2 files").click()
    bar = page.get_by_role("progressbar", name="Upload of orders-of-the-year.csv")
    page.wait_for_function("bar => Number(bar.getAttribute('aria-valuenow')) > 45", arg=bar.element_handle())
    take(page, "uploading", height=560)
    network.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": -1})
    expect(page.locator("#upload-result")).to_be_visible()
    take_job(page, "orders-may.csv", "Completed with rejects", "rejects")
    mend(page)


def take_job(page: Page, name: str, status: str, picture: str) -> None:
    """The view of one job."""
    page.get_by_role("table", name="History").get_by_role("link", name=name, exact=True).first.click()
    expect(page.locator("#job-status")).to_have_text(status)
    if status != "Failed":
        expect(page.get_by_role("heading", name="How the file is read")).to_be_visible()
    take(page, picture)


def mend(page: Page) -> None:
    """Some of the rejected rows, and upload them."""
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the rejects").click()
    text = downloading.value.path().read_text("utf-8")
    text = text.replace("on request", "12.50").replace("31.02.2026", "2026-03-02")
    page.get_by_label("Upload the mended file").set_input_files(file("orders-may.rejects.csv", text.encode()))
    expect(page.get_by_role("heading", name="orders-may.rejects.csv")).to_be_visible()
    expect(page.locator("#job-status")).to_have_text("Completed with rejects")
    take(page, "mended", height=640)
    page.get_by_role("link", name="All imports").click()


def of_many(page: Page) -> None:
    """Hundreds: live bars, a pause, a question, and the history."""
    page.get_by_label("Pipeline").select_option("orders")
    choose(page, *(file(f"shop-{shop:03}.csv", table(9_000, 40 + shop % 90, seed=shop)) for shop in range(160)))
    page.get_by_role("button", name="Upload 160 files").click()
    expect(page.locator("#upload-result")).to_have_text("160 files uploaded.")
    running = page.get_by_role("list", name="In progress").get_by_role("listitem")
    running.filter(has_text="Running").nth(1).get_by_role("button", name="Pause").click()
    expect(running.filter(has_text="Paused")).to_have_count(1)
    expect(running.first).to_contain_text("left")
    take(page, "running", height=1_160)

    running.first.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.screenshot(path=PICTURES / "page-cancel.png")
    slim(PICTURES / "page-cancel.png")
    page.get_by_role("button", name="Cancel the import").click()
    page.context.set_offline(True)
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    take(page, "lost", height=560)
    page.context.set_offline(False)
    expect(page.get_by_text("The connection is lost.")).to_be_hidden()


def of_the_past(page: Page) -> None:
    """When all of them have ended."""
    page.get_by_label("Pipeline").select_option("customers")
    choose(page, file("orders-june.csv", table(20, 0, seed=1)))
    page.get_by_role("button", name="Upload 1 file").click()
    expect(page.locator("#upload-result")).to_contain_text("cannot be imported")
    take_job(page, "orders-june.csv", "Failed", "failed")
    page.get_by_role("link", name="All imports").click()
    hurry.set()
    running = page.get_by_role("list", name="In progress").get_by_role("listitem")
    expect(page.locator("#running-summary")).to_have_text("1 paused.")
    running.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the import").click()
    expect(page.get_by_text("Nothing is being imported at the moment.")).to_be_visible()
    page.get_by_role("button", name="Older").click()
    expect(page.locator("#pages")).to_contain_text("Page 2")
    page.locator("#history").scroll_into_view_if_needed()
    page.locator("#history").screenshot(path=PICTURES / "page-history.png")
    slim(PICTURES / "page-history.png")


def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(exist_ok=True)
    for path in PICTURES.glob("page-*.png"):
        path.unlink()
    with tempfile.TemporaryDirectory() as spool, served(spool) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = opened(browser, url)
        of_files(page)
        of_many(page)
        dark = opened(browser, url, color_scheme="dark")
        expect(dark.get_by_role("list", name="In progress").get_by_role("listitem").first).to_contain_text("left")
        take(dark, "dark", height=900)
        phone = opened(browser, url, viewport={"width": 390, "height": 844})
        expect(phone.get_by_role("list", name="In progress").get_by_role("listitem").first).to_contain_text("left")
        take(phone, "phone", height=1_500)
        of_the_past(page)
        job = page.get_by_role("table", name="History").get_by_role("link").first.get_attribute("href")
        take_job(opened(browser, url, color_scheme="dark"), "shop-159.csv", "Completed with rejects", "rejects-dark")
        phone = opened(browser, url, job or "", viewport={"width": 390, "height": 844})
        expect(phone.get_by_role("heading", name="How the file is read")).to_be_visible()
        take(phone, "rejects-phone", height=1_500)
        browser.close()


if __name__ == "__main__":
    main()
