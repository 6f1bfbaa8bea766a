"""Walks the console's pages with headless Chromium.

    console.py CHROMIUM CONSOLE_URL JOBS_URL [FOLDER_FOR_SCREENSHOTS]

Exits 1 with a line for each thing that is not as it should be.
"""

import http.client
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS = {1280: 900, 390: 844}
# What the pages promise.
SEEN_WITHIN_S = 3.0

# Every number of the page with the place in the JSON that it names, and the page's time.
NUMBERS = """() => ({
  at: document.documentElement.dataset.at,
  numbers: [...document.querySelectorAll("data[data-of]")].map(e => [e.dataset.of, Number(e.value)]),
})"""

# Texts whose contrast with their ground is below WCAG's AA.
LOW_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data; };
  const light = ([r, g, b]) => { const f = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] === 255) return c; } return [255, 255, 255]; };
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement, style = getComputedStyle(e);
    if (!node.data.trim() || !e.getClientRects().length || e.closest(".away, .skip, svg")) continue;
    const [a, b] = [light(rgba(style.color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) low.push(`${node.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""

problems = []


def say(what, good, more=""):
    print(f"{'ok' if good else 'NOT OK'}: {what}{': ' + str(more) if more else ''}", flush=True)
    if not good:
        problems.append(what)


def api(base, path):
    with urllib.request.urlopen(base + path, timeout=5) as answer:
        return json.load(answer)


def at_pointer(document, pointer):
    for part in pointer.split("/")[1:]:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def wait(what, found, patience=30):
    """Until it is so; the seconds that it took."""
    began = time.monotonic()
    while not found():
        if time.monotonic() - began > patience:
            say(what, False, f"not within {patience} s")
            return patience
        time.sleep(0.05)
    return time.monotonic() - began


def same_numbers(page, base):
    """Compares page and JSON of the same second. How many numbers were compared."""
    for _ in range(50):
        shown = page.evaluate(NUMBERS)
        documents = {"jobs": api(base, "api/jobs"), "overview": api(base, "api/overview")}
        if all(document["at"] == shown["at"] for document in documents.values()):
            for pointer, value in shown["numbers"]:
                document = documents["jobs" if pointer.startswith("/jobs/") else "overview"]
                given = at_pointer(document, pointer)
                if given is None or abs(given - value) > 1e-9 * max(1, abs(value)):
                    say(f"{pointer} is {value} on the page and {given} in the JSON", False)
            return len(shown["numbers"])
        time.sleep(0.13)
    say("page and JSON of the same second", False)
    return 0


def walk(browser, urls, shots):
    for theme in ("light", "dark"):
        for width, height in WIDTHS.items():
            context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": height})
            for name, url in urls.items():
                where = f"{name}, {theme}, {width} px"
                page, errors = context.new_page(), []
                page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
                page.on("pageerror", lambda e: errors.append(str(e)))
                page.on("requestfailed", lambda r: errors.append(f"{r.url}: {r.failure}"))
                page.on("response", lambda r: errors.append(f"{r.url}: {r.status}") if r.status >= 400 else None)
                page.goto(url)
                page.wait_for_selector("#contact[data-state=live]")
                compared = same_numbers(page, url)
                say(f"{where}: numbers are the JSON's", compared > 20, compared)
                low = page.evaluate(LOW_CONTRAST)
                say(f"{where}: contrast", not low, low[:5] if low else "")
                wide = page.evaluate("document.documentElement.scrollWidth")
                say(f"{where}: as wide as the window", wide <= width, wide)
                if shots:
                    page.screenshot(path=shots / f"{name}-{theme}-{width}.png", full_page=True)
                say(f"{where}: no error", not errors, errors)
                page.close()
            context.close()


def moves(page):
    records = lambda: dict(page.evaluate(NUMBERS)["numbers"]).get("/cluster/value/topics/0/records", 0)
    first = records()
    took = wait("numbers move", lambda: records() > first, 10)
    say("numbers move", records() > first, f"{took:.1f} s")


def keyboard(page):
    page.keyboard.press("Tab")
    reached = [page.evaluate("document.activeElement.className || document.activeElement.textContent")]
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className || document.activeElement.textContent"))
    say("keys reach everything of the frame", reached == ["skip", "mark", "Overview", "Jobs", "theme"], reached)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.reload()
    theme = page.evaluate("document.documentElement.dataset.theme")
    say("the theme is kept", theme == "dark", theme)


def drills(page, base):
    """Stops each service by hand, and looks how long the page takes to say so."""
    services = [service["name"] for service in api(base, "api/overview")["services"]]
    row = lambda name: page.locator(f'#services tr[data-key="{name}"] .badge').get_attribute("data-state")
    pid = lambda name: next(s["pid"] for s in api(base, "api/overview")["services"] if s["name"] == name)
    for name in services:
        if name == "console":
            continue
        victim = pid(name)
        os.kill(victim, signal.SIGSTOP)
        took = wait(f"{name}: paused shows", lambda: row(name) == "paused")
        say(f"{name}: paused shows", took <= SEEN_WITHIN_S, f"{took:.1f} s")
        os.kill(victim, signal.SIGCONT)
        took = wait(f"{name}: resumed shows", lambda: row(name) == "running")
        say(f"{name}: resumed shows", took <= SEEN_WITHIN_S, f"{took:.1f} s")
    for name in services:
        if name == "console":
            continue
        victim = pid(name)
        os.kill(victim, signal.SIGKILL)
        gone = lambda: row(name) != "running" or pid(name) != victim
        took = wait(f"{name}: its death shows", gone)
        say(f"{name}: its death shows", took <= SEEN_WITHIN_S, f"{took:.1f} s")
        took = wait(f"{name}: comes back", lambda: row(name) == "running" and pid(name) not in (None, victim))
        print(f"    {name} is back after {took:.1f} s")
    well = lambda: api_health(base) == 200
    took = wait("all is well again", well, 60)
    say("all is well again", well(), f"{took:.1f} s")


def api_health(base):
    try:
        return urllib.request.urlopen(base + "healthz", timeout=5).status
    except urllib.error.HTTPError as refused:
        return refused.code


def lost(page, base):
    """The console itself dies: the page says so, and finds it again."""
    victim = next(s["pid"] for s in api(base, "api/overview")["services"] if s["name"] == "console")
    os.kill(victim, signal.SIGSTOP)
    state = lambda: page.get_attribute("#contact", "data-state")
    took = wait("a silent console shows", lambda: state() == "lost")
    say("a silent console shows", took <= SEEN_WITHIN_S + 1, f"{took:.1f} s")
    os.kill(victim, signal.SIGCONT)
    wait("it is found again", lambda: state() == "live")
    os.kill(victim, signal.SIGKILL)
    killed = datetime.now(timezone.utc)
    shown = lambda: datetime.fromisoformat(page.evaluate("document.documentElement.dataset.at")[:26] + "+00:00")
    took = wait("a restarted console is found", lambda: shown() > killed + timedelta(seconds=1) and state() == "live")
    say("a restarted console is found", took < 30, f"{took:.1f} s")


def strangers(base):
    place = urllib.parse.urlsplit(base)
    for headers in ({"Host": "rebound.example"}, {"Host": place.netloc, "Origin": "http://rebound.example"}):
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=5)
        connection.putrequest("GET", "/api/overview", skip_host=True)
        for header in headers.items():
            connection.putheader(*header)
        connection.endheaders()
        status = connection.getresponse().status
        say(f"a stranger gets nothing ({headers})", status == 403, status)


def main():
    chromium, console, jobs = sys.argv[1:4]
    shots = Path(sys.argv[4]) if len(sys.argv) > 4 and sys.argv[4] else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    wait("the platform is whole", lambda: api_health(console) == 200, 60)
    wait("a batch was committed", lambda: api(console, "api/overview")["totals"]["rows"], 60)
    # Something to see in the charts.
    time.sleep(float(os.environ.get("SECONDS_OF_LOAD", "15")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        walk(browser, {"overview": console, "jobs": jobs}, shots)
        page = browser.new_page()
        page.goto(console)
        page.wait_for_selector("#contact[data-state=live]")
        moves(page)
        keyboard(page)
        strangers(console)
        drills(page, console)
        lost(page, console)
        browser.close()
    print("\n".join(["", *problems]) if problems else "all ok")
    sys.exit(1 if problems else 0)


main()
