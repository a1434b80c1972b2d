// The gate: a proof of work, altcha's of version 2, found while somebody types.

import { base64, fromHex, hex, joined, type Octets, utf8 } from "./octets";
import { Failure, found, say, show } from "./page";

interface Challenge {
  readonly parameters: {
    readonly algorithm: string;
    readonly nonce: string;
    readonly salt: string;
    readonly cost: number;
    readonly keyLength: number;
    readonly keyPrefix: string;
  };
  readonly signature: string;
}

const DERIVATION = /^PBKDF2\/(SHA-(?:256|384|512))$/;
// Derivations run on threads of the browser's: as many as most machines have.
const AT_ONCE = 4;

/** Work at every challenge of the page; a submit that comes too early waits for it. */
export function work(within: ParentNode): void {
  for (const place of within.querySelectorAll<HTMLElement>("[data-work]")) {
    const form = place.closest("form");
    if (form !== null) {
      workFor(form, place);
    }
  }
}

function workFor(form: HTMLFormElement, place: HTMLElement): void {
  const answer = found(place, "[data-answer]", HTMLInputElement);
  show(place.querySelector("[data-working]"));
  const working = solved(JSON.parse(place.dataset["work"] ?? "") as Challenge).then(
    (payload) => {
      answer.value = payload;
      show(place.querySelector("[data-working]"), false);
      show(place.querySelector("[data-worked]"));
    },
    (failure: unknown) => {
      show(place.querySelector("[data-working]"), false);
      say(place, "work");
      console.error(failure);
    },
  );
  let isWaiting = false;
  form.addEventListener("submit", (event) => {
    if (answer.value !== "") {
      return;
    }
    event.preventDefault();
    if (!isWaiting) {
      isWaiting = true;
      const { submitter } = event;
      void working.then(() => {
        isWaiting = false;
        if (answer.value !== "") {
          form.requestSubmit(submitter);
        }
      });
    }
  });
}

/** The payload that proves the work: base64 of JSON. */
async function solved(challenge: Challenge): Promise<string> {
  const { algorithm, nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  const hash = DERIVATION.exec(algorithm)?.[1];
  if (hash === undefined) {
    throw new Failure("work");
  }
  const begun = performance.now();
  const derive = async (counter: number): Promise<string> => {
    const password = joined(fromHex(nonce), asUint32(counter));
    const secret = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", salt: fromHex(salt), iterations: cost, hash };
    return hex(new Uint8Array(await crypto.subtle.deriveBits(how, secret, keyLength * 8)));
  };
  for (let first = 0; ; first += AT_ONCE) {
    const keys = await Promise.all(Array.from({ length: AT_ONCE }, (_, beside) => derive(first + beside)));
    const at = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (at >= 0) {
      const solution = { counter: first + at, derivedKey: keys[at], time: Math.round(performance.now() - begun) };
      return base64(utf8(JSON.stringify({ challenge, solution })));
    }
  }
}

function asUint32(counter: number): Octets {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, counter);
  return octets;
}
