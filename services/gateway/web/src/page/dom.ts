// Elements without a framework. Texts become text nodes, never markup: names come from whoever typed them into a till.

export type Child = Node | string | null | undefined | false | readonly Child[];
type Props = Record<string, string | boolean | undefined | ((event: Event) => void)>;

/** An element with attributes (a function is the listener of the event that its name ends in, as in onclick) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  give(element, props);
  append(element, children);
  return element;
}

/** An SVG element. */
export function svg(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  give(element, props);
  append(element, children);
  return element;
}

function give(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
}

function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) append(parent, child as readonly Child[]);
    else if (child instanceof Node || typeof child === "string") parent.append(child);
  }
}

/** A text of somebody else's, whose direction is its own: right-to-left letters in it do not turn what stands around it. */
export const foreign = (text: string): HTMLElement => h("bdi", {}, text);

/** A hash or an address, which may break anywhere. */
export const code = (text: string): HTMLElement => h("code", { class: "hash", dir: "ltr" }, text);

/** Pairs of a name and a value; a pair without a value is left out. */
export function facts(...pairs: ([string, Child] | false)[]): HTMLElement {
  const list = h("dl", { class: "facts" });
  for (const pair of pairs) {
    if (pair === false) continue;
    const [name, value] = pair;
    if (value === undefined || value === null || value === false || value === "") continue;
    list.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  }
  return list;
}

/** Replaces an element's children. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}
