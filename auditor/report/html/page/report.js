'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const list = $('list');
  const findings = list ? [...list.children] : [];
  const places = { hosts: [...document.querySelectorAll('li.h')], matrix: [...document.querySelectorAll('.matrix tbody tr')] };
  const ranks = ['critical', 'high', 'medium', 'low', 'info'];
  const texts = new Map();
  const text = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };
  const count = (number, noun) => number.toLocaleString('en') + ' ' + noun + (number === 1 ? '' : 's');

  // Whatever is hidden is said where it is missing, on paper too.
  const tell = (section, partly, words) => {
    for (const note of document.querySelectorAll('[data-hides="' + section + '"]')) {
      note.hidden = !partly;
      note.textContent = partly ? words + '.' : '';
    }
  };

  // Filter: every word must be somewhere in the finding; hosts and the matrix follow the words and
  // the host, and say so. What is not verified is never hidden.
  const fields = ['status', 'severity', 'host', 'novelty'];
  const chosen = (field) => ($('by-' + field) ? $('by-' + field).value : '');
  const filter = () => {
    const words = $('q').value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = fields.map((field) => [field, chosen(field)]).filter((pair) => pair[1]);
    let shown = 0;
    for (const one of findings) {
      const fits = wanted.every(([field, value]) => (one.dataset[field] || '') === value)
        && words.every((word) => text(one).includes(word));
      one.hidden = !fits;
      shown += fits;
    }
    const host = chosen('host');
    for (const [section, rows] of Object.entries(places)) {
      let left = 0;
      for (const one of rows) {
        one.hidden = !((!host || one.dataset.host === host) && words.every((word) => text(one).includes(word)));
        left += !one.hidden;
      }
      tell(section, left < rows.length, left.toLocaleString('en') + ' of ' + count(rows.length, 'row')
        + ' shown: the others are hidden by the search');
    }
    $('none').hidden = shown > 0;
    $('shown').textContent = shown === findings.length
      ? count(shown, 'finding')
      : shown.toLocaleString('en') + ' of ' + count(findings.length, 'finding');
    const filtered = words.length > 0 || wanted.length > 0;
    document.body.classList.toggle('filtered', filtered);
    const part = shown.toLocaleString('en') + ' of ' + count(findings.length, 'finding') + ' shown: '
      + [...words, ...wanted.map(([field, value]) => field + ' ' + value)].join(', ');
    tell('findings', filtered, part);
    tell('report', filtered, 'Not the whole report: a search or filter was set. ' + part);
  };
  const empty = () => { for (const field of $('filter').querySelectorAll('input, select')) field.value = ''; };
  const clear = () => { empty(); filter(); };

  // Sort findings by one of their own values; a second press turns the order round.
  const key = {
    severity: (one) => ranks.indexOf(one.dataset.severity),
    host: (one) => one.dataset.host,
    port: (one) => (one.dataset.port === '' ? 1e6 : Number(one.dataset.port)),
    check: (one) => one.dataset.check,
    message: (one) => one.querySelector('h3').textContent,
  };
  const natural = new Intl.Collator('en', { numeric: true }).compare;
  const order = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : natural(String(a), String(b)));
  const arrange = (parent, items, value, down) => {
    const keyed = items.map((item, at) => [value(item), at, item]);
    keyed.sort((a, b) => (order(a[0], b[0]) * (down ? -1 : 1)) || a[1] - b[1]);
    const moved = document.createDocumentFragment();
    for (const entry of keyed) moved.append(entry[2]);
    parent.append(moved);
  };
  const sortFindings = (button) => {
    const again = button.getAttribute('aria-pressed') === 'true';
    const down = again && button.dataset.down !== 'true';
    for (const other of button.parentElement.children) {
      other.setAttribute('aria-pressed', String(other === button));
      delete other.dataset.down;
    }
    if (down) button.dataset.down = 'true';
    arrange(list, findings, key[button.dataset.sort], down);
  };

  // Tables whose headings sort: each heading becomes a button.
  const sortable = (table) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener('click', () => {
        const down = cell.getAttribute('aria-sort') === 'ascending';
        for (const other of cell.parentElement.cells) other.removeAttribute('aria-sort');
        cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        arrange(body, rows, (row) => row.cells[column].dataset.value || row.cells[column].textContent.trim(), down);
      });
    });
  };

  // A link to a finding or a host opens it, whatever the filter says.
  const follow = () => {
    const target = $(location.hash.slice(1));
    $('lost').hidden = Boolean(target) || !/^#[fh]-/.test(location.hash);
    if (!$('lost').hidden) $('findings').scrollIntoView({ block: 'start' });
    if (!target || !target.matches('li.f, li.h')) return;
    if (target.hidden) clear();
    target.firstElementChild.open = true;
    target.scrollIntoView({ block: 'start' });
    target.querySelector('summary').focus({ preventScroll: true });
  };

  const step = (by) => {
    const visible = findings.filter((one) => !one.hidden);
    if (!visible.length) return;
    const here = document.activeElement.closest ? document.activeElement.closest('li.f') : null;
    const at = visible.indexOf(here);
    const next = visible[at < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(visible.length - 1, Math.max(0, at + by))];
    next.querySelector('summary').focus();
    next.scrollIntoView({ block: 'nearest' });
  };
  const escape = () => {
    const here = document.activeElement;
    const item = here && here.closest('li.f, li.h');
    if (here === $('q')) {
      if (here.value) clear();
      here.blur();
    } else if (item && item.firstElementChild.open) {
      item.firstElementChild.open = false;
      item.querySelector('summary').focus();
    } else {
      clear();
    }
  };
  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const typing = event.target.matches('input, select, textarea');
    if (event.key === 'Escape') escape();
    else if (typing) return;
    else if (event.key === '/') $('q').focus();
    else if (event.key === 'j') step(1);
    else if (event.key === 'k') step(-1);
    else return;
    event.preventDefault();
  };

  for (const table of document.querySelectorAll('table.sortable')) sortable(table);
  if (list) {
    for (const id of ['filter', 'sorts', 'keys']) $(id).hidden = false;
    let waiting = 0;
    $('filter').addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, findings.length > 1000 ? 120 : 0);
    });
    $('clear').addEventListener('click', clear);
    $('sorts').addEventListener('click', (event) => {
      if (event.target.dataset.sort) sortFindings(event.target);
    });
    for (const link of document.querySelectorAll('[data-filter-status]')) {
      link.addEventListener('click', () => {
        empty();
        $('by-status').value = link.dataset.filterStatus;
        $('by-severity').value = link.dataset.filterSeverity || '';
        filter();
      });
    }
    document.addEventListener('keydown', press);
  }
  window.addEventListener('hashchange', follow);
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) follow();
  });
  follow();
  // The browser itself goes to the place once the page is there, and takes the focus away.
  window.addEventListener('load', () => setTimeout(follow, 0));

  // Paper cannot be clicked: what is folded away opens for printing, and folds again.
  let folded = [];
  window.addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')];
    for (const one of folded) one.open = true;
  });
  window.addEventListener('afterprint', () => {
    for (const one of folded) one.open = false;
    folded = [];
  });
})();
