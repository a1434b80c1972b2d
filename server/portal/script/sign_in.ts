// The sheet's QR code opens PORTAL/#account=A&password=P: a fragment, which no browser sends anywhere.

/** Fill the form from the fragment, and take that out of the address and the history. */
export function signIn(document: Document): void {
  const given = new URLSearchParams(location.hash.slice(1));
  const account = given.get("account");
  if (account === null) {
    return;
  }
  const place = document.querySelector("[data-sign-in]");
  if (place instanceof HTMLAnchorElement) {
    // The form is on another page. To replace this one leaves no secret behind in the history.
    location.replace(new URL(location.hash, place.href));
    return;
  }
  history.replaceState(null, "", location.pathname + location.search);
  if (!(place instanceof HTMLFormElement)) {
    return;
  }
  fill(place, "account", account);
  fill(place, "password", given.get("password") ?? "");
  const next = Array.from(place.elements).find((one) => isToDo(one));
  (next instanceof HTMLElement ? next : place).focus();
}

function fill(form: HTMLFormElement, name: string, value: string): void {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement) {
    field.value = value;
  }
}

const isToDo = (element: Element): boolean =>
  (element instanceof HTMLInputElement && element.type !== "hidden" && element.value === "") ||
  (element instanceof HTMLButtonElement && element.type === "submit");
