// Encryption under a passphrase: PBES2 (RFC 8018, 6.2), written in one way, read in all that a browser has.

import { decoded, encoded, idOf, integer, isInteger, members, type Node, nothing, numberOf, octetsOf, octetString, oid, sequence, Unreadable } from "./der";
import { type Octets, random, utf8 } from "./octets";

export const ROUNDS = 600_000;
/** Whoever made a file decides how long it takes to open; beyond this, a page would seem dead. */
const MOST_ROUNDS = 10_000_000;

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const HMAC_SHA256 = "1.2.840.113549.2.9";
const AES_256_CBC = "2.16.840.1.101.3.4.1.42";
const DIGESTS = new Map([
  ["1.2.840.113549.2.7", "SHA-1"],
  [HMAC_SHA256, "SHA-256"],
  ["1.2.840.113549.2.10", "SHA-384"],
  ["1.2.840.113549.2.11", "SHA-512"],
]);
const KEY_BITS = new Map([
  ["2.16.840.1.101.3.4.1.2", 128],
  ["2.16.840.1.101.3.4.1.22", 192],
  [AES_256_CBC, 256],
]);

/** It was encrypted in a way that browsers do not have. */
export class Legacy extends Error {}
/** The passphrase is not the one. */
export class WrongPassphrase extends Error {}

export interface Sealed {
  readonly algorithm: Node;
  readonly octets: Octets;
}

/** Encrypt: AES-256 in CBC mode, with a key from 600,000 rounds of HMAC-SHA-256. */
export async function sealed(content: Octets, passphrase: string): Promise<Sealed> {
  const salt = random(16);
  const iv = random(16);
  const key = await derived(passphrase, salt, ROUNDS, "SHA-256", 256, "encrypt");
  const octets = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, content));
  const derivation = sequence(octetString(salt), integer(ROUNDS), sequence(oid(HMAC_SHA256), nothing()));
  const algorithm = sequence(
    oid(PBES2),
    sequence(sequence(oid(PBKDF2), derivation), sequence(oid(AES_256_CBC), octetString(iv))),
  );
  return { algorithm, octets };
}

/**
 * Decrypt what was encrypted under a passphrase.
 *
 * Throws Legacy, WrongPassphrase, or Unreadable.
 */
export async function opened({ algorithm, octets }: Sealed, passphrase: string): Promise<Octets> {
  const [id, parameters] = members(algorithm);
  if (idOf(id) !== PBES2) {
    throw new Legacy();
  }
  const [derivation, encryption] = members(parameters);
  const [derivationId, derivationParameters] = members(derivation);
  const [encryptionId, iv] = members(encryption);
  const bits = KEY_BITS.get(idOf(encryptionId));
  if (idOf(derivationId) !== PBKDF2 || bits === undefined) {
    throw new Legacy();
  }
  const [salt, rounds, ...rest] = members(derivationParameters);
  // The length of the key may stand between; it follows from the cipher.
  const digestId = rest.find((one) => !isInteger(one));
  const digest = digestId === undefined ? "SHA-1" : DIGESTS.get(idOf(members(digestId)[0]));
  if (digest === undefined) {
    throw new Legacy();
  }
  if (numberOf(rounds) > MOST_ROUNDS) {
    throw new Unreadable("too many rounds");
  }
  // Chromium has no AES with keys of 192 bits.
  const key = await derived(passphrase, octetsOf(salt), numberOf(rounds), digest, bits, "decrypt").catch(() => {
    throw new Legacy();
  });
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CBC", iv: octetsOf(iv) }, key, octets));
  } catch {
    // Nothing but the padding tells, and one wrong key in 256 gets past it: whoever calls looks at what comes out.
    throw new WrongPassphrase();
  }
}

async function derived(
  passphrase: string,
  salt: Octets,
  iterations: number,
  hash: string,
  length: number,
  usage: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", utf8(passphrase), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", salt, iterations, hash };
  return crypto.subtle.deriveKey(how, secret, { name: "AES-CBC", length }, false, [usage]);
}

/** EncryptedPrivateKeyInfo (RFC 5958, 3) around a PKCS #8 key, in DER. */
export async function sealedKey(pkcs8: Octets, passphrase: string): Promise<Octets> {
  const { algorithm, octets } = await sealed(pkcs8, passphrase);
  return encoded(sequence(algorithm, octetString(octets)));
}

/** The PKCS #8 key in an EncryptedPrivateKeyInfo. Throws as `opened` does. */
export async function openedKey(info: Octets, passphrase: string): Promise<Octets> {
  const [algorithm, octets] = members(decoded(info));
  if (algorithm === undefined) {
    throw new Unreadable("no algorithm");
  }
  const pkcs8 = await opened({ algorithm, octets: octetsOf(octets) }, passphrase);
  try {
    members(decoded(pkcs8));
  } catch {
    throw new WrongPassphrase();
  }
  return pkcs8;
}
