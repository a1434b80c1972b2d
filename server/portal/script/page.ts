// What all parts do with a page: find their places in it, show one and hide another. Texts are the page's.

/** The element of a kind that a contract (README.md) promises; its absence is a fault of the page's. */
export function found<T extends Element>(within: ParentNode, selector: string, kind: new () => T): T {
  const element = within.querySelector(selector);
  if (element instanceof kind) {
    return element;
  }
  throw new Error(`the page has no ${selector}`);
}

export const all = (within: ParentNode, selector: string): HTMLElement[] =>
  Array.from(within.querySelectorAll<HTMLElement>(selector));

export function show(element: Element | null | undefined, visible = true): void {
  if (element instanceof HTMLElement) {
    element.hidden = !visible;
  }
}

/** Have somebody go on from here, by the keyboard or by ear. */
export function focusOn(element: HTMLElement | null | undefined): void {
  if (element && !element.matches("a[href], button, input")) {
    element.tabIndex = -1;
  }
  element?.focus();
}

/** Show what needs scripts, and hide what stands in for them. */
export function scripted(within: ParentNode): void {
  all(within, "[data-scripted]").forEach((one) => show(one));
  all(within, "[data-unscripted]").forEach((one) => show(one, false));
}

/** What may have a place of its own for what fails within it; a form has one, and so has a part of the form. */
const OWNERS = "[data-profile], [data-work], form, section";

const placeOf = (within: Element): HTMLElement | undefined =>
  all(within, "[data-failed]").find((one) => one.closest(OWNERS) === within);

/** Say what failed, in the words of the page; undefined takes it back. */
export function say(within: Element, why: string | undefined): void {
  const place = placeOf(within);
  if (place === undefined) {
    return;
  }
  const texts = all(place, "[data-why]");
  texts.forEach((text) => show(text, text.dataset["why"] === why));
  show(place, why !== undefined);
}

/** A failure that the page has words for, by their name. */
export class Failure extends Error {
  constructor(
    readonly why: string,
    options?: ErrorOptions,
  ) {
    super(why, options);
  }
}

/** Do something for a form or section; what comes of it that should not is said there. */
export async function attempt(within: HTMLElement, otherwise: string, action: () => Promise<void>): Promise<void> {
  say(within, undefined);
  within.setAttribute("aria-busy", "true");
  const buttons = Array.from(within.querySelectorAll("button")).filter((one) => !one.disabled);
  buttons.forEach((one) => (one.disabled = true));
  try {
    await action();
  } catch (failure) {
    say(within, failure instanceof Failure ? failure.why : otherwise);
    // The button that had the focus was disabled. Whoever works without a mouse goes on at the message, if not in a field.
    if (!(document.activeElement instanceof HTMLInputElement && within.contains(document.activeElement))) {
      focusOn(placeOf(within));
    }
    // For whoever looks into it: the page's words say what to do, not what happened.
    if (!(failure instanceof Failure) || failure.cause !== undefined) {
      console.error(failure);
    }
  } finally {
    within.removeAttribute("aria-busy");
    buttons.forEach((one) => (one.disabled = false));
  }
}
