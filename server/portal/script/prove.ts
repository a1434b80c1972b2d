// Possession of a certificate's key, proved by signing what the server has made up for it (keyCompromise at once).

import { certificates, nameOf, spkiOf } from "./certificate";
import { type Kind, signature } from "./keys";
import { kept } from "./keeping";
import { base64url, fromBase64, type Octets } from "./octets";
import { attempt, Failure, found } from "./page";
import { Legacy, openedKey, WrongPassphrase } from "./pbes2";
import { kindOf, privateKeys, signer } from "./private_key";

/** Enable every form with `data-prove`. */
export function proofs(within: ParentNode): void {
  for (const form of within.querySelectorAll<HTMLFormElement>("form[data-prove]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void attempt(form, "unreadable", () => prove(form));
    });
  }
}

async function prove(form: HTMLFormElement): Promise<void> {
  const [certificate] = certificates(found(form, "[data-certificate]", HTMLTemplateElement).content.textContent);
  if (certificate === undefined) {
    throw new Error("the page has no certificate");
  }
  const spki = spkiOf(certificate);
  const kind = kindOf(spki);
  if (kind === undefined) {
    throw new Failure("other");
  }
  const passphrase = found(form, "[data-passphrase]", HTMLInputElement);
  const keys = await offered(form, spki, passphrase.value);
  const challenge = fromBase64(form.dataset["challenge"] ?? "");
  const proof = await signedBy(keys, kind, spki, challenge);
  found(form, "[name=proof]", HTMLInputElement).value = base64url(proof);
  passphrase.value = "";
  form.submit();
}

async function offered(form: HTMLFormElement, spki: Octets, passphrase: string): Promise<Octets[]> {
  const file = found(form, "[data-key-file]", HTMLInputElement).files?.[0];
  try {
    if (file !== undefined) {
      return await privateKeys(new Uint8Array(await file.arrayBuffer()), passphrase);
    }
    const waiting = await kept(await nameOf(spki));
    if (waiting === undefined) {
      throw new Failure("missing");
    }
    return [await openedKey(waiting, passphrase)];
  } catch (failure) {
    if (failure instanceof Legacy) {
      throw new Failure("legacy");
    }
    throw failure instanceof WrongPassphrase ? new Failure("passphrase") : failure;
  }
}

/** The signature of the one key that is the certificate's: its own public half must verify it. */
async function signedBy(keys: readonly Octets[], kind: Kind, spki: Octets, challenge: Octets): Promise<Octets> {
  const verifier = await crypto.subtle.importKey("spki", spki, kind.algorithm, false, ["verify"]);
  for (const pkcs8 of keys) {
    const key = await signer(pkcs8, kind);
    if (key === undefined) {
      continue;
    }
    const how = { name: kind.algorithm.name, hash: kind.hash };
    const tried = new Uint8Array(await crypto.subtle.sign(how, key, challenge));
    if (await crypto.subtle.verify(how, verifier, tried, challenge)) {
      return signature(kind, key, challenge);
    }
  }
  throw new Failure("other");
}
