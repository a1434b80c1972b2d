// What a certificate says of its key (RFC 5280, 4.1).

import { decoded, isTagged, members, wholeOf } from "./der";
import { blocks, hex, type Octets, sha256 } from "./octets";

/** All certificates of a text in PEM, in DER, in their order. */
export const certificates = (text: string): Octets[] =>
  blocks(text)
    .filter(({ label }) => label === "CERTIFICATE")
    .map(({ octets }) => octets);

/** The SubjectPublicKeyInfo of a certificate, in DER. */
export function spkiOf(certificate: Octets): Octets {
  const fields = members(members(decoded(certificate))[0]);
  // Version, serial, algorithm, issuer, validity, subject, key: the version may be missing.
  return wholeOf(fields[isTagged(fields[0], 0) ? 6 : 5]);
}

/** By what a key is known: the SHA-256 of its SubjectPublicKeyInfo, in hex. */
export const nameOf = async (spki: Octets): Promise<string> => hex(await sha256(spki));
