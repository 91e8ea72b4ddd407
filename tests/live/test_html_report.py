"""The HTML report in a real browser: what people do with it, and what it must never do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace

import pytest

from auditor.model.evidence import Kind
from auditor.model.findings import Status, Verdict
from auditor.model.ports import Port, PortSet
from auditor.report.registry import FORMATS, ReportOptions
from tests.live.browser import Browser, missing
from tests.unit.report import audits

SHOWN = "return [...document.querySelectorAll('#list > li:not([hidden])')]"


def written(folder, audit):
    page = folder / "report.html"
    page.write_bytes(FORMATS["html"].render(audit, ReportOptions()))
    return page


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if lacking := missing():
        reason = f"not installed: {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with Browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(tmp_path_factory.mktemp("report"), audits.fixed_audit())


def chosen(browser, field, value):
    """Choose as a hand does: the value changes, and the page is told; back after its next turn."""
    script = (
        "const [id, value] = arguments; const field = document.getElementById(id); field.value = value;"
        "field.dispatchEvent(new Event('input', {bubbles: true})); return new Promise((go) => setTimeout(go, 20))"
    )
    browser.run(script, field, value)


def settled(browser, condition):
    """Wait until an expression holds in the page, for ten seconds at most."""
    script = (
        "const until = Date.now() + 10000; return new Promise((go) => { const look = () =>"
        f"({condition}) ? go(true) : Date.now() > until ? go(false) : setTimeout(look, 10); look(); }})"
    )
    assert browser.run(script), condition


def shown(browser, of="one.dataset.host"):
    return browser.run(f"{SHOWN}.map((one) => {of})")


def test_findings_are_filtered_by_status_severity_host_and_text(browser, page):
    browser.show(page)
    assert len(shown(browser)) == 8
    chosen(browser, "by-status", "excepted")
    settled(browser, "document.getElementById('shown').textContent === '1 of 8 findings'")
    assert shown(browser, "one.dataset.status") == ["excepted"]
    chosen(browser, "by-status", "")
    chosen(browser, "by-severity", "high")
    chosen(browser, "by-host", "web-2")
    settled(browser, "document.getElementById('shown').textContent === '2 of 8 findings'")
    assert set(shown(browser)) == {"web-2"}
    browser.run("document.getElementById('clear').click()")
    chosen(browser, "q", "POSTGRES sockets")
    settled(browser, "document.getElementById('none').hidden === false")
    chosen(browser, "q", "as postgres")
    settled(browser, "document.getElementById('shown').textContent === '1 of 8 findings'")
    assert shown(browser) == ["db"]


def test_a_search_hides_no_gap_and_says_in_each_section_what_it_hides(browser, page):
    notes = "[...document.querySelectorAll('[data-hides]')].filter((one) => !one.hidden).map((one) => one.textContent)"
    browser.show(page)
    assert browser.run(f"return {notes}") == []
    chosen(browser, "q", "nothing is like this")
    settled(browser, "document.getElementById('none').hidden === false")
    assert browser.run("return document.querySelectorAll('tr.gap:not([hidden])').length") == 2
    told = browser.run(f"return {notes}")
    hidden = browser.run("return document.querySelectorAll('li.h').length")
    assert f"0 of {hidden} rows shown: the others are hidden by the search." in told
    assert "0 of 8 findings shown: nothing, is, like, this." in told
    assert "Not the whole report: a search or filter was set. 0 of 8 findings shown: nothing, is, like, this." in told
    assert len(told) == 4
    display = "return getComputedStyle(document.querySelector('header .paper')).display"
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.run(display) == "block"
    finally:
        browser.cdp("Emulation.setEmulatedMedia", media="")
    assert browser.run(display) == "none"
    chosen(browser, "q", "")
    settled(browser, "document.getElementById('none').hidden")
    assert browser.run(f"return {notes}") == []


def test_a_tile_shows_the_violations_of_its_severity(browser, page):
    browser.show(page)
    browser.click(".levels a.s-critical")
    settled(browser, "document.getElementById('shown').textContent === '1 of 8 findings'")
    assert shown(browser, "one.dataset.port") == ["23"]


def test_findings_are_sorted_by_each_of_their_columns_in_both_directions(browser, page):
    browser.show(page)
    browser.click("[data-sort=port]")
    assert shown(browser, "one.dataset.port") == ["23", "443", "5432", "6379", "6379", "8080", "", ""]
    browser.click("[data-sort=host]")
    assert shown(browser) == ["", "192.0.2.77", "db", "web-1", "web-1", "web-2", "web-2", "web-2"]
    browser.click("[data-sort=host]")
    assert shown(browser)[0] == "web-2"
    assert browser.run("return document.querySelector('[data-sort=host]').getAttribute('aria-pressed')") == "true"
    browser.click("[data-sort=severity]")
    assert shown(browser, "one.dataset.severity") == ["critical", *["high"] * 5, "medium", "info"]


def test_tables_are_sorted_by_their_headings(browser, page):
    browser.show(page)
    browser.run("document.querySelector('#gaps thead button').click()")
    rows = "return [...document.querySelectorAll('#gaps tbody th')].map((cell) => cell.textContent.trim())"
    assert browser.run(rows) == ["? mail", "? vault"]
    assert browser.run("return document.querySelector('#gaps thead th').getAttribute('aria-sort')") == "ascending"


def test_a_permalink_opens_its_finding_and_brings_it_into_sight(browser, page):
    last = audits.fixed_audit().findings[-1]
    anchor = f"f-{last.fingerprint[:16]}"
    browser.show(page, f"#{anchor}")
    settled(browser, f"document.getElementById('{anchor}').firstElementChild.open")
    settled(browser, f"document.activeElement.closest('li')?.id === '{anchor}'")
    box = f"const box = document.getElementById('{anchor}').getBoundingClientRect();"
    assert browser.run(f"{box} return box.top >= 0 && box.top < innerHeight")


def test_a_permalink_to_what_is_not_there_says_so(browser, page):
    browser.show(page, "#f-0123456789abcdef")
    settled(browser, "document.getElementById('lost').hidden === false")
    browser.run("location.hash = 'controls'")
    settled(browser, "document.getElementById('lost').hidden")


def test_a_permalink_wins_over_a_filter_that_hides_its_finding(browser, page):
    browser.show(page)
    chosen(browser, "by-status", "note")
    settled(browser, "document.getElementById('shown').textContent === '1 of 8 findings'")
    anchor = f"f-{audits.fixed_audit().findings[0].fingerprint[:16]}"
    browser.run(f"location.hash = '{anchor}'")
    settled(browser, f"!document.getElementById('{anchor}').hidden")
    settled(browser, f"document.getElementById('{anchor}').firstElementChild.open")


def test_the_keyboard_does_what_a_mouse_does(browser, page):
    browser.show(page)
    browser.press("/", "d", "b")
    settled(browser, "document.activeElement.id === 'q'")
    settled(browser, "document.getElementById('shown').textContent !== '8 findings'")
    browser.press("Escape")
    settled(browser, "document.getElementById('shown').textContent === '8 findings'")
    here = "[...document.getElementById('list').children].indexOf(document.activeElement.closest('li'))"
    browser.press("j", "j", "j", "k")
    settled(browser, f"{here} === 1")
    browser.press("Enter")
    settled(browser, "document.activeElement.parentElement.open")
    browser.press("Escape")
    settled(browser, "!document.activeElement.parentElement.open")


def test_the_first_key_leads_past_the_navigation(browser, page):
    browser.show(page)
    browser.press("Tab")
    assert browser.run("return document.activeElement.className") == "skip"
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_page_follows_the_choice_of_a_dark_screen(browser, page):
    browser.show(page)
    color = "return getComputedStyle(document.body).backgroundColor"
    browser.dark(on=True)
    dark = browser.run(color)
    browser.dark(on=False)
    assert dark == "rgb(15, 20, 27)"
    assert browser.run(color) == "rgb(245, 246, 248)"


def test_paper_has_what_is_folded_away_on_the_screen(browser, page):
    browser.show(page)
    browser.run("window.opened = 0; addEventListener('beforeprint', () => { window.opened = -1; })")
    pdf = browser.paper()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 20_000
    assert browser.run("return window.opened") == -1
    assert browser.run("return document.querySelectorAll('details[open]').length") == 0


@contextmanager
def as_wide_as(browser, width):
    """Look at what is shown through a window of so many CSS pixels."""
    sizes = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.cdp("Emulation.setDeviceMetricsOverride", width=width, **sizes)
    try:
        yield
    finally:
        browser.cdp("Emulation.setDeviceMetricsOverride", width=1440, **sizes)


def with_long_names():
    name, address = "a-name-that-some-cloud-gave-" * 4 + "x" * 60, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
    ports = PortSet.parse("22,443,6379")
    fixed = audits.fixed_audit()
    return replace(
        fixed,
        findings=(audits.finding(name, address=address, vantage="some-place-far-away"), *fixed.findings),
        hosts=(audits.host(name, Verdict.VIOLATIONS, address=address, open=ports), *fixed.hosts),
        unverified=(replace(fixed.unverified[0], host=name, address=address), *fixed.unverified),
    )


@pytest.mark.parametrize("width", [320, 375, 780, 900])
def test_nothing_but_the_matrix_is_wider_than_the_screen(browser, tmp_path, width):
    browser.show(written(tmp_path, with_long_names()))
    with as_wide_as(browser, width):
        browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
        assert browser.run("return document.documentElement.scrollWidth") <= width
        cut = (
            "return [...document.querySelectorAll('.scroll:not(.tall)')].filter((one) =>"
            " one.scrollWidth > one.clientWidth + 1).map((one) => one.getAttribute('aria-label'))"
        )
        assert width > 832 or browser.run(cut) == []


def test_a_phone_shows_each_value_of_a_table_beside_what_it_is(browser, page):
    browser.show(page)
    said = (
        "return [...document.querySelectorAll('#permissions tbody tr:first-child td')].map((cell) =>"
        " [getComputedStyle(cell, '::before').content, getComputedStyle(cell).display])"
    )
    assert {display for _, display in browser.run(said)} == {"table-cell"}
    with as_wide_as(browser, 375):
        assert ['"Approved"', "flow-root"] in browser.run(said)
        order = "return [...document.querySelectorAll('#permissions tr th[scope=row]')].map((one) => one.innerText)"
        before = browser.run(order)
        browser.click("#controls thead button")
        browser.click("#permissions thead button")
        assert sorted(before) == sorted(browser.run(order))
        assert browser.run("return document.querySelector('#controls th').getAttribute('aria-sort')") == "ascending"


CONTRAST = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = colour.slice(0, 3).map((v) => (v / 255 <= .03928 ? v / 3294.6 : ((v / 255 + .055) / 1.055) ** 2.4));
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parts(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
for (const one of document.querySelectorAll('details')) one.open = true;
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const poor = new Set();
let seen = 0;
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest('option')) continue;
  const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
  seen += 1;
  if ((Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5) poor.add(texts.currentNode.data.trim().slice(0, 40));
}
return [seen, [...poor]];
"""


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_stands_out_from_its_ground(browser, page, dark):
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1 at least."""
    browser.show(page)
    browser.dark(on=dark)
    try:
        seen, poor = browser.run(CONTRAST)
        assert seen > 200
        assert poor == []
        browser.run("document.body.style.color = getComputedStyle(document.body).backgroundColor")
        assert browser.run(CONTRAST)[1] != []
    finally:
        browser.dark(on=False)


def test_paper_holds_four_short_findings_on_a_page(browser, tmp_path):
    known = {
        "vantage": "internet",
        "service": "http",
        "rule": "shop",
        "owner": "web-team",
        "controls": ("pci-dss:1.2.5",),
    }
    findings = [audits.finding("web-1", f"{port}/tcp", **known) for port in range(1, 31)]
    browser.show(written(tmp_path, audits.audit_of(findings)))
    many = browser.paper().count(b"/Type /Page\n")
    browser.show(written(tmp_path, audits.audit_of(findings[:3])))
    assert many - browser.paper().count(b"/Type /Page\n") <= 7


def test_hostile_texts_do_nothing_and_no_request_leaves(browser, tmp_path):
    nasty = (
        *audits.HOSTILE,
        "<script>document.title='pwned'</script>",
        "<img src=http://192.0.2.1/x onerror=\"document.title='pwned'\">",
        '" autofocus onfocus="document.title=\'pwned\'" x="',
        "</style><style>body{background:url(http://192.0.2.1/x)}</style>",
        "{{ 7 * 7 }}{% raw %}",
        "B" * 1_000_000,
    )
    texts = dict.fromkeys(("message", "expected", "actual", "help", "service", "process", "rule", "owner", "vantage"))
    findings = [
        audits.finding(text or "x", f"{at}/tcp", **dict.fromkeys(texts, text), evidence=(text,), controls=(text,))
        for at, text in enumerate(nasty, 1)
    ]
    hosts = [audits.host(text or "x", open=PortSet.of(Port.parse("22"))) for text in nasty]
    page = written(tmp_path, replace(audits.audit_of(findings, hosts=hosts), policy=nasty[-5]))
    browser.log("browser")
    browser.log("performance")
    browser.show(page)
    assert browser.run("return document.title") != "pwned"
    assert len(shown(browser)) == len(nasty)
    assert browser.run("return document.querySelectorAll('img, iframe, object, link, base, form').length") == 0
    assert browser.run("return document.querySelectorAll('script, style').length") == 2
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert all("192.0.2.1/x" not in entry["message"] for entry in browser.log("browser"))
    asked = [entry["message"] for entry in browser.log("performance") if 'requestWillBeSent"' in entry["message"]]
    assert all('"url":"http' not in message for message in asked)


def test_the_security_policy_refuses_what_is_not_the_report_s_own(browser, page):
    browser.show(page)
    script = (
        "const made = document.createElement('script'); made.textContent = 'window.pwned = true';"
        "document.body.append(made);"
        "return fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name + (window.pwned || ''))"
    )
    assert browser.run(script) == "TypeError"


def test_each_row_of_the_table_says_what_it_is_and_what_was_seen_there_alone(browser, tmp_path):
    port = PortSet.parse("6379")
    rows = [
        audits.host(verdict=Verdict.VIOLATIONS, vantage="internet", kinds=(Kind.PROBE,), open=port),
        audits.host(vantage="office", kinds=(Kind.PROBE,), filtered=port),
        audits.host(verdict=Verdict.VIOLATIONS, kinds=(Kind.SOCKETS,), open=port),
    ]
    browser.show(written(tmp_path, audits.audit_of([audits.finding(vantage="internet")], hosts=rows)))
    said = browser.run(
        "return [...document.querySelectorAll('.matrix tbody tr')].map((row) =>"
        " [row.cells[0].innerText, row.cells[1].querySelector('.sr').textContent])"
    )
    assert said == [
        ["web-1 probe from internet", "violation"],
        ["web-1 probe from office", "filtered"],
        ["web-1 sockets", "violation"],
    ]
    browser.click(".matrix td a")
    settled(browser, "document.querySelector('li.f').firstElementChild.open")


def test_five_thousand_findings_are_filtered_at_once(browser, tmp_path):
    findings = [audits.finding(f"host-{at // 10}", f"{at % 10 + 1}/tcp") for at in range(5000)]
    browser.show(written(tmp_path, audits.audit_of(findings)))
    script = (
        "const began = performance.now(); const field = document.getElementById('q'); field.value = '7/tcp host-499';"
        "field.dispatchEvent(new Event('input', {bubbles: true})); return new Promise((go) => { const look = () =>"
        "document.getElementById('shown').textContent === '1 of 5,000 findings' ? go(performance.now() - began)"
        " : setTimeout(look, 5); look(); })"
    )
    assert browser.run(script) < 8000  # 300 ms where nothing else runs


def test_the_counts_stand_in_the_page_without_scripts(page):
    text = page.read_text(encoding="utf-8")
    violations = audits.fixed_audit().counts()[Status.VIOLATION]
    assert f"{violations} violations (1 critical, 4 high, 1 medium)" in text
    assert '<li class="f violation"' in text
