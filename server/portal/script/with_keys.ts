// The large bundle, for pages that touch private keys: applying, renewing, the PKCS #12, proofs of possession.

import { applications } from "./apply";
import { backups, type Remembered } from "./backup";
import { focusOn, scripted } from "./page";
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
  shown = place();
  scrollTo(0, 0);
  focusOn(main.querySelector<HTMLElement>("[autofocus]") ?? main);
  await enable(main, remembered);
}

// Going back from an answer that took the page's place loads the page that is meant. A link within the page, which says
// the same event, loads nothing: what the tab remembers would be gone.
const place = (): string => location.pathname + location.search;
let shown = place();
addEventListener("popstate", () => {
  if (place() !== shown) {
    location.reload();
  }
});

void enable(document);
