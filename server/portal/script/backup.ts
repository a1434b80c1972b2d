// The PKCS #12 of a certificate whose key waits in this browser (the manual's backup).

import { certificates, nameOf, spkiOf } from "./certificate";
import { forget, kept } from "./keeping";
import type { Octets } from "./octets";
import { all, attempt, Failure, focusOn, found, show } from "./page";
import { openedKey, WrongPassphrase } from "./pbes2";
import { pkcs12 } from "./pkcs12";

/** The passphrase under which keys were put by on this page, which nobody types a second time. */
export interface Remembered {
  readonly passphrase: string;
  readonly names: ReadonlySet<string>;
}

const MIME = "application/x-pkcs12";

/**
 * Enable every section with `data-pkcs12` whose key waits here.
 *
 * With a passphrase that is remembered the file is made at once.
 */
export async function backups(within: ParentNode, remembered?: Remembered): Promise<void> {
  for (const section of all(within, "[data-pkcs12]")) {
    const chain = certificates(found(section, "[data-chain]", HTMLTemplateElement).content.textContent);
    const [own] = chain;
    const name = own && (await nameOf(spkiOf(own)));
    const shrouded = name && (await kept(name));
    const lost = section.nextElementSibling;
    if (!name || !shrouded) {
      show(lost?.matches("[data-lost]") ? lost : undefined);
      continue;
    }
    show(section);
    const backup = new Backup(section, name, chain, shrouded);
    if (remembered?.names.has(name)) {
      await backup.make(remembered.passphrase);
    }
  }
}

class Backup {
  readonly #section: HTMLElement;
  readonly #form: HTMLFormElement;
  readonly #name: string;
  readonly #chain: readonly Octets[];
  readonly #shrouded: Octets;

  constructor(section: HTMLElement, name: string, chain: readonly Octets[], shrouded: Octets) {
    this.#section = section;
    this.#form = found(section, "[data-make]", HTMLFormElement);
    this.#name = name;
    this.#chain = chain;
    this.#shrouded = shrouded;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#typed();
    });
    found(section, "[data-forget]", HTMLButtonElement).addEventListener("click", () => void this.#forget());
  }

  /** Make the file and offer it. */
  async make(passphrase: string): Promise<void> {
    show(this.#form, false);
    await attempt(this.#section, "pkcs12", async () => {
      const friendlyName = this.#section.dataset["friendlyName"] ?? "";
      const contents = { shrouded: this.#shrouded, chain: this.#chain, friendlyName };
      const file = await pkcs12(contents, passphrase).catch((failure: unknown) => {
        show(this.#form);
        throw failure;
      });
      const link = found(this.#section, "[data-file]", HTMLAnchorElement);
      link.href = URL.createObjectURL(new Blob([file], { type: MIME }));
      link.download = this.#section.dataset["fileName"] ?? "";
      show(link);
      show(this.#section.querySelector("[data-forget]"));
    });
  }

  async #typed(): Promise<void> {
    await attempt(this.#section, "pkcs12", async () => {
      const field = found(this.#form, "[data-passphrase]", HTMLInputElement);
      const passphrase = field.value;
      try {
        await openedKey(this.#shrouded, passphrase);
      } catch (failure) {
        throw failure instanceof WrongPassphrase ? new Failure("passphrase") : failure;
      }
      field.value = "";
      await this.make(passphrase);
      focusOn(this.#section.querySelector<HTMLElement>("[data-file]"));
    });
  }

  async #forget(): Promise<void> {
    await attempt(this.#section, "pkcs12", async () => {
      await forget(this.#name);
      const link = found(this.#section, "[data-file]", HTMLAnchorElement);
      URL.revokeObjectURL(link.href);
      link.removeAttribute("href");
      [link, this.#form, this.#section.querySelector("[data-forget]")].forEach((one) => show(one, false));
      const forgotten = this.#section.querySelector<HTMLElement>("[data-forgotten]");
      show(forgotten);
      focusOn(forgotten);
    });
  }
}
