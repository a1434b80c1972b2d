// The large bundle, for pages that touch private keys: applying, renewing, the PKCS #12, proofs of possession.

import { applications } from "./apply";
import { backups, type Remembered } from "./backup";
import { scripted } from "./page";
import { proofs } from "./prove";

async function enable(within: ParentNode, remembered?: Remembered): Promise<void> {
  scripted(within);
  applications(within, arrive);
  proofs(within);
  await backups(within, remembered);
}

/** Put an answer's page in the place of this one, without leaving it: what is remembered stays. */
async function arrive(page: Document, url: string, remembered?: Remembered): Promise<void> {
  const main = page.querySelector("main");
  // Where somebody has to sign in again there is nothing to go on with, and the page has scripts of its own.
  if (main === null || main.querySelector("[data-sign-in], [data-work]") !== null) {
    location.assign(url);
    return;
  }
  document.querySelector("main")?.replaceWith(document.adoptNode(main));
  document.title = page.title;
  history.pushState(null, "", url);
  scrollTo(0, 0);
  main.focus();
  await enable(main, remembered);
}

// What was left by an answer that took the page's place is no page of its own: going back loads the one that is meant.
addEventListener("popstate", () => location.reload());

void enable(document);
