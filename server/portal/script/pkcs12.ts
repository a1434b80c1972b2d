// PKCS #12 (RFC 7292): a key and its certificates in one file, under a passphrase of the subscriber's own.

import { sha256 } from "@noble/hashes/sha2.js";
import { bmpString, decoded, encoded, integer, type Node, nothing, octetString, oid, sequence, set, tagged, taggedString } from "./der";
import { joined, type Octets, random, utf16 } from "./octets";
import { ROUNDS, sealed } from "./pbes2";

export const DATA = "1.2.840.113549.1.7.1";
export const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
export const SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3";
const X509 = "1.2.840.113549.1.9.22.1";
const FRIENDLY_NAME = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID = "1.2.840.113549.1.9.21";
const SHA256 = "2.16.840.1.101.3.4.2.1";
const VERSION = 3;
const BLOCK = 64;
const MAC_KEY = 3;
// Some 40 ms: between two of these, the page can draw and be scrolled.
const ROUNDS_AT_ONCE = 50_000;

export interface Contents {
  /** EncryptedPrivateKeyInfo in DER, under the same passphrase. */
  readonly shrouded: Octets;
  /** In DER: the key's own first, then what issued it. */
  readonly chain: readonly Octets[];
  /** What it is called where it is imported. */
  readonly friendlyName: string;
}

/** The file. */
export async function pkcs12({ shrouded, chain, friendlyName }: Contents, passphrase: string): Promise<Octets> {
  const [own, ...issuers] = chain;
  if (own === undefined) {
    throw new Error("no certificate");
  }
  const identifier = new Uint8Array(await crypto.subtle.digest("SHA-1", own));
  const attributes = set(
    sequence(oid(FRIENDLY_NAME), set(bmpString(utf16(friendlyName)))),
    sequence(oid(LOCAL_KEY_ID), set(octetString(identifier))),
  );
  const certificates = sequence(certificateBag(own, attributes), ...issuers.map((one) => certificateBag(one)));
  const key = sequence(sequence(oid(SHROUDED_KEY_BAG), tagged(0, decoded(shrouded)), attributes));
  const { algorithm, octets } = await sealed(encoded(certificates), passphrase);
  const hidden = sequence(integer(0), sequence(oid(DATA), algorithm, taggedString(0, octets)));
  const safe = encoded(sequence(sequence(oid(ENCRYPTED_DATA), tagged(0, hidden)), contentInfo(encoded(key))));
  const mac = await authenticated(safe, passphrase);
  return encoded(sequence(integer(VERSION), contentInfo(safe), mac));
}

const contentInfo = (content: Octets): Node => sequence(oid(DATA), tagged(0, octetString(content)));

function certificateBag(certificate: Octets, attributes?: Node): Node {
  const value = sequence(oid(X509), tagged(0, octetString(certificate)));
  const bag = [oid(CERTIFICATE_BAG), tagged(0, value)];
  return sequence(...bag, ...(attributes ? [attributes] : []));
}

async function authenticated(safe: Octets, passphrase: string): Promise<Node> {
  const salt = random(16);
  const raw = await macKey(passphrase, salt, ROUNDS);
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, safe));
  const digest = sequence(sequence(oid(SHA256), nothing()), octetString(mac));
  // As many rounds as the encryption has: whoever guesses at a passphrase takes the cheaper of the two.
  return sequence(digest, octetString(salt), integer(ROUNDS));
}

/**
 * The key of the MAC (RFC 7292, B.2), with SHA-256: 32 octets, which one block of it gives.
 *
 * WebCrypto has no such derivation, and a promise for each of its rounds would take ten times as long as the rounds.
 */
export async function macKey(passphrase: string, salt: Octets, rounds: number): Promise<Octets> {
  const secret = joined(utf16(passphrase), new Uint8Array(2));
  let octets: Uint8Array = joined(new Uint8Array(BLOCK).fill(MAC_KEY), filled(salt), filled(secret));
  for (let done = 0; done < rounds; done++) {
    octets = sha256(octets);
    if (done % ROUNDS_AT_ONCE === 0) {
      await new Promise((go) => setTimeout(go));
    }
  }
  return new Uint8Array(octets);
}

/** Repeated until it fills whole blocks. */
function filled(octets: Octets): Octets {
  const length = Math.ceil(octets.length / BLOCK) * BLOCK;
  return Uint8Array.from({ length }, (_, at) => octets[at % octets.length] ?? 0);
}
