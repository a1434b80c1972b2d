// Key pairs of the browser's own making, and what they sign.

import { encoded, integer, nothing, type Node, oid, sequence, unsigned } from "./der";
import type { Octets } from "./octets";

export const KEY_TYPES = ["rsa-2048", "rsa-3072", "ec-p256", "ec-p384"] as const;
export type KeyType = (typeof KEY_TYPES)[number];
export const isKeyType = (text: string): text is KeyType => (KEY_TYPES as readonly string[]).includes(text);

/** A private key, told apart as far as signing goes. */
export interface Kind {
  readonly algorithm: RsaHashedImportParams | EcKeyImportParams;
  readonly hash: "SHA-256" | "SHA-384" | "SHA-512";
  /** Of the signature algorithm, in certification requests. */
  readonly signatureId: string;
}

const RSA: Kind = {
  algorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  hash: "SHA-256",
  signatureId: "1.2.840.113549.1.1.11",
};
// The digest is as long as the curve is strong (RFC 5758, 3.2).
const P256: Kind = {
  algorithm: { name: "ECDSA", namedCurve: "P-256" },
  hash: "SHA-256",
  signatureId: "1.2.840.10045.4.3.2",
};
const P384: Kind = {
  algorithm: { name: "ECDSA", namedCurve: "P-384" },
  hash: "SHA-384",
  signatureId: "1.2.840.10045.4.3.3",
};
const P521: Kind = {
  algorithm: { name: "ECDSA", namedCurve: "P-521" },
  hash: "SHA-512",
  signatureId: "1.2.840.10045.4.3.4",
};
export const RSA_ID = "1.2.840.113549.1.1.1";
export const EC_ID = "1.2.840.10045.2.1";
const CURVES = new Map([
  ["1.2.840.10045.3.1.7", P256],
  ["1.3.132.0.34", P384],
  ["1.3.132.0.35", P521],
]);

/** The kind of a key by the identifiers of its algorithm and of its curve; undefined for one that cannot sign here. */
export const kindBy = (id: string, curve: string | undefined): Kind | undefined =>
  id === RSA_ID ? RSA : id === EC_ID && curve !== undefined ? CURVES.get(curve) : undefined;

export interface Pair {
  readonly kind: Kind;
  readonly privateKey: CryptoKey;
  /** SubjectPublicKeyInfo and PKCS #8, in DER. */
  readonly spki: Octets;
  readonly pkcs8: Octets;
}

const MADE: Record<KeyType, readonly [Kind, RsaHashedKeyGenParams | EcKeyGenParams]> = {
  "rsa-2048": [RSA, rsa(2048)],
  "rsa-3072": [RSA, rsa(3072)],
  "ec-p256": [P256, { name: "ECDSA", namedCurve: "P-256" }],
  "ec-p384": [P384, { name: "ECDSA", namedCurve: "P-384" }],
};

function rsa(modulusLength: number): RsaHashedKeyGenParams {
  return { name: "RSASSA-PKCS1-v1_5", modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" };
}

/** A new pair. It is extractable, because the subscriber takes it away in a PKCS #12; nothing else reads it out. */
export async function generated(type: KeyType): Promise<Pair> {
  const [kind, parameters] = MADE[type];
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  if (!("privateKey" in pair)) {
    throw new Error("no pair");
  }
  const { privateKey, publicKey } = pair;
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey("spki", publicKey),
    crypto.subtle.exportKey("pkcs8", privateKey),
  ]);
  return { kind, privateKey, spki: new Uint8Array(spki), pkcs8: new Uint8Array(pkcs8) };
}

/** A signature as X.509 has it: RSASSA-PKCS1-v1_5, or ECDSA in DER, where the browser has two numbers of one length. */
export async function signature(kind: Kind, privateKey: CryptoKey, octets: Octets): Promise<Octets> {
  const { name } = kind.algorithm;
  const made = new Uint8Array(await crypto.subtle.sign({ name, hash: kind.hash }, privateKey, octets));
  if (kind === RSA) {
    return made;
  }
  const half = made.length / 2;
  return encoded(sequence(unsigned(made.slice(0, half)), unsigned(made.slice(half))));
}

/** The AlgorithmIdentifier of a signature: with NULL for RSA, with nothing for ECDSA (RFC 4055, 5 and RFC 5758, 3.2). */
export const signatureAlgorithm = (kind: Kind): Node =>
  kind === RSA ? sequence(oid(kind.signatureId), nothing()) : sequence(oid(kind.signatureId));

/** PKCS #8 around a key as RFC 8017 or RFC 5915 has it. */
export const asPkcs8 = (key: Node, id: string, parameters: Node): Node =>
  sequence(integer(0), sequence(oid(id), parameters), key);
