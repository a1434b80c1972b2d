// Where keys wait for their certificates: in this browser, encrypted under the subscriber's passphrase.

import type { Octets } from "./octets";

const DATABASE = "soapstone";
const STORE = "keys";
const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** A key that waits. */
interface Kept {
  /** By what it is known: see `certificate.nameOf`. */
  readonly name: string;
  /** EncryptedPrivateKeyInfo in DER. */
  readonly shrouded: Octets;
  readonly at: number;
}

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's store says nothing"));
  });

async function within<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "name" });
  const database = await done(request);
  try {
    return await use(database.transaction(STORE, mode).objectStore(STORE));
  } finally {
    database.close();
  }
}

/** Put a key by. Those whose certificates nobody has come for in three months are gone. */
export const keep = (name: string, shrouded: Octets): Promise<void> =>
  within("readwrite", async (store) => {
    for (const old of (await done<Kept[]>(store.getAll())).filter(({ at }) => at < Date.now() - KEPT_MS)) {
      await done(store.delete(old.name));
    }
    await done(store.put({ name, shrouded, at: Date.now() } satisfies Kept));
  });

/** The encrypted key of a name, if it waits here. */
export const kept = async (name: string): Promise<Octets | undefined> => {
  const found = await within("readonly", (store) => done<Kept | undefined>(store.get(name)));
  return found?.shrouded;
};

export const forget = (name: string): Promise<void> =>
  within("readwrite", async (store) => {
    await done(store.delete(name));
  });
