// A private key out of a file of the subscriber's, read in the tab: PEM in its four forms, or PKCS #12.

import { decoded, encoded, idOf, isTagged, members, type Node, nothing, octetString, octetsOf, Unreadable } from "./der";
import { asPkcs8, EC_ID, type Kind, kindBy, RSA_ID } from "./keys";
import { type Block, blocks, type Octets } from "./octets";
import { Legacy, opened, openedKey } from "./pbes2";
import { DATA, ENCRYPTED_DATA, SHROUDED_KEY_BAG } from "./pkcs12";

const KEY_BAG = "1.2.840.113549.1.12.10.1.1";

/** All private keys of a file, as PKCS #8 in DER. Throws Unreadable, Legacy or WrongPassphrase. */
export async function privateKeys(file: Octets, passphrase: string): Promise<Octets[]> {
  const found = blocks(new TextDecoder("latin1").decode(file)).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  if (found.length > 0) {
    return Promise.all(found.map((block) => outOf(block, passphrase)));
  }
  const node = decoded(file);
  const [first, second] = members(node);
  if (second !== undefined && isContentInfo(second)) {
    return inSafe(second, passphrase);
  }
  // DER of PKCS #8, encrypted or not: only the first begins with an algorithm.
  return first !== undefined && isSequence(first) ? [await openedKey(file, passphrase)] : [file];
}

async function outOf({ label, headers, octets }: Block, passphrase: string): Promise<Octets> {
  if (headers.includes("ENCRYPTED")) {
    // OpenSSL's own, from before PKCS #8: one round of MD5.
    throw new Legacy();
  }
  switch (label) {
    case "PRIVATE KEY":
      return octets;
    case "ENCRYPTED PRIVATE KEY":
      return openedKey(octets, passphrase);
    case "RSA PRIVATE KEY":
      return encoded(asPkcs8(octetString(octets), RSA_ID, nothing()));
    case "EC PRIVATE KEY": {
      const curve = members(decoded(octets)).find((one) => isTagged(one, 0));
      const [parameters] = members(curve);
      if (parameters === undefined) {
        throw new Unreadable("a curve without a name");
      }
      return encoded(asPkcs8(octetString(octets), EC_ID, parameters));
    }
    default:
      throw new Unreadable(label);
  }
}

/** The private keys of an AuthenticatedSafe (RFC 7292, 4.1), in whatever order its parts come. */
async function inSafe(info: Node, passphrase: string): Promise<Octets[]> {
  const keys: Octets[] = [];
  for (const part of members(decoded(octetsOf(content(info))))) {
    for (const bag of members(decoded(await bags(part, passphrase)))) {
      const [id, value] = members(bag);
      const [key] = members(value);
      if (idOf(id) === SHROUDED_KEY_BAG && key !== undefined) {
        keys.push(await openedKey(encoded(key), passphrase));
      } else if (idOf(id) === KEY_BAG && key !== undefined) {
        keys.push(encoded(key));
      }
    }
  }
  return keys;
}

async function bags(part: Node, passphrase: string): Promise<Octets> {
  const [id] = members(part);
  if (idOf(id) === DATA) {
    return octetsOf(content(part));
  }
  if (idOf(id) !== ENCRYPTED_DATA) {
    throw new Legacy();
  }
  const [, algorithm, octets] = members(members(content(part))[1]);
  if (algorithm === undefined) {
    throw new Unreadable("no algorithm");
  }
  return opened({ algorithm, octets: octetsOf(octets) }, passphrase);
}

/** What a ContentInfo holds. */
const content = (info: Node): Node | undefined => members(members(info)[1])[0];

const isSequence = (node: Node): boolean => node.idBlock.tagClass === 1 && node.idBlock.tagNumber === 16;

function isContentInfo(node: Node): boolean {
  if (!isSequence(node)) {
    return false;
  }
  const [id, explicit] = members(node);
  return id !== undefined && isTagged(explicit, 0) && [DATA, "1.2.840.113549.1.7.2"].includes(idOf(id));
}

/** What kind of key a SubjectPublicKeyInfo is of; undefined for one that cannot sign here. */
export function kindOf(spki: Octets): Kind | undefined {
  const [id, parameters] = members(members(decoded(spki))[0]);
  const name = idOf(id);
  return kindBy(name, name === EC_ID ? idOf(parameters) : undefined);
}

/** The key, ready to sign; undefined if it is of another kind. */
export async function signer(pkcs8: Octets, kind: Kind): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey("pkcs8", pkcs8, kind.algorithm, false, ["sign"]);
  } catch {
    return undefined;
  }
}
