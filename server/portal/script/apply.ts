// Applying and renewing: keys are made here, requests go out, and the answer takes the place of the form.

import type { Remembered } from "./backup";
import { nameOf } from "./certificate";
import { request } from "./csr";
import { forget, keep } from "./keeping";
import { generated, isKeyType, type KeyType, type Pair } from "./keys";
import { blocks, pem } from "./octets";
import { all, attempt, Failure, found, show } from "./page";
import { sealedKey } from "./pbes2";

const LABEL = "CERTIFICATE REQUEST";
const OWN = "own";
const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;

/** What to do with a page that came as an answer. */
export type Arrive = (page: Document, url: string, remembered?: Remembered) => Promise<void>;

/** Enable every form with `data-apply`. */
export function applications(within: ParentNode, arrive: Arrive): void {
  for (const form of within.querySelectorAll<HTMLFormElement>("form[data-apply]")) {
    const parts = all(form, "[data-profile]").map((fieldset) => new Part(fieldset));
    form.addEventListener("change", () => rearrange(form, parts));
    form.addEventListener("input", () => warn(form));
    rearrange(form, parts);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void attempt(form, "network", () => apply(form, event.submitter, parts, arrive)).then(() => step(form, undefined));
    });
  }
}

/** What one profile is asked for. */
class Part {
  readonly #fieldset: HTMLElement;
  readonly #csr: HTMLTextAreaElement;

  constructor(fieldset: HTMLElement) {
    this.#fieldset = fieldset;
    this.#csr = found(fieldset, "[data-csr]", HTMLTextAreaElement);
    fieldset.querySelector<HTMLInputElement>("[data-csr-file]")?.addEventListener("change", () => void this.#read());
  }

  get #isWanted(): boolean {
    const box = this.#fieldset.querySelector<HTMLInputElement>("input[name=profile]");
    return box?.type !== "checkbox" || box.checked;
  }

  /** What kind of key is to be made; undefined where none is. */
  get keyType(): KeyType | undefined {
    const chosen = this.#fieldset.querySelector<HTMLSelectElement>("[data-key-type]")?.value ?? OWN;
    return this.#isWanted && isKeyType(chosen) ? chosen : undefined;
  }

  rearrange(): void {
    const chosen = this.#fieldset.querySelector<HTMLSelectElement>("[data-key-type]")?.value ?? OWN;
    show(this.#fieldset.querySelector("[data-own]"), chosen === OWN);
  }

  /** Nothing of what is not asked for goes out. */
  clear(): void {
    if (!this.#isWanted || this.keyType !== undefined) {
      this.#csr.value = "";
    }
  }

  async ask(pair: Pair): Promise<void> {
    const names = this.#fieldset.querySelector<HTMLInputElement>("[data-names]")?.value ?? this.#fieldset.dataset["names"];
    const der = await request(pair, {
      commonName: this.#fieldset.dataset["commonName"] ?? "",
      names: (names ?? "").split(/[\s,]+/).filter((name) => name !== ""),
    });
    this.#csr.value = pem(LABEL, der);
  }

  /** A request that was made elsewhere, out of a file, PEM or DER. */
  async #read(): Promise<void> {
    await attempt(this.#fieldset, "csr", async () => {
      const file = this.#fieldset.querySelector<HTMLInputElement>("[data-csr-file]")?.files?.[0];
      if (file === undefined) {
        return;
      }
      const octets = new Uint8Array(await file.arrayBuffer());
      const found = blocks(new TextDecoder("latin1").decode(octets)).find(({ label }) => label.endsWith(LABEL));
      if (found === undefined && octets[0] !== 0x30) {
        throw new Failure("csr");
      }
      this.#csr.value = pem(LABEL, found?.octets ?? octets);
    });
  }
}

function rearrange(form: HTMLFormElement, parts: readonly Part[]): void {
  parts.forEach((part) => part.rearrange());
  const areKeysMade = parts.some((part) => part.keyType !== undefined);
  all(form, "[data-passphrases]").forEach((one) => show(one, areKeysMade));
}

/** Java opens no PKCS #12 whose passphrase has other characters than these, whoever has made it. */
const LATIN = /^[ -~]*$/;

function warn(form: HTMLFormElement): void {
  const passphrase = found(form, "[data-passphrase]", HTMLInputElement).value;
  all(form, "[data-not-latin]").forEach((one) => show(one, !LATIN.test(passphrase)));
}

async function apply(form: HTMLFormElement, submitter: HTMLElement | null, parts: readonly Part[], arrive: Arrive) {
  const making = parts.flatMap((part) => (part.keyType === undefined ? [] : [{ part, type: part.keyType }]));
  const passphrase = making.length > 0 ? chosenPassphrase(form) : "";
  parts.forEach((part) => part.clear());
  step(form, "keys");
  const pairs = await Promise.all(making.map(({ type }) => generated(type))).catch((failure: unknown) => {
    throw new Failure("keys", { cause: failure });
  });
  await Promise.all(making.map(({ part }, at) => part.ask(pairs[at] as Pair)));
  step(form, "protect");
  // Put by before anything is asked for: once a certificate is issued, its key must be found again.
  const names = await Promise.all(pairs.map((pair) => putBy(pair, passphrase)));
  step(form, "send");
  const answer = await posted(form, submitter);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Whoever breaks (5xx) may have issued before: only a plain refusal means that no certificate will come.
  if (answer.status >= CLIENT_ERROR && answer.status < SERVER_ERROR) {
    await Promise.all(names.map(forget));
  }
  step(form, "pkcs12");
  await arrive(page, answer.url, { passphrase, names: new Set(names) });
}

function chosenPassphrase(form: HTMLFormElement): string {
  const first = found(form, "[data-passphrase]", HTMLInputElement);
  const again = found(form, "[data-passphrase-again]", HTMLInputElement);
  if (first.value.length < Math.max(first.minLength, 1)) {
    first.focus();
    throw new Failure("passphrase");
  }
  if (first.value !== again.value) {
    again.focus();
    throw new Failure("differs");
  }
  return first.value;
}

async function putBy(pair: Pair, passphrase: string): Promise<string> {
  const name = await nameOf(pair.spki);
  await keep(name, await sealedKey(pair.pkcs8, passphrase));
  return name;
}

/** The same fields that the browser would send by itself; files were read here, and stay. */
function posted(form: HTMLFormElement, submitter: HTMLElement | null): Promise<Response> {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string") {
      fields.append(name, value);
    }
  }
  // By hand: the button is disabled by now, and a disabled one would be left out.
  if (submitter instanceof HTMLButtonElement && submitter.name !== "") {
    fields.append(submitter.name, submitter.value);
  }
  return fetch(form.action, { method: "POST", body: fields, headers: { Accept: "text/html" } });
}

function step(form: HTMLFormElement, current: string | undefined): void {
  show(form.querySelector("[data-progress]"), current !== undefined);
  all(form, "[data-step]").forEach((one) => show(one, one.dataset["step"] === current));
}
