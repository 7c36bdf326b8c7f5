// Elements of the page. Whatever comes from files goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

export const part = (element, name) => element.querySelector(`[data-part="${name}"]`);

export function clone(templateId) {
  return byId(templateId).content.firstElementChild.cloneNode(true);
}

/** A new element: `make("td", { className: "number" }, "12")`. Children are elements or texts. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Nothing is touched that is as it should be: what a screen reader or a selection is at stays there. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function show(element, isShown = true) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/**
 * Make the children of a list those of `items`, in their order; a child stays the same element as long as its item is
 * there. Where the child that has the focus goes, `heir` gets it.
 */
export function fill(list, items, { keyOf, make: makeChild, update, heir }) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = known.get(key);
    known.delete(key);
    if (child === undefined) {
      child = makeChild(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === place) place = child.nextElementSibling;
    else list.insertBefore(child, place);
  }
  for (const child of known.values()) {
    const hadFocus = child.contains(document.activeElement);
    child.remove();
    if (hadFocus && heir) heir.focus();
  }
}
