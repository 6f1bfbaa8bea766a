// Makes one tree like another with as few changes as possible, so that focus, selection, scrolling and
// running animations survive. Elements with the same `data-key` under the same parent are the same.

export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) return;
  attributes(from, to);
  children(from, to);
}

function attributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    // Whether a detail is open is the reader's.
    if (name !== "open" && !to.hasAttribute(name)) from.removeAttribute(name);
  }
}

export function children(from, to) {
  const keyed = new Map();
  for (const child of from.children) {
    if (child.dataset?.key) keyed.set(child.dataset.key, child);
  }
  let old = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const known = wanted.dataset?.key && keyed.get(wanted.dataset.key);
    if (known) {
      if (known === old) old = old.nextSibling;
      else from.insertBefore(known, old);
      morph(known, wanted);
    } else if (old && !wanted.dataset?.key && !old.dataset?.key) {
      const next = old.nextSibling;
      morph(old, wanted);
      old = next;
    } else {
      from.insertBefore(wanted, old);
    }
  }
  while (old) {
    const next = old.nextSibling;
    old.remove();
    old = next;
  }
}
